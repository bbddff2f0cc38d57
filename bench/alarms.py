"""What request figures of many tenants cost: a look at all alarms, a flush, System health, retention.

`python -m project.embedded -- python -m bench.alarms [--tenants 1000] [--days 2]`. Works in a database of its own; no
tenant has a schema, for no alarm enters one (the page's incidents do, and are not measured here).

Two tenants are busy: 20 routes, each asked several times a minute. The others get 10 to 50 requests an hour by day and
night, and each at least 20 in the last half hour, so that every baseline is wanted at once: the worst look of an hour.
The recorder makes the sketches of a day, the days before it are copies.
"""

import argparse
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

from django.core.management import call_command
from django.db import connection, connections, transaction
from django.http import HttpRequest

from bench.measure import Row, show, timed
from observability import services
from observability.admin import health_facts
from observability.models import Pulse, RequestHour, RequestMetric
from observability.recording import Counted, RequestRecorder
from observability.services import requests
from project.startup import settle
from tenancy.models import Tenant
from tenancy.services.retention import _delete
from tests.tenancy.databases import own_database

SIZES = (10, 100)
BUSY, ROUTES, EACH = 2, 20, 5  # busy tenants, their routes, requests to each a minute
LEAST, MOST, RECENT = 10, 50, 20  # requests an hour of the others; at least, in the last half hour
DAYS, MORE_DAYS = 2, 6
ROUNDS = 5
LOOK_MS, LOOK_MB, STATEMENT_MS, PAGE_MS = 5000.0, 200.0, 3000.0, 1000.0  # what is asked for
FLUSH_MS, BUSY_MS = 1000.0, 15_000.0
NOW = datetime(2026, 11, 18, 14, tzinfo=UTC)  # the looks stay within one hour of baselines, days within hours
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


# ---- what is measured ----------------------------------------------------------------------------------------------


def a_day_of(number: int, tenant: Tenant) -> list[Counted]:
    """What the recorder hands on of the day before NOW."""
    chance = random.Random(number)
    handed: list[Counted] = []
    recorder = RequestRecorder()
    last = int(NOW.timestamp()) // 60 - 1

    def ask(minute: int, route: int) -> None:
        recorder.note(
            tenant=tenant.pk,
            route=f"api/v1/projects/<uuid:project>/route-{route}",
            method="GET",
            status=500 if chance.random() < 0.001 else 200,
            seconds=chance.lognormvariate(3.7, 0.8) / 1000,
            minute=minute,
        )

    with patch.object(recorder, "_keep_writing"):  # by hand
        recorder.start(handed.extend)
        if number < BUSY:
            for minute in range(last - 24 * 60 + 1, last + 1):
                for route in range(ROUTES * EACH):
                    ask(minute, route % ROUTES)
                recorder.flush()
        else:
            for _ in range(24 * chance.randint(LEAST, MOST)):
                ask(last - chance.randrange(24 * 60), chance.randrange(ROUTES))
            for _ in range(RECENT):
                ask(last - chance.randrange(29), chance.randrange(ROUTES))
        recorder.flush()
        recorder.stop(timeout=0)
    return handed


def make_tenants(count: int, now: datetime) -> list[Tenant]:
    return Tenant.objects.bulk_create(
        Tenant(slug=f"bench{number}", schema_name=f"t_bench{number}", name=f"Bench {number}", created_at=now)
        for number in range(count)
    )


def elsewhere(work: Callable[[], None]) -> None:
    """Run `work` in a child, so that its memory is not this process's. Raises AssertionError when it fails."""
    connections.close_all()
    child = get_context("fork").Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0


def fill(tenants: Sequence[Tenant], days: int) -> None:
    for number, tenant in enumerate(tenants):
        rows = a_day_of(number, tenant)
        for start in range(0, len(rows), 5000):
            services.store_requests(rows[start : start + 5000])
    for day in range(1, days):
        add_day(day)
    clean()


def add_day(day: int) -> None:
    """A copy of the latest day, `day` days before it."""
    with connection.cursor() as cursor:
        for table, time, rest in (
            ("requestmetric", "minute", "route, method, codes, bins, total_ms"),
            ("requesthour", "hour", "codes, bins"),
        ):
            cursor.execute(
                f"INSERT INTO observability_{table} (tenant_id, {time}, {rest})"
                f" SELECT tenant_id, {time} - %(day)s, {rest} FROM observability_{table} WHERE {time} >= %(since)s",
                {"day": timedelta(days=day), "since": NOW - DAY},
            )


def clean() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE observability_requestmetric, observability_requesthour")


# ---- measuring -----------------------------------------------------------------------------------------------------


class Statements:
    """The longest statement of what runs within."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.count = 0

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        start = perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.count += 1
            self.longest = max(self.longest, (perf_counter() - start) * 1000)


def _memory(name: str) -> float:
    """MB of this process: VmRSS now, VmHWM at most since `peak` began."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name + ":")
    )
    return int(line.split()[1]) / 1024


