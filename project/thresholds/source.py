"""All thresholds in one frozen object: what there is, how a number is set, how it is spelled, what the hash names."""

# ruff: noqa: RUF009 - the groups are frozen

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, fields, is_dataclass, replace
from decimal import Decimal
from typing import Any, Final, NamedTuple

from project.thresholds.alarms import (
    ALARMS,
    DRIFT_RULES,
    RATES,
    TRIGGERS,
    Alarm,
    DriftRule,
    Rate,
    Trigger,
)
from project.thresholds.declaring import OWN
from project.thresholds.product import (
    Alert,
    Console,
    Drift,
    Hypercare,
    Ledger,
    Mismatch,
    Mttr,
    MttrTarget,
    Page,
    Pilot,
    Recovery,
    Sheets,
    Sla,
    SlaTarget,
    Summary,
    Validation,
    Verdict,
    WarRoom,
)
from project.thresholds.running import (
    Access,
    Api,
    Broker,
    Cache,
    Database,
    Delivery,
    Doctor,
    Health,
    Journal,
    Metrics,
    Process,
    Provisioning,
    Retention,
    Security,
    Stream,
    Sweep,
    Watchdog,
)

Value = int | Decimal | SlaTarget | MttrTarget | tuple[int, ...] | tuple[Decimal, ...]
SECONDS_A_MINUTE: Final = 60


@dataclass(frozen=True)
class Thresholds:
    """All groups; `overridden` names what the environment set and is neither compared nor hashed."""

    mismatch: Mismatch = Mismatch()
    drift: Drift = Drift()
    alert: Alert = Alert()
    verdict: Verdict = Verdict()
    recovery: Recovery = Recovery()
    validation: Validation = Validation()
    sla: Sla = Sla()
    mttr: Mttr = Mttr()
    pilot: Pilot = Pilot()
    summary: Summary = Summary()
    health: Health = Health()
    watchdog: Watchdog = Watchdog()
    metrics: Metrics = Metrics()
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
    page: Page = Page()
    console: Console = Console()
    database: Database = Database()
    broker: Broker = Broker()
    cache: Cache = Cache()
    journal: Journal = Journal()
    process: Process = Process()
    doctor: Doctor = Doctor()
    alarms: tuple[Alarm, ...] = ALARMS
    triggers: tuple[Trigger, ...] = TRIGGERS
    drift_rules: tuple[DriftRule, ...] = DRIFT_RULES
    rates: tuple[Rate, ...] = RATES
    overridden: frozenset[str] = field(default=frozenset(), compare=False)

    def watched(self) -> tuple[Alarm, ...]:
        """All alarms with every reference resolved to the number that it names."""
        values = values_of(self)
        return tuple(_resolved(alarm, values) for alarm in self.alarms)

    def listing(self) -> Iterator["Entry"]:
        """All there is, for people: each group, alarm, trigger, drift rule and rate."""
        rows: dict[str, list[Row]] = {}
        for number in numbers(self):
            owner, _, name = number.name.rpartition(".")
            rows.setdefault(owner, []).append(
                Row(
                    name=name,
                    value=show(number.value),
                    default=show(DEFAULTS[number.name]),
                    unit=number.unit,
                    meaning=number.meaning,
                    variable=variable_of(number.name),
                    overridden=number.name in self.overridden,
                )
            )
        for group in fields(self):
            held = getattr(self, group.name)
            if is_dataclass(held):
                yield Entry(group.name, "", (), tuple(rows[group.name]))
            elif isinstance(held, tuple):
                for one in held:
                    numbered = rows.get(f"{group.name}.{one.name}", ())
                    yield Entry(group.name, one.name, tuple(_facts(one)), tuple(numbered))


class Number(NamedTuple):
    """One threshold: its name as in `mismatch.RATIO` or `alarms.s1_rate.ABOVE`."""

    name: str
    value: Value
    unit: str
    meaning: str


class Row(NamedTuple):
    """One threshold for people; value and default are spelled as the environment spells them."""

    name: str
    value: str
    default: str
    unit: str
    meaning: str
    variable: str
    overridden: bool


class Entry(NamedTuple):
    """What belongs together: a group's numbers, or what an alarm (`name`) names and its numbers."""

    group: str
    name: str
    facts: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]


