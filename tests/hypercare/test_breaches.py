"""A clock runs out: seen at once by reads, recorded once, told once, to the right people."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core.mail import EmailMessage

from hypercare import services
from hypercare.models import Incident, Project, ProjectMember
from hypercare.states import ClockKind
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.deadlines import sweep
from tenancy.deliveries import dispatch
from tenancy.journal.models import Event
from tenancy.models import Deadline, Delivery, Membership, Tenant, User
from tests import factories
from tests.hypercare.conftest import told

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def names(users: dict[str, User], *roles: str) -> dict[str, str]:
    return {f"user:{users[role].pk}": "email" for role in roles}


def test_the_sweep_records_and_tells_a_breach_once_however_often_it_runs(
    acme: Tenant, report: Callable[..., Incident], users: dict[str, User], now: datetime
) -> None:
    incident = report(severity="P1")
    for minute in (61, 62, 63):
        sweep(clock=lambda minute=minute: now + minute * MINUTE)
    with entering(acme):
        stored = Incident.objects.get()
        assert (stored.sla_response_breached, stored.sla_response_breached_at) == (True, now + 61 * MINUTE)
        assert not stored.sla_resolution_breached
        event = Event.objects.get(verb="incident.breached")
    assert (event.actor_kind, event.actor_name) == ("system", "sweep")
    assert event.data["due_at"] == "2026-11-18T10:00:00Z"
    assert told(incident.pk) == names(users, "agent", "manager")
    kinds = Deadline.objects.filter(tenant=acme).values_list("kind", flat=True)
    assert sorted(kinds) == ["incident.resolution_due", "incident.resolution_warning"]


def test_each_recipient_gets_one_mail_in_their_language(
    acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    now: datetime,
    mailoutbox: list[EmailMessage],
) -> None:
    users["manager"].language = "tr"
    users["manager"].save()
    incident = report(severity="P1")
    late = now + 61 * MINUTE
    with time_machine.travel(late, tick=False):
        for _run in range(3):
            sweep(clock=lambda: late)
            dispatch(clock=lambda: late)
    mails = {mail.to[0]: mail for mail in mailoutbox}
    assert len(mailoutbox) == 2
    assert "due" in mails[users["agent"].email].subject
    assert "1 min late (target 1 h)" in mails[users["agent"].email].body
    assert "18 Kasım 2026 13:00" in mails[users["manager"].email].body
    assert all(incident.key in mail.subject for mail in mailoutbox)


def test_a_breach_is_due_at_the_very_moment(
    acme: Tenant, report: Callable[..., Incident], now: datetime
) -> None:
    report(severity="P1")
    almost = now + 60 * MINUTE - timedelta(microseconds=1)
    assert sweep(clock=lambda: almost).fired == 1  # the warning
    with entering(acme):
        assert not Incident.objects.get().sla_response_breached
    assert sweep(clock=lambda: now + 60 * MINUTE).fired == 1
    with entering(acme):
        assert Incident.objects.get().sla_response_breached


def test_the_sweep_leaves_what_moved_on(
    acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report(severity="P1")
    with entering(acme):
        services.respond_first(incident=incident, by=actors["agent"], now=now + MINUTE)
    assert sweep(clock=lambda: now + 61 * MINUTE).fired == 2  # the warning too
    with entering(acme):
        assert not Incident.objects.get().sla_response_breached
    assert told(incident.pk) == {}


def test_both_clocks_breach_each_on_its_own(
    acme: Tenant, report: Callable[..., Incident], users: dict[str, User], now: datetime
) -> None:
    incident = report(severity="P1")
    sweep(clock=lambda: now + timedelta(days=1))
    with entering(acme):
        clocks = [event.data["clock"] for event in Event.objects.filter(verb="incident.breached")]
    assert sorted(clocks) == ["resolution", "response"]
    assert Delivery.objects.filter(subject=f"incident:{incident.pk}").count() == 4


def test_the_assignee_is_told_instead_of_all_agents_and_nobody_twice(
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    second = factories.member(acme, "agent")
    incident = report(severity="P1")
    with entering(acme):
        services.add_member(project=project, user_id=second.pk, by=actors["admin"], now=now)
        services.assign(incident=incident, assigned_to_id=second.pk, by=actors["agent"], now=now)
    both = report(severity="P1")
    with entering(acme):
        services.assign(incident=both, assigned_to_id=users["manager"].pk, by=actors["agent"], now=now)
    sweep(clock=lambda: now + 61 * MINUTE)
    assert told(incident.pk) == {f"user:{second.pk}": "email"} | names(users, "manager")
    assert told(both.pk) == names(users, "manager")


def test_an_assignee_who_left_is_replaced_by_the_agents(
    acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    leaver = factories.member(acme, "agent")
    incident = report(severity="P1")
    with entering(acme):
        project = incident.project
        services.add_member(project=project, user_id=leaver.pk, by=actors["admin"], now=now)
        services.assign(incident=incident, assigned_to_id=leaver.pk, by=actors["agent"], now=now)
        Membership.objects.filter(user=leaver).delete()
    sweep(clock=lambda: now + 61 * MINUTE)
    breach = Delivery.objects.filter(message="incident.breached", subject=f"incident:{incident.pk}")
    assert {row.recipient for row in breach} == set(names(users, "agent", "manager"))


def test_a_breach_that_nobody_can_be_told_says_so_in_the_journal(
    acme: Tenant, report: Callable[..., Incident], now: datetime
) -> None:
    incident = report(severity="P1")
    with entering(acme):
        ProjectMember.objects.all().delete()
    sweep(clock=lambda: now + 61 * MINUTE)
    with entering(acme):
        assert Event.objects.get(verb="incident.breached").data["concerned"] == []
    assert told(incident.pk) == {}


def test_breaches_are_listed_before_any_sweep_and_recorded_by_looking(
    in_acme: Tenant,
    project: Project,
    other_project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    late = report(severity="P1")
    report(severity="P4")
    report(severity="P1", project=other_project)
    at = now + 61 * MINUTE
    reader = Actor.support(7, grant_id=1, writes=False)
    for by in (reader, actors["customer"], actors["agent"]):
        assert list(services.check_breaches(project=project, by=by, now=at)) == [late]
    event = Event.objects.get(verb="incident.breached")
    assert (event.actor_name, event.subject) == ("sla-breaches", f"incident:{late.pk}")
    assert told(late.pk) == names(users, "agent", "manager")


def test_a_clock_answered_late_stays_listed_until_the_incident_is_resolved(
    in_acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    at = now + 61 * MINUTE
    answered = services.respond_first(incident=report(severity="P1"), by=actors["agent"], now=at)
    assert list(services.check_breaches(project=project, by=actors["agent"], now=at)) == [answered]
    services.resolve(
        incident=answered, root_cause="x", resolution_notes="y", by=actors["agent"], now=at + MINUTE
    )
    assert not services.check_breaches(project=project, by=actors["agent"], now=at + 2 * MINUTE)


def test_nothing_is_recorded_before_its_time_or_for_what_is_gone(
    in_acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime
) -> None:
    incident = report(severity="P1")
    given = {"clock": ClockKind.RESPONSE, "by": system}
    assert not services.record_breaches(incident_ids=[incident.pk], now=now + 59 * MINUTE, **given)
    assert not services.record_breaches(incident_ids=[uuid4()], now=now + 61 * MINUTE, **given)
    assert services.record_breaches(incident_ids=[incident.pk], now=now + 61 * MINUTE, **given)
    assert not services.record_breaches(incident_ids=[incident.pk], now=now + 61 * MINUTE, **given)
