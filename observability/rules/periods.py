"""A tenant's days as stretches of time in UTC: without gap or overlap, whatever the clocks on the wall do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A stretch of time in UTC: `start` belongs to it, `end` does not. Raises ValueError unless it has a length."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"a period ends after it starts: {self.start} to {self.end}")

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def middle(self) -> datetime:
        return self.start + self.length / 2  # not tunable: halves

    def holds(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def begins(day: date, zone: tzinfo) -> datetime:
    """The first moment, in UTC, at which the clock on the wall in `zone` shows `day`, or a later day if it never does.

    Midnight as a rule. Where midnight is left out, the moment at which the clock jumps over it; where it comes twice,
    the first.
    """
    midnight = datetime.combine(day, time(), tzinfo=zone)
    at = midnight.astimezone(UTC)
    if _shown(at, zone) == midnight.replace(tzinfo=None):
        return at
    # The offsets before and after the jump lead to moments on both sides of it.
    early = midnight.replace(fold=1).astimezone(UTC)
    while at - early > SECOND:
        half = early + (at - early) // 2  # not tunable: halves
        early, at = (early, half) if _shown(half, zone) >= midnight.replace(tzinfo=None) else (half, at)
    return at.replace(microsecond=0)


def day_of(moment: datetime, zone: tzinfo) -> date:
    """The day whose period holds `moment`."""
    day = moment.astimezone(zone).date()
    while begins(day + DAY, zone) <= moment:  # the clock went back over midnight: that day has begun already
        day += DAY
    return day


def period_of(day: date, zone: tzinfo) -> Period | None:
    """The whole of `day`, 23 or 25 hours long when the clocks change; None for a day that a zone left out."""
    start, end = begins(day, zone), begins(day + DAY, zone)
    return Period(start, end) if start < end else None


def next_midnight(moment: datetime, zone: tzinfo) -> datetime:
    """When the day after that of `moment` begins."""
    return begins(day_of(moment, zone) + DAY, zone)


def days_from(start: datetime, zone: tzinfo) -> Iterator[Period]:
    """The days of `zone` from `start` on, without end; each goes on where the one before ends.

    `start` need not be a midnight: after a change of the zone it is one of the zone before. What is then left of a
    day most of which was before `start` goes with the next day.
    """
    while True:
        midnight = next_midnight(start, zone)
        today = begins(day_of(start, zone), zone)
        if midnight - start < start - today:
            midnight = next_midnight(midnight, zone)
        yield Period(start, midnight)
        start = midnight


def missing(there: Iterable[Period], since: datetime, zone: tzinfo) -> Iterator[Period]:
    """The days from `since` on that none of `there` covers, the oldest first and without end.

    Together with `there` they tile: each goes on where the one before ends.
    """
    at = since
    for known in sorted(there):
        while at < known.start:
            gap = Period(at, min(next(days_from(at, zone)).end, known.start))
            yield gap
            at = gap.end
        at = max(at, known.end)
    yield from days_from(at, zone)


def week_of(moment: datetime, zone: tzinfo) -> date:
    """The Monday of the week of `moment`."""
    day = day_of(moment, zone)
    return day - day.weekday() * DAY


def ends_week(period: Period, zone: tzinfo) -> bool:
    """Whether a Monday begins where `period` ends, or within it."""
    return week_of(period.start, zone) != week_of(period.end, zone)


def _shown(moment: datetime, zone: tzinfo) -> datetime:
    """What the clock on the wall shows."""
    return moment.astimezone(zone).replace(tzinfo=None)
