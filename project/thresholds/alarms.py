"""What is watched: alarms, rollback triggers, drift. Their numbers are thresholds, their names and routes are not.

A number that another threshold decides is a reference to it (`references`) and stands here only once resolved.
"""

# ruff: noqa: RUF009 - threshold is dataclasses.field with a unit, not a mutable default

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from project.thresholds.declaring import OWN, threshold

UNITS: Final = ("ratio", "count", "ms", "seconds")
SCOPES: Final = ("tenant", "platform")
SEVERITIES: Final = ("critical", "high", "medium")
OWNERS: Final = ("on_call", "product_owner", "team_lead", "infrastructure")
CHANNELS: Final = ("slack:alerts", "slack:product", "pagerduty")
RUNBOOKS: Final = (
    "s1-rate-spike",
    "ocr-suspect-spike",
    "feedback-coverage-drop",
    "queue-backlog",
    "elevated-latency",
    "not-ready",
    "release-rollback",
    "pilot-week",
    "scope-violations",
)
ACTIONS: Final = ("rollback", "investigate")
BASELINES: Final = ("before", "release")

CHAT: Final = ("slack:alerts",)
PAGE: Final = ("slack:alerts", "pagerduty")
PRODUCT: Final = ("slack:product",)


@dataclass(frozen=True)
class Alarm:
    """When a figure raises an alert, and who hears of it.

    `above` and `below` are strict, `at_least` is not; `factor` breaches above factor x baseline, where the baseline
    is what the metric was in the `baseline_minutes` before the window, or `fallback` where nothing was measured.
    Outside of [target_from, target_to] (open ends with `target_open`) without a breach is a warning.
    """

    name: str
    metric: str
    unit: str
    severity: str
    runbook: str
    scope: str = "tenant"
    owner: str = "on_call"
    channels: tuple[str, ...] = CHAT
    window_minutes: int = threshold(60, "minutes", "the figure is taken over this long")
    min_samples: int = threshold(1, "count", "fewer samples are no data")
    above: Decimal | None = threshold(None, OWN, "more than this is a breach")
    at_least: Decimal | None = threshold(None, OWN, "this or more is a breach")
    below: Decimal | None = threshold(None, OWN, "less than this is a breach")
    target_from: Decimal | None = threshold(None, OWN, "lower end of what is healthy; outside is a warning")
    target_to: Decimal | None = threshold(None, OWN, "upper end of what is healthy; outside is a warning")
    target_open: bool = False
    factor: Decimal | None = threshold(None, "factor", "more than this x baseline is a breach")
    baseline_minutes: int | None = threshold(None, "minutes", "the baseline is taken over this long before")
    fallback: Decimal | None = threshold(None, OWN, "the baseline where none was measured")
    escalate_days: int | None = threshold(None, "days", "after so many days in a row others hear of it too")
    escalate_to: str | None = None
    references: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Trigger:
    """When the running release is rolled back: an alarm's breach that lasts, or that nobody clears in time.

    `action` is taken at once; "investigate" starts a timer, and `then` follows unless it is cleared. `baseline` says
    which day an alarm's baseline is: the one "before", or the first of the "release". No alarm: something else
    pulls it.
    """

    name: str
    alarm: str | None
    action: str
    then: str | None = None
    baseline: str | None = None
    hold_minutes: int | None = threshold(None, "minutes", "the breach lasts for this long")
    investigate_minutes: int | None = threshold(None, "minutes", "not cleared by then: what follows is done")


@dataclass(frozen=True)
class DriftRule:
    """A rate of this week against the week before; all `guards`, numbers of the group drift, have to hold."""

    name: str
    rate: str
    guards: tuple[str, ...] = ("drift.MIN_SAMPLE", "drift.MIN_ABSOLUTE_DELTA", "drift.RATE_MULTIPLIER")


@dataclass(frozen=True)
class Rate:
    """How a rate is counted; it is 0 where it would be divided by 0."""

    name: str
    definition: str


