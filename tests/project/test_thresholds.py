"""The thresholds: what they are, what refuses a start, and what their hash names."""

import json
import pickle
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project.thresholds import (
    DEFAULTS,
    VARIABLES,
    Config,
    ConfigError,
    Mismatch,
    MttrTarget,
    Row,
    SlaTarget,
    Thresholds,
    Validation,
    Value,
    canonical_json,
    config_hash,
    load,
    load_config,
    show,
    validate_env,
    violations,
    with_values,
)

# The contract, written out a second time on purpose: group.NAME, default as the environment spells it, unit.
CONTRACT = """
mismatch.RATIO                          0.05       ratio
mismatch.ABSOLUTE                       50         TRY
mismatch.SEVERE_RATIO                   0.2        ratio
mismatch.SEVERE_ABSOLUTE                500        TRY
mismatch.ROUNDING_DELTA                 10         TRY
mismatch.ROUNDING_RATIO                 0.005      ratio
drift.MIN_SAMPLE                        20         count
drift.MIN_ABSOLUTE_DELTA                5          count
drift.RATE_MULTIPLIER                   2          factor
drift.TOP_OFFENDERS_MIN_INVOICES        20         count
alert.BUG_REPORT_RATE                   0.1        ratio
alert.EXHAUSTED_RATE                    0.2        ratio
alert.STUCK_COUNT                       1          count
alert.RECOMPUTE_LIMIT                   1          count
recovery.STUCK_MINUTES                  10         minutes
validation.LOW_CONFIDENCE               0.6        probability
validation.MIN_UNIT_PRICE               0.5        TRY/kWh
validation.MAX_UNIT_PRICE               15         TRY/kWh
validation.MIN_DIST_PRICE               0          TRY/kWh
validation.MAX_DIST_PRICE               5          TRY/kWh
validation.LINE_CONSISTENCY_TOLERANCE   2          percent
validation.HARD_STOP_DELTA              20         percent
validation.ENERGY_CROSSCHECK_TOLERANCE  5          percent
sla.P1                                  60,240     minutes
sla.P2                                  240,480    minutes
sla.P3                                  480,1440   minutes
sla.P4                                  1440,4320  minutes
sla.WARN_PERCENTS                       50,80      percent
pilot.MAX_INVOICES_PER_HOUR             50         count
pilot.MAX_INCIDENTS_PER_HOUR            20         count
pilot.WINDOW_SECONDS                    3600       seconds
health.DATABASE_WARN_MS                 100        ms
health.DATABASE_ERROR_MS                500        ms
health.BEAT_STALE_SECONDS               60         seconds
health.QUEUE_STUCK_MINUTES              10         minutes
security.CROSS_SCOPE_ATTEMPTS           3          count
security.SCOPE_MISMATCHES               5          count
ledger.STUCK_MINUTES                    30         minutes
ledger.PAYOUT_FAILURE_RATE              0.15       ratio
"""
OURS = """
mismatch.HISTOGRAM_EDGES                0.02,0.05,0.1,0.2  ratio
alert.EVALUATE_SECONDS                  60         seconds
alert.REOPEN_HOURS                      24         hours
alert.MOST_SILENCE_HOURS                168        hours
verdict.SIGNIFICANCE                    0.01       probability
verdict.FUTURE_SECONDS                  60         seconds
mttr.P0                                 5,15,60,60  minutes
mttr.P1                                 10,30,120,120  minutes
mttr.P2                                 30,240,1440,1440  minutes
summary.TREND_DAYS                      7          days
summary.WAIT_SECONDS                    60         seconds
summary.CATCH_UP_DAYS                   14         days
summary.MOST_DAYS_BACK                  400        days
metrics.FLUSH_SECONDS                   5          seconds
metrics.SKETCH_ERROR                    0.01       ratio
metrics.MOST_SERIES                     2000       count
metrics.MOST_KEPT_MINUTES               30         minutes
watchdog.EVERY_SECONDS                  10         seconds
watchdog.HEARTBEAT_SECONDS              30         seconds
watchdog.STALE_SECONDS                  60         seconds
watchdog.TIMEOUT_SECONDS                5          seconds
watchdog.BACKLOG_SECONDS                120        seconds
security.WINDOW_SECONDS                 300        seconds
security.MOST_WINDOW_SECONDS            86400      seconds
retention.REQUEST_METRIC_DAYS           35         days
retention.GAUGE_DAYS                    35         days
retention.RUN_SUMMARY_DAYS              730        days
retention.ALERT_DAYS                    365        days
health.READY_BUDGET_MS                  600        ms
health.PULSE_SECONDS                    5          seconds
sweep.EVERY_SECONDS                     1          seconds
sweep.BATCH                             500        count
sweep.BACKOFF_SECONDS                   5          seconds
sweep.MAX_BACKOFF_SECONDS               300        seconds
sweep.MAX_ATTEMPTS                      8          count
delivery.EVERY_SECONDS                  5          seconds
delivery.BATCH                          100        count
delivery.LEASE_SECONDS                  60         seconds
delivery.BACKOFF_SECONDS                10         seconds
delivery.MAX_BACKOFF_SECONDS            3600       seconds
delivery.MAX_ATTEMPTS                   12         count
delivery.SEND_TIMEOUT_SECONDS           10         seconds
delivery.THREADS                        16         count
delivery.RUN_SECONDS                    30         seconds
delivery.LOOK_AGAIN_MS                  50         ms
delivery.YIELD_SECONDS                  10         seconds
delivery.DISABLE_AFTER_DAYS             3          days
delivery.SECRET_OVERLAP_HOURS           24         hours
delivery.ALARM_EVERY_MINUTES            15         minutes
access.GRANT_MAX_MINUTES                60         minutes
access.TOKEN_MAX_DAYS                   365        days
access.HOST_CACHE_SECONDS               2          seconds
access.FLAG_REFRESH_SECONDS             2          seconds
access.LOGIN_FAILURES                   5          count
access.LOGIN_FAILURES_PER_ADDRESS       50         count
access.LOGIN_COOL_OFF_MINUTES           15         minutes
access.RESET_MINUTES                    60         minutes
access.INVITATION_DAYS                  7          days
api.REQUESTS_PER_MINUTE                 1200       count
api.EXPORT_ROWS                         10000      count
hypercare.REOPEN_DAYS                   14         days
hypercare.HOLIDAY_YEARS                 10         count
sheets.MOST_ROWS                        2000       count
sheets.MOST_BYTES                       5000000    bytes
provisioning.SPARE_SCHEMAS              3          count
retention.DEAD_DELIVERY_DAYS            90         days
retention.SENT_DELIVERY_DAYS            30         days
retention.IDEMPOTENCY_HOURS             24         hours
retention.PERSONAL_DAYS                 730        days
retention.SECURITY_COUNT_DAYS           90         days
retention.JOURNAL_DAYS                  2555       days
retention.BATCH                         5000       count
stream.BEAT_SECONDS                     5          seconds
stream.POLL_SECONDS                     2          seconds
stream.LIFE_SECONDS                     300        seconds
stream.TICKET_SECONDS                   60         seconds
stream.MOST_STREAMS                     1000       count
stream.QUEUE                            256        count
stream.MOST_MISSED                      500        count
war_room.INCIDENTS                      500        count
war_room.FEED                           12         count
war_room.TREND_DAYS                     30         days
war_room.CHANGES                        50         count
health.KEEPALIVE_IDLE_SECONDS           2          seconds
health.KEEPALIVE_EVERY_SECONDS          1          seconds
health.KEEPALIVE_TRIES                  3          count
health.LOST_AFTER_MS                    5000       ms
delivery.STRIKES                        2          count
delivery.SLACK_THREAD_DAYS              2          days
delivery.SLACK_SKEW_SECONDS             60         seconds
delivery.SLACK_PAGE                     200        count
delivery.ANSWER_BYTES                   4096       bytes
delivery.QUOTED                         200        count
access.HOSTS_REMEMBERED                 20000      count
access.SESSION_HOURS                    12         hours
access.SEEN_EVERY_MINUTES               5          minutes
access.MAIL_EVERY_MINUTES               5          minutes
access.CLOCK_SKEW_SECONDS               120        seconds
access.FACTOR_FRESH_MINUTES             15         minutes
access.PASSWORD_LENGTH                  12         count
api.EXPORT_CHUNK_ROWS                   500        count
api.EXPORT_MEMORY_BYTES                 1048576    bytes
api.MOST_BODY_BYTES                     10000000   bytes
api.MOST_ERRORS                         100        count
api.SUSPENDED_RETRY_SECONDS             3600       seconds
api.AWAY_RETRY_SECONDS                  5          seconds
api.BUSY_RETRY_SECONDS                  1          seconds
api.THROTTLE_TIMEOUT_MS                 100        ms
api.THROTTLE_REST_SECONDS               5          seconds
hypercare.AVERAGE_DAYS                  30         days
hypercare.SERIES_DAYS                   30         days
hypercare.SERIES_WEEKS                  8          count
hypercare.CLOCK_ROWS                    500        count
hypercare.EXCERPT                       600        count
sheets.MOST_COLUMNS                     50         count
sheets.MOST_FAULTS                      50         count
sheets.UNPACKED                         10         factor
provisioning.REFILL_SECONDS             60         seconds
provisioning.LOCK_TIMEOUT_MS            5000       ms
provisioning.LOCK_TRIES                 3          count
provisioning.IN_PROCESS                 4          count
provisioning.KEPT_TEMPLATES             3          count
retention.READ_ROWS                     2000       count
stream.RETRY_SECONDS                    5          seconds
stream.PUBLISH_TIMEOUT_SECONDS          1          seconds
stream.PUBLISH_REST_SECONDS             1          seconds
console.PAGE_ROWS                       50         count
console.BULK_ROWS                       200        count
console.SAID_ONE_BY_ONE                 5          count
console.STORY_LINES                     100        count
console.EVENTS                          3          count
console.NEEDS                           10         count
console.SOON_HOURS                      1,4,24     hours
console.REPORTED_DAYS                   1,2,7,30   days
console.UPCOMING_DAYS                   60         days
console.PREVIEW_LEGS                    40         count
console.MOST_VIEWS                      30         count
console.LANDSCAPE_ROWS                  50         count
console.LANDSCAPE_TENANTS               50         count
console.LANDSCAPE_LOCK_MS               200        ms
console.LATE_PERIODS                    3          count
console.WRITTEN_AFTER_MINUTES           5          minutes
console.REFILLED_AFTER_MINUTES          5          minutes
database.CONNECT_SECONDS                3          seconds
database.WEB_STATEMENT_MS               5000       ms
database.WORKER_STATEMENT_MS            30000      ms
database.BEAT_STATEMENT_MS              10000      ms
database.WEB_LOCK_MS                    3000       ms
database.WORKER_LOCK_MS                 5000       ms
database.BEAT_LOCK_MS                   5000       ms
database.IDLE_SECONDS                   60         seconds
database.KEEPALIVE_IDLE_SECONDS         5          seconds
database.KEEPALIVE_EVERY_SECONDS        2          seconds
database.KEEPALIVE_TRIES                3          count
database.LOST_AFTER_MS                  10000      ms
database.TASKS_PER_CONNECTION           1000       count
broker.CONNECT_SECONDS                  1          seconds
broker.ANSWER_SECONDS                   5          seconds
broker.NUDGE_TIMEOUT_SECONDS            1          seconds
broker.NUDGE_SPACING_MS                 50         ms
broker.WAKE_EXPIRES_SECONDS             30         seconds
broker.TASK_SECONDS                     120        seconds
broker.BEAT_LOOP_SECONDS                1          seconds
cache.TIMEOUT_SECONDS                   1          seconds
process.ALLOCATIONS                     100000     count
process.WEB_THREADS                     8          count
journal.HEADS_SECONDS                   3600       seconds
retention.DAILY_AT_MINUTES              190        minutes
summary.PLAN_SECONDS                    600        seconds
doctor.CLOCK_SKEW_SECONDS               2          seconds
doctor.UNSWEPT_MINUTES                  2          minutes
doctor.BROKER_TIMEOUT_SECONDS           2          seconds
api.PAGE_ROWS                           50         count
api.MOST_PAGE_ROWS                      200        count
api.LISTS_REMEMBERED                    1000       count
hypercare.CALENDARS_REMEMBERED          256        count
health.PAGE_SECONDS                     30         seconds
health.PAGE_MINUTES                     60         minutes
health.PAGE_TENANTS                     50         count
page.TOAST_SECONDS                      6          seconds
page.TOASTS                             3          count
page.TYPING_MS                          250        ms
page.GATHER_MS                          400        ms
page.RETRY_SECONDS                      1          seconds
page.MOST_RETRY_SECONDS                 15         seconds
page.SILENT_BEATS                       2.5        factor
page.CLOCK_MESSAGES                     10         count
page.INCIDENT_SECONDS                   300        seconds
page.MISSED_MS                          1500       ms
page.PROJECTS                           2000       count
page.FOUND_ROWS                         5          count
page.PANEL_ROWS                         5          count
page.FINISHED_ROWS                      10         count
page.RECENT_DAYS                        7          days
"""
TABLE = [tuple(line.split()) for line in (CONTRACT + OURS).split("\n") if line]


