"""How many incidents are breached now, in all tenants. Counts alone leave a tenant's schema."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, transaction
from django.db.models import Count
from psycopg.errors import LockNotAvailable, UndefinedColumn, UndefinedTable
from psycopg.sql import Identifier

from hypercare.models import Incident
from hypercare.states import Severity
from tenancy.context import PUBLIC
from tenancy.models import Tenant
from tenancy.states import TenantState

SCHEMAS_AT_ONCE = 50
"""Tenants that one statement asks. It locks each one's table and indexes until it ends, and PostgreSQL keeps some
thousands of locks for everybody together; planning grows with it too, and a round trip less gains little by then."""
LOCK_WAIT_MS = 200
"""A tenant whose tables a migration holds is left out, and said to be: the board does not wait for it."""

_UNREADABLE = (UndefinedTable, UndefinedColumn, LockNotAvailable)


@dataclass(frozen=True, slots=True)
class Breaches:
    """How many open incidents of a tenant have a breached clock, by severity."""

    tenant: Tenant
    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Landscape:
    """The tenants where something is breached, worst first, and those that could not be asked."""

    breached: list[Breaches]
    unread: list[Tenant]

    @property
    def counts(self) -> dict[str, int]:
        """All tenants together, by severity."""
        found = sum((Counter(each.counts) for each in self.breached), Counter())
        return {level: found[level] for level in Severity.values}

    @property
    def total(self) -> int:
        return sum(each.total for each in self.breached)


def landscape(*, now: datetime) -> Landscape:
    """What is breached at `now` in every active tenant, by deadlines and not by what a sweep recorded.

    Works in public, one statement per SCHEMAS_AT_ONCE tenants.
    """
    active = Tenant.objects.exclude(schema_name=PUBLIC).filter(state=TenantState.ACTIVE)
    tenants = {tenant.pk: tenant for tenant in active.order_by("name", "pk")}
    found: dict[int, dict[str, int]] = {}
    unread: list[Tenant] = []
    everybody = list(tenants.values())
    for start in range(0, len(everybody), SCHEMAS_AT_ONCE):
        unread += _ask(everybody[start : start + SCHEMAS_AT_ONCE], found, now)
    breached = [Breaches(tenants[pk], counts) for pk, counts in found.items()]
    breached.sort(key=lambda each: ([-each.counts[level] for level in Severity.values], each.tenant.name))
    return Landscape(breached, unread)


def _ask(tenants: Sequence[Tenant], found: dict[int, dict[str, int]], now: datetime) -> list[Tenant]:
    """Put the counts of `tenants` into `found`; those that cannot be read are returned, the others are asked alone."""
    try:
        rows = _counts(tenants, now)
    except DatabaseError as error:
        if not isinstance(error.__cause__, _UNREADABLE):
            raise
        if len(tenants) == 1:
            return list(tenants)
        return [each for tenant in tenants for each in _ask([tenant], found, now)]
    for pk, severity, count in rows:
        found.setdefault(pk, dict.fromkeys(Severity.values, 0))[severity] = count
    return []


def _counts(tenants: Sequence[Tenant], now: datetime) -> list[tuple[int, str, int]]:
    """Tenant, severity, how many are breached: one SELECT of each schema, all in one statement."""
    late = (
        Incident.objects.open().breached(now).order_by().values_list("severity").annotate(count=Count("pk"))
    )
    one, params = late.query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    parts = [
        f"SELECT %s::bigint, counted.* FROM ({_of(tenant, one)}) counted"  # noqa: S608 - a quoted schema
        for tenant in tenants
    ]
    values = [value for tenant in tenants for value in (tenant.pk, *params)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
        cursor.execute(" UNION ALL ".join(parts), values)
        rows: list[tuple[int, str, int]] = cursor.fetchall()
    return rows


def _of(tenant: Tenant, statement: str) -> str:
    """`statement`, which reads incidents of the current schema, made to read those of `tenant`."""
    table = connection.ops.quote_name(Incident._meta.db_table)
    schema = Identifier(tenant.schema_name).as_string()
    return statement.replace(f" FROM {table} ", f" FROM {schema}.{table} ")
