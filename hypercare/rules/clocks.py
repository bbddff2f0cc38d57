"""What a clock says: a pure function of its events, the calendars they name, and now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hypercare.errors import BrokenClock
from hypercare.rules.calendars import Hours
from hypercare.states import CLOCK_MOVES, ClockEventKind, ClockPhase

ZERO = timedelta(0)
OVER = 100  # not tunable: percent
"""The percentage at which a clock is breached."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One event of a clock, as `replay` reads it.

    `target_minutes` and `hours` count on a start and on a new target: from there on the clock runs in these hours;
    None is round the clock.
    """

    kind: str
    at: datetime
    target_minutes: int | None = None
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class ClockState:
    """What a clock says at one moment.

    `due_at` is None while it is paused. It stays after the clock is fulfilled: it is what the fulfilment is measured
    against. `cycle` counts from 1: a new target and a reopening begin a new one, in which people are warned anew.
    """

    target: timedelta
    elapsed: timedelta
    due_at: datetime | None
    phase: ClockPhase
    fulfilled_at: datetime | None
    cycle: int
    hours: Hours | None = field(default=None, repr=False)

    @property
    def remaining(self) -> timedelta:
        """Time left; negative once it is over."""
        return self.target - self.elapsed

    @property
    def percent(self) -> int:
        """Elapsed share of the target in whole percent, rounded down, so that 100 means breached and nothing else
        does; above 100 once it is over."""
        return self.elapsed * 100 // self.target

    @property
    def breached(self) -> bool:
        """Whether the target is used up: at 100 %, the due moment itself included (hypercare.md, SLA)."""
        return self.elapsed >= self.target

    def passed(self, marks: Iterable[int], *, warned: int) -> tuple[int, ...]:
        """The percentages among `marks`, above `warned`, that people are to be warned of now, the lowest first.

        None once it is breached, which is told instead, or fulfilled.
        """
        if self.breached or self.phase is ClockPhase.FULFILLED:
            return ()
        return tuple(mark for mark in sorted(marks) if warned < mark <= self.percent)

    def next_mark(self, marks: Iterable[int], *, warned: int, now: datetime) -> datetime | None:
        """When the lowest of `marks` above `warned` is reached, if it runs on from `now`, the moment of this state.

        None while it does not run, and when no mark is left. A mark that is passed is reached at `now`.
        """
        ahead = [mark for mark in marks if warned < mark < OVER]
        if self.phase is not ClockPhase.RUNNING or not ahead:
            return None
        return _after(self.hours, now, max(ZERO, self.target * min(ahead) / OVER - self.elapsed))


def replay(events: Iterable[Tick], now: datetime) -> ClockState:
    """What the clock with `events` (in order of their seq) says at `now`.

    Time that goes backwards (two machines' clocks) stands still. A clock that is over stays due when it was; one
    whose new target is over already is due at that moment.
    Raises BrokenClock on an order that is not in `CLOCK_MOVES`, on a clock that never started, and on a start or a
    new target without minutes; Unreachable when its hours end before its target does.
    """
    phase, cycle = ClockPhase.NEW, 0
    target = elapsed = ZERO
    hours: Hours | None = None
    last: datetime | None = None  # when the latest event happened
    due_at: datetime | None = None
    for event in events:
        kind = event.kind
        to = CLOCK_MOVES[phase].get(kind)
        if to is None:
            raise BrokenClock(f"{kind!r} while {phase}")
        at = event.at if last is None or event.at > last else last
        if phase is ClockPhase.RUNNING and last is not None:
            elapsed += _worked(hours, last, at)
        if kind in _TARGETS:
            if not event.target_minutes:
                raise BrokenClock(f"{kind!r} without a target")
            target, hours = timedelta(minutes=event.target_minutes), event.hours
            due_at = at  # of a target that is over already; others follow below
        if kind in _CYCLES:
            cycle += 1
        stops = phase is ClockPhase.RUNNING and to is ClockPhase.FULFILLED  # and stays due when it was
        if elapsed < target and to is not ClockPhase.PAUSED and not stops:
            due_at = _after(hours, at, target - elapsed)
        phase, last = to, at
    if last is None:
        raise BrokenClock("never started")
    if phase is ClockPhase.RUNNING:
        elapsed += _worked(hours, last, now)
    shown = None if phase is ClockPhase.PAUSED else due_at
    fulfilled_at = last if phase is ClockPhase.FULFILLED else None
    return ClockState(target, elapsed, shown, phase, fulfilled_at, cycle, hours)


_TARGETS = frozenset({ClockEventKind.START, ClockEventKind.RETARGET})
_CYCLES = frozenset({ClockEventKind.START, ClockEventKind.RETARGET, ClockEventKind.REOPEN})


def _worked(hours: Hours | None, begin: datetime, end: datetime) -> timedelta:
    if end <= begin:
        return ZERO
    return end - begin if hours is None else hours.worked(begin, end)


def _after(hours: Hours | None, begin: datetime, amount: timedelta) -> datetime:
    return begin + amount if hours is None else hours.after(begin, amount)


class Why(StrEnum):
    """Why a stretch of time counts, or does not."""

    RUNNING = "running"
    PAUSED = "paused"
    OUTSIDE_HOURS = "outside_hours"
    FULFILLED = "fulfilled"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a clock's life in which one thing held. `event` and `terms` are positions in its events: of the one
    since which it holds, and of the start or new target whose hours it is read by."""

    begin: datetime
    end: datetime
    why: Why
    event: int
    terms: int

    @property
    def counts(self) -> bool:
        """Whether it is in the clock's elapsed time."""
        return self.why is Why.RUNNING

    @property
    def duration(self) -> timedelta:
        return self.end - self.begin


def stretches(events: Sequence[Tick], now: datetime) -> list[Stretch]:
    """Every moment from the start of the clock to `now`, in order and without a gap: what counted and what did not.

    Those that count sum up to what `replay` calls elapsed. Raises as `replay`.
    """
    replay(events, now)
    found: list[Stretch] = []
    phase, terms = ClockPhase.NEW, 0
    begin = events[0].at
    for position, event in enumerate(events):
        phase = CLOCK_MOVES[phase][event.kind]
        terms = position if event.kind in _TARGETS else terms
        until = events[position + 1].at if position + 1 < len(events) else now
        end = max(begin, until)
        why = _WHY[phase]
        hours = events[terms].hours
        if why is Why.RUNNING and hours is not None:
            for opened, closed in hours.between(begin, end):
                found.append(Stretch(begin, opened, Why.OUTSIDE_HOURS, position, terms))
                found.append(Stretch(opened, closed, why, position, terms))
                begin = closed
            why = Why.OUTSIDE_HOURS
        found.append(Stretch(begin, end, why, position, terms))
        begin = end
    return [stretch for stretch in found if stretch.begin < stretch.end]


_WHY = {
    ClockPhase.RUNNING: Why.RUNNING,
    ClockPhase.PAUSED: Why.PAUSED,
    ClockPhase.FULFILLED: Why.FULFILLED,
}