def variable(name: str) -> str:
    return "THRESHOLD_" + name.upper().replace(".", "_")


def faults(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        load(environ)
    return raised.value.faults


def changed(values: dict[str, Value]) -> Thresholds:
    return with_values(Thresholds(), values)


def rows_of(thresholds: Thresholds) -> dict[str, Row]:
    """Every row but those of alarms and triggers, which test_thresholds_alarms writes out."""
    return {
        f"{entry.group}.{row.name}": row
        for entry in thresholds.listing()
        for row in entry.rows
        if not entry.name
    }


# ---- defaults and listing ----------------------------------------------------------------------------------


def test_every_default_is_the_contracts_and_nothing_else_is_there() -> None:
    listed = [(name, row.value, row.unit) for name, row in rows_of(Thresholds()).items()]
    assert sorted(listed) == sorted(TABLE)


def test_the_defaults_are_valid() -> None:
    assert violations(Thresholds()) == []
    assert load({}) == Thresholds()


def test_whole_numbers_are_int_and_all_others_decimal() -> None:
    whole = {"count", "bytes", "minutes", "seconds", "ms", "hours", "days"}
    for name, _, unit in TABLE:
        if not isinstance(DEFAULTS[name], SlaTarget | MttrTarget | tuple):
            assert type(DEFAULTS[name]) is (int if unit in whole else Decimal), name


def test_every_threshold_says_what_it_means() -> None:
    rows = [row for entry in Thresholds().listing() for row in entry.rows]
    assert [row.variable for row in rows if not row.meaning.strip()] == []


def test_the_listing_shows_value_default_and_what_was_overridden() -> None:
    rows = rows_of(load({"THRESHOLD_MISMATCH_RATIO": "0.060", "PILOT_MAX_INCIDENTS_PER_HOUR": "20"}))
    assert (rows["mismatch.RATIO"].value, rows["mismatch.RATIO"].default) == ("0.06", "0.05")
    # set to what it was anyway is still set
    assert [name for name, row in rows.items() if row.overridden] == [
        "mismatch.RATIO",
        "pilot.MAX_INCIDENTS_PER_HOUR",
    ]


def test_sla_by_severity() -> None:
    sla = Thresholds().sla
    assert SlaTarget(response=60, resolution=240) == sla.P1
    assert sla.for_severity("P1") is sla.P1
    assert sla.for_severity("P4").resolution == 4320
    for unknown in ("P5", "p1", ""):
        with pytest.raises(KeyError):
            sla.for_severity(unknown)


def test_everything_is_frozen() -> None:
    thresholds = Thresholds()
    config = Config(thresholds, "production", "sha256:0", "unknown")
    owners: list[Any] = [thresholds, config, thresholds.sla.P1]
    for field in fields(thresholds):
        held = getattr(thresholds, field.name)
        owners += held if isinstance(held, tuple) else [held] if field.name != "overridden" else []
    for owner in owners:
        for field in fields(owner):
            with pytest.raises(FrozenInstanceError):
                setattr(owner, field.name, getattr(owner, field.name))


# ---- invariants --------------------------------------------------------------------------------------------

BROKEN = [
    ({"mismatch.SEVERE_RATIO": "0.04"}, "I1: mismatch.SEVERE_RATIO (0.04) must be >= mismatch.RATIO (0.05)"),
    (
        {"mismatch.SEVERE_ABSOLUTE": "49.99"},
        "I2: mismatch.SEVERE_ABSOLUTE (49.99) must be >= mismatch.ABSOLUTE (50)",
    ),
    (
        {"mismatch.ROUNDING_RATIO": "0.05"},
        "I3: mismatch.ROUNDING_RATIO (0.05) must be < mismatch.RATIO (0.05)",
    ),
    (
        {"validation.MIN_UNIT_PRICE": "15.0"},
        "I4: validation.MIN_UNIT_PRICE (15) must be < validation.MAX_UNIT_PRICE (15)",
    ),
    (
        {"validation.MIN_DIST_PRICE": "5"},
        "I5: validation.MIN_DIST_PRICE (5) must be < validation.MAX_DIST_PRICE (5)",
    ),
    (
        {"validation.HARD_STOP_DELTA": "19.99"},
        "I6: validation.HARD_STOP_DELTA (19.99) must be >= mismatch.SEVERE_RATIO * 100 (20)",
    ),
    ({"drift.MIN_SAMPLE": "0"}, "I7: drift.MIN_SAMPLE (0) must be > 0"),
    ({"validation.LOW_CONFIDENCE": "0"}, "I8: validation.LOW_CONFIDENCE (0) must be > 0 and < 1"),
    ({"validation.LOW_CONFIDENCE": "1"}, "I8: validation.LOW_CONFIDENCE (1) must be > 0 and < 1"),
    ({"sla.P3": "480,4321"}, "I9: sla.P3.resolution (4321) must be <= sla.P4.resolution (4320)"),
    ({"sla.P1": "241,300"}, "I9: sla.P1.response (241) must be <= sla.P2.response (240)"),
    ({"sla.P1": "200,199"}, "I9: sla.P1.response (200) must be <= sla.P1.resolution (199)"),
    ({"sla.WARN_PERCENTS": "50,100"}, "I10: each of sla.WARN_PERCENTS (50,100) must be > 0 and < 100"),
    ({"sla.WARN_PERCENTS": "0,80"}, "I10: each of sla.WARN_PERCENTS (0,80) must be > 0 and < 100"),
    ({"sla.WARN_PERCENTS": "80,50"}, "I10: sla.WARN_PERCENTS (80,50) must be ascending"),
    ({"sla.WARN_PERCENTS": "50,50"}, "I10: sla.WARN_PERCENTS (50,50) must be ascending"),
    (
        {"health.DATABASE_WARN_MS": "500"},
        "I11: health.DATABASE_WARN_MS (500) must be < health.DATABASE_ERROR_MS (500)",
    ),
    (
        {"sweep.BACKOFF_SECONDS": "301"},
        "X1: sweep.BACKOFF_SECONDS (301) must be <= sweep.MAX_BACKOFF_SECONDS (300)",
    ),
    (
        {"delivery.BACKOFF_SECONDS": "3601"},
        "X2: delivery.BACKOFF_SECONDS (3601) must be <= delivery.MAX_BACKOFF_SECONDS (3600)",
    ),
    (
        {"delivery.SEND_TIMEOUT_SECONDS": "60"},
        "X3: delivery.SEND_TIMEOUT_SECONDS (60) must be < delivery.LEASE_SECONDS (60)",
    ),
    (
        {"delivery.RUN_SECONDS": "60"},
        "X9: delivery.RUN_SECONDS (60) must be < delivery.LEASE_SECONDS (60)",
    ),
    (
        {"sweep.EVERY_SECONDS": "60", "watchdog.STALE_SECONDS": "61"},
        "X4: sweep.EVERY_SECONDS (60) must be < health.BEAT_STALE_SECONDS (60)",
    ),
    (
        {"health.PULSE_SECONDS": "60"},
        "X7: health.PULSE_SECONDS (60) must be < health.BEAT_STALE_SECONDS (60)",
    ),
    (
        {"health.READY_BUDGET_MS": "500"},
        "X8: health.DATABASE_ERROR_MS (500) must be < health.READY_BUDGET_MS (500)",
    ),
    (
        {"health.READY_BUDGET_MS": "1000"},
        "X25: health.READY_BUDGET_MS (1000) must be < 1000: readiness is answered within a second",
    ),
    (
        {"retention.DAILY_AT_MINUTES": "1440"},
        "X25: retention.DAILY_AT_MINUTES (1440) must be < 1440: a day has no more minutes",
    ),
    (
        {"page.INCIDENT_SECONDS": "2147483"},
        "X25: page.INCIDENT_SECONDS (2147483) must be < 2147483: "
        "a browser's timer counts no further, and then does not wait at all",
    ),
    (
        {"stream.BEAT_SECONDS": "300"},
        "X10: stream.BEAT_SECONDS (300) must be < stream.LIFE_SECONDS (300)",
    ),
    (
        {"security.WINDOW_SECONDS": "300", "security.MOST_WINDOW_SECONDS": "240"},
        "X11: security.WINDOW_SECONDS (300) must be <= security.MOST_WINDOW_SECONDS (240)",
    ),
    (
        {"watchdog.HEARTBEAT_SECONDS": "9"},
        "X12: watchdog.EVERY_SECONDS (10) must be <= watchdog.HEARTBEAT_SECONDS (9)",
    ),
    (
        {"watchdog.TIMEOUT_SECONDS": "30"},
        "X12: watchdog.TIMEOUT_SECONDS (30) must be < watchdog.HEARTBEAT_SECONDS (30)",
    ),
    (
        {"delivery.EVERY_SECONDS": "60"},
        "X13: delivery.EVERY_SECONDS (60) must be < watchdog.STALE_SECONDS (60)",
    ),
    (
        {"metrics.FLUSH_SECONDS": "60"},
        "X14: metrics.FLUSH_SECONDS (60) must be < summary.WAIT_SECONDS (60)",
    ),
    ({"verdict.SIGNIFICANCE": "1"}, "X15: verdict.SIGNIFICANCE (1) must be > 0 and < 1"),
    ({"metrics.SKETCH_ERROR": "1"}, "X15: metrics.SKETCH_ERROR (1) must be > 0 and < 1"),
    (
        {"mismatch.HISTOGRAM_EDGES": "0.02,1"},
        "X16: each of mismatch.HISTOGRAM_EDGES (0.02,1) must be > 0 and < 1",
    ),
    (
        {"mismatch.HISTOGRAM_EDGES": "0.05,0.02"},
        "X16: mismatch.HISTOGRAM_EDGES (0.05,0.02) must be ascending",
    ),
    (
        {"mttr.P1": "10,9,120,120"},
        "X17: mttr.P1 (10,9,120,120): detect must be <= mitigate, and mitigate <= recover",
    ),
    (
        {"security.WINDOW_SECONDS": "90"},
        "X18: security.WINDOW_SECONDS (90) must be whole minutes: n x 60",
    ),
    (
        {"console.BULK_ROWS": "49"},
        "X22: console.PAGE_ROWS (50) must be <= console.BULK_ROWS (49)",
    ),
    (
        {"api.MOST_PAGE_ROWS": "49"},
        "X22: api.PAGE_ROWS (50) must be <= api.MOST_PAGE_ROWS (49)",
    ),
    (
        {"page.FOUND_ROWS": "201"},
        "X22: page.FOUND_ROWS (201) must be <= api.MOST_PAGE_ROWS (200)",
    ),
    (
        {"page.FINISHED_ROWS": "201"},
        "X22: page.FINISHED_ROWS (201) must be <= api.MOST_PAGE_ROWS (200)",
    ),
    (
        {"page.RETRY_SECONDS": "16"},
        "X26: page.RETRY_SECONDS (16) must be <= page.MOST_RETRY_SECONDS (15)",
    ),
    (
        {"page.RECENT_DAYS": "31"},
        "X27: page.RECENT_DAYS (31) must be <= war_room.TREND_DAYS (30)",
    ),
    ({"page.SILENT_BEATS": "1"}, "X28: page.SILENT_BEATS (1) must be > 1"),
    (
        {"database.WEB_LOCK_MS": "5000"},
        "X23: database.WEB_LOCK_MS (5000) must be < database.WEB_STATEMENT_MS (5000)",
    ),
    (
        {"retention.RUN_SUMMARY_DAYS": "400"},
        "X24: summary.MOST_DAYS_BACK (400) must be < retention.RUN_SUMMARY_DAYS (400)",
    ),
    ({"alert.BUG_REPORT_RATE": "10"}, "X5: alert.BUG_REPORT_RATE (10) must be <= 1: a share of all"),
    ({"access.TOKEN_MAX_DAYS": "3651"}, "X6: access.TOKEN_MAX_DAYS (3651) must be <= 3650 days: ten years"),
    ({"sla.P4": "1440,5256001"}, "X6: sla.P4.resolution (5256001) must be <= 5256000 minutes: ten years"),
]


@pytest.mark.parametrize(("values", "fault"), BROKEN)
def test_a_broken_invariant_gives_exactly_its_fault(values: dict[str, str], fault: str) -> None:
    assert faults({variable(name): value for name, value in values.items()}) == (fault,)


@pytest.mark.parametrize(
    "values",
    [
        {"mismatch.SEVERE_RATIO": "0.050"},  # I1 and I2 allow equality
        {"mismatch.SEVERE_ABSOLUTE": "50"},
        {"mismatch.ROUNDING_RATIO": "0.049999999"},
        {"validation.MIN_UNIT_PRICE": "14.999999999"},
        {"validation.MIN_DIST_PRICE": "0"},  # the one that may be zero
        {"validation.MIN_DIST_PRICE": "4.999999999"},
        {"validation.HARD_STOP_DELTA": "20.0", "mismatch.SEVERE_RATIO": "0.2"},
        {"validation.LOW_CONFIDENCE": "0.000000001"},
        {"validation.LOW_CONFIDENCE": "0.999999999"},
        {"sla.P1": "240,240"},  # response = resolution, and P1 as strict as P2
        {"sla.P1": "240,480"},
        {"sla.WARN_PERCENTS": "1,99"},
        {"sla.WARN_PERCENTS": "50"},
        {"health.DATABASE_WARN_MS": "499"},
        {"sweep.BACKOFF_SECONDS": "300"},
        {"delivery.BACKOFF_SECONDS": "3600"},
        {"delivery.SEND_TIMEOUT_SECONDS": "59"},
        {"sweep.EVERY_SECONDS": "59"},
        {"alert.EXHAUSTED_RATE": "1"},
        {"access.TOKEN_MAX_DAYS": "3650"},
        {"console.BULK_ROWS": "50"},
        {"database.WEB_LOCK_MS": "4999"},
        {"security.WINDOW_SECONDS": "86400"},
        {"security.WINDOW_SECONDS": "60"},
        {"watchdog.HEARTBEAT_SECONDS": "10"},
        {"watchdog.TIMEOUT_SECONDS": "29"},
        {"delivery.EVERY_SECONDS": "59"},
        {"metrics.FLUSH_SECONDS": "59"},
        {"verdict.SIGNIFICANCE": "0.999999999"},
        {"mismatch.HISTOGRAM_EDGES": "0.999999999"},
        {"mttr.P1": "10,10,10,1"},
        {"page.FINISHED_ROWS": "200"},
        {"page.RETRY_SECONDS": "15"},
        {"page.INCIDENT_SECONDS": "2147482"},
        {"page.RECENT_DAYS": "30"},
        {"page.SILENT_BEATS": "1.1"},
    ],
)
def test_the_last_value_before_a_fault_is_valid(values: dict[str, str]) -> None:
    loaded = load({variable(name): value for name, value in values.items()})
    assert loaded.overridden == values.keys()
    assert violations(loaded) == []


@pytest.mark.parametrize("name", [name for name, _, _ in TABLE if isinstance(DEFAULTS[name], int | Decimal)])
def test_nothing_that_bounds_may_be_zero_or_less(name: str) -> None:
    def own(value: int) -> set[str]:
        number = Decimal(value) if isinstance(DEFAULTS[name], Decimal) else value
        return {found.code for found in violations(changed({name: number})) if found.names == (name,)}

    between = {
        "validation.LOW_CONFIDENCE": "I8",
        "verdict.SIGNIFICANCE": "X15",
        "metrics.SKETCH_ERROR": "X15",
        "page.SILENT_BEATS": "X28",
    }
    narrower = {between.get(name, "I7")}
    if name == "security.WINDOW_SECONDS":  # no whole minutes either
        assert own(-1) == {"I7", "X18"}
        return
    assert own(0) == (set() if name == "validation.MIN_DIST_PRICE" else narrower)
    assert own(-1) == narrower


@pytest.mark.parametrize("severity", ["P1", "P2", "P3", "P4"])
def test_no_sla_target_may_be_zero(severity: str) -> None:
    found = violations(changed({f"sla.{severity}": SlaTarget(0, 0)}))
    assert [str(violation) for violation in found if violation.code == "I7"] == [
        f"I7: sla.{severity}.response (0) must be > 0",
        f"I7: sla.{severity}.resolution (0) must be > 0",
    ]


def test_faults_of_every_kind_come_together() -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(
            {
                "ENV": "prod",
                "THRESHOLD_MISMACH_RATIO": "0.06",
                "THRESHOLD_DRIFT_MIN_SAMPLE": "many",
                "THRESHOLD_MISMATCH_SEVERE_RATIO": "0.04",
                "THRESHOLD_HEALTH_DATABASE_ERROR_MS": "100",
            }
        )
    assert raised.value.faults == (
        "ENV ('prod') must be one of development, staging, production",
        "THRESHOLD_MISMACH_RATIO is not a threshold; did you mean THRESHOLD_MISMATCH_RATIO?",
        "THRESHOLD_DRIFT_MIN_SAMPLE ('many') must be a whole number such as 20: "
        "no sign, point or comma, at most 9 digits",
        "I1: mismatch.SEVERE_RATIO (0.04) must be >= mismatch.RATIO (0.05)",
        "I11: health.DATABASE_WARN_MS (100) must be < health.DATABASE_ERROR_MS (100)",
    )
    message = str(raised.value)
    assert message.startswith("Config validation failed with 5 fault(s):\n  - ENV")
    assert all(f"\n  - {fault}" in message for fault in raised.value.faults)


def test_all_broken_invariants_come_together() -> None:
    values = {variable(name): value for broken, _ in BROKEN for name, value in broken.items()}
    # where the table breaks one threshold in several ways the last one stands, and may heal another
    values |= {"THRESHOLD_VALIDATION_HARD_STOP_DELTA": "3.99"}
    values |= {"THRESHOLD_HEALTH_DATABASE_WARN_MS": "1000", "THRESHOLD_HEALTH_DATABASE_ERROR_MS": "1000"}
    values |= {"THRESHOLD_WATCHDOG_STALE_SECONDS": "60", "THRESHOLD_SECURITY_MOST_WINDOW_SECONDS": "60"}
    codes = {fault.split(":")[0] for fault in faults(values)}
    assert codes == {f"I{number}" for number in range(1, 12)} | {
        f"X{number}" for number in (*range(1, 19), *range(22, 29))
    }


def test_an_invariant_with_an_unreadable_part_is_not_judged_by_the_default() -> None:
    found = faults({"THRESHOLD_MISMATCH_RATIO": "3%", "THRESHOLD_MISMATCH_SEVERE_RATIO": "0.04"})
    assert len(found) == 1
    assert found[0].startswith("THRESHOLD_MISMATCH_RATIO ('3%')")


def test_the_error_survives_a_process_boundary() -> None:
    error = ConfigError(["one", "two"])
    assert pickle.loads(pickle.dumps(error)).faults == ("one", "two")


# ---- overrides ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("THRESHOLD_MISMATCH_RATIO", "0.06", Decimal("0.06")),
        ("THRESHOLD_MISMATCH_RATIO", " 0.06\n", Decimal("0.06")),
        ("THRESHOLD_MISMATCH_ABSOLUTE", "75", Decimal(75)),
        ("THRESHOLD_DRIFT_MIN_SAMPLE", "007", 7),
        ("THRESHOLD_SLA_P1", "30,120", SlaTarget(30, 120)),
        ("THRESHOLD_SLA_P1", " 30 , 120 ", SlaTarget(30, 120)),
        ("THRESHOLD_SLA_WARN_PERCENTS", "25,50,75", (25, 50, 75)),
        ("THRESHOLD_SLA_WARN_PERCENTS", "90", (90,)),
        ("THRESHOLD_MISMATCH_HISTOGRAM_EDGES", "0.02, 0.10", (Decimal("0.02"), Decimal("0.1"))),
        ("THRESHOLD_MTTR_P0", "1,2,3,3", MttrTarget(1, 2, 3, 3)),
        ("PILOT_MAX_INVOICES_PER_HOUR", "10", 10),
        ("WEB_THREADS", "4", 4),
        ("PILOT_MAX_INCIDENTS_PER_HOUR", "11", 11),
    ],
)
def test_an_override_takes_effect(name: str, text: str, value: Value) -> None:
    loaded = load({name: text, "PATH": "/bin"})
    target = VARIABLES[name]
    group, number = target.split(".")
    assert getattr(getattr(loaded, group), number) == value
    assert loaded.overridden == {target}
    assert loaded == changed({target: value})


