"""Looks at real alarms with made-up counts, and the people and places that hear of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from observability.models import Alert, Duty, RunSummary
from observability.rules.periods import period_of
from observability.rules.verdicts import Sample, judge, rule_of
from observability.services import summarise
from observability.services.verdicts import Judged
from observability.states import Owner
from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.models import Delivery, Endpoint, OperatorEvent, Tenant, User
from tenancy.transactions import ref
from tests import factories

RATE = "error_5xx_rate"
"""Critical, on call, "slack:alerts" and "pagerduty", 10 minutes, at least 20 requests, more than 5 % is a breach."""
WINDOW = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
WORDS = {"breach": 30, "warning": 2, "ok": 0}


def alarm_named(name: str) -> Any:
    return next(alarm for alarm in settings.THRESHOLDS.watched() if alarm.name == name)


def judged(tenant: Tenant, status: str, now: datetime, name: str = RATE) -> Judged[Any]:
    """What `name` says where 30, 2 or none of 100 were errors, or nobody asked."""
    alarm = alarm_named(name)
    rule = rule_of(alarm)
    since, until = rule.period(now)
    samples = 100 if status in WORDS else 0
    sample = Sample(rule.unit, samples, since, until, events=WORDS.get(status, 0))
    limits = settings.THRESHOLDS.verdict
    ahead = timedelta(seconds=limits.FUTURE_SECONDS)
    verdict = judge(rule, sample, now=now, significance=limits.SIGNIFICANCE, future=ahead)
    assert verdict.status == status
    return Judged(alarm, tenant, verdict)


def staff(owner: str = "", **fields: Any) -> User:
    """One of us; with `owner`, on that duty."""
    user: User = factories.UserFactory(**{"staff_role": "support"} | fields)
    if owner:
        Duty.objects.create(owner=owner, user=user, since=factories.LONG_AGO)
    return user


def endpoint(name: str, channel: str = "slack", **fields: Any) -> Endpoint:
    """One of the operators'."""
    made = {
        "name": name,
        "channel": channel,
        "address": "C1",
        "secret": "s",
        "verbs": [],
        "created_at": factories.LONG_AGO,
    }
    public = Tenant.objects.get(schema_name=PUBLIC)
    return Endpoint.objects.create(**made | {"tenant": public} | fields)


def route_all() -> None:
    """Every alert is told to somebody: all duties are given, and the operators have what the routes name."""
    for owner in Owner.values:
        staff(owner)
    for name, channel in (("alerts", "slack"), ("product", "slack"), ("Pager", "pagerduty")):
        endpoint(name, channel)


def run_summary(tenant: Tenant, number: int, *, by: Actor, now: datetime) -> RunSummary:
    """Of the day that was so many days before yesterday."""
    day = now.date() - timedelta(days=number + 1)
    period = period_of(day, tenant.time_zone)
    assert period is not None
    return summarise(tenant=tenant, period=period, by=by, now=now)


def told(alert: Alert, message: str = "") -> list[str]:
    """The recipients of what was queued about `alert`."""
    rows = Delivery.objects.filter(subject=ref(alert))
    return sorted((rows.filter(message=message) if message else rows).values_list("recipient", flat=True))


def to(*receivers: User | Endpoint) -> list[str]:
    return sorted(f"{receiver._meta.model_name}:{receiver.pk}" for receiver in receivers)


def story(subject: Any) -> Sequence[str]:
    """The verbs of the operators' journal about a row, in order."""
    lines = OperatorEvent.objects.filter(subject=ref(subject)).order_by("seq")
    return list(lines.values_list("verb", flat=True))
