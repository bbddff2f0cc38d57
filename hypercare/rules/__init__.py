"""Pure decisions of hypercare."""

from hypercare.rules.calendars import WEEKDAYS, Hours, hours_of, read_definition
from hypercare.rules.changes import STEPS, day_of, is_quorum_possible
from hypercare.rules.clocks import ClockState, Stretch, Tick, Why, replay, stretches
from hypercare.rules.figures import (
    days_since_go_live,
    ends_before_go_live,
    hours,
    last_days,
    last_weeks,
    share,
    week_began,
)
from hypercare.rules.forecasts import Cause, Forecast, Gap, Leg, forecast, legs, replaced
from hypercare.rules.moves import legal_moves, levels_above, may_reopen
from hypercare.rules.policies import LONGEST_MINUTES, Target, target_faults
from hypercare.rules.texts import LONG_TEXT, fold, in_alphabet
from hypercare.rules.versions import fingerprint

__all__ = [
    "LONGEST_MINUTES",
    "LONG_TEXT",
    "STEPS",
    "WEEKDAYS",
    "Cause",
    "ClockState",
    "Forecast",
    "Gap",
    "Hours",
    "Leg",
    "Stretch",
    "Target",
    "Tick",
    "Why",
    "day_of",
    "days_since_go_live",
    "ends_before_go_live",
    "fingerprint",
    "fold",
    "forecast",
    "hours",
    "hours_of",
    "in_alphabet",
    "is_quorum_possible",
    "last_days",
    "last_weeks",
    "legal_moves",
    "legs",
    "levels_above",
    "may_reopen",
    "read_definition",
    "replaced",
    "replay",
    "share",
    "stretches",
    "target_faults",
    "week_began",
]
