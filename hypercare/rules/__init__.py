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
from hypercare.rules.moves import INCIDENT_STEPS, legal_moves, levels_above, may_reopen
from hypercare.rules.policies import LONGEST_MINUTES, Target, target_faults
from hypercare.rules.texts import LONG_TEXT, fold, in_alphabet
from hypercare.rules.versions import fingerprint
from hypercare.rules.war_room import (
    Count,
    Standing,
    counts_of,
    days_since,
    is_at_risk,
    light_of,
    open_by_day,
    worst_first,
)

__all__ = [
    "INCIDENT_STEPS",
    "LONGEST_MINUTES",
    "LONG_TEXT",
    "STEPS",
    "WEEKDAYS",
    "Cause",
    "ClockState",
    "Count",
    "Forecast",
    "Gap",
    "Hours",
    "Leg",
    "Standing",
    "Stretch",
    "Target",
    "Tick",
    "Why",
    "counts_of",
    "day_of",
    "days_since",
    "days_since_go_live",
    "ends_before_go_live",
    "fingerprint",
    "fold",
    "forecast",
    "hours",
    "hours_of",
    "in_alphabet",
    "is_at_risk",
    "is_quorum_possible",
    "last_days",
    "last_weeks",
    "legal_moves",
    "legs",
    "levels_above",
    "light_of",
    "may_reopen",
    "open_by_day",
    "read_definition",
    "replaced",
    "replay",
    "share",
    "stretches",
    "target_faults",
    "week_began",
    "worst_first",
]
