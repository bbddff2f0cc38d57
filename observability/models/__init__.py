"""What the system measures and says about itself: all of it in public, counts and states, no tenant's content."""

from observability.models.alerts import Alert, Duty, Silence, Standing
from observability.models.pulses import Pulse
from observability.models.requests import Gauge, RequestHour, RequestMetric
from observability.models.summaries import RunSummary

__all__ = [
    "Alert",
    "Duty",
    "Gauge",
    "Pulse",
    "RequestHour",
    "RequestMetric",
    "RunSummary",
    "Silence",
    "Standing",
]
