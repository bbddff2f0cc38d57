"""An incident is reported, answered, assigned, resolved; and what each step refuses."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from hypercare import services
from hypercare.models import ClockEvent, Incident, Project
from hypercare.rules import Tick, replay
from hypercare.services import clocks
from hypercare.states import ClockKind
from tenancy.actors import Actor
from tenancy.errors import Conflict, Invalid, NotAllowed
from tenancy.journal.models import Event
from tenancy.models import Deadline, Tenant, User
from tests import factories

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
CAUSE = {"root_cause": "Posting period closed", "resolution_notes": "Opened period 11"}


@pytest.mark.parametrize(
    ("severity", "response", "resolution"),
    [("P1", 60, 240), ("P2", 240, 480), ("P3", 480, 1440), ("P4", 1440, 4320)],
)
def test_deadlines_follow_from_severity(
    in_acme: Tenant,
    report: Callable[..., Incident],
    now: datetime,
    severity: str,
    response: int,
    resolution: int,
) -> None:
    incident = report(severity=severity)
    assert incident.sla_response_deadline == now + response * MINUTE
    assert incident.sla_resolution_deadline == now + resolution * MINUTE
    waiting = Deadline.objects.filter(tenant=in_acme, subject=f"incident:{incident.pk}")
    assert dict(waiting.values_list("kind", "due_at")) == {
        "incident.response_due": incident.sla_response_deadline,
        "incident.resolution_due": incident.sla_resolution_deadline,
    }


def test_a_p1_is_to_be_resolved_four_hours_after_its_report(
    in_acme: Tenant, report: Callable[..., Incident]
) -> None:
    incident = report(severity="P1")
    assert incident.sla_resolution_deadline - incident.created_at == timedelta(hours=4)


def test_a_report_is_stored_as_given_and_journaled(
    in_acme: Tenant, report: Callable[..., Incident], users: dict[str, User]
) -> None:
    incident = report(title="  Blocked ", affected_module="mm", affected_users_count=7)
    stored = Incident.objects.get()
    assert (stored.title, stored.affected_module, stored.affected_users_count) == ("Blocked", "MM", 7)
    assert (stored.state, stored.severity, stored.reported_by_id) == ("open", "P3", users["customer"].pk)
    assert stored.key == f"INC-{stored.number}" == incident.key
    event = Event.objects.get(verb="incident.reported")
    assert (event.subject, event.data["number"]) == (f"incident:{incident.pk}", incident.number)
    why = ClockEvent.objects.filter(incident=incident).values_list("data", flat=True)
    assert list(why) == [{"severity": "P3", "config_hash": settings.CONFIG_HASH}] * 2


def test_numbers_rise_and_each_tenant_counts_its_own(
    in_acme: Tenant, report: Callable[..., Incident]
) -> None:
    first, second = report(), report()
    assert second.number == first.number + 1


def test_a_report_without_a_title_leaves_nothing(in_acme: Tenant, report: Callable[..., Incident]) -> None:
    with pytest.raises(Invalid) as refused:
        report(title=" ")
    assert list(refused.value.fields) == ["title"]
    assert not Incident.objects.exists()
    assert not Deadline.objects.filter(tenant=in_acme, kind__startswith="incident.").exists()


def test_the_first_response_sets_its_time_and_moves_on(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    at = now + 5 * MINUTE
    answered = services.respond_first(incident=report(severity="P1"), by=actors["agent"], now=at)
    assert answered.state == "in_progress"
    assert (answered.first_response_at, answered.first_response_by_id) == (at, actors["agent"].user_id)
    assert not answered.sla_response_breached
    assert not answered.is_breached(ClockKind.RESPONSE, now + timedelta(days=9))


def test_a_second_first_response_is_a_conflict_that_names_what_is_possible(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report()
    services.respond_first(incident=incident, by=actors["agent"], now=now)
    with pytest.raises(Conflict) as refused:
        services.respond_first(incident=incident, by=actors["manager"], now=now + MINUTE)
    assert (refused.value.state, refused.value.legal_moves) == ("in_progress", ("resolved",))
    assert Incident.objects.get().first_response_by_id == actors["agent"].user_id
    assert ClockEvent.objects.filter(clock="response").count() == 2


def test_a_late_first_response_marks_the_breach(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    at = now + 61 * MINUTE
    answered = services.respond_first(incident=report(severity="P1"), by=actors["agent"], now=at)
    assert (answered.sla_response_breached, answered.sla_response_breached_at) == (True, at)
    assert not answered.sla_resolution_breached
    event = Event.objects.get(verb="incident.breached")
    assert (event.data["clock"], event.data["target_minutes"], event.data["elapsed_minutes"]) == (
        "response",
        60,
        61,
    )


def test_resolving_sets_its_time_and_stops_both_clocks(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    at = now + 30 * MINUTE
    resolved = services.resolve(
        incident=report(severity="P1"), **CAUSE, root_cause_category="config", by=actors["agent"], now=at
    )
    assert (resolved.state, resolved.resolved_at) == ("resolved", at)
    assert (resolved.root_cause_category, resolved.root_cause) == ("config", CAUSE["root_cause"])
    # Nobody answered before: the resolution is the answer.
    assert (resolved.first_response_at, resolved.first_response_by_id) == (at, actors["agent"].user_id)
    assert list(ClockEvent.objects.filter(kind="fulfil").values_list("clock", "seq")) == [
        ("resolution", 2),
        ("response", 2),
    ]
    assert not Event.objects.filter(verb="incident.breached").exists()


def test_resolving_keeps_who_answered_first(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    answered = services.respond_first(incident=report(), by=actors["agent"], now=now + MINUTE)
    resolved = services.resolve(incident=answered, **CAUSE, by=actors["manager"], now=now + 2 * MINUTE)
    assert resolved.first_response_by_id == actors["agent"].user_id
    assert resolved.resolved_by_id == actors["manager"].user_id


def test_a_late_resolution_marks_each_clock_that_ran_out(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    at = now + 241 * MINUTE
    resolved = services.resolve(incident=report(severity="P1"), **CAUSE, by=actors["agent"], now=at)
    assert resolved.sla_response_breached
    assert resolved.sla_resolution_breached
    clocks_told = [event.data["clock"] for event in Event.objects.filter(verb="incident.breached")]
    assert sorted(clocks_told) == ["resolution", "response"]


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"root_cause": " ", "resolution_notes": "x"}, ["root_cause"]),
        ({"root_cause": "", "resolution_notes": ""}, ["root_cause", "resolution_notes"]),
    ],
)
def test_resolving_needs_cause_and_notes(
    in_acme: Tenant,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
    given: dict[str, str],
    fields: list[str],
) -> None:
    with pytest.raises(Invalid) as refused:
        services.resolve(incident=report(), **given, by=actors["agent"], now=now)
    assert list(refused.value.fields) == fields
    assert Incident.objects.get().state == "open"


def test_what_is_resolved_is_not_moved_again(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    stale = report()
    services.resolve(incident=stale, **CAUSE, by=actors["agent"], now=now)
    verbs: list[Callable[[], Any]] = [
        lambda: services.respond_first(incident=stale, by=actors["agent"], now=now),
        lambda: services.resolve(incident=stale, **CAUSE, by=actors["agent"], now=now),
        lambda: services.assign(incident=stale, assigned_to_id=None, by=actors["agent"], now=now),
    ]
    for verb in verbs:
        with pytest.raises(Conflict) as refused:
            verb()
        assert (refused.value.state, refused.value.legal_moves) == ("resolved", ())
    assert ClockEvent.objects.count() == 4


def test_assigning_says_before_and_after(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    given = services.assign(
        incident=report(),
        assigned_to_id=users["agent"].pk,
        support_level="L2",
        by=actors["manager"],
        now=now,
    )
    assert (given.assigned_to_id, given.support_level, given.state) == (users["agent"].pk, "L2", "open")
    back = services.assign(incident=given, assigned_to_id=None, by=actors["agent"], now=now)
    assert (back.assigned_to_id, back.support_level) == (None, "L2")
    data = Event.objects.filter(verb="incident.assigned").values_list("data", flat=True)
    assert [line["assigned_to"] for line in data] == [[None, users["agent"].pk], [users["agent"].pk, None]]


def test_an_incident_goes_to_agents_of_its_project_only(
    in_acme: Tenant,
    globex: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    elsewhere = factories.member(globex, "agent")
    outside = factories.member(in_acme, "agent")
    for user in (users["customer"], elsewhere, outside):
        with pytest.raises(Invalid) as refused:
            services.assign(incident=report(), assigned_to_id=user.pk, by=actors["agent"], now=now)
        assert list(refused.value.fields) == ["assigned_to_id"]


def test_customers_and_read_only_grants_may_not_work_on_incidents(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report()
    for by in (actors["customer"], Actor.support(7, grant_id=1, writes=False)):
        for verb in (
            lambda by: services.respond_first(incident=incident, by=by, now=now),
            lambda by: services.assign(incident=incident, assigned_to_id=None, by=by, now=now),
            lambda by: services.resolve(incident=incident, **CAUSE, by=by, now=now),
        ):
            with pytest.raises(NotAllowed):
                verb(by)
    with pytest.raises(NotAllowed):
        report(by=Actor.support(7, grant_id=1, writes=False))


def test_an_answer_is_a_persons(
    in_acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime
) -> None:
    incident = report()
    with pytest.raises(NotAllowed):
        services.respond_first(incident=incident, by=system, now=now)
    with pytest.raises(NotAllowed):
        services.resolve(incident=incident, **CAUSE, by=system, now=now)


def test_the_columns_are_what_the_clocks_events_say(
    in_acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    late, quick = report(severity="P1"), report(severity="P2")
    services.respond_first(incident=late, by=actors["agent"], now=now + 90 * MINUTE)
    services.resolve(incident=quick, **CAUSE, by=actors["agent"], now=now + 10 * MINUTE)
    later = now + timedelta(hours=5)
    for incident in Incident.objects.filter(pk__in=[late.pk, quick.pk]):
        for clock in ClockKind:
            state = clocks.read(incident, clock, later)
            assert incident.deadline(clock) == state.due_at
            assert incident.fulfilled_at(clock) == state.fulfilled_at
            assert incident.is_breached(clock, later) == state.breached
    rows = ClockEvent.objects.filter(incident=late, clock="response").order_by("seq")
    ticks = [Tick(row.kind, row.at, row.target_minutes) for row in rows]
    assert replay(ticks, later) == clocks.read(late, ClockKind.RESPONSE, later)
