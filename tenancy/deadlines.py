"""The one clock: whoever needs to be woken writes a Deadline; the sweep wakes them.

Lock order: the handler locks its subject first, the deadline goes after it. So the sweep holds one advisory
lock per tenant (several sweepers share the tenants, never one tenant) and reads what is due without row
locks: a service that holds a subject and schedules never meets a sweep that holds the deadline (ADR 0005).
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection
from django.db.models import F

from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_tenant, entering
from tenancy.deliveries import alarm
from tenancy.models import Deadline, Tenant
from tenancy.permissions import require
from tenancy.rules import backoff_seconds
from tenancy.states import TenantState
from tenancy.transactions import atomic, emit, write_last
from tenancy.wake import wake

logger = logging.getLogger(__name__)

SWEEPER = Actor.system("sweep")
_ADVISORY_CLASS = 7101  # not tunable: a name, among advisory locks


@dataclass(frozen=True, slots=True)
class Due:
    """What a handler is told: reread `subject`, do nothing if it moved on."""

    kind: str
    subject: str
    due_at: datetime


Handler = Callable[[Sequence[Due], Actor, datetime], None]
Derive = Callable[[], Iterable[tuple[str, datetime]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """Who carries out a kind's deadlines, and what tells which there should be."""

    handler: Handler
    derive: Derive


_kinds: dict[str, Kind] = {}


def register(kind: str, handler: Handler, *, derive: Derive) -> None:
    """Say who handles `kind`; for AppConfig.ready(). Raises ValueError on a second handler.

    The handler gets all of one tenant's that are due, in the order of their subjects, and works on them in one
    go; if it raises, it is asked again with fewer, in the end with one. `derive` gives, inside a tenant, subject
    and time of every deadline that should wait there: what `rebuild` restores.
    """
    if kind in _kinds:
        raise ValueError(f"deadline kind {kind!r} has a handler already")
    _kinds[kind] = Kind(handler, derive)


def kinds() -> frozenset[str]:
    return frozenset(_kinds)


def schedule(*, kind: str, subject: str, due_at: datetime) -> None:
    """Wake `kind`'s handler about `subject` of the current tenant at `due_at`. The same twice is one.

    Raises LookupError for a kind nobody handles, RuntimeError outside a transaction.
    """
    if kind not in _kinds:
        raise LookupError(f"no handler for deadline kind {kind!r}")
    write_last(Deadline(tenant=current_tenant(), kind=kind, subject=subject, due_at=due_at, wake_at=due_at))


@dataclass(slots=True)
class Swept:
    """Counts of one sweep."""

    fired: int = 0
    failed: int = 0
    dead: int = 0


_DUE = """
SELECT d.tenant_id FROM tenancy_deadline d JOIN tenancy_tenant t ON t.id = d.tenant_id
 WHERE d.dead_at IS NULL AND d.wake_at <= %s AND t.state = %s
 ORDER BY d.wake_at LIMIT %s
"""


def due_tenants(*, now: datetime) -> list[Tenant]:
    """Active tenants with something due, the longest waiting first. One index probe when there is nothing."""
    # Spelled out: this runs all day, and compiling it costs more than asking.
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [now, TenantState.ACTIVE, settings.THRESHOLDS.sweep.BATCH])
        order = list(dict.fromkeys(pk for (pk,) in cursor.fetchall()))
    if not order:
        return []
    found = Tenant.objects.in_bulk(order)
    return [found[pk] for pk in order]


_PRESSING = """
SELECT EXISTS (
    SELECT FROM pg_locks
     WHERE locktype = 'advisory' AND classid = %s AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
) OR EXISTS (
    SELECT FROM tenancy_deadline d JOIN tenancy_tenant t ON t.id = d.tenant_id
     WHERE d.dead_at IS NULL AND d.wake_at <= %s AND t.state = %s)
"""


def pressing(*, now: datetime) -> bool:
    """Whether deadlines are being carried out, or have waited for two sweeps: the sweepers want the processors."""
    late = now - 2 * timedelta(seconds=settings.THRESHOLDS.sweep.EVERY_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(_PRESSING, [_ADVISORY_CLASS, late, TenantState.ACTIVE])
        found: bool = cursor.fetchone()[0]
    return found


def sweep(*, clock: Callable[[], datetime]) -> Swept:
    """Carry out what is due, one transaction per tenant, until nothing is left that can be done now.

    A tenant whose transaction fails is logged and left for the next sweep; the others go on.
    """
    total = Swept()
    while tenants := due_tenants(now=clock()):
        progress = total.fired + total.failed
        for tenant in tenants:
            try:
                with entering(tenant):
                    sweep_tenant(tenant, now=clock(), total=total)
            except DatabaseError:
                if connection.connection is None or connection.connection.closed:
                    raise
                logger.exception("sweep of tenant %s failed", tenant.slug)
        if total.fired + total.failed == progress:
            break  # other sweepers have these tenants, or their transactions fail
    return total


def sweep_tenant(tenant: Tenant, *, now: datetime, total: Swept) -> None:
    """Carry out what is due in `tenant` (already entered): a savepoint per row, one commit for all."""
    counts = Swept()
    with atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_ADVISORY_CLASS, tenant.pk])
            if not cursor.fetchone()[0]:
                return
        due = Deadline.objects.filter(tenant=tenant, dead_at__isnull=True, wake_at__lte=now)
        batch = list(due.order_by("wake_at")[: settings.THRESHOLDS.sweep.BATCH])
        batch.sort(key=lambda row: (row.kind, row.subject, row.due_at))
        for _kind, rows in groupby(batch, key=lambda row: row.kind):
            _fire(list(rows), now=now, counts=counts)
    total.fired += counts.fired
    total.failed += counts.failed
    total.dead += counts.dead