@pytest.mark.parametrize("name", [name for name, _, _ in TABLE])
def test_every_threshold_can_be_overridden_by_its_default(name: str) -> None:
    loaded = load({variable(name): show(DEFAULTS[name])})
    assert loaded == Thresholds()
    assert loaded.overridden == {name}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "NaN",
        "inf",
        "-Infinity",
        "-1",
        "+1",
        "1e3",
        "1_000",
        "0,05",
        "5%",
        "0x10",
        "٣",
        "1.",
        ".5",
        "9" * 10,
    ],
)
def test_a_value_that_is_no_plain_number_is_a_fault(text: str) -> None:
    for name in ("THRESHOLD_MISMATCH_ABSOLUTE", "THRESHOLD_DRIFT_MIN_SAMPLE"):
        (fault,) = faults({name: text})
        assert fault.startswith(f"{name} ({text!r}) must be ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("THRESHOLD_DRIFT_MIN_SAMPLE", "20.0"),
        ("THRESHOLD_DRIFT_MIN_SAMPLE", "20.5"),
        ("THRESHOLD_SLA_P1", "60"),
        ("THRESHOLD_SLA_P1", "60,"),
        ("THRESHOLD_SLA_P1", "60,240,480"),
        ("THRESHOLD_SLA_P1", "60;240"),
        ("THRESHOLD_SLA_P1", "-60,240"),
        ("THRESHOLD_SLA_P1", ""),
        ("THRESHOLD_SLA_WARN_PERCENTS", ""),
        ("THRESHOLD_SLA_WARN_PERCENTS", "50,,80"),
        ("THRESHOLD_SLA_WARN_PERCENTS", "50%,80%"),
        ("THRESHOLD_MTTR_P0", "5,15,60"),
        ("THRESHOLD_MISMATCH_HISTOGRAM_EDGES", "0.02;0.05"),
        ("PILOT_MAX_INVOICES_PER_HOUR", "unlimited"),
    ],
)
def test_a_value_of_the_wrong_shape_is_a_fault(name: str, text: str) -> None:
    (fault,) = faults({name: text})
    assert fault.startswith(f"{name} ({text!r}) must be ")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("THRESHOLD_MISMATCH_RATO", "THRESHOLD_MISMATCH_RATIO"),
        ("THRESHOLD_SLA_P5", "THRESHOLD_SLA_P"),
        ("threshold_mismatch_ratio", "THRESHOLD_MISMATCH_RATIO"),
        ("PILOT_MAX_INVOICE_PER_HOUR", "PILOT_MAX_INVOICES_PER_HOUR"),
    ],
)
def test_an_unknown_name_is_a_fault_with_the_nearest_known_one(name: str, suggestion: str) -> None:
    (fault,) = faults({name: "1"})
    assert fault.startswith(f"{name} is not a threshold; did you mean {suggestion}")


