"""Signals of somebody trying doors, against what raises an alert."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from observability.metrics import source_of
from observability.models import Alert
from observability.rules.verdicts import judge, rule_of
from observability.states import AlertState, VerdictStatus
from tenancy.actors import Actor
from tenancy.models import Tenant
from tenancy.permissions import require
from tenancy.states import Signal


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """How often `signal` was seen in `tenant`, what that means, and the alert that is not recovered, if there is one.

    `threshold` in the alarm's own window is a breach.
    """

    tenant: Tenant
    signal: str
    count: int
    threshold: Decimal | None
    status: VerdictStatus
    alert: Alert | None


def counted_since(now: datetime, window: timedelta) -> datetime:
    """From when `window` counts: signals are kept by the minute, so whole minutes are counted, and one at least."""
    return (now - max(window, timedelta(minutes=1))).replace(second=0, microsecond=0)


def security_events(
    *, tenants: Sequence[Tenant], window: timedelta, by: Actor, now: datetime
) -> list[SecurityEvent]:
    """Every signal in each of `tenants` over `window`, judged as if the alarm had that window. Raises NotAllowed.

    Three queries, however many tenants.
    """
    require(by, "security_event.read")
    watched = {
        alarm.metric: alarm for alarm in settings.THRESHOLDS.watched() if alarm.metric in Signal.values
    }
    names = [alarm.name for alarm in watched.values()]
    unrecovered = Alert.objects.exclude(state=AlertState.RECOVERED).filter(rule__in=names, tenant__in=tenants)
    alerts = {(alert.rule, alert.tenant_id): alert for alert in unrecovered}
    since = counted_since(now, window)
    found = []
    for signal, alarm in sorted(watched.items()):
        read = source_of(signal)
        samples = read(tenants, since, now) if read else {}
        for tenant in tenants:
            sample = samples.get(tenant.pk)
            found.append(
                SecurityEvent(
                    tenant=tenant,
                    signal=signal,
                    count=(sample.events or 0) if sample else 0,
                    threshold=alarm.at_least,
                    status=_status(alarm, sample, window=now - since, now=now),
                    alert=alerts.get((alarm.name, tenant.pk)),
                )
            )
    return found


def _status(alarm: Any, sample: Any, *, window: timedelta, now: datetime) -> VerdictStatus:
    limits = settings.THRESHOLDS.verdict
    return judge(
        replace(rule_of(alarm), window=window),
        sample,
        now=now,
        significance=limits.SIGNIFICANCE,
        future=timedelta(seconds=limits.FUTURE_SECONDS),
    ).status
