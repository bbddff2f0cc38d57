"""Hosts, tenants, sessions, tokens, languages: what happens before and around a view."""

import logging
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from tenancy import hosts, services
from tenancy.context import current_schema, request_id
from tenancy.logs import ScopeFilter
from tenancy.models import ApiToken, SupportGrant
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.tenancy.web_urls")]

ME = "/api/v1/me"


@pytest.fixture(autouse=True)
def public_urls(settings):
    settings.PUBLIC_SCHEMA_URLCONF = "tests.tenancy.web_urls"


def signed_in(tenant, user, **extra):
    client = Client(headers={"host": factories.host_of(tenant)}, **extra)
    with_tenant = client.post("/admin/login/", {"username": user.email, "password": factories.PASSWORD})
    assert with_tenant.status_code == 302, with_tenant.content
    return client


def code(response):
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"].startswith("/problems/")
    assert body["request_id"] == response.headers["X-Request-ID"]
    return body["type"].removeprefix("/problems/")


# ---- hosts ------------------------------------------------------------------------------------------------------


def test_each_host_leads_to_its_schema_and_back(acme, globex, public):
    for tenant, schema in ((acme, "t_acme"), (globex, "t_globex"), (public, "public")):
        response = Client(headers={"host": factories.host_of(tenant)}).get("/where")
        assert response.json() == {"schema": schema, "role": None}
        assert current_schema() == "public"


@pytest.mark.parametrize("port", ["", ":8000"])
def test_a_host_has_any_case_and_port(acme, port):
    assert Client(headers={"host": f"ACME.{settings.BASE_HOST}{port}"}).get("/where").status_code == 200


def test_an_unknown_host_is_a_404_that_tells_nothing(acme, system, now):
    services.suspend_tenant(tenant=acme, reason="r", by=system, now=now)
    services.purge_tenant(tenant=acme, typed_slug="acme", by=system, now=now)
    names = [
        f"acme.{settings.BASE_HOST}",
        f"nobody.{settings.BASE_HOST}",
        "evil.example.com",
        "a b",
        "[::1]",
        "x" * 300,
        "-",
    ]
    bodies = set()
    for name in names:
        for path in (ME, "/admin/", "/", "/no/such/page"):
            response = Client(headers={"host": name, "x-request-id": "same"}).get(path)
            assert (response.status_code, code(response)) == (404, "not_found"), (name, path)
            bodies.add(response.content.replace(path.encode(), b"PATH"))
    assert len({body for body in bodies if b"/api" not in body}) <= 2
    page = Client(headers={"host": "evil.example.com", "accept": "text/html"}).get("/admin/")
    assert page.status_code == 404
    assert b"evil" not in page.content


def test_a_forwarded_host_is_ignored(acme, globex):
    client = Client(headers={"host": factories.host_of(acme), "x-forwarded-host": factories.host_of(globex)})
    assert client.get("/where").json()["schema"] == "t_acme"


def test_a_suspended_tenant_is_a_503_on_every_path(acme, api, users, system, now):
    client = api(acme, users["admin"])
    services.suspend_tenant(tenant=acme, reason="r", by=system, now=now)
    for path in (ME, "/admin/", "/no/such/page"):
        response = client.get(path)
        assert (response.status_code, code(response)) == (503, "tenant_suspended")
        assert int(response.headers["Retry-After"]) > 0
    page = Client(
        headers={"host": factories.host_of(acme), "accept": "text/html", "accept-language": "tr"}
    ).get("/admin/")
    assert page.status_code == 503
    assert b'<html lang="tr">' in page.content
    assert b"<script" not in page.content
    services.resume_tenant(tenant=acme, reason="r", by=system, now=now)
    assert client.get(ME).status_code == 200


def test_a_stream_is_made_inside_its_tenant(acme, globex):
    response = Client(headers={"host": factories.host_of(acme)}).get("/stream")
    assert current_schema() == "public"
    assert response.getvalue() == b"t_acme 0\nt_acme 0\n"
    assert current_schema() == "public"
    assert Client(headers={"host": factories.host_of(globex)}).get("/file").getvalue() == b"t_globex"
    assert current_schema() == "public"


