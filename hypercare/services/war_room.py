"""All that the board of a project shows, at one moment, in two statements."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext

from hypercare.models import BREACHED, DEADLINE, FULFILLED_AT, ChangeRequest
from hypercare.rules import (
    Standing,
    Tick,
    counts_of,
    days_since,
    days_since_go_live,
    is_at_risk,
    last_days,
    light_of,
    open_by_day,
    replay,
    worst_first,
)
from hypercare.services.changes import allowed_actions
from hypercare.services.clocks import hours_by_version
from hypercare.services.verbs import VERBS
from hypercare.services.war_room_rows import KINDS, open_incidents, project_of
from hypercare.states import ClockKind, ClockPhase, Light
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.permissions import may, require
from tenancy.states import ActorKind, Role


@dataclass(slots=True)  # not frozen: of these a thousand are made for a board, in half the time
class Clock:
    """One clock of an incident. Seconds are what it counted, so without pauses and outside its hours.

    `due_at` is None while it is paused, `remaining_seconds` in any other phase (negative once it is over).
    `round_the_clock` is False for one that counts the hours of a calendar alone: its deadline is further away than
    what is left. `breached` is as of now, recorded or not.
    """

    phase: ClockPhase
    target_seconds: float
    due_at: datetime | None
    elapsed_seconds: float
    remaining_seconds: float | None
    fulfilled_at: datetime | None
    breached: bool
    round_the_clock: bool


@dataclass(slots=True)  # as above
class OpenIncident:
    """An incident that is not resolved. `support_level` is None for a customer.

    `next_due_at`: when the next of its running clocks is, or was, due. `is_at_risk`: nothing of it is breached, and a
    running clock has used the share of its target at which people are warned for the last time.
    """

    id: UUID
    number: int
    key: str
    version: int
    title: str
    status: str
    severity: str
    incident_type: str
    affected_module: str
    affected_users_count: int | None
    support_level: str | None
    assigned_to_id: int | None
    assigned_to_name: str | None
    reported_by_id: int | None
    reported_by_name: str | None
    created_at: datetime
    waiting_since: datetime | None
    waiting_reason: str
    waiting_owner_name: str | None
    response: Clock
    resolution: Clock
    next_due_at: datetime | None
    is_at_risk: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """The open incidents of a severity. `next_due_at`: the earliest deadline that is still to come."""

    severity: str
    open: int
    breached: int
    at_risk: int
    next_due_at: datetime | None
    last_closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnfinishedChange:
    """A change request that the reader sees. `approvals`: valid ones by people who are on the board now."""

    id: UUID
    number: int
    key: str
    version: int
    title: str
    change_type: str
    priority: str
    status: str
    incident_key: str | None
    planned_implementation_date: date | None
    requested_by_id: int | None
    requested_by_name: str | None
    approvals: int
    quorum: int
    allowed_actions: list[str]


@dataclass(frozen=True, slots=True)
class TrendDay:
    """A day of the project's zone; `open` were open at its end, today's are open now."""

    day: date
    inflow: int
    outflow: int
    reopened: int
    open: int


@dataclass(frozen=True, slots=True)
class ModuleCount:
    module: str
    open: int


@dataclass(frozen=True, slots=True)
class Trends:
    """`days`: since the go-live, at most war_room.TREND_DAYS, the oldest first. `modules`: the most first."""

    days: list[TrendDay]
    modules: list[ModuleCount]


@dataclass(frozen=True, slots=True)
class FeedLine:
    """A line of the journal. `who` is empty for what the system did."""

    seq: int
    at: datetime
    verb: str
    text: str
    who: str
    kind: str
    id: UUID
    number: int | None
    key: str | None


@dataclass(frozen=True, slots=True)
class ProjectHead:
    """`go_live_day`: 0 on the day of the go-live in the project's zone, 12 twelve days later, None without one."""

    id: UUID
    code: str
    name: str
    program_name: str
    time_zone: str
    go_live_at: datetime | None
    go_live_day: int | None
    hypercare_ends_on: date | None
    change_quorum: int


@dataclass(frozen=True, slots=True)
class Rights:
    """What the reader may do in the project at all."""

    report: bool
    comment_internally: bool
    assign: bool
    draft_change: bool


@dataclass(frozen=True, slots=True)
class WarRoom:
    """A project's hypercare at `at`, as one reader may see it.

    `seq` is the journal's last line of before anything here was read: a stream that is resumed after it misses
    nothing. `open_count`, `breached` and the tiles count all open incidents; `incidents` are the worst
    war_room.INCIDENTS of them, `changes` the first war_room.CHANGES. `risk_percent`: the share of its target from
    which on a running clock is at risk. `trends` is None for customers, whose `feed` has what they see in timelines.
    """

    at: datetime
    seq: int
    project: ProjectHead
    role: Role | None
    is_ours: bool
    may: Rights
    light: Light
    risk_percent: int
    open_count: int
    breached: int
    at_risk: int
    tiles: list[Tile]
    incidents: list[OpenIncident]
    incidents_left_out: int
    changes: list[UnfinishedChange]
    changes_left_out: int
    trends: Trends | None
    feed: list[FeedLine]