@pytest.mark.parametrize("name", ["THRESHOLD_", "THRESHOLD_" + "Q" * 40])
def test_an_unknown_name_near_to_nothing_is_a_fault_all_the_same(name: str) -> None:
    assert faults({name: "1"}) == (f"{name} is not a threshold",)


def test_other_variables_are_nobodys_business() -> None:
    assert load({"PILOT_ENABLED": "true", "MY_THRESHOLD_X": "1", "HOME": "/root"}).overridden == frozenset()


@pytest.mark.parametrize("number", ["MAX_INVOICES_PER_HOUR", "MAX_INCIDENTS_PER_HOUR"])
def test_an_alias_and_its_full_name_must_agree(number: str) -> None:
    alias, full = f"PILOT_{number}", f"THRESHOLD_PILOT_{number}"
    assert getattr(load({alias: "7", full: "07"}).pilot, number) == 7
    assert faults({alias: "7", full: "8"}) == (f"{alias} (7) and {full} (8) set pilot.{number} differently",)
    (fault,) = faults({alias: "7", full: "many"})
    assert fault.startswith(f"{full} ('many')")


# ---- ENV and the whole -------------------------------------------------------------------------------------


@pytest.mark.parametrize("env", ["development", "staging", "production"])
def test_a_known_environment_starts(env: str) -> None:
    assert validate_env(env) == env
    config = load_config({"ENV": env, "BUILD_ID": "b1", "THRESHOLD_MISMATCH_RATIO": "0.06"})
    thresholds = changed({"mismatch.RATIO": Decimal("0.06")})
    assert config == Config(thresholds, env, config_hash(thresholds), "b1")


