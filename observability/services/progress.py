"""What sweeps and deliveries have left to do, over all tenants."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from observability.models import Pulse
from observability.rules.progress import JUDGED, Progress, unjudged
from tenancy.states import DeliveryState, TenantState

_DEADLINES = """
SELECT count(*), min(d.wake_at)
  FROM tenancy_deadline d JOIN tenancy_tenant t ON t.id = d.tenant_id AND t.state = %(active)s
 WHERE d.dead_at IS NULL AND d.wake_at <= %(now)s
"""
# What waits for an endpoint that fails waits for its receiver, not for us.
_DELIVERIES = """
SELECT count(*), min(coalesce(d.leased_until, d.next_try_at))
  FROM tenancy_delivery d JOIN tenancy_tenant t ON t.id = d.tenant_id AND t.state = %(active)s
 WHERE (d.state = %(pending)s AND d.next_try_at <= %(now)s OR d.state = %(leased)s AND d.leased_until < %(now)s)
   AND NOT EXISTS (SELECT FROM tenancy_endpoint e
                    WHERE d.recipient = 'endpoint:' || e.id AND e.failing_since IS NOT NULL)
"""


def read_progress(*, now: datetime) -> Progress:
    """The pulses, and what is due at `now` and not done: deadlines, deliveries, leases that ended.

    What waits for its next try is not due; what is dead waits for a person.
    """
    given: dict[str, datetime | str] = {
        "now": now,
        "active": TenantState.ACTIVE,
        "pending": DeliveryState.PENDING,
        "leased": DeliveryState.LEASED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DEADLINES, given)
        deadlines, oldest_deadline = cursor.fetchone()
        cursor.execute(_DELIVERIES, given)
        deliveries, oldest_delivery = cursor.fetchone()
    pulses = dict(Pulse.objects.values_list("name", "at"))
    return Progress(pulses, deadlines, oldest_deadline, deliveries, oldest_delivery)


def judged_within() -> timedelta:
    """How old the last look at the alarms of tenants may be: the next is due, and not late by a backlog."""
    limits = settings.THRESHOLDS
    return timedelta(seconds=limits.alert.EVALUATE_SECONDS + limits.watchdog.BACKLOG_SECONDS)


def nobody_judges(*, now: datetime) -> bool:
    """Whether the alarms of tenants were judged once and are not any more."""
    last = Pulse.objects.filter(name=JUDGED).values_list("at", flat=True).first()
    return unjudged(last, now=now, after=judged_within())


def watchdog_is_gone(*, now: datetime) -> bool:
    """Whether a watchdog has looked once and does not any more."""
    stale = timedelta(seconds=settings.THRESHOLDS.watchdog.STALE_SECONDS)
    return Pulse.objects.filter(name="watchdog", at__lte=now - stale).exists()
