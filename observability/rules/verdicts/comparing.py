"""Rules: when what was measured is a breach, and when a warning. Validated as they are made."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import ClassVar

from observability.rules.verdicts.numbers import RATIO, Number, exact


@dataclass(frozen=True, slots=True)
class _Limit:
    """A comparison with one fixed limit, in the metric's unit."""

    limit: Number
    kind: ClassVar[str]

    def __post_init__(self) -> None:
        exact("limit", self.limit)

    def bound(self, value: Fraction) -> Fraction:
        return Fraction(self.limit)


@dataclass(frozen=True, slots=True)
class Above(_Limit):
    """More than `limit` is a breach."""

    kind: ClassVar[str] = "above"

    def is_broken(self, value: Fraction) -> bool:
        return value > Fraction(self.limit)


@dataclass(frozen=True, slots=True)
class AtLeast(_Limit):
    """`limit` or more is a breach."""

    kind: ClassVar[str] = "at_least"

    def is_broken(self, value: Fraction) -> bool:
        return value >= Fraction(self.limit)


@dataclass(frozen=True, slots=True)
class Below(_Limit):
    """Less than `limit` is a breach."""

    kind: ClassVar[str] = "below"

    def is_broken(self, value: Fraction) -> bool:
        return value < Fraction(self.limit)


@dataclass(frozen=True, slots=True)
class AtMost(_Limit):
    """`limit` or less is a breach."""

    kind: ClassVar[str] = "at_most"

    def is_broken(self, value: Fraction) -> bool:
        return value <= Fraction(self.limit)


@dataclass(frozen=True, slots=True)
class Outside:
    """Less than `low` or more than `high` is a breach; both edges are inside."""

    low: Number
    high: Number
    kind: ClassVar[str] = "outside"

    def __post_init__(self) -> None:
        if exact("low", self.low) > exact("high", self.high):
            raise ValueError(f"the band from {self.low} to {self.high} holds nothing")

    def is_broken(self, value: Fraction) -> bool:
        return not Fraction(self.low) <= value <= Fraction(self.high)

    def bound(self, value: Fraction) -> Fraction:
        """The edge that is nearer to `value`."""
        return min(Fraction(self.low), Fraction(self.high), key=lambda edge: abs(value - edge))


@dataclass(frozen=True, slots=True)
class Times:
    """More than `factor` x baseline is a breach, if chance does not explain it.

    The baseline is what was measured in the `before` ahead of the window, until the last full hour (so that it is read
    once an hour), a count scaled to the window's length; with fewer than the rule's samples it is `fallback`, and
    without that the verdict is no data. Events are put to an exact test besides: at one expected event per window,
    "half as much again" happens by itself every fourth time.
    """

    factor: Number
    before: timedelta
    fallback: Number | None = None
    kind: ClassVar[str] = "times"

    def __post_init__(self) -> None:
        if exact("factor", self.factor) < 1:
            raise ValueError(f"a factor of {self.factor} is below 1")
        if self.before <= timedelta(0):
            raise ValueError(f"a baseline over {self.before} holds nothing")
        if self.fallback is not None and exact("fallback", self.fallback) < 0:
            raise ValueError(f"the fallback {self.fallback} is negative")


@dataclass(frozen=True, slots=True)
class Drift:
    """A rate that moved against the same length of time before; a breach if all of these guards hold.

    The count of events moved by at least `min_delta`, up or down; and the rate is at least `factor` x the one before
    or, where that was 0, the count is at least `min_delta`. The least number of samples is the rule's.
    """

    factor: Number
    min_delta: int
    kind: ClassVar[str] = "drift"

    def __post_init__(self) -> None:
        if exact("factor", self.factor) < 1:
            raise ValueError(f"a factor of {self.factor} is below 1")
        if self.min_delta < 1:
            raise ValueError(f"a change of {self.min_delta} is none")


Fixed = Above | AtLeast | Below | AtMost | Outside
Comparison = Fixed | Times | Drift


@dataclass(frozen=True, slots=True)
class Target:
    """The healthy range; outside of it, short of a breach, is a warning. With `is_open` its ends are outside."""

    low: Number | None = None
    high: Number | None = None
    is_open: bool = False

    def __post_init__(self) -> None:
        ends = [exact("target", end) for end in (self.low, self.high) if end is not None]
        if not ends:
            raise ValueError("a target without an end")
        if ends[0] > ends[-1] or (self.is_open and len(ends) > 1 and ends[0] == ends[1]):
            raise ValueError(f"the target from {self.low} to {self.high} holds nothing")

    def holds(self, value: Fraction) -> bool:
        low, high = self.low, self.high
        if self.is_open:
            return (low is None or value > Fraction(low)) and (high is None or value < Fraction(high))
        return (low is None or value >= Fraction(low)) and (high is None or value <= Fraction(high))


@dataclass(frozen=True, slots=True)
class Rule:
    """When what `metric` was over `window` is a breach, and when a warning.

    Fewer than `min_samples` observations are no data. Raises ValueError for a rule that cannot be meant.
    """

    metric: str
    unit: str
    window: timedelta
    breach: Comparison
    min_samples: int = 1
    target: Target | None = None

    def __post_init__(self) -> None:
        if not self.metric or not self.unit:
            raise ValueError("a rule needs a metric and its unit")
        if self.window <= timedelta(0):
            raise ValueError(f"{self.metric}: a window of {self.window} holds nothing")
        if self.min_samples < 1:
            raise ValueError(f"{self.metric}: {self.min_samples} samples are no measurement")
        if isinstance(self.breach, Drift) and self.unit != RATIO:
            raise ValueError(f"{self.metric}: only a rate drifts, this is in {self.unit}")
        if self.target is not None:
            self._check_target(self.target)

    def _check_target(self, target: Target) -> None:
        low: Number | None = None
        high: Number | None = None
        match self.breach:
            case Above(limit) | AtLeast(limit):
                high = limit
            case Below(limit) | AtMost(limit):
                low = limit
            case Outside():
                low, high = self.breach.low, self.breach.high
        is_too_low = low is not None and target.low is not None and Fraction(target.low) < Fraction(low)
        is_too_high = high is not None and target.high is not None and Fraction(target.high) > Fraction(high)
        if is_too_low or is_too_high:
            raise ValueError(f"{self.metric}: the target reaches into the breach")

    def period(self, now: datetime) -> tuple[datetime, datetime]:
        """The window: from when, until when."""
        return now - self.window, now

    def baseline_period(self, now: datetime) -> tuple[datetime, datetime] | None:
        """What the window is compared with; None for a fixed limit."""
        since = now - self.window
        match self.breach:
            case Times(before=before):
                until = since.replace(minute=0, second=0, microsecond=0)
                return until - before, until
            case Drift():
                return since - self.window, since
        return None