# ---- request ids and logs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2:3_4", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("<x>", False), ("", False)],
)
def test_a_safe_request_id_is_kept_any_other_replaced(acme, given, kept):
    response = Client(headers={"host": factories.host_of(acme), "x-request-id": given}).get("/where")
    assert (response.headers["X-Request-ID"] == given) is kept
    assert len(response.headers["X-Request-ID"]) <= 64
    assert request_id.get() == ""


def test_log_lines_say_where_they_come_from(in_acme):
    record = logging.LogRecord("x", logging.INFO, "", 0, "", (), None)
    token = request_id.set("r-1")
    assert ScopeFilter().filter(record)
    request_id.reset(token)
    assert (record.tenant, record.request_id) == ("acme", "r-1")


# ---- tokens -----------------------------------------------------------------------------------------------------


def test_a_token_opens_its_tenant_and_no_other(acme, globex, public, users):
    secret = factories.token(users["agent"], acme)
    for tenant, expected in ((acme, 200), (globex, 401), (public, 401)):
        client = Client(headers={"host": factories.host_of(tenant), "authorization": f"Bearer {secret}"})
        assert client.get(ME).status_code == expected


def test_me(acme, api, users):
    body = api(acme, users["agent"]).get(ME).json()
    assert body["user"]["email"] == users["agent"].email
    assert (body["tenant"]["slug"], body["role"], body["staff_role"], body["grant"]) == (
        "acme",
        "agent",
        None,
        None,
    )


def test_me_on_the_public_host(public, acme, api, users):
    body = api(public, users["release"]).get(ME).json()
    assert (body["tenant"], body["role"], body["staff_role"]) == (None, None, "release")
    refused = api(public, users["admin"]).get(ME)
    assert (refused.status_code, code(refused)) == (403, "not_staff")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer", "Bearer ", "Bearer x", "Bearer hc_", "Bearer hc_test000000_short",
        "Bearer hc_test000000_" + "y" * 43, "Bearer hc_test000000_" + "x" * 43 + "\0",
        "Bearer hc_\0_" + "x" * 43, "Bearer \xff\xfe", "Bearer " + "x" * 10_000, "Basic YTpi", "",
        "hc_test000000_" + "x" * 43,
    ],
)  # fmt: skip
def test_a_wrong_token_is_a_401(acme, users, header):
    factories.token(users["agent"], acme)
    response = Client(headers={"host": factories.host_of(acme), "authorization": header}).get(ME)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert code(response) == "not_authenticated" or code(response) == "token_refused"


def test_a_token_that_ended_was_revoked_or_is_an_inactive_users_is_a_401(acme, users, api):
    ended = factories.token(users["agent"], acme, expires_at=timezone.now() - timedelta(seconds=1))
    revoked = factories.token(users["agent"], acme, revoked_at=timezone.now())
    left = factories.token(factories.member(acme, "agent", is_active=False), acme)
    for secret in (ended, revoked, left):
        response = Client(headers={"host": factories.host_of(acme), "authorization": f"Bearer {secret}"}).get(
            ME
        )
        assert (response.status_code, code(response)) == (401, "token_refused")


def test_a_read_only_token_reads(acme, users, api):
    client = api(acme, users["admin"], read_only=True)
    assert client.get(ME).json()["read_only"] is True
    assert client.get("/api/v1/writes").status_code == 200
    assert (client.post("/api/v1/writes").status_code, code(client.post("/api/v1/writes"))) == (
        403,
        "not_allowed",
    )
    assert api(acme, users["admin"]).post("/api/v1/writes").status_code == 200


def test_a_token_costs_one_query(acme, users, api, django_assert_max_num_queries):
    client = api(acme, users["agent"])
    client.get(ME)
    with django_assert_max_num_queries(100) as seen:
        client.get(ME)
    asked = [query["sql"] for query in seen if not query["sql"].startswith("SET search_path")]
    assert len(asked) == 1
    assert all(table in asked[0] for table in ("tenancy_apitoken", "tenancy_user", "tenancy_membership"))


