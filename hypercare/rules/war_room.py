"""What the war room says of the open incidents of a project: the light, what is at risk, what comes first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from hypercare.rules.clocks import OVER
from hypercare.states import URGENT, Light, Severity

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one open incident stands: `due` is when those of its clocks that run are, or were, due."""

    number: int
    severity: str
    is_breached: bool
    is_at_risk: bool
    due: tuple[datetime, ...]

    @property
    def next_due_at(self) -> datetime | None:
        """The earliest of `due`; None while no clock runs."""
        return min(self.due, default=None)


@dataclass(frozen=True, slots=True)
class Count:
    """The open incidents of one severity; `next_due_at` is the earliest deadline of theirs that is still to come."""

    severity: str
    open: int
    breached: int
    at_risk: int
    next_due_at: datetime | None


def is_at_risk(elapsed: float, target: float, percent: int) -> bool:
    """Whether a running clock has used `percent` of its target and is not over; both in seconds."""
    return target * percent <= elapsed * OVER < target * OVER


def light_of(standings: Iterable[Standing]) -> Light:
    """Red: an open P1, or a P1 or P2 that is breached. Amber: anything breached, or a P2 open. Else green.

    Source: hypercare.md, War room.
    """
    light = Light.GREEN
    for each in standings:
        if each.severity == Severity.P1 or (each.is_breached and each.severity in URGENT):
            return Light.RED
        if each.is_breached or each.severity == Severity.P2:
            light = Light.AMBER
    return light


def worst_first(standing: Standing, now: datetime) -> tuple[int, str, datetime, str, int]:
    """The key by which open incidents are sorted at `now`.

    Those with a running clock that is over come first, the gravest on top and of these the longest late; then by time
    to the next breach; those of which no clock runs come last. Ties by severity, then the older first.
    """
    due_at = standing.next_due_at or _NEVER
    is_late = due_at <= now
    place = 0 if is_late else 1 if standing.due else 2  # not tunable: an order
    return place, standing.severity if is_late else "", due_at, standing.severity, standing.number


def counts_of(standings: Sequence[Standing], now: datetime) -> list[Count]:
    """One count for each severity, P1 first."""
    counts = []
    for severity in Severity.values:
        rows = [each for each in standings if each.severity == severity]
        ahead = [due_at for each in rows for due_at in each.due if due_at > now]
        breached, at_risk = sum(each.is_breached for each in rows), sum(each.is_at_risk for each in rows)
        counts.append(Count(severity, len(rows), breached, at_risk, min(ahead, default=None)))
    return counts


def open_by_day(flow: Mapping[date, tuple[int, int, int]], open_now: int) -> dict[date, int]:
    """How many were open at the end of each day of `flow` (inflow, outflow, reopened; the oldest first).

    At the end of the last one `open_now` are; each day has those of the day before, plus inflow and reopened, less
    outflow.
    """
    found: dict[date, int] = {}
    for day, (inflow, outflow, reopened) in reversed(list(flow.items())):
        found[day] = open_now
        open_now += outflow - inflow - reopened
    return dict(reversed(list(found.items())))


def days_since(days: Iterable[date], begin: date | None) -> list[date]:
    """Those of `days` from `begin` on; all of them without one, and when it is still to come."""
    every = list(days)
    return [day for day in every if day >= begin] if begin and begin <= every[-1] else every
