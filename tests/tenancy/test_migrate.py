"""`migrate`: one query when there is nothing to do; else public, then who lags; a failed one stops nobody."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from project.thresholds import with_values
from tenancy import provisioning, services
from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_schema, entering_schema
from tenancy.models import Domain, Flag, SpareSchema, Tenant
from tenancy.transactions import atomic, emit
from tests.tenancy.databases import catalogue, own_database

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
SYSTEM = Actor.system("tests")
SLUGS = ("one", "two", "three")

JOURNAL = ("event", "eventpersonal", "eventhead", "idempotencyrecord")
LATER = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("journal", "0003_scope_base_idempotency")]
    operations = [migrations.AddField("EventPersonal", "note", models.CharField(max_length=9, default=""))]
"""


def migrate(*args: str, **options: Any) -> str:
    said = StringIO()
    call_command("migrate", *args, stdout=said, **{"verbosity": 1, "spares": False, **options})
    assert current_schema() == PUBLIC
    return said.getvalue()


def columns(schema: str) -> set[Any]:
    return {row[2] for row in catalogue(schema)["columns"] if row[0] == "journal_eventpersonal"}


def structure(schema: str) -> dict[str, Any]:
    """The catalogue without where its sequences stand: that tells how often a migration was tried."""
    found = catalogue(schema)
    return {**found, "sequences": [row[:-1] for row in found["sequences"]]}


@pytest.fixture(scope="module", autouse=True)
def first_install(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock(), own_database(empty=True):
        said = migrate(spares=True)
        for slug in SLUGS:
            services.create_tenant(slug=slug, name=slug, by=SYSTEM, now=NOW)
        yield said


@pytest.fixture
def one_migration_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The code of the next release: the journal has one migration more. Afterwards the old code is rolled back to."""
    package = tmp_path / "next_release"
    package.mkdir()
    (package / "__init__.py").touch()
    for old in Path(sys.modules["tenancy.journal"].__path__[0], "migrations").glob("0*.py"):
        (package / old.name).write_text(old.read_text())
    (package / "0004_note.py").write_text(LATER)
    monkeypatch.syspath_prepend(tmp_path)
    hashes = dict(Tenant.objects.values_list("schema_name", "leaf_hash"))
    with override_settings(MIGRATION_MODULES={"journal": "next_release"}):
        provisioning._leaves.cache_clear()
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "next_release"]:
        del sys.modules[name]
    provisioning._leaves.cache_clear()
    with connection.cursor() as cursor:
        for schema in provisioning.schemas(lagging=False) or []:
            if schema != PUBLIC:
                cursor.execute(f"ALTER TABLE {schema}.journal_eventpersonal DROP COLUMN IF EXISTS note")
            cursor.execute(f"DELETE FROM {schema}.django_migrations WHERE name = '0004_note'")
            Tenant.objects.filter(schema_name=schema).update(leaf_hash=hashes[schema])


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Somebody else holds the table."""
    with psycopg.connect(
        connection.connection.info.dsn, password=connection.connection.info.password
    ) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")  # type: ignore[call-overload]
        yield
        other.rollback()


def test_the_first_install_makes_public_its_rows_and_spares(first_install):
    public = Tenant.objects.get(schema_name=PUBLIC)
    assert public.leaf_hash == provisioning.leaf_hash(shared=True)
    assert Domain.objects.filter(tenant=public).exists()
    assert Flag.objects.exists()
    assert "Spare schemas made: 3" in first_install
    with entering_schema(PUBLIC), connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.tenancy_tenant'), to_regclass('public.journal_event')")
        assert cursor.fetchone() == ("tenancy_tenant", None)


def test_nothing_to_migrate_is_one_query():
    with CaptureQueriesContext(connection) as asked:
        assert migrate() == "Nothing to migrate.\n"
    statements = [query["sql"] for query in asked if not query["sql"].startswith("SET search_path")]
    assert len(statements) == 1
    assert "leaf_hash" in statements[0]
    assert migrate(check_unapplied=True) == "Nothing to migrate.\n"


def test_a_purged_tenant_is_not_migrated_and_a_suspended_one_is():
    gone = services.create_tenant(slug="gone", name="gone", by=SYSTEM, now=NOW)
    services.suspend_tenant(tenant=gone, reason="left", by=SYSTEM, now=NOW)
    provisioning.record(gone.schema_name, current=False)
    assert provisioning.schemas(lagging=True) == ["t_gone"]
    services.purge_tenant(tenant=gone, typed_slug="gone", by=SYSTEM, now=NOW)
    assert provisioning.schemas(lagging=True) == []
    assert provisioning.schemas(lagging=False) == [PUBLIC, *sorted(f"t_{slug}" for slug in SLUGS)]


def test_an_additive_migration_reaches_all_and_one_held_tenant_is_named(one_migration_more, settings):
    settings.THRESHOLDS = with_values(settings.THRESHOLDS, {"provisioning.LOCK_TIMEOUT_MS": 50})
    with pytest.raises(CommandError, match="Not migrated: t_one, t_three, t_two"):
        migrate(check_unapplied=True)
    with (
        locked("t_two.journal_eventpersonal"),
        pytest.raises(CommandError, match=r"1 of 3 tenants failed: t_two$"),
    ):
        migrate(jobs=1)
    assert "note" in columns("t_one") & columns("t_three")
    assert "note" not in columns("t_two")
    assert provisioning.schemas(lagging=True) == ["t_two"]
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)

    assert migrate().splitlines()[-1] == "t_two: up to date"
    assert "note" in columns("t_two")
    assert migrate() == "Nothing to migrate.\n"


