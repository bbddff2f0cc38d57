"""Answers kept under an Idempotency-Key, so that a request that comes again is answered again and not done again."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from tenancy.actors import Actor
from tenancy.context import in_tenant
from tenancy.errors import Contradiction, InProgress
from tenancy.journal.models import IdempotencyRecord
from tenancy.models import KeptAnswer, OperatorIdempotencyRecord

LOCK_NOT_AVAILABLE = "55P03"

# Waits for whoever holds the key uncommitted. A record that is still valid is locked and not returned.
_CLAIM = """
INSERT INTO {table} AS kept (id, actor, key, digest, status, headers, body, created_at)
VALUES (%s, %s, %s, %s, NULL, '{{}}', '', %s)
ON CONFLICT (actor, key) DO UPDATE
   SET digest = EXCLUDED.digest, status = NULL, headers = '{{}}', body = '', created_at = EXCLUDED.created_at
 WHERE kept.created_at < %s
RETURNING id
"""


def _records() -> type[KeptAnswer]:
    """The table of the host that this thread works for: a tenant's own, or the public host's."""
    return IdempotencyRecord if in_tenant() else OperatorIdempotencyRecord


def claim(*, key: str, digest: str, by: Actor, now: datetime) -> KeptAnswer:
    """The record of `by`'s request under `key`, in the caller's transaction.

    Its `status` is None when nobody has done the work: the caller does it and calls `keep`. Otherwise it is the
    answer of before. While another transaction holds the key this waits, no longer than lock_timeout.

    Raises Contradiction when the key belongs to a request with another digest, InProgress after lock_timeout (the
    transaction is spoilt then), RuntimeError outside a transaction.
    """
    records = _records()
    if not connection.in_atomic_block:
        raise RuntimeError("a key is claimed in the transaction of what it protects")
    actor = f"{by.kind.value}:{by.user_id}"
    expired = now - timedelta(hours=settings.THRESHOLDS.retention.IDEMPOTENCY_HOURS)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                _CLAIM.format(table=records._meta.db_table), [uuid7(), actor, key, digest, now, expired]
            )
            claimed = cursor.fetchone()
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        text = _("A request with this Idempotency-Key is being worked on. Please try again in a moment.")
        raise InProgress(text, code="idempotency_in_progress") from error
    if claimed:
        mine = records(actor=actor, key=key, digest=digest, created_at=now)
        mine.pk = claimed[0]
        return mine
    record = records._default_manager.get(actor=actor, key=key)
    if record.digest != digest:
        text = _("This Idempotency-Key was used for another request. A new request needs a new key.")
        raise Contradiction(text, code="idempotency_key_reused")
    return record


def keep(record: KeptAnswer, *, status: int, headers: Mapping[str, str], body: str) -> None:
    """Store the answer that a repeat gets, in the transaction that claimed `record`."""
    rows = type(record)._default_manager.filter(pk=record.pk)
    rows.update(status=status, headers=dict(headers), body=body)


def expire_records(*, before: datetime) -> int:
    """Delete the records of this host made before `before`, at most retention.BATCH of them; how many those were."""
    records = _records()._default_manager
    old = records.filter(created_at__lt=before).order_by("created_at")
    batch = old.values("pk")[: settings.THRESHOLDS.retention.BATCH]
    deleted, _by_model = records.filter(pk__in=batch).delete()
    return deleted
