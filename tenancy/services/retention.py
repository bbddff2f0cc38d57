"""What is finished goes after its time: retention.* days of settings.THRESHOLDS."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.db.models import QuerySet

from tenancy.context import PUBLIC, entering
from tenancy.models import Delivery, SecurityCount, Session, Tenant
from tenancy.services.idempotency import expire_records
from tenancy.services.journal import erase_expired_personal
from tenancy.states import DeliveryState, TenantState
from tenancy.transactions import atomic

logger = logging.getLogger(__name__)

Expired = Callable[[datetime], "QuerySet[Any]"]
_registered: dict[str, Expired] = {}


def register_expired(what: str, rows: Expired) -> None:
    """Let `retain` delete `rows(now)` too, which are in public; for AppConfig.ready().

    Raises ValueError when somebody registered `what` already.
    """
    if what in _registered:
        raise ValueError(f"the retention of {what!r} is registered already")
    _registered[what] = rows


def retain(*, now: datetime) -> dict[str, int]:
    """Delete what is older than its retention, in batches; how many rows of what.

    Journal lines stay: `prune_journal` archives them, when somebody decides so. A tenant that fails is logged and
    the others go on.
    """
    limits = settings.THRESHOLDS.retention
    sent = now - timedelta(days=limits.SENT_DELIVERY_DAYS)
    dead = now - timedelta(days=limits.DEAD_DELIVERY_DAYS)
    personal = now - timedelta(days=limits.PERSONAL_DAYS)
    records = now - timedelta(hours=limits.IDEMPOTENCY_HOURS)
    security = now - timedelta(days=limits.SECURITY_COUNT_DAYS)
    counts = {
        "sent deliveries": _delete(Delivery.objects.filter(state=DeliveryState.SENT, sent_at__lt=sent)),
        "moot deliveries": _delete(Delivery.objects.filter(state=DeliveryState.MOOT, moot_at__lt=sent)),
        "dead deliveries": _delete(Delivery.objects.filter(state=DeliveryState.DEAD, dead_at__lt=dead)),
        "security counts": _delete(SecurityCount.objects.filter(minute__lt=security)),
        "sessions": _delete(Session.objects.filter(expire_date__lt=now)),
        "personal parts": erase_expired_personal(before=personal, now=now),
        "idempotency records": _expire_records(before=records),
        **{what: _delete(rows(now)) for what, rows in _registered.items()},
    }
    for tenant in Tenant.objects.exclude(state=TenantState.PURGED).exclude(schema_name=PUBLIC).iterator():
        try:
            with entering(tenant):
                counts["personal parts"] += erase_expired_personal(before=personal, now=now)
                counts["idempotency records"] += _expire_records(before=records)
        except DatabaseError:
            logger.exception("retention in tenant %s failed", tenant.slug)
    return counts


def _expire_records(*, before: datetime) -> int:
    total = 0
    while expired := expire_records(before=before):
        total += expired
    return total


def _delete(rows: "QuerySet[Any]") -> int:
    """Delete `rows` in transactions of retention.BATCH, so that what stops it loses one."""
    total = 0
    while True:
        with atomic():
            batch = list(rows.values_list("pk", flat=True)[: settings.THRESHOLDS.retention.BATCH])
            if not batch:
                return total
            rows.model._default_manager.filter(pk__in=batch).delete()
        total += len(batch)
