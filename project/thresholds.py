"""Every number of the product that somebody may want to tune: typed, frozen, validated, hashed.

settings.py calls `load_config` once; all code reads `settings.THRESHOLDS`, rules get it as an argument.
Each number can be overridden by `THRESHOLD_<GROUP>_<NAME>`, as in `THRESHOLD_MISMATCH_RATIO=0.06`.

Whole numbers (counts, times) are int, everything else is Decimal, never float: money compares exactly, `0.05`
from the environment is 0.05, and `0.05` and `0.050` have one spelling in the hash. Ratios are fractions of 1.

A new number is a new field; a new group is a new class and a line in Thresholds. Overrides, positivity, hash
and listings follow from that; only a relation between two numbers needs a line in ORDERED.
"""

# ruff: noqa: RUF009 - _number is dataclasses.field with a unit, not a mutable default

import difflib
import hashlib
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from project.build import build_id

ROOT: Final = Path(__file__).resolve().parent.parent
ENVIRONMENTS: Final = ("development", "staging", "production")

T = TypeVar("T")


def _number(default: T, unit: str, meaning: str) -> T:
    """Declare one threshold with its unit and what it decides; the catalogues are asked for `meaning` when shown."""
    return field(default=default, metadata={"unit": unit, "meaning": meaning})


@dataclass(frozen=True)
class Mismatch:
    """When an invoice's total differs from the computed one, and how badly."""

    RATIO: Decimal = _number(
        Decimal("0.05"), "ratio", "|invoice - computed| / invoice at or above which totals mismatch (S2)"
    )
    ABSOLUTE: Decimal = _number(
        Decimal(50), "TRY", "absolute difference at or above which totals mismatch (S2)"
    )
    SEVERE_RATIO: Decimal = _number(Decimal("0.20"), "ratio", "with SEVERE_ABSOLUTE: both reached means S1")
    SEVERE_ABSOLUTE: Decimal = _number(Decimal(500), "TRY", "with SEVERE_RATIO: both reached means S1")
    ROUNDING_DELTA: Decimal = _number(
        Decimal(10), "TRY", "below this and below ROUNDING_RATIO the difference is rounding"
    )
    ROUNDING_RATIO: Decimal = _number(
        Decimal("0.005"), "ratio", "below this and below ROUNDING_DELTA the difference is rounding"
    )


@dataclass(frozen=True)
class Drift:
    """Guards of the comparison of one week with the week before."""

    MIN_SAMPLE: int = _number(20, "count", "the current period must hold at least this many")
    MIN_ABSOLUTE_DELTA: int = _number(5, "count", "the count must have moved by at least this")
    RATE_MULTIPLIER: Decimal = _number(Decimal(2), "factor", "current rate >= this x previous rate")
    TOP_OFFENDERS_MIN_INVOICES: int = _number(
        20, "count", "providers under this volume are left out of the by-rate list"
    )


@dataclass(frozen=True)
class Alert:
    """When quality figures raise an alert."""

    BUG_REPORT_RATE: Decimal = _number(
        Decimal("0.10"), "ratio", "share of incidents whose action is BUG_REPORT"
    )
    EXHAUSTED_RATE: Decimal = _number(
        Decimal("0.20"), "ratio", "share of retried incidents that ran out of retries"
    )
    STUCK_COUNT: int = _number(1, "count", "stuck jobs that raise an alert")
    RECOMPUTE_LIMIT: int = _number(1, "count", "recomputations of one incident that raise an alert")


@dataclass(frozen=True)
class Recovery:
    """When a job counts as stuck."""

    STUCK_MINUTES: int = _number(
        10, "minutes", "a queued or running job older than this without progress is stuck"
    )


