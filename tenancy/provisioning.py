"""Schemas: prepared ahead of time, claimed by rename, migrated when they lag, dropped.

A tenant's schema is never migrated from nothing while somebody waits. One scratch schema is migrated, its dump
is kept as SQL, spares are made by replaying it, and a new tenant gets one by rename (ADR 10). Not django-tenants'
clone: it renames named unique constraints.
"""

import json
import logging
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from hashlib import sha256
from multiprocessing import get_context
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_tenants.routers import TenantSyncRouter
from psycopg import sql
from psycopg.errors import DuplicateSchema, LockNotAvailable, UndefinedTable

from tenancy.context import PUBLIC, entering_schema
from tenancy.errors import Conflict, NotFound
from tenancy.models import SchemaTemplate, SpareSchema, Tenant
from tenancy.states import TenantState

logger = logging.getLogger(__name__)

_ADVISORY_CLASS = 7102  # not tunable: a name, among advisory locks
_SPARES, _MIGRATE = 1, 2  # not tunable: names, as above
_LONGEST = 63  # not tunable: bytes; PostgreSQL cuts longer names off
_OURS = "^(template|spare)_[0-9a-f]{16}$"
_PLACEHOLDER = "the_tenants_schema_5d1c0f9e"


# ---- which migrations the code has ------------------------------------------------------------------------------


@cache
def _leaves() -> list[tuple[str, str]]:
    return sorted(MigrationLoader(None).graph.leaf_nodes())


def leaf_hash(*, shared: bool) -> str:
    """Hex SHA-256 of the last migrations of the shared or of the tenants' apps. Asks no database."""
    apps = settings.SHARED_APPS if shared else settings.TENANT_APPS
    router = TenantSyncRouter()
    return sha256(
        json.dumps([leaf for leaf in _leaves() if router.app_in_list(leaf[0], apps)]).encode()
    ).hexdigest()


# ---- spare schemas ------------------------------------------------------------------------------------------------


def prepare_spares(*, count: int, now: datetime) -> int:
    """Fill up to `count` spare schemas of the code's migrations, drop those of others, and return how many were made.

    Returns 0 at once while another process does it. Call it outside a transaction: inside one the template, which
    pg_dump reads, cannot be made, and each spare is migrated.
    """
    with entering_schema(PUBLIC), _advisory_lock(_SPARES, wait=False) as mine:
        if not mine:
            return 0
        current = leaf_hash(shared=False)
        _drop_orphans()
        for pk in SpareSchema.objects.exclude(leaf_hash=current).values_list("pk", flat=True):
            _drop_spare(pk)
        lacking = count - SpareSchema.objects.filter(leaf_hash=current).count()
        if lacking <= 0:
            return 0
        _make_template(now=now)
        for _number in range(lacking):
            name = _build()
            SpareSchema.objects.create(name=name, leaf_hash=current, created_at=now)
        return lacking


_TAKE = """
DELETE FROM tenancy_spareschema
 WHERE id = (SELECT id FROM tenancy_spareschema WHERE leaf_hash = %s ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING name
"""


def claim(schema_name: str) -> str:
    """Give a spare schema this name, in the caller's transaction, and return the leaf hash of its migrations.

    Two claims never get the same one; when there is none, one is built on the spot (140 ms).
    Raises Conflict if the name is taken, ValueError for one that is no tenant's, RuntimeError outside a transaction.
    """
    _check_name(schema_name)
    if not connection.in_atomic_block:
        raise RuntimeError("a schema is claimed in the transaction of its tenant")
    current = leaf_hash(shared=False)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [current])
        taken = cursor.fetchone()
    if not taken:
        logger.warning("no spare schema for %s: building one", schema_name)
    spare = taken[0] if taken else _build()
    try:
        with transaction.atomic():
            _execute("ALTER SCHEMA {} RENAME TO {}", spare, schema_name)
    except ProgrammingError as error:
        if isinstance(error.__cause__, DuplicateSchema):
            raise Conflict(_("There is a schema of this name already."), code="schema_exists") from error
        raise
    return current


def drop_schema(name: str) -> None:
    """Drop a tenant's or a spare's schema with all that is in it.

    Raises ValueError for a schema of PostgreSQL's or public, NotFound for one that no tenant or spare has.
    """
    _check_name(name)
    held = Tenant.objects.filter(schema_name=name).exists() or SpareSchema.objects.filter(name=name).exists()
    if not held:
        raise NotFound(_("No tenant has this schema."))
    _drop(name)


def _check_name(name: str) -> None:
    reserved = name.startswith("pg_") or name in (PUBLIC, "information_schema")
    if reserved or not name or len(name.encode()) > _LONGEST:
        raise ValueError(f"{name!r} is no name of a tenant's schema")


