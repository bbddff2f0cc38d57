"""Answers kept under an Idempotency-Key, so that a request that comes again is answered again and not done again."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import Contradiction, InProgress
from tenancy.journal.models import IdempotencyRecord

LOCK_NOT_AVAILABLE = "55P03"

# Waits for whoever holds the key uncommitted. A record that is still valid is locked and not returned.
_CLAIM = """
INSERT INTO journal_idempotencyrecord AS kept (id, actor, key, digest, status, headers, body, created_at)
VALUES (%s, %s, %s, %s, NULL, '{}', '', %s)
ON CONFLICT (actor, key) DO UPDATE
   SET digest = EXCLUDED.digest, status = NULL, headers = '{}', body = '', created_at = EXCLUDED.created_at
 WHERE kept.created_at < %s
RETURNING id
"""


def claim(*, key: str, digest: str, by: Actor, now: datetime) -> IdempotencyRecord:
    """The record of `by`'s request under `key`, in the caller's transaction.

    Its `status` is None when nobody has done the work: the caller does it and calls `keep`. Otherwise it is the
    answer of before. While another transaction holds the key this waits, no longer than lock_timeout.

    Raises Contradiction when the key belongs to a request with another digest, InProgress after lock_timeout (the
    transaction is spoilt then), NoTenant in public, RuntimeError outside a transaction.
    """
    current_tenant()
    if not connection.in_atomic_block:
        raise RuntimeError("a key is claimed in the transaction of what it protects")
    actor = f"{by.kind.value}:{by.user_id}"
    expired = now - timedelta(hours=settings.THRESHOLDS.retention.IDEMPOTENCY_HOURS)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, [uuid7(), actor, key, digest, now, expired])
            claimed = cursor.fetchone()
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        text = _("A request with this Idempotency-Key is being worked on. Please try again in a moment.")
        raise InProgress(text, code="idempotency_in_progress") from error
    if claimed:
        return IdempotencyRecord(pk=claimed[0], actor=actor, key=key, digest=digest, created_at=now)
    record = IdempotencyRecord.objects.get(actor=actor, key=key)
    if record.digest != digest:
        text = _("This Idempotency-Key was used for another request. A new request needs a new key.")
        raise Contradiction(text, code="idempotency_key_reused")
    return record


def keep(record: IdempotencyRecord, *, status: int, headers: Mapping[str, str], body: str) -> None:
    """Store the answer that a repeat gets, in the transaction that claimed `record`."""
    rows = IdempotencyRecord.objects.filter(pk=record.pk)
    rows.update(status=status, headers=dict(headers), body=body)


def expire_records(*, before: datetime) -> int:
    """Delete this tenant's records made before `before`, at most retention.BATCH of them; how many those were."""
    old = IdempotencyRecord.objects.filter(created_at__lt=before).order_by("created_at")
    batch = old.values("pk")[: settings.THRESHOLDS.retention.BATCH]
    deleted, _by_model = IdempotencyRecord.objects.filter(pk__in=batch).delete()
    return deleted
