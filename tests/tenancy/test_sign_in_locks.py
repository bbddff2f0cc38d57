"""Too many wrong passwords and codes: who has to wait, who does not, and what is said."""

from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessAttempt
from django.conf import settings
from django.test import Client, RequestFactory

from tenancy import services
from tenancy.actors import Actor
from tenancy.errors import Conflict, NotAllowed
from tenancy.models import OperatorEvent
from tenancy.web.clients import address_of
from tests import factories

pytestmark = pytest.mark.django_db

LOGIN = "/_allauth/browser/v1/auth/login"
CODE = "/_allauth/browser/v1/auth/2fa/authenticate"
LIMIT = settings.THRESHOLDS.access.LOGIN_FAILURES
ADDRESS_LIMIT = settings.THRESHOLDS.access.LOGIN_FAILURES_PER_ADDRESS
COOL_OFF = timedelta(minutes=settings.THRESHOLDS.access.LOGIN_COOL_OFF_MINUTES)


@pytest.fixture(autouse=True)
def at_now(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


def attempt(tenant, email, password="wrong", address="192.0.2.1"):
    client = Client(headers={"host": factories.host_of(tenant)}, REMOTE_ADDR=address)
    return client.post(LOGIN, {"email": email, "password": password}, content_type="application/json")


def page(tenant, email, password="wrong", address="192.0.2.1", **headers):
    client = Client(
        headers={"host": factories.host_of(tenant), "accept": "text/html", **headers}, REMOTE_ADDR=address
    )
    return client.post("/admin/login/", {"username": email, "password": password})


def lock(tenant, email, **more):
    return [attempt(tenant, email, **more).status_code for _count in range(LIMIT)]


def test_the_last_wrong_password_locks_and_the_right_one_waits(acme, users, at_now, now):
    email = users["agent"].email
    assert lock(acme, email) == [400] * (LIMIT - 1) + [429]
    refused = attempt(acme, email, factories.PASSWORD)
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/login_locked")
    assert refused["Content-Type"] == "application/problem+json"
    assert refused["Retry-After"] == str(int(COOL_OFF.total_seconds()))
    at_now.move_to(now + COOL_OFF - timedelta(seconds=1))
    assert attempt(acme, email, factories.PASSWORD).status_code == 429
    at_now.move_to(now + COOL_OFF + timedelta(seconds=1))
    assert attempt(acme, email, factories.PASSWORD).status_code == 200


def test_the_console_shows_a_kind_page(acme, users):
    lock(acme, users["agent"].email)
    refused = page(acme, users["agent"].email, factories.PASSWORD)
    assert refused.status_code == 429
    assert refused["Retry-After"] == str(int(COOL_OFF.total_seconds()))
    assert "Too many wrong tries" in refused.content.decode()
    turkish = page(acme, users["agent"].email, **{"accept-language": "tr"})
    assert turkish.status_code == 429


def test_page_and_program_are_counted_together(acme, users):
    email = users["agent"].email
    assert [page(acme, email).status_code for _count in range(LIMIT - 1)] == [200] * (LIMIT - 1)
    assert attempt(acme, email.upper()).status_code == 429, "in whatever letters"


def test_an_email_that_nobody_has_is_locked_alike(acme, users):
    assert lock(acme, users["agent"].email) == lock(acme, "nobody@example.com")
    known, unknown = attempt(acme, users["agent"].email), attempt(acme, "nobody@example.com")
    said = [{key: value for key, value in a.json().items() if key != "request_id"} for a in (known, unknown)]
    assert said[0] == said[1]


def test_others_at_the_address_and_the_same_elsewhere_are_not_locked(acme, users):
    lock(acme, users["agent"].email)
    assert attempt(acme, users["manager"].email, factories.PASSWORD).status_code == 200
    assert attempt(acme, users["agent"].email, factories.PASSWORD, address="192.0.2.9").status_code == 200


def test_an_address_that_tries_many_names_is_locked(acme, users):
    for number in range(ADDRESS_LIMIT // LIMIT * LIMIT):
        attempt(acme, f"guess{number}@example.com")
    assert attempt(acme, users["agent"].email, factories.PASSWORD).status_code == 429
    assert attempt(acme, users["agent"].email, factories.PASSWORD, address="192.0.2.9").status_code == 200


def test_one_right_password_does_not_wash_an_address(acme, users):
    for number in range(ADDRESS_LIMIT - LIMIT):
        attempt(acme, f"guess{number}@example.com")
    assert attempt(acme, users["agent"].email, factories.PASSWORD).status_code == 200
    for number in range(LIMIT):
        attempt(acme, f"more{number}@example.com")
    assert attempt(acme, users["agent"].email, factories.PASSWORD).status_code == 429


def test_a_right_password_forgets_what_was_wrong_before(acme, users):
    email = users["agent"].email
    for _round in range(2):
        for _count in range(LIMIT - 1):
            assert attempt(acme, email).status_code == 400
        assert attempt(acme, email, factories.PASSWORD).status_code == 200
    assert not AccessAttempt.objects.filter(username=email).exists()


def test_no_password_and_no_code_is_kept(acme, users):
    page(acme, users["agent"].email, "my secret attempt")
    kept = AccessAttempt.objects.get()
    assert "my secret attempt" not in f"{kept.post_data}{kept.get_data}"


def test_wrong_codes_are_counted_wherever_they_come_from(acme, users, now):
    secret = factories.second_factor(users["agent"])
    statuses = []
    for number in range(LIMIT):
        client = Client(headers={"host": factories.host_of(acme)}, REMOTE_ADDR=f"192.0.2.{number}")
        body = {"email": users["agent"].email, "password": factories.PASSWORD}
        assert client.post(LOGIN, body, content_type="application/json").status_code == 401
        statuses.append(client.post(CODE, {"code": "000000"}, content_type="application/json").status_code)
    assert statuses == [400] * (LIMIT - 1) + [429]
    right = {"code": services.current_code(secret, now=now)}
    refused = client.post(CODE, right, content_type="application/json")
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/login_locked")


def test_wrong_codes_while_setting_up_are_counted(public, users):
    client = factories.signed_in(public, users["platform"], second_factor=False)
    url = "/_allauth/browser/v1/account/authenticators/totp"
    statuses = [
        client.post(url, {"code": "000000"}, content_type="application/json").status_code
        for _count in range(LIMIT + 1)
    ]
    assert statuses == [400] * (LIMIT - 1) + [429] * 2


def test_platform_staff_lift_a_lock(acme, users, now):
    email = users["agent"].email
    lock(acme, email)
    by = Actor.staff(users["platform"].pk, "platform")
    services.unlock(email=email.upper(), by=by, now=now)
    assert attempt(acme, email, factories.PASSWORD).status_code == 200
    assert OperatorEvent.objects.get(verb="user.unlocked").subject == f"user:{users['agent'].pk}"
    with pytest.raises(Conflict):
        services.unlock(email=email, by=by, now=now)


def test_nobody_else_lifts_a_lock(acme, users, now):
    lock(acme, users["agent"].email)
    for by in (Actor.staff(users["support"].pk, "support"), Actor.member(users["admin"].pk, "admin")):
        with pytest.raises(NotAllowed):
            services.unlock(email=users["agent"].email, by=by, now=now)


def test_whoever_is_forgotten_is_forgotten_here_too(acme, users, now):
    attempt(acme, users["agent"].email)
    factories.second_factor(users["agent"])
    services.anonymise_user(user=users["agent"], by=Actor.system("tests"), now=now)
    assert not AccessAttempt.objects.exists()
    assert not services.has_totp(users["agent"])


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "10.9.9.9, 203.0.113.9", "203.0.113.9"),
        (2, "10.9.9.9, 203.0.113.9, 198.51.100.1", "203.0.113.9"),
        (1, "", "192.0.2.1"),
        (1, "nonsense", None),
    ],
)
def test_the_address_is_the_one_that_our_own_proxies_heard(settings, proxies, forwarded, found):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert address_of(request) == found
