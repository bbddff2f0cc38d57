"""The first page of the tenant's console: what needs somebody first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from hypercare.admin.incidents import WORST_FIRST, by_urgency
from hypercare.admin.looks import ClockView, clock_view, read_clocks, severity_badge
from hypercare.models import Incident
from hypercare.states import ClockKind, Severity
from tenancy.context import current_tenant
from tenancy.web.admin import actor_in, tenant_site

NEEDS_FIRST = 10


@dataclass(frozen=True, slots=True)
class Tile:
    """Open incidents of one severity, and how many of them are breached now."""

    severity: str
    badge: SafeString
    count: int
    breached: str
    url: str


def needs_you_first(request: HttpRequest) -> dict[str, Any]:
    """Open incidents by severity, and the ten that come first by time to breach. Four queries."""
    actor = actor_in(request)
    if actor is None:
        return {}
    now = timezone.now()
    incidents = Incident.objects.visible_to(actor, current_tenant()).open()
    late = incidents.is_breached(now)
    counts = incidents.aggregate(
        **{f"open_{level}": Count("pk", filter=Q(severity=level)) for level in Severity.values},
        **{f"late_{level}": Count("pk", filter=Q(severity=level) & late) for level in Severity.values},
    )
    urgent = by_urgency(incidents).select_related("project", "assigned_to").order_by(*WORST_FIRST)
    first = list(urgent[:NEEDS_FIRST])
    read_clocks(first, now)
    url = reverse("admin:hypercare_incident_changelist")
    return {
        "tiles": [
            Tile(
                level,
                severity_badge(level),
                counts[f"open_{level}"],
                _breached_now(counts[f"late_{level}"]),
                f"{url}?severity__exact={level}",
            )
            for level in Severity.values
        ],
        "rows": [
            (
                row,
                severity_badge(row.severity),
                clock_view(row, ClockKind.RESPONSE, now),
                _resolution(row, now),
            )
            for row in first
        ],
        "all_url": url,
        "breached": _breached_now(sum(counts[f"late_{level}"] for level in Severity.values)),
        "breached_url": f"{url}?breached=now",
        "any_breached": any(counts[f"late_{level}"] for level in Severity.values),
    }


def _resolution(row: Incident, now: datetime) -> ClockView:
    return clock_view(row, ClockKind.RESOLUTION, now)


def _breached_now(count: int) -> str:
    if not count:
        return gettext("none breached")
    return ngettext("%(count)d breached now", "%(count)d breached now", count) % {"count": count}


tenant_site.show_first("console/needs_first.html", needs_you_first)
