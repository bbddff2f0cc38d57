"""Signing in, as a program in a browser does it: who comes in, with what, and who does not."""

from copy import deepcopy
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.test import Client
from django.urls import Resolver404, resolve

from tenancy import services
from tenancy.access import Denied, in_session
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.errors import Conflict, Invalid, NotAllowed, NotFound
from tenancy.journal.models import Event
from tenancy.models import OperatorEvent, Session
from tests import factories

pytestmark = pytest.mark.django_db

API = "/_allauth/browser/v1/"
ME = "/api/v1/me"


@pytest.fixture(autouse=True)
def at_now(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


def browser(tenant, **headers):
    return Client(headers={"host": factories.host_of(tenant), **headers})


def post(client, route, body=None, **more):
    return client.post(f"{API}{route}", body or {}, content_type="application/json", **more)


def sign_in(tenant, user, password=factories.PASSWORD, **headers):
    client = browser(tenant, **headers)
    return client, post(client, "auth/login", {"email": user.email, "password": password})


def code_of(user, now):
    return services.current_code(services.totp_secret(user), now=now)


# ---- a password -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["customer", "agent", "manager", "admin"])
def test_member_signs_in_and_reads_the_api(acme, users, role):
    client, response = sign_in(acme, users[role])
    assert response.status_code == 200
    assert response.json()["data"]["user"] == {
        "id": users[role].pk,
        "display": users[role].name,
        "email": users[role].email,
    }
    assert client.get(ME).status_code == 200
    assert client.delete(f"{API}auth/session").status_code == 401, "allauth's way to say: signed out"
    assert client.get(ME).status_code == 401


def test_wrong_password_and_unknown_email_get_the_same_answer(acme, users):
    wrong = sign_in(acme, users["agent"], "wrong")[1]
    unknown = sign_in(acme, factories.UserFactory.build(email="nobody@example.com"), "wrong")[1]
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.json() == unknown.json()


def test_member_of_another_tenant_does_not_come_in(globex, users):
    assert sign_in(globex, users["admin"])[1].status_code == 400


def test_staff_do_not_come_into_a_tenant_without_a_grant(acme, users):
    assert sign_in(acme, users["platform"])[1].status_code == 400


def test_members_do_not_come_in_on_the_public_host(public, users):
    assert sign_in(public, users["admin"])[1].status_code == 400


def test_an_inactive_user_does_not_come_in(acme, users):
    users["agent"].is_active = False
    users["agent"].save()
    assert sign_in(acme, users["agent"])[1].status_code == 400


def test_a_session_of_one_tenant_opens_nothing_on_another(acme, globex, users):
    factories.MembershipFactory(user=users["agent"], tenant=globex, role="admin")
    client, _response = sign_in(acme, users["agent"])
    other = browser(globex)
    other.cookies = deepcopy(client.cookies)
    assert other.get(ME).status_code == 401
    assert other.get(f"{API}auth/session").status_code == 401
    assert other.get(f"{API}account/authenticators").status_code == 401
    assert client.get(ME).status_code == 200, "and stays what it was at home"


def test_csrf_is_asked_of_whoever_is_signed_in(acme, users):
    strict = Client(enforce_csrf_checks=True, headers={"host": factories.host_of(acme)})
    body = {"email": users["agent"].email, "password": factories.PASSWORD}
    assert post(strict, "auth/login", body).status_code == 403
    token = strict.get(f"{API}config")["X-CSRF-Token"]
    assert post(strict, "auth/login", body, headers={"X-CSRFToken": token}).status_code == 200


def test_nobody_signs_up_and_what_is_not_ours_is_not_there(acme, public):
    for urlconf in (settings.ROOT_URLCONF, settings.PUBLIC_SCHEMA_URLCONF):
        for route in (
            "auth/signup",
            "auth/email/verify",
            "auth/password/request",
            "auth/provider/token",
            "auth/webauthn/login",
            "account/email",
            "account/phone",
            "account/password/change",
            "tokens/refresh",
        ):
            with pytest.raises(Resolver404):
                resolve(f"{API}{route}", urlconf)
        with pytest.raises(Resolver404):
            resolve("/_allauth/app/v1/auth/login", urlconf)
    for tenant in (acme, public):
        assert browser(tenant).get(f"{API}config").json()["data"]["account"]["is_open_for_signup"] is False


@pytest.mark.parametrize(
    "body", ["[]", "nonsense", '{"email": 7}', '{"email": "a\\u0000@b.c", "password": "x"}', "{}"]
)
def test_wrong_input_breaks_nothing(acme, body):
    client = browser(acme)
    assert client.post(f"{API}auth/login", body, content_type="application/json").status_code == 400


# ---- a second factor --------------------------------------------------------------------------------------------


def test_only_a_session_of_one_of_us_needs_a_second_factor():
    staff, support = Actor.staff(1, "platform"), Actor.support(1, grant_id=1, writes=True)
    member = Actor.member(1, "admin")
    for actor in (staff, support):
        assert in_session(actor, second_factor=False) == Denied("mfa_required")
        assert in_session(actor, second_factor=True) == actor
    assert in_session(member, second_factor=False) == member
    assert in_session(Denied("no_grant"), second_factor=False) == Denied("no_grant")


@pytest.mark.parametrize("role", ["support", "release", "platform"])
def test_one_of_us_with_a_password_alone_reaches_nothing(public, users, role):
    client, response = sign_in(public, users[role])
    assert response.status_code == 200, "signed in, to set it up"
    refused = client.get(ME)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/mfa_required")
    page = client.get("/admin/tenancy/tenant/")
    assert page.status_code == 302
    assert client.get(page.url).url.startswith("/account/second-factor/")


def test_a_grant_needs_a_second_factor_too(acme, users, now):
    factories.GrantFactory(user=users["support"], tenant=acme, opened_at=now, writes=True)
    client, _response = sign_in(acme, users["support"])
    refused = client.get("/api/v1/projects")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/mfa_required")
    assert client.get("/admin/tenancy/membership/").status_code == 302
    with_code = factories.signed_in(acme, users["support"])
    assert with_code.get("/api/v1/projects").status_code == 200


def test_a_token_of_one_of_us_is_not_asked(public, users, api):
    assert api(public, users["platform"]).get(ME).status_code == 200


def test_one_of_us_sets_it_up_and_is_in(public, users, now):
    client, _response = sign_in(public, users["platform"])
    offered = client.get(f"{API}account/authenticators/totp")
    assert offered.status_code == 404, "allauth's way to say: none yet"
    secret = offered.json()["meta"]["secret"]
    assert "otpauth://totp/" in offered.json()["meta"]["totp_url"]
    assert post(client, "account/authenticators/totp", {"code": "000000"}).status_code == 400
    assert client.get(ME).status_code == 403
    made = post(client, "account/authenticators/totp", {"code": services.current_code(secret, now=now)})
    assert made.status_code == 200
    assert len(made.json()["meta"]["recovery_codes"]) == 10
    assert client.get(ME).status_code == 200
    row = Authenticator.objects.get(user=users["platform"], type="totp")
    assert secret not in str(row.data), "kept encrypted"
    assert services.totp_secret(users["platform"]) == secret
    assert OperatorEvent.objects.filter(verb="user.second_factor_on").count() == 1


def test_the_secret_that_waits_is_not_readable_in_the_session(public, users):
    client, _response = sign_in(public, users["platform"])
    secret = client.get(f"{API}account/authenticators/totp").json()["meta"]["secret"]
    assert client.get(f"{API}account/authenticators/totp").json()["meta"]["secret"] == secret
    row = Session.objects.get(user=users["platform"])
    assert secret not in str(row.get_decoded())


def test_who_has_one_is_asked_for_a_code_and_then_is_in(acme, users, now):
    factories.second_factor(users["agent"])
    client, response = sign_in(acme, users["agent"])
    assert response.status_code == 401
    assert {
        "id": "mfa_authenticate",
        "is_pending": True,
        "types": ["recovery_codes", "totp"],
    } in response.json()["data"]["flows"]
    assert client.get(ME).status_code == 401, "the password alone opens nothing"
    assert post(client, "auth/2fa/authenticate", {"code": "000000"}).status_code == 400
    done = post(client, "auth/2fa/authenticate", {"code": code_of(users["agent"], now)})
    assert done.status_code == 200
    assert client.get(ME).status_code == 200
    assert Session.objects.get(user=users["agent"]).methods == "password totp"


def test_a_code_opens_once_on_whatever_host(acme, globex, users, now, at_now):
    factories.second_factor(users["agent"])
    factories.MembershipFactory(user=users["agent"], tenant=globex, role="agent")
    code = code_of(users["agent"], now)
    client, _response = sign_in(acme, users["agent"])
    assert post(client, "auth/2fa/authenticate", {"code": code}).status_code == 200
    other, _response = sign_in(globex, users["agent"])
    assert post(other, "auth/2fa/authenticate", {"code": code}).status_code == 400
    later = now + timedelta(seconds=30)
    at_now.move_to(later)
    assert post(other, "auth/2fa/authenticate", {"code": code}).status_code == 400, (
        "still within the tolerance"
    )
    assert post(other, "auth/2fa/authenticate", {"code": code_of(users["agent"], later)}).status_code == 200


def test_a_code_of_long_ago_and_one_to_come_open_nothing(users, now):
    factories.second_factor(users["agent"])
    for away in (-2, 2):
        with pytest.raises(Invalid):
            services.spend_code(
                user=users["agent"], code=code_of(users["agent"], now + timedelta(seconds=30 * away)), now=now
            )
    services.spend_code(
        user=users["agent"], code=code_of(users["agent"], now + timedelta(seconds=30)), now=now
    )


def test_the_code_that_enrolled_does_not_sign_in(acme, users, now):
    client, _response = sign_in(acme, users["agent"])
    secret = client.get(f"{API}account/authenticators/totp").json()["meta"]["secret"]
    code = services.current_code(secret, now=now)
    assert post(client, "account/authenticators/totp", {"code": code}).status_code == 200
    other, response = sign_in(acme, users["agent"])
    assert response.status_code == 401, "a member who switched it on is asked too"
    assert post(other, "auth/2fa/authenticate", {"code": code}).status_code == 400


def test_a_recovery_code_opens_once(acme, users, now):
    factories.second_factor(users["agent"])
    own = Actor.member(users["agent"].pk, "agent")
    codes = services.renew_recovery_codes(user=users["agent"], by=own, now=now)
    for expected in (200, 400):
        client, _response = sign_in(acme, users["agent"])
        assert post(client, "auth/2fa/authenticate", {"code": codes[0]}).status_code == expected
    assert services.recovery_codes_left(users["agent"]) == 9
    assert OperatorEvent.objects.get(verb="user.recovery_code_used").data == {"left": 9}


def test_new_recovery_codes_are_shown_in_the_answer_alone(acme, users, now):
    factories.second_factor(users["agent"])
    client = factories.signed_in(acme, users["agent"])
    shown = post(client, "account/authenticators/recovery-codes").json()["data"]
    assert len(shown["unused_codes"]) == 10
    assert "unused_codes" not in client.get(f"{API}account/authenticators/recovery-codes").json()["data"]


def test_switching_it_on_ends_the_other_sessions(acme, users, now):
    other, _response = sign_in(acme, users["agent"])
    client, _response = sign_in(acme, users["agent"])
    secret = client.get(f"{API}account/authenticators/totp").json()["meta"]["secret"]
    post(client, "account/authenticators/totp", {"code": services.current_code(secret, now=now)})
    assert client.get(ME).status_code == 200
    assert other.get(ME).status_code == 401


def test_a_session_without_a_code_changes_nothing_once_there_is_a_factor(public, users, now):
    """Two browsers wait to set it up; one does."""
    late = factories.signed_in(public, users["platform"], second_factor=False)
    factories.second_factor(users["platform"])
    late = factories.signed_in(public, users["platform"], second_factor=False)
    assert late.get(f"{API}account/authenticators/totp").status_code == 401
    assert post(late, "account/authenticators/recovery-codes").status_code == 401
    assert late.delete(f"{API}account/authenticators/totp").status_code == 401
    password = post(late, "auth/reauthenticate", {"password": factories.PASSWORD})
    assert password.status_code == 200
    assert post(late, "account/authenticators/recovery-codes").status_code == 401, "a password is not enough"
    assert late.get(ME).status_code == 403
    assert post(late, "auth/2fa/reauthenticate", {"code": code_of(users["platform"], now)}).status_code == 200
    assert late.get(ME).status_code == 200


def test_changing_it_needs_a_password_or_a_code_of_the_last_minutes(acme, users, at_now, now):
    client, _response = sign_in(acme, users["agent"])
    at_now.move_to(now + timedelta(minutes=20))
    assert client.get(f"{API}account/authenticators/totp").status_code == 401
    assert post(client, "auth/reauthenticate", {"password": "wrong"}).status_code == 400
    assert post(client, "auth/reauthenticate", {"password": factories.PASSWORD}).status_code == 200
    assert client.get(f"{API}account/authenticators/totp").status_code == 404


def test_a_member_switches_it_off_and_none_of_us_can(acme, public, users):
    factories.second_factor(users["agent"])
    member = factories.signed_in(acme, users["agent"])
    assert member.delete(f"{API}account/authenticators/totp").status_code == 200
    assert not Authenticator.objects.filter(user=users["agent"]).exists()
    factories.second_factor(users["release"])
    refused = factories.signed_in(public, users["release"]).delete(f"{API}account/authenticators/totp")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/mfa_required")
    assert Authenticator.objects.filter(user=users["release"]).count() == 2


def test_whose_grant_ended_changes_nothing_here(acme, users, now, at_now):
    factories.GrantFactory(user=users["support"], tenant=acme, opened_at=now)
    client = factories.signed_in(acme, users["support"])
    at_now.move_to(now + timedelta(minutes=31))
    refused = client.get(f"{API}account/authenticators")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/grant_expired")


def test_nobody_sets_up_anothers(users, now):
    with pytest.raises(NotAllowed):
        services.enrol_second_factor(
            user=users["agent"],
            secret="A" * 32,
            code="1",
            by=Actor.member(users["admin"].pk, "admin"),
            now=now,
        )
    for verb in (services.renew_recovery_codes, services.remove_second_factor):
        with pytest.raises(NotAllowed):
            verb(user=users["agent"], by=Actor.member(users["admin"].pk, "admin"), now=now)


# ---- a lost second factor -----------------------------------------------------------------------------------------


def test_an_admin_resets_a_members(acme, users, now):
    factories.second_factor(users["agent"])
    client = factories.signed_in(acme, users["agent"])
    by = Actor.member(users["admin"].pk, "admin")
    with entering(acme):
        services.reset_second_factor(user=users["agent"], reason="telephone lost", by=by, now=now)
        assert Event.objects.get(verb="user.second_factor_reset").data == {"reason": "telephone lost"}
        with pytest.raises(Conflict):
            services.reset_second_factor(user=users["agent"], reason="again", by=by, now=now)
    assert OperatorEvent.objects.filter(verb="user.second_factor_reset").count() == 1
    assert client.get(ME).status_code == 401
    assert sign_in(acme, users["agent"])[1].status_code == 200, "by password alone"


def test_platform_resets_one_of_ours(users, now):
    factories.second_factor(users["support"])
    by = Actor.staff(users["platform"].pk, "platform")
    services.reset_second_factor(user=users["support"], reason="telephone lost", by=by, now=now)
    assert not services.has_totp(users["support"])


def test_nobody_else_resets(acme, globex, users, now):
    for user in ("agent", "platform", "admin"):
        factories.second_factor(users[user])
    member = users["agent"]
    with entering(acme):
        manager = Actor.member(users["manager"].pk, "manager")
        for by in (manager, Actor.support(users["support"].pk, grant_id=1, writes=True)):
            with pytest.raises(NotAllowed):
                services.reset_second_factor(user=member, reason="x", by=by, now=now)
        admin = Actor.member(users["admin"].pk, "admin")
        with pytest.raises(NotFound):
            services.reset_second_factor(user=users["platform"], reason="x", by=admin, now=now)
        with pytest.raises(NotAllowed):
            services.reset_second_factor(user=users["admin"], reason="x", by=admin, now=now)
        with pytest.raises(Invalid):
            services.reset_second_factor(user=member, reason=" ", by=admin, now=now)
    with entering(globex), pytest.raises(NotFound):
        services.reset_second_factor(user=member, reason="x", by=Actor.member(999, "admin"), now=now)
    with pytest.raises(NotAllowed):
        support = Actor.staff(users["support"].pk, "support")
        services.reset_second_factor(user=member, reason="x", by=support, now=now)
    assert services.has_totp(member)


def test_secrets_follow_new_keys(users, now, settings):
    from cryptography.fernet import Fernet

    factories.second_factor(users["agent"])
    secret = services.totp_secret(users["agent"])
    old = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *old]
    assert services.reseal_second_factors() == (2, [])
    assert services.reseal_second_factors() == (0, []), "what is so already stays as it is"
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    assert services.totp_secret(users["agent"]) == secret
    settings.CREDENTIAL_KEYS = old
    assert services.reseal_second_factors() == (0, [users["agent"].pk] * 2)
