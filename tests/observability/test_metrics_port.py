"""The port of metrics: what is declared, who measures it, and what this app measures itself."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from observability import metrics
from observability.errors import UnknownMetric
from observability.metrics import Kind, Metric, Scope
from observability.models import Gauge
from observability.rules.verdicts import RATIO, Sample
from observability.services.sources import SOURCES
from tenancy.models import SecurityCount, Tenant
from tenancy.states import Signal
from tests.observability.measures import requests

pytestmark = pytest.mark.usefixtures("registry")
MINUTE = timedelta(minutes=1)


# ---- the registry ------------------------------------------------------------------------------------------------


def test_a_metric_is_declared_once() -> None:
    metric = Metric("harvest", "count", Kind.COUNT, "Apples")
    metrics.declare(metric)
    assert metrics.metric_named("harvest") == metric
    assert metric in metrics.declared()
    assert metrics.source_of("harvest") is None
    with pytest.raises(ValueError, match="declared already"):
        metrics.declare(metric)


def test_a_metric_has_one_source() -> None:
    metrics.declare(Metric("harvest", "count", Kind.COUNT, "Apples"))

    def read(*_given: object) -> dict[int, Sample]:
        return {}

    metrics.register_source("harvest", read)
    assert metrics.source_of("harvest") is read
    with pytest.raises(ValueError, match="source already"):
        metrics.register_source("harvest", read)


def test_what_nobody_declared_is_unknown() -> None:
    for ask in (metrics.metric_named, metrics.source_of):
        with pytest.raises(UnknownMetric, match="'nonsense'"):
            ask("nonsense")
    with pytest.raises(UnknownMetric):
        metrics.register_source("nonsense", lambda tenants, since, until: {})


@pytest.mark.parametrize(("unit", "kind"), [(RATIO, Kind.COUNT), ("percent", Kind.RATE)])
def test_a_rate_is_a_ratio_and_nothing_else_is(unit: str, kind: Kind) -> None:
    with pytest.raises(ValueError, match="harvest"):
        Metric("harvest", unit, kind, "Apples")


def test_whatever_the_configuration_watches_is_declared() -> None:
    named = {alarm.metric for alarm in settings.THRESHOLDS.watched()}
    named |= {rule.rate for rule in settings.THRESHOLDS.drift_rules}
    assert named <= {metric.name for metric in metrics.declared()}
    assert all(str(metric.meaning) for metric in metrics.declared())


def test_every_source_of_ours_measures_for_all_in_one_query(
    tenants: dict[str, Tenant], public: Tenant, now: datetime, django_assert_num_queries: Any
) -> None:
    for name, read in SOURCES.items():
        assert metrics.source_of(name) is read
        with django_assert_num_queries(1):
            read([*tenants.values(), public], now - MINUTE, now)


# ---- what this app measures --------------------------------------------------------------------------------------


def test_server_errors_of_each_tenant(tenants: dict[str, Tenant], now: datetime) -> None:
    acme, globex, pilot = (tenants[slug] for slug in ("acme", "globex", "pilot"))
    requests(acme, now - 2 * MINUTE, {"200": 90, "404": 3, "500": 5, "503": 2})
    requests(acme, now - 3 * MINUTE, {"200": 100}, route="b")
    requests(acme, now - 11 * MINUTE, {"500": 1000})
    requests(globex, now - MINUTE, {"200": 7})
    asked, since = [acme, globex, pilot], now - 10 * MINUTE
    rates = SOURCES["error_5xx_rate"](asked, since, now)
    assert rates[acme.pk] == Sample(RATIO, 200, since, now, events=7)
    assert rates[globex.pk] == Sample(RATIO, 7, since, now, events=0)
    assert rates[pilot.pk].samples == 0
    bursts = SOURCES["http_5xx_burst"](asked, since, now)
    assert {key: (of.events, of.samples) for key, of in bursts.items()} == {
        acme.pk: (7, 207),
        globex.pk: (0, 207),
        pilot.pk: (0, 207),
    }


def test_nobody_s_requests_are_no_measurement(acme: Tenant, now: datetime) -> None:
    for name in ("error_5xx_rate", "http_5xx_burst", "p95_request_ms"):
        assert SOURCES[name]([acme], now - MINUTE, now)[acme.pk].samples == 0


def test_the_95th_percentile_within_the_sketch_s_error(acme: Tenant, now: datetime) -> None:
    requests(acme, now - MINUTE, {"200": 94}, ms=10.0)
    requests(acme, now - MINUTE, {"200": 6}, ms=500.0, route="slow")
    sample = SOURCES["p95_request_ms"]([acme], now - 30 * MINUTE, now)[acme.pk]
    assert (sample.unit, sample.samples) == ("ms", 100)
    assert sample.number() == pytest.approx(500, rel=0.01)


@pytest.mark.parametrize(
    ("metric", "gauge", "unit"),
    [
        ("queue_depth_max", "queue_depth", "count"),
        ("queue_stuck", "queue_stuck", "count"),
        ("not_ready_seconds", "not_ready_seconds", "seconds"),
    ],
)
def test_a_level_is_the_highest_of_its_window_for_the_platform(
    metric: str, gauge: str, unit: str, acme: Tenant, public: Tenant, now: datetime
) -> None:
    read, since = SOURCES[metric], now - 15 * MINUTE
    assert read([public], since, now) == {}
    for minutes, most in ((1, 40.0), (14, 60.0), (16, 900.0)):
        minute = now - minutes * MINUTE
        Gauge.objects.create(name=gauge, minute=minute, least=0.0, most=most, last=1.0, samples=6)
    Gauge.objects.create(name="another", minute=now - MINUTE, least=0.0, most=999.0, last=1.0, samples=6)
    assert read([public, acme], since, now) == {public.pk: Sample(unit, 12, since, now, value=60.0)}


def test_signals_are_counted_by_the_minute(acme: Tenant, globex: Tenant, now: datetime) -> None:
    now = now + timedelta(seconds=30)
    for minute, count in ((now, 1), (now - 5 * MINUTE, 2), (now - 6 * MINUTE, 50)):
        SecurityCount.objects.create(
            tenant=acme, signal=Signal.CROSS_SCOPE, minute=minute.replace(second=0), count=count
        )
    SecurityCount.objects.create(
        tenant=acme, signal=Signal.SCOPE_MISMATCH, minute=now.replace(second=0), count=9
    )
    found = SOURCES["cross_scope_access_attempt"]([acme, globex], now - 5 * MINUTE, now)
    assert {key: (of.events, of.samples) for key, of in found.items()} == {
        acme.pk: (3, 5),
        globex.pk: (0, 5),
    }


def test_only_the_platform_s_metrics_are_the_platform_s() -> None:
    platform = {metric.name for metric in metrics.declared() if metric.scope is Scope.PLATFORM}
    assert platform == {"queue_depth_max", "queue_stuck", "not_ready_seconds"}
