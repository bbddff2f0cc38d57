"""One engine for alarms, drift, rollback triggers and gates.

Numbers are compared as exact fractions and rounded only where they are shown. Nothing measured, too little, or
something that cannot be is `no_data`: never a success.
"""

from observability.rules.verdicts.comparing import (
    Above,
    AtLeast,
    AtMost,
    Below,
    Comparison,
    Drift,
    Outside,
    Rule,
    Target,
    Times,
)
from observability.rules.verdicts.configuring import Alarm, DriftLimits, DriftRule, rule_of, rule_of_drift
from observability.rules.verdicts.judging import Against, Verdict, chance_of, judge, no_data
from observability.rules.verdicts.numbers import RATIO, Number
from observability.rules.verdicts.reasons import Reason
from observability.rules.verdicts.sampling import Sample

__all__ = [
    "RATIO",
    "Above",
    "Against",
    "Alarm",
    "AtLeast",
    "AtMost",
    "Below",
    "Comparison",
    "Drift",
    "DriftLimits",
    "DriftRule",
    "Number",
    "Outside",
    "Reason",
    "Rule",
    "Sample",
    "Target",
    "Times",
    "Verdict",
    "chance_of",
    "judge",
    "no_data",
    "rule_of",
    "rule_of_drift",
]