def war_room(*, project: UUID, by: Actor, now: datetime) -> WarRoom | None:
    """What the board of the project with this key shows at `now`; None when `by` does not see the project.

    Raises NotAllowed.
    """
    require(by, "incident.read")
    is_ours = by.at_least(Role.AGENT)
    row = project_of(project, by=by, tenant=current_tenant(), is_ours=is_ours, now=now)
    if row is None:
        return None
    risk_percent = max(settings.THRESHOLDS.sla.WARN_PERCENTS)
    found = [
        _incident(columns, events, is_ours=is_ours, risk=risk_percent, now=now)
        for columns, events in open_incidents(project)
    ]
    found.sort(key=lambda pair: worst_first(pair[0], now))
    standings = [standing for standing, _incident in found]
    closed = {severity: datetime.fromisoformat(at) for severity, at in row["closed"]}
    changes = [_change(line, row, by) for line in row["changes"]]
    shown = found[: settings.THRESHOLDS.war_room.INCIDENTS]
    return WarRoom(
        at=now,
        seq=row["seq"],
        project=_head(row, now),
        role=by.role,
        is_ours=is_ours,
        may=Rights(
            report=may(by, "incident.report"),
            comment_internally=may(by, "incident.comment_internally"),
            assign=may(by, "incident.assign"),
            draft_change=may(by, "change.draft"),
        ),
        light=light_of(standings),
        risk_percent=risk_percent,
        open_count=len(standings),
        breached=sum(each.is_breached for each in standings),
        at_risk=sum(each.is_at_risk for each in standings),
        tiles=[
            Tile(
                each.severity,
                each.open,
                each.breached,
                each.at_risk,
                each.next_due_at,
                closed.get(each.severity),
            )
            for each in counts_of(standings, now)
        ],
        incidents=[incident for _standing, incident in shown],
        incidents_left_out=len(found) - len(shown),
        changes=changes,
        changes_left_out=row["changes_count"] - len(changes),
        trends=_trends(row, [incident for _standing, incident in found], now) if is_ours else None,
        feed=[_line(line, is_ours=is_ours) for line in row["feed"]],
    )


def _head(row: Mapping[str, Any], now: datetime) -> ProjectHead:
    zone = row["time_zone"]
    return ProjectHead(
        id=row["id"],
        code=row["code"],
        name=row["name"],
        program_name=row["program__name"],
        time_zone=str(zone),
        go_live_at=row["go_live_at"],
        go_live_day=days_since_go_live(row["go_live_at"], now, zone),
        hypercare_ends_on=row["hypercare_ends_on"],
        change_quorum=row["change_quorum"],
    )


# ---- incidents ----------------------------------------------------------------------------------------------------


def _incident(
    row: Mapping[str, Any], events: list[list[Any]], *, is_ours: bool, risk: int, now: datetime
) -> tuple[Standing, OpenIncident]:
    cut = [event[0] for event in events].index(_RESPONSE)
    response = _clock(ClockKind.RESPONSE, row, events[cut:], now)
    resolution = _clock(ClockKind.RESOLUTION, row, events[:cut], now)
    running = [clock for clock in (response, resolution) if clock.phase is ClockPhase.RUNNING]
    breached = response.breached or resolution.breached
    standing = Standing(
        number=row["number"],
        severity=row["severity"],
        is_breached=breached,
        is_at_risk=not breached and any(_is_at_risk(clock, risk) for clock in running),
        due=tuple([clock.due_at for clock in running if clock.due_at]),
    )
    return standing, OpenIncident(
        id=row["id"],
        number=row["number"],
        key=f"INC-{row['number']}",
        version=row["version"],
        title=row["title"],
        status=row["state"],
        severity=row["severity"],
        incident_type=row["incident_type"],
        affected_module=row["affected_module"],
        affected_users_count=row["affected_users_count"],
        support_level=row["support_level"] if is_ours else None,
        assigned_to_id=row["assigned_to_id"],
        assigned_to_name=row["assigned_to__name"],
        reported_by_id=row["reported_by_id"],
        reported_by_name=row["reported_by__name"],
        created_at=row["created_at"],
        waiting_since=row["waiting_since"],
        waiting_reason=row["waiting_reason"],
        waiting_owner_name=row["waiting_owner__name"],
        response=response,
        resolution=resolution,
        next_due_at=standing.next_due_at,
        is_at_risk=standing.is_at_risk,
    )