@dataclass(frozen=True)
class Validation:
    """What is believed of an extracted invoice."""

    LOW_CONFIDENCE: Decimal = _number(
        Decimal("0.6"),
        "probability",
        "a field below this is low-confidence; a mismatch with one is OCR_LOCALE_SUSPECT",
    )
    MIN_UNIT_PRICE: Decimal = _number(
        Decimal("0.5"), "TRY/kWh", "lowest accepted unit price of active energy"
    )
    MAX_UNIT_PRICE: Decimal = _number(Decimal(15), "TRY/kWh", "highest accepted unit price of active energy")
    MIN_DIST_PRICE: Decimal = _number(Decimal(0), "TRY/kWh", "lowest accepted unit price of distribution")
    MAX_DIST_PRICE: Decimal = _number(Decimal(5), "TRY/kWh", "highest accepted unit price of distribution")
    LINE_CONSISTENCY_TOLERANCE: Decimal = _number(
        Decimal(2), "percent", "quantity x price against the line's amount"
    )
    HARD_STOP_DELTA: Decimal = _number(Decimal(20), "percent", "difference at which pricing stops")
    ENERGY_CROSSCHECK_TOLERANCE: Decimal = _number(
        Decimal(5), "percent", "energy line against consumption x unit price"
    )


@dataclass(frozen=True)
class SlaTarget:
    """Minutes from the report to the first response and to the resolution."""

    response: int
    resolution: int


@dataclass(frozen=True)
class Sla:
    """Targets per severity where no policy of the project says otherwise, and when to warn."""

    P1: SlaTarget = _number(SlaTarget(60, 240), "minutes", "response and resolution of a P1")
    P2: SlaTarget = _number(SlaTarget(240, 480), "minutes", "response and resolution of a P2")
    P3: SlaTarget = _number(SlaTarget(480, 1440), "minutes", "response and resolution of a P3")
    P4: SlaTarget = _number(SlaTarget(1440, 4320), "minutes", "response and resolution of a P4")
    WARN_PERCENTS: tuple[int, ...] = _number(
        (50, 80), "percent", "of the target elapsed: a warning before the breach"
    )

    def targets(self) -> dict[str, SlaTarget]:
        """Map every severity, strictest first, to its target in minutes."""
        return {"P1": self.P1, "P2": self.P2, "P3": self.P3, "P4": self.P4}

    def for_severity(self, severity: str) -> SlaTarget:
        """Give a severity's target in minutes; KeyError for anything but P1, P2, P3, P4."""
        return self.targets()[severity]


@dataclass(frozen=True)
class Pilot:
    """How much the pilot tenant may do."""

    MAX_INVOICES_PER_HOUR: int = _number(50, "count", "the next job is refused: 429 with Retry-After")
    MAX_INCIDENTS_PER_HOUR: int = _number(
        20, "count", "the incident is not created; a warning is logged and counted"
    )
    WINDOW_SECONDS: int = _number(3600, "seconds", "sliding window of both limits")


@dataclass(frozen=True)
class Health:
    """When a check of /health/ready warns or fails."""

    DATABASE_WARN_MS: int = _number(100, "ms", "SELECT 1 slower than this: warning")
    DATABASE_ERROR_MS: int = _number(500, "ms", "SELECT 1 slower than this, or a timeout: error")
    BEAT_STALE_SECONDS: int = _number(60, "seconds", "no tick of beat for this long: error")
    QUEUE_STUCK_MINUTES: int = _number(
        10, "minutes", "depth > 0 and nothing consumed for this long: stuck, so not ready"
    )
    READY_BUDGET_MS: int = _number(800, "ms", "longest /health/ready waits for what hangs")
    PULSE_SECONDS: int = _number(5, "seconds", "a process records that it goes on at most this often")


@dataclass(frozen=True)
class Security:
    """Events of one tenant within 5 minutes that raise a security alert."""

    CROSS_SCOPE_ATTEMPTS: int = _number(3, "count", "alert SEC-CROSS-SCOPE-001, severity high")
    SCOPE_MISMATCHES: int = _number(5, "count", "alert SEC-SCOPE-MISMATCH-001, severity medium")


