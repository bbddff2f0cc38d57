"""The doors of the consoles: pages of signing in, sessions, tokens; cookies and what browsers are told."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from tenancy import services
from tenancy.admin.sessions import browser_of
from tenancy.models import ApiToken, Session
from tests import factories

pytestmark = pytest.mark.django_db

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"

HOME = {"next": "/admin/"}
SESSIONS = "/admin/tenancy/session/"
TOKENS = "/admin/tenancy/apitoken/"


def anonymous(tenant, **headers):
    return Client(headers={"host": factories.host_of(tenant), "accept": "text/html", **headers})


def sign_in(tenant, user, **headers):
    client = anonymous(tenant, **headers)
    form = {"username": user.email, "password": factories.PASSWORD, "next": "/admin/tenancy/session/"}
    return client, client.post("/admin/login/", form)


def secret_on(page):
    return re.search(r'<code class="hc-secret">(\w+)</code>', page.content.decode())[1]


# ---- a second factor ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "tr"])
def test_one_of_us_signs_in_sets_it_up_and_goes_where_they_wanted(public, users, now, language):
    users["platform"].language = language
    users["platform"].save()
    client, response = sign_in(public, users["platform"])
    refused = client.get(response.url)
    assert refused.url == f"/admin/login/?{urlencode({'next': SESSIONS}, safe='/')}"
    onward = client.get(refused.url)
    assert onward.url == f"/account/second-factor/?{urlencode({'next': SESSIONS})}"
    page = client.get(onward.url)
    assert page.status_code == 200
    assert f'lang="{language}"' in page.content.decode()
    assert "<svg" in page.content.decode()
    secret = secret_on(page)
    assert secret_on(client.get(onward.url)) == secret, "a reload does not change it"
    wrong = client.post(onward.url, {"code": "000000", "next": SESSIONS})
    assert wrong.status_code == 200
    assert wrong.context["form"].errors["code"]
    codes = client.post(onward.url, {"code": services.current_code(secret, now=now), "next": SESSIONS})
    assert len(codes.context["codes"]) == 10
    assert codes.context["next"] == SESSIONS
    assert "no-store" in codes["Cache-Control"]
    assert client.get(SESSIONS).status_code == 200
    shown = client.get("/account/second-factor/").content.decode()
    assert not any(code in shown for code in codes.context["codes"])
    assert secret not in shown


def test_under_a_grant_one_of_us_is_asked_too(acme, users, now, grant):
    grant()
    secret = factories.second_factor(users["support"])
    client, response = sign_in(acme, users["support"])
    assert response.url == "/account/code/"
    assert client.get("/admin/").status_code == 302
    wrong = client.post("/account/code/", {"code": "123456"})
    assert wrong.status_code == 200
    response = client.post("/account/code/", {"code": services.current_code(secret, now=now)})
    assert response.url == SESSIONS
    assert client.get("/admin/").status_code == 200


def test_a_session_that_was_there_before_gives_a_code(public, users, now):
    client = factories.signed_in(public, users["platform"], second_factor=False)
    secret = factories.second_factor(users["platform"])
    client = factories.signed_in(public, users["platform"], second_factor=False)
    onward = client.get("/admin/login/?next=/admin/").url
    asked = client.get(onward).url
    assert asked.startswith("/account/code/?")
    for url in ("/account/second-factor/codes/", "/account/second-factor/off/"):
        assert client.post(url).url.startswith("/account/code/?")
    response = client.post("/account/code/", {"code": services.current_code(secret, now=now), **HOME})
    assert response.url == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_the_page_for_a_code_leads_nowhere_by_itself(acme, users, now):
    assert anonymous(acme).get("/account/code/").url.startswith("/admin/login/")
    assert anonymous(acme).post("/account/code/", {"code": "1"}).url.startswith("/admin/login/")
    member = factories.signed_in(acme, users["agent"], second_factor=False)
    assert member.get("/account/code/").url.startswith("/account/second-factor/")


def test_a_sign_in_that_waited_too_long_begins_again(acme, users, now, at_now):
    secret = factories.second_factor(users["agent"])
    client, _response = sign_in(acme, users["agent"])
    later = now + timedelta(minutes=16)
    at_now.move_to(later)
    response = client.post("/account/code/", {"code": services.current_code(secret, now=later)})
    assert response.url.startswith("/admin/login/")


def test_next_leads_nowhere_else(acme, users, now):
    secret = factories.second_factor(users["agent"])
    client = anonymous(acme)
    form = {"username": users["agent"].email, "password": factories.PASSWORD, "next": "https://evil.example/"}
    client.post("/admin/login/", form)
    code = services.current_code(secret, now=now)
    response = client.post(
        "/account/code/?next=//evil.example/", {"code": code, "next": "http://globex.localhost/"}
    )
    assert response.url == "/admin/"


def test_a_member_switches_it_on_and_off(acme, users, now, at_now):
    client, _response = sign_in(acme, users["agent"])
    secret = secret_on(client.get("/account/second-factor/"))
    client.post("/account/second-factor/", {"code": services.current_code(secret, now=now)})
    assert services.has_totp(users["agent"])
    assert sign_in(acme, users["agent"])[1].url == "/account/code/"
    renewed = client.post("/account/second-factor/codes/")
    assert len(renewed.context["codes"]) == 10
    assert client.get("/account/second-factor/off/").status_code == 200
    assert services.has_totp(users["agent"]), "a GET asks"
    assert client.post("/account/second-factor/off/").status_code == 302
    assert not services.has_totp(users["agent"])


def test_none_of_us_switches_it_off(public, users):
    factories.second_factor(users["release"])
    client = factories.signed_in(public, users["release"])
    assert "/account/second-factor/off/" not in client.get("/account/second-factor/").content.decode()
    assert client.post("/account/second-factor/off/").status_code == 403
    assert services.has_totp(users["release"])


def test_what_opens_the_door_is_changed_after_a_password_of_the_last_minutes(acme, users, now, at_now):
    client, _response = sign_in(acme, users["agent"])
    at_now.move_to(now + timedelta(minutes=20))
    asked = client.get("/account/second-factor/").url
    assert asked.startswith("/account/confirm/?")
    assert client.post(asked, {"password": "wrong"}).status_code == 200
    response = client.post(asked, {"password": factories.PASSWORD})
    assert response.url == "/account/second-factor/"
    assert client.get(response.url).status_code == 200


def test_those_without_access_are_told_so(globex, users):
    assert factories.signed_in(globex, users["agent"]).get("/account/second-factor/").status_code == 403
    assert anonymous(globex).get("/account/second-factor/").url.startswith("/admin/login/")


def test_one_who_may_not_get_in_can_get_out(public, users):
    client = factories.signed_in(public, users["platform"], second_factor=False)
    assert client.get("/account/sign-out/").status_code == 405
    assert client.post("/account/sign-out/").url == "/admin/login/"
    assert not Session.objects.filter(user=users["platform"]).exists()


# ---- sessions -----------------------------------------------------------------------------------------------------


def test_everybody_sees_their_own_with_this_one_marked(acme, users, browser):
    client, _other = browser(acme, users["agent"]), browser(acme, users["agent"])
    browser(acme, users["manager"])
    page = client.get(SESSIONS)
    assert {row.user_id for row in page.context["cl"].result_list} == {users["agent"].pk}
    assert [row.is_this for row in page.context["cl"].result_list].count(True) == 1
    html = page.content.decode()
    assert client.cookies[settings.SESSION_COOKIE_NAME].value not in html


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140 · Linux"),
        (f"{WINDOWS} Chrome/138.0.0.0 Safari/537.36", "Chrome 138 · Windows"),
        (f"{WINDOWS} Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0", "Edge 138 · Windows"),
        (f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1", "Safari 18 · iOS"),
        (f"{IPHONE} CriOS/138.0.7204.119 Mobile/15E148 Safari/604.1", "Chrome 138 · iOS"),
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/138.0.0.0", "Chrome 138 · Android"),
        ("curl/8.14.1", "curl/8.14.1"),
        ("", ""),
    ],
)
def test_browsers_are_called_what_people_call_them(said, short):
    assert browser_of(said) == short


def test_one_ends_one_and_all_others(acme, users, browser):
    client, other, third = (browser(acme, users["agent"]) for _count in range(3))
    row = next(r for r in client.get(SESSIONS).context["cl"].result_list if not r.is_this)
    assert client.post(f"{SESSIONS}{row.pk}/do/end/").status_code == 302
    assert sorted(each.get(SESSIONS).status_code for each in (client, other, third)) == [200, 200, 302]
    assert client.post(f"{SESSIONS}do/end-others/").status_code == 302
    assert sorted(each.get(SESSIONS).status_code for each in (client, other, third)) == [200, 302, 302]


def test_an_admin_sees_and_ends_the_members(acme, globex, users, browser):
    agent = browser(acme, users["agent"])
    factories.MembershipFactory(user=users["agent"], tenant=globex)
    browser(globex, users["agent"])
    admin = browser(acme, users["admin"])
    seen = admin.get(SESSIONS).context["cl"].result_list
    assert {row.user_id for row in seen} == {users["agent"].pk, users["admin"].pk}
    assert len(seen) == 2, "this tenant's only"
    row = next(r for r in seen if r.user_id == users["agent"].pk)
    assert admin.post(f"{SESSIONS}{row.pk}/do/end/").status_code == 302
    assert agent.get(SESSIONS).status_code == 302


def test_a_colleagues_session_is_not_there(acme, users, browser):
    client = browser(acme, users["agent"])
    browser(acme, users["manager"])
    row = Session.objects.get(user=users["manager"])
    assert client.post(f"{SESSIONS}{row.pk}/do/end/").status_code == 404
    assert client.get(f"{SESSIONS}{row.pk}/change/").status_code == 404
    assert Session.objects.filter(pk=row.pk).exists()


def test_platform_sees_ours_and_the_others_their_own(public, users, browser):
    browser(public, users["support"])
    seen = browser(public, users["platform"]).get(SESSIONS).context["cl"].result_list
    assert {row.user_id for row in seen} == {users["support"].pk, users["platform"].pk}
    seen = browser(public, users["release"]).get(SESSIONS).context["cl"].result_list
    assert {row.user_id for row in seen} == {users["release"].pk}


# ---- tokens -------------------------------------------------------------------------------------------------------


def issue(client, **fields):
    form = {"name": "nightly", "days": "30"} | fields
    return client.post(f"{TOKENS}do/issue/", form)


def test_an_admin_issues_a_token_that_is_shown_once(acme, users, browser):
    admin = browser(acme, users["admin"])
    page = issue(admin, user=users["agent"].pk, read_only="on")
    secret = re.search(r"hc_[0-9a-f]+_[\w-]+", page.content.decode())[0]
    assert "no-store" in page["Cache-Control"]
    assert secret not in admin.get(TOKENS).content.decode()
    token = ApiToken.objects.get()
    assert secret not in admin.get(f"{TOKENS}{token.pk}/change/").content.decode()
    assert (token.user, token.read_only, token.tenant) == (users["agent"], True, acme)
    script = Client(headers={"host": factories.host_of(acme), "authorization": f"Bearer {secret}"})
    assert script.get("/api/v1/me").status_code == 200
    assert admin.post(f"{TOKENS}{token.pk}/do/revoke/").status_code == 302
    assert script.get("/api/v1/me").status_code == 401


def test_a_token_lives_no_longer_than_it_may(acme, users, browser):
    client = browser(acme, users["admin"])
    longest = settings.THRESHOLDS.access.TOKEN_MAX_DAYS
    for days in ("0", str(longest + 1), "-1", "x", ""):
        assert issue(client, user=users["agent"].pk, days=days).context["form"].errors["days"]
    assert not ApiToken.objects.exists()


def test_nobody_issues_for_somebody_who_is_no_member(acme, globex, users, browser):
    stranger = factories.member(globex, "agent")
    for user in (stranger, users["support"]):
        assert issue(browser(acme, users["admin"]), user=user.pk).context["form"].errors["user"]
    assert issue(browser(acme, users["manager"]), user=users["agent"].pk).status_code == 403


def test_a_member_sees_and_revokes_their_own_alone(acme, users, browser):
    factories.token(users["agent"], acme)
    factories.token(users["manager"], acme)
    client = browser(acme, users["agent"])
    (mine,) = client.get(TOKENS).context["cl"].result_list
    assert mine.user_id == users["agent"].pk
    theirs = ApiToken.objects.get(user=users["manager"])
    assert client.post(f"{TOKENS}{theirs.pk}/do/revoke/").status_code == 404
    assert client.post(f"{TOKENS}{mine.pk}/do/revoke/").status_code == 302
    assert ApiToken.objects.get(pk=mine.pk).revoked_at


def test_platform_issues_for_ours_and_sees_no_members(acme, public, users, browser):
    factories.token(users["agent"], acme)
    client = browser(public, users["platform"])
    assert list(client.get(TOKENS).context["cl"].result_list) == []
    assert issue(client, user=users["release"].pk).status_code == 200
    assert issue(client, user=users["support"].pk, tenant=acme.pk, name="probe").status_code == 200
    seen = client.get(TOKENS).context["cl"].result_list
    assert {(row.user_id, row.tenant_id) for row in seen} == {
        (users["release"].pk, public.pk),
        (users["support"].pk, acme.pk),
    }
    assert issue(client, user=users["agent"].pk).context["form"].errors["user"]
    assert len(browser(public, users["release"]).get(TOKENS).context["cl"].result_list) == 1


# ---- cookies and headers ------------------------------------------------------------------------------------------


def test_cookies_are_this_hosts_alone(acme, users):
    client, _response = sign_in(acme, users["agent"])
    assert set(client.cookies) <= {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME}
    for cookie in client.cookies.values():
        assert cookie["domain"] == ""
        assert cookie["path"] == "/"
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


def test_with_https_cookies_are_secure_and_bound_to_the_host_by_name():
    names = (
        "SESSION_COOKIE_NAME CSRF_COOKIE_NAME SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SESSION_COOKIE_DOMAIN"
    )
    code = f"from project import settings; print(*[getattr(settings, n, None) for n in {names.split()!r}])"
    env = {**os.environ, "BASE_URL": "https://hypercare.example"}
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["__Host-sessionid", "__Host-csrftoken", "True", "True", "None"]


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/account/password/", "/admin/", "/nowhere/", "/", "/api/v1/me"]
)
def test_every_answer_tells_browsers_what_they_may_do(acme, public, path):
    for tenant in (acme, public):
        response = anonymous(tenant).get(path)
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Referrer-Policy"] == "same-origin"
        assert response["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response["X-Frame-Options"] == "DENY"
        assert "camera=()" in response["Permissions-Policy"]
        policy = response["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        script = re.search(r"script-src ([^;]*)", policy)
        assert "unsafe-inline" not in (script[1] if script else "")


def test_only_unfolds_pages_may_evaluate_and_the_api_loads_nothing(acme, api, users):
    strict = ("/account/password/", "/account/password/nobody-gave-this/", "/account/code/", "/nowhere/")
    assert "'unsafe-eval'" in anonymous(acme).get("/admin/login/")["Content-Security-Policy"]
    for path in strict:
        assert "unsafe" not in anonymous(acme).get(path)["Content-Security-Policy"], path
    answers = (
        api(acme, users["agent"]).get("/api/v1/me"),
        anonymous(acme, accept="*/*").get("/_allauth/browser/v1/config"),
    )
    for answer in answers:
        policy = answer["Content-Security-Policy"].split("; ")
        assert set(policy) == {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"}


def test_pages_under_the_strict_policy_ask_for_nothing_that_it_blocks(acme, users, browser):
    client = browser(acme, users["admin"])
    pages = [client.get("/account/second-factor/"), client.get("/account/second-factor/off/")]
    pages += [
        anonymous(acme).get("/account/password/"),
        anonymous(acme).get("/account/password/no-such-link/"),
    ]
    for page in pages:
        html = page.content.decode()
        assert not re.search(r"<style|\sstyle=|\sx-[a-z]+|\s@[a-z]+=", html), page.request["PATH_INFO"]


def test_their_colours_are_the_consoles(acme):
    palette = Path(str(finders.find("account/palette.css"))).read_text()
    colours = anonymous(acme).get("/admin/login/").context["colors"]
    wanted = {(f"{name}-{weight}", value) for name, its in colours.items() for weight, value in its.items()}
    assert set(re.findall(r"--color-([\w-]+): ([^;]+);", palette)) == wanted


def test_the_pages_have_no_inline_script(acme, public, users, browser):
    clients = (browser(acme, users["admin"]), browser(public, users["platform"]))
    for client in clients:
        for path in ("/admin/", SESSIONS, TOKENS, f"{TOKENS}do/issue/", "/account/second-factor/"):
            html = client.get(path).content.decode()
            inline = [tag for tag in re.findall(r"<script[^>]*>", html) if "src=" not in tag]
            assert all("application/json" in tag for tag in inline), path
            assert not re.search(r"\son(click|change|load|submit)=", html), path