def _facts(owner: Any) -> Iterator[tuple[str, str]]:
    """What stands beside the numbers and is no threshold: metric, owner, runbook and the like."""
    for one in fields(owner):
        value = getattr(owner, one.name)
        if one.name == "references":
            yield from ((attribute.upper(), name) for attribute, name in value)
        elif "unit" not in one.metadata and one.name != "name" and value not in (None, False):
            yield one.name, ", ".join(value) if isinstance(value, tuple) else str(value)


def _resolved(alarm: Alarm, values: Mapping[str, Value]) -> Alarm:
    found: dict[str, Any] = {}
    for attribute, name in alarm.references:
        number = scalar(values[name])
        minutes = attribute == "window_minutes"
        found[attribute] = int(number) // SECONDS_A_MINUTE if minutes else Decimal(number)
    return replace(alarm, **found)


# ---- walking and setting -----------------------------------------------------------------------------------


def numbers(thresholds: Thresholds) -> Iterator[Number]:
    """Walk over all thresholds in the order in which they are declared."""
    for group in fields(thresholds):
        held = getattr(thresholds, group.name)
        if is_dataclass(held):
            yield from _numbers_of(group.name, held)
        elif isinstance(held, tuple):
            for entry in held:
                yield from _numbers_of(f"{group.name}.{entry.name}", entry)


def _numbers_of(prefix: str, owner: Any) -> Iterator[Number]:
    elsewhere = {attribute for attribute, _ in getattr(owner, "references", ())}
    for one in fields(owner):
        value = getattr(owner, one.name)
        if "unit" in one.metadata and value is not None and one.name not in elsewhere:
            unit = owner.unit if one.metadata["unit"] == OWN else one.metadata["unit"]
            yield Number(f"{prefix}.{one.name.upper()}", value, unit, one.metadata["meaning"])


def values_of(thresholds: Thresholds) -> dict[str, Value]:
    """Every threshold's value by its name."""
    return {number.name: number.value for number in numbers(thresholds)}


def with_values(thresholds: Thresholds, given: Mapping[str, Value]) -> Thresholds:
    """Give a copy with other values, by name; KeyError or AttributeError for a name that is none."""
    for name, value in given.items():
        group, _, rest = name.partition(".")
        held = getattr(thresholds, group)
        if isinstance(held, tuple):
            entry, _, attribute = rest.rpartition(".")
            change = {attribute.lower(): value}
            held = tuple(replace(one, **change) if one.name == entry else one for one in held)
        else:
            held = replace(held, **{rest: value})
        thresholds = replace(thresholds, **{group: held})
    return thresholds


def scalar(value: Value) -> int | Decimal:
    """Give a single number back; TypeError for a value of several."""
    if isinstance(value, (int, Decimal)):
        return value
    raise TypeError(f"{value!r} is not a single number")


def variable_of(name: str) -> str:
    """Name the variable that overrides a threshold: `mismatch.RATIO` gives `THRESHOLD_MISMATCH_RATIO`."""
    return "THRESHOLD_" + name.upper().replace(".", "_").replace("-", "_")


def show(value: Value) -> str:
    """Spell a value as the environment does: `0.05`, `20`, `60,240`; equal Decimals have equal spellings."""
    if isinstance(value, SlaTarget | MttrTarget):
        return show(astuple(value))
    if isinstance(value, tuple):
        return ",".join(map(show, value))
    if isinstance(value, int):
        return str(value)
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if value == 0 else text


# ---- hash --------------------------------------------------------------------------------------------------


def config_hash(thresholds: Thresholds) -> str:
    """Name a set of values: `sha256:` and the first 16 hex digits over `canonical_json`."""
    digest = hashlib.sha256(canonical_json(thresholds).encode())
    return f"sha256:{digest.hexdigest()[:16]}"


def canonical_json(thresholds: Thresholds) -> str:
    """Spell all values in one way: sorted keys, no spaces, int as numbers, Decimal as plain strings."""
    held = {one.name: _json(getattr(thresholds, one.name)) for one in fields(thresholds) if one.compare}
    return json.dumps(held, sort_keys=True, separators=(",", ":"))


def _json(value: Any) -> object:
    if isinstance(value, SlaTarget | MttrTarget):
        return list(astuple(value))
    if is_dataclass(value):
        return {one.name: _json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [_json(one) for one in value]
    return show(value) if isinstance(value, Decimal) else value


DEFAULTS: Final = values_of(Thresholds())