@dataclass(frozen=True)
class Ledger:
    """When the money loop is in trouble."""

    STUCK_MINUTES: int = _number(
        30, "minutes", "a transfer in an intermediate state longer than this is stuck"
    )
    PAYOUT_FAILURE_RATE: Decimal = _number(
        Decimal("0.15"), "ratio", "share of failed payouts above it: rollback"
    )


@dataclass(frozen=True)
class Sweep:
    """The clock that carries out due deadlines."""

    EVERY_SECONDS: int = _number(1, "seconds", "beat starts a sweep this often")
    BATCH: int = _number(500, "count", "deadlines claimed at once")
    BACKOFF_SECONDS: int = _number(
        5, "seconds", "wait before the first retry, doubled before each further one"
    )
    MAX_BACKOFF_SECONDS: int = _number(300, "seconds", "longest wait between two retries")
    MAX_ATTEMPTS: int = _number(8, "count", "failed attempts after which a deadline is dead")


@dataclass(frozen=True)
class Delivery:
    """The dispatcher of the outbox."""

    EVERY_SECONDS: int = _number(5, "seconds", "beat starts the dispatcher this often")
    BATCH: int = _number(100, "count", "deliveries leased at once")
    LEASE_SECONDS: int = _number(
        60, "seconds", "a leased delivery not marked for this long may be taken again"
    )
    BACKOFF_SECONDS: int = _number(
        10, "seconds", "upper bound of the first retry's wait, doubled per attempt"
    )
    MAX_BACKOFF_SECONDS: int = _number(3600, "seconds", "longest upper bound of a retry's wait")
    MAX_ATTEMPTS: int = _number(12, "count", "failed attempts after which a delivery is dead")
    SEND_TIMEOUT_SECONDS: int = _number(10, "seconds", "a channel that has not answered by then has failed")
    THREADS: int = _number(16, "count", "receivers that one dispatcher talks to at once")
    RUN_SECONDS: int = _number(
        30, "seconds", "a dispatcher stops claiming after this long, and another goes on"
    )
    LOOK_AGAIN_MS: int = _number(50, "ms", "a dispatcher marks what was sent, and claims more, this often")
    YIELD_SECONDS: int = _number(10, "seconds", "telling waits this long for deadlines that are carried out")
    DISABLE_AFTER_DAYS: int = _number(3, "days", "an endpoint that fails for this long is disabled")
    SECRET_OVERLAP_HOURS: int = _number(24, "hours", "a webhook's old secret signs beside the new one")
    ALARM_EVERY_MINUTES: int = _number(
        15, "minutes", "staff are mailed about dead deadlines and deliveries at most this often"
    )


@dataclass(frozen=True)
class Access:
    """How long a right lasts, and how soon a withdrawn one is noticed."""

    GRANT_MAX_MINUTES: int = _number(60, "minutes", "longest support grant")
    TOKEN_MAX_DAYS: int = _number(365, "days", "longest life of an API token")
    HOST_CACHE_SECONDS: int = _number(
        2, "seconds", "a process believes its host-to-tenant answer for this long"
    )
    FLAG_REFRESH_SECONDS: int = _number(2, "seconds", "a process believes its flags for this long")
    LOGIN_FAILURES: int = _number(
        5, "count", "wrong passwords of one person at one address; then it is locked"
    )
    LOGIN_FAILURES_PER_ADDRESS: int = _number(
        50, "count", "wrong passwords from one address, whoever is named; then it is locked"
    )
    LOGIN_COOL_OFF_MINUTES: int = _number(15, "minutes", "such a lock lasts")
    RESET_MINUTES: int = _number(60, "minutes", "a mailed link to set a new password works")
    INVITATION_DAYS: int = _number(7, "days", "a mailed link to set the first password works")


@dataclass(frozen=True)
class Api:
    """How much one caller may ask of the API."""

    REQUESTS_PER_MINUTE: int = _number(1200, "count", "of one user in one tenant; more is a 429")
    EXPORT_ROWS: int = _number(10_000, "count", "longest list that is exported as CSV or XLSX")


