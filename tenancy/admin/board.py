"""The public host's first page: whether all is well, what needs somebody first, and what there is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.admin.deliveries import STUCK
from tenancy.admin.machinery import late_tasks, lease_ended, missing_spares, overdue
from tenancy.admin.tenants import behind, deafened
from tenancy.context import PUBLIC
from tenancy.models import Deadline, Delivery, Endpoint, SupportGrant, Tenant
from tenancy.states import DeliveryState, TenantState
from tenancy.web.admin import public_site
from tenancy.web.admin.who import allowed

ALARM, WARN = "alarm", "warn"


@dataclass(frozen=True, slots=True)
class Tile:
    """A count that leads to its list. Its tone shows only when there is something; `hint` says what to do then."""

    label: Any
    count: int
    url: str
    tone: str = ""
    hint: Any = ""

    @property
    def needs_somebody(self) -> bool:
        return bool(self.tone and self.count)

    @property
    def shade(self) -> str:
        return self.tone if self.needs_somebody else ""


Watch = Callable[[HttpRequest, datetime], list[Tile]]
_watches: list[Watch] = []


def watch(over: Watch) -> None:
    """Have `over` looked at with everything else that may need somebody; the registry that higher apps fill."""
    _watches.append(over)


def board(request: HttpRequest) -> dict[str, Any]:
    """Counts of what stands and what is stuck, each leading to its list: as many queries whatever there is."""
    now = timezone.now()
    watched = [*(tile for over in _watches for tile in over(request, now)), *_stuck(request, now)]
    needs = [tile for tone in (ALARM, WARN) for tile in watched if tile.needs_somebody and tile.tone == tone]
    return {"needs": needs, "watched": watched, "tenants": _tenants(request, now)}


def _stuck(request: HttpRequest, now: datetime) -> list[Tile]:
    waits = Deadline.objects.aggregate(
        overdue=Count("pk", filter=overdue(now)), dead=Count("pk", filter=Q(dead_at__isnull=False))
    )
    kept = Q(state__in=STUCK) | lease_ended(now)
    told = Delivery.objects.filter(kept).aggregate(
        dead=Count("pk", filter=Q(state=DeliveryState.DEAD)),
        ambiguous=Count("pk", filter=Q(state=DeliveryState.AMBIGUOUS)),
        leased=Count("pk", filter=Q(state=DeliveryState.LEASED)),
    )
    customers = Tenant.objects.exclude(schema_name=PUBLIC)
    lagging = customers.filter(behind()).count()
    deaf = customers.filter(deafened()).count()
    deadlines, deliveries = _list("tenancy_deadline"), _list("tenancy_delivery")
    tiles = [
        Tile(
            _("Dead deadlines"),
            waits["dead"],
            f"{deadlines}?standing=dead",
            ALARM,
            _("Read the last error, mend it, replay."),
        ),
        Tile(
            _("Overdue deadlines"),
            waits["overdue"],
            f"{deadlines}?standing=overdue",
            ALARM,
            _("Nobody sweeps, or sweeps too slowly: look at the workers."),
        ),
        Tile(
            _("Dead deliveries"),
            told["dead"],
            f"{deliveries}?state__exact=dead",
            ALARM,
            _("Somebody was not told. Read the last error, mend it, replay."),
        ),
        Tile(
            _("Ambiguous deliveries"),
            told["ambiguous"],
            f"{deliveries}?state__exact=ambiguous",
            WARN,
            _("Perhaps sent, perhaps not: ask the receiver, then replay."),
        ),
        Tile(
            _("Leases that ended"),
            told["leased"],
            f"{deliveries}?lease=ended",
            ALARM,
            _("A dispatcher died, and none came after it: look at the workers."),
        ),
        Tile(
            _("Late periodic tasks"),
            len(late_tasks(now)),
            f"{_list('django_celery_beat_periodictask')}?standing=late",
            ALARM,
            _("Beat does not send them: is it running?"),
        ),
        Tile(
            _("Tenants behind the code"),
            lagging,
            f"{_list('tenancy_tenant')}?schema=behind",
            ALARM,
            _("Their migrations did not end: run migrate, it names what fails."),
        ),
        Tile(
            _("Missing spare schemas"),
            missing_spares(now),
            _list("tenancy_spareschema"),
            WARN,
            _("Nobody refills them: new tenants have to wait."),
        ),
        Tile(
            _("Tenants with disabled endpoints"),
            deaf,
            f"{_list('tenancy_tenant')}?endpoints=disabled",
            WARN,
            _("What failed for days was switched off: their admins know; ask whether they need help."),
        ),
    ]
    if allowed(request, "endpoint.read"):
        ours = Endpoint.objects.filter(tenant__schema_name=PUBLIC, disabled_at__isnull=False).count()
        hint = _("What we are told on these is told nowhere.")
        url = f"{_list('tenancy_endpoint')}?standing=disabled"
        tiles.append(Tile(_("Disabled endpoints of ours"), ours, url, WARN, hint))
    return tiles


def _tenants(request: HttpRequest, now: datetime) -> list[Tile]:
    customers = Tenant.objects.exclude(schema_name=PUBLIC)
    states = dict(customers.values_list("state").annotate(count=Count("pk")).order_by())
    url = _list("tenancy_tenant")
    tiles = [
        Tile(label, states.get(state, 0), f"{url}?state__exact={state}")
        for state, label in TenantState.choices
    ]
    if allowed(request, "grant.read"):
        live = SupportGrant.objects.filter(ended_at__isnull=True, expires_at__gt=now).count()
        tiles.append(Tile(_("Open support grants"), live, f"{_list('tenancy_supportgrant')}?live=yes"))
    return tiles


def _list(name: str) -> str:
    return reverse(f"admin:{name}_changelist")


public_site.show_first("console/board.html", board)
