"""Pure decisions of hypercare: what a clock says, when the week began, how long things took."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from hypercare.errors import BrokenClock
from hypercare.states import CLOCK_MOVES, ClockEventKind

ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Tick:
    """One event of a clock, as `replay` reads it. `target_minutes` counts on a start."""

    kind: str
    at: datetime
    target_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class ClockState:
    """What a clock says at one moment.

    `due_at` stays after the clock is fulfilled: it is what the fulfilment is measured against. `percent` is
    rounded down, so that 100 means breached and nothing else does.
    """

    target: timedelta
    elapsed: timedelta
    due_at: datetime
    fulfilled_at: datetime | None

    @property
    def remaining(self) -> timedelta:
        """Time left; negative once it is over."""
        return self.target - self.elapsed

    @property
    def percent(self) -> int:
        """Elapsed share of the target in whole percent, rounded down; above 100 once it is over."""
        return self.elapsed * 100 // self.target

    @property
    def breached(self) -> bool:
        """Whether the target is used up: at 100 %, the due moment itself included (hypercare.md, SLA)."""
        return self.elapsed >= self.target


def replay(events: Iterable[Tick], now: datetime) -> ClockState:
    """What the clock with `events` (in order of their seq) says at `now`, running round the clock.

    Time that goes backwards (two machines' clocks) counts as none. Raises BrokenClock on an order that is not in
    `CLOCK_MOVES`, and on a clock that never started.
    """
    previous, target, elapsed = "", ZERO, ZERO
    running_since: datetime | None = None
    due_at: datetime | None = None
    fulfilled_at: datetime | None = None
    for event in events:
        if event.kind not in CLOCK_MOVES[previous]:
            raise BrokenClock(f"{event.kind!r} after {previous or 'nothing'!r}")
        if running_since is not None:
            elapsed += max(ZERO, event.at - running_since)
        if event.kind == ClockEventKind.START:
            if not event.target_minutes:
                raise BrokenClock("started without a target")
            target = timedelta(minutes=event.target_minutes)
            running_since = event.at
            due_at = running_since + target - elapsed
        else:
            running_since = None
            fulfilled_at = event.at
        previous = event.kind
    if due_at is None:
        raise BrokenClock("never started")
    if running_since is not None:
        elapsed += max(ZERO, now - running_since)
    return ClockState(target=target, elapsed=elapsed, due_at=due_at, fulfilled_at=fulfilled_at)


def week_began(now: datetime, zone: tzinfo) -> datetime:
    """Monday 00:00 of the week of `now` as the wall clock in `zone` shows it."""
    local = now.astimezone(zone)
    monday = local.date() - timedelta(days=local.weekday())
    return datetime(monday.year, monday.month, monday.day, tzinfo=zone)


def hours(duration: timedelta | None) -> float | None:
    """`duration` in hours, to two places; None stays None: nothing measured is not zero."""
    return None if duration is None else round(duration / timedelta(hours=1), 2)


def ends_before_go_live(go_live_at: datetime | None, ends_on: date | None, zone: tzinfo) -> bool:
    """Whether hypercare would end before the day of the go-live in `zone`, or end without one."""
    if ends_on is None:
        return False
    return go_live_at is None or ends_on < go_live_at.astimezone(zone).date()
