"""The closed sets of words that observability stores."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class VerdictStatus(models.TextChoices):
    """What a measurement means. Nothing measured is not success."""

    OK = "ok", _("ok")
    WARNING = "warning", _("warning")
    BREACH = "breach", _("breach")
    NO_DATA = "no_data", _("no data")


class AlertState(models.TextChoices):
    OPEN = "open", _("open")
    ACKNOWLEDGED = "acknowledged", _("acknowledged")
    RECOVERED = "recovered", _("recovered")


class AlertSeverity(models.TextChoices):
    """How bad an alert is, worst first; PagerDuty's critical, error and warning."""

    CRITICAL = "critical", _("critical")
    HIGH = "high", _("high")
    MEDIUM = "medium", _("medium")


class Owner(models.TextChoices):
    """Who has to act on an alert; `Duty` says who that is now."""

    ON_CALL = "on_call", _("on call")
    PRODUCT_OWNER = "product_owner", _("product owner")
    TEAM_LEAD = "team_lead", _("team lead")
    INFRASTRUCTURE = "infrastructure", _("infrastructure")


class SummaryKind(models.TextChoices):
    DAY = "day", _("day")
    DEMAND = "demand", _("on demand")


ALERT_MOVES: dict[str, tuple[str, ...]] = {
    AlertState.OPEN: (AlertState.ACKNOWLEDGED, AlertState.RECOVERED),
    AlertState.ACKNOWLEDGED: (AlertState.OPEN, AlertState.RECOVERED),
    AlertState.RECOVERED: (AlertState.OPEN,),
}
