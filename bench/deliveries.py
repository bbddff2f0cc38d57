"""Deliveries a second to a local receiver, and how long a first attempt waits while events keep coming.

`python -m project.embedded -- python -m bench.deliveries`. Works in a database of its own, with a receiver and
dispatchers in processes of their own. `--work SECONDS` is such a dispatcher.
"""

import argparse
import json
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from statistics import median, quantiles
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import requests
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone

from bench.measure import Row, show
from bench.tenants import BY, create, spares
from hypercare import services as hypercare
from hypercare.models import Project
from tenancy import deliveries, services
from tenancy.context import entering
from tenancy.models import Delivery, Endpoint, Tenant
from tenancy.states import DeliveryState
from tenancy.transactions import atomic, emit
from tests.tenancy.databases import own_database

TENANTS = 10
EACH = 100  # deliveries of each tenant in a full queue
RATE, SECONDS = 300, 10  # events a second, and for how long
WORKERS = 2
OVER = (DeliveryState.SENT, DeliveryState.DEAD, DeliveryState.MOOT)


@contextmanager
def sink() -> Iterator[dict[str, int]]:
    """The receiver's ports."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate()


def environment(ports: dict[str, int]) -> dict[str, str]:
    """For a dispatcher process: the bench's database and the receiver."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    url = urlunsplit(parts._replace(path="/" + connection.settings_dict["NAME"]))
    there = {"EGRESS_ALLOW_LOOPBACK": "true", "EMAIL_URL": f"smtp://127.0.0.1:{ports['smtp']}"}
    return {**os.environ, "DATABASE_URL": url, "PROCESS": "worker", "LOG_LEVEL": "ERROR", **there}


@contextmanager
def workers(ports: dict[str, int], count: int) -> Iterator[list[float]]:
    """`count` dispatchers, until the block ends; then the list holds the CPU seconds of each."""
    command = [sys.executable, "-m", "bench.deliveries", "--work"]
    given = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": environment(ports)}
    running = [subprocess.Popen(command, **given) for _ in range(count)]
    seconds: list[float] = []
    try:
        yield seconds
    finally:
        seconds += [float(process.communicate()[0]) for process in running]


def work() -> None:
    """Dispatch as a nudged worker does, until standard input ends; then print the CPU seconds that it took."""
    begun = time.process_time()
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        deliveries.dispatch(clock=timezone.now)
    print(time.process_time() - begun)


def settle(tenants: list[Tenant], ports: dict[str, int]) -> None:
    """One agent, one project and one webhook in each tenant."""
    now = timezone.now()
    for tenant in tenants:
        email = f"agent@{tenant.slug}.example"
        person = services.create_user(
            email=email, name="Bench", password=None, language="en", time_zone="UTC", by=BY, now=now
        )
        services.add_member(tenant=tenant, user=person, role="agent", by=BY, now=now)
        with entering(tenant):
            program = hypercare.create_program(code="BENCH", name="Bench", by=BY, now=now)
            project = hypercare.create_project(program=program, code="BENCH", name="Bench", by=BY, now=now)
            hypercare.add_member(project=project, user_id=person.pk, by=BY, now=now)
            for _ in range(EACH):
                hypercare.report_incident(
                    project=project, title="Down", severity="P1", by=BY, now=now - timedelta(minutes=61)
                )
        Endpoint.objects.create(
            tenant=tenant,
            channel="webhook",
            name="bench",
            address=f"http://127.0.0.1:{ports['http']}/",
            secret="whsec_" + "A" * 32,
            verbs=["bench.happened"],
            created_at=now,
        )


def happen(tenant: Tenant, count: int) -> None:
    """`count` journaled events of `tenant`, each told to its webhook."""
    with entering(tenant), atomic():
        for _ in range(count):
            emit("bench.happened", f"thing:{uuid4()}", by=BY, now=timezone.now())


