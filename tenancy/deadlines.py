"""The one clock: whoever needs to be woken writes a Deadline; the sweep wakes them.

Lock order: the handler locks its subject first, the deadline goes after it. So the sweep holds one advisory
lock per tenant (several sweepers share the tenants, never one tenant) and reads what is due without row
locks: a service that holds a subject and schedules never meets a sweep that holds the deadline (ADR 0005).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F

from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_tenant, entering
from tenancy.models import Deadline, Tenant
from tenancy.rules import backoff_seconds
from tenancy.states import TenantState
from tenancy.transactions import atomic, emit
from tenancy.wake import wake

logger = logging.getLogger(__name__)

SWEEPER = Actor.system("sweep")
_ADVISORY_CLASS = 7101


@dataclass(frozen=True, slots=True)
class Due:
    """What a handler is told: reread `subject`, do nothing if it moved on."""

    kind: str
    subject: str
    due_at: datetime


Handler = Callable[[Due, Actor, datetime], None]
_handlers: dict[str, Handler] = {}


def register(kind: str, handler: Handler) -> None:
    """Say who handles `kind`; for AppConfig.ready(). Raises ValueError on a second handler."""
    if kind in _handlers:
        raise ValueError(f"deadline kind {kind!r} has a handler already")
    _handlers[kind] = handler


def kinds() -> frozenset[str]:
    return frozenset(_handlers)


def schedule(*, kind: str, subject: str, due_at: datetime) -> None:
    """Wake `kind`'s handler about `subject` of the current tenant at `due_at`. The same twice is one.

    Raises LookupError for a kind nobody handles, RuntimeError outside a transaction.
    """
    if kind not in _handlers:
        raise LookupError(f"no handler for deadline kind {kind!r}")
    if not connection.in_atomic_block:
        raise RuntimeError("a deadline is written in the transaction of what it watches")
    row = Deadline(tenant=current_tenant(), kind=kind, subject=subject, due_at=due_at, wake_at=due_at)
    Deadline.objects.bulk_create([row], ignore_conflicts=True)


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
        for row in sorted(batch, key=lambda row: (row.subject, row.due_at)):
            _fire(row, now=now, counts=counts)
    total.fired += counts.fired
    total.failed += counts.failed
    total.dead += counts.dead


def _fire(row: Deadline, *, now: datetime, counts: Swept) -> None:
    try:
        with atomic():
            handler = _handlers.get(row.kind)
            if handler is None:
                raise LookupError(f"no handler for deadline kind {row.kind!r}")
            handler(Due(row.kind, row.subject, row.due_at), SWEEPER, now)
            Deadline.objects.filter(pk=row.pk).delete()
        counts.fired += 1
    except (
        Exception
    ) as error:  # a poison row must not stop the others; it is stored, logged and in the end dead
        if connection.needs_rollback or connection.connection is None or connection.connection.closed:
            raise
        counts.failed += 1
        counts.dead += _back_off(row, error, now=now)


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
    return dead


def replay(*, deadline: Deadline, reason: str, by: Actor, now: datetime) -> bool:
    """Give a dead deadline all its tries again. False if it is not dead (any more)."""
    with atomic():
        rows = Deadline.objects.filter(pk=deadline.pk, dead_at__isnull=False)
        if not rows.update(dead_at=None, attempts=0, wake_at=now):
            return False
        data = {"tenant": deadline.tenant_id, "kind": deadline.kind, "reason": reason}
        emit("deadline.replayed", f"deadline:{deadline.pk}", by=by, now=now, data=data, schema=PUBLIC)
        wake("sweep")
    return True