@pytest.mark.parametrize("env", ["", "Production", " production", "prod", "test"])
def test_any_other_environment_does_not(env: str) -> None:
    fault = f"ENV ({env!r}) must be one of development, staging, production"
    for call in (lambda: validate_env(env), lambda: load_config({"ENV": env})):
        with pytest.raises(ConfigError) as raised:
            call()
        assert raised.value.faults == (fault,)


def test_an_environment_that_is_not_named_does_not_start() -> None:
    with pytest.raises(ConfigError, match="ENV"):
        load_config({})


# ---- hash --------------------------------------------------------------------------------------------------


def test_the_hash_of_the_defaults_is_this_one() -> None:
    """Pinned: it stands in past decisions, so only a changed default or a new threshold may move it."""
    assert config_hash(Thresholds()) == "sha256:3d49f9311a49cb17"


def test_the_hash_names_values_not_spellings() -> None:
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", config_hash(Thresholds()))
    spelled = Thresholds(
        mismatch=Mismatch(
            RATIO=Decimal("0.050"), ABSOLUTE=Decimal("5E+1"), SEVERE_ABSOLUTE=Decimal("500.00")
        ),
        validation=Validation(MIN_DIST_PRICE=Decimal("-0.0")),
    )
    assert config_hash(spelled) == config_hash(Thresholds())
    assert config_hash(load({"THRESHOLD_MISMATCH_RATIO": "00.0500"})) == config_hash(Thresholds())


