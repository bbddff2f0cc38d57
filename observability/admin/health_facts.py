"""What System health is made of: facts of this moment, of one tenant or of all of them, read with a fixed number of
queries."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q
from django.db.models.fields.json import KT
from django.http import HttpRequest
from django.utils.safestring import SafeString

from observability import health, services
from observability.models import Alert, Gauge, Pulse, RunSummary, Standing
from observability.services import Figures
from observability.states import AlertState, SummaryKind
from tenancy.admin.machinery import overdue
from tenancy.models import Deadline, Delivery, Tenant
from tenancy.services import security_counts
from tenancy.states import DeliveryState

# ---- incidents, which a higher app counts --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Incidents:
    """A tenant's incidents: open by severity, how many of them are breached, how many came today, the last ever."""

    open: Mapping[str, int]
    breached: int = 0
    reported: int = 0
    last_at: datetime | None = None

    @property
    def total(self) -> int:
        return sum(self.open.values())


@dataclass(frozen=True, slots=True)
class Landscape:
    """Incidents by tenant's key, the severities as they look, worst first; `unread` could not be asked just now."""

    levels: Mapping[str, SafeString]
    tenants: Mapping[int, Incidents]
    unread: Sequence[Tenant]
    url: str


CountIncidents = Callable[[HttpRequest, datetime, datetime], Landscape]
_counts: list[CountIncidents] = []


def register_incidents(count: CountIncidents) -> None:
    """Let `count(request, now, since)` say what incidents there are and were reported since `since`.

    On the public host of all tenants, on a tenant's of what the actor sees there. Raises ValueError the second time.
    """
    if _counts:
        raise ValueError("incidents are counted already")
    _counts.append(count)


# ---- facts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows that should have been carried out or told, and were not."""

    overdue: int
    dead: int

    @property
    def total(self) -> int:
        return self.overdue + self.dead


@dataclass(frozen=True, slots=True)
class Day:
    """One day's run summary, as far as the page shows it; `day` is the tenant's."""

    day: str
    charted: int
    resolved: int
    feedback: int


@dataclass(frozen=True, slots=True)
class About:
    """What is known of one tenant."""

    tenant: Tenant
    requests: Figures
    alerts: Mapping[str, int]
    incidents: Incidents | None
    days: Sequence[Day]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything at `now`; `requests`, `alerts` and `rules` of the platform, or of the one tenant."""

    now: datetime
    ready: Mapping[str, Any]
    pulses: Mapping[str, datetime]
    deepest: int | None
    waiting: Waiting
    requests: Figures
    alerts: Mapping[str, int]
    rules: Mapping[str, int]
    signals: int
    landscape: Landscape | None
    tenants: Sequence[About] = field(default_factory=tuple)

    @property
    def checks(self) -> Mapping[str, Mapping[str, Any]]:
        return dict(self.ready["checks"])


def read_facts(
    request: HttpRequest,
    tenants: Sequence[Tenant],
    *,
    now: datetime,
    today: datetime,
    only: Tenant | None = None,
) -> Facts:
    """The facts at `now` of `tenants`, or of `only`; `today` is when the reader's day began."""
    since = now - timedelta(minutes=settings.THRESHOLDS.health.PAGE_MINUTES)
    _status, ready = health.readiness(now=now)
    landscape = _counts[0](request, now, today) if _counts else None
    each = services.request_figures(tenants, since=since, until=now)
    alerts, days = _alerts(only), _days(tenants, now)
    (total,) = services.request_figures([only] if only else None, since=since, until=now).values()
    return Facts(
        now=now,
        ready=ready,
        pulses=dict(Pulse.objects.values_list("name", "at")),
        deepest=_deepest(today, now),
        waiting=_waiting(now, only),
        requests=total,
        alerts=sum(map(Counter, alerts.values()), Counter()),
        rules=_rules(only),
        signals=sum(security_counts(window=_window(), now=now, tenant=only).values()),
        landscape=landscape,
        tenants=tuple(
            About(
                tenant,
                each[tenant.pk],
                alerts.get(tenant.pk, {}),
                landscape.tenants.get(tenant.pk) if landscape else None,
                days.get(tenant.pk, ()),
            )
            for tenant in tenants
        ),
    )


def _window() -> timedelta:
    return timedelta(seconds=settings.THRESHOLDS.security.WINDOW_SECONDS)


def _deepest(today: datetime, now: datetime) -> int | None:
    """The most that the queue held since `today`; None where nobody looked."""
    most = Gauge.objects.filter(name="queue_depth", minute__gte=today, minute__lte=now).aggregate(
        most=Max("most")
    )
    return None if most["most"] is None else int(most["most"])


def _waiting(now: datetime, only: Tenant | None) -> Waiting:
    of = Q(tenant=only) if only else Q()
    deadlines = Deadline.objects.filter(of).aggregate(
        overdue=Count("pk", filter=overdue(now)), dead=Count("pk", filter=Q(dead_at__isnull=False))
    )
    dead = Delivery.objects.filter(of, state=DeliveryState.DEAD).count()
    return Waiting(deadlines["overdue"], deadlines["dead"] + dead)


def _alerts(only: Tenant | None) -> dict[int, dict[str, int]]:
    """Open alerts by tenant's key (the platform's under the public one) and severity."""
    alive = Alert.objects.exclude(state=AlertState.RECOVERED)
    rows = (alive.filter(tenant=only) if only else alive).order_by()
    found: dict[int, dict[str, int]] = {}
    for pk, severity, count in rows.values_list("tenant_id", "severity").annotate(count=Count("pk")):
        found.setdefault(pk, {})[severity] = count
    return found


def _rules(only: Tenant | None) -> dict[str, int]:
    """How many rules stand at each verdict; the same rule of two tenants is two."""
    rows = Standing.objects.filter(tenant=only) if only else Standing.objects.all()
    return dict(rows.order_by().values_list("status").annotate(count=Count("pk")))


def _days(tenants: Sequence[Tenant], now: datetime) -> dict[int, list[Day]]:
    """The day summaries of the last summary.TREND_DAYS days by tenant's key, the oldest first."""
    days = settings.THRESHOLDS.summary.TREND_DAYS
    rows = RunSummary.objects.filter(
        kind=SummaryKind.DAY,
        tenant__in=[tenant.pk for tenant in tenants],
        start__gte=now - timedelta(days=days + 1),
    )
    keys = (services.charted(), "resolved_count", "feedback_count")
    counts = [KT(f"body__counts__{key}") for key in keys]
    found: dict[int, list[Day]] = {}
    for pk, day, *texts in rows.order_by("start").values_list("tenant_id", KT("body__period__day"), *counts):
        found.setdefault(pk, []).append(Day(day, *(int(text or 0) for text in texts)))
    return {pk: all_of[-days:] for pk, all_of in found.items()}
