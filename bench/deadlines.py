"""The sweep: idle, and with one deadline due in each of many tenants.

`python -m project.embedded -- python -m bench.deadlines [--tenants 500]`. Works in a database of its own.
"""

import argparse
import logging
from datetime import timedelta
from statistics import median

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bench.measure import Row, show, timed
from bench.tenants import BY, create, spares
from hypercare import services as hypercare
from hypercare.models import Incident
from hypercare.services.clocks import WARNING_KINDS
from tenancy import deadlines, services
from tenancy.context import entering
from tenancy.models import Deadline, Delivery, Tenant
from tests.tenancy.databases import own_database

FEW = 10
ROUNDS = 200


def idle() -> float:
    return median(timed(lambda: deadlines.sweep(clock=timezone.now)) for _ in range(ROUNDS))


def probe() -> float:
    """The limit: one look at an index that has nothing due."""

    def look() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tenant_id FROM tenancy_deadline WHERE dead_at IS NULL AND wake_at <= now() LIMIT 1"
            )
            cursor.fetchone()

    return median(timed(look) for _ in range(ROUNDS))


def every_tenant() -> float:
    """The plain way: ask each tenant's own table whether anything is due."""

    def ask() -> None:
        for tenant in Tenant.objects.exclude(schema_name="public"):
            with entering(tenant):
                Incident.objects.open().breached(timezone.now()).exists()

    return median(timed(ask) for _ in range(3))


def overdue(tenant: Tenant, person_id: int) -> None:
    """One incident of `tenant` whose first response has been due for a minute."""
    now = timezone.now()
    with entering(tenant):
        program = hypercare.create_program(code="BENCH", name="Bench", by=BY, now=now)
        project = hypercare.create_project(program=program, code="BENCH", name="Bench", by=BY, now=now)
        hypercare.add_member(project=project, user_id=person_id, by=BY, now=now)
        hypercare.report_incident(
            project=project, title="Down", severity="P1", by=BY, now=now - timedelta(minutes=61)
        )


def update_one_table(rows: int) -> float:
    """The limit of carrying them out: the same number of rows of one shared table, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE due AS SELECT generate_series(1, %s) AS id, false AS done", [rows])
        return timed(lambda: cursor.execute("UPDATE due SET done = true"))


def main(tenants: int = 500) -> list[Row]:
    """Measure all of it and check that each breach was recorded and is told once."""
    logging.disable(logging.ERROR)
    with own_database(empty=True):
        call_command("migrate", verbosity=0)
        spares(tenants)
        made = [create() for _ in range(FEW)]
        few = idle()
        made += [create() for _ in range(tenants - FEW)]
        many, limit, plain = idle(), probe(), every_tenant()
        person = services.create_user(
            email="agent@bench.example",
            name="Bench",
            password=None,
            language="en",
            time_zone="UTC",
            by=BY,
            now=timezone.now(),
        )
        for tenant in made:
            services.add_member(tenant=tenant, user=person, role="agent", by=BY, now=timezone.now())
            overdue(tenant, person.pk)
        # Whoever is overdue in life was warned before.
        Deadline.objects.filter(kind__in=WARNING_KINDS.values(), wake_at__lte=timezone.now()).delete()
        due = Deadline.objects.filter(wake_at__lte=timezone.now()).count()
        claimed = timed(lambda: deadlines.due_tenants(now=timezone.now()))
        carried_out = timed(lambda: deadlines.sweep(clock=timezone.now))
        assert due == tenants == Delivery.objects.count(), (due, Delivery.objects.count())
        shared = update_one_table(tenants)
    return [
        Row(f"idle sweep at {tenants} tenants / ask each / index probe", many, limit, plain),
        Row(f"idle sweep at {tenants} / at {FEW} tenants", many, few),
        Row(f"{due} due in {tenants} tenants: find them / one UPDATE", claimed, shared),
        Row(f"{due} due in {tenants} tenants: recorded, journaled, mail queued", carried_out, shared),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=500)
    show(main(parser.parse_args().tenants))
