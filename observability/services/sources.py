"""What this app itself measures: requests, the machinery's levels, and signals of somebody trying doors."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Max, Sum

from observability.metrics import Source
from observability.models import Gauge
from observability.rules.verdicts import RATIO, Sample
from observability.services.requests import request_figures
from tenancy.context import PUBLIC
from tenancy.models import SecurityCount, Tenant
from tenancy.states import Signal

Samples = Mapping[int, Sample]


def server_error_rate(tenants: Sequence[Tenant], since: datetime, until: datetime) -> Samples:
    """Answers 500 to 599 among all."""
    figures = request_figures(tenants, since=since, until=until, durations=False)
    return {key: Sample(RATIO, of.count, since, until, events=of.total_5xx) for key, of in figures.items()}


def server_errors(tenants: Sequence[Tenant], since: datetime, until: datetime) -> Samples:
    """Answers 500 to 599. The samples are the requests to all these tenants: they show that requests are counted, so
    that a tenant where nobody asked has none, which is known."""
    since = _from_the_minute_of(since)
    figures = request_figures(tenants, since=since, until=until, durations=False)
    counted = sum(of.count for of in figures.values())
    return {key: Sample("count", counted, since, until, events=of.total_5xx) for key, of in figures.items()}


def request_p95(tenants: Sequence[Tenant], since: datetime, until: datetime) -> Samples:
    """The 95th percentile of how long a request took, in ms."""
    figures = request_figures(tenants, since=since, until=until)
    return {key: Sample("ms", of.count, since, until, value=of.p95_ms) for key, of in figures.items()}


def highest(gauge: str, unit: str) -> Source:
    """A source of the highest level that `gauge` had, for the platform."""

    def read(tenants: Sequence[Tenant], since: datetime, until: datetime) -> Samples:
        seen = Gauge.objects.filter(name=gauge, minute__gte=since, minute__lt=until)
        found = seen.aggregate(highest=Max("most"), looks=Sum("samples"))
        if not found["looks"]:
            return {}
        sample = Sample(unit, found["looks"], since, until, value=found["highest"])
        return {tenant.pk: sample for tenant in tenants if tenant.schema_name == PUBLIC}

    return read


def signals(signal: Signal) -> Source:
    """A source of how often `signal` was seen. The samples are minutes: no count in one means that there was none."""

    def read(tenants: Sequence[Tenant], since: datetime, until: datetime) -> Samples:
        since = _from_the_minute_of(since)
        seen = SecurityCount.objects.filter(
            signal=signal, tenant__in=tenants, minute__gte=since, minute__lt=until
        )
        counts = dict(seen.values_list("tenant").annotate(Sum("count")))
        minutes = (until - since) // timedelta(minutes=1)
        return {
            tenant.pk: Sample("count", minutes, since, until, events=counts.get(tenant.pk, 0))
            for tenant in tenants
        }

    return read


def _from_the_minute_of(since: datetime) -> datetime:
    """Counts are kept by the minute: the one in which a window begins is counted whole, so that none is missed."""
    return since.replace(second=0, microsecond=0)


SOURCES: dict[str, Source] = {
    "error_5xx_rate": server_error_rate,
    "http_5xx_burst": server_errors,
    "p95_request_ms": request_p95,
    "queue_depth_max": highest("queue_depth", "count"),
    "queue_stuck": highest("queue_stuck", "count"),
    "not_ready_seconds": highest("not_ready_seconds", "seconds"),
    "cross_scope_access_attempt": signals(Signal.CROSS_SCOPE),
    "scope_mismatch_error": signals(Signal.SCOPE_MISMATCH),
}
"""By metric of this app's catalogue."""
