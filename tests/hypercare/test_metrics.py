"""The figures of a project, each by its definition and by a slow plain way over the same rows."""

import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hypercare import services
from hypercare.models import Incident, Project
from hypercare.rules import Target, last_days, last_weeks, share
from hypercare.services import clocks
from hypercare.states import OPEN_STATES, ClockKind, IncidentState, Severity
from tenancy.actors import Actor
from tenancy.errors import NotAllowed
from tenancy.journal.models import Event
from tenancy.models import Tenant, User
from tests.hypercare.clockwork import OFFICE
from tests.hypercare.conftest import MEMBERS, asked

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NONE = {"p50_hours": None, "p90_hours": None}
NO_ENDS = {"ended": 0, "breached": 0, "rate": None}


# ---- each figure by hand ------------------------------------------------------------------------------------------


def test_no_incidents_give_zeros_or_nothing(
    in_acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    figures = asdict(services.metrics(project=project, by=actors["agent"], now=now))
    days, weeks = figures.pop("flow"), figures.pop("breach_rate")
    assert figures == {
        "open_by_priority": {"p1": 0, "p2": 0, "p3": 0, "p4": 0},
        "sla_breached": 0,
        "avg_resolution_hours": None,
        "resolved_this_week": 0,
        "time_to_first_response": {"count": 0, "wall": NONE, "business": NONE},
        "time_to_resolution": {"count": 0, "wall": NONE, "business": NONE},
        "reopened": {"resolved": 0, "reopened": 0, "rate": None},
        "backlog_age": {"count": 0, "p50_hours": None, "p90_hours": None, "oldest_hours": None},
    }
    assert [row.pop("day") for row in days] == [date(2026, 10, 20) + n * DAY for n in range(30)]
    assert all(row == {"inflow": 0, "outflow": 0, "reopened": 0} for row in days)
    assert [row.pop("week") for row in weeks] == [date(2026, 9, 28) + n * 7 * DAY for n in range(8)]
    assert all(row == {"response": NO_ENDS, "resolution": NO_ENDS} for row in weeks)


def test_each_figure_counts_what_it_says(
    in_acme: Tenant,
    project: Project,
    other_project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    # `now` is Wednesday 12:00 in Istanbul; the week began on Sunday 21:00 UTC.
    monday = datetime(2026, 11, 15, 21, 0, tzinfo=UTC)
    solve(report(now=monday - 4 * HOUR), actors, monday)  # counts in this week
    solve(report(now=monday - 10 * HOUR), actors, monday - HOUR)  # the week before
    solve(report(now=now - 40 * DAY), actors, now - 40 * DAY + 2 * HOUR)  # too long ago for the average
    report(severity="P1", now=now - 2 * HOUR)  # response overdue, no sweep ran
    services.respond_first(incident=report(severity="P1", now=now - HOUR / 2), by=actors["agent"], now=now)
    report(severity="P3", now=now)
    report(severity="P2", project=other_project, now=now)

    figures = services.metrics(project=project, by=actors["agent"], now=now)
    assert figures.open_by_priority == {"p1": 2, "p2": 0, "p3": 1, "p4": 0}
    assert figures.sla_breached == 1
    assert figures.avg_resolution_hours == 6.5
    assert figures.resolved_this_week == 1
    # Half an hour, four hours, nine hours: resolving answers too.
    assert asdict(figures.time_to_first_response.wall) == {"p50_hours": 4, "p90_hours": 8}
    assert asdict(figures.time_to_resolution.wall) == {"p50_hours": 6.5, "p90_hours": 8.5}
    assert asdict(figures.backlog_age) == {
        "count": 3,
        "p50_hours": 0.5,
        "p90_hours": 1.7,
        "oldest_hours": 2,
    }
    flow = {row.day: (row.inflow, row.outflow) for row in figures.flow if row.inflow or row.outflow}
    assert flow == {date(2026, 11, 15): (2, 1), date(2026, 11, 16): (0, 1), date(2026, 11, 18): (3, 0)}
    before, this = figures.breach_rate[-2:]
    # Nine hours to the answer are over a P3's eight; the deadline passed that Sunday, as the resolution came in time.
    assert (asdict(before.response), asdict(before.resolution)) == (
        {"ended": 1, "breached": 1, "rate": 1},
        {"ended": 1, "breached": 0, "rate": 0},
    )
    assert (asdict(this.response), asdict(this.resolution)) == (
        {"ended": 3, "breached": 1, "rate": 0.3333},
        {"ended": 1, "breached": 0, "rate": 0},
    )


def test_waiting_is_open_and_no_business_time(
    in_acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    def wait(incident: Incident, at: datetime) -> None:
        owner = actors["customer"].user_id or 0
        services.wait(incident=incident, reason="Which plant?", owner_id=owner, by=actors["agent"], now=at)

    waiting, solved = report(now=now - 10 * HOUR), report(now=now - 10 * HOUR)
    wait(waiting, now - 9 * HOUR)
    wait(solved, now - 8 * HOUR)
    services.resume(incident=solved, by=actors["agent"], now=now - 3 * HOUR)
    solve(solved, actors, now - 2 * HOUR)
    figures = services.metrics(project=project, by=actors["agent"], now=now)
    assert figures.open_by_priority["p3"] == figures.backlog_age.count == 1
    assert figures.backlog_age.oldest_hours == 10
    assert (figures.time_to_resolution.wall.p50_hours, figures.time_to_resolution.business.p50_hours) == (
        8,
        3,
    )


def test_a_reopened_incident_is_open_and_its_resolutions_stay_in_the_flow(
    in_acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    again, closed, kept = (report(now=now - 60 * HOUR) for _ in range(3))
    for incident in (again, closed, kept):
        solve(incident, actors, now - 50 * HOUR)
    for incident in (closed, kept):
        services.close(incident=incident, by=actors["agent"], now=now - 49 * HOUR)
    services.reopen(incident=closed, by=actors["agent"], now=now - 30 * HOUR)
    services.reopen(incident=again, by=actors["agent"], now=now - 20 * HOUR)
    solve(again, actors, now - HOUR)

    figures = services.metrics(project=project, by=actors["agent"], now=now)
    assert figures.open_by_priority["p3"] == 1
    assert asdict(figures.reopened) == {"resolved": 4, "reopened": 2, "rate": 0.5}
    assert sum(row.inflow for row in figures.flow) == 3
    assert sum(row.outflow for row in figures.flow) == 4
    assert sum(row.reopened for row in figures.flow) == 2
    # By its last resolution, from its report on; resolved time is no business time.
    assert figures.time_to_resolution.count == 2
    assert figures.time_to_resolution.wall.p90_hours == pytest.approx(10 + 0.9 * (59 - 10))
    assert figures.time_to_resolution.business.p90_hours == pytest.approx(10 + 0.9 * (29 - 10))


def test_metrics_are_not_for_customers(
    in_acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    with pytest.raises(NotAllowed):
        services.metrics(project=project, by=actors["customer"], now=now)


def test_days_and_weeks_begin_where_the_project_is() -> None:
    berlin, cairo = ZoneInfo("Europe/Berlin"), ZoneInfo("Africa/Cairo")
    evening = datetime(2026, 10, 25, 22, 59, tzinfo=UTC)  # 23:59 in Berlin: the day of 25 hours is not over
    days = last_days(evening, berlin, 2)
    assert list(days) == [date(2026, 10, 24), date(2026, 10, 25)]
    assert list(last_days(evening + timedelta(minutes=1), berlin, 1)) == [date(2026, 10, 26)]
    assert days[date(2026, 10, 25)].astimezone(UTC) == datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    # In Cairo that day has no midnight: it begins at 01:00, which is when midnight would have been.
    began = last_days(datetime(2027, 4, 30, 12, tzinfo=UTC), cairo, 1)[date(2027, 4, 30)]
    assert began.astimezone(UTC) == datetime(2027, 4, 29, 22, 0, tzinfo=UTC)
    # Sunday the 3rd is in the week that began in the old year.
    weeks = last_weeks(datetime(2027, 1, 3, 22, 59, tzinfo=UTC), berlin, 2)
    assert list(weeks) == [date(2026, 12, 21), date(2026, 12, 28)]


def test_a_share_of_nothing_is_nothing() -> None:
    assert (share(0, 0), share(0, 3), share(1, 3), share(3, 3)) == (None, 0, 0.3333, 1)


def test_the_api_has_the_sources_four_at_the_top_and_all_by_name(
    api: Callable[..., Client],
    acme: Tenant,
    users: dict[str, User],
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    at_now: time_machine.Traveller,
    now: datetime,
) -> None:
    report(severity="P1", now=now - 2 * HOUR)
    url = f"/api/v1/projects/{project.pk}/hypercare/metrics"
    assert api(acme, users["customer"]).get(url).status_code == 403
    shown = api(acme, users["agent"], read_only=True).get(url).json()
    assert list(shown) == [
        *("open_by_priority", "sla_breached", "avg_resolution_hours", "resolved_this_week"),
        *("time_to_first_response", "time_to_resolution", "reopened", "flow", "backlog_age", "breach_rate"),
    ]
    assert shown["open_by_priority"] == {"p1": 1, "p2": 0, "p3": 0, "p4": 0}
    assert shown["flow"][-1] == {"day": "2026-11-18", "inflow": 1, "outflow": 0, "reopened": 0}
    assert shown["breach_rate"][-1] == {
        "week": "2026-11-16",
        "response": {"ended": 1, "breached": 1, "rate": 1.0},
        "resolution": NO_ENDS,
    }
    assert shown["time_to_resolution"] == {"count": 0, "wall": NONE, "business": NONE}


# ---- by a slow plain way, on random lives -------------------------------------------------------------------------

PLACES = {
    "ordinary weeks": ("Europe/Istanbul", datetime(2026, 11, 18, 9, 0, tzinfo=UTC)),
    "clocks go back": ("Europe/Berlin", datetime(2026, 11, 8, 22, 50, tzinfo=UTC)),
    "clocks go forward, and the new year": ("America/New_York", datetime(2027, 3, 14, 9, 0, tzinfo=UTC)),
    "no midnight": ("Africa/Cairo", datetime(2027, 5, 2, 20, 55, tzinfo=UTC)),
    "the new year, a day ahead": ("Pacific/Auckland", datetime(2027, 1, 10, 10, 40, tzinfo=UTC)),
}
INCIDENTS = 25


@pytest.mark.parametrize(("zone", "end"), PLACES.values(), ids=PLACES)
def test_the_figures_are_those_of_the_plain_way(
    zone: str, end: datetime, in_acme: Tenant, system: Actor, actors: dict[str, Actor]
) -> None:
    dice = random.Random(f"{zone} {end}")
    project = place(ZoneInfo(zone), system, actors, end - 90 * DAY)
    live(project, actors, dice, end - 80 * DAY, end)
    midnight = min(last_days(end + DAY, project.time_zone, 1).values())
    tick = timedelta(microseconds=1)
    seen: Counter[str] = Counter()
    for now in (
        end,
        midnight - tick,
        midnight,
        midnight + tick,
        end + 9 * DAY,
        end + 45 * DAY,
        end + 99 * DAY,
    ):
        with CaptureQueriesContext(connection) as captured:
            figures = asdict(services.metrics(project=project, by=actors["agent"], now=now))
        assert len(asked(captured)) == 4
        for name, wanted in plainly(project, now).items():
            assert_near(figures[name], wanted, (now, name))
            seen[name] += says_something(figures[name])
    assert all(seen.values())
    assert {row.state for row in Incident.objects.all()} == set(IncidentState.values)
    assert Incident.objects.filter(reopened_count__gt=0).exists()


def place(zone: ZoneInfo, system: Actor, actors: dict[str, Actor], at: datetime) -> Project:
    """A project in `zone`; its P2 and P3 run in office hours."""
    program = services.create_program(code="ERP", name="ERP", by=system, now=at)
    project = services.create_project(
        program=program, code="ZONE", name="Zone", time_zone=zone, by=system, now=at
    )
    for role in MEMBERS:
        services.add_member(project=project, user_id=actors[role].user_id or 0, by=system, now=at)
    hours = {**OFFICE, "time_zone": str(zone)}
    office = services.create_calendar(project=project, name="Office", definition=hours, by=system, now=at)
    targets = {"P2": Target(240, 480, office.calendar_id), "P3": Target(480, 1440, office.calendar_id)}
    services.create_policy(project=project, targets=targets, by=system, now=at)
    return project


def live(
    project: Project, actors: dict[str, Actor], dice: random.Random, begin: datetime, end: datetime
) -> None:
    """Random lives of incidents between `begin` and `end`, more of them late, step by step in the order of time."""
    steps = [
        (end - (end - begin) * dice.random() ** 3, number, 0, dice.randint(0, 7))
        for number in range(INCIDENTS)
    ]
    heapq.heapify(steps)
    rows: dict[int, Incident] = {}
    while steps:
        at, number, done, of = heapq.heappop(steps)
        if number in rows:
            step(Incident.objects.get(pk=rows[number].pk), actors, dice, at)
        else:
            severity = dice.choice(Severity.values)
            rows[number] = services.report_incident(
                project=project, title="Blocked", severity=severity, by=actors["customer"], now=at
            )
        if dice.random() < 0.2:
            list(services.check_breaches(project=project, by=actors["agent"], now=at))
        later = at + dice.choice([90, 900, 9000, 50_000, 200_000]) * dice.random() * timedelta(seconds=2)
        if done < of and later < end:
            heapq.heappush(steps, (later, number, done + 1, of))


def step(incident: Incident, actors: dict[str, Actor], dice: random.Random, at: datetime) -> None:
    """One of the things that may happen to the incident now."""
    common: dict[str, Any] = {"incident": incident, "by": actors["agent"], "now": at}

    def wait() -> None:
        services.wait(reason="Which plant?", owner_id=actors["customer"].user_id or 0, **common)

    def retarget() -> None:
        services.change_incident(severity=dice.choice(Severity.values), **common)

    def solve_it() -> None:
        services.resolve(root_cause="Rule", resolution_notes="Fixed", **common)

    may: dict[str, Sequence[Callable[[], object]]] = {
        IncidentState.OPEN: [lambda: services.respond_first(**common), wait, solve_it, retarget],
        IncidentState.IN_PROGRESS: [wait, solve_it, solve_it, retarget],
        IncidentState.WAITING: [lambda: services.resume(**common), solve_it],
        IncidentState.RESOLVED: [lambda: services.reopen(**common), lambda: services.close(**common)],
        IncidentState.CLOSED: [lambda: services.reopen(**common)],
    }
    if incident.state == IncidentState.CLOSED and incident.closed_at and at > incident.closed_at + 14 * DAY:
        return
    dice.choice(may[incident.state])()


def plainly(project: Project, now: datetime) -> dict[str, Any]:
    """Every figure, one row after the other; what happened from the journal, clocks by replay."""
    zone = project.time_zone
    rows = list(Incident.objects.filter(project=project))
    still = [row for row in rows if row.state in OPEN_STATES]
    month = now - 30 * DAY
    answered = [row for row in rows if row.first_response_at and month < row.first_response_at <= now]
    solved = [row for row in rows if row.resolved_at and month < row.resolved_at <= now]
    today = local_day(now, zone)
    monday = today - today.weekday() * DAY
    states = {clock: clocks.read_all(rows, clock, now) for clock in ClockKind}
    took = [seconds(row.resolved_at, row.created_at) for row in solved]
    ages = [seconds(now, row.created_at) for row in still]
    return {
        "open_by_priority": {
            level.lower(): len([row for row in still if row.severity == level]) for level in Severity.values
        },
        "sla_breached": len([row for row in still if any(states[c][row.pk].breached for c in ClockKind)]),
        "avg_resolution_hours": sum(took) / len(took) / 3600 if took else None,
        "resolved_this_week": len(
            [row for row in solved if row.resolved_at and local_day(row.resolved_at, zone) >= monday]
        ),
        "time_to_first_response": {
            "count": len(answered),
            "wall": spread([seconds(row.first_response_at, row.created_at) for row in answered]),
            "business": spread([states[ClockKind.RESPONSE][row.pk].elapsed / SECOND for row in answered]),
        },
        "time_to_resolution": {
            "count": len(solved),
            "wall": spread(took),
            "business": spread([states[ClockKind.RESOLUTION][row.pk].elapsed / SECOND for row in solved]),
        },
        "backlog_age": {
            "count": len(still),
            **spread(ages),
            "oldest_hours": max(ages) / 3600 if ages else None,
        },
        **plain_flow(rows, [today - ago * DAY for ago in range(29, -1, -1)], zone, now),
        "breach_rate": [
            {"week": week, **{clock: kept(rows, clock, states, week, zone, now) for clock in ClockKind}}
            for week in [monday - 7 * ago * DAY for ago in range(7, -1, -1)]
        ],
    }


SECOND = timedelta(seconds=1)


def seconds(to: datetime | None, since: datetime) -> float:
    assert to is not None
    return (to - since) / SECOND


def local_day(at: datetime, zone: Any) -> date:
    return at.astimezone(zone).date()


def spread(values: Sequence[float]) -> dict[str, float | None]:
    return {f"p{percent}_hours": percentile(values, percent / 100) for percent in (50, 90)}


def percentile(values: Sequence[float], share: float) -> float | None:
    """As PostgreSQL's manual has percentile_cont, in hours."""
    if not values:
        return None
    ordered, place = sorted(values), share * (len(values) - 1)
    low = ordered[int(place)]
    high = ordered[min(int(place) + 1, len(values) - 1)]
    return (low + (high - low) * (place - int(place))) / 3600


def plain_flow(rows: Sequence[Incident], days: Sequence[date], zone: Any, now: datetime) -> dict[str, Any]:
    happened: Counter[tuple[str, date]] = Counter()
    resolved = reopened = 0
    for row in rows:
        events = list(Event.objects.filter(subject=f"incident:{row.pk}", at__lte=now).order_by("seq"))
        turns = [event for event in events if event.verb in ("incident.resolved", "incident.reopened")]
        for event in events:
            happened[event.verb, local_day(event.at, zone)] += 1
        for position, event in enumerate(turns):
            if event.verb == "incident.resolved" and local_day(event.at, zone) in days:
                resolved += 1
                reopened += position + 1 < len(turns)
    flow = [
        {
            "day": day,
            "inflow": happened["incident.reported", day],
            "outflow": happened["incident.resolved", day],
            "reopened": happened["incident.reopened", day],
        }
        for day in days
    ]
    rate = reopened / resolved if resolved else None
    return {"flow": flow, "reopened": {"resolved": resolved, "reopened": reopened, "rate": rate}}


def kept(
    rows: Sequence[Incident], clock: ClockKind, states: Any, week: date, zone: Any, now: datetime
) -> dict[str, Any]:
    ended = breached = 0
    for row in rows:
        state = states[clock][row.pk]
        at = state.fulfilled_at
        if state.breached:
            at = state.due_at or getattr(row, f"sla_{clock}_breached_at")
        if at is not None and at <= now and week <= local_day(at, zone) < week + 7 * DAY:
            ended += 1
            breached += state.breached
    return {"ended": ended, "breached": breached, "rate": breached / ended if ended else None}


def says_something(figure: Any) -> bool:
    """Whether there is a number in it that is not zero."""
    parts = figure.values() if isinstance(figure, dict) else figure if isinstance(figure, list) else ()
    return any(map(says_something, parts)) or (isinstance(figure, int | float) and figure > 0)


def assert_near(figure: Any, wanted: Any, where: object) -> None:
    """Equal, but for figures that were rounded."""
    if isinstance(wanted, dict):
        assert figure.keys() == wanted.keys(), where
        for name in wanted:
            assert_near(figure[name], wanted[name], (where, name))
    elif isinstance(wanted, list):
        assert len(figure) == len(wanted), where
        for position, (one, other) in enumerate(zip(figure, wanted, strict=True)):
            assert_near(one, other, (where, position))
    elif isinstance(wanted, float):
        assert figure == pytest.approx(wanted, abs=0.0051), where
    else:
        assert figure == wanted, where


def solve(incident: Incident, actors: dict[str, Actor], at: datetime) -> None:
    services.resolve(incident=incident, root_cause="x", resolution_notes="y", by=actors["agent"], now=at)