def other(value: Any) -> Value:
    if isinstance(value, SlaTarget):
        return SlaTarget(value.response, value.resolution + 1)
    if isinstance(value, MttrTarget):
        return MttrTarget(value.detect, value.mitigate, value.recover, value.mttr + 1)
    return (*value, 99) if isinstance(value, tuple) else value + 1


@pytest.mark.parametrize("name", [name for name, _, _ in TABLE])
def test_the_hash_changes_with_every_single_threshold(name: str) -> None:
    assert config_hash(changed({name: other(DEFAULTS[name])})) != config_hash(Thresholds())


def test_the_hash_sees_both_parts_of_a_target() -> None:
    assert config_hash(changed({"sla.P1": SlaTarget(61, 240)})) != config_hash(Thresholds())


def test_the_hashed_text_is_canonical_json() -> None:
    text = canonical_json(Thresholds())
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) == text
    assert json.loads(text)["mismatch"]["SEVERE_RATIO"] == "0.2"
    assert json.loads(text)["sla"] == {
        "P1": [60, 240],
        "P2": [240, 480],
        "P3": [480, 1440],
        "P4": [1440, 4320],
        "WARN_PERCENTS": [50, 80],
    }


# ---- any values --------------------------------------------------------------------------------------------

TEN_YEARS = {
    "days": 3650,
    "hours": 87_600,
    "minutes": 5_256_000,
    "seconds": 315_360_000,
    "ms": 315_360_000_000,
}

