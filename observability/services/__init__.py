"""The only writers of what the system says about itself."""

from observability.services.alerts import LONGEST_NOTE, Recorded, acknowledge, record
from observability.services.duties import put_on_duty, take_off_duty
from observability.services.evaluation import PLATFORM, TENANT, watch
from observability.services.gauges import levels, note_level
from observability.services.incidents import (
    LONGEST_TITLE,
    Raised,
    Raiser,
    projects_for,
    raise_incident,
    raiser,
    register_raiser,
)
from observability.services.progress import judged_within, nobody_judges, read_progress, watchdog_is_gone
from observability.services.pulses import Recorder, beat, take_turn
from observability.services.requests import Figures, figures_by_route, request_figures, store_requests
from observability.services.retention import EXPIRED, LEFTOVERS
from observability.services.routes import Route, Routes, routes_to_nowhere
from observability.services.security import SecurityEvent, counted_since, security_events
from observability.services.silences import end_silence, is_live, silence
from observability.services.summaries import (
    DUE,
    MADE,
    SUMMARY_VERBS,
    WEEKLY,
    log_line,
    on_summary_due,
    plan_summaries,
    register_counts,
    summarise,
    summarise_day,
    sums,
    trend,
    waiting_for_summary,
)
from observability.services.summary_words import (
    charted,
    label_of,
    number,
    ran_well,
    sentences,
    shown_counts,
    shown_rates,
)
from observability.services.verbs import ALERT_VERBS
from observability.services.verdicts import Judged, drift, evaluate, forget_baselines, verdict

__all__ = [
    "ALERT_VERBS",
    "DUE",
    "EXPIRED",
    "LEFTOVERS",
    "LONGEST_NOTE",
    "LONGEST_TITLE",
    "MADE",
    "PLATFORM",
    "SUMMARY_VERBS",
    "TENANT",
    "WEEKLY",
    "Figures",
    "Judged",
    "Raised",
    "Raiser",
    "Recorded",
    "Recorder",
    "Route",
    "Routes",
    "SecurityEvent",
    "acknowledge",
    "beat",
    "charted",
    "counted_since",
    "drift",
    "end_silence",
    "evaluate",
    "figures_by_route",
    "forget_baselines",
    "is_live",
    "judged_within",
    "label_of",
    "levels",
    "log_line",
    "nobody_judges",
    "note_level",
    "number",
    "on_summary_due",
    "plan_summaries",
    "projects_for",
    "put_on_duty",
    "raise_incident",
    "raiser",
    "ran_well",
    "read_progress",
    "record",
    "register_counts",
    "register_raiser",
    "request_figures",
    "routes_to_nowhere",
    "security_events",
    "sentences",
    "shown_counts",
    "shown_rates",
    "silence",
    "store_requests",
    "summarise",
    "summarise_day",
    "sums",
    "take_off_duty",
    "take_turn",
    "trend",
    "verdict",
    "waiting_for_summary",
    "watch",
    "watchdog_is_gone",
]
