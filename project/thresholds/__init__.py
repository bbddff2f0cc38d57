"""Every number of the product that somebody may want to tune: typed, frozen, validated, hashed.

settings.py calls `load_config` once; all code reads `settings.THRESHOLDS`, rules get it as an argument.
Each number can be overridden by the environment, by its name in capitals: `mismatch.RATIO` is
`THRESHOLD_MISMATCH_RATIO=0.06`, an alarm's `alarms.s1_rate.ABOVE` is `THRESHOLD_ALARMS_S1_RATE_ABOVE=0.35`, a
trigger's `triggers.latency.INVESTIGATE_MINUTES` is `THRESHOLD_TRIGGERS_LATENCY_INVESTIGATE_MINUTES=20`. A `-` in a
name is a `_` in the variable's.

Whole numbers (counts, times) are int, everything else is Decimal, never float: money compares exactly, `0.05`
from the environment is 0.05, and `0.05` and `0.050` have one spelling in the hash. Ratios are fractions of 1.

A new number is a new field in `product` or `running`; a new group is a new class there and a line in Thresholds; a
new alarm is an entry in `alarms`. Overrides, positivity, hash and listings follow from that; only a relation between
two numbers needs a line in `invariants.ORDERED`. An alarm that breaches at a number which stands already refers to
it (`references`), so that no number stands twice; `THRESHOLDS.watched()` gives the alarms with their numbers.
"""

from project.thresholds.alarms import ALARMS, Alarm, DriftRule, Rate, Trigger
from project.thresholds.invariants import Violation, violations
from project.thresholds.loading import (
    ALIASES,
    ENVIRONMENTS,
    VARIABLES,
    Config,
    ConfigError,
    load,
    load_config,
    validate_env,
)
from project.thresholds.product import Mismatch, MttrTarget, SlaTarget, Validation
from project.thresholds.source import (
    DEFAULTS,
    Entry,
    Row,
    Thresholds,
    Value,
    canonical_json,
    config_hash,
    numbers,
    scalar,
    show,
    variable_of,
    with_values,
)

__all__ = [
    "ALARMS",
    "ALIASES",
    "DEFAULTS",
    "ENVIRONMENTS",
    "VARIABLES",
    "Alarm",
    "Config",
    "ConfigError",
    "DriftRule",
    "Entry",
    "Mismatch",
    "MttrTarget",
    "Rate",
    "Row",
    "SlaTarget",
    "Thresholds",
    "Trigger",
    "Validation",
    "Value",
    "Violation",
    "canonical_json",
    "config_hash",
    "load",
    "load_config",
    "numbers",
    "scalar",
    "show",
    "validate_env",
    "variable_of",
    "violations",
    "with_values",
]
