"""Signals of somebody trying doors, counted by the minute."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Sum

from tenancy.models import SecurityCount, Tenant
from tenancy.states import Signal
from tenancy.transactions import atomic

logger = logging.getLogger(__name__)


def count_signal(*, signal: Signal, tenant: Tenant, about: Mapping[str, object], now: datetime) -> None:
    """Count one more `signal` and log it with `about`. For edges, outside the transaction that was refused.

    Never raises what the database does: a refusal stays that refusal.
    """
    logger.warning(
        "%s in %s: %s", signal, tenant.slug, ", ".join(f"{key}={value!r}" for key, value in about.items())
    )
    minute = now.replace(second=0, microsecond=0)
    table = connection.ops.quote_name(SecurityCount._meta.db_table)
    try:
        with atomic(savepoint=True), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} AS seen (tenant_id, signal, minute, count) VALUES (%s, %s, %s, 1) "  # noqa: S608
                "ON CONFLICT (tenant_id, signal, minute) DO UPDATE SET count = seen.count + 1",
                [tenant.pk, signal.value, minute],
            )
    except (DatabaseError, InterfaceError):
        logger.exception("%s was not counted", signal)


def security_counts(*, window: timedelta, now: datetime, tenant: Tenant | None = None) -> dict[str, int]:
    """How often each signal was seen in the minutes that began less than `window` before `now`, in `tenant` or in all.

    Every signal has a number, 0 where nothing was seen.
    """
    seen = SecurityCount.objects.filter(minute__gt=now - window, minute__lte=now)
    rows = seen.filter(tenant=tenant) if tenant else seen
    counts = dict(rows.values_list("signal").annotate(Sum("count")))
    return {signal.value: counts.get(signal.value, 0) for signal in Signal}