@dataclass(frozen=True)
class Hypercare:
    """The life of incidents."""

    REOPEN_DAYS: int = _number(14, "days", "a closed incident can be reopened for this long")
    HOLIDAY_YEARS: int = _number(
        10, "count", "public holidays are written into a calendar for so many years ahead"
    )


@dataclass(frozen=True)
class Sheets:
    """What people may bring in a spreadsheet."""

    MOST_ROWS: int = _number(2_000, "count", "rows of one import")
    MOST_BYTES: int = _number(5_000_000, "bytes", "size of one file")


@dataclass(frozen=True)
class Provisioning:
    """Preparation of new tenants."""

    SPARE_SCHEMAS: int = _number(3, "count", "migrated schemas kept ready to be claimed")


@dataclass(frozen=True)
class Retention:
    """How long finished rows are kept."""

    DEAD_DELIVERY_DAYS: int = _number(90, "days", "dead deliveries are kept for this long")
    SENT_DELIVERY_DAYS: int = _number(30, "days", "sent and needless deliveries are kept for this long")
    IDEMPOTENCY_HOURS: int = _number(24, "hours", "a POST's answer is repeated for its Idempotency-Key")
    PERSONAL_DAYS: int = _number(730, "days", "the personal parts of journal lines are kept for this long")
    SECURITY_COUNT_DAYS: int = _number(90, "days", "counted security signals are kept for this long")
    JOURNAL_DAYS: int = _number(2555, "days", "prune_journal archives lines older than this")
    BATCH: int = _number(5000, "count", "rows that retention deletes in one statement")


@dataclass(frozen=True)
class Stream:
    """The live stream of changes: how often it says something, and how much one may hold."""

    BEAT_SECONDS: int = _number(5, "seconds", "a live stream sends its clock this often")
    POLL_SECONDS: int = _number(2, "seconds", "a web process looks for changes this often if nobody told it")
    LIFE_SECONDS: int = _number(300, "seconds", "a live stream ends after this long and needs a new ticket")
    TICKET_SECONDS: int = _number(60, "seconds", "a ticket opens a live stream for this long")
    MOST_STREAMS: int = _number(1000, "count", "live streams that one web process holds at once")
    QUEUE: int = _number(256, "count", "changes that wait for a slow reader before it has to load all anew")
    MOST_MISSED: int = _number(
        500, "count", "lines of the journal behind which a live stream tells to load all anew"
    )


@dataclass(frozen=True)
class WarRoom:
    """How much the war room shows at once."""

    INCIDENTS: int = _number(500, "count", "open incidents that the war room lists")
    FEED: int = _number(12, "count", "newest lines of the journal that the war room shows")
    TREND_DAYS: int = _number(30, "days", "days that the war room's trends go back")
    CHANGES: int = _number(50, "count", "unfinished change requests that the war room lists")


@dataclass(frozen=True)
class Thresholds:
    """All groups; `overridden` names what the environment set and is neither compared nor hashed."""

    mismatch: Mismatch = Mismatch()
    drift: Drift = Drift()
    alert: Alert = Alert()
    recovery: Recovery = Recovery()
    validation: Validation = Validation()
    sla: Sla = Sla()
    pilot: Pilot = Pilot()
    health: Health = Health()
    security: Security = Security()
    ledger: Ledger = Ledger()
    sweep: Sweep = Sweep()
    delivery: Delivery = Delivery()
    access: Access = Access()
    api: Api = Api()
    hypercare: Hypercare = Hypercare()
    sheets: Sheets = Sheets()
    provisioning: Provisioning = Provisioning()
    retention: Retention = Retention()
    stream: Stream = Stream()
    war_room: WarRoom = WarRoom()
    overridden: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True)
class Config:
    """What settings takes over from the environment; a process that has one may start."""

    thresholds: Thresholds
    env: str
    config_hash: str
    build_id: str


