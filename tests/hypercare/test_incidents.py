"""An incident is reported, answered, assigned, resolved; and what each step refuses."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from hypercare import services
from hypercare.models import ClockEvent, Incident, Project
from hypercare.rules import Tick, replay
from hypercare.services import clocks
from hypercare.states import ClockKind
from tenancy.actors import Actor
from tenancy.errors import Conflict, Invalid, NotAllowed, Stale
from tenancy.journal.models import Event, EventPersonal
from tenancy.models import Deadline, Tenant, User
from tenancy.states import Role
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
    waiting = Deadline.objects.filter(
        tenant=in_acme, subject=f"incident:{incident.pk}", kind__endswith="_due"
    )
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
    assert (refused.value.state, refused.value.legal_moves) == (
        "in_progress",
        ("waiting", "resolved"),
    )
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
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    stale = report()
    services.resolve(incident=stale, **CAUSE, by=actors["agent"], now=now)
    verbs: list[Callable[[], Any]] = [
        lambda: services.respond_first(incident=stale, by=actors["agent"], now=now),
        lambda: services.resolve(incident=stale, **CAUSE, by=actors["agent"], now=now),
        lambda: services.assign(incident=stale, assigned_to_id=None, by=actors["agent"], now=now),
        lambda: services.wait(
            incident=stale, reason="x", owner_id=users["customer"].pk, by=actors["agent"], now=now
        ),
        lambda: services.resume(incident=stale, by=actors["agent"], now=now),
        lambda: services.change_incident(incident=stale, severity="P1", by=actors["agent"], now=now),
    ]
    for verb in verbs:
        with pytest.raises(Conflict) as refused:
            verb()
        assert (refused.value.state, refused.value.legal_moves) == ("resolved", ("in_progress", "closed"))
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
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report()
    for by in (actors["customer"], Actor.support(7, grant_id=1, writes=False)):
        act: dict[str, Any] = {"incident": incident, "by": by, "now": now}
        for verb, given in (
            (services.respond_first, {}),
            (services.assign, {"assigned_to_id": None}),
            (services.wait, {"reason": "x", "owner_id": users["customer"].pk}),
            (services.resume, {}),
            (services.resolve, CAUSE),
            (services.change_incident, {"title": "Mine"}),
            (services.add_comment, {"content": "x", "is_internal": True}),
        ):
            with pytest.raises(NotAllowed):
                verb(**given, **act)  # type: ignore[operator]  # of several shapes
    read_only = Actor.support(7, grant_id=1, writes=False)
    for refused in (
        lambda: report(by=read_only),
        lambda: services.close(incident=incident, by=read_only, now=now),
        lambda: services.reopen(incident=incident, by=read_only, now=now),
        lambda: services.add_comment(incident=incident, content="x", by=read_only, now=now),
    ):
        with pytest.raises(NotAllowed):
            refused()
    assert Event.objects.filter(subject=f"incident:{incident.pk}").count() == 1


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


# ---- change ------------------------------------------------------------------------------------------------------


def test_a_change_is_what_differs_counted_and_journaled(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report(title="Old title", affected_module="FI")
    given = {"title": " New title ", "affected_module": "mm", "affected_users_count": 7, "severity": "P3"}
    changed = services.change_incident(incident=incident, by=actors["agent"], now=now, **given)
    assert (changed.title, changed.affected_module, changed.affected_users_count) == ("New title", "MM", 7)
    assert changed.version == incident.version + 1
    event = Event.objects.get(verb="incident.changed")
    assert event.data == {
        "affected_module": ["FI", "MM"],
        "affected_users_count": [None, 7],
        "texts": ["title"],
    }
    beside = EventPersonal.objects.get(pk=event.pk)
    assert beside.data == {"title": ["Old title", "New title"]}
    assert list(Incident.objects.all().search("new mm")) == [changed]
    same = services.change_incident(incident=changed, title="New title", by=actors["agent"], now=now)
    assert same.version == changed.version
    assert Event.objects.filter(verb="incident.changed").count() == 1


def test_a_new_severity_retargets_the_clocks_and_keeps_what_elapsed(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident, later = report(severity="P3"), now + 30 * MINUTE
    changed = services.change_incident(incident=incident, severity="P1", by=actors["agent"], now=later)
    assert changed.sla_response_deadline == now + 60 * MINUTE
    assert changed.sla_resolution_deadline == now + 240 * MINUTE
    state = clocks.read(changed, ClockKind.RESOLUTION, later)
    assert (state.elapsed, state.target) == (30 * MINUTE, 240 * MINUTE)
    assert Event.objects.get(verb="incident.changed").data == {"severity": ["P3", "P1"]}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"description": "x" * 20_001}, "description"),
        ({"affected_module": "x" * 21}, "affected_module"),
        ({"severity": "P5"}, "severity"),
        ({"incident_type": "magic"}, "incident_type"),
        ({"backlog_item_id": uuid4()}, "linked_backlog_item_id"),
        ({"change_request_id": uuid4()}, "change_request_id"),
    ],
)
def test_a_change_that_cannot_be_names_the_field(
    in_acme: Tenant,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
    given: dict[str, Any],
    field: str,
) -> None:
    incident = report()
    with pytest.raises(Invalid) as refused:
        services.change_incident(incident=incident, by=actors["agent"], now=now, **given)
    assert list(refused.value.fields) == [field]
    assert Incident.objects.get().version == incident.version


def test_an_incident_is_linked_to_what_its_own_project_has(
    in_acme: Tenant,
    project: Project,
    other_project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    act = {"by": actors["agent"], "now": now}
    mine = services.create_backlog_item(project=project, kind="I", key="INT-7", title="Bank", **act)
    others = services.create_backlog_item(project=other_project, kind="I", key="INT-7", title="Bank", **act)
    linked = services.change_incident(incident=report(), backlog_item_id=mine.pk, **act)
    assert linked.backlog_item_id == mine.pk
    assert Event.objects.get(verb="incident.changed").data == {"linked_backlog_item_id": [None, str(mine.pk)]}
    with pytest.raises(Invalid):
        services.change_incident(incident=linked, backlog_item_id=others.pk, **act)
    assert services.change_incident(incident=linked, backlog_item_id=None, **act).backlog_item_id is None


def test_a_closed_incident_is_not_changed(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    act = {"by": actors["agent"], "now": now}
    resolved = services.resolve(incident=report(), **CAUSE, **act)
    assert services.change_incident(incident=resolved, title="Corrected", **act).title == "Corrected"
    closed = services.close(incident=resolved, **act)
    with pytest.raises(Conflict) as refused:
        services.change_incident(incident=closed, title="Again", **act)
    assert (refused.value.state, refused.value.legal_moves) == ("closed", ("in_progress",))


def test_every_verb_refuses_what_was_changed_since_it_was_read(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    read = report()
    services.change_incident(incident=read, version=read.version, title="Newer", by=actors["agent"], now=now)
    act: dict[str, Any] = {"incident": read, "version": read.version, "by": actors["agent"], "now": now}
    for verb in (
        lambda: services.change_incident(title="Mine", **act),
        lambda: services.assign(assigned_to_id=None, **act),
        lambda: services.respond_first(**act),
        lambda: services.wait(reason="x", owner_id=users["customer"].pk, **act),
        lambda: services.resume(**act),
        lambda: services.resolve(**CAUSE, **act),
        lambda: services.close(**act),
        lambda: services.reopen(**act),
    ):
        with pytest.raises(Stale) as refused:
            verb()
        assert refused.value.version == read.version + 1
    assert Incident.objects.get().title == "Newer"


# ---- waiting -----------------------------------------------------------------------------------------------------


def test_waiting_pauses_the_resolution_clock_alone(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    act, customer = {"by": actors["agent"]}, users["customer"].pk
    answered = services.respond_first(incident=report(severity="P1"), now=now, **act)
    waiting = services.wait(
        incident=answered, reason=" The log ", owner_id=customer, now=now + 30 * MINUTE, **act
    )
    assert (waiting.state, waiting.waiting_reason, waiting.waiting_owner_id) == (
        "waiting",
        "The log",
        customer,
    )
    assert waiting.waiting_since == now + 30 * MINUTE
    assert waiting.sla_resolution_deadline is None
    assert waiting.sla_response_deadline == now + 60 * MINUTE
    assert not waiting.is_breached(ClockKind.RESOLUTION, now + timedelta(days=9))
    resumed = services.resume(incident=waiting, now=now + timedelta(days=2), **act)
    assert resumed.state == "in_progress"
    assert (resumed.waiting_since, resumed.waiting_reason, resumed.waiting_owner_id) == (None, "", None)
    assert resumed.sla_resolution_deadline == now + timedelta(days=2) + 210 * MINUTE
    event = Event.objects.get(verb="incident.waiting")
    assert event.data == {"from": "in_progress", "to": "waiting", "owner": customer}
    assert EventPersonal.objects.get(pk=event.pk).data == {"reason": "The log"}


def test_who_waits_unanswered_goes_back_to_open_and_can_be_answered_meanwhile(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    act = {"by": actors["agent"], "now": now}
    waiting = services.wait(incident=report(), reason="x", owner_id=users["customer"].pk, **act)
    with pytest.raises(Conflict) as refused:
        services.close(incident=waiting, **act)
    assert refused.value.legal_moves == ("open", "resolved")
    back = services.resume(incident=waiting, **act)
    assert (back.state, back.first_response_at) == ("open", None)
    waiting = services.wait(incident=back, reason="y", owner_id=users["customer"].pk, **act)
    answered = services.respond_first(incident=waiting, **act)
    assert (answered.state, answered.first_response_at) == ("waiting", now)
    with pytest.raises(Conflict) as refused:
        services.respond_first(incident=answered, **act)
    assert refused.value.legal_moves == ("in_progress", "resolved")
    assert services.resume(incident=answered, **act).state == "in_progress"


def test_waiting_needs_a_reason_and_somebody_of_the_project(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident, outside = report(), factories.member(in_acme, "customer")
    for reason, owner, field in (
        (" ", users["customer"].pk, "reason"),
        ("x" * 501, users["customer"].pk, "reason"),
        ("x", outside.pk, "owner_id"),
        ("x", 2**40, "owner_id"),
    ):
        with pytest.raises(Invalid) as refused:
            services.wait(incident=incident, reason=reason, owner_id=owner, by=actors["agent"], now=now)
        assert list(refused.value.fields) == [field]
    assert Incident.objects.get().state == "open"


def test_what_waits_can_be_resolved(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    act = {"by": actors["agent"], "now": now}
    waiting = services.wait(incident=report(), reason="x", owner_id=users["customer"].pk, **act)
    resolved = services.resolve(incident=waiting, **CAUSE, **act)
    assert (resolved.state, resolved.waiting_since, resolved.waiting_owner_id) == ("resolved", None, None)


# ---- closing and reopening -----------------------------------------------------------------------------------------


def test_an_incident_is_closed_and_reopened_and_its_clock_goes_on(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    resolved = services.resolve(
        incident=report(severity="P1"), **CAUSE, by=actors["agent"], now=now + 30 * MINUTE
    )
    closed = services.close(incident=resolved, by=actors["customer"], now=now + 40 * MINUTE)
    assert (closed.state, closed.closed_at, closed.closed_by_id) == (
        "closed",
        now + 40 * MINUTE,
        actors["customer"].user_id,
    )
    at = now + timedelta(days=3)
    reopened = services.reopen(incident=closed, reason="Happens again", by=actors["customer"], now=at)
    assert (reopened.state, reopened.reopened_count) == ("in_progress", 1)
    assert (reopened.resolved_at, reopened.resolved_by_id) == (None, None)
    assert (reopened.closed_at, reopened.closed_by_id) == (None, None)
    assert reopened.root_cause == CAUSE["root_cause"], "what was found stays written"
    assert reopened.sla_resolution_deadline == at + 210 * MINUTE
    assert reopened.first_response_at == now + 30 * MINUTE
    event = Event.objects.get(verb="incident.reopened")
    assert event.data == {"from": "closed", "to": "in_progress", "count": 1}
    assert EventPersonal.objects.get(pk=event.pk).data == {"reason": "Happens again"}
    again = services.resolve(incident=reopened, **CAUSE, by=actors["agent"], now=at)
    assert services.reopen(incident=again, by=actors["agent"], now=at).reopened_count == 2


def test_only_who_reported_it_closes_and_reopens_as_a_customer(
    in_acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    system: Actor,
    now: datetime,
) -> None:
    other = factories.member(in_acme, "customer")
    services.add_member(project=project, user_id=other.pk, by=system, now=now)
    stranger = Actor.member(other.pk, Role.CUSTOMER)
    resolved = services.resolve(incident=report(), **CAUSE, by=actors["agent"], now=now)
    with pytest.raises(NotAllowed):
        services.close(incident=resolved, by=stranger, now=now)
    with pytest.raises(NotAllowed):
        services.reopen(incident=resolved, by=stranger, now=now)
    by_us = services.resolve(incident=report(by=system), **CAUSE, by=actors["agent"], now=now)
    with pytest.raises(NotAllowed):
        services.close(incident=by_us, by=actors["customer"], now=now)
    with pytest.raises(NotAllowed):
        services.close(incident=by_us, by=system, now=now)


def test_what_is_closed_long_ago_stays_closed(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    act = {"by": actors["agent"]}
    days = timedelta(days=settings.THRESHOLDS.hypercare.REOPEN_DAYS)
    resolved = services.resolve(incident=report(), **CAUSE, now=now, **act)
    closed = services.close(incident=resolved, now=now, **act)
    with pytest.raises(Conflict) as refused:
        services.reopen(incident=closed, now=now + days + timedelta(microseconds=1), **act)
    assert (refused.value.state, refused.value.legal_moves) == ("closed", ())
    assert services.reopen(incident=closed, now=now + days, **act).state == "in_progress"


def test_only_what_is_resolved_is_closed_or_reopened(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident, act = report(), {"by": actors["agent"], "now": now}
    for verb in (services.close, services.reopen):
        with pytest.raises(Conflict) as refused:
            verb(incident=incident, **act)
        assert refused.value.legal_moves == ("in_progress", "waiting", "resolved")
    closed = services.close(incident=services.resolve(incident=incident, **CAUSE, **act), **act)
    with pytest.raises(Conflict):
        services.close(incident=closed, **act)


# ---- search ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stored", ["İSTANBUL deposu", "istanbul deposu", "ISTANBUL deposu", "ıstanbul deposu"]
)
@pytest.mark.parametrize(
    "asked", ["İSTANBUL", "istanbul", "ISTANBUL", "ıstanbul", "depo stan", "DEPOSU  ıst"]
)
def test_search_knows_the_four_turkish_letters(
    in_acme: Tenant, report: Callable[..., Incident], stored: str, asked: str
) -> None:
    found = report(title="Stock", description=stored)
    report(title="Something else")
    assert list(Incident.objects.all().search(asked)) == [found]


def test_search_finds_numbers_modules_and_signs_as_they_are(
    in_acme: Tenant, report: Callable[..., Incident]
) -> None:
    first, second = report(title="Down", affected_module="mm"), report(title="100% of rows_x fail")
    search = Incident.objects.order_by("number").search
    assert list(search(f"INC-{first.number}")) == [first]
    assert list(search(f"inc-{second.number}")) == [second]
    assert first in search(str(first.number))
    assert list(search("MM")) == [first]
    assert list(search("100%")) == [second]
    assert list(search("rows_x")) == [second]
    assert list(search("rowsyx")) == []
    assert list(search("down 100%")) == []
    assert list(search("  ")) == [first, second]
    assert list(search("9" * 30)) == []


def test_a_text_that_folds_to_nothing_is_searched_without_harm(
    in_acme: Tenant, report: Callable[..., Incident]
) -> None:
    incident = report(title="\u0301")
    assert Incident.objects.get().search_text == "-"
    assert list(Incident.objects.all().search("\u0301")) == [incident]
