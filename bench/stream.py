"""What open live streams cost, and how long after its commit a change arrives.

`python -m project.embedded -- python -m bench.stream`. The web process is the demo's, in a process of its own on a
database of its own; so are the listeners, one thread for all of them, for they would slow down who asks.
`--listen HOST:PORT HOST-HEADER COUNT URL` is such a listener.
"""

import argparse
import json
import logging
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bench.measure import Row, show, timed
from bench.tenants import BY, create
from hypercare import services as hypercare
from tenancy import services
from tenancy.context import entering
from tenancy.models import Tenant
from tests.live.product import Product, running
from tests.tenancy.databases import own_database

MANY = 100
OPEN = 200  # incidents that the list is taken from
TURNS, REQUESTS = 6, 150  # with and without streams in turn, so many requests each
CHANGES = 200


class Caller:
    """One connection that asks again and again, as a browser keeps its own."""

    def __init__(self, product: Product, tenant: Tenant, token: str) -> None:
        self._client = HTTPConnection("127.0.0.1", product.port, timeout=30)
        self._headers = {
            "Host": product.host(tenant),
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        self._client.request(method, path, json.dumps(body) if body is not None else None, self._headers)
        answer = self._client.getresponse()
        said = answer.read()
        assert answer.status < 300, said
        return json.loads(said)


@contextmanager
def listeners(
    product: Product, tenant: Tenant, call: Caller, count: int
) -> Iterator[Callable[[], list[float]]]:
    """`count` open streams; the function gives, once the block is over, when the last of them told each change."""
    if not count:
        yield list
        return
    url = call("POST", "/api/v1/events/ticket")["url"]
    where = [str(product.port), product.host(tenant), str(count), url]
    command = [sys.executable, "-m", "bench.stream", "--listen", *where]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    arrived: list[float] = []
    try:
        assert process.stdout.readline() == "open\n"
        yield lambda: arrived
    finally:
        arrived += json.loads(process.communicate()[0])


def listen(port: str, host: str, count: str, url: str) -> None:
    """Open the streams, say so, and at the end of standard input print when each change had reached all of them."""
    selector, texts = selectors.DefaultSelector(), {}
    for number in range(int(count)):
        client = socket.create_connection(("127.0.0.1", int(port)))
        client.sendall(f"GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        selector.register(client, selectors.EVENT_READ, number)
        texts[number] = b""
    selector.register(sys.stdin, selectors.EVENT_READ)
    reached: dict[bytes, tuple[int, float]] = {}
    greeted = 0
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                print(json.dumps([at for seen, at in reached.values() if seen == int(count)]))
                return
            said = key.fileobj.recv(1 << 16)
            assert said, "the server ended a stream"
            texts[key.data] += said
            *events, texts[key.data] = texts[key.data].split(b"\n\n")
            for event in events:
                if b"event: hello" in event:
                    greeted += 1
                    if greeted == int(count):
                        print("open", flush=True)
                elif b"event: change" in event:
                    seq = event.split(b"id: ")[1].split(b"\n")[0]
                    reached[seq] = (reached.get(seq, (0, 0.0))[0] + 1, time.time())


def connections() -> int:
    """What the web process has open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'hypercare-web'"
        )
        return int(cursor.fetchone()[0])


def late(product: Product, tenant: Tenant, call: Caller, url: str) -> list[float]:
    """Milliseconds from the answer to a POST, which is after its commit, until the last of MANY streams told it."""
    answered = []
    with listeners(product, tenant, call, MANY) as arrived:
        for _ in range(CHANGES):
            call("POST", url, {"title": "Down"})
            answered.append(time.time())
            time.sleep(0.05)  # one at a time: a burst would be gathered into one reading
        time.sleep(3)  # longer than a poll: what Valkey lost would have come by then, late
    assert len(arrived()) == CHANGES, len(arrived())
    return [max(0.0, (at - since) * 1000) for at, since in zip(arrived(), answered, strict=True)]


def main() -> list[Row]:
    """Measure all of it."""
    logging.disable(logging.ERROR)
    unhurried = {"THRESHOLD_API_REQUESTS_PER_MINUTE": "1000000", "THRESHOLD_STREAM_LIFE_SECONDS": "3600"}
    with own_database(empty=True), TemporaryDirectory() as folder:
        call_command("migrate", verbosity=0)
        tenant, now = create(), timezone.now()
        person = services.create_user(
            email="agent@bench.example",
            name="Bench",
            password=None,
            language="en",
            time_zone="UTC",
            by=BY,
            now=now,
        )
        services.add_member(tenant=tenant, user=person, role="agent", by=BY, now=now)
        _token, secret = services.issue_token(
            user=person, tenant=tenant, name="bench", days=1, by=BY, now=now
        )
        with entering(tenant):
            program = hypercare.create_program(code="BENCH", name="Bench", by=BY, now=now)
            project = hypercare.create_project(program=program, code="BENCH", name="Bench", by=BY, now=now)
            hypercare.add_member(project=project, user_id=person.pk, by=BY, now=now)
            for number in range(OPEN):
                hypercare.report_incident(project=project, title=f"Incident {number}", by=BY, now=now)
        url = f"/api/v1/projects/{project.pk}/hypercare/incidents"
        with running(Path(folder), LOG_LEVEL="ERROR", **unhurried) as product:
            call = Caller(product, tenant, secret)
            for _ in range(REQUESTS):  # every thread has its connection then
                call("GET", f"{url}?page_size=20")
            held, times = {0: connections()}, {0: [], 1: [], MANY: []}
            for turn in range(TURNS):
                for count in (0, 1, MANY) if turn % 2 else (MANY, 1, 0):
                    with listeners(product, tenant, call, count):
                        time.sleep(1)  # what opening them costs is not the question
                        held.setdefault(count, connections())
                        times[count] += [
                            timed(lambda: call("GET", f"{url}?page_size=20")) for _ in range(REQUESTS)
                        ]
            waits = late(product, tenant, call, url)

    def per_second(count: int) -> float:
        return 1000 / median(times[count])

    return [
        Row("database connections with 1 stream open / with none", held[1], held[0] + 1, unit="count"),
        Row(f"database connections with {MANY} streams open / with 1", held[MANY], held[1], unit="count"),
        Row("list of 20 beside 1 open stream / beside none", per_second(1), per_second(0), unit="1/s"),
        Row(
            f"list of 20 beside {MANY} open streams / beside none",
            per_second(MANY),
            per_second(0),
            unit="1/s",
        ),
        Row(f"from the answer to the last of {MANY} streams, median / goal", median(waits), 1000),
        Row(f"from the answer to the last of {MANY} streams, p99 / goal", quantiles(waits, n=100)[98], 1000),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", nargs=4)
    given = parser.parse_args().listen
    if given:
        listen(*given)
    else:
        show(main())