def drain(ports: dict[str, int], channel: str, count: int) -> tuple[float, float]:
    """Deliveries a second of a full queue, from the first to the last answer, and CPU milliseconds of each."""
    with workers(ports, count) as seconds:
        while Delivery.objects.exclude(state__in=OVER).exists():
            time.sleep(0.1)
    sent = list(
        Delivery.objects.filter(channel=channel, state=DeliveryState.SENT).values_list("sent_at", flat=True)
    )
    assert len(sent) == TENANTS * EACH, (channel, len(sent), Delivery.objects.exclude(last_error="").first())
    Delivery.objects.all().delete()
    rate = (len(sent) - 1) / (max(sent) - min(sent)).total_seconds()
    return rate, sum(seconds) / len(sent) * 1000


def plain(ports: dict[str, int]) -> float:
    """The limit: as many POSTs a second in as many threads, of nothing, by the same library."""
    url, body, number = f"http://127.0.0.1:{ports['http']}/", b"{}" * 200, TENANTS * EACH
    session = requests.Session()
    begun = time.perf_counter()
    with ThreadPoolExecutor(settings.THRESHOLDS.delivery.THREADS) as pool:
        for answer in pool.map(lambda _: session.post(url, data=body, timeout=5), range(number)):
            assert answer.status_code == 204
    return number / (time.perf_counter() - begun)


def paced(tenants: list[Tenant], ports: dict[str, int]) -> tuple[float, float, float]:
    """While RATE events a second come in: deliveries a second, and median and p99 of the first attempt in ms."""
    with workers(ports, WORKERS):
        time.sleep(3)  # they start
        begun, done = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < SECONDS:
            missing = int(passed * RATE) - done
            if missing > 0:
                happen(tenants[done % TENANTS], missing)
                done += missing
            else:
                time.sleep(0.005)
        while Delivery.objects.exclude(state__in=OVER).exists():
            time.sleep(0.1)
    rows = list(Delivery.objects.filter(attempts=1).values_list("created_at", "sent_at"))
    assert len(rows) == done, (len(rows), done)
    waits = [(sent - created).total_seconds() * 1000 for created, sent in rows]
    span = max(sent for _, sent in rows) - min(created for created, _ in rows)
    return len(rows) / span.total_seconds(), median(waits), quantiles(waits, n=100)[98]


def main() -> list[Row]:
    """Measure all of it."""
    logging.disable(logging.ERROR)
    with own_database(empty=True), sink() as ports, override_settings(EGRESS_ALLOW_LOOPBACK=True):
        call_command("migrate", verbosity=0)
        spares(TENANTS)
        tenants = [create() for _ in range(TENANTS)]
        settle(tenants, ports)
        limit = plain(ports)
        webhooks = {}
        for count in (1, WORKERS):
            for tenant in tenants:
                happen(tenant, EACH)
            webhooks[count], _cost = drain(ports, "webhook", count)
        for tenant in tenants:
            with entering(tenant):
                project = Project.objects.get()
                hypercare.check_breaches(project=project, by=BY, now=timezone.now())
        mails, cost = drain(ports, "email", WORKERS)
        rate, middle, late = paced(tenants, ports)
    return [
        Row("webhooks of a full queue, 1 dispatcher / POST alone", webhooks[1], limit, unit="1/s"),
        Row(
            f"webhooks of a full queue, {WORKERS} dispatchers / POST alone",
            webhooks[WORKERS],
            limit,
            unit="1/s",
        ),
        Row(f"mails of a full queue, {WORKERS} dispatchers / goal", mails, 300, unit="1/s"),
        Row(f"mails of a full queue, {WORKERS} dispatchers / POST alone", mails, limit, unit="1/s"),
        Row("  a dispatcher's CPU for a mail / what the goal leaves of 2 CPUs", cost, 2000 / 300),
        Row(f"webhooks while {RATE} events/s come in / goal", rate, 300, unit="1/s"),
        Row("  first attempt after the event, median / goal", middle, 2000),
        Row("  first attempt after the event, p99 / goal", late, 2000),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", action="store_true")
    if parser.parse_args().work:
        work()
    else:
        show(main())
