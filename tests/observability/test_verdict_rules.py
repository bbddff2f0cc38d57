"""The engine of verdicts, by its tables and its properties; no database."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.rules.verdicts import (
    RATIO,
    Above,
    AtLeast,
    AtMost,
    Below,
    Comparison,
    Drift,
    Number,
    Outside,
    Reason,
    Rule,
    Sample,
    Target,
    Times,
    Verdict,
    chance_of,
    judge,
    rule_of,
    rule_of_drift,
)
from observability.states import VerdictStatus
from tests.observability.measures import SomeAlarm

NOW = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SIGNIFICANCE = Decimal("0.01")
FUTURE = timedelta(seconds=60)
OK, WARNING, BREACH, NO_DATA = VerdictStatus
RANK = {OK: 0, WARNING: 1, BREACH: 2}


def rate_rule(breach: Comparison, **given: Any) -> Rule:
    return Rule("error_5xx_rate", RATIO, HOUR, breach, **given)


def level_rule(breach: Comparison, **given: Any) -> Rule:
    return Rule("queue_depth_max", "count", HOUR, breach, **given)


def rate(events: int, samples: int) -> Sample:
    return Sample(RATIO, samples, NOW - HOUR, NOW, events=events)


def level(value: Number | float, samples: int = 1) -> Sample:
    return Sample("count", samples, NOW - HOUR, NOW, value=value)


def count(events: int, *, hours: int = 1, until: datetime = NOW) -> Sample:
    return Sample("count", 1, until - hours * HOUR, until, events=events)


def before(events: int, samples: int) -> Sample:
    return Sample(RATIO, samples, NOW - 25 * HOUR, NOW - HOUR, events=events)


def judged(rule: Rule, sample: Sample | None, baseline: Sample | None = None) -> Verdict:
    return judge(rule, sample, baseline, now=NOW, significance=SIGNIFICANCE, future=FUTURE)


# ---- fixed limits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("breach", "under", "at", "over"),
    [
        (Above(5), OK, OK, BREACH),
        (AtLeast(5), OK, BREACH, BREACH),
        (Below(5), BREACH, OK, OK),
        (AtMost(5), BREACH, BREACH, OK),
    ],
)
def test_a_limit_is_strict_or_not(
    breach: Comparison, under: VerdictStatus, at: VerdictStatus, over: VerdictStatus
) -> None:
    found = [judged(level_rule(breach), level(value)).status for value in (4, 5, 6)]
    assert found == [under, at, over]


def test_the_edges_of_a_band_are_inside() -> None:
    rule = level_rule(Outside(2, 25))
    values = [Decimal("1.999"), 2, 10, 25, Decimal("25.001")]
    found = [judged(rule, level(value)) for value in values]
    assert [each.status for each in found] == [BREACH, OK, OK, OK, BREACH]
    assert [each.limit for each in found] == [2, 2, 2, 25, 25]


@given(low=st.integers(0, 100), width=st.integers(0, 100), value=st.integers(0, 300))
def test_a_band_breaks_exactly_outside(low: int, width: int, value: int) -> None:
    found = judged(level_rule(Outside(low, low + width)), level(value)).status
    assert found == (OK if low <= value <= low + width else BREACH)


def test_a_rate_is_never_rounded_into_a_breach() -> None:
    rule = rate_rule(Above(Decimal("0.05")))
    assert judged(rule, rate(1, 20)).status == OK
    assert judged(rule, rate(5_000_000_000, 100_000_000_000)).status == OK
    assert judged(rule, rate(5_000_000_001, 100_000_000_000)).status == BREACH
    third = rate_rule(AtLeast(Fraction(1, 3)))
    assert judged(third, rate(1, 3)).status == BREACH
    assert judged(third, rate(333_333_333, 1_000_000_000)).status == OK


@given(
    limit=st.decimals(0, 1, places=4),
    samples=st.integers(1, 10**12),
    part=st.fractions(0, 1),
)
def test_a_rate_compares_as_whole_numbers_do(limit: Decimal, samples: int, part: Fraction) -> None:
    events = int(part * samples)
    is_above = events * 10_000 > int(limit * 10_000) * samples
    assert (judged(rate_rule(Above(limit)), rate(events, samples)).status == BREACH) == is_above


def test_between_target_and_limit_is_a_warning() -> None:
    rule = rate_rule(Above(Decimal("0.30")), target=Target(high=Decimal("0.10"), is_open=True))
    found = [judged(rule, rate(events, 100)).status for events in (9, 10, 30, 31)]
    assert found == [OK, WARNING, WARNING, BREACH]
    closed = rate_rule(Above(Decimal("0.05")), target=Target(high=0))
    assert [judged(closed, rate(events, 100)).status for events in (0, 1, 6)] == [OK, WARNING, BREACH]
    band = rate_rule(
        Outside(Decimal("0.02"), Decimal("0.25")), target=Target(Decimal("0.05"), Decimal("0.15"))
    )
    found = [judged(band, rate(events, 100)).status for events in (1, 2, 5, 15, 16, 25, 26)]
    assert found == [BREACH, WARNING, OK, OK, WARNING, WARNING, BREACH]


COMPARISONS = st.one_of(
    st.builds(Above, st.decimals(0, 1, places=3)),
    st.builds(AtLeast, st.decimals(0, 1, places=3)),
    st.builds(
        Times,
        st.decimals(1, 5, places=2),
        st.just(24 * HOUR),
        st.none() | st.decimals(0, 1, places=3),
    ),
    st.builds(Drift, st.decimals(1, 5, places=2), st.integers(1, 10)),
)


@given(
    breach=COMPARISONS,
    samples=st.integers(20, 500),
    parts=st.tuples(st.fractions(0, 1), st.fractions(0, 1)),
    baseline=st.none() | st.builds(before, st.integers(0, 50), st.integers(50, 5000)),
)
def test_more_errors_never_make_it_better(
    breach: Comparison, samples: int, parts: tuple[Fraction, Fraction], baseline: Sample | None
) -> None:
    fewer, more = sorted(int(part * samples) for part in parts)
    if isinstance(breach, Drift):  # a drop that is large enough is as much of a move as a rise
        fewer = max(fewer, baseline.events or 0 if baseline else 0)
        more = max(fewer, more)
    rule = rate_rule(breach, min_samples=20)
    better, worse = (judged(rule, rate(events, samples), baseline).status for events in (fewer, more))
    assert (better == NO_DATA) == (worse == NO_DATA)
    assert better == NO_DATA or RANK[better] <= RANK[worse]


@given(
    breach=COMPARISONS | st.builds(Below, st.decimals(0, 1, places=3)),
    least=st.integers(1, 100),
    samples=st.integers(0, 100),
    part=st.fractions(0, 1),
)
def test_too_few_samples_are_no_data_whatever_they_say(
    breach: Comparison, least: int, samples: int, part: Fraction
) -> None:
    found = judged(
        rate_rule(breach, min_samples=least), rate(int(part * samples), samples), before(500, 1000)
    )
    assert (found.status == NO_DATA) == (samples < least)
    if samples < least:
        assert found.reason == (Reason.TOO_FEW if samples else Reason.NOTHING_MEASURED)
        assert found.value is None


def test_nothing_measured_is_no_success() -> None:
    found = judged(level_rule(Above(5)), None)
    assert (found.status, found.reason) == (NO_DATA, Reason.NOTHING_MEASURED)


# ---- baselines ---------------------------------------------------------------------------------------------------


def latency(value: float | None, samples: int = 100, *, hours: int = 1, until: datetime = NOW) -> Sample:
    return Sample("ms", samples, until - hours * HOUR, until, value=value)


LATENCY = Rule("p95_request_ms", "ms", HOUR, Times(2, 24 * HOUR, fallback=3000), min_samples=20)


def test_a_percentile_against_its_baseline() -> None:
    usual = latency(100.0, hours=24, until=NOW - HOUR)
    found = [judged(LATENCY, latency(value), usual) for value in (199.0, 200.0, 200.1)]
    assert [each.status for each in found] == [OK, OK, BREACH]
    assert found[0].limit == 200
    assert found[0].chance is None


@pytest.mark.parametrize(
    "usual", [None, latency(100.0, 19, until=NOW - HOUR), latency(None, 0, until=NOW - HOUR)]
)
def test_the_fallback_where_the_baseline_has_too_little(usual: Sample | None) -> None:
    found = [judged(LATENCY, latency(value), usual) for value in (6000.0, 6001.0)]
    assert [each.status for each in found] == [OK, BREACH]
    assert found[0].as_json()["baseline"] == {
        "value": 3000,
        "samples": None,
        "events": None,
        "since": None,
        "until": None,
        "fallback": True,
    }
    without = judged(replace(LATENCY, breach=Times(2, 24 * HOUR)), latency(9999.0), usual)
    assert (without.status, without.reason) == (NO_DATA, Reason.NO_BASELINE)


def test_a_count_is_compared_per_time() -> None:
    rule = Rule("http_5xx_burst", "count", HOUR, Times(2, 24 * HOUR))
    usual = count(240, hours=24, until=NOW - HOUR)
    found = judged(rule, count(20), usual)
    assert (found.limit, found.status) == (20, OK)
    assert found.baseline is not None
    assert found.baseline.value == 10
    assert judged(rule, count(40), usual).status == BREACH


@given(
    events=st.integers(0, 200),
    usual=st.integers(0, 200),
    times=st.integers(1, 50),
    factor=st.decimals(1, 4, places=2),
)
def test_time_scales_out_of_a_count(events: int, usual: int, times: int, factor: Decimal) -> None:
    """The same rate over a baseline so many times as long has the same limit."""
    rule = Rule("http_5xx_burst", "count", HOUR, Times(factor, HOUR))
    once = judged(rule, count(events), count(usual, until=NOW - HOUR))
    longer = judged(rule, count(events), count(usual * times, hours=times, until=NOW - HOUR))
    assert once.limit == longer.limit
    assert once.chance is not None
    assert longer.chance is not None


@given(
    events=st.integers(0, 300),
    usual=st.integers(0, 3000),
    share=st.fractions(Fraction(1, 100), Fraction(99, 100)),
)
def test_the_exact_test_agrees_with_scipy_stats(events: int, usual: int, share: Fraction) -> None:
    if events + usual == 0:
        assert chance_of(0, 0, share) == 1
        return
    from scipy import stats  # a second, which else every worker spends

    theirs = stats.binomtest(events, events + usual, float(share), alternative="greater").pvalue
    assert chance_of(events, usual, share) == pytest.approx(theirs, rel=1e-9, abs=1e-300)


def test_one_error_in_ten_requests_is_not_half_as_much_again() -> None:
    rule = rate_rule(Times(Decimal("1.5"), 24 * HOUR))
    found = judged(rule, rate(1, 10), before(100, 2400))
    assert found.value == Fraction(1, 10)
    assert found.limit == Fraction(1, 16)
    assert (found.status, found.reason) == (OK, Reason.BY_CHANCE)
    assert judged(rule, rate(12, 100), before(100, 2400)).status == BREACH


def test_at_one_expected_error_chance_alone_does_not_trip() -> None:
    """A plain "+50 %" trips in a quarter of such windows; ours in no more than its significance says."""
    rule = Rule("http_5xx_burst", "count", HOUR, Times(Decimal("1.5"), 24 * HOUR))
    draws = np.random.default_rng(20261118)
    windows = draws.poisson(1, 10_000)
    baselines = draws.poisson(24, 10_000)
    found = [
        judged(rule, count(int(now)), count(int(usual), hours=24, until=NOW - HOUR))
        for now, usual in zip(windows, baselines, strict=True)
    ]
    plain = sum(
        each.value > each.limit for each in found if each.value is not None and each.limit is not None
    )
    tripped = sum(each.status == BREACH for each in found)
    assert 0.22 < plain / len(found) < 0.33
    assert tripped / len(found) <= float(SIGNIFICANCE)


@pytest.mark.parametrize(("expected", "longer"), [(0.5, 1), (1, 1), (3, 4), (10, 24), (100, 2)])
def test_false_alarms_stay_below_the_significance(expected: float, longer: int) -> None:
    """Of a factor of 1, where nothing but the test holds them back."""
    rule = Rule("http_5xx_burst", "count", HOUR, Times(1, longer * HOUR))
    draws = np.random.default_rng(7)
    pairs = zip(draws.poisson(expected, 5_000), draws.poisson(expected * longer, 5_000), strict=True)
    tripped = sum(
        judged(rule, count(int(now)), count(int(usual), hours=longer, until=NOW - HOUR)).status == BREACH
        for now, usual in pairs
    )
    assert tripped / 5_000 <= 0.01 + 0.004  # three standard deviations of so many draws


def test_a_real_change_is_found() -> None:
    rule = Rule("http_5xx_burst", "count", HOUR, Times(Decimal("1.5"), 24 * HOUR))
    draws = np.random.default_rng(7)
    found = [
        judged(rule, count(int(now)), count(int(usual), hours=24, until=NOW - HOUR)).status
        for now, usual in zip(draws.poisson(10, 500), draws.poisson(24, 500), strict=True)
    ]
    assert found.count(BREACH) > 450


def test_a_baseline_without_an_event() -> None:
    rule = rate_rule(Times(Decimal("1.5"), 24 * HOUR))
    assert judged(rule, rate(0, 100), before(0, 100)).status == OK
    assert judged(rule, rate(1, 100), before(0, 100)).reason == Reason.BY_CHANCE
    assert judged(rule, rate(10, 100), before(0, 100)).status == BREACH


# ---- drift -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    MIN_SAMPLE: int = 20
    MIN_ABSOLUTE_DELTA: int = 5
    RATE_MULTIPLIER: Decimal = Decimal(2)


@dataclass(frozen=True)
class Rate:
    name: str = "S1_RATE_DRIFT"
    rate: str = "s1_rate"


@pytest.mark.parametrize(
    ("current", "previous", "status"),
    [
        ((10, 100), (5, 100), BREACH),  # twice the rate, and five more
        ((9, 90), (5, 100), OK),  # twice the rate, but only four more
        ((10, 101), (5, 100), OK),  # five more, but not quite twice the rate
        ((10, 19), (5, 100), NO_DATA),  # too few now
        ((10, 20), (5, 100), BREACH),
        ((5, 100), (0, 100), BREACH),  # from none: five are enough
        ((4, 100), (0, 100), OK),
        ((5, 100), (0, 0), BREACH),  # a rate of nothing is 0
        ((4, 100), (0, 0), OK),
        ((20, 20), (200, 1000), BREACH),  # far fewer, but a rate five times as high: it moved
        ((0, 100), (50, 100), OK),  # only a rise is a drift
    ],
)
def test_drift_by_its_guards(
    current: tuple[int, int], previous: tuple[int, int], status: VerdictStatus
) -> None:
    rule = rule_of_drift(Rate(), Limits())
    week = timedelta(weeks=1)
    now_week = Sample(RATIO, current[1], NOW - week, NOW, events=current[0])
    week_before = Sample(RATIO, previous[1], NOW - 2 * week, NOW - week, events=previous[0])
    assert judged(rule, now_week, week_before).status == status
    assert rule.baseline_period(NOW) == (NOW - 2 * week, NOW - week)


def test_drift_without_a_week_before_is_no_data() -> None:
    rule = rule_of_drift(Rate(), Limits())
    found = judged(rule, Sample(RATIO, 100, NOW - timedelta(weeks=1), NOW, events=50))
    assert (found.status, found.reason) == (NO_DATA, Reason.NO_BASELINE)


# ---- what cannot have been measured ------------------------------------------------------------------------------

BAD: dict[str, tuple[Callable[[Sample], Any], Reason]] = {
    "unit": (lambda good: replace(good, unit="percent"), Reason.WRONG_UNIT),
    "future": (lambda good: replace(good, at=NOW + FUTURE + timedelta(seconds=1)), Reason.FROM_THE_FUTURE),
    "outdated": (
        lambda good: replace(good, since=NOW - 3 * HOUR, at=NOW - 2 * HOUR),
        Reason.OUTDATED,
    ),
    "backwards": (lambda good: replace(good, since=NOW, at=NOW - MINUTE), Reason.WRONG_TIME),
    "naive": (lambda good: replace(good, at=NOW.replace(tzinfo=None)), Reason.WRONG_TIME),
    "part": (lambda good: replace(good, events=101), Reason.PART_ABOVE_WHOLE),
    "negative events": (lambda good: replace(good, events=-1), Reason.NEGATIVE),
    "negative samples": (lambda good: replace(good, samples=-1, events=0), Reason.NEGATIVE),
    "half an event": (lambda good: replace(good, events=1.5), Reason.NOT_A_NUMBER),
    "no number": (lambda good: replace(good, events=None), Reason.NOT_A_NUMBER),
    "rounded rate": (lambda good: replace(good, events=None, value=0.05), Reason.NOT_A_NUMBER),
    "both": (lambda good: replace(good, value=1), Reason.NOT_A_NUMBER),
    "no sample": (lambda good: 0.05, Reason.NO_SAMPLE),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_no_data_and_says_why(name: str) -> None:
    spoil, reason = BAD[name]
    for breach in (Above(0), Times(1, 24 * HOUR, fallback=0)):
        found = judged(rate_rule(breach), spoil(rate(50, 100)))
        assert (found.status, found.reason) == (NO_DATA, reason)
        assert found.fault


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), "5"])
def test_what_is_no_number_is_no_data(value: Any) -> None:
    assert judged(level_rule(Above(5)), level(value)).reason == Reason.NOT_A_NUMBER


def test_a_negative_level_is_no_data() -> None:
    assert judged(level_rule(Above(5)), level(-0.5)).reason == Reason.NEGATIVE


def test_a_baseline_that_cannot_be_is_no_data() -> None:
    rule = rate_rule(Times(2, 24 * HOUR, fallback=0))
    found = judged(rule, rate(50, 100), replace(before(1, 100), unit="ms"))
    assert (found.status, found.reason) == (NO_DATA, Reason.WRONG_UNIT)


def test_clocks_may_differ_a_little() -> None:
    assert judged(rate_rule(Above(0)), replace(rate(1, 100), at=NOW + FUTURE)).status == BREACH


# ---- rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: Above(0.3),  # type: ignore[arg-type]
        lambda: Above(True),
        lambda: Above(Decimal("NaN")),
        lambda: Outside(3, 2),
        lambda: Times(Decimal("0.5"), HOUR),
        lambda: Times(2, timedelta(0)),
        lambda: Times(2, HOUR, fallback=-1),
        lambda: Drift(Decimal("0.9"), 5),
        lambda: Drift(2, 0),
        Target,
        lambda: Target(2, 1),
        lambda: Target(2, 2, is_open=True),
        lambda: Rule("", RATIO, HOUR, Above(1)),
        lambda: Rule("m", "", HOUR, Above(1)),
        lambda: Rule("m", RATIO, timedelta(0), Above(1)),
        lambda: Rule("m", RATIO, HOUR, Above(1), min_samples=0),
        lambda: Rule("m", "ms", HOUR, Drift(2, 5)),
        lambda: Rule("m", "ms", HOUR, Above(1), target=Target(high=2)),
        lambda: Rule("m", "ms", HOUR, Below(5), target=Target(low=4)),
        lambda: Rule("m", "ms", HOUR, Outside(2, 5), target=Target(1, 5)),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make()


@pytest.mark.parametrize(
    ("given", "breach"),
    [
        ({"above": Decimal(1)}, Above(Decimal(1))),
        ({"at_least": Decimal(1)}, AtLeast(Decimal(1))),
        ({"below": Decimal(1)}, Below(Decimal(1))),
        ({"below": Decimal(1), "above": Decimal(2)}, Outside(Decimal(1), Decimal(2))),
        (
            {"factor": Decimal(2), "baseline_minutes": 1440, "fallback": Decimal(3)},
            Times(Decimal(2), 24 * HOUR, Decimal(3)),
        ),
    ],
)
def test_an_alarm_is_a_rule(given: dict[str, Any], breach: Comparison) -> None:
    assert rule_of(SomeAlarm(**given)) == Rule("harvest", "count", HOUR, breach)


def test_an_alarm_s_target_is_the_rule_s() -> None:
    alarm = SomeAlarm(above=Decimal("0.3"), target_to=Decimal("0.1"), target_open=True)
    assert rule_of(alarm).target == Target(None, Decimal("0.1"), is_open=True)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"above": Decimal(1), "at_least": Decimal(1)},
        {"below": Decimal(1), "at_least": Decimal(1)},
        {"above": Decimal(1), "factor": Decimal(2), "baseline_minutes": 60},
        {"factor": Decimal(2)},
        {"below": Decimal(2), "above": Decimal(1)},
    ],
)
def test_an_alarm_that_makes_no_rule_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        rule_of(SomeAlarm(**given))


def test_a_baseline_ends_with_the_last_full_hour() -> None:
    since, until = NOW - HOUR, datetime(2026, 11, 18, 8, tzinfo=UTC)
    assert LATENCY.period(NOW) == (since, NOW)
    assert LATENCY.baseline_period(NOW) == (until - 24 * HOUR, until)
    assert level_rule(Above(1)).baseline_period(NOW) is None


# ---- what a verdict says -----------------------------------------------------------------------------------------


def test_a_verdict_says_all_it_saw() -> None:
    rule = rate_rule(
        Above(Decimal("0.05")), min_samples=20, target=Target(high=Decimal("0.01"), is_open=True)
    )
    said = judged(rule, rate(15, 200)).as_json()
    assert said == {
        "status": "breach",
        "reason": "beyond",
        "fault": "",
        "metric": "error_5xx_rate",
        "unit": "ratio",
        "comparison": "above",
        "factor": None,
        "min_delta": None,
        "value": 0.075,
        "limit": 0.05,
        "samples": 200,
        "events": 15,
        "min_samples": 20,
        "window_seconds": 3600,
        "since": "2026-11-18T08:30:00+00:00",
        "until": "2026-11-18T09:30:00+00:00",
        "target": {"from": None, "to": 0.01, "open": True},
        "baseline": None,
        "chance": None,
    }


@given(
    breach=COMPARISONS | st.just(Outside(Decimal("0.1"), Decimal("0.2"))),
    sample=st.none() | st.builds(rate, st.integers(-1, 60), st.integers(0, 50)),
    baseline=st.none() | st.builds(before, st.integers(0, 50), st.integers(0, 60)),
)
def test_every_verdict_can_be_stored(
    breach: Comparison, sample: Sample | None, baseline: Sample | None
) -> None:
    said = judged(rate_rule(breach), sample, baseline).as_json()
    assert json.loads(json.dumps(said, allow_nan=False)) == said