ALARMS: Final = (
    Alarm(
        "s1_rate", "s1_rate", "ratio", "high", "s1-rate-spike",
        window_minutes=60, min_samples=20, above=Decimal("0.30"), target_to=Decimal("0.10"), target_open=True,
    ),
    Alarm(
        "s2_rate", "s2_rate", "ratio", "medium", "s1-rate-spike",
        window_minutes=60, min_samples=20, above=Decimal("0.40"), target_to=Decimal("0.20"), target_open=True,
    ),
    Alarm(
        "ocr_suspect_rate", "ocr_suspect_rate", "ratio", "medium", "ocr-suspect-spike",
        window_minutes=60, min_samples=20, above=Decimal("0.30"), target_to=Decimal("0.15"), target_open=True,
    ),
    Alarm(
        "accept_rounding_rate", "accept_rounding_rate", "ratio", "medium", "s1-rate-spike",
        window_minutes=1440, min_samples=20, below=Decimal("0.02"), above=Decimal("0.25"),
        target_from=Decimal("0.05"), target_to=Decimal("0.15"),
    ),
    Alarm(
        "feedback_coverage", "feedback_coverage", "ratio", "medium", "feedback-coverage-drop",
        owner="product_owner", channels=PRODUCT,
        window_minutes=1440, min_samples=10, below=Decimal("0.10"), target_from=Decimal("0.50"), target_open=True,
        escalate_days=3, escalate_to="team_lead",
    ),
    Alarm(
        "p95_pipeline_total_ms", "p95_pipeline_total_ms", "ms", "medium", "elevated-latency",
        window_minutes=30, min_samples=20, above=Decimal("6000"), target_to=Decimal("3000"), target_open=True,
    ),
    Alarm(
        "queue_depth_max", "queue_depth_max", "count", "high", "queue-backlog", scope="platform",
        window_minutes=15, min_samples=1, above=Decimal("50"), target_to=Decimal("10"), target_open=True,
    ),
    Alarm(
        "error_5xx_rate", "error_5xx_rate", "ratio", "critical", "elevated-latency", channels=PAGE,
        window_minutes=10, min_samples=20, above=Decimal("0.05"), target_to=Decimal("0"),
    ),
    Alarm(
        "s1_burst", "s1_burst", "count", "high", "s1-rate-spike",
        window_minutes=10, min_samples=1, above=Decimal("5"), target_to=Decimal("0"),
    ),
    Alarm(
        "http_5xx_burst", "http_5xx_burst", "count", "high", "elevated-latency", channels=PAGE,
        window_minutes=5, min_samples=1, above=Decimal("10"), target_to=Decimal("0"),
    ),
    Alarm(
        "bug_report_rate", "bug_report_rate", "ratio", "medium", "s1-rate-spike",
        window_minutes=1440, min_samples=20, target_to=Decimal("0"),
        references=(("above", "alert.BUG_REPORT_RATE"),),
    ),
    Alarm(
        "exhausted_rate", "exhausted_rate", "ratio", "medium", "s1-rate-spike",
        window_minutes=1440, min_samples=20, target_to=Decimal("0"),
        references=(("above", "alert.EXHAUSTED_RATE"),),
    ),
    Alarm(
        "stuck_count", "stuck_count", "count", "high", "queue-backlog",
        window_minutes=15, min_samples=1, target_to=Decimal("0"),
        references=(("at_least", "alert.STUCK_COUNT"),),
    ),
    Alarm(
        "recompute_count", "recompute_count", "count", "medium", "s1-rate-spike",
        window_minutes=1440, min_samples=1, target_to=Decimal("0"),
        references=(("above", "alert.RECOMPUTE_LIMIT"),),
    ),
    Alarm(
        "ready_503", "not_ready_seconds", "seconds", "critical", "not-ready", scope="platform", channels=PAGE,
        window_minutes=5, min_samples=1, at_least=Decimal("30"), target_to=Decimal("0"),
    ),
    Alarm(
        "queue_stuck", "queue_stuck", "count", "critical", "queue-backlog", scope="platform", channels=PAGE,
        window_minutes=5, min_samples=1, at_least=Decimal("1"), target_to=Decimal("0"),
    ),
    Alarm(
        "SEC-CROSS-SCOPE-001", "cross_scope_access_attempt", "count", "high", "scope-violations",
        min_samples=1, target_to=Decimal("0"),
        references=(("at_least", "security.CROSS_SCOPE_ATTEMPTS"), ("window_minutes", "security.WINDOW_SECONDS")),
    ),
    Alarm(
        "SEC-SCOPE-MISMATCH-001", "scope_mismatch_error", "count", "medium", "scope-violations",
        min_samples=1, target_to=Decimal("0"),
        references=(("at_least", "security.SCOPE_MISMATCHES"), ("window_minutes", "security.WINDOW_SECONDS")),
    ),
    Alarm(
        "request_latency", "p95_request_ms", "ms", "medium", "elevated-latency",
        window_minutes=30, min_samples=20, factor=Decimal("2"), baseline_minutes=1440, fallback=Decimal("3000"),
    ),
)  # fmt: skip

TRIGGERS: Final = (
    Trigger("ready_503", "ready_503", "rollback", hold_minutes=5),
    Trigger("queue_stuck", "queue_stuck", "rollback", hold_minutes=15),
    Trigger("error_5xx", "error_5xx_rate", "rollback"),
    Trigger("s1_spike", "s1_rate", "investigate", then="rollback", investigate_minutes=15),
    Trigger(
        "latency",
        "request_latency",
        "investigate",
        then="rollback",
        baseline="release",
        investigate_minutes=30,
    ),
    Trigger("feedback_check_failed", None, "investigate"),
)

RATES: Final = (
    Rate("mismatch_rate", "mismatching invoices / invoices"),
    Rate("s1_rate", "S1 / (S1 + S2)"),
    Rate("ocr_suspect_rate", "OCR suspects / mismatch incidents"),
    Rate("s2_rate", "S2 / invoices"),
    Rate("accept_rounding_rate", "invoices whose total check is rounding / invoices checked"),
    Rate("feedback_coverage", "resolved incidents with feedback / resolved incidents"),
    Rate("hint_accuracy_rate", "feedback that says the hint was right / feedback"),
)

DRIFT_RULES: Final = (
    DriftRule("S1_RATE_DRIFT", "s1_rate"),
    DriftRule("OCR_SUSPECT_DRIFT", "ocr_suspect_rate"),
    DriftRule("MISMATCH_RATE_DRIFT", "mismatch_rate"),
)
