"""The clocks of an incident: their events are appended here and nowhere else, with the columns that project them.

Callers hold the incident's row, which orders the events of its clocks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, OuterRef, Subquery

from hypercare.models import FULFILLED_AT, CalendarVersion, ClockEvent, Incident, PolicyTarget, Project
from hypercare.rules import ClockState, Hours, Tick, hours_of, replaced, replay
from hypercare.services.alerts import Alert, sound
from hypercare.states import ClockEventKind, ClockKind, ClockPhase
from tenancy.actors import Actor
from tenancy.deadlines import schedule
from tenancy.transactions import ref

DUE_KINDS = {
    ClockKind.RESPONSE: "incident.response_due",
    ClockKind.RESOLUTION: "incident.resolution_due",
}
"""The deadline that wakes us when each clock is over."""
WARNING_KINDS = {
    ClockKind.RESPONSE: "incident.response_warning",
    ClockKind.RESOLUTION: "incident.resolution_warning",
}
"""The deadline that wakes us when each clock passes the next mark that people are warned of."""
_POLICIES = 7103  # not tunable: a name, among advisory locks


# ---- terms: the policy in force ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Terms:
    """What a project's policy says for a severity. `why` says where it comes from."""

    minutes: Mapping[ClockKind, int]
    calendar_version_id: UUID | None
    hours: Hours | None
    why: Mapping[str, object]


def lock_policies(project: Project, *, shared: bool) -> None:
    """Until the end of the transaction: nobody changes the policies or calendars of `project` (`shared`), or nobody
    reads them to start clocks. Taken before the row of any incident."""
    name = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name}(%s, hashtext(%s))", [_POLICIES, str(project.pk)])


def terms(project_id: UUID, severity: str, now: datetime) -> Terms:
    """What is in force at `now`: the project's latest policy that has begun; without one, the defaults."""
    newest = CalendarVersion.objects.filter(calendar=OuterRef("calendar")).order_by("-number")
    found = (
        PolicyTarget.objects.filter(
            policy__project=project_id, policy__valid_from__lte=now, severity=severity
        )
        .order_by("-policy__valid_from")
        .annotate(
            version_id=Subquery(newest.values("pk")[:1]),
            version=Subquery(newest.values("number")[:1]),
            calendar_name=F("calendar__name"),
        )
        .values(
            "policy_id", "response_minutes", "resolution_minutes", "version_id", "version", "calendar_name"
        )
        .first()
    )
    why: dict[str, object] = {"severity": severity, "config_hash": settings.CONFIG_HASH}
    if found is None:
        default = settings.THRESHOLDS.sla.for_severity(severity)
        minutes = {ClockKind.RESPONSE: default.response, ClockKind.RESOLUTION: default.resolution}
        return Terms(minutes, None, None, why)
    why["policy"] = str(found["policy_id"])
    hours = None
    if found["version_id"]:
        why |= {"calendar": found["calendar_name"], "calendar_version": found["version"]}
        hours = hours_by_version(found["version_id"])
    minutes = {
        ClockKind.RESPONSE: found["response_minutes"],
        ClockKind.RESOLUTION: found["resolution_minutes"],
    }
    return Terms(minutes, found["version_id"], hours, why)


@lru_cache(maxsize=settings.THRESHOLDS.hypercare.CALENDARS_REMEMBERED)
def hours_by_version(version_id: UUID) -> Hours:
    """The hours of a calendar's version, which never changes: read once by each process."""
    version = CalendarVersion.objects.get(pk=version_id)
    return hours_of(version.definition, version.closed_on)


# ---- what happens to clocks ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """The first event of a clock that nothing stores yet."""

    tick: Tick
    calendar_version_id: UUID | None
    why: Mapping[str, object]

    @property
    def due_at(self) -> datetime | None:
        """When the clock will be due."""
        return replay([self.tick], self.tick.at).due_at


def starts(project: Project, severity: str, now: datetime) -> dict[ClockKind, Start]:
    """The first event of each clock of an incident of `severity` that is reported in `project` at `now`.

    In the transaction that stores them, before it locks anything: a policy that begins waits for its end.
    """
    lock_policies(project, shared=True)
    by = terms(project.pk, severity, now)
    return {
        clock: Start(
            Tick(ClockEventKind.START, now, by.minutes[clock], by.hours), by.calendar_version_id, by.why
        )
        for clock in ClockKind
    }


def start(incident: Incident, starts: Mapping[ClockKind, Start]) -> None:
    """Store the first events of the incident's clocks, and ask to be woken when they are over and before."""
    ClockEvent.objects.bulk_create(
        _row(_Step(incident, clock, [], each.tick, each.calendar_version_id, each.why))
        for clock, each in starts.items()
    )
    for clock, each in starts.items():
        _schedule(incident, clock, replay([each.tick], each.tick.at), each.tick.at)


def pause(incident: Incident, clock: ClockKind, *, by: Actor, now: datetime) -> ClockState:
    """Stop the clock for a while; what the incident waits for is kept with it. Raises BrokenClock."""
    return _happens(ClockEventKind.PAUSE, incident, clock, by=by, now=now, why=_waiting_for(incident))


