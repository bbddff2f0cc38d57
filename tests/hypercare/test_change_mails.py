"""The mails about a change request: to those who vote and those who asked, in their language."""

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from django.utils import timezone, translation

from hypercare import services
from hypercare.models import ChangeRequest, Project, ProjectMember
from hypercare.services import CHANGE_MAILS
from tenancy.actors import Actor
from tenancy.deliveries import Audience, Form, Mail, Moot, Outgoing, base_url, renderer_of
from tenancy.journal.models import Event
from tenancy.models import Delivery, Endpoint, Tenant, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_acme")]
Draft = Callable[..., ChangeRequest]


def person(seat: Actor) -> User:
    user: User = User.objects.get(pk=seat.user_id or 0)
    return user


@pytest.fixture
def seat(board: Callable[..., dict[str, Actor]]) -> Actor:
    return board("manager")["manager"]


@pytest.fixture
def voter(seat: Actor) -> User:
    return person(seat)


@pytest.fixture
def submitted(draft: Draft, seat: Actor) -> ChangeRequest:
    return draft(
        submitted=True,
        severity="P2",
        title="Open <b>period</b> & post",
        affected_module="fi",
        impact_assessment="Half an hour\nwithout postings",
        planned_implementation_date=datetime(2026, 12, 1).date(),  # noqa: DTZ001 - a day
    )


def written(message: str, user: User, change: ChangeRequest, acme: Tenant, now: datetime) -> Mail:
    event = Event.objects.filter(verb=message, subject=f"changerequest:{change.pk}").latest("seq")
    audience = Audience(user.language, user.time_zone, user=user)
    outgoing = Outgoing(acme, message, event.subject, event.pk, audience, base_url(acme), now)
    with translation.override(user.language), timezone.override(user.time_zone):
        return services.write_change(outgoing, now=now)


def test_the_board_gets_what_it_votes_on(
    submitted: ChangeRequest,
    voter: User,
    users: dict[str, User],
    project: Project,
    in_acme: Tenant,
    now: datetime,
) -> None:
    mail = written("change.submitted", voter, submitted, in_acme, now)
    assert mail.subject == "▲ P2 CR-001: waits for your vote · Open <b>period</b> & post"
    link = f"{base_url(in_acme)}/p/{project.code}/changes/{submitted.number}"
    for text in (mail.text, mail.html):
        for told in (
            "This change needs the approval of the change board.",
            project.name,
            "configuration",
            "FI",
            "1 December 2026",
            users["agent"].name,
            "Half an hour\nwithout postings",
            "Close it again",
            link,
        ):
            assert told in text
    assert "Open &lt;b&gt;period&lt;/b&gt; &amp; post" in mail.html
    assert "<b>period</b>" not in mail.html
    assert "change board of this project" in mail.html
    assert not re.search(r"[\w.]+@[\w.]+", mail.text)


def test_what_was_decided_is_told_with_its_reason(
    submitted: ChangeRequest, seat: Actor, voter: User, users: dict[str, User], in_acme: Tenant, now: datetime
) -> None:
    agent = users["agent"]
    services.reject_change(change=submitted, reason="Month <i>end</i>", by=seat, now=now)
    # What was rejected is told as it was, also when it is a draft again.
    services.redraft_change(change=submitted, by=seat, now=now)
    mail = written("change.rejected", agent, submitted, in_acme, now)
    assert mail.subject.startswith("▲ P2 CR-001: rejected · ")
    assert f"{voter.name} rejected this change: Month <i>end</i>" in mail.text
    assert "Month &lt;i&gt;end&lt;/i&gt;" in mail.html
    assert "you asked for this change" in mail.html
    assert "Rollback plan" not in mail.text


def test_what_was_approved_and_implemented_is_told(
    submitted: ChangeRequest,
    seat: Actor,
    actors: dict[str, Actor],
    users: dict[str, User],
    in_acme: Tenant,
    now: datetime,
) -> None:
    agent = users["agent"]
    services.approve_change(change=submitted, by=seat, now=now)
    mail = written("change.approved", agent, submitted, in_acme, now)
    assert "approved" in mail.subject
    assert "The change board has approved this change." in mail.text
    services.start_change(change=submitted, by=actors["agent"], now=now)
    services.implement_change(change=submitted, test_evidence="Seen", by=seat, now=now)
    mail = written("change.implemented", agent, submitted, in_acme, now)
    assert "This change was implemented on 18 November 2026." in mail.text


def test_a_vote_that_is_void_is_asked_for_again(
    submitted: ChangeRequest,
    seat: Actor,
    voter: User,
    actors: dict[str, Actor],
    in_acme: Tenant,
    now: datetime,
) -> None:
    services.approve_change(change=submitted, by=seat, now=now)
    services.edit_change(change=submitted, title="Other", by=actors["agent"], now=now)
    mail = written("change.voided", voter, submitted, in_acme, now)
    assert mail.subject == "▲ P2 CR-001: waits for your vote again · Other"
    assert "after your vote, which is void now" in mail.text


def test_who_has_voted_and_who_sees_nothing_is_told_nothing(
    submitted: ChangeRequest,
    seat: Actor,
    voter: User,
    draft: Draft,
    users: dict[str, User],
    in_acme: Tenant,
    now: datetime,
) -> None:
    services.approve_change(change=submitted, by=seat, now=now)
    with pytest.raises(Moot, match="does not wait"):
        written("change.submitted", voter, submitted, in_acme, now)
    other = draft(submitted=True)
    ProjectMember.objects.filter(user=voter).delete()
    with pytest.raises(Moot, match="not there"):
        written("change.submitted", voter, other, in_acme, now)
    voter.memberships.all().delete()
    with pytest.raises(Moot, match="no access"):
        written("change.submitted", voter, other, in_acme, now)
    with pytest.raises(Moot, match="not there"):  # a customer who has nothing to do with it
        written("change.approved", users["customer"], submitted, in_acme, now)
    event = Event.objects.filter(verb="change.approved").latest("seq")
    endpoint = Audience("en", in_acme.time_zone, endpoint=Endpoint(tenant=in_acme, channel="slack"))
    outgoing = Outgoing(in_acme, "change.approved", event.subject, event.pk, endpoint, base_url(in_acme), now)
    with pytest.raises(Moot, match="for people"):
        services.write_change(outgoing, now=now)


def test_a_customer_is_led_to_no_console(
    submitted: ChangeRequest, board: Callable[..., dict[str, Actor]], in_acme: Tenant, now: datetime
) -> None:
    customer = person(board("customer")["customer"])
    mail = written("change.submitted", customer, submitted, in_acme, now)
    for text in (mail.text, mail.html):
        assert "Close it again" in text
        assert "/admin/" not in text


def test_every_mail_has_its_writer_and_waits_in_the_outbox(submitted: ChangeRequest, voter: User) -> None:
    for message in CHANGE_MAILS:
        renderer_of(message, Form.MAIL)  # raises where there is none
    row = Delivery.objects.get(message="change.submitted")
    assert (row.recipient, row.channel, row.subject) == (
        f"user:{voter.pk}",
        "email",
        f"changerequest:{submitted.pk}",
    )