class ConfigError(Exception):
    """The configuration is refused; `faults` holds every reason, one line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n  - ".join((f"Config validation failed with {len(self.faults)} fault(s):", *self.faults))


class Violation(NamedTuple):
    """A broken invariant: its code, the thresholds that take part, and what must hold, with the values."""

    code: str
    names: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


class Row(NamedTuple):
    """One threshold for console and doctor; value and default are spelled as the environment spells them."""

    group: str
    name: str
    value: str
    default: str
    unit: str
    meaning: str
    overridden: bool


Value = int | Decimal | SlaTarget | tuple[int, ...]


# ---- loading -----------------------------------------------------------------------------------------------


def load_config(environ: Mapping[str, str], root: Path = ROOT) -> Config:
    """Read ENV, thresholds and build from the environment; ConfigError lists all faults of all of them."""
    env = environ.get("ENV", "")
    thresholds, faults = _read(environ)
    faults = _env_faults(env) + faults
    if faults:
        raise ConfigError(faults)
    return Config(thresholds, env, config_hash(thresholds), build_id(environ, root))


def load(environ: Mapping[str, str]) -> Thresholds:
    """Apply the environment's overrides to the defaults; ConfigError lists all that is wrong with them."""
    thresholds, faults = _read(environ)
    if faults:
        raise ConfigError(faults)
    return thresholds


def validate_env(value: str) -> str:
    """Give the environment's name back; ConfigError unless it is one of ENVIRONMENTS, spelled exactly so."""
    faults = _env_faults(value)
    if faults:
        raise ConfigError(faults)
    return value


def _env_faults(value: str) -> list[str]:
    if value in ENVIRONMENTS:
        return []
    return [f"ENV ({value!r}) must be one of {', '.join(ENVIRONMENTS)}"]


def _read(environ: Mapping[str, str]) -> tuple[Thresholds, list[str]]:
    """Read every override; an invariant with an unreadable part is left out, for nobody meant the default."""
    faults = [_unknown(variable) for variable in sorted(environ) if _is_unknown(variable)]
    given: dict[str, Value] = {}
    unreadable: set[str] = set()
    for variable, name in VARIABLES.items():
        if variable not in environ:
            continue
        try:
            value = _parse(environ[variable], DEFAULTS[name])
        except ValueError as error:
            faults.append(f"{variable} ({environ[variable]!r}) {error}")
            unreadable.add(name)
            continue
        if given.setdefault(name, value) != value:
            first = _variable(name)
            faults.append(
                f"{variable} ({show(value)}) and {first} ({show(given[name])}) set {name} differently"
            )
            unreadable.add(name)
    thresholds = _with(given)
    broken = [violation for violation in violations(thresholds) if unreadable.isdisjoint(violation.names)]
    return thresholds, faults + [str(violation) for violation in broken]


def _with(given: Mapping[str, Value]) -> Thresholds:
    thresholds = Thresholds(overridden=frozenset(given))
    for name, value in given.items():
        group, _, number = name.partition(".")
        changed = replace(getattr(thresholds, group), **{number: value})
        thresholds = replace(thresholds, **{group: changed})
    return thresholds


def _is_unknown(variable: str) -> bool:
    return variable.upper().startswith(("THRESHOLD_", "PILOT_MAX_")) and variable not in VARIABLES


def _unknown(variable: str) -> str:
    near = difflib.get_close_matches(variable.upper(), VARIABLES, n=1)
    return f"{variable} is not a threshold" + (f"; did you mean {near[0]}?" if near else "")


