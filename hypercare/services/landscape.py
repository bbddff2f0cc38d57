"""How many incidents are open and breached now, in all tenants. Counts alone leave a tenant's schema."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, transaction
from django.db.models import Count, DateTimeField, F, Max, Q, QuerySet, Value
from django.db.models.functions import Cast
from psycopg.errors import LockNotAvailable, UndefinedColumn, UndefinedTable
from psycopg.sql import Identifier

from hypercare.models import Incident, IncidentQuerySet
from hypercare.states import Severity
from tenancy.context import PUBLIC
from tenancy.models import Tenant
from tenancy.states import TenantState

_UNREADABLE = (UndefinedTable, UndefinedColumn, LockNotAvailable)

Take = Callable[[tuple[Any, ...]], None]
"""Takes one row that was counted: the tenant's key, and what the statement has."""


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


@dataclass(slots=True)
class Load:
    """A tenant's incidents: open by severity, breached among them, reported since a moment, the last one ever."""

    open: dict[str, int]
    breached: int = 0
    reported: int = 0
    last_at: datetime | None = None


def landscape(*, now: datetime) -> Landscape:
    """What is breached at `now` in every active tenant, by deadlines and not by what a sweep recorded.

    Works in public, one statement per console.LANDSCAPE_TENANTS tenants.
    """
    tenants = _active()
    late = (
        Incident.objects.open().breached(now).order_by().values_list("severity").annotate(count=Count("pk"))
    )
    found: dict[int, dict[str, int]] = {}

    def take(row: tuple[Any, ...]) -> None:
        pk, severity, count = row
        found.setdefault(pk, dict.fromkeys(Severity.values, 0))[severity] = count

    unread = _ask_all(tenants, late, take)
    by_pk = {tenant.pk: tenant for tenant in tenants}
    breached = [Breaches(by_pk[pk], counts) for pk, counts in found.items()]
    breached.sort(key=lambda each: ([-each.counts[level] for level in Severity.values], each.tenant.name))
    return Landscape(breached, unread)


def loads(*, now: datetime, since: datetime) -> tuple[dict[int, Load], list[Tenant]]:
    """The load of every active tenant by its key, and those that could not be asked. As cheap as `landscape`."""
    tenants = _active()
    found: dict[int, Load] = {}

    def take(row: tuple[Any, ...]) -> None:
        _add(found.setdefault(row[0], _no_load()), *row[1:])

    unread = _ask_all(tenants, _load_rows(Incident.objects.all(), now, since), take)
    silent = {tenant.pk for tenant in unread}
    return {
        tenant.pk: found.get(tenant.pk, _no_load()) for tenant in tenants if tenant.pk not in silent
    }, unread


def load_of(incidents: IncidentQuerySet, *, now: datetime, since: datetime) -> Load:
    """The load of `incidents` of the current tenant."""
    load = _no_load()
    for row in _load_rows(incidents, now, since):
        _add(load, *row)
    return load


def _no_load() -> Load:
    return Load(dict.fromkeys(Severity.values, 0))


def _load_rows(incidents: IncidentQuerySet, now: datetime, since: datetime) -> "QuerySet[Incident, Any]":
    """Rows of (severity, open, breached, nothing) and one of ("", reported since, 0, the last): both read an index."""
    never = Cast(Value(None), DateTimeField())
    late = Count("pk", filter=incidents.is_breached(now))
    rows = incidents.open().order_by().annotate(what=F("severity")).values_list("what")
    every = incidents.order_by().annotate(what=Value("")).values_list("what")
    recent = Count("pk", filter=Q(created_at__gte=since))
    return rows.annotate(many=Count("pk"), late=late, at=never).union(
        every.annotate(many=recent, late=Value(0), at=Max("created_at")), all=True
    )


def _add(load: Load, what: str, many: int, late: int, at: datetime | None) -> None:
    if what:
        load.open[what] = many
        load.breached += late
    else:
        load.reported, load.last_at = many, at


def _active() -> list[Tenant]:
    active = Tenant.objects.exclude(schema_name=PUBLIC).filter(state=TenantState.ACTIVE)
    return list(active.order_by("name", "pk"))


def _ask_all(tenants: Sequence[Tenant], counting: "QuerySet[Incident, Any]", take: Take) -> list[Tenant]:
    """Have `take` take what `counting` counts in each of `tenants`; returns those that cannot be read."""
    unread: list[Tenant] = []
    at_once = settings.THRESHOLDS.console.LANDSCAPE_TENANTS
    for start in range(0, len(tenants), at_once):
        unread += _ask(tenants[start : start + at_once], counting, take)
    return unread


def _ask(tenants: Sequence[Tenant], counting: "QuerySet[Incident, Any]", take: Take) -> list[Tenant]:
    """One statement for all; if one of them cannot be read, one for each."""
    try:
        rows = _counted(tenants, counting)
    except DatabaseError as error:
        if not isinstance(error.__cause__, _UNREADABLE):
            raise
        if len(tenants) == 1:
            return list(tenants)
        return [each for tenant in tenants for each in _ask([tenant], counting, take)]
    for row in rows:
        take(row)
    return []


def _counted(tenants: Sequence[Tenant], counting: "QuerySet[Incident, Any]") -> list[tuple[Any, ...]]:
    """The tenant and what `counting` has there: one SELECT of each schema, all in one statement."""
    one, params = counting.query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    parts = [
        f"SELECT %s::bigint, counted.* FROM ({_of(tenant, one)}) counted"  # noqa: S608 - a quoted schema
        for tenant in tenants
    ]
    values = [value for tenant in tenants for value in (tenant.pk, *params)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {settings.THRESHOLDS.console.LANDSCAPE_LOCK_MS}")
        cursor.execute(" UNION ALL ".join(parts), values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _of(tenant: Tenant, statement: str) -> str:
    """`statement`, which reads incidents of the current schema, made to read those of `tenant`."""
    table = connection.ops.quote_name(Incident._meta.db_table)
    schema = Identifier(tenant.schema_name).as_string()
    return statement.replace(f" FROM {table}", f" FROM {schema}.{table}")