def _fire(rows: list[Deadline], *, now: datetime, counts: Swept) -> None:
    """Carry out `rows` of one kind together; if that fails, each half by itself, down to the one at fault."""
    error = _carried_out(rows, now=now)
    if error is None:
        counts.fired += len(rows)
    elif len(rows) == 1:
        counts.failed += 1
        counts.dead += _back_off(rows[0], error, now=now)
    else:
        half = len(rows) // 2
        _fire(rows[:half], now=now, counts=counts)
        _fire(rows[half:], now=now, counts=counts)


def _carried_out(rows: list[Deadline], *, now: datetime) -> Exception | None:
    """What went wrong, with nothing done then. Raises what makes the connection unusable."""
    try:
        with atomic(savepoint=True):
            kind = _kinds.get(rows[0].kind)
            if kind is None:
                raise LookupError(f"no handler for deadline kind {rows[0].kind!r}")
            kind.handler([Due(row.kind, row.subject, row.due_at) for row in rows], SWEEPER, now)
            # Not delete(), which first reads them once more: nothing hangs on a deadline.
            Deadline.objects.filter(pk__in=[row.pk for row in rows])._raw_delete(DEFAULT_DB_ALIAS)
    except Exception as error:  # a poison row must not stop the others
        if connection.needs_rollback or connection.connection is None or connection.connection.closed:
            raise
        return error
    return None


def _back_off(row: Deadline, error: Exception, *, now: datetime) -> bool:
    limits = settings.THRESHOLDS.sweep
    attempts = row.attempts + 1
    dead = attempts >= limits.MAX_ATTEMPTS
    wait = backoff_seconds(attempts, base=limits.BACKOFF_SECONDS, cap=limits.MAX_BACKOFF_SECONDS)
    why = f"{type(error).__name__}: {error}"
    Deadline.objects.filter(pk=row.pk).update(
        attempts=F("attempts") + 1,
        last_error=why[:2000],
        wake_at=now + timedelta(seconds=wait),
        dead_at=now if dead else None,
    )
    logger.error("deadline %s failed (%s of %s)", row, attempts, limits.MAX_ATTEMPTS, exc_info=error)
    if dead:
        data = {"tenant": row.tenant_id, "kind": row.kind, "subject": row.subject, "attempts": attempts}
        emit("deadline.dead", f"deadline:{row.pk}", by=SWEEPER, now=now, data=data, schema=PUBLIC)
        alarm(now=now)
    return dead


def replay(*, deadline: Deadline, reason: str, by: Actor, now: datetime) -> bool:
    """Give a dead deadline all its tries again. False if it is not dead (any more). Raises NotAllowed."""
    require(by, "deadline.replay")
    with atomic():
        rows = Deadline.objects.filter(pk=deadline.pk, dead_at__isnull=False)
        if not rows.update(dead_at=None, attempts=0, wake_at=now):
            return False
        data = {"tenant": deadline.tenant_id, "kind": deadline.kind, "reason": reason}
        emit("deadline.replayed", f"deadline:{deadline.pk}", by=by, now=now, data=data, schema=PUBLIC)
        wake("sweep")
    return True


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What `rebuild` did: rows added, rows taken away."""

    added: int
    removed: int


def rebuild(*, tenant: Tenant, by: Actor, now: datetime) -> Rebuilt:
    """Make the deadlines of `tenant` (already entered) those that its subjects ask for.

    For after a restore or a bug. One that is there keeps its attempts, a dead one stays dead; one whose subject
    asks for nothing goes; those of a kind that nobody handles are left for a person.
    """
    with atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_ADVISORY_CLASS, tenant.pk])
        wanted = {(name, *each) for name, kind in _kinds.items() for each in kind.derive()}
        there = {
            (row.kind, row.subject, row.due_at): row.pk
            for row in Deadline.objects.filter(tenant=tenant, kind__in=_kinds)
        }
        missing = [
            Deadline(tenant=tenant, kind=kind, subject=subject, due_at=due_at, wake_at=due_at)
            for kind, subject, due_at in wanted - there.keys()
        ]
        surplus = [pk for key, pk in there.items() if key not in wanted]
        write_last(*missing)
        Deadline.objects.filter(pk__in=surplus).delete()
        data = {"tenant": tenant.pk, "added": len(missing), "removed": len(surplus)}
        emit("deadlines.rebuilt", f"tenant:{tenant.pk}", by=by, now=now, data=data, schema=PUBLIC)
        wake("sweep")
    return Rebuilt(len(missing), len(surplus))
