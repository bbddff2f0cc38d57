"""What was measured goes after its time: retention.* days of settings.THRESHOLDS."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from observability.models import Alert, Gauge, RequestHour, RequestMetric, RunSummary, Silence, Standing
from observability.states import AlertState


def _request_metrics(now: datetime) -> QuerySet[Any]:
    return RequestMetric.objects.filter(minute__lt=_of_requests(now))


def _request_hours(now: datetime) -> QuerySet[Any]:
    return RequestHour.objects.filter(hour__lt=_of_requests(now))


def _of_requests(now: datetime) -> datetime:
    return now - timedelta(days=settings.THRESHOLDS.retention.REQUEST_METRIC_DAYS)


def _gauges(now: datetime) -> QuerySet[Any]:
    before = now - timedelta(days=settings.THRESHOLDS.retention.GAUGE_DAYS)
    return Gauge.objects.filter(minute__lt=before)


def _run_summaries(now: datetime) -> QuerySet[Any]:
    before = now - timedelta(days=settings.THRESHOLDS.retention.RUN_SUMMARY_DAYS)
    return RunSummary.objects.filter(end__lt=before)


def _alerts(now: datetime) -> QuerySet[Any]:
    before = now - timedelta(days=settings.THRESHOLDS.retention.ALERT_DAYS)
    return Alert.objects.filter(state=AlertState.RECOVERED, recovered_at__lt=before)


def _silences(now: datetime) -> QuerySet[Any]:
    before = now - timedelta(days=settings.THRESHOLDS.retention.ALERT_DAYS)
    return Silence.objects.filter(ends_at__lt=before)


EXPIRED: dict[str, Callable[[datetime], QuerySet[Any]]] = {
    "request metrics": _request_metrics,
    "requests by the hour": _request_hours,
    "gauges": _gauges,
    "run summaries": _run_summaries,
    "recovered alerts": _alerts,
    "silences": _silences,
}
"""For tenancy.services.register_expired."""
LEFTOVERS = (Alert, RequestHour, RequestMetric, RunSummary, Silence, Standing)
"""What is about one tenant, and goes with it; for tenancy.services.register_leftovers."""
