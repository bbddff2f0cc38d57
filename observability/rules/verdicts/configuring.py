"""Alarms and drift rules of the configuration as rules: the one place where they are turned into some."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final, Protocol

from observability.rules.verdicts.comparing import (
    Above,
    AtLeast,
    Below,
    Comparison,
    Drift,
    Outside,
    Rule,
    Target,
    Times,
)
from observability.rules.verdicts.numbers import RATIO


class Alarm(Protocol):
    """What of an alarm decides its verdict; who hears of it is not said here."""

    @property
    def name(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def window_minutes(self) -> int: ...
    @property
    def min_samples(self) -> int: ...
    @property
    def above(self) -> Decimal | None: ...
    @property
    def at_least(self) -> Decimal | None: ...
    @property
    def below(self) -> Decimal | None: ...
    @property
    def target_from(self) -> Decimal | None: ...
    @property
    def target_to(self) -> Decimal | None: ...
    @property
    def target_open(self) -> bool: ...
    @property
    def factor(self) -> Decimal | None: ...
    @property
    def baseline_minutes(self) -> int | None: ...
    @property
    def fallback(self) -> Decimal | None: ...


class DriftRule(Protocol):
    """What the configuration says of a drift: its name, and the rate that is compared with the week before."""

    @property
    def name(self) -> str: ...
    @property
    def rate(self) -> str: ...


class DriftLimits(Protocol):
    """The guards of every drift."""

    @property
    def MIN_SAMPLE(self) -> int: ...
    @property
    def MIN_ABSOLUTE_DELTA(self) -> int: ...
    @property
    def RATE_MULTIPLIER(self) -> Decimal: ...


def rule_of(alarm: Alarm) -> Rule:
    """The rule that an alarm stands for.

    Raises ValueError for one that has no comparison, two that exclude each other, or numbers that cannot be meant.
    """
    has_target = alarm.target_from is not None or alarm.target_to is not None
    return Rule(
        metric=alarm.metric,
        unit=alarm.unit,
        window=timedelta(minutes=alarm.window_minutes),
        breach=_comparison(alarm),
        min_samples=alarm.min_samples,
        target=Target(alarm.target_from, alarm.target_to, alarm.target_open) if has_target else None,
    )


def _comparison(alarm: Alarm) -> Comparison:
    given: Mapping[str, Decimal] = {
        name: number
        for name, number in {
            "above": alarm.above,
            "at_least": alarm.at_least,
            "below": alarm.below,
            "factor": alarm.factor,
        }.items()
        if number is not None
    }
    match given:
        case {"above": high, "below": low, **others} if not others:
            return Outside(low, high)
        case {"above": limit, **others} if not others:
            return Above(limit)
        case {"at_least": limit, **others} if not others:
            return AtLeast(limit)
        case {"below": limit, **others} if not others:
            return Below(limit)
        case {"factor": factor, **others} if not others and alarm.baseline_minutes is not None:
            return Times(factor, timedelta(minutes=alarm.baseline_minutes), alarm.fallback)
    raise ValueError(f"{alarm.metric}: {', '.join(given) or 'no comparison'} makes no rule")


WEEK: Final = timedelta(weeks=1)


def rule_of_drift(drift: DriftRule, limits: DriftLimits) -> Rule:
    """The rule that compares a rate of the last seven days with the seven before."""
    return Rule(
        metric=drift.rate,
        unit=RATIO,
        window=WEEK,
        breach=Drift(limits.RATE_MULTIPLIER, limits.MIN_ABSOLUTE_DELTA),
        min_samples=limits.MIN_SAMPLE,
    )