# Nine digits keep every int within a database integer and every Decimal exact.
WHOLE: Final = re.compile(r"\d{1,9}", re.ASCII)
PLAIN: Final = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def _parse(text: str, default: Value) -> Value:
    """Read a value of the default's type; ValueError says what was expected."""
    if isinstance(default, Decimal):
        if not PLAIN.fullmatch(text.strip()):
            raise ValueError(
                "must be a plain number such as 0.05: no sign, exponent or comma, at most 9 digits"
            )
        return Decimal(text.strip())
    if isinstance(default, int):
        return _whole(text, "must be a whole number such as 20: no sign, point or comma, at most 9 digits")
    if isinstance(default, SlaTarget):
        expected = "must be two whole numbers of minutes: response,resolution"
        parts = [_whole(part, expected) for part in text.split(",")]
        if len(parts) != len(fields(SlaTarget)):
            raise ValueError(expected)
        return SlaTarget(*parts)
    return tuple(_whole(part, "must be whole numbers with commas between") for part in text.split(","))


def _whole(text: str, expected: str) -> int:
    if not WHOLE.fullmatch(text.strip()):
        raise ValueError(expected)
    return int(text.strip())


# ---- invariants --------------------------------------------------------------------------------------------
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
)
SHARES: Final = ("alert.BUG_REPORT_RATE", "alert.EXHAUSTED_RATE", "ledger.PAYOUT_FAILURE_RATE")
MAY_BE_ZERO: Final = ("validation.MIN_DIST_PRICE",)
BOUNDED_ELSEWHERE: Final = ("validation.LOW_CONFIDENCE", "sla.WARN_PERCENTS")  # by I8 and I10, more narrowly
LONGEST: Final = timedelta(days=3650)  # keeps now + or - any threshold within what a timestamp can hold
TIMES: Final = {
    "ms": timedelta(milliseconds=1),
    "seconds": timedelta(seconds=1),
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
}


def violations(thresholds: Thresholds) -> list[Violation]:
    """Find every invariant that does not hold; empty means valid."""
    return [
        *_ordered(thresholds),
        *_positive(thresholds),
        *_confidence(thresholds.validation.LOW_CONFIDENCE),
        *_sla(thresholds.sla),
        *_warn_percents(thresholds.sla.WARN_PERCENTS),
        *_shares(thresholds),
        *_times(thresholds),
    ]


def _ordered(thresholds: Thresholds) -> Iterator[Violation]:
    values = _values(thresholds)
    for code, left, comparison, right, factor in ORDERED:
        low, high = _scalar(values[left]), _scalar(values[right]) * factor
        if not COMPARE[comparison](low, high):
            bound = right if factor == 1 else f"{right} * {factor}"
            yield Violation(
                code, (left, right), f"{left} ({show(low)}) must be {comparison} {bound} ({show(high)})"
            )


def _positive(thresholds: Thresholds) -> Iterator[Violation]:
    for name, part, value, _ in _scalars(thresholds):
        if name in MAY_BE_ZERO:
            if value < 0:
                yield Violation("I7", (name,), f"{part} ({show(value)}) must be >= 0")
        elif name not in BOUNDED_ELSEWHERE and value <= 0:
            yield Violation("I7", (name,), f"{part} ({show(value)}) must be > 0")


def _confidence(value: Decimal) -> Iterator[Violation]:
    if not 0 < value < 1:
        name = "validation.LOW_CONFIDENCE"
        yield Violation("I8", (name,), f"{name} ({show(value)}) must be > 0 and < 1")


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


def _warn_percents(percents: tuple[int, ...]) -> Iterator[Violation]:
    name = "sla.WARN_PERCENTS"
    if not all(0 < percent < PERCENT for percent in percents):
        yield Violation("I10", (name,), f"each of {name} ({show(percents)}) must be > 0 and < 100")
    if any(left >= right for left, right in pairwise(percents)):
        yield Violation("I10", (name,), f"{name} ({show(percents)}) must be ascending")


def _shares(thresholds: Thresholds) -> Iterator[Violation]:
    values = _values(thresholds)
    for name in SHARES:
        if _scalar(values[name]) > 1:
            yield Violation("X5", (name,), f"{name} ({show(values[name])}) must be <= 1: a share of all")


