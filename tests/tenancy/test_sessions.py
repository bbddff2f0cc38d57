"""Sessions: what the table keeps of them, and who ends whose. And the day on which a token was last used."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenancy import services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.errors import NotAllowed, NotFound
from tenancy.journal.models import Event
from tenancy.models import ApiToken, OperatorEvent, Session
from tenancy.sessions import key_digest
from tests import factories

pytestmark = pytest.mark.django_db

ME = "/api/v1/me"


@pytest.fixture(autouse=True)
def at_now(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


def sign_in(tenant, user, **extra):
    client = Client(headers={"host": factories.host_of(tenant)}, **extra)
    body = {"email": user.email, "password": factories.PASSWORD}
    client.post("/_allauth/browser/v1/auth/login", body, content_type="application/json")
    return client


def of(user):
    return Session.objects.get(user=user)


def test_the_table_knows_a_session_by_a_digest_alone(acme, users, settings):
    client = sign_in(acme, users["agent"])
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    row = of(users["agent"])
    assert row.session_key == key_digest(key) != key
    thief = Client(headers={"host": factories.host_of(acme)})
    thief.cookies[settings.SESSION_COOKIE_NAME] = row.session_key
    assert thief.get(ME).status_code == 401, "who reads the table signs in as nobody"
    assert client.get(ME).status_code == 200


def test_a_session_remembers_from_where_and_how(acme, users, now):
    sign_in(acme, users["agent"], REMOTE_ADDR="2001:db8::7", HTTP_USER_AGENT="Browser " + "x" * 300)
    row = of(users["agent"])
    assert (row.address, row.methods, row.created_at, row.seen_at) == ("2001:db8::7", "password", now, now)
    assert row.user_agent.startswith("Browser x")
    assert len(row.user_agent) == 200


def test_when_it_was_last_seen_is_written_every_few_minutes(acme, users, now, at_now, settings):
    seen_every = timedelta(minutes=settings.THRESHOLDS.access.SEEN_EVERY_MINUTES)
    client = sign_in(acme, users["agent"])
    at_now.move_to(now + seen_every - timedelta(seconds=1))
    client.get(ME)
    assert of(users["agent"]).seen_at == now
    later = now + seen_every
    at_now.move_to(later)
    client.get(ME, REMOTE_ADDR="192.0.2.77")
    row = of(users["agent"])
    assert (row.seen_at, row.created_at, row.address) == (later, now, "192.0.2.77")
    with CaptureQueriesContext(connection) as queries:
        client.get(ME)
    assert not [q for q in queries.captured_queries if "UPDATE" in q["sql"]]


def test_an_ended_session_is_over(acme, users, now, at_now):
    client = sign_in(acme, users["agent"])
    at_now.move_to(now + timedelta(hours=12, seconds=1))
    assert client.get(ME).status_code == 401


def test_signing_in_gives_a_new_key(acme, users, settings, now):
    client = Client(headers={"host": factories.host_of(acme)})
    factories.second_factor(users["agent"])
    body = {"email": users["agent"].email, "password": factories.PASSWORD}
    client.post("/_allauth/browser/v1/auth/login", body, content_type="application/json")
    before = client.cookies[settings.SESSION_COOKIE_NAME].value
    secret = services.totp_secret(users["agent"])
    code = services.current_code(secret, now=now)
    client.post("/_allauth/browser/v1/auth/2fa/authenticate", {"code": code}, content_type="application/json")
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != before
    assert Session.objects.count() == 1, "the one that waited is gone"


# ---- ended by hand ------------------------------------------------------------------------------------------------


def test_one_ends_ones_own(acme, users, now):
    client = sign_in(acme, users["customer"])
    by = Actor.member(users["customer"].pk, "customer")
    with entering(acme):
        services.end_session(session=of(users["customer"]), by=by, now=now)
        assert Event.objects.get(verb="session.ended").data == {"count": 1}
    assert client.get(ME).status_code == 401


def test_one_ends_all_ones_others(acme, globex, users, now, settings):
    this, other = sign_in(acme, users["agent"]), sign_in(acme, users["agent"])
    factories.MembershipFactory(user=users["agent"], tenant=globex)
    elsewhere, colleague = sign_in(globex, users["agent"]), sign_in(acme, users["manager"])
    keep = this.cookies[settings.SESSION_COOKIE_NAME].value
    by = Actor.member(users["agent"].pk, "agent")
    with entering(acme):
        ended = services.end_other_sessions(
            user=users["agent"], tenant=acme, keep=key_digest(keep), by=by, now=now
        )
    assert ended == 1
    assert [c.get(ME).status_code for c in (this, other, elsewhere, colleague)] == [200, 401, 200, 200]
    with entering(acme), pytest.raises(NotFound):
        services.end_other_sessions(user=users["manager"], tenant=acme, keep="", by=by, now=now)


def test_an_admin_ends_a_members(acme, users, now):
    client = sign_in(acme, users["agent"])
    with entering(acme):
        services.end_session(session=of(users["agent"]), by=Actor.member(users["admin"].pk, "admin"), now=now)
    assert client.get(ME).status_code == 401


def test_platform_ends_one_of_ours_on_the_public_host(public, users, now):
    client = factories.signed_in(public, users["support"])
    by = Actor.staff(users["platform"].pk, "platform")
    services.end_session(session=of(users["support"]), by=by, now=now)
    assert client.get(ME).status_code == 401
    assert OperatorEvent.objects.filter(verb="session.ended").count() == 1


def test_nobody_else_ends_it(acme, globex, public, users, now):
    sign_in(acme, users["agent"])
    session = of(users["agent"])
    factories.MembershipFactory(user=users["admin"], tenant=globex, role="admin")
    with entering(acme):
        for by in (
            Actor.member(users["manager"].pk, "manager"),
            Actor.member(users["customer"].pk, "customer"),
            Actor.support(users["support"].pk, grant_id=1, writes=True),
        ):
            with pytest.raises(NotAllowed):
                services.end_session(session=session, by=by, now=now)
    with entering(globex), pytest.raises(NotFound):
        services.end_session(session=session, by=Actor.member(users["admin"].pk, "admin"), now=now)
    with pytest.raises(NotFound):
        services.end_session(session=session, by=Actor.staff(users["platform"].pk, "platform"), now=now)
    factories.signed_in(public, users["support"])
    with pytest.raises(NotAllowed):
        services.end_session(
            session=of(users["support"]), by=Actor.staff(users["release"].pk, "release"), now=now
        )
    assert Session.objects.filter(pk=session.pk).exists()


def test_an_ended_one_is_not_ended_again(acme, users, now):
    sign_in(acme, users["agent"])
    session, by = of(users["agent"]), Actor.member(users["agent"].pk, "agent")
    with entering(acme):
        services.end_session(session=session, by=by, now=now)
        with pytest.raises(NotFound):
            services.end_session(session=session, by=by, now=now)


# ---- tokens -------------------------------------------------------------------------------------------------------


def test_a_token_remembers_its_day_with_one_write(acme, users, api, now, at_now):
    client = api(acme, users["agent"])
    ApiToken.objects.update(last_used_on=None)
    for expected in (1, 0, 0):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(ME).status_code == 200
        assert len([q for q in queries.captured_queries if q["sql"].startswith("UPDATE")]) == expected
    assert ApiToken.objects.get().last_used_on == now.date()
    at_now.move_to(now + timedelta(days=1))
    client.get(ME)
    assert ApiToken.objects.get().last_used_on == now.date() + timedelta(days=1)


def test_a_refused_token_is_not_used(acme, globex, users, now):
    secret = factories.token(users["agent"], acme, last_used_on=None)
    elsewhere = Client(headers={"host": factories.host_of(globex), "authorization": f"Bearer {secret}"})
    assert elsewhere.get(ME).status_code == 401
    assert ApiToken.objects.get().last_used_on is None