# The invariants a second time, each as one plain expression over t.
TRUTH: dict[str, Callable[[Thresholds], bool]] = {
    "I1": lambda t: t.mismatch.SEVERE_RATIO >= t.mismatch.RATIO,
    "I2": lambda t: t.mismatch.SEVERE_ABSOLUTE >= t.mismatch.ABSOLUTE,
    "I3": lambda t: t.mismatch.ROUNDING_RATIO < t.mismatch.RATIO,
    "I4": lambda t: t.validation.MIN_UNIT_PRICE < t.validation.MAX_UNIT_PRICE,
    "I5": lambda t: t.validation.MIN_DIST_PRICE < t.validation.MAX_DIST_PRICE,
    "I6": lambda t: t.validation.HARD_STOP_DELTA >= t.mismatch.SEVERE_RATIO * 100,
    "I7": lambda t: True,  # only positive values are drawn
    "I8": lambda t: 0 < t.validation.LOW_CONFIDENCE < 1,
    "I9": lambda t: (
        all(x.response <= x.resolution for x in (t.sla.P1, t.sla.P2, t.sla.P3, t.sla.P4))
        and t.sla.P1.response <= t.sla.P2.response <= t.sla.P3.response <= t.sla.P4.response
        and t.sla.P1.resolution <= t.sla.P2.resolution <= t.sla.P3.resolution <= t.sla.P4.resolution
    ),
    "I10": lambda t: (
        all(1 <= percent <= 99 for percent in t.sla.WARN_PERCENTS)
        and list(t.sla.WARN_PERCENTS) == sorted(set(t.sla.WARN_PERCENTS))
    ),
    "I11": lambda t: t.health.DATABASE_WARN_MS < t.health.DATABASE_ERROR_MS,
    "X1": lambda t: t.sweep.BACKOFF_SECONDS <= t.sweep.MAX_BACKOFF_SECONDS,
    "X2": lambda t: t.delivery.BACKOFF_SECONDS <= t.delivery.MAX_BACKOFF_SECONDS,
    "X3": lambda t: t.delivery.SEND_TIMEOUT_SECONDS < t.delivery.LEASE_SECONDS,
    "X9": lambda t: t.delivery.RUN_SECONDS < t.delivery.LEASE_SECONDS,
    "X4": lambda t: t.sweep.EVERY_SECONDS < t.health.BEAT_STALE_SECONDS,
    "X7": lambda t: t.health.PULSE_SECONDS < t.health.BEAT_STALE_SECONDS,
    "X8": lambda t: t.health.DATABASE_ERROR_MS < t.health.READY_BUDGET_MS,
    "X10": lambda t: t.stream.BEAT_SECONDS < t.stream.LIFE_SECONDS,
    "X5": lambda t: max(t.alert.BUG_REPORT_RATE, t.alert.EXHAUSTED_RATE, t.ledger.PAYOUT_FAILURE_RATE) <= 1,
    "X6": lambda t: all(
        max(map(Decimal, row.value.split(","))) <= TEN_YEARS[row.unit]
        for row in rows_of(t).values()
        if row.unit in TEN_YEARS
    ),
    "X11": lambda t: t.security.WINDOW_SECONDS <= t.security.MOST_WINDOW_SECONDS,
    "X12": lambda t: (
        t.watchdog.EVERY_SECONDS <= t.watchdog.HEARTBEAT_SECONDS
        and t.watchdog.TIMEOUT_SECONDS < t.watchdog.HEARTBEAT_SECONDS
    ),
    "X13": lambda t: max(t.sweep.EVERY_SECONDS, t.delivery.EVERY_SECONDS) < t.watchdog.STALE_SECONDS,
    "X14": lambda t: t.metrics.FLUSH_SECONDS < t.summary.WAIT_SECONDS,
    "X15": lambda t: 0 < t.verdict.SIGNIFICANCE < 1 and 0 < t.metrics.SKETCH_ERROR < 1,
    "X16": lambda t: (
        all(0 < edge < 1 for edge in t.mismatch.HISTOGRAM_EDGES)
        and list(t.mismatch.HISTOGRAM_EDGES) == sorted(set(t.mismatch.HISTOGRAM_EDGES))
    ),
    "X17": lambda t: all(x.detect <= x.mitigate <= x.recover for x in (t.mttr.P0, t.mttr.P1, t.mttr.P2)),
    "X22": lambda t: (
        t.console.PAGE_ROWS <= t.console.BULK_ROWS
        and max(t.api.PAGE_ROWS, t.page.FOUND_ROWS, t.page.FINISHED_ROWS) <= t.api.MOST_PAGE_ROWS
    ),
    "X23": lambda t: (
        t.database.WEB_LOCK_MS < t.database.WEB_STATEMENT_MS
        and t.database.WORKER_LOCK_MS < t.database.WORKER_STATEMENT_MS
        and t.database.BEAT_LOCK_MS < t.database.BEAT_STATEMENT_MS
    ),
    "X18": lambda t: t.security.WINDOW_SECONDS % 60 == 0,
    "X25": lambda t: (
        t.health.READY_BUDGET_MS < 1000
        and t.retention.DAILY_AT_MINUTES < 1440
        and max(
            t.page.TOAST_SECONDS,
            t.page.MOST_RETRY_SECONDS,
            t.page.INCIDENT_SECONDS,
            t.health.PAGE_SECONDS,
        )
        < 2_147_483
    ),
    "X24": lambda t: t.summary.CATCH_UP_DAYS <= t.summary.MOST_DAYS_BACK < t.retention.RUN_SUMMARY_DAYS,
    "X26": lambda t: t.page.RETRY_SECONDS <= t.page.MOST_RETRY_SECONDS,
    "X27": lambda t: t.page.RECENT_DAYS <= t.war_room.TREND_DAYS,
    "X28": lambda t: t.page.SILENT_BEATS > 1,
}

