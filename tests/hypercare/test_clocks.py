"""Clocks in the database: whatever happens to them, their columns are what their events say."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hypercare import services
from hypercare.errors import BrokenClock
from hypercare.models import ClockEvent, Incident, Project
from hypercare.rules import Target
from hypercare.services import clocks
from hypercare.states import CLOCK_MOVES, ClockKind, ClockPhase, Severity
from tenancy.actors import Actor
from tenancy.models import Deadline, Tenant, User
from tenancy.transactions import atomic, ref
from tests.hypercare.clockwork import MINUTE, OFFICE

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
RESPONSE, RESOLUTION = ClockKind.RESPONSE, ClockKind.RESOLUTION
VERBS = ("pause", "resume", "fulfil", "reopen")


@pytest.fixture
def in_office(in_acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime) -> None:
    """P1 and P2 of the project run in office hours in Istanbul, from ten days ago."""
    by, ago = actors["manager"], now - timedelta(days=10)
    calendar = services.create_calendar(
        project=project, name="Office", definition=OFFICE, by=by, now=ago
    ).calendar
    targets = {
        Severity.P1: Target(60, 240, calendar.pk),
        Severity.P2: Target(120, 600, calendar.pk),
    }
    services.create_policy(project=project, targets=targets, by=by, now=ago)


def held(incident: Incident) -> Incident:
    return Incident.objects.select_for_update(of=("self",)).select_related("project").get(pk=incident.pk)


def happens(incident: Incident, verb: str, clock: ClockKind, *, by: Actor, now: datetime) -> None:
    """One verb, or a change of severity."""
    with atomic():
        row = held(incident)
        if verb in Severity.values:
            Incident.objects.filter(pk=row.pk).update(severity=verb)
            clocks.retarget(held(row), by=by, now=now, why={"severity": [row.severity, verb]})
        else:
            getattr(clocks, verb)(row, clock, by=by, now=now)


def check(incident: Incident, now: datetime) -> None:
    """The columns are what the events say, told things are recorded, and what runs is waited for."""
    row = Incident.objects.get(pk=incident.pk)
    for clock in ClockKind:
        state = clocks.read(row, clock, now)
        assert row.deadline(clock) == state.due_at
        elapsed = getattr(row, f"sla_{clock}_elapsed")
        assert elapsed == (state.elapsed if state.fulfilled_at else None)
        assert getattr(row, f"sla_{clock}_breached") == state.breached
        if state.phase is ClockPhase.RUNNING and not state.breached:
            mine = Deadline.objects.filter(subject=ref(row), kind__startswith=f"incident.{clock}")
            waits = set(mine.values_list("kind", "due_at"))
            assert (clocks.DUE_KINDS[clock], state.due_at) in waits
            warned = getattr(row, f"sla_{clock}_warned")
            assert not state.passed((50, 80), warned=warned)
            mark = state.next_mark((50, 80), warned=warned, now=now)
            assert mark is None or (clocks.WARNING_KINDS[clock], mark) in waits
        events = ClockEvent.objects.filter(incident=row, clock=clock).order_by("seq")
        assert [event.seq for event in events] == list(range(1, len(events) + 1))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    began=st.integers(0, 14 * 24 * 60),
    severity=st.sampled_from(Severity.values),
    steps=st.lists(
        st.tuples(
            st.integers(0, 700), st.sampled_from([*VERBS, "P1", "P2", "P3"]), st.sampled_from(list(ClockKind))
        ),
        max_size=8,
    ),
)
def test_the_columns_are_what_the_events_say_whatever_happens(
    in_acme: Tenant,
    in_office: None,
    report: Callable[..., Incident],
    system: Actor,
    now: datetime,
    began: int,
    severity: str,
    steps: list[tuple[int, str, ClockKind]],
) -> None:
    at = now + began * MINUTE
    incident = report(severity=severity, now=at)
    check(incident, at)
    for passed, verb, clock in steps:
        at += passed * MINUTE
        services.record_breaches(incident_ids=[incident.pk], clock=RESPONSE, by=system, now=at)
        services.record_breaches(incident_ids=[incident.pk], clock=RESOLUTION, by=system, now=at)
        for each in ClockKind:
            services.warn(incident_ids=[incident.pk], clock=each, by=system, now=at)
        if (verb, clock) == ("reopen", RESPONSE) and not Incident.objects.open().filter(pk=incident.pk):
            continue  # an answer that is taken back would leave a resolution without one
        phase = clocks.read(incident, clock, at).phase
        if verb in VERBS and verb not in CLOCK_MOVES[phase]:
            with pytest.raises(BrokenClock):
                happens(incident, verb, clock, by=system, now=at)
        else:
            happens(incident, verb, clock, by=system, now=at)
            if verb in {"fulfil", "reopen"}:
                _stamp(incident, clock, at if verb == "fulfil" else None)
            answered = clocks.read(incident, RESPONSE, at).fulfilled_at
            if verb == "fulfil" and clock == RESOLUTION and not answered:  # a resolution is an answer
                happens(incident, verb, RESPONSE, by=system, now=at)
                _stamp(incident, RESPONSE, at)
        check(incident, at)
        for told in services.explain(incident=incident, by=system, now=at):
            state = clocks.read(incident, told.clock, at)
            assert (told.counted, told.wall) == (state.elapsed, at - incident.created_at)


def _stamp(incident: Incident, clock: ClockKind, at: datetime | None) -> None:
    """What the verbs of an incident write beside its clocks; here only so that sweeps leave it alone."""
    rows = Incident.objects.filter(pk=incident.pk)
    by, why = (None, "") if at is None else (1, "x")
    if clock == RESPONSE:
        rows.filter(state="open").update(state="in_progress")
        rows.update(first_response_at=at, first_response_by_id=by)
    else:
        state = "in_progress" if at is None else "resolved"
        rows.update(state=state, resolved_at=at, resolved_by_id=by, root_cause=why, resolution_notes=why)


def test_without_a_policy_the_defaults_count_round_the_clock(
    in_acme: Tenant, report: Callable[..., Incident], now: datetime
) -> None:
    incident = report(severity="P2")
    assert incident.sla_response_deadline == now + 240 * MINUTE
    why = ClockEvent.objects.filter(incident=incident).values_list("data", flat=True)
    assert [set(data) for data in why] == [{"severity", "config_hash"}] * 2


def test_a_calendar_puts_the_due_time_into_its_hours(
    in_acme: Tenant, in_office: None, report: Callable[..., Incident], now: datetime
) -> None:
    friday = datetime(2026, 11, 20, 14, 40, tzinfo=UTC)  # 17:40 in Istanbul
    incident = report(severity="P1", now=friday)
    assert incident.sla_response_deadline == datetime(2026, 11, 23, 6, 40, tzinfo=UTC)
    assert incident.sla_resolution_deadline == datetime(2026, 11, 23, 10, 40, tzinfo=UTC)  # after lunch
    event = ClockEvent.objects.filter(incident=incident, clock="response").get()
    assert event.calendar_version.calendar.name == "Office"
    assert set(event.data) == {"severity", "config_hash", "policy", "calendar", "calendar_version"}
    for clock in ClockKind:
        assert clocks.read(incident, clock, friday).due_at == incident.deadline(clock)


def test_a_new_severity_keeps_elapsed_time_and_says_before_and_after(
    in_acme: Tenant, in_office: None, report: Callable[..., Incident], system: Actor, now: datetime
) -> None:
    incident = report(severity="P3", now=now)
    happens(incident, "P1", RESOLUTION, by=system, now=now + 30 * MINUTE)
    state = clocks.read(incident, RESOLUTION, now + 30 * MINUTE)
    assert (state.elapsed, state.target, state.cycle) == (30 * MINUTE, 240 * MINUTE, 2)
    event = ClockEvent.objects.get(incident=incident, clock="resolution", kind="retarget")
    assert event.data["before"] == {"target_minutes": 1440}
    assert event.data["because"] == {"severity": ["P3", "P1"]}
    assert event.data["severity"] == "P1"


def test_the_same_target_is_no_new_one(
    in_acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime
) -> None:
    incident = report(severity="P1")
    with atomic():
        clocks.retarget(held(incident), by=system, now=now + MINUTE, why={})
    assert not ClockEvent.objects.filter(kind="retarget").exists()


def test_the_row_that_the_caller_holds_says_the_same(
    in_acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime
) -> None:
    report(severity="P1")
    with atomic():
        row = held(Incident.objects.get())
        clocks.pause(row, RESOLUTION, by=system, now=now + 200 * MINUTE)
        clocks.fulfil(row, RESPONSE, by=system, now=now + 200 * MINUTE)
        stored = Incident.objects.get()
        for name in clocks.COLUMNS:
            assert getattr(row, name) == getattr(stored, name), name
    assert (row.sla_response_breached, row.sla_resolution_warned) == (True, 80)
    assert row.sla_response_elapsed == 200 * MINUTE


def test_reading_many_is_one_query(
    in_acme: Tenant,
    in_office: None,
    report: Callable[..., Incident],
    now: datetime,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    incidents = [report(severity="P1") for _number in range(10)]
    clocks.read_all(incidents, RESPONSE, now)
    with django_assert_num_queries(1):
        states = clocks.read_all(incidents, RESPONSE, now + HOUR)
    assert set(states) == {incident.pk for incident in incidents}


# ---- the explanation ----------------------------------------------------------------------------------------------


def test_every_minute_is_explained(
    acme: Tenant,
    project: Project,
    in_office: None,
    report: Callable[..., Incident],
    users: dict[str, User],
    system: Actor,
    at_now: Any,
    api: Callable[..., Client],
    now: datetime,
) -> None:
    began = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)  # Wednesday 17:00
    incident = report(severity="P1", now=began)
    Incident.objects.filter(pk=incident.pk).update(
        state="waiting", waiting_since=began, waiting_owner=users["agent"].pk, waiting_reason="A test file"
    )
    happens(incident, "pause", RESOLUTION, by=system, now=began + 30 * MINUTE)
    happens(incident, "resume", RESOLUTION, by=system, now=began + 40 * MINUTE)
    at_now.move_to(began + 17 * HOUR)  # Thursday 10:00
    path = f"/api/v1/projects/{project.pk}/hypercare/incidents/{incident.pk}/clocks"
    theirs = api(acme, users["customer"]).get(path).json()
    assert len(theirs["clocks"][1]["stretches"]) == 5
    assert "Office" not in str(theirs)  # how policies are made is not for customers
    answer = api(acme, users["agent"]).get(path)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["incident_id"], body["at"]) == (str(incident.pk), "2026-11-19T07:00:00Z")
    response, resolution = body["clocks"]
    assert [(each["seconds"], each["why"], each["reason"]) for each in resolution["stretches"]] == [
        (1800, "running", ""),
        (600, "paused", "A test file"),
        (1200, "running", ""),
        (15 * 3600, "outside_hours", ""),
        (3600, "running", ""),
    ]
    assert {each["calendar"] for each in resolution["stretches"]} == {"Office"}
    assert (resolution["wall_seconds"], resolution["counted_seconds"]) == (17 * 3600, 6600)
    assert resolution["uncounted_seconds"] == 17 * 3600 - 6600
    assert (resolution["elapsed_seconds"], resolution["phase"], resolution["percent"]) == (
        6600,
        "running",
        45,
    )
    assert (response["breached"], response["cycle"], response["elapsed_seconds"]) == (True, 1, 7200)
    start, pause, _resume = resolution["events"]
    assert (start["target_minutes"], start["calendar"], start["calendar_version"]) == (240, "Office", 1)
    assert start["config_hash"].startswith("sha256:")
    assert start["policy_id"]
    assert (pause["kind"], pause["target_minutes"], pause["policy_id"]) == ("pause", None, None)
    assert "@" not in answer.content.decode()


def test_another_projects_clocks_are_not_there(
    acme: Tenant,
    project: Project,
    other_project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
    api: Callable[..., Client],
) -> None:
    theirs = report(severity="P1", project=other_project)
    path = f"/api/v1/projects/{project.pk}/hypercare/incidents/{theirs.pk}/clocks"
    assert api(acme, users["agent"]).get(path).status_code == 404
    assert api(acme).get(path).status_code == 401


def test_explaining_is_as_dear_for_a_long_life(
    in_acme: Tenant,
    report: Callable[..., Incident],
    system: Actor,
    now: datetime,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    incident = report(severity="P1")
    for hour in range(1, 8):
        happens(incident, "pause", RESOLUTION, by=system, now=now + hour * HOUR)
        happens(incident, "resume", RESOLUTION, by=system, now=now + hour * HOUR + MINUTE)
    with django_assert_num_queries(1):
        services.explain(incident=incident, by=system, now=now + 9 * HOUR)
