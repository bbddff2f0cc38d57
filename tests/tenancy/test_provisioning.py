"""Spare schemas: equal to migrated ones, claimed once, refilled once, and never in anybody's way."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from tenancy import provisioning
from tenancy.actors import Actor
from tenancy.chains import verify
from tenancy.context import PUBLIC, current_schema, entering_schema
from tenancy.errors import Conflict, NotFound
from tenancy.journal.models import Event
from tenancy.models import SchemaTemplate, SpareSchema
from tenancy.transactions import atomic, emit
from tests.tenancy.databases import catalogue, own_database

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
SYSTEM = Actor.system("tests")


@pytest.fixture(scope="module", autouse=True)
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), own_database(empty=False):
        yield


@pytest.fixture
def spares() -> None:
    provisioning.prepare_spares(count=2, now=NOW)


def claimed(name: str) -> str:
    with transaction.atomic():
        return provisioning.claim(name)


def migrated(name: str) -> str:
    provisioning._execute("CREATE SCHEMA {}", name)
    provisioning.run_migrations(name)
    return name


def schemas() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace")
        return {name for (name,) in cursor.fetchall()}


def at_once(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work` in threads that start together, each with a connection of its own."""
    together = Barrier(number)

    def run(index: int) -> Any:
        try:
            connection.ensure_connection()
            together.wait(10)
            return work(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_a_claimed_schema_is_what_migrating_makes(spares):
    claimed("t_replayed")
    plain = catalogue(migrated("t_plain"))
    assert catalogue("t_replayed") == plain
    assert all(
        plain[what] for what in ("tables", "columns", "constraints", "indexes", "sequences", "triggers")
    )


def test_it_works_on_its_own_rows_alone(spares):
    claimed("t_works")
    with entering_schema("t_works"):
        with atomic():
            emit("test.happened", "test:1", by=SYSTEM, now=NOW)
        assert verify("t_works") == 1
        with pytest.raises(DatabaseError, match=r"t_works\.journal_event is append-only"):
            Event.objects.update(verb="test.bent")
        MigrationRecorder(connection).record_applied("tests", "0001_its_own_sequence")
        with transaction.atomic(), pytest.raises(IntegrityError), transaction.atomic():
            connection.cursor().execute("INSERT INTO journal_eventhead (id, seq, hash) VALUES (2, 0, '')")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence('t_works.django_migrations', 'id')")
        assert cursor.fetchone() == ("t_works.django_migrations_id_seq",)


def test_a_claim_takes_a_spare_and_stores_its_hash(spares):
    before = SpareSchema.objects.count()
    assert claimed("t_takes") == provisioning.leaf_hash(shared=False)
    assert SpareSchema.objects.count() == before - 1
    assert "t_takes" in schemas()
    assert current_schema() == PUBLIC


def test_a_claim_that_is_rolled_back_gives_the_spare_back(spares):
    before = set(SpareSchema.objects.values_list("name", flat=True))
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        provisioning.claim("t_undone")
        1 / 0  # noqa: B018
    assert set(SpareSchema.objects.values_list("name", flat=True)) == before
    assert "t_undone" not in schemas() >= before


def test_claims_at_once_never_get_the_same_spare():
    provisioning.prepare_spares(count=4, now=NOW)
    before = schemas()
    inside = Barrier(4)

    def claim(index: int) -> None:
        with transaction.atomic():
            provisioning.claim(f"t_race{index}")
            inside.wait(10)  # all four hold theirs before the first commits

    at_once(4, claim)
    assert {f"t_race{index}" for index in range(4)} <= schemas()
    assert len(schemas()) == len(before)
    assert not SpareSchema.objects.exists()


def test_without_a_spare_one_is_built(spares):
    for row in SpareSchema.objects.all():
        provisioning._drop_spare(row.pk)
    claimed("t_built")
    claimed("t_built_too")
    assert catalogue("t_built") == catalogue("t_built_too")
    assert not SpareSchema.objects.exists()


def test_a_spare_of_other_migrations_is_not_claimed_but_replaced(spares):
    SpareSchema.objects.update(leaf_hash="0" * 64)
    old = set(SpareSchema.objects.values_list("name", flat=True))
    claimed("t_current")
    assert set(SpareSchema.objects.values_list("name", flat=True)) == old
    assert provisioning.prepare_spares(count=1, now=NOW) == 1
    assert not old & schemas()
    assert SpareSchema.objects.get().leaf_hash == provisioning.leaf_hash(shared=False)


def test_a_taken_name_is_a_conflict_and_costs_no_spare(spares):
    claimed("t_once")
    before = SpareSchema.objects.count()
    with pytest.raises(Conflict):
        claimed("t_once")
    assert SpareSchema.objects.count() == before


@pytest.mark.parametrize("name", ["public", "pg_toast", "information_schema", "", "t" * 64])
def test_names_that_are_no_tenants_are_refused(name):
    with pytest.raises(ValueError, match="no name of a tenant's schema"):
        claimed(name)
    with pytest.raises(ValueError, match="no name of a tenant's schema"):
        provisioning.drop_schema(name)


def test_a_name_is_an_identifier_whatever_is_in_it(spares):
    name = 't"; DROP SCHEMA public CASCADE; --'
    claimed(name)
    assert {name, "public"} <= schemas()


def test_a_claim_needs_a_transaction():
    with pytest.raises(RuntimeError):
        provisioning.claim("t_none")


def test_only_what_a_row_holds_is_dropped(spares):
    connection.cursor().execute("CREATE SCHEMA somebody_elses")
    with pytest.raises(NotFound):
        provisioning.drop_schema("somebody_elses")
    spare = SpareSchema.objects.first()
    provisioning.drop_schema(spare.name)
    assert "somebody_elses" in schemas()
    assert spare.name not in schemas()
    spare.delete()


def test_two_that_refill_at_once_make_what_was_asked_for():
    for row in SpareSchema.objects.all():
        provisioning._drop_spare(row.pk)
    made = at_once(2, lambda _index: provisioning.prepare_spares(count=3, now=NOW))
    assert sum(made) == SpareSchema.objects.count() == 3
    assert provisioning.prepare_spares(count=3, now=NOW) == 0


def test_what_a_killed_process_left_is_dropped():
    connection.cursor().execute(
        "CREATE SCHEMA spare_0123456789abcdef; CREATE SCHEMA template_0123456789abcdef"
    )
    provisioning.prepare_spares(count=1, now=NOW)
    assert not {"spare_0123456789abcdef", "template_0123456789abcdef"} & schemas()


def test_without_pg_dump_spares_are_migrated(monkeypatch, tmp_path):
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    template = SchemaTemplate.objects.get()
    template.delete()
    count = SpareSchema.objects.count() + 1
    assert provisioning.prepare_spares(count=count, now=NOW) == 1
    assert not SchemaTemplate.objects.exists()
    made = catalogue(SpareSchema.objects.latest("pk").name)
    SchemaTemplate.objects.bulk_create([template])
    provisioning.prepare_spares(count=count + 1, now=NOW)
    assert made == catalogue(SpareSchema.objects.latest("pk").name)


def test_a_pg_dump_that_fails_says_why(tmp_path, caplog):
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'aborting because of server version mismatch' >&2; exit 1\n")
    program.chmod(0o755)
    assert provisioning._dump(str(program), "t_any") is None
    assert "server version mismatch" in caplog.text


def test_in_a_transaction_without_a_template_a_claim_migrates():
    with transaction.atomic():
        SchemaTemplate.objects.all().delete()
        SpareSchema.objects.all().delete()
        provisioning.claim("t_in_one")
        structure = catalogue("t_in_one")
        assert current_schema() == PUBLIC
        transaction.set_rollback(True)
    claimed("t_by_replay")
    assert catalogue("t_by_replay") == structure
    assert "t_in_one" not in schemas()


def test_only_noise_is_taken_from_a_dump():
    dump = r"""--
-- it's a comment
\restrict abc
SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA scratch;
INSERT INTO scratch.t VALUES ('it''s
-- data
SET x = 1;
');
SELECT pg_catalog.setval('scratch.t_id_seq', 1, true);
\unrestrict abc
"""
    name = provisioning._PLACEHOLDER
    assert provisioning.plain_sql(dump, "scratch").split("\n") == [
        f"CREATE SCHEMA {name};",
        f"INSERT INTO {name}.t VALUES ('it''s",
        "-- data",
        "SET x = 1;",
        "');",
        f"SELECT pg_catalog.setval('{name}.t_id_seq', 1, true);",
    ]


@pytest.mark.parametrize("dump", [f"SELECT '{provisioning._PLACEHOLDER}'", "SELECT 'never ends"])
def test_a_dump_that_cannot_be_trusted_is_refused(dump):
    with pytest.raises(ValueError, match="the dump"):
        provisioning.plain_sql(dump, "scratch")


def test_the_two_hashes_differ_and_ask_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        shared, tenants = provisioning.leaf_hash(shared=True), provisioning.leaf_hash(shared=False)
    assert shared != tenants
    assert len(shared) == len(tenants) == 64
