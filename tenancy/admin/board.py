"""The public host's first page."""

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tenancy.admin.deliveries import STUCK
from tenancy.admin.machinery import overdue
from tenancy.context import PUBLIC
from tenancy.models import Deadline, Delivery, SupportGrant, Tenant
from tenancy.states import DeliveryState, TenantState
from tenancy.web.admin import public_site


def _tile(count: int, label: Any, url: str, *, tone: str = "", note: Any = "") -> SafeString:
    """A count that links to its list; its tone shows only when there is something."""
    shade = f"hc-{tone}" if tone and count else ""
    return format_html(
        '<a class="hc-tile {}" href="{}"><header>{}</header><span class="hc-n">{}</span><small>{}</small></a>',
        shade,
        url,
        label,
        count,
        note,
    )


def board(request: HttpRequest) -> dict[str, Any]:
    """Counts of what stands and what is stuck, each leading to its list. Four queries."""
    now = timezone.now()
    customers = Tenant.objects.exclude(schema_name=PUBLIC)
    states = dict(customers.values_list("state").annotate(count=Count("pk")).order_by())
    waits = Deadline.objects.aggregate(
        overdue=Count("pk", filter=overdue(now)), dead=Count("pk", filter=Q(dead_at__isnull=False))
    )
    stuck = Delivery.objects.filter(state__in=STUCK).aggregate(
        dead=Count("pk", filter=Q(state=DeliveryState.DEAD)),
        ambiguous=Count("pk", filter=Q(state=DeliveryState.AMBIGUOUS)),
    )
    grants = SupportGrant.objects.filter(ended_at__isnull=True, expires_at__gt=now).count()
    tenants_url = reverse("admin:tenancy_tenant_changelist")
    deadlines_url = reverse("admin:tenancy_deadline_changelist")
    deliveries_url = reverse("admin:tenancy_delivery_changelist")
    grants_url = reverse("admin:tenancy_supportgrant_changelist")
    return {
        "now": now,
        "tenants": [
            _tile(states.get(state, 0), label, f"{tenants_url}?state__exact={state}")
            for state, label in TenantState.choices
        ],
        "stuck": [
            _tile(waits["overdue"], _("Overdue deadlines"), f"{deadlines_url}?standing=overdue", tone="warn"),
            _tile(waits["dead"], _("Dead deadlines"), f"{deadlines_url}?standing=dead", tone="alarm"),
            _tile(stuck["dead"], _("Dead deliveries"), f"{deliveries_url}?state__exact=dead", tone="alarm"),
            _tile(
                stuck["ambiguous"],
                _("Ambiguous deliveries"),
                f"{deliveries_url}?state__exact=ambiguous",
                tone="warn",
            ),
            _tile(grants, _("Open support grants"), f"{grants_url}?live=yes", tone="warn"),
        ],
        "quiet": not any([waits["overdue"], waits["dead"], stuck["dead"], stuck["ambiguous"]]),
    }


public_site.show_first("console/board.html", board)
