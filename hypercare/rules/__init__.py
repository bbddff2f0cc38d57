"""Pure decisions of hypercare."""

from hypercare.rules.calendars import Hours, hours_of, read_definition
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
from hypercare.rules.moves import legal_moves, may_reopen
from hypercare.rules.policies import LONGEST_MINUTES, Target, target_faults
from hypercare.rules.texts import LONG_TEXT, fold

__all__ = [
    "LONGEST_MINUTES",
    "LONG_TEXT",
    "STEPS",
    "ClockState",
    "Hours",
    "Stretch",
    "Target",
    "Tick",
    "Why",
    "day_of",
    "days_since_go_live",
    "ends_before_go_live",
    "fold",
    "hours",
    "hours_of",
    "is_quorum_possible",
    "last_days",
    "last_weeks",
    "legal_moves",
    "may_reopen",
    "read_definition",
    "replay",
    "share",
    "stretches",
    "target_faults",
    "week_began",
]
