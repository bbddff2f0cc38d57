"""A database of a module's own, for tests that must commit, and what a schema looks like to PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.conf import settings
from django.db import connection, connections

from tenancy.context import entering_schema


def _server_does(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


def _use(name: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = name


@contextmanager
def own_database(*, empty: bool) -> Iterator[None]:
    """Work in a new database, empty or a copy of the run's template; it is dropped afterwards."""
    before = connection.settings_dict["NAME"]
    name = f"test_{uuid4().hex[:12]}"
    connections.close_all()
    # Not of this worker's copy: a thread that outlives its test may still be connected to that.
    template = "template0" if empty else before.rpartition("_")[0]
    _server_does(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    _use(name)
    try:
        yield
    finally:
        _use(before)
        _server_does(f'DROP DATABASE "{name}" WITH (FORCE)')


CATALOGUE = {
    "tables": """
        SELECT relname, relkind, relpersistence, relreplident, reloptions, obj_description(oid, 'pg_class')
          FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relkind <> 'i'""",
    "columns": """
        SELECT table_name, row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position), column_name,
               data_type, udt_schema, udt_name, character_maximum_length, numeric_precision, numeric_scale,
               replace(column_default, %(schema)s || '.', ''), is_nullable, is_identity, identity_generation,
               is_generated, generation_expression, collation_name
          FROM information_schema.columns WHERE table_schema = %(schema)s""",
    "constraints": """
        SELECT conname, contype, conrelid::regclass::text, confrelid::regclass::text, condeferrable, condeferred,
               convalidated, replace(pg_get_constraintdef(oid), %(schema)s || '.', '')
          FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace""",
    "indexes": """
        SELECT tablename, indexname, replace(indexdef, %(schema)s || '.', '')
          FROM pg_indexes WHERE schemaname = %(schema)s""",
    "sequences": """
        SELECT c.relname, s.seqtypid::regtype::text, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle,
               d.deptype, d.refobjid::regclass::text, a.attname, pg_sequence_last_value(c.oid)
          FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
          LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
          LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE c.relnamespace = %(schema)s::regnamespace""",
    "triggers": """
        SELECT t.tgname, c.relname, t.tgenabled, t.tgfoid::regproc::text,
               replace(pg_get_triggerdef(t.oid), %(schema)s || '.', '')
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE c.relnamespace = %(schema)s::regnamespace AND NOT t.tgisinternal""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace""",
    "migrations": "SELECT app, name FROM django_migrations",
    "journal head": "SELECT id, seq, hash FROM journal_eventhead",
}


def catalogue(schema: str) -> dict[str, list[tuple[object, ...]]]:
    """All that PostgreSQL knows about a schema, and the rows that migrations put there, without its name."""
    found = {}
    with entering_schema(schema), connection.cursor() as cursor:
        for what, query in CATALOGUE.items():
            cursor.execute(query, {"schema": schema})
            found[what] = sorted(cursor.fetchall(), key=repr)
    return found
