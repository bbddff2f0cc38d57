"""Alarms, triggers, drift and rates: their numbers are thresholds like all others, their names have to be known."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from project.thresholds import (
    ALARMS,
    DEFAULTS,
    VARIABLES,
    Alarm,
    ConfigError,
    Thresholds,
    canonical_json,
    config_hash,
    load,
    show,
    violations,
    with_values,
)

# The contract, written out a second time on purpose: what is healthy, what alarms, over how long, who hears of it.
TABLE = """
s1_rate                < 0.1         > 0.3             60    20  tenant    high      on_call        s1-rate-spike           slack:alerts
s2_rate                < 0.2         > 0.4             60    20  tenant    medium    on_call        s1-rate-spike           slack:alerts
ocr_suspect_rate       < 0.15        > 0.3             60    20  tenant    medium    on_call        ocr-suspect-spike       slack:alerts
accept_rounding_rate   0.05..0.15    > 0.25 < 0.02     1440  20  tenant    medium    on_call        s1-rate-spike           slack:alerts
feedback_coverage      > 0.5         < 0.1             1440  10  tenant    medium    product_owner  feedback-coverage-drop  slack:product
p95_pipeline_total_ms  < 3000        > 6000            30    20  tenant    medium    on_call        elevated-latency        slack:alerts
queue_depth_max        < 10          > 50              15    1   platform  high      on_call        queue-backlog           slack:alerts
error_5xx_rate         <= 0          > 0.05            10    20  tenant    critical  on_call        elevated-latency        slack:alerts,pagerduty
s1_burst               <= 0          > 5               10    1   tenant    high      on_call        s1-rate-spike           slack:alerts
http_5xx_burst         <= 0          > 10              5     1   tenant    high      on_call        elevated-latency        slack:alerts,pagerduty
bug_report_rate        <= 0          > 0.1             1440  20  tenant    medium    on_call        s1-rate-spike           slack:alerts
exhausted_rate         <= 0          > 0.2             1440  20  tenant    medium    on_call        s1-rate-spike           slack:alerts
stuck_count            <= 0          >= 1              15    1   tenant    high      on_call        queue-backlog           slack:alerts
recompute_count        <= 0          > 1               1440  1   tenant    medium    on_call        s1-rate-spike           slack:alerts
ready_503              <= 0          >= 30             5     1   platform  critical  on_call        not-ready               slack:alerts,pagerduty
queue_stuck            <= 0          >= 1              5     1   platform  critical  on_call        queue-backlog           slack:alerts,pagerduty
SEC-CROSS-SCOPE-001    <= 0          >= 3              5     1   tenant    high      on_call        scope-violations         slack:alerts
SEC-SCOPE-MISMATCH-001 <= 0          >= 5              5     1   tenant    medium    on_call        scope-violations         slack:alerts
request_latency        -             > 2x              30    20  tenant    medium    on_call        elevated-latency        slack:alerts
"""  # noqa: E501 - a table


def found(thresholds: Thresholds) -> set[str]:
    return {str(violation) for violation in violations(thresholds)}


def with_alarm(name: str, **changes: Any) -> Thresholds:
    alarms = tuple(replace(one, **changes) if one.name == name else one for one in ALARMS)
    return replace(Thresholds(), alarms=alarms)


def watched(thresholds: Thresholds, name: str) -> Alarm:
    (alarm,) = (one for one in thresholds.watched() if one.name == name)
    return alarm


def faults(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        load(environ)
    return raised.value.faults


def target(alarm: Alarm) -> str:
    if alarm.target_from is not None and alarm.target_to is not None:
        return f"{show(alarm.target_from)}..{show(alarm.target_to)}"
    mark = "" if alarm.target_open else "="
    if alarm.target_to is not None:
        return f"<{mark} {show(alarm.target_to)}"
    return "-" if alarm.target_from is None else f">{mark} {show(alarm.target_from)}"


def limits(alarm: Alarm) -> str:
    signs = ((">", alarm.above), (">=", alarm.at_least), ("<", alarm.below))
    parts = [f"{sign} {show(limit)}" for sign, limit in signs if limit is not None]
    return " ".join(parts) if alarm.factor is None else f"> {show(alarm.factor)}x"


# ---- what is watched -----------------------------------------------------------------------------------------


def test_every_alarm_is_the_contracts_or_one_of_ours() -> None:
    rows = [
        " ".join(
            (
                *(
                    alarm.name,
                    target(alarm),
                    limits(alarm),
                    str(alarm.window_minutes),
                    str(alarm.min_samples),
                ),
                *(alarm.scope, alarm.severity, alarm.owner, alarm.runbook, ",".join(alarm.channels)),
            )
        )
        for alarm in Thresholds().watched()
    ]
    assert rows == [" ".join(line.split()) for line in TABLE.splitlines() if line]


def test_three_days_without_feedback_go_to_the_team_lead() -> None:
    escalated = {
        alarm.name: (alarm.escalate_days, alarm.escalate_to) for alarm in ALARMS if alarm.escalate_to
    }
    assert escalated == {"feedback_coverage": (3, "team_lead")}


def test_latency_is_judged_by_the_day_before() -> None:
    alarm = watched(Thresholds(), "request_latency")
    assert (alarm.factor, alarm.baseline_minutes, alarm.fallback) == (Decimal(2), 1440, Decimal(3000))


def test_triggers_of_a_rollback() -> None:
    assert [
        (one.name, one.alarm, one.action, one.then, one.hold_minutes, one.investigate_minutes)
        for one in Thresholds().triggers
    ] == [
        ("ready_503", "ready_503", "rollback", None, 5, None),
        ("queue_stuck", "queue_stuck", "rollback", None, 15, None),
        ("error_5xx", "error_5xx_rate", "rollback", None, None, None),
        ("s1_spike", "s1_rate", "investigate", "rollback", None, 15),
        ("latency", "request_latency", "investigate", "rollback", None, 30),
        ("feedback_check_failed", None, "investigate", None, None, None),
    ]


def test_drift_and_rates() -> None:
    thresholds = Thresholds()
    assert [(rule.name, rule.rate) for rule in thresholds.drift_rules] == [
        ("S1_RATE_DRIFT", "s1_rate"),
        ("OCR_SUSPECT_DRIFT", "ocr_suspect_rate"),
        ("MISMATCH_RATE_DRIFT", "mismatch_rate"),
    ]
    assert {rate.name: rate.definition for rate in thresholds.rates}["s1_rate"] == "S1 / (S1 + S2)"
    assert len(thresholds.rates) == 7


# ---- no number stands twice ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "alarm", "attribute", "resolved"),
    [
        ("THRESHOLD_ALERT_BUG_REPORT_RATE", "0.5", "bug_report_rate", "above", Decimal("0.5")),
        ("THRESHOLD_ALERT_STUCK_COUNT", "4", "stuck_count", "at_least", Decimal(4)),
        ("THRESHOLD_SECURITY_CROSS_SCOPE_ATTEMPTS", "7", "SEC-CROSS-SCOPE-001", "at_least", Decimal(7)),
        ("THRESHOLD_SECURITY_WINDOW_SECONDS", "600", "SEC-SCOPE-MISMATCH-001", "window_minutes", 10),
    ],
)
def test_a_reference_follows_the_number_it_names(
    variable: str, value: str, alarm: str, attribute: str, resolved: Decimal | int
) -> None:
    assert getattr(watched(load({variable: value}), alarm), attribute) == resolved
    assert type(getattr(watched(load({}), alarm), attribute)) is type(resolved)


def test_what_is_a_reference_cannot_be_set_beside_the_number() -> None:
    (fault,) = faults({"THRESHOLD_ALARMS_BUG_REPORT_RATE_ABOVE": "0.5"})
    assert fault.startswith(
        "THRESHOLD_ALARMS_BUG_REPORT_RATE_ABOVE is not a threshold; did you mean THRESHOLD_"
    )


def test_an_alarm_says_what_its_reference_refuses() -> None:
    (fault,) = faults({"THRESHOLD_ALARMS_BUG_REPORT_RATE_TARGET_TO": "0.2"})
    assert fault == ("X19: alarms.bug_report_rate.TARGET_TO (0.2) must be <= alert.BUG_REPORT_RATE (0.1)")


# ---- overrides -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "name", "text", "value"),
    [
        ("THRESHOLD_ALARMS_S1_RATE_ABOVE", "alarms.s1_rate.ABOVE", "0.350", Decimal("0.35")),
        ("THRESHOLD_ALARMS_S1_RATE_WINDOW_MINUTES", "alarms.s1_rate.WINDOW_MINUTES", "30", 30),
        ("THRESHOLD_ALARMS_S1_RATE_TARGET_TO", "alarms.s1_rate.TARGET_TO", "0", Decimal(0)),
        (
            "THRESHOLD_ALARMS_SEC_CROSS_SCOPE_001_MIN_SAMPLES",
            "alarms.SEC-CROSS-SCOPE-001.MIN_SAMPLES",
            "2",
            2,
        ),
        ("THRESHOLD_ALARMS_REQUEST_LATENCY_FACTOR", "alarms.request_latency.FACTOR", "1.5", Decimal("1.5")),
        (
            "THRESHOLD_ALARMS_FEEDBACK_COVERAGE_ESCALATE_DAYS",
            "alarms.feedback_coverage.ESCALATE_DAYS",
            "5",
            5,
        ),
        (
            "THRESHOLD_TRIGGERS_LATENCY_INVESTIGATE_MINUTES",
            "triggers.latency.INVESTIGATE_MINUTES",
            "45",
            45,
        ),
    ],
)
def test_an_alarms_number_is_set_by_the_environment(
    variable: str, name: str, text: str, value: object
) -> None:
    loaded = load({variable: text})
    assert loaded.overridden == {name}
    assert loaded == with_values(Thresholds(), {name: value})
    assert config_hash(loaded) != config_hash(Thresholds())
    (row,) = (row for entry in loaded.listing() for row in entry.rows if row.overridden)
    assert (row.variable, row.value, row.default) == (variable, show(value), show(DEFAULTS[name]))


@pytest.mark.parametrize("name", [name for name in DEFAULTS if name.startswith(("alarms.", "triggers."))])
def test_every_number_can_be_set_to_its_default_and_moves_the_hash_when_changed(name: str) -> None:
    (variable,) = (variable for variable, named in VARIABLES.items() if named == name)
    assert load({variable: show(DEFAULTS[name])}) == Thresholds()
    other = with_values(Thresholds(), {name: DEFAULTS[name] + 1})
    assert config_hash(other) != config_hash(Thresholds())


def test_no_two_numbers_have_one_variable() -> None:
    assert len(VARIABLES) == len(DEFAULTS) + 3  # and the aliases


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"owner": "team_lead"}, "s1_rate"),
        ({"runbook": "queue-backlog"}, "s1_rate"),
        ({"channels": ("pagerduty",)}, "s1_rate"),
        ({"references": (("above", "alert.EXHAUSTED_RATE"),)}, "bug_report_rate"),
    ],
)
def test_the_hash_sees_what_an_alarm_names(changes: dict[str, Any], name: str) -> None:
    assert config_hash(with_alarm(name, **changes)) != config_hash(Thresholds())


def test_the_hashed_text_holds_alarms_and_all_that_belongs_to_them() -> None:
    text = canonical_json(Thresholds())
    for part in ("SEC-CROSS-SCOPE-001", "feedback_check_failed", "MISMATCH_RATE_DRIFT", "hint_accuracy_rate"):
        assert part in text


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("THRESHOLD_ALARMS_S1_RATE_ABOV", "THRESHOLD_ALARMS_S1_RATE_ABOVE"),
        ("THRESHOLD_ALARMS_S1_RATES_ABOVE", "THRESHOLD_ALARMS_S1_RATE_ABOVE"),
        ("THRESHOLD_ALARMS_S1_RATE_OWNER", "THRESHOLD_ALARMS_S1_RATE"),  # shown, never overridden
        ("THRESHOLD_TRIGGER_LATENCY_INVESTIGATE_MINUTES", "THRESHOLD_TRIGGERS_LATENCY_INVESTIGATE_MINUTES"),
    ],
)
def test_an_unknown_name_is_a_fault_with_the_nearest(variable: str, near: str) -> None:
    (fault,) = faults({variable: "1"})
    assert fault.startswith(f"{variable} is not a threshold; did you mean {near}")


# ---- invariants ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        (
            "THRESHOLD_ALARMS_S1_RATE_WINDOW_MINUTES",
            "0",
            "I7: alarms.s1_rate.WINDOW_MINUTES (0) must be > 0",
        ),
        ("THRESHOLD_ALARMS_S1_RATE_MIN_SAMPLES", "0", "I7: alarms.s1_rate.MIN_SAMPLES (0) must be > 0"),
        (
            "THRESHOLD_ALARMS_REQUEST_LATENCY_FACTOR",
            "0",
            "I7: alarms.request_latency.FACTOR (0) must be > 0",
        ),
        (
            "THRESHOLD_TRIGGERS_LATENCY_INVESTIGATE_MINUTES",
            "0",
            "I7: triggers.latency.INVESTIGATE_MINUTES (0) must be > 0",
        ),
        (
            "THRESHOLD_ALARMS_S1_RATE_ABOVE",
            "30",
            "X5: alarms.s1_rate.ABOVE (30) must be <= 1: a share of all",
        ),
        (
            "THRESHOLD_ALARMS_S1_RATE_WINDOW_MINUTES",
            "5256001",
            "X6: alarms.s1_rate.WINDOW_MINUTES (5256001) must be <= 5256000 minutes: ten years",
        ),
        (
            "THRESHOLD_ALARMS_S1_RATE_ABOVE",
            "0.09",
            "X19: alarms.s1_rate.TARGET_TO (0.1) must be <= alarms.s1_rate.ABOVE (0.09)",
        ),
        (
            "THRESHOLD_ALARMS_FEEDBACK_COVERAGE_BELOW",
            "0.51",
            "X19: alarms.feedback_coverage.BELOW (0.51) must be <= alarms.feedback_coverage.TARGET_FROM (0.5)",
        ),
        (
            "THRESHOLD_ALARMS_READY_503_TARGET_TO",
            "30",
            "X19: alarms.ready_503.TARGET_TO (30) must be < alarms.ready_503.AT_LEAST (30)",
        ),
        (
            "THRESHOLD_ALARMS_ACCEPT_ROUNDING_RATE_TARGET_FROM",
            "0.16",
            "X19: alarms.accept_rounding_rate.TARGET_FROM (0.16) must be <= "
            "alarms.accept_rounding_rate.TARGET_TO (0.15)",
        ),
    ],
)
def test_a_broken_invariant_gives_exactly_its_fault(variable: str, value: str, fault: str) -> None:
    assert faults({variable: value}) == (fault,)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("THRESHOLD_ALARMS_S1_RATE_ABOVE", "0.1"),
        ("THRESHOLD_ALARMS_S1_RATE_ABOVE", "1"),
        ("THRESHOLD_ALARMS_FEEDBACK_COVERAGE_BELOW", "0.5"),
        ("THRESHOLD_ALARMS_S1_BURST_TARGET_TO", "5"),
        ("THRESHOLD_ALARMS_S1_RATE_MIN_SAMPLES", "1"),
        ("THRESHOLD_ALARMS_S1_RATE_WINDOW_MINUTES", "1"),
    ],
)
def test_the_last_value_before_a_fault_is_valid(variable: str, value: str) -> None:
    assert violations(load({variable: value})) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"unit": "litres"}, "X20: alarms.s1_rate: 'litres' is no known unit"),
        ({"scope": "planet"}, "X20: alarms.s1_rate: 'planet' is no known scope"),
        ({"severity": "low"}, "X20: alarms.s1_rate: 'low' is no known severity"),
        ({"owner": "nobody"}, "X20: alarms.s1_rate: 'nobody' is no known owner"),
        ({"runbook": "panic"}, "X20: alarms.s1_rate: 'panic' is no known runbook"),
        ({"channels": ("slack:alerts", "fax")}, "X20: alarms.s1_rate: 'fax' is no known channel"),
        (
            {"references": (("above", "alert.NO_SUCH"),)},
            "X20: alarms.s1_rate: 'alert.NO_SUCH' is no known threshold",
        ),
        (
            {"escalate_to": "nobody", "escalate_days": 1},
            "X20: alarms.s1_rate: 'nobody' is no known owner",
        ),
        ({"above": None}, "X21: alarms.s1_rate has no limit: it never breaches"),
        ({"escalate_days": 1}, "X21: alarms.s1_rate must have all or none of escalate_days, escalate_to"),
        (
            {"factor": Decimal(2)},
            "X21: alarms.s1_rate must have all or none of factor, baseline_minutes, fallback",
        ),
        (
            {"below": Decimal("0.3"), "target_to": None},
            "X19: alarms.s1_rate.BELOW (0.3) must be < alarms.s1_rate.ABOVE (0.3)",
        ),
    ],
)
def test_an_alarm_that_names_or_means_nothing_is_refused(changes: dict[str, Any], fault: str) -> None:
    assert found(with_alarm("s1_rate", **changes)) == {fault}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"alarm": "no_such"}, "X20: triggers.s1_spike: 'no_such' is no known alarm"),
        ({"action": "panic"}, "X20: triggers.s1_spike: 'panic' is no known action"),
        ({"then": "panic"}, "X20: triggers.s1_spike: 'panic' is no known action"),
        ({"baseline": "ever"}, "X20: triggers.s1_spike: 'ever' is no known baseline"),
    ],
)
def test_a_trigger_that_names_nothing_is_refused(changes: dict[str, Any], fault: str) -> None:
    triggers = tuple(
        replace(one, **changes) if one.name == "s1_spike" else one for one in Thresholds().triggers
    )
    assert found(replace(Thresholds(), triggers=triggers)) == {fault}


def test_a_drift_rule_that_names_nothing_is_refused() -> None:
    first, *others = Thresholds().drift_rules
    rules = (replace(first, rate="no_such", guards=("drift.NO_SUCH",)), *others)
    assert found(replace(Thresholds(), drift_rules=rules)) == {
        "X20: drift_rules.S1_RATE_DRIFT: 'no_such' is no known rate",
        "X20: drift_rules.S1_RATE_DRIFT: 'drift.NO_SUCH' is no known guard",
    }


# ---- listing -------------------------------------------------------------------------------------------------


def test_the_listing_says_what_an_alarm_names() -> None:
    entries = {(entry.group, entry.name): entry for entry in Thresholds().listing()}
    assert entries["alarms", "s1_rate"].facts == (
        ("metric", "s1_rate"),
        ("unit", "ratio"),
        ("severity", "high"),
        ("runbook", "s1-rate-spike"),
        ("scope", "tenant"),
        ("owner", "on_call"),
        ("channels", "slack:alerts"),
        ("target_open", "True"),
    )
    assert [(row.name, row.value, row.unit) for row in entries["alarms", "s1_rate"].rows] == [
        ("WINDOW_MINUTES", "60", "minutes"),
        ("MIN_SAMPLES", "20", "count"),
        ("ABOVE", "0.3", "ratio"),
        ("TARGET_TO", "0.1", "ratio"),
    ]
    assert ("ABOVE", "alert.BUG_REPORT_RATE") in entries["alarms", "bug_report_rate"].facts
    assert "ABOVE" not in {row.name for row in entries["alarms", "bug_report_rate"].rows}
    assert entries["rates", "s2_rate"].facts == (("definition", "S2 / invoices"),)
