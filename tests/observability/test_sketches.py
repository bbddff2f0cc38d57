"""Percentiles from parts that several writers stored, beside the exact ones."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.conf import settings
from django.db import connections

from observability.models import RequestHour, RequestMetric
from observability.recording import Counted, RequestRecorder
from observability.services import figures_by_route, request_figures, store_requests
from observability.services.requests import quantiles

SAMPLES, PARTS, WRITERS = 100_000, 50, 4
START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
MINUTE = int(START.timestamp()) // 60
HOUR = timedelta(hours=1)
QUANTILES = (0.50, 0.90, 0.95, 0.99)


def lognormal(chance: random.Random) -> float:
    """ms around 40, as most requests are."""
    return chance.lognormvariate(3.7, 0.8)


def bimodal(chance: random.Random) -> float:
    """Cached or not: 5 ms or 900."""
    return max(0.01, chance.gauss(5, 0.7) if chance.random() < 0.7 else chance.gauss(900, 120))


def pareto(chance: random.Random) -> float:
    """A tail so heavy that it has no variance."""
    return 10 * chance.paretovariate(1.2)


def counted(tenant_id: int, samples: list[float], *, minute: int, route: str = "r") -> list[Counted]:
    """What one process would hand on that saw requests of `samples` ms."""
    handed: list[Counted] = []
    recorder = RequestRecorder()
    recorder.start(handed.extend)
    for each in samples:
        recorder.note(
            tenant=tenant_id, route=route, method="GET", status=200, seconds=each / 1000, minute=minute
        )
    recorder.stop(timeout=10)
    return handed


def in_own_connection(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connections.close_all()


def exact(samples: list[float], quantile: float) -> float:
    return sorted(samples)[int(quantile * (len(samples) - 1))]


@pytest.mark.parametrize("shape", [lognormal, bimodal, pareto])
def test_percentiles_of_parts_are_within_one_per_cent_of_the_exact_ones(committed, shape):
    chance = random.Random(20261118)
    samples = [shape(chance) for _ in range(SAMPLES)]
    edges = sorted(chance.sample(range(1, SAMPLES), PARTS - 1))
    parts = [samples[low:high] for low, high in pairwise([0, *edges, SAMPLES])]
    assert len(parts) == PARTS
    with committed() as tenant:
        stored = [
            counted(tenant.pk, part, minute=MINUTE + number % 5, route=f"r{number % 2}")
            for number, part in enumerate(parts)
        ]
        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(lambda rows: in_own_connection(lambda: store_requests(rows)), stored))

        figures = request_figures([tenant], since=START, until=START + HOUR)[tenant.pk]
        merged: Counter[str] = Counter()
        for row in RequestMetric.objects.filter(tenant=tenant):
            merged.update(row.bins)
        (hour,) = RequestHour.objects.filter(tenant=tenant)
        total = sum(row.total_ms for row in RequestMetric.objects.filter(tenant=tenant))

    error = float(settings.THRESHOLDS.metrics.SKETCH_ERROR)
    assert error == 0.01
    assert figures.count == SAMPLES
    assert figures.codes == {"200": SAMPLES}
    assert total == pytest.approx(sum(samples))
    assert (hour.hour, hour.bins, hour.codes) == (START, merged, {"200": SAMPLES})
    read = {0.50: figures.p50_ms, 0.95: figures.p95_ms, 0.99: figures.p99_ms}
    for quantile in QUANTILES:
        (found,) = quantiles(merged, quantile)
        assert found == pytest.approx(exact(samples, quantile), rel=error)
        assert read.get(quantile, found) == found


def test_who_writes_the_same_minute_at_once_loses_nothing(committed):
    """Eight threads of two processes gather, and both write all the time."""
    threads, each = 8, 2_000
    with committed() as tenant:
        recorders = [RequestRecorder(), RequestRecorder()]
        for recorder in recorders:
            recorder.start(store_requests)
        over = threading.Event()

        def gather(number: int) -> None:
            for turn in range(each):
                recorders[number % 2].note(
                    tenant=tenant.pk,
                    route=f"r{turn % 3}",
                    method="GET",
                    status=(200, 404, 500)[turn % 3],
                    seconds=0.001 * (1 + turn % 7),
                    minute=MINUTE,
                )

        def write(recorder: RequestRecorder) -> None:
            while not over.is_set():
                recorder.flush()

        with ThreadPoolExecutor(2) as writers:
            for recorder in recorders:
                writers.submit(in_own_connection, lambda recorder=recorder: write(recorder))
            with ThreadPoolExecutor(threads) as gatherers:
                list(gatherers.map(gather, range(threads)))
            over.set()
        for recorder in recorders:
            recorder.stop(timeout=10)

        figures = request_figures([tenant], since=START, until=START + HOUR)[tenant.pk]
        by_route = figures_by_route(tenant, since=START, until=START + HOUR)
        rows = list(RequestMetric.objects.filter(tenant=tenant))

    expected = Counter((200, 404, 500)[turn % 3] for turn in range(each))
    assert figures.codes == {str(code): threads * count for code, count in expected.items()}
    assert figures.count == threads * each
    assert (figures.total_4xx, figures.total_5xx) == (threads * expected[404], threads * expected[500])
    assert sum(found.count for found in by_route.values()) == threads * each
    assert len(rows) == 3  # one a route
    assert sum(count for row in rows for count in row.bins.values()) == threads * each
    assert sum(row.total_ms for row in rows) == pytest.approx(
        threads * sum(1 + turn % 7 for turn in range(each))
    )


@pytest.fixture(autouse=True)
def no_thread_of_theirs_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "requests"]
