"""/metrics: what this process did and how the machinery is, as Prometheus reads it.

For those who have settings.METRICS_TOKEN, on every host. Requests are this process's own since it started; the rest
is read when somebody asks, within `health.READY_BUDGET_MS` whatever hangs: what cannot be read is left out, and
`hypercare_database_read` is 0. Nothing here names a tenant, a person or a row.
"""

import atexit
import hmac
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Any, cast

import psycopg
from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from observability import health

PATH = "/metrics"

_registry = CollectorRegistry(auto_describe=False)
ProcessCollector(registry=_registry)
_requests = Counter(
    "hypercare_requests",
    "Requests answered by this process.",
    ["route", "method", "code"],
    registry=_registry,
)
_durations = Histogram(
    "hypercare_request_duration_seconds", "How long this process took for them.", registry=_registry
)


def observe(*, route: str, method: str, status: int, seconds: float) -> None:
    """Count one request that this process answered."""
    _counter(route, method, status // 100).inc()
    _durations.observe(seconds)


@cache
def _counter(route: str, method: str, code: int) -> Counter:
    return _requests.labels(route, method, f"{code}xx")


# ---- what the database knows -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Levels:
    """How the machinery is: ages in s by pulse; what is due (number, age in s of the oldest); alerts by rule."""

    pulses: dict[str, float]
    deadlines: tuple[int, float]
    dead_deadlines: int
    deliveries: tuple[int, float]
    alerts: list[tuple[str, str, int]]


_PULSES = "SELECT name, extract(epoch FROM now() - at)::float8 FROM public.observability_pulse"
_DUE = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(wake_at)), 0)::float8
  FROM public.tenancy_deadline WHERE dead_at IS NULL AND wake_at <= now()
"""
_DEAD = "SELECT count(*) FROM public.tenancy_deadline WHERE dead_at IS NOT NULL"
_PENDING = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(next_try_at)), 0)::float8
  FROM public.tenancy_delivery WHERE state = 'pending' AND next_try_at <= now()
"""
_ALERTS = """
SELECT rule, severity, count(*) FROM public.observability_alert WHERE state <> 'recovered' GROUP BY rule, severity
"""


class ReadLevels(health.Asking[Levels]):
    """Five small statements, by indexes."""

    def _ask(self, connection: psycopg.Connection[Any]) -> Levels:
        def row(statement: str) -> tuple[Any, ...]:
            return cast(tuple[Any, ...], connection.execute(statement).fetchone())

        return Levels(
            pulses=dict(connection.execute(_PULSES).fetchall()),
            deadlines=cast(tuple[int, float], row(_DUE)),
            dead_deadlines=row(_DEAD)[0],
            deliveries=cast(tuple[int, float], row(_PENDING)),
            alerts=connection.execute(_ALERTS).fetchall(),
        )


_read_levels = ReadLevels()
atexit.register(_read_levels.close)
_levels = health.Probe("levels", _read_levels)


def expose(
    *,
    now: datetime,
    readiness: health.Readiness = health.readiness,
    levels: "health.Probe[Levels]" = _levels,
) -> bytes:
    """The whole page."""
    deadline = time.monotonic() + settings.THRESHOLDS.health.READY_BUDGET_MS / 1000
    asked = levels.ask()
    status, body = readiness(now=now)
    try:
        found = asked.result(timeout=max(0.0, deadline - time.monotonic()))
    except Exception:  # the probe has logged it; the page says that it is missing
        found = None
    machinery = CollectorRegistry(auto_describe=False)
    machinery.register(cast(Any, _Fixed([*_of_readiness(status, body), *_of_levels(found)])))
    return generate_latest(_registry) + generate_latest(machinery)


class _Fixed:
    """A collector of what is known already."""

    def __init__(self, families: Iterable[Metric]):
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _of_readiness(status: int, body: dict[str, Any]) -> Iterator[Metric]:
    build = GaugeMetricFamily(
        "hypercare_build_info",
        "Which build with which configuration runs.",
        labels=["build_id", "config_hash"],
    )
    build.add_metric([body["build_id"], body["config_hash"]], 1)
    yield build
    ready = status == HTTPStatus.OK
    yield GaugeMetricFamily("hypercare_ready", "1: this process may take traffic.", value=ready)
    checks = GaugeMetricFamily(
        "hypercare_check", "1 for the status that each check of readiness has.", labels=["check", "status"]
    )
    for name, check in body["checks"].items():
        for known in ("ok", "warning", "error"):
            checks.add_metric([name, known], check["status"] == known)
    yield checks
    depth = body["checks"]["queue"].get("depth")
    if depth is not None:
        yield GaugeMetricFamily("hypercare_queue_depth", "Messages that wait for a worker.", value=depth)
    latency = body["checks"]["database"].get("latency_ms")
    if latency is not None:
        yield GaugeMetricFamily(
            "hypercare_database_latency_seconds", "How long SELECT 1 took.", value=latency / 1000
        )


def _of_levels(found: Levels | None) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "hypercare_database_read", "0: the database did not answer in time.", value=found is not None
    )
    if found is None:
        return
    pulses = GaugeMetricFamily(
        "hypercare_pulse_age_seconds", "How long ago this happened last.", labels=["pulse"]
    )
    for name, age in sorted(found.pulses.items()):
        pulses.add_metric([name], age)
    yield pulses
    due, oldest_due = found.deadlines
    yield GaugeMetricFamily("hypercare_due_deadlines", "Deadlines whose time has come.", value=due)
    yield GaugeMetricFamily("hypercare_oldest_due_deadline_seconds", "Age of the oldest.", value=oldest_due)
    yield GaugeMetricFamily("hypercare_dead_deadlines", "Deadlines given up.", value=found.dead_deadlines)
    pending, oldest = found.deliveries
    yield GaugeMetricFamily("hypercare_pending_deliveries", "Deliveries whose time has come.", value=pending)
    yield GaugeMetricFamily("hypercare_oldest_pending_delivery_seconds", "Age of the oldest.", value=oldest)
    alerts = GaugeMetricFamily(
        "hypercare_open_alerts", "Alerts that have not recovered.", labels=["rule", "severity"]
    )
    for rule, severity, count in found.alerts:
        alerts.add_metric([rule, severity], count)
    yield alerts


# ---- HTTP, for both edges ---------------------------------------------------------------------------------------


def refusal(method: str, authorization: str) -> health.Answer | None:
    """404 where no token is configured, 401 for another than that, 405 for other methods; None: go on."""
    if not settings.METRICS_TOKEN:
        return _answer(HTTPStatus.NOT_FOUND)
    scheme, _space, given = authorization.partition(" ")
    expected = settings.METRICS_TOKEN.encode()
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        given.strip().encode(errors="replace"), expected
    ):
        return _answer(HTTPStatus.UNAUTHORIZED, ("WWW-Authenticate", 'Bearer realm="metrics"'))
    if method not in health.METHODS:
        return _answer(HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", ", ".join(health.METHODS)))
    return None


def answer(method: str, page: bytes) -> health.Answer:
    """What goes over the wire for `page`."""
    found = _answer(HTTPStatus.OK, ("Content-Type", CONTENT_TYPE_PLAIN_0_0_4), body=page)
    return found if method == "GET" else health.Answer(found.status, b"", found.headers)


def _answer(status: HTTPStatus, *headers: tuple[str, str], body: bytes = b"") -> health.Answer:
    always = (("Cache-Control", "no-store"), ("Content-Length", str(len(body))))
    return health.Answer(status, body, (*always, *headers))
