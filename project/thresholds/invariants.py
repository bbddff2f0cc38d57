"""What has to hold between the thresholds; each fault names the numbers that take part, with their values."""

import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple

from project.thresholds.alarms import (
    ACTIONS,
    BASELINES,
    CHANNELS,
    OWNERS,
    RUNBOOKS,
    SCOPES,
    SEVERITIES,
    UNITS,
    Alarm,
    Trigger,
)
from project.thresholds.product import Mttr, MttrTarget, Page, Sla, SlaTarget
from project.thresholds.running import Security
from project.thresholds.source import SECONDS_A_MINUTE, Thresholds, numbers, scalar, show, values_of


class Violation(NamedTuple):
    """A broken invariant: its code, the thresholds that take part, and what must hold, with the values."""

    code: str
    names: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


# I1..I11 are the contract's, X1.. are ours.

PERCENT: Final = 100
COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">=": operator.ge,
}

# code, left, comparison, right, factor of the right side
ORDERED: Final = (
    ("I1", "mismatch.SEVERE_RATIO", ">=", "mismatch.RATIO", 1),
    ("I2", "mismatch.SEVERE_ABSOLUTE", ">=", "mismatch.ABSOLUTE", 1),
    ("I3", "mismatch.ROUNDING_RATIO", "<", "mismatch.RATIO", 1),
    ("I4", "validation.MIN_UNIT_PRICE", "<", "validation.MAX_UNIT_PRICE", 1),
    ("I5", "validation.MIN_DIST_PRICE", "<", "validation.MAX_DIST_PRICE", 1),
    ("I6", "validation.HARD_STOP_DELTA", ">=", "mismatch.SEVERE_RATIO", PERCENT),
    ("I11", "health.DATABASE_WARN_MS", "<", "health.DATABASE_ERROR_MS", 1),
    ("X1", "sweep.BACKOFF_SECONDS", "<=", "sweep.MAX_BACKOFF_SECONDS", 1),
    ("X2", "delivery.BACKOFF_SECONDS", "<=", "delivery.MAX_BACKOFF_SECONDS", 1),
    # a send must end before somebody else may take its row
    ("X3", "delivery.SEND_TIMEOUT_SECONDS", "<", "delivery.LEASE_SECONDS", 1),
    # and a dispatcher must end before its lease and its task do
    ("X9", "delivery.RUN_SECONDS", "<", "delivery.LEASE_SECONDS", 1),
    # a pause between two ticks must not look like a dead beat
    ("X4", "sweep.EVERY_SECONDS", "<", "health.BEAT_STALE_SECONDS", 1),
    # nor may the pause between two records of it
    ("X7", "health.PULSE_SECONDS", "<", "health.BEAT_STALE_SECONDS", 1),
    # a slow database is told from a hung one
    ("X8", "health.DATABASE_ERROR_MS", "<", "health.READY_BUDGET_MS", 1),
    # a stream says that it is alive before it ends
    ("X10", "stream.BEAT_SECONDS", "<", "stream.LIFE_SECONDS", 1),
    # what may be asked for holds what alarms ask for
    ("X11", "security.WINDOW_SECONDS", "<=", "security.MOST_WINDOW_SECONDS", 1),
    # a heartbeat comes from a look that is over
    ("X12", "watchdog.EVERY_SECONDS", "<=", "watchdog.HEARTBEAT_SECONDS", 1),
    ("X12", "watchdog.TIMEOUT_SECONDS", "<", "watchdog.HEARTBEAT_SECONDS", 1),
    # a pause between two sweeps or dispatches must not look like a standstill
    ("X13", "sweep.EVERY_SECONDS", "<", "watchdog.STALE_SECONDS", 1),
    ("X13", "delivery.EVERY_SECONDS", "<", "watchdog.STALE_SECONDS", 1),
    # a day's last figures are written before it is summarised
    ("X14", "metrics.FLUSH_SECONDS", "<", "summary.WAIT_SECONDS", 1),
    # what is deleted must not be made anew
    ("X24", "summary.CATCH_UP_DAYS", "<=", "summary.MOST_DAYS_BACK", 1),
    ("X24", "summary.MOST_DAYS_BACK", "<", "retention.RUN_SUMMARY_DAYS", 1),
    # what a page shows can be selected, and what it holds asked for
    ("X22", "console.PAGE_ROWS", "<=", "console.BULK_ROWS", 1),
    ("X22", "api.PAGE_ROWS", "<=", "api.MOST_PAGE_ROWS", 1),
    ("X22", "page.FOUND_ROWS", "<=", "api.MOST_PAGE_ROWS", 1),
    ("X22", "page.FINISHED_ROWS", "<=", "api.MOST_PAGE_ROWS", 1),
    # who waits for a lock is told that it was the lock
    ("X23", "database.WEB_LOCK_MS", "<", "database.WEB_STATEMENT_MS", 1),
    ("X23", "database.WORKER_LOCK_MS", "<", "database.WORKER_STATEMENT_MS", 1),
    ("X23", "database.BEAT_LOCK_MS", "<", "database.BEAT_STATEMENT_MS", 1),
    ("X26", "page.RETRY_SECONDS", "<=", "page.MOST_RETRY_SECONDS", 1),
    # the war room's days are a part of its trend
    ("X27", "page.RECENT_DAYS", "<=", "war_room.TREND_DAYS", 1),
)
SHARES: Final = ("alert.BUG_REPORT_RATE", "alert.EXHAUSTED_RATE", "ledger.PAYOUT_FAILURE_RATE")
PARTS: Final = {  # each strictly between 0 and 1
    "validation.LOW_CONFIDENCE": "I8",
    "verdict.SIGNIFICANCE": "X15",
    "metrics.SKETCH_ERROR": "X15",
}
MAY_BE_ZERO: Final = ("validation.MIN_DIST_PRICE", ".TARGET_FROM", ".TARGET_TO")  # by how the name ends
WITHIN: Final = {  # each below this, and why
    "health.READY_BUDGET_MS": (1000, "readiness is answered within a second"),
    "retention.DAILY_AT_MINUTES": (1440, "a day has no more minutes"),
    **dict.fromkeys(
        (
            "page.TOAST_SECONDS",
            "page.MOST_RETRY_SECONDS",
            "page.INCIDENT_SECONDS",
            "health.PAGE_SECONDS",
        ),
        (2**31 // 1000, "a browser's timer counts no further, and then does not wait at all"),
    ),
}
BOUNDED_ELSEWHERE: Final = (  # more narrowly
    *PARTS,
    "sla.WARN_PERCENTS",
    "mismatch.HISTOGRAM_EDGES",
    "page.SILENT_BEATS",
)
LONGEST: Final = timedelta(days=3650)  # keeps now + or - any threshold within what a timestamp can hold
TIMES: Final = {
    "ms": timedelta(milliseconds=1),
    "seconds": timedelta(seconds=1),
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
}


LIMITS: Final = ("above", "at_least", "below", "target_from", "target_to")
INSIDE: Final = (
    ("target_from", "<=", "target_to"),
    ("target_to", "<=", "above"),
    ("target_from", "<=", "above"),
    ("target_to", "<", "at_least"),
    ("target_from", "<", "at_least"),
    ("below", "<=", "target_from"),
    ("below", "<=", "target_to"),
    ("below", "<", "above"),
    ("below", "<", "at_least"),
)
TOGETHER: Final = (("factor", "baseline_minutes", "fallback"), ("escalate_days", "escalate_to"))


def violations(thresholds: Thresholds) -> list[Violation]:
    """Find every invariant that does not hold; empty means valid."""
    return [
        *_ordered(thresholds),
        *_positive(thresholds),
        *_parts(thresholds),
        *_within(thresholds),
        *_sla(thresholds.sla),
        *_ascending("I10", "sla.WARN_PERCENTS", thresholds.sla.WARN_PERCENTS, PERCENT),
        *_shares(thresholds),
        *_times(thresholds),
        *_ascending("X16", "mismatch.HISTOGRAM_EDGES", thresholds.mismatch.HISTOGRAM_EDGES, 1),
        *_mttr(thresholds.mttr),
        *_silence(thresholds.page),
        *_whole_minutes(thresholds.security),
        *(_names(thresholds) or _alarms(thresholds)),
    ]


def _ordered(thresholds: Thresholds) -> Iterator[Violation]:
    values = values_of(thresholds)
    for code, left, comparison, right, factor in ORDERED:
        low, high = scalar(values[left]), scalar(values[right]) * factor
        if not COMPARE[comparison](low, high):
            bound = right if factor == 1 else f"{right} * {factor}"
            yield Violation(
                code, (left, right), f"{left} ({show(low)}) must be {comparison} {bound} ({show(high)})"
            )


def _positive(thresholds: Thresholds) -> Iterator[Violation]:
    for name, part, value, _ in _scalars(thresholds):
        if name.endswith(MAY_BE_ZERO):
            if value < 0:
                yield Violation("I7", (name,), f"{part} ({show(value)}) must be >= 0")
        elif name not in BOUNDED_ELSEWHERE and value <= 0:
            yield Violation("I7", (name,), f"{part} ({show(value)}) must be > 0")


def _parts(thresholds: Thresholds) -> Iterator[Violation]:
    values = values_of(thresholds)
    for name, code in PARTS.items():
        if not 0 < scalar(values[name]) < 1:
            yield Violation(code, (name,), f"{name} ({show(values[name])}) must be > 0 and < 1")


def _within(thresholds: Thresholds) -> Iterator[Violation]:
    values = values_of(thresholds)
    for name, (bound, why) in WITHIN.items():
        if scalar(values[name]) >= bound:
            yield Violation("X25", (name,), f"{name} ({show(values[name])}) must be < {bound}: {why}")


def _sla(sla: Sla) -> Iterator[Violation]:
    targets = sla.targets()
    for severity, target in targets.items():
        if target.response > target.resolution:
            yield Violation(
                "I9",
                (f"sla.{severity}",),
                f"sla.{severity}.response ({target.response}) must be <= "
                f"sla.{severity}.resolution ({target.resolution})",
            )
    severities = list(targets)
    for upper, lower in pairwise(severities):
        for part in fields(SlaTarget):
            high, low = getattr(targets[upper], part.name), getattr(targets[lower], part.name)
            if high > low:
                yield Violation(
                    "I9",
                    (f"sla.{upper}", f"sla.{lower}"),
                    f"sla.{upper}.{part.name} ({high}) must be <= sla.{lower}.{part.name} ({low})",
                )


def _ascending(
    code: str, name: str, values: tuple[int, ...] | tuple[Decimal, ...], bound: int
) -> Iterator[Violation]:
    if not all(0 < value < bound for value in values):
        yield Violation(code, (name,), f"each of {name} ({show(values)}) must be > 0 and < {bound}")
    if any(left >= right for left, right in pairwise(map(Decimal, values))):
        yield Violation(code, (name,), f"{name} ({show(values)}) must be ascending")


def _mttr(mttr: Mttr) -> Iterator[Violation]:
    for one in fields(mttr):
        target: MttrTarget = getattr(mttr, one.name)
        if not target.detect <= target.mitigate <= target.recover:
            name = f"mttr.{one.name}"
            text = f"{name} ({show(target)}): detect must be <= mitigate, and mitigate <= recover"
            yield Violation("X17", (name,), text)


def _shares(thresholds: Thresholds) -> Iterator[Violation]:
    of_alarms = {
        f"alarms.{alarm.name}.{limit.upper()}"
        for alarm in thresholds.alarms
        for limit in LIMITS
        if alarm.unit == "ratio"
    }
    for name, _, value, _ in _scalars(thresholds):
        if (name in SHARES or name in of_alarms) and value > 1:
            yield Violation("X5", (name,), f"{name} ({show(value)}) must be <= 1: a share of all")


def _times(thresholds: Thresholds) -> Iterator[Violation]:
    for name, part, value, unit in _scalars(thresholds):
        if unit in TIMES and value > (longest := LONGEST // TIMES[unit]):
            yield Violation("X6", (name,), f"{part} ({show(value)}) must be <= {longest} {unit}: ten years")


def _silence(page: Page) -> Iterator[Violation]:
    """Between two beats every stream is silent."""
    if page.SILENT_BEATS <= 1:
        name = "page.SILENT_BEATS"
        yield Violation("X28", (name,), f"{name} ({show(page.SILENT_BEATS)}) must be > 1")


def _whole_minutes(security: Security) -> Iterator[Violation]:
    """An alarm's window is whole minutes, and the security alarms take this one."""
    if security.WINDOW_SECONDS % SECONDS_A_MINUTE:
        name = "security.WINDOW_SECONDS"
        text = f"{name} ({security.WINDOW_SECONDS}) must be whole minutes: n x {SECONDS_A_MINUTE}"
        yield Violation("X18", (name,), text)


def _names(thresholds: Thresholds) -> list[Violation]:
    """What an alarm, a trigger or a drift rule names has to be there."""
    known_numbers = values_of(thresholds)
    known_alarms = {alarm.name for alarm in thresholds.alarms}
    known_rates = {rate.name for rate in thresholds.rates}
    named = [
        *(found for alarm in thresholds.alarms for found in _named_by(alarm, known_numbers)),
        *(found for trigger in thresholds.triggers for found in _pulled_by(trigger, known_alarms)),
        *((f"drift_rules.{rule.name}", "rate", rule.rate, known_rates) for rule in thresholds.drift_rules),
        *(
            (f"drift_rules.{rule.name}", "guard", guard, known_numbers)
            for rule in thresholds.drift_rules
            for guard in rule.guards
        ),
    ]
    return [
        Violation("X20", (where,), f"{where}: {value!r} is no known {what}")
        for where, what, value, known in named
        if value not in known
    ]


Named = tuple[str, str, str, Collection[str]]
"""Who names it, what it is, its name, and what there is."""


def _named_by(alarm: Alarm, known_numbers: Collection[str]) -> Iterator[Named]:
    where = f"alarms.{alarm.name}"
    yield where, "unit", alarm.unit, UNITS
    yield where, "scope", alarm.scope, SCOPES
    yield where, "severity", alarm.severity, SEVERITIES
    yield where, "runbook", alarm.runbook, RUNBOOKS
    yield where, "owner", alarm.owner, OWNERS
    if alarm.escalate_to is not None:
        yield where, "owner", alarm.escalate_to, OWNERS
    for channel in alarm.channels:
        yield where, "channel", channel, CHANNELS
    for _, name in alarm.references:
        yield where, "threshold", name, known_numbers


def _pulled_by(trigger: Trigger, known_alarms: Collection[str]) -> Iterator[Named]:
    where = f"triggers.{trigger.name}"
    yield where, "action", trigger.action, ACTIONS
    if trigger.alarm is not None:
        yield where, "alarm", trigger.alarm, known_alarms
    if trigger.then is not None:
        yield where, "action", trigger.then, ACTIONS
    if trigger.baseline is not None:
        yield where, "baseline", trigger.baseline, BASELINES


def _alarms(thresholds: Thresholds) -> Iterator[Violation]:
    for alarm in thresholds.watched():
        yield from _complete(alarm)
        yield from _inside(alarm)


def _complete(alarm: Alarm) -> Iterator[Violation]:
    where = f"alarms.{alarm.name}"
    if alarm.above is alarm.at_least is alarm.below is alarm.factor is None:
        yield Violation("X21", (where,), f"{where} has no limit: it never breaches")
    for together in TOGETHER:
        if len({getattr(alarm, attribute) is None for attribute in together}) > 1:
            yield Violation("X21", (where,), f"{where} must have all or none of {', '.join(together)}")


def _inside(alarm: Alarm) -> Iterator[Violation]:
    """What is healthy must not alarm: target inside of the limits, and limits that leave room between them."""
    references = dict(alarm.references)

    def named(attribute: str) -> tuple[str, str]:
        name = references.get(attribute, f"alarms.{alarm.name}.{attribute.upper()}")
        return name, f"{name} ({show(getattr(alarm, attribute))})"

    for low, comparison, high in INSIDE:
        left, right = getattr(alarm, low), getattr(alarm, high)
        if left is not None and right is not None and not COMPARE[comparison](left, right):
            (low_name, low_text), (high_name, high_text) = named(low), named(high)
            yield Violation("X19", (low_name, high_name), f"{low_text} must be {comparison} {high_text}")


def _scalars(thresholds: Thresholds) -> Iterator[tuple[str, str, int | Decimal, str]]:
    """Walk over single numbers: the threshold's name, the number's own name, its value, its unit."""
    for name, value, unit, _ in numbers(thresholds):
        if isinstance(value, SlaTarget | MttrTarget):
            for part in fields(value):
                yield name, f"{name}.{part.name}", getattr(value, part.name), unit
        elif isinstance(value, tuple):
            yield from ((name, name, item, unit) for item in value)
        else:
            yield name, name, value, unit
