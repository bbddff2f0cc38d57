"""Creating, entering and purging tenants, few and many, and a deploy with nothing to migrate.

`python -m project.embedded -- python -m bench.tenants [--tenants 1000]`. Works in a database of its own.
"""

import argparse
import logging
from io import StringIO
from itertools import count
from statistics import median
from uuid import uuid4

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from bench.measure import Row, show, timed
from tenancy import provisioning, services
from tenancy.actors import Actor
from tenancy.models import Segment, Tenant
from tests.tenancy.databases import own_database

BY = Actor.system("bench")
PASSWORD = "correct horse battery"
FAST_HASH = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # else a login measures PBKDF2 and nothing else
FEW = 10
ROUNDS = 20
_numbers = count(1)


def claim() -> None:
    with transaction.atomic():
        provisioning.claim(f"b_{next(_numbers)}")


def migrate_one() -> None:
    name = f"b_{next(_numbers)}"
    provisioning._execute("CREATE SCHEMA {}", name)
    provisioning.run_migrations(name)


def insert() -> None:
    Segment.objects.create(key=uuid4().hex, name="bench")


def create() -> Tenant:
    slug = f"bench{next(_numbers)}"
    return services.create_tenant(slug=slug, name=slug, by=BY, now=timezone.now())


def purge(tenant: Tenant) -> None:
    services.purge_tenant(tenant=tenant, typed_slug=tenant.slug, by=BY, now=timezone.now())


def spares(number: int) -> None:
    provisioning.prepare_spares(count=number, now=timezone.now())


def login(tenant: Tenant, email: str) -> None:
    client = Client(headers={"host": f"{tenant.slug}.{settings.BASE_HOST}"})
    answer = client.post(
        "/admin/login/",
        {"username": email, "password": PASSWORD, "next": "/admin/"},
        secure=settings.SECURE_SSL_REDIRECT,
    )
    assert answer.status_code == 302, answer.content[:300]
    assert settings.SESSION_COOKIE_NAME in client.cookies


def deploy() -> None:
    said = StringIO()
    call_command("migrate", stdout=said, spares=False)
    assert said.getvalue() == "Nothing to migrate.\n"


def one_query() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def creation() -> tuple[float, float, float]:
    """Medians of claim, migrate and INSERT, taken in turn; migrating in every fourth round."""
    claims, migrations, inserts = [], [], []
    spares(ROUNDS)
    for number in range(ROUNDS):
        claims.append(timed(claim))
        inserts.append(timed(insert))
        if number % 4 == 0:
            migrations.append(timed(migrate_one))
    return median(claims), median(migrations), median(inserts)


def life() -> dict[str, float]:
    """Medians of create, login, purge and an idle deploy with the tenants that there are now."""
    spares(ROUNDS)
    made: list[Tenant] = []
    times: dict[str, list[float]] = {"create": [], "login": [], "purge": [], "deploy": [], "query": []}
    for _ in range(ROUNDS):
        times["create"].append(timed(lambda: made.append(create())))
    for tenant in made:
        email = f"{tenant.slug}@example.com"
        person = services.create_user(
            email=email,
            name="Bench",
            password=PASSWORD,
            language="en",
            time_zone="UTC",
            by=BY,
            now=timezone.now(),
        )
        services.add_member(tenant=tenant, user=person, role="agent", by=BY, now=timezone.now())
        login(tenant, email)  # the first on a host fills its cache; the second is what people feel
        times["login"].append(timed(lambda: login(tenant, email)))  # noqa: B023  # called at once
        times["deploy"].append(timed(deploy))
        times["query"].append(timed(one_query))
    for tenant in made:
        services.suspend_tenant(tenant=tenant, reason="bench", by=BY, now=timezone.now())
        times["purge"].append(timed(lambda: purge(tenant)))  # noqa: B023  # called at once
    return {what: median(values) for what, values in times.items()}


def locks_of_a_drop() -> tuple[int, int]:
    """Locks that dropping one schema takes, and how many the server has."""
    with transaction.atomic(), connection.cursor() as cursor:
        tenant = Tenant.objects.exclude(schema_name="public").filter(state="active").first()
        assert tenant
        provisioning.drop_schema(tenant.schema_name)
        cursor.execute("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()")
        held = cursor.fetchone()[0]
        cursor.execute(
            "SELECT current_setting('max_locks_per_transaction')::int"
            " * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)"
        )
        room = cursor.fetchone()[0]
        transaction.set_rollback(True)
    return held, room


def main(tenants: int = 1000) -> list[Row]:
    """Measure all of it and print what else is worth knowing."""
    logging.disable(logging.WARNING)
    with own_database(empty=True), override_settings(PASSWORD_HASHERS=FAST_HASH):
        first = timed(lambda: call_command("migrate", verbosity=0))
        claims, migrations, inserts = creation()
        for _ in range(FEW):
            create()
        few = life()
        spares(tenants - FEW)
        grown = timed(lambda: [create() for _ in range(tenants - FEW)])
        many = life()
        held, room = locks_of_a_drop()
    print(f"first install {first / 1000:.1f} s; {tenants - FEW} tenants created in {grown / 1000:.1f} s")
    print(f"dropping one schema holds {held} locks; the server has room for {room}")
    return [
        Row("a tenant's schema: claim / migrate / INSERT", claims, inserts, migrations),
        Row(f"create a tenant at {tenants} / migrate / at {FEW}", many["create"], few["create"], migrations),
        Row(f"login at {tenants} / at {FEW}", many["login"], few["login"]),
        Row(f"purge at {tenants} / at {FEW}", many["purge"], few["purge"]),
        Row(f"deploy, nothing to migrate, {tenants} tenants / SELECT 1", many["deploy"], many["query"]),
        Row(f"deploy, nothing to migrate, at {tenants} / at {FEW}", many["deploy"], few["deploy"]),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=1000)
    show(main(parser.parse_args().tenants))
