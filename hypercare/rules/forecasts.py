"""What a clock would do that starts at some moment: when it is due, and why time until then counts or does not."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from hypercare.rules.calendars import DAY, Hours, Span
from hypercare.rules.clocks import Tick, replay
from hypercare.states import CLOCK_MOVES, ClockEventKind


class Gap(StrEnum):
    """Why hours are closed."""

    BREAK = "break"
    NIGHT = "night"
    DAY_OFF = "day_off"
    HOLIDAY = "holiday"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a stretch is closed, on one day; a break and a night have no day."""

    gap: Gap
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of time that counts, or does not for `causes`, the earliest first."""

    begin: datetime
    end: datetime
    causes: tuple[Cause, ...] = ()

    @property
    def counts(self) -> bool:
        return not self.causes

    @property
    def duration(self) -> timedelta:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a clock that runs from `begin` is due, and when it passes each mark, a percentage of its target."""

    begin: datetime
    due_at: datetime
    marks: tuple[tuple[int, datetime], ...]


def forecast(hours: Hours | None, begin: datetime, minutes: int, marks: Iterable[int]) -> Forecast:
    """What a clock of so many minutes does that starts at `begin` and is never paused; without hours, round the clock.

    Raises Unreachable when its hours end before its target does.
    """
    state = replay([Tick(ClockEventKind.START, begin, minutes, hours)], begin)
    passed = ((mark, state.next_mark([mark], warned=0, now=begin)) for mark in sorted(marks))
    assert state.due_at is not None  # it runs
    return Forecast(begin, state.due_at, tuple((mark, at) for mark, at in passed if at is not None))


def legs(hours: Hours | None, begin: datetime, end: datetime) -> Iterator[Leg]:
    """Every moment from `begin` to `end`, in order and without a gap; those that count are what `hours` work."""
    if hours is None:
        opened: Iterable[tuple[datetime, datetime]] = [(begin, end)] if begin < end else []
    else:
        opened = _joined(hours.between(begin, end))
    at = begin
    for opens, closes in opened:
        if hours is not None and at < opens:
            yield Leg(at, opens, _causes(hours, at, opens))
        yield Leg(opens, closes)
        at = closes
    if hours is not None and at < end:
        yield Leg(at, end, _causes(hours, at, end))


def replaced(events: Sequence[Tick], by: Tick) -> Tick | None:
    """The start or new target of `events` that `by`, a new target, takes the place of.

    None if minutes and hours are the same, or the clock is fulfilled by then.
    """
    if ClockEventKind.RETARGET not in CLOCK_MOVES[replay(events, by.at).phase]:
        return None
    was = next(event for event in reversed(events) if event.target_minutes)
    same = (was.target_minutes, was.hours) == (by.target_minutes, by.hours)
    return None if same else was


def _joined(intervals: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Intervals that touch, as one: those of a year end with it."""
    held: tuple[datetime, datetime] | None = None
    for opens, closes in intervals:
        if held and held[1] == opens:
            held = held[0], closes
        else:
            if held:
                yield held
            held = opens, closes
    if held:
        yield held


def _causes(hours: Hours, begin: datetime, end: datetime) -> tuple[Cause, ...]:
    """Why `hours` are closed from `begin` to `end`: the days that would be open otherwise, else the time of day."""
    found = []
    day = begin.astimezone(hours.zone).date()
    while hours.moment(day, 0) < end:
        cause = _cause(hours, day, begin, end)
        found += [cause] if cause else []
        day += DAY
    return tuple(found) or (Cause(_time_of_day(hours, begin, end)),)


def _cause(hours: Hours, day: date, begin: datetime, end: datetime) -> Cause | None:
    """Why `day` makes the closed time from `begin` to `end` longer; None if it does not."""
    regular, special = hours.regular(day), hours.special.get(day)
    if special is not None and (special or regular):
        missed = any(
            hours.moment(day, opens) < end and hours.moment(day, closes) > begin for opens, closes in regular
        )
        return Cause(Gap.EXCEPTION, day) if missed else None
    if regular:
        return None
    week: Sequence[Span] = hours.weekly[day.weekday()]
    return Cause(Gap.HOLIDAY if week else Gap.DAY_OFF, day)


def _time_of_day(hours: Hours, begin: datetime, end: datetime) -> Gap:
    """A break lies between hours of one day."""
    day = begin.astimezone(hours.zone).date()
    spans = hours.on(day)
    before = any(hours.moment(day, closes) <= begin for _opens, closes in spans)
    after = any(hours.moment(day, opens) >= end for opens, _closes in spans)
    return Gap.BREAK if before and after else Gap.NIGHT