def resume(incident: Incident, clock: ClockKind, *, by: Actor, now: datetime) -> ClockState:
    """Let a paused clock run on. Raises BrokenClock."""
    return _happens(ClockEventKind.RESUME, incident, clock, by=by, now=now)


def fulfil(incident: Incident, clock: ClockKind, *, by: Actor, now: datetime) -> ClockState:
    """Stop the clock for good; late, its breach is recorded and told unless it was before. Raises BrokenClock."""
    return _happens(ClockEventKind.FULFIL, incident, clock, by=by, now=now)


def reopen(incident: Incident, clock: ClockKind, *, by: Actor, now: datetime) -> ClockState:
    """Let a fulfilled clock run on, in a new cycle: people are warned and told anew. Raises BrokenClock."""
    return _happens(ClockEventKind.REOPEN, incident, clock, by=by, now=now)


def retarget(incident: Incident, *, by: Actor, now: datetime, why: Mapping[str, object]) -> None:
    """Give each clock that is not fulfilled the target that its severity has now, in a new cycle.

    Elapsed time and pauses stay. A clock whose target and hours are those already stays as it is. `why` is kept with
    the event, beside what was and what is.
    """
    retarget_all([incident], by=by, now=now, why=why)


def retarget_all(
    incidents: Sequence[Incident], *, by: Actor, now: datetime, why: Mapping[str, object]
) -> int:
    """`retarget` each of `incidents`, in a few statements; how many clocks got a new target."""
    found: dict[tuple[UUID, str], Terms] = {}
    steps = []
    for clock in ClockKind:
        events = ticks_of(incidents, clock)
        for incident in incidents:
            key = (incident.project_id, incident.severity)
            if key not in found:
                found[key] = terms(*key, now)
            tick = Tick(ClockEventKind.RETARGET, now, found[key].minutes[clock], found[key].hours)
            was = replaced(events[incident.pk], tick)
            if was:
                data = {
                    **found[key].why,
                    "before": {"target_minutes": was.target_minutes},
                    "because": dict(why),
                }
                version_id = found[key].calendar_version_id
                steps.append(_Step(incident, clock, events[incident.pk], tick, version_id, data))
    _take(steps, by=by, now=now)
    return len(steps)


# ---- storing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    """One event that is to be appended to `events`, which is all that the clock has."""

    incident: Incident
    clock: ClockKind
    events: list[Tick]
    tick: Tick
    calendar_version_id: UUID | None
    why: Mapping[str, object]


def _happens(
    kind: ClockEventKind,
    incident: Incident,
    clock: ClockKind,
    *,
    by: Actor,
    now: datetime,
    why: Mapping[str, object] | None = None,
) -> ClockState:
    events = ticks_of([incident], clock)[incident.pk]
    step = _Step(incident, clock, events, Tick(kind, now), None, why or {})
    return _take([step], by=by, now=now)[0]


_BEGINS_CYCLE = frozenset({ClockEventKind.RETARGET, ClockEventKind.REOPEN})


def _take(steps: Sequence[_Step], *, by: Actor, now: datetime) -> list[ClockState]:
    """Append the events, write the columns, tell at once what is passed, and ask to be woken about the rest.

    The rows that the callers hold are changed too.
    """
    states = [replay([*step.events, step.tick], now) for step in steps]
    ClockEvent.objects.bulk_create(_row(step) for step in steps)
    alerts = []
    for step, state in zip(steps, states, strict=True):
        incident, clock = step.incident, step.clock
        _set(incident, clock, deadline=state.due_at, elapsed=state.elapsed if state.fulfilled_at else None)
        if step.tick.kind in _BEGINS_CYCLE:
            _set(incident, clock, breached=False, breached_at=None, warned=0)
        alert = settle(incident, clock, state, now)
        alerts += [alert] if alert else []
    write([step.incident for step in steps])
    sound(alerts, by=by, now=now)
    for step, state in zip(steps, states, strict=True):
        _schedule(step.incident, step.clock, state, now)
    return states


def settle(incident: Incident, clock: ClockKind, state: ClockState, now: datetime) -> Alert | None:
    """Put on the row what `state`, the clock's at `now`, has passed and nobody was told; and give what to tell.

    A breach that was not recorded in this cycle; else the marks passed above the one last warned of. Told once,
    by the highest; a breach swallows them.
    """
    recorded, warned = getattr(incident, f"sla_{clock}_breached"), getattr(incident, f"sla_{clock}_warned")
    if state.breached:
        if recorded:
            return None
        _set(incident, clock, breached=True, breached_at=now)
        return Alert(incident, clock, state)
    passed = state.passed(settings.THRESHOLDS.sla.WARN_PERCENTS, warned=warned)
    if not passed:
        return None
    _set(incident, clock, warned=passed[-1])
    return Alert(incident, clock, state, passed)