def _times(thresholds: Thresholds) -> Iterator[Violation]:
    for name, part, value, unit in _scalars(thresholds):
        if unit in TIMES and value > (longest := LONGEST // TIMES[unit]):
            yield Violation("X6", (name,), f"{part} ({show(value)}) must be <= {longest} {unit}: ten years")


def _scalars(thresholds: Thresholds) -> Iterator[tuple[str, str, int | Decimal, str]]:
    """Walk over single numbers: the threshold's name, the number's own name, its value, its unit."""
    for group, number, value in _numbers(thresholds):
        name, unit = f"{group}.{number.name}", number.metadata["unit"]
        if isinstance(value, SlaTarget):
            yield name, f"{name}.response", value.response, unit
            yield name, f"{name}.resolution", value.resolution, unit
        elif isinstance(value, tuple):
            yield from ((name, name, item, unit) for item in value)
        else:
            yield name, name, value, unit


def _scalar(value: Value) -> int | Decimal:
    if isinstance(value, (int, Decimal)):
        return value
    raise TypeError(f"{value!r} is not a single number")


# ---- hash and listings -------------------------------------------------------------------------------------


def config_hash(thresholds: Thresholds) -> str:
    """Name a set of values: `sha256:` and the first 16 hex digits over `canonical_json`."""
    digest = hashlib.sha256(canonical_json(thresholds).encode())
    return f"sha256:{digest.hexdigest()[:16]}"


def canonical_json(thresholds: Thresholds) -> str:
    """Spell all values in one way: sorted keys, no spaces, int as numbers, Decimal as plain strings."""
    groups: dict[str, dict[str, object]] = {}
    for group, number, value in _numbers(thresholds):
        groups.setdefault(group, {})[number.name] = _json(value)
    return json.dumps(groups, sort_keys=True, separators=(",", ":"))


def _json(value: Value) -> object:
    if isinstance(value, SlaTarget):
        return [value.response, value.resolution]
    return show(value) if isinstance(value, Decimal) else value


def describe(thresholds: Thresholds) -> Iterator[Row]:
    """List every threshold, group by group, for console and doctor."""
    for group, number, value in _numbers(thresholds):
        yield Row(
            group=group,
            name=number.name,
            value=show(value),
            default=show(DEFAULTS[f"{group}.{number.name}"]),
            unit=number.metadata["unit"],
            meaning=number.metadata["meaning"],
            overridden=f"{group}.{number.name}" in thresholds.overridden,
        )


def show(value: Value) -> str:
    """Spell a value as the environment does: `0.05`, `20`, `60,240`; equal Decimals have equal spellings."""
    if isinstance(value, SlaTarget):
        return f"{value.response},{value.resolution}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, int):
        return str(value)
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if value == 0 else text


def _numbers(thresholds: Thresholds) -> Iterator[tuple[str, Field[Any], Value]]:
    """Walk over all thresholds: the group's name, the field, its value."""
    for group in fields(thresholds):
        numbers = getattr(thresholds, group.name)
        if is_dataclass(numbers):
            for number in fields(numbers):
                yield group.name, number, getattr(numbers, number.name)


def _values(thresholds: Thresholds) -> dict[str, Value]:
    return {f"{group}.{number.name}": value for group, number, value in _numbers(thresholds)}


def _variable(name: str) -> str:
    """Name the variable that overrides a threshold: `mismatch.RATIO` gives `THRESHOLD_MISMATCH_RATIO`."""
    group, _, number = name.partition(".")
    return f"THRESHOLD_{group.upper()}_{number}"


DEFAULTS: Final = _values(Thresholds())
ALIASES: Final = {  # names that the source used
    "PILOT_MAX_INVOICES_PER_HOUR": "pilot.MAX_INVOICES_PER_HOUR",
    "PILOT_MAX_INCIDENTS_PER_HOUR": "pilot.MAX_INCIDENTS_PER_HOUR",
}
VARIABLES: Final = {_variable(name): name for name in DEFAULTS} | ALIASES
