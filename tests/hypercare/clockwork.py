"""Clocks for Hypothesis: calendars and legal sequences of events, and the slow plain way to read them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from hypercare.rules import Hours, Tick
from hypercare.states import CLOCK_MOVES, ClockEventKind, ClockPhase

MINUTE = timedelta(minutes=1)
ZONES = [
    ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Europe/Istanbul", "Australia/Lord_Howe")
]
# The evenings before clocks change, both ways, and an ordinary one at the turn of a year.
EVENINGS = [
    datetime(2026, 3, 28, 18, 0, tzinfo=UTC),
    datetime(2026, 10, 24, 18, 0, tzinfo=UTC),
    datetime(2026, 3, 7, 20, 0, tzinfo=UTC),
    datetime(2026, 10, 31, 20, 0, tzinfo=UTC),
    datetime(2026, 4, 4, 10, 0, tzinfo=UTC),
    datetime(2026, 12, 31, 16, 0, tzinfo=UTC),
]
OFFICE: dict[str, Any] = {
    "time_zone": "Europe/Istanbul",
    "weekly": {
        day: [["09:00", "12:30"], ["13:30", "18:00"]]
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    },
}
TARGETS = (ClockEventKind.START, ClockEventKind.RETARGET)


@st.composite
def days(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """A day's intervals: none, one, several, touching ones, ones without length, up to 24:00."""
    ends = sorted(draw(st.lists(st.integers(0, 96), max_size=6)))
    return tuple((start * 15, end * 15) for start, end in zip(ends[::2], ends[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> Hours:
    week = draw(st.lists(days(), min_size=7, max_size=7))
    some = st.sampled_from([evening.date() + timedelta(n) for evening in EVENINGS for n in range(3)])
    closed = draw(st.frozensets(some, max_size=3))
    special = draw(st.dictionaries(some, days(), max_size=3))
    # Open for an hour on Wednesdays at least, or nothing would ever be due.
    week[2] = week[2] if sum(end - start for start, end in week[2]) >= 60 else ((600, 660),)
    return Hours(draw(st.sampled_from(ZONES)), tuple(week), closed, special)


@st.composite
def lives(draw: st.DrawFn, *, longest_gap: int = 900) -> tuple[list[Tick], datetime]:
    """The events of a clock that its moves allow, in whole minutes, and a moment at or after the last."""
    at = draw(st.sampled_from(EVENINGS)) + draw(st.integers(0, 600)) * MINUTE
    phase, events = ClockPhase.NEW, []
    for _step in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(sorted(CLOCK_MOVES[phase])))
        target = draw(st.integers(1, 1500)) if kind in TARGETS else None
        hours = draw(st.none() | calendars()) if kind in TARGETS else None
        events.append(Tick(kind, at, target, hours))
        phase = CLOCK_MOVES[phase][kind]
        at += draw(st.integers(0, longest_gap)) * MINUTE
    return events, at


def is_open(hours: Hours, begin: datetime) -> Iterator[bool]:
    """Whether it is open in each minute from `begin` on, read off the wall clock.

    The wall clock shows the latest time that it has reached, so that an hour which it repeats is not there twice.
    """
    at = begin - timedelta(days=1)
    shown = datetime.min  # noqa: DTZ901 - the wall's
    while True:
        shown = max(shown, at.astimezone(hours.zone).replace(tzinfo=None))
        if at >= begin:
            day: date = shown.date()
            spans: Sequence[tuple[int, int]] = hours.weekly[day.weekday()]
            if day in hours.closed:
                spans = ()
            if day in hours.special:
                spans = hours.special[day]
            minute = shown.hour * 60 + shown.minute
            yield any(start <= minute < end for start, end in spans)
        at += MINUTE


def plainly_worked(hours: Hours | None, begin: datetime, end: datetime) -> timedelta:
    """Open time between two moments, minute by minute."""
    minutes = (end - begin) // MINUTE
    if hours is None:
        return minutes * MINUTE
    opened = is_open(hours, begin)
    return sum(next(opened) for _minute in range(minutes)) * MINUTE


def plainly_elapsed(events: list[Tick], now: datetime) -> timedelta:
    """What a clock has counted, minute by minute."""
    elapsed, hours, phase = timedelta(0), None, ClockPhase.NEW
    for event, until in zip(events, [*(event.at for event in events[1:]), now], strict=True):
        phase = CLOCK_MOVES[phase][event.kind]
        hours = event.hours if event.kind in TARGETS else hours
        if phase == ClockPhase.RUNNING:
            elapsed += plainly_worked(hours, event.at, until)
    return elapsed


def plainly_after(
    hours: Hours | None, begin: datetime, amount: timedelta, *, within: timedelta
) -> datetime | None:
    """The first moment at which `amount` of open time has passed since `begin`; None if not `within` so much time."""
    if hours is None:
        return begin + amount
    at, left = begin, amount
    for opened in is_open(hours, begin):
        if left <= timedelta(0):
            return at
        if at > begin + within:
            return None
        left -= MINUTE * opened
        at += MINUTE
    return None