COLUMNS = tuple(
    f"sla_{clock}_{name}"
    for clock in ClockKind
    for name in ("deadline", "elapsed", "breached", "breached_at", "warned")
)
"""The columns of an incident that are written here alone."""


def write(incidents: Iterable[Incident]) -> None:
    """Store the columns of `incidents`, which the caller holds."""
    rows = list({incident.pk: incident for incident in incidents}.values())
    if len(rows) == 1:
        # One short statement instead of one that chooses by key.
        values = {name: getattr(rows[0], name) for name in COLUMNS}
        Incident.objects.filter(pk=rows[0].pk).update(**values)
    else:
        Incident.objects.bulk_update(rows, COLUMNS, batch_size=settings.THRESHOLDS.hypercare.CLOCK_ROWS)


def schedule_next(incident: Incident, clock: ClockKind, state: ClockState, now: datetime) -> None:
    """Ask to be woken when the next mark is passed, if the clock runs towards one."""
    at = _next_mark(incident, clock, state, now)
    if at is not None:
        schedule(kind=WARNING_KINDS[clock], subject=ref(incident), due_at=at)


def _schedule(incident: Incident, clock: ClockKind, state: ClockState, now: datetime) -> None:
    if state.phase is ClockPhase.RUNNING and not state.breached and state.due_at is not None:
        schedule(kind=DUE_KINDS[clock], subject=ref(incident), due_at=state.due_at)
        schedule_next(incident, clock, state, now)


def _next_mark(incident: Incident, clock: ClockKind, state: ClockState, now: datetime) -> datetime | None:
    warned = getattr(incident, f"sla_{clock}_warned")
    return state.next_mark(settings.THRESHOLDS.sla.WARN_PERCENTS, warned=warned, now=now)


def _set(incident: Incident, clock: ClockKind, **columns: Any) -> None:
    for name, value in columns.items():
        setattr(incident, f"sla_{clock}_{name}", value)


def _waiting_for(incident: Incident) -> dict[str, object]:
    return {"reason": incident.waiting_reason} if incident.waiting_reason else {}


def _row(step: _Step) -> ClockEvent:
    return ClockEvent(
        incident=step.incident,
        clock=step.clock,
        seq=len(step.events) + 1,
        kind=step.tick.kind,
        at=step.tick.at,
        target_minutes=step.tick.target_minutes,
        calendar_version_id=step.calendar_version_id,
        data=dict(step.why),
    )


# ---- reading ------------------------------------------------------------------------------------------------------


def read(incident: Incident, clock: ClockKind, now: datetime) -> ClockState:
    """What the clock says at `now`, from its start and what happened to it until then.

    Raises BrokenClock when it has no events.
    """
    ticks = ticks_of([incident], clock)[incident.pk]
    return replay([*ticks[:1], *(tick for tick in ticks[1:] if tick.at <= now)], now)


def read_all(incidents: Iterable[Incident], clock: ClockKind, now: datetime) -> dict[UUID, ClockState]:
    """What `clock` of each of `incidents` says at `now`, by the incident's key, in one query."""
    return {pk: replay(its, now) for pk, its in ticks_of(incidents, clock).items()}


def ticks_of(incidents: Iterable[Incident], clock: ClockKind) -> dict[UUID, list[Tick]]:
    """The events of `clock` of each of `incidents`, by the incident's key."""
    found: dict[UUID, list[Tick]] = {incident.pk: [] for incident in incidents}
    rows = ClockEvent.objects.filter(incident__in=list(found), clock=clock).order_by("seq")
    for pk, kind, at, target, version_id in rows.values_list(
        "incident_id", "kind", "at", "target_minutes", "calendar_version_id"
    ):
        hours = hours_by_version(version_id) if version_id else None
        found[pk].append(Tick(kind, at, target, hours))
    return found


# ---- what should wait: for a rebuild of the deadlines -------------------------------------------------------------


def waiting(clock: ClockKind) -> Iterator[tuple[str, datetime]]:
    """Subject and time of every deadline of `clock` that should wait: of those that run and are not recorded."""
    for incident in _running(clock):
        due_at = incident.deadline(clock)
        if due_at is not None:
            yield ref(incident), due_at


def waiting_for_marks(clock: ClockKind) -> Iterator[tuple[str, datetime]]:
    """Subject and time of every warning of `clock` that should wait: the next mark of each that runs."""
    incidents = iter(_running(clock))
    while chunk := list(islice(incidents, settings.THRESHOLDS.hypercare.CLOCK_ROWS)):
        events = ticks_of(chunk, clock)
        for incident in chunk:
            its = events[incident.pk]
            since = max(event.at for event in its)
            at = _next_mark(incident, clock, replay(its, since), since)
            if at is not None:
                yield ref(incident), at


def _running(clock: ClockKind) -> Iterator[Incident]:
    running = {
        f"{FULFILLED_AT[clock]}__isnull": True,
        f"sla_{clock}_deadline__isnull": False,
        f"sla_{clock}_breached": False,
    }
    rows: Iterator[Incident] = Incident.objects.open().filter(**running).iterator()
    return rows
