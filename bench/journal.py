"""Sixteen writers of one tenant, each transaction some work and one journal line; beside it the same with a
line in no chain, and with none.

`python -m project.embedded -- python -m bench.journal`. Works in a database of its own; the writers are spread
over processes, so that Python's lock is not what is measured. `--write` is such a process.
"""

import argparse
import itertools
import json
import logging
import os
import subprocess
import sys
import threading
import time
from statistics import median
from typing import Any
from uuid import uuid4

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bench.deliveries import environment
from bench.measure import Row, show
from bench.tenants import BY, create, spares
from hypercare import services as hypercare
from hypercare.models import Program
from tenancy.chains import verify
from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.models import Tenant
from tenancy.transactions import _inserted, atomic, emit
from tests.tenancy.databases import own_database

PROCESSES, THREADS = 4, 4
WORKS_MS = (20, 50)  # at 20 two cores have no time left, at 50 they have
SECONDS = 3
ROUNDS = 7
_seq = itertools.count(os.getpid() * 10**9)  # of lines in no chain: only different


def line(program: object, count: int, way: str) -> None:
    """Write the line as `way` says: "chain", "line" (the same row, in no chain), "none"."""
    if way == "chain":
        emit("bench.done", f"program:{program}", by=BY, now=timezone.now(), data={"n": count})
    elif way == "line":
        with connection.cursor() as cursor:
            fields = {
                "actor_kind": BY.kind,
                "actor_name": BY.name,
                "verb": "bench.line",
                "data": {"n": count},
            }
            event = Event(
                seq=next(_seq), at=timezone.now(), subject=f"program:{program}", key_id="-", **fields
            )
            cursor.execute(*_inserted([event]))


def write(tenant: Tenant, program: object, ends: float, done: list[int], *, way: str, work: float) -> None:
    """Transactions until `ends`: an UPDATE, `work` seconds, and the line."""
    count = 0
    with entering(tenant):
        while time.time() < ends:
            with atomic():
                Program.objects.filter(pk=program).update(name=f"Bench {count}")
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(%s)", [work])
                line(program, count, way)
            count += 1
    connection.close()
    done.append(count)


def process(slug: str, *, way: str, work: float) -> None:
    """THREADS writers, each with a row of its own, from the time on that stdin gives once we are ready; prints how
    many transactions they committed.
    """
    tenant = Tenant.objects.get(slug=slug)
    now, done = timezone.now(), []
    with entering(tenant):
        rows = [
            hypercare.create_program(code=f"B{uuid4().hex[:12].upper()}", name="Bench", by=BY, now=now).pk
            for _ in range(THREADS)
        ]
    print("ready", flush=True)
    starts = float(sys.stdin.readline())
    time.sleep(max(0.0, starts - time.time()))
    threads = [
        threading.Thread(
            target=write, args=(tenant, row, starts + SECONDS, done), kwargs={"way": way, "work": work}
        )
        for row in rows
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(sum(done)))


def rate(slug: str, way: str, work_ms: int) -> float:
    """Transactions a second of all writers."""
    command = [
        sys.executable,
        "-m",
        "bench.journal",
        "--write",
        slug,
        "--way",
        way,
        "--work-ms",
        str(work_ms),
    ]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, env=environment({"smtp": 0}), **pipes) for _ in range(PROCESSES)]
    streams = [(one.stdin, one.stdout) for one in running]
    for stdin, stdout in streams:
        assert stdin
        assert stdout
        assert stdout.readline() == "ready\n"
    starts = time.time() + 0.5
    for stdin, _ in streams:
        print(starts, file=stdin, flush=True)
    return sum(json.loads(one.communicate()[0]) for one in running) / SECONDS


def main() -> list[Row]:
    """Measure in turn, and prove the chain that came of it."""
    logging.disable(logging.ERROR)
    with own_database(empty=True):
        call_command("migrate", verbosity=0)
        spares(1)
        tenant = create()
        rates: dict[tuple[int, str], list[float]] = {
            (work, way): [] for work in WORKS_MS for way in ("chain", "line", "none")
        }
        for _ in range(ROUNDS):
            for (work, way), found in rates.items():
                found.append(rate(tenant.slug, way, work))
        with entering(tenant), connection.cursor() as cursor:
            # the lines in no chain go, as a superuser could have it, and the chain is proven
            cursor.execute("ALTER TABLE journal_event DISABLE TRIGGER ALL")
            cursor.execute("DELETE FROM journal_event WHERE key_id = '-'")
        links = verify(tenant.schema_name)
        with entering(tenant):
            lines = Event.objects.filter(verb="bench.done").count()
        print(f"{lines} lines of {PROCESSES * THREADS} writers; {links} links hold")
    shown = []
    for work in WORKS_MS:
        chain, loose, none = (median(rates[work, way]) for way in ("chain", "line", "none"))
        writers = f"{PROCESSES * THREADS} writers of {work} ms"
        shown.append(Row(f"{writers}: a line in the chain / in none", chain, loose, unit="1/s"))
        shown.append(Row(f"{writers}: a line in the chain / no line", chain, none, unit="1/s"))
    return shown


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", metavar="SLUG")
    parser.add_argument("--way", default="chain")
    parser.add_argument("--work-ms", type=int, default=WORKS_MS[0])
    options = parser.parse_args()
    if options.write:
        process(options.write, way=options.way, work=options.work_ms / 1000)
    else:
        show(main())