def test_a_lock_that_ends_costs_a_try(one_migration_more, settings, caplog):
    settings.THRESHOLDS = with_values(settings.THRESHOLDS, {"provisioning.LOCK_TIMEOUT_MS": 50})
    held = locked("t_one.journal_eventpersonal")
    held.__enter__()

    class Release:
        """Lets go when the first try has failed."""

        def filter(self, record: Any) -> bool:
            if "a lock is held" in record.getMessage():
                held.__exit__(None, None, None)
            return True

    release = Release()
    provisioning.logger.addFilter(release)
    try:
        migrate(tenant="one")
    finally:
        provisioning.logger.removeFilter(release)
    assert "note" in columns("t_one")
    assert "t_one: a lock is held, try 1 of 3" in caplog.text
    assert "t_one" not in (provisioning.schemas(lagging=True) or [])


def test_spares_follow_the_code(one_migration_more):
    migrate(spares=True)
    assert set(SpareSchema.objects.values_list("leaf_hash", flat=True)) == {
        provisioning.leaf_hash(shared=False)
    }
    assert all("note" in columns(name) for name in SpareSchema.objects.values_list("name", flat=True))
    seven = services.create_tenant(slug="seven", name="seven", by=SYSTEM, now=NOW)
    assert catalogue("t_seven")["indexes"] == catalogue("t_one")["indexes"]
    assert columns("t_seven") == columns("t_one")
    services.suspend_tenant(tenant=seven, reason="over", by=SYSTEM, now=NOW)
    services.purge_tenant(tenant=seven, typed_slug="seven", by=SYSTEM, now=NOW)


def test_many_go_to_processes_and_a_broken_one_stops_no_other(settings):
    settings.THRESHOLDS = with_values(settings.THRESHOLDS, {"provisioning.IN_PROCESS": 2})
    before = structure("t_one")
    with connection.cursor() as cursor:
        for slug in SLUGS:
            tables = ", ".join(f"t_{slug}.journal_{name}" for name in JOURNAL)
            cursor.execute(
                f"DROP TABLE {tables}; DELETE FROM t_{slug}.django_migrations WHERE app = 'journal'"
            )
        cursor.execute("CREATE TABLE t_two.journal_event ()")
    Tenant.objects.exclude(schema_name=PUBLIC).update(leaf_hash="0" * 64)

    with pytest.raises(CommandError, match=r"1 of 3 tenants failed: t_two$"):
        migrate(jobs=2)
    assert provisioning.schemas(lagging=True) == ["t_two"]
    assert structure("t_one") == before

    connection.cursor().execute("DROP TABLE t_two.journal_event")
    assert migrate() == "t_two: up to date\n"
    assert structure("t_two") == before


def test_all_repairs_whatever_the_hash_says():
    connection.cursor().execute(
        "DROP TABLE t_three.journal_eventpersonal; DELETE FROM t_three.django_migrations WHERE app = 'journal';"
        "DROP TABLE t_three.journal_event, t_three.journal_eventhead, t_three.journal_idempotencyrecord"
    )
    assert migrate() == "Nothing to migrate.\n"
    assert migrate(all=True, verbosity=1).endswith(
        "t_one: up to date\nt_three: up to date\nt_two: up to date\n"
    )
    assert structure("t_three") == structure("t_one")


def test_django_and_its_test_runner_call_it_with_their_own_words(capsys):
    assert migrate(run_syncdb=True, database="default", interactive=False, verbosity=0) == ""
    assert migrate("journal", plan=True, tenant="one", verbosity=2) == "t_one: done\n"
    assert "No planned migration operations" in capsys.readouterr().out
    assert provisioning.schemas(lagging=True) == []
    migrate("journal", tenant="one")
    assert provisioning.schemas(lagging=True) == ["t_one"]
    migrate(shared=True)
    assert provisioning.schemas(lagging=True) == ["t_one"]
    assert migrate() == "t_one: up to date\n"


def test_an_unknown_tenant_is_refused():
    with pytest.raises(CommandError, match="no tenant 'nobody'"):
        migrate(tenant="nobody")


def verify(**options: Any) -> str:
    said = StringIO()
    call_command("verify_journal", stdout=said, stderr=said, **options)
    return said.getvalue()


def test_verify_journal_names_the_first_bad_link():
    with entering_schema("t_two"), atomic():
        for number in range(3):
            emit("test.happened", f"test:{number}", by=SYSTEM, now=NOW)
    assert verify(tenant="two") == "two: 3 links hold\n"
    assert "links hold" in verify(operators=True)
    assert verify(all=True).count("links hold") == 1 + len(SLUGS)

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE t_two.journal_event DISABLE TRIGGER ALL")
        cursor.execute("UPDATE t_two.journal_event SET verb = 'test.bent' WHERE seq = 2")
        cursor.execute("DELETE FROM t_three.journal_eventhead")
    said = StringIO()
    with pytest.raises(CommandError, match="Broken: three, two"):
        call_command("verify_journal", all=True, stdout=said, stderr=said)
    assert "two: broken at seq 2:" in said.getvalue()
    assert "three:" in said.getvalue()
    assert "one: 0 links hold" in said.getvalue()