def _execute(statement: str, *names: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _drop(name: str) -> None:
    _execute("DROP SCHEMA IF EXISTS {} CASCADE", name)


def _drop_spare(pk: int) -> None:
    with transaction.atomic():
        spare = SpareSchema.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if spare:
            _drop(spare.name)
            spare.delete()


def _drop_orphans() -> None:
    """Drop what a killed process left between making a schema and its row; only under the spares' lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname ~ %s"
            " AND NOT EXISTS (SELECT FROM tenancy_spareschema WHERE name = nspname)",
            [_OURS],
        )
        orphans = [name for (name,) in cursor.fetchall()]
    for name in orphans:
        logger.warning("dropping %s, left by a process that died", name)
        _drop(name)


@contextmanager
def _advisory_lock(number: int, *, wait: bool) -> Iterator[bool]:
    """Hold one of this module's locks, or with `wait=False` yield False while another session does."""
    with connection.cursor() as cursor:
        function = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
        cursor.execute(f"SELECT {function}(%s, %s)", [_ADVISORY_CLASS, number])
        held = wait or cursor.fetchone()[0]
    try:
        yield held
    finally:
        if held and connection.is_usable():  # a lost session has lost its locks
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_ADVISORY_CLASS, number])


# ---- building one -----------------------------------------------------------------------------------------------


def _build() -> str:
    """Make a schema with the tenants' tables under a name of its own: by the template's SQL, else by migrating."""
    name = f"spare_{secrets.token_hex(8)}"
    template = SchemaTemplate.objects.filter(leaf_hash=leaf_hash(shared=False)).first()
    if template:
        with connection.cursor() as cursor:
            cursor.execute(template.sql.replace(_PLACEHOLDER, name))  # many statements, one transaction
    else:
        _execute("CREATE SCHEMA {}", name)
        run_migrations(name)
    return name


def _make_template(*, now: datetime) -> None:
    current = leaf_hash(shared=False)
    if connection.in_atomic_block or SchemaTemplate.objects.filter(leaf_hash=current).exists():
        return
    program = shutil.which("pg_dump", path=os.environ.get("PG_BIN"))
    if program is None:
        logger.warning(
            "pg_dump is neither in PG_BIN nor in PATH: each spare schema is migrated, which is slower"
        )
        return
    scratch = f"template_{secrets.token_hex(8)}"
    _execute("CREATE SCHEMA {}", scratch)
    try:
        run_migrations(scratch)
        dump = _dump(program, scratch)
    finally:
        _drop(scratch)
    if dump:
        SchemaTemplate.objects.create(leaf_hash=current, sql=plain_sql(dump, scratch), created_at=now)
        most = settings.THRESHOLDS.provisioning.KEPT_TEMPLATES
        kept = SchemaTemplate.objects.order_by("-created_at").values("pk")[:most]
        SchemaTemplate.objects.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()


