"""What observability's verbs are called in lists."""

from typing import Any

from django.utils.translation import gettext_lazy as _

ALERT_VERBS: dict[str, Any] = {
    "alert.acknowledged": _("Alert acknowledged"),
    "alert.escalated": _("Alert escalated"),
    "alert.incident_raised": _("Alert turned into an incident"),
    "alert.opened": _("Alert opened"),
    "alert.recovered": _("Alert recovered"),
    "alert.reopened": _("Alert reopened"),
    "alert.silence_ended": _("Silence ended"),
    "alert.silenced": _("Alerts silenced"),
    "duty.ended": _("Duty ended"),
    "duty.given": _("Duty given"),
}
