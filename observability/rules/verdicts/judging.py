"""A rule, what was measured, and the time -> a verdict."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from observability.errors import BadSample
from observability.rules.verdicts.comparing import Drift, Rule, Times
from observability.rules.verdicts.numbers import RATIO, iso, plain, seconds_of
from observability.rules.verdicts.reasons import Reason
from observability.rules.verdicts.sampling import Sample, check
from observability.states import VerdictStatus


@dataclass(frozen=True, slots=True)
class Against:
    """The baseline that a value was held against, per window; without times it is the rule's fallback."""

    value: Fraction
    samples: int | None = None
    events: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "value": plain(self.value),
            "samples": self.samples,
            "events": self.events,
            "since": iso(self.since),
            "until": iso(self.until),
            "fallback": self.since is None,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `rule` says about one window, and why.

    `limit` is what the value was held against; `chance` how likely so many events are if nothing changed; `fault`
    what somebody has to mend, in words for the log.
    """

    status: VerdictStatus
    reason: Reason
    rule: Rule
    since: datetime
    until: datetime
    value: Fraction | None = None
    limit: Fraction | None = None
    samples: int | None = None
    events: int | None = None
    baseline: Against | None = None
    chance: float | None = None
    fault: str = ""

    def as_json(self) -> dict[str, object]:
        """All of it as JSON can carry; numbers for reading, for events and samples say them exactly."""
        rule, breach, target = self.rule, self.rule.breach, self.rule.target
        return {
            "status": self.status.value,
            "reason": self.reason.value,
            "fault": self.fault,
            "metric": rule.metric,
            "unit": rule.unit,
            "comparison": breach.kind,
            "factor": plain(breach.factor) if isinstance(breach, Times | Drift) else None,
            "min_delta": breach.min_delta if isinstance(breach, Drift) else None,
            "value": plain(self.value),
            "limit": plain(self.limit),
            "samples": self.samples,
            "events": self.events,
            "min_samples": rule.min_samples,
            "window_seconds": plain(seconds_of(rule.window)),
            "since": iso(self.since),
            "until": iso(self.until),
            "target": None
            if target is None
            else {"from": plain(target.low), "to": plain(target.high), "open": target.is_open},
            "baseline": self.baseline.as_json() if self.baseline else None,
            "chance": self.chance,
        }


def no_data(rule: Rule, reason: Reason, *, now: datetime, fault: str = "") -> Verdict:
    """The verdict where there is nothing to judge."""
    since, until = rule.period(now)
    return Verdict(VerdictStatus.NO_DATA, reason, rule, since, until, fault=fault)


def judge(
    rule: Rule,
    sample: Sample | None,
    baseline: Sample | None = None,
    *,
    now: datetime,
    significance: Decimal,
    future: timedelta,
) -> Verdict:
    """What `sample`, measured over the rule's window, means; never raises for what a source measured.

    `baseline` is what was measured over the rule's baseline period (or, at a gate, over another). Events that are more
    than the factor are a breach only where chance brings as many less often than `significance`.
    """
    since, until = rule.period(now)
    if sample is None:
        return no_data(rule, Reason.NOTHING_MEASURED, now=now)
    try:
        check(sample, unit=rule.unit, now=now, future=future)
        if sample.at <= since:
            raise BadSample(Reason.OUTDATED, f"measured until {sample.at}, the window begins {since}")
        if baseline is not None:
            check(baseline, unit=rule.unit, now=now, future=future)
    except BadSample as error:
        return no_data(rule, Reason(error.reason), now=now, fault=str(error))
    if sample.samples < rule.min_samples:
        few = Reason.TOO_FEW if sample.samples else Reason.NOTHING_MEASURED
        return Verdict(
            VerdictStatus.NO_DATA, few, rule, since, until, samples=sample.samples, events=sample.events
        )
    value = sample.number()
    held = _hold(rule, sample, value, baseline, significance=significance)
    if held is None:
        status, reason = VerdictStatus.NO_DATA, Reason.NO_BASELINE
        held = _Held(is_broken=False, limit=None)
    elif held.is_broken:
        status, reason = VerdictStatus.BREACH, Reason.BEYOND
    elif rule.target is not None and not rule.target.holds(value):
        status, reason = VerdictStatus.WARNING, Reason.OFF_TARGET
    else:
        status, reason = VerdictStatus.OK, Reason.BY_CHANCE if held.is_chance else Reason.WITHIN
    return Verdict(
        status,
        reason,
        rule,
        since,
        until,
        value=value,
        limit=held.limit,
        samples=sample.samples,
        events=sample.events,
        baseline=held.baseline,
        chance=held.chance,
    )


@dataclass(frozen=True, slots=True)
class _Held:
    """How a value compares: against which limit and baseline, and whether only chance saves it."""

    is_broken: bool
    limit: Fraction | None
    baseline: Against | None = None
    chance: float | None = None
    is_chance: bool = False


def _hold(
    rule: Rule, sample: Sample, value: Fraction, baseline: Sample | None, *, significance: Decimal
) -> _Held | None:
    """None where the baseline is missing."""
    match rule.breach:
        case Times():
            return _hold_times(rule, rule.breach, sample, value, baseline, significance=significance)
        case Drift():
            return None if baseline is None else _hold_drift(rule.breach, sample, value, baseline)
    return _Held(rule.breach.is_broken(value), rule.breach.bound(value))


def _hold_times(
    rule: Rule,
    breach: Times,
    sample: Sample,
    value: Fraction,
    baseline: Sample | None,
    *,
    significance: Decimal,
) -> _Held | None:
    factor = Fraction(breach.factor)
    if baseline is None or baseline.samples < rule.min_samples:
        if breach.fallback is None:
            return None
        usual = Fraction(breach.fallback)
        return _Held(value > factor * usual, factor * usual, Against(usual))
    before = baseline.number()
    if sample.events is None or baseline.events is None:
        against = Against(before, baseline.samples, None, baseline.since, baseline.at)
        return _Held(value > factor * before, factor * before, against)
    exposure, exposure_before = _exposure(sample), _exposure(baseline)
    usual = before if rule.unit == RATIO else before * exposure / exposure_before
    against = Against(usual, baseline.samples, baseline.events, baseline.since, baseline.at)
    chance = chance_of(sample.events, baseline.events, exposure / (exposure + exposure_before))
    is_more, is_change = value > factor * usual, chance < significance
    return _Held(is_more and is_change, factor * usual, against, chance, is_chance=is_more and not is_change)


def _hold_drift(breach: Drift, sample: Sample, value: Fraction, baseline: Sample) -> _Held:
    events, events_before = sample.events or 0, baseline.events or 0
    before = baseline.number() if baseline.samples else Fraction(0)  # a rate of nothing is 0
    has_moved = abs(events - events_before) >= breach.min_delta
    limit = Fraction(breach.factor) * before
    is_higher = value >= limit if before else events >= breach.min_delta
    against = Against(before, baseline.samples, events_before, baseline.since, baseline.at)
    return _Held(has_moved and is_higher, limit, against)


def chance_of(events: int, events_before: int, share: Fraction) -> float:
    """How likely at least `events` of all events fall into the window if they came at one rate throughout.

    `share` is the window's part of the exposure: of the samples for a rate, of the time for a count. Given their sum,
    two Poisson counts of one rate are binomial, so this is exact, and on the safe side for rates. Source: Przyborowski
    and Wilenski, Homogeneity of results in testing samples from Poisson series, 1940.
    """
    if events == 0:
        return 1.0
    from scipy.special import bdtrc  # noqa: PLC0415 - 49 MB and a second, which only counts against counts need

    return float(bdtrc(events - 1, events + events_before, float(share)))


def _exposure(sample: Sample) -> Fraction:
    return Fraction(sample.samples) if sample.unit == RATIO else seconds_of(sample.at - sample.since)
