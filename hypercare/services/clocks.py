"""The clocks of an incident: their events are appended here and nowhere else.

Callers hold the incident's row, which orders the events of its clocks.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from hypercare.models import FULFILLED_AT, ClockEvent, Incident
from hypercare.rules import ClockState, Tick, replay
from hypercare.states import ClockEventKind, ClockKind
from tenancy.deadlines import schedule
from tenancy.transactions import ref

DUE_KINDS = {
    ClockKind.RESPONSE: "incident.response_due",
    ClockKind.RESOLUTION: "incident.resolution_due",
}
"""The deadline that wakes us about each clock."""


def starts(severity: str, now: datetime) -> dict[ClockKind, Tick]:
    """The first event of each clock of an incident of `severity` reported at `now`."""
    target = settings.THRESHOLDS.sla.for_severity(severity)
    return {
        ClockKind.RESPONSE: Tick(ClockEventKind.START, now, target.response),
        ClockKind.RESOLUTION: Tick(ClockEventKind.START, now, target.resolution),
    }


def start(incident: Incident, ticks: dict[ClockKind, Tick]) -> None:
    """Store the first events of the incident's clocks and ask to be woken at their deadlines."""
    # What the targets follow from, so that a breach can be explained after they were changed.
    why = {"severity": incident.severity, "config_hash": settings.CONFIG_HASH}
    ClockEvent.objects.bulk_create(
        ClockEvent(
            incident=incident,
            clock=clock,
            seq=1,
            kind=tick.kind,
            at=tick.at,
            target_minutes=tick.target_minutes,
            data=why,
        )
        for clock, tick in ticks.items()
    )
    for clock, kind in DUE_KINDS.items():
        schedule(kind=kind, subject=ref(incident), due_at=incident.deadline(clock))


def read(incident: Incident, clock: ClockKind, now: datetime) -> ClockState:
    """What the clock says at `now`, from its stored events."""
    return replay(_ticks(incident, clock), now)


def read_all(incidents: Iterable[Incident], clock: ClockKind, now: datetime) -> dict[UUID, ClockState]:
    """What `clock` of each of `incidents` says at `now`, by the incident's key, in one query."""
    ticks: dict[UUID, list[Tick]] = defaultdict(list)
    rows = ClockEvent.objects.filter(incident__in=[row.pk for row in incidents], clock=clock).order_by("seq")
    for pk, kind, at, target in rows.values_list("incident_id", "kind", "at", "target_minutes"):
        ticks[pk].append(Tick(kind, at, target))
    return {pk: replay(its, now) for pk, its in ticks.items()}


def fulfil(incident: Incident, clock: ClockKind, now: datetime) -> ClockState:
    """Stop the clock for good and return what it says."""
    ticks = _ticks(incident, clock)
    tick = Tick(ClockEventKind.FULFIL, now)
    state = replay([*ticks, tick], now)
    ClockEvent.objects.create(
        incident=incident, clock=clock, seq=len(ticks) + 1, kind=ClockEventKind.FULFIL, at=now
    )
    return state


def waiting(clock: ClockKind) -> Iterator[tuple[str, datetime]]:
    """Subject and time of every deadline of `clock` that should wait: of those that run and are not recorded."""
    running = Incident.objects.open().filter(
        **{f"{FULFILLED_AT[clock]}__isnull": True, f"sla_{clock}_breached": False}
    )
    for incident in running.iterator():
        yield ref(incident), incident.deadline(clock)


def minutes(duration: timedelta) -> int:
    """Whole minutes of `duration`."""
    return duration // timedelta(minutes=1)


def _ticks(incident: Incident, clock: ClockKind) -> list[Tick]:
    rows = ClockEvent.objects.filter(incident=incident, clock=clock).order_by("seq")
    return [Tick(*row) for row in rows.values_list("kind", "at", "target_minutes")]