@contextmanager
def peak(into: list[float]) -> Iterator[None]:
    """Add to `into` by how many MB this process grew at most."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that of now
    before = _memory("VmRSS")
    yield
    into.append(_memory("VmHWM") - before)


def look(now: datetime) -> tuple[float, Statements, float]:
    """ms of one look, its statements and the MB it took."""
    grown: list[float] = []
    statements = Statements()
    with peak(grown), connection.execute_wrapper(statements):
        took = timed(lambda: services.watch(scope=services.TENANT, now=now))
    return took, statements, grown[0]


def looks(now: datetime, what: str) -> list[Row]:
    """The very first, which writes all that stands; one that reads baselines; those that keep them."""
    services.forget_baselines()
    Pulse.objects.all().delete()  # else the second time the clock went back
    first, first_statements, most = look(now)
    hourly, others = [], []
    for _ in range(ROUNDS):
        services.forget_baselines()
        hourly.append(look(now))
        others.append(look(now))
    longest = max(one[1].longest for one in hourly)
    count = hourly[0][1].count
    return [
        Row(f"{what}: look that writes all that stands", first, LOOK_MS),
        Row(f"{what}: its longest statement", first_statements.longest, STATEMENT_MS),
        Row(f"{what}: look that reads baselines, median", median(one[0] for one in hourly), LOOK_MS),
        Row(f"{what}: its longest of {count} statements, worst", longest, STATEMENT_MS),
        Row(f"{what}: look that keeps them, median", median(one[0] for one in others), LOOK_MS),
        Row(f"{what}: memory of all these", max(most, *(one[2] for one in hourly)), LOOK_MB, unit="MB"),
    ]


def baselines(tenants: list[Tenant], what: str) -> list[Row]:
    """The 24 hours of request_latency, read by the hour and, the plain way, by the minute, in turn."""
    until = NOW - timedelta(hours=1)
    rows = []
    for whose, some in (("all", tenants), ("one busy tenant", tenants[:1])):
        keys = [tenant.pk for tenant in some]

        def read(*, by_hour: bool, keys: list[int] = keys) -> dict[int, services.Figures]:
            maps = ("codes", "bins")
            return requests._read("tenant_id", keys, maps, by_hour=by_hour, since=until - DAY, until=until)

        assert read(by_hour=True) == read(by_hour=False)
        ours, plain = [], []
        for _ in range(ROUNDS):
            ours.append(timed(lambda read=read: read(by_hour=True)))  # type: ignore[misc]
            plain.append(timed(lambda read=read: read(by_hour=False)))  # type: ignore[misc]
        name = f"{what}: baseline of {whose}, by the hour / minute"
        rows.append(Row(name, median(ours), median(plain), median(plain)))
    return rows


def all_busy(tenants: list[Tenant], what: str) -> Row:
    """The baselines if all tenants were as busy as the first: 28,800 rows of minutes a tenant and day."""
    keys, until = [tenant.pk for tenant in tenants], NOW - timedelta(hours=1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM observability_requesthour WHERE tenant_id <> %s", keys[:1])
        cursor.execute(
            "INSERT INTO observability_requesthour (tenant_id, hour, codes, bins)"
            " SELECT other, hour, codes, bins FROM observability_requesthour, unnest(%s::bigint[]) AS other",
            [keys[1:]],
        )
        cursor.execute("ANALYZE observability_requesthour")
        span = {"since": until - DAY, "until": until}
        took = timed(lambda: services.request_figures(tenants, **span))
        transaction.set_rollback(True)
    return Row(f"{what}: baseline of all if all were busy", took, BUSY_MS)


def a_minute(tenants: Sequence[Tenant], minute: datetime) -> list[Counted]:
    """What one process has to hand on where every tenant was asked once, and the busy ones everywhere."""
    return sorted(
        (
            Counted(tenant.pk, f"route-{route}", "GET", minute, {"200": EACH}, {"40.1": 3, "61.2": 2}, 253.0)
            for number, tenant in enumerate(tenants)
            for route in range(ROUTES if number < BUSY else 1)
        ),
        key=lambda row: (row.tenant or 0, row.route),
    )


def page(tenants: Sequence[Tenant], now: datetime) -> None:
    with patch.object(health_facts, "_counts", []):
        health_facts.read_facts(HttpRequest(), tenants, now=now, today=now - DAY)


def at(tenants: list[Tenant], what: str) -> list[Row]:
    rows = [*looks(NOW, what), *baselines(tenants, what)]
    flushes = [
        timed(lambda minute=minute: services.store_requests(a_minute(tenants, minute)))  # type: ignore[misc]
        for number in range(ROUNDS)
        for minute in [NOW + number * MINUTE] * 2
    ]
    RequestMetric.objects.filter(minute__gte=NOW).delete()
    RequestHour.objects.filter(hour__gte=NOW).delete()
    pages = [timed(lambda: page(tenants, NOW)) for _ in range(ROUNDS)]
    return [
        *rows,
        Row(f"{what}: flush of a minute of all", median(flushes), FLUSH_MS),
        Row(f"{what}: facts of System health", median(pages), PAGE_MS),
    ]


def retention() -> Row:
    """Delete 50,000 rows, the oldest."""
    before = RequestMetric.objects.order_by("minute").values_list("minute", flat=True)[50_000]
    old = RequestMetric.objects.filter(minute__lt=before)
    count = old.count()
    took = timed(lambda: _delete(old))
    return Row(f"retention of {count} rows, per 5000", took / count * 5000, FLUSH_MS)


def main(most: int = 1000, days: int = DAYS) -> list[Row]:
    logging.disable(logging.ERROR)
    rows: list[Row] = []
    settle()
    for count in [*(size for size in SIZES if size < most), most]:
        with own_database(empty=True):
            call_command("migrate", verbosity=0)
            tenants = make_tenants(count, NOW)
            took = timed(lambda tenants=tenants: elsewhere(lambda: fill(tenants, days)))  # type: ignore[misc]
            kept = RequestMetric.objects.count()
            print(f"{count} tenants: {kept:,} rows of {days} days, filled in {took / 1000:.0f} s")
            rows += at(tenants, f"{count} tenants")
            if count == most:
                for day in range(days, days + MORE_DAYS):
                    add_day(day)
                clean()
                rows += at(tenants, f"{count} tenants, {days + MORE_DAYS} days")
                rows += [all_busy(tenants, f"{count} tenants"), retention()]
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--days", type=int, default=DAYS)
    given = parser.parse_args()
    show(main(given.tenants, given.days))