def _dump(program: str, schema: str) -> str | None:
    """The schema as SQL; None, and a logged reason, if pg_dump fails (an older one refuses a newer server)."""
    connection.ensure_connection()
    info = connection.connection.info  # its dsn has no password
    done = subprocess.run(  # noqa: S603  # our program, and names of ours
        [program, f"--dbname={info.dsn}", f"--schema={schema}", "--inserts", "--no-owner", "--no-privileges"],
        env={**os.environ, "PGPASSWORD": info.password},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        logger.error("pg_dump failed, each spare schema is migrated instead: %s", done.stderr.strip())
        return None
    return done.stdout


_NOISE = re.compile(
    r"--.*|\\(un)?restrict .*|SET \w+ = [^;]*;|SELECT pg_catalog\.set_config\('search_path', '', false\);|"
)
_CONDITION = re.compile(r" *(ADD )?CONSTRAINT |CREATE (UNIQUE )?INDEX ")
# PostgreSQL prints `state IN ('a', 'b')` on a varchar so that reading it gives another expression than the one
# printed: equal in meaning, but not the one that migrating makes.
_PRINTED_IN = re.compile(
    r"""\((\w+|"[^"]+")\)::text (= ANY|<> ALL) """
    r"""\(\(ARRAY\[((?:'(?:[^']|'')*'::character varying(?:, )?)+)\]\)::text\[\]\)"""
)


def plain_sql(dump: str, schema: str) -> str:
    """What of a pg_dump of `schema` builds it anew, with a placeholder for its name.

    Without psql's commands and without what would change the session. Lines inside a quoted value are data and
    stay. `schema` is a random name, so that replacing it hits nothing else. Raises ValueError for any other dump.
    """
    if _PLACEHOLDER in dump:
        raise ValueError(f"the dump holds {_PLACEHOLDER}")
    kept, quoted = [], False
    for line in dump.split("\n"):
        if not quoted and _NOISE.fullmatch(line):
            continue
        kept.append(_PRINTED_IN.sub(_as_written, line) if not quoted and _CONDITION.match(line) else line)
        quoted ^= line.count("'") % 2 == 1
    if quoted:
        raise ValueError("the dump ends inside a quoted value")
    return "\n".join(kept).replace(schema, _PLACEHOLDER)


def _as_written(printed: re.Match[str]) -> str:
    column, operator, values = printed.groups()
    return (
        f"{column} {'IN' if operator == '= ANY' else 'NOT IN'} ({values.replace('::character varying', '')})"
    )


# ---- migrating --------------------------------------------------------------------------------------------------


def run_migrations(schema: str, **options: Any) -> None:
    """Django's own `migrate` with its `options`, in `schema`; the connection returns to where it was."""
    with entering_schema(schema):
        if schema != PUBLIC:
            # Its own table of applied migrations, or Django would find the one in public.
            wrapper: Any = connection  # django_tenants' own, which the stubs do not know
            wrapper.set_schema(schema, include_public=False)
            MigrationRecorder(connection).ensure_schema()
            wrapper.set_schema(schema)
            if not options.get("app_label"):
                _pass_over_publics()
        call_command(DjangoMigrate(), **{"interactive": False, "verbosity": 0, **options})


def _pass_over_publics() -> None:
    """Record the migrations of the apps that public alone holds: they do nothing here, and to play them takes long."""
    recorder, router = MigrationRecorder(connection), TenantSyncRouter()
    applied = recorder.applied_migrations()
    keys: set[tuple[str, str]] = set()
    for key, migration in MigrationLoader(None).graph.nodes.items():
        if not router.app_in_list(key[0], settings.TENANT_APPS):
            keys |= {key, *migration.replaces}
    recorder.migration_qs.bulk_create(
        recorder.Migration(app=app, name=name) for app, name in sorted(keys - applied.keys())
    )


def schemas(*, lagging: bool) -> list[str] | None:
    """Schemas that exist, or those whose migrations are not the code's: public first. Asks one query.

    None before the first migration.
    """
    public = Q(schema_name=PUBLIC)
    rows = Tenant.objects.exclude(state=TenantState.PURGED)
    if lagging:
        rows = rows.filter(public | ~Q(leaf_hash=leaf_hash(shared=False)))
    try:
        found = dict(rows.order_by("slug").values_list("schema_name", "leaf_hash"))
    except ProgrammingError as error:
        if isinstance(error.__cause__, UndefinedTable):
            return None
        raise
    stored = found.pop(PUBLIC, None)
    behind = not lagging or stored != leaf_hash(shared=True)
    return [*([PUBLIC] if behind else []), *found]


def record(schema: str, *, current: bool) -> None:
    """Store that `schema` has all migrations of the code, or that nobody knows."""
    Tenant.objects.filter(schema_name=schema).update(
        leaf_hash=leaf_hash(shared=schema == PUBLIC) if current else ""
    )


@contextmanager
def one_migration_at_a_time() -> Iterator[None]:
    """Wait until no other process migrates this database: two replicas that start together both try."""
    with _advisory_lock(_MIGRATE, wait=True):
        yield


def migrate_schema(schema: str, options: Mapping[str, Any], *, stores: bool) -> None:
    """Bring one schema up to date and, if it `stores`, record it. Waits for a lock 5 s, three times.

    Raises what the migration raises.
    """
    tries = settings.THRESHOLDS.provisioning.LOCK_TRIES
    for attempt in range(1, tries + 1):
        try:
            with _lock_timeout(settings.THRESHOLDS.provisioning.LOCK_TIMEOUT_MS):
                run_migrations(schema, **options)
            break
        except OperationalError as error:
            if attempt == tries or not isinstance(error.__cause__, LockNotAvailable):
                raise
            logger.warning("%s: a lock is held, try %s of %s", schema, attempt, tries)
    if stores:
        record(schema, current=True)


def migrate_all(
    names: Sequence[str], options: Mapping[str, Any], *, stores: bool, jobs: int
) -> Iterator[tuple[str, str]]:
    """Migrate tenants' schemas and yield each with what went wrong, or "". A failed one stops no other.

    More than a handful go to `jobs` processes. Each is recorded on its own: a run that was cut goes on where it was.
    """
    if jobs <= 1 or len(names) <= settings.THRESHOLDS.provisioning.IN_PROCESS:
        for name in names:
            yield name, _try(name, options, stores)
        return
    database = connection.settings_dict["NAME"]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=django.setup) as pool:
        running = {pool.submit(_try_in_child, database, name, options, stores): name for name in names}
        for future in as_completed(running):
            try:
                yield running[future], future.result()
            except BrokenExecutor:
                yield running[future], "the process that migrated it died"


def _try_in_child(database: str, schema: str, options: Mapping[str, Any], stores: bool) -> str:
    connection.settings_dict["NAME"] = database  # a test's is not the one in settings
    return _try(schema, options, stores)


def _try(schema: str, options: Mapping[str, Any], stores: bool) -> str:
    try:
        migrate_schema(schema, options, stores=stores)
    except Exception as error:  # whatever a migration raises, it is logged, named, and the others go on
        logger.exception("migrating %s failed", schema)
        return f"{type(error).__name__}: {error}"
    return ""


@contextmanager
def _lock_timeout(milliseconds: int) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [str(milliseconds)])
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