def _is_at_risk(clock: Clock, percent: int) -> bool:
    return is_at_risk(clock.elapsed_seconds, clock.target_seconds, percent)


_RESPONSE = ClockKind.RESPONSE.value
_COLUMNS = {
    clock: (FULFILLED_AT[clock], DEADLINE[clock], BREACHED[clock], f"sla_{clock}_elapsed")
    for clock in ClockKind
}


def _clock(clock: ClockKind, row: Mapping[str, Any], events: list[list[Any]], now: datetime) -> Clock:
    """What the columns of `row` say, and of what they do not say, the events; as `replay` has it."""
    fulfilled_at, due_at, recorded, elapsed = [row[name] for name in _COLUMNS[clock]]
    minutes, version = [event[3:] for event in events if event[3]][-1]  # its newest target
    target = timedelta(minutes=minutes)
    phase = ClockPhase.PAUSED if due_at is None else ClockPhase.RUNNING
    if fulfilled_at is not None:
        phase = ClockPhase.FULFILLED
    is_late = phase is ClockPhase.RUNNING and due_at <= now
    if elapsed is None and phase is ClockPhase.RUNNING and version is None and _runs_to(due_at, events):
        elapsed = target - (due_at - now)  # round the clock it is no more than that
    if elapsed is None:
        elapsed = replay([_tick(*event[1:]) for event in events], now).elapsed
    return Clock(
        phase=phase,
        target_seconds=target.total_seconds(),
        due_at=due_at,
        elapsed_seconds=elapsed.total_seconds(),
        remaining_seconds=(target - elapsed).total_seconds() if phase is ClockPhase.PAUSED else None,
        fulfilled_at=fulfilled_at,
        breached=recorded or is_late,
        round_the_clock=version is None,
    )


def _runs_to(due_at: datetime, events: list[list[Any]]) -> bool:
    """Whether nothing happened to a clock since it was due, or it is not due yet: later it stays due when it was."""
    return datetime.fromisoformat(events[-1][2]) < due_at


def _tick(kind: str, at: str, minutes: int | None, version: str | None) -> Tick:
    hours = hours_by_version(UUID(version)) if version else None
    return Tick(kind, datetime.fromisoformat(at), minutes, hours)


# ---- change requests, trends, the feed ----------------------------------------------------------------------------


def _change(line: list[Any], row: Mapping[str, Any], by: Actor) -> UnfinishedChange:
    (
        pk,
        number,
        version,
        title,
        type_,
        severity,
        state,
        incident,
        planned,
        asked_by,
        asker,
        approvals,
        voted,
    ) = line
    change = ChangeRequest(number=number, state=state, requested_by_id=asked_by)
    return UnfinishedChange(
        id=UUID(pk),
        number=number,
        key=change.key,
        version=version,
        title=title,
        change_type=type_,
        priority=severity,
        status=state,
        incident_key=incident and f"INC-{incident}",
        planned_implementation_date=planned and date.fromisoformat(planned),
        requested_by_id=asked_by,
        requested_by_name=asker,
        approvals=approvals,
        quorum=row["change_quorum"],
        allowed_actions=allowed_actions(change, by=by, on_board=row["on_board"], has_voted=voted),
    )


def _trends(row: Mapping[str, Any], incidents: Sequence[OpenIncident], now: datetime) -> Trends:
    zone, go_live_at = row["time_zone"], row["go_live_at"]
    counted = {
        date.fromisoformat(day): (inflow, outflow, reopened) for day, inflow, outflow, reopened in row["flow"]
    }
    days = last_days(now, zone, settings.THRESHOLDS.war_room.TREND_DAYS)
    flow = {day: counted.get(day, (0, 0, 0)) for day in days}
    levels = open_by_day(flow, row["open_count"])
    shown = days_since(days, go_live_at and go_live_at.astimezone(zone).date())
    modules = Counter(incident.affected_module for incident in incidents)
    return Trends(
        days=[TrendDay(day, *flow[day], levels[day]) for day in shown],
        modules=[
            ModuleCount(*each) for each in sorted(modules.items(), key=lambda each: (-each[1], each[0]))
        ],
    )


def _line(line: list[Any], *, is_ours: bool) -> FeedLine:
    seq, at, verb, actor_kind, name, subject, number = line
    model, _colon, pk = subject.partition(":")
    kind = KINDS[model]
    key = None if number is None else f"INC-{number}" if kind == "incident" else f"CR-{number:03}"
    # As timelines do: a customer is not told which of us was here under a grant.
    if not is_ours and actor_kind == ActorKind.SUPPORT:
        name = gettext("Support")
    text = str(VERBS.get(verb, verb))
    return FeedLine(seq, datetime.fromisoformat(at), verb, text, name or "", kind, UUID(pk), number, key)
