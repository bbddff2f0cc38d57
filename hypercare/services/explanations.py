"""Where the time of an incident's clocks went: every moment since the report, and why it counted or did not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypercare.models import ClockEvent, Incident
from hypercare.rules import ClockState, Stretch, Tick, replay, stretches
from hypercare.services.clocks import hours_by_version
from hypercare.states import ClockKind
from tenancy.actors import Actor
from tenancy.permissions import require


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of time in words of its clock: `reason` of a pause, `calendar` that closed it or that it ran in."""

    stretch: Stretch
    reason: str
    calendar: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One clock at one moment. `wall` is the time since its start: what `counted` and what did not."""

    clock: ClockKind
    state: ClockState
    events: tuple[ClockEvent, ...]
    passages: tuple[Passage, ...]
    wall: timedelta
    counted: timedelta

    @property
    def uncounted(self) -> timedelta:
        return self.wall - self.counted


def explain(*, incident: Incident, by: Actor, now: datetime) -> list[Explanation]:
    """Both clocks of the incident at `now`, in one query. Raises NotAllowed."""
    require(by, "incident.read")
    rows = ClockEvent.objects.filter(incident=incident).order_by("seq")
    events = list(rows.select_related("calendar_version__calendar"))
    return [_explain(clock, [row for row in events if row.clock == clock], now) for clock in ClockKind]


def _explain(clock: ClockKind, events: list[ClockEvent], now: datetime) -> Explanation:
    ticks = [_tick(event) for event in events]
    found = stretches(ticks, now)
    passages = tuple(
        Passage(
            stretch, str(events[stretch.event].data.get("reason", "")), _calendar_of(events[stretch.terms])
        )
        for stretch in found
    )
    none = timedelta(0)
    wall = sum((stretch.duration for stretch in found), none)
    counted = sum((stretch.duration for stretch in found if stretch.counts), none)
    return Explanation(clock, replay(ticks, now), tuple(events), passages, wall, counted)


def _tick(event: ClockEvent) -> Tick:
    version_id = event.calendar_version_id
    hours = hours_by_version(version_id) if version_id else None
    return Tick(event.kind, event.at, event.target_minutes, hours)


def _calendar_of(event: ClockEvent) -> str:
    """The name of the calendar that a start or a new target named; empty round the clock."""
    return event.calendar_version.calendar.name if event.calendar_version else ""