def test_staff_need_a_live_grant(acme, users, api):
    client = api(acme, users["support"])
    assert code(client.get(ME)) == "no_grant"
    grant = factories.GrantFactory(user=users["support"], tenant=acme)
    body = client.get(ME).json()
    assert (body["role"], body["read_only"], body["grant"]["ticket"]) == ("agent", True, "OPS-1")
    assert client.post("/api/v1/writes").status_code == 403
    long_ago = timezone.now() - timedelta(hours=2)
    SupportGrant.objects.filter(pk=grant.pk).update(
        opened_at=long_ago, expires_at=long_ago + timedelta(minutes=5)
    )
    ended = client.get(ME)
    assert (ended.status_code, code(ended)) == (403, "grant_expired")


def test_a_removed_member_has_a_token_that_opens_nothing(acme, users, api):
    client = api(acme, users["agent"])
    users["agent"].memberships.all().delete()
    response = client.get(ME)
    assert (response.status_code, code(response)) == (403, "no_membership")


# ---- sessions ---------------------------------------------------------------------------------------------------


def test_a_session_works_on_its_host_and_is_nobody_elsewhere(acme, globex, users):
    factories.MembershipFactory(user=users["admin"], tenant=globex, role="admin")
    client = signed_in(acme, users["admin"])
    assert client.get(ME).json()["role"] == "admin"
    assert client.get("/where").json()["role"] == "admin"
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    other = Client(headers={"host": factories.host_of(globex)})
    other.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert other.get(ME).status_code == 401
    assert other.get("/where").json()["role"] is None


def test_a_session_writes_only_with_csrf(acme, users):
    client = signed_in(acme, users["admin"])
    strict = Client(enforce_csrf_checks=True, headers={"host": factories.host_of(acme)})
    strict.cookies = client.cookies
    refused = strict.post("/api/v1/writes")
    assert (refused.status_code, code(refused)) == (403, "csrf_failed")
    assert client.post("/api/v1/writes").status_code == 200
    page = strict.post("/admin/login/", {"username": "a", "password": "b"}, headers={"accept": "text/html"})
    assert page.status_code == 403
    assert b"<h1>" in page.content


def test_a_session_of_somebody_who_left_is_told_why(acme, users):
    client = signed_in(acme, users["admin"])
    users["admin"].memberships.all().delete()
    response = client.get(ME)
    assert (response.status_code, code(response)) == (403, "no_membership")
    assert client.get("/where").json()["role"] is None


# ---- languages --------------------------------------------------------------------------------------------------


def test_a_script_is_answered_in_the_language_it_asks_for_else_its_users(acme):
    user = factories.member(acme, "agent", language="tr")
    headers = {"host": factories.host_of(acme), "authorization": f"Bearer {factories.token(user, acme)}"}
    assert Client(headers=headers).get(ME).headers["Content-Language"] == "tr"
    assert Client(headers=headers | {"accept-language": "en"}).get(ME).headers["Content-Language"] == "en"


def test_a_browser_is_answered_in_its_users_language(acme):
    user = factories.member(acme, "admin", language="tr")
    client = signed_in(acme, user)
    assert client.get(ME, headers={"accept-language": "en"}).headers["Content-Language"] == "tr"
    assert timezone.get_current_timezone_name() == settings.TIME_ZONE


# ---- the database is away -----------------------------------------------------------------------------------------


def test_a_slow_statement_is_a_503_that_says_try_again(acme):
    client = Client(headers={"host": factories.host_of(acme)})
    for path in ("/slow", "/api/v1/slow"):
        response = client.get(path)
        assert (response.status_code, code(response), response.headers["Retry-After"]) == (503, "busy", "1")


def test_an_absent_database_is_a_503_and_the_next_request_works(acme, api, users, monkeypatch):
    client = api(acme, users["agent"])
    assert client.get(ME).status_code == 200

    def gone(*args, **kwargs):
        with connection.wrap_database_errors:
            raise connection.Database.OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "_cursor", gone)
        patch.setattr(connection, "binary_cursor", gone)
        for forget in (False, True):  # away in the view, and already when the host is looked up
            if forget:
                hosts.clear()
            response = client.get(ME)
            assert (response.status_code, code(response)) == (503, "database_away")
            assert response.headers["Retry-After"] == "5"
    assert client.get(ME).status_code == 200
    assert ApiToken.objects.count() == 1
