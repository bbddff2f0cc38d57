"""The public host's first page: where something is breached now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from hypercare import services
from hypercare.admin.looks import severity_badge
from hypercare.services import Breaches, Landscape
from hypercare.states import Severity
from tenancy.admin.board import ALARM, WARN, Tile, watch
from tenancy.deliveries import base_url
from tenancy.models import Tenant
from tenancy.web.admin import public_site
from tenancy.web.admin.who import allowed


@dataclass(frozen=True, slots=True)
class Row:
    """A tenant where something is breached, and how to get there."""

    tenant: Tenant
    counts: list[tuple[SafeString, int]]
    total: int
    console: str
    grant: str


def _seen(request: HttpRequest, now: datetime) -> Landscape:
    """The landscape, asked once a page: two parts of it show it."""
    seen: Landscape | None = getattr(request, "landscape", None)
    if seen is None:
        seen = services.landscape(now=now)
        request.landscape = seen  # type: ignore[attr-defined]  # ours
    return seen


def breached_now(request: HttpRequest, now: datetime) -> list[Tile]:
    """What the board counts of it."""
    seen = _seen(request, now)
    url = f"{reverse('admin:index')}#hc-landscape"
    tiles = [Tile(_("Breached now"), seen.total, url, ALARM, _("The tenants are below, worst first."))]
    if seen.unread:
        hint = _("A migration holds their tables, or did not end: what is breached there, nobody can say.")
        tiles.append(Tile(_("Tenants that could not be asked"), len(seen.unread), url, WARN, hint))
    return tiles


def where_breached(request: HttpRequest) -> dict[str, Any]:
    """The tenants with open breaches, worst first. Only counts and states leave a tenant."""
    seen = _seen(request, timezone.now())
    may_open = allowed(request, "grant.open")
    most = settings.THRESHOLDS.console.LANDSCAPE_ROWS
    return {
        "rows": [_row(each, may_open) for each in seen.breached[:most]],
        "more": len(seen.breached[most:]),
        "counts": _badges(seen.counts),
        "total": seen.total,
        "unread": seen.unread,
    }


def _row(each: Breaches, may_open: bool) -> Row:
    incidents = reverse("admin:hypercare_incident_changelist", urlconf=settings.ROOT_URLCONF)
    grant = f"{reverse('admin:tenancy_supportgrant_changelist')}do/open/?tenant={each.tenant.pk}"
    console = f"{base_url(each.tenant)}{incidents}?breached=now"
    return Row(each.tenant, _badges(each.counts), each.total, console, grant if may_open else "")


def _badges(counts: dict[str, int]) -> list[tuple[SafeString, int]]:
    return [(severity_badge(level), counts[level]) for level in Severity.values]


watch(breached_now)
public_site.show_first("console/landscape.html", where_breached)