WHOLE = st.integers(1, 20) | st.integers(1, 5000) | st.integers(1, 999_999_999)
PLAIN = st.decimals("0.000000001", 2, places=9) | st.decimals("0.01", 999_999_999, places=2)


def values_like(default: Value) -> st.SearchStrategy[Value]:
    if isinstance(default, SlaTarget):
        return st.builds(SlaTarget, WHOLE, WHOLE)
    if isinstance(default, MttrTarget):
        return st.builds(MttrTarget, WHOLE, WHOLE, WHOLE, WHOLE)
    if isinstance(default, tuple) and isinstance(default[0], Decimal):
        return st.lists(st.decimals("0.01", "1.1", places=2), min_size=1, max_size=4).map(tuple)
    if isinstance(default, tuple):
        return st.lists(st.integers(1, 110), min_size=1, max_size=4).map(tuple)
    return PLAIN if isinstance(default, Decimal) else WHOLE


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={name: values_like(DEFAULTS[name]) for name, _, _ in TABLE}))
def test_any_positive_values_are_valid_or_refused_for_a_true_reason(values: dict[str, Value]) -> None:
    expected = changed(values)
    untrue = {code for code, holds in TRUTH.items() if not holds(expected)}
    environ = {variable(name): show(value) for name, value in values.items()}
    if untrue:
        found = faults(environ)
        assert {fault.split(":")[0] for fault in found} == untrue
        assert len(set(found)) == len(found)
    else:
        loaded = load(environ)
        assert loaded == expected
        assert loaded.overridden == values.keys()
        assert config_hash(loaded) == config_hash(expected)
