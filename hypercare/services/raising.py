"""How an alert becomes an incident: reported by whoever turns it into one, and each names the other."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hypercare.models import Project
from hypercare.services.incidents import report_incident
from hypercare.states import Severity, Source
from observability.messages.verdicts import say
from observability.models import Alert
from observability.services import Raised
from observability.states import AlertSeverity
from tenancy.actors import Actor
from tenancy.transactions import ref

_SEVERITIES = {
    AlertSeverity.CRITICAL: Severity.P1,
    AlertSeverity.HIGH: Severity.P2,
    AlertSeverity.MEDIUM: Severity.P3,
}


class AlertsRaiser:
    """Incidents of source `alert`; for observability.services.register_raiser."""

    severities: Sequence[tuple[str, Any]] = Severity.choices

    def severity_for(self, alert: Alert) -> str:
        return _SEVERITIES[AlertSeverity(alert.severity)]

    def report(
        self, *, alert: Alert, project: UUID, title: str, severity: str, by: Actor, now: datetime
    ) -> Raised:
        """Report the incident, described in the tenant's language and zone. Raises NotAllowed, Invalid by field."""
        incident = report_incident(
            project=Project.objects.get(pk=project),
            title=title,
            description=_description(alert),
            severity=severity,
            source=Source.ALERT,
            by=by,
            now=now,
        )
        return Raised(ref(incident), incident.key)

    def page(self, subject: str, base_url: str) -> str:
        """The incident's page in the tenant's console: its key alone is told outside, so nothing of it is read."""
        return f"{base_url}/admin/hypercare/incident/{subject.partition(':')[2]}/change/"


def _description(alert: Alert) -> str:
    tenant = alert.tenant
    with translation.override(tenant.language), timezone.override(tenant.time_zone):
        since = date_format(timezone.localtime(alert.since), "j F Y H:i")
        seen = ngettext("seen %(count)d time", "seen %(count)d times", alert.count) % {"count": alert.count}
        lines = [
            _("Raised from alert %(number)d, %(rule)s.") % {"number": alert.pk, "rule": alert.rule},
            str(say(alert.verdict)),
            _("In breach since %(since)s (%(zone)s), %(seen)s.")
            % {"since": since, "zone": tenant.time_zone, "seen": seen},
        ]
    return "\n".join(lines)
