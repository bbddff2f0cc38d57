"""Mailed links: who gets one, what it does once, and what it never does."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import translation

from tenancy import services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.deliveries import Audience, Form, Moot, Outgoing, base_url, renderer_of
from tenancy.errors import NotFound
from tenancy.models import Delivery, OperatorEvent, Session, User
from tenancy.services import Purpose
from tests import factories

pytestmark = pytest.mark.django_db

ACCESS = settings.THRESHOLDS.access
NEW = "entirely new horse 7"


@pytest.fixture(autouse=True)
def at_now(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


def browser(tenant):
    return Client(headers={"host": factories.host_of(tenant), "accept": "text/html"})


def ask(tenant, email):
    return browser(tenant).post("/account/password/", {"email": email})


def mail_of(delivery, tenant, user, now):
    audience = Audience(user.language, user.time_zone, user=user)
    outgoing = Outgoing(
        tenant, delivery.message, delivery.subject, delivery.event, audience, base_url(tenant), now
    )
    with entering(tenant), translation.override(user.language):
        (content,) = renderer_of(delivery.message, Form.MAIL)([outgoing])
    return content


def link_in(mail):
    return re.search(r"https?://\S+/account/password/(\S+)/", mail.text)


def reset(tenant, user, now):
    ask(tenant, user.email)
    delivery = Delivery.objects.get(message="user.password_reset", recipient=f"user:{user.pk}")
    return link_in(mail_of(delivery, tenant, user, now))[1]


@pytest.mark.parametrize("language", ["en", "tr"])
def test_a_member_gets_a_link_to_their_own_host_and_sets_a_password(acme, users, now, language):
    user = users["agent"]
    User.objects.filter(pk=user.pk).update(language=language)
    user.refresh_from_db()
    old = factories.signed_in(acme, user)
    user.refresh_from_db()
    ask(acme, user.email.upper())
    delivery = Delivery.objects.get(message="user.password_reset")
    assert delivery.tenant == acme
    mail = mail_of(delivery, acme, user, now)
    found = link_in(mail)
    assert found[0].startswith(base_url(acme))
    assert found[1] in mail.html
    client = browser(acme)
    page = client.get(f"/account/password/{found[1]}/")
    assert page.status_code == 200
    assert f'lang="{language}"' in page.content.decode()
    done = client.post(f"/account/password/{found[1]}/", {"password": NEW, "again": NEW})
    assert done.status_code == 200
    user.refresh_from_db()
    assert user.check_password(NEW)
    assert old.get("/api/v1/me").status_code == 401, "every session ended"
    assert client.get("/api/v1/me", headers={"accept": "*/*"}).status_code == 401, "nobody is signed in by it"
    assert OperatorEvent.objects.filter(verb="user.password_set").count() == 1


def test_the_answer_is_the_same_for_everybody(acme, users):
    inactive = factories.member(acme, "agent", is_active=False)
    pages = {
        re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", ask(acme, email).content.decode())
        for email in (users["agent"].email, "nobody@example.com", inactive.email, users["platform"].email)
    }
    assert len(pages) == 1
    assert Delivery.objects.filter(message="user.password_reset").count() == 1


def test_a_host_that_is_not_theirs_mails_nothing(globex, public, users):
    for tenant in (globex, public):
        ask(tenant, users["agent"].email)
    ask(globex, "a\0@example.com")
    assert not Delivery.objects.filter(message="user.password_reset").exists()
    ask(public, users["support"].email)
    assert Delivery.objects.get(message="user.password_reset").recipient == f"user:{users['support'].pk}"


def test_asking_again_and_again_mails_once(acme, users, at_now, now):
    for _count in range(5):
        ask(acme, users["agent"].email)
    assert Delivery.objects.filter(message="user.password_reset").count() == 1
    at_now.move_to(now + timedelta(minutes=6))
    ask(acme, users["agent"].email)
    assert Delivery.objects.filter(message="user.password_reset").count() == 2


def test_opening_a_link_changes_nothing(acme, users, now):
    link = reset(acme, users["agent"], now)
    before = User.objects.values().get(pk=users["agent"].pk)
    for _count in range(3):
        assert browser(acme).get(f"/account/password/{link}/").status_code == 200
        assert browser(acme).head(f"/account/password/{link}/").status_code == 200
    assert User.objects.values().get(pk=users["agent"].pk) == before
    assert not Session.objects.filter(user=users["agent"]).exists()


def test_a_link_works_once(acme, users, now):
    link = reset(acme, users["agent"], now)
    services.set_password_by_link(link=link, password=NEW, now=now)
    with pytest.raises(NotFound):
        services.set_password_by_link(link=link, password="another horse 77", now=now)
    dead = browser(acme).get(f"/account/password/{link}/")
    assert dead.status_code == 404
    assert "does not work any more" in dead.content.decode()


def test_a_link_ends(acme, users, now):
    link = reset(acme, users["agent"], now)
    services.holder_of(link, now=now + timedelta(minutes=ACCESS.RESET_MINUTES))
    with pytest.raises(NotFound):
        services.holder_of(link, now=now + timedelta(minutes=ACCESS.RESET_MINUTES, seconds=1))


def test_a_link_dies_with_a_sign_in_a_new_address_and_its_owner(acme, users, now):
    user = users["agent"]
    for change in ({"last_login": now}, {"email": "other@example.com"}, {"is_active": False}):
        link = services.make_link(user=User.objects.get(pk=user.pk), purpose=Purpose.RESET, now=now)
        services.holder_of(link, now=now)
        User.objects.filter(pk=user.pk).update(**change)
        with pytest.raises(NotFound):
            services.holder_of(link, now=now)


@pytest.mark.parametrize(
    "link", ["x", "r-", "r1-1-1", "-", "r" + "z" * 30 + "-1-x", "r1-zzzzzzzzzzzz-x", "ü1-1-x", "r1-1-ü"]
)
def test_what_is_no_link_opens_nothing(acme, users, now, link):
    with pytest.raises(NotFound):
        services.holder_of(link, now=now)
    assert browser(acme).get(f"/account/password/{link}/").status_code == 404


def test_a_link_is_of_its_person_and_its_purpose(users, now):
    link = services.make_link(user=users["agent"], purpose=Purpose.RESET, now=now)
    other = services.make_link(user=users["admin"], purpose=Purpose.RESET, now=now)
    swapped = "-".join([other.split("-")[0], *link.split("-")[1:]])
    longer = "i" + link[1:]
    for forged in (swapped, longer):
        with pytest.raises(NotFound):
            services.holder_of(forged, now=now)


def test_links_survive_a_new_secret_key(users, now, settings):
    link = services.make_link(user=users["agent"], purpose=Purpose.RESET, now=now)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one", [settings.SECRET_KEY]
    assert services.holder_of(link, now=now) == users["agent"]
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(NotFound):
        services.holder_of(link, now=now)


def test_a_weak_password_is_refused_and_the_link_still_works(acme, users, now):
    link = reset(acme, users["agent"], now)
    client = browser(acme)
    for form in ({"password": "short", "again": "short"}, {"password": NEW, "again": NEW + "x"}, {}):
        assert client.post(f"/account/password/{link}/", form).status_code == 200
        users["agent"].refresh_from_db()
        assert users["agent"].check_password(factories.PASSWORD)
    services.holder_of(link, now=now)


def test_a_second_factor_is_asked_after_a_reset_too(acme, users, now):
    factories.second_factor(users["agent"])
    link = reset(acme, users["agent"], now)
    client = browser(acme)
    client.post(f"/account/password/{link}/", {"password": NEW, "again": NEW})
    response = client.post("/admin/login/", {"username": users["agent"].email, "password": NEW})
    assert response.url == "/account/code/"


# ---- invitations --------------------------------------------------------------------------------------------------


def invited(now, **fields):
    about = {
        "email": "new@example.com",
        "name": "New",
        "password": None,
        "language": "en",
        "time_zone": "UTC",
        "by": Actor.system("tests"),
        "now": now,
    }
    return services.create_user(**about | fields)


def test_whoever_is_made_without_a_password_is_mailed_the_first_one(acme, public, now):
    user = invited(now)
    assert not user.has_usable_password()
    delivery = Delivery.objects.get(message="user.invited")
    assert (delivery.tenant, delivery.recipient) == (public, f"user:{user.pk}")
    factories.MembershipFactory(user=user, tenant=acme)
    found = link_in(mail_of(delivery, public, user, now))
    assert found[0].startswith(base_url(acme)), "to where they belong by now"
    client = browser(acme)
    assert client.post(f"/account/password/{found[1]}/", {"password": NEW, "again": NEW}).status_code == 200
    assert client.post("/admin/login/", {"username": user.email, "password": NEW}).status_code == 302


def test_an_invitation_lives_longer_than_a_reset(now):
    user = invited(now)
    link = services.make_link(user=user, purpose=Purpose.INVITATION, now=now)
    services.holder_of(link, now=now + timedelta(days=ACCESS.INVITATION_DAYS))
    with pytest.raises(NotFound):
        services.holder_of(link, now=now + timedelta(days=ACCESS.INVITATION_DAYS, seconds=1))


def test_whoever_has_a_password_is_not_invited(public, now):
    user = invited(now, email="other@example.com", password=NEW)
    assert not Delivery.objects.filter(message="user.invited").exists()
    user = invited(now)
    services.set_password(user=user, password=NEW, by=Actor.system("tests"), now=now)
    user.refresh_from_db()
    assert isinstance(mail_of(Delivery.objects.get(message="user.invited"), public, user, now), Moot)
