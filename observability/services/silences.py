"""For a while, and for a reason, nobody is told. In the operators' journal."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from observability.models import Alert, Silence
from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict, Invalid, NotAllowed
from tenancy.models import Tenant
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.transactions import atomic, emit

LONGEST_REASON = 500  # not tunable: characters, the column's width


def silence(
    *, rule: str, tenant: Tenant | None, ends_at: datetime, reason: str, by: Actor, now: datetime
) -> Silence:
    """Tell nobody of `rule` (empty: of any) in `tenant` (None: in any; the public one: of the platform) until
    `ends_at`. What is in breach goes on being counted, and is told at the end if it still is.

    Raises NotAllowed, Invalid for an unknown rule, without a reason, for an end that is over or further away than
    alert.MOST_SILENCE_HOURS.
    """
    require(by, "alert.silence")
    if by.user_id is None:
        raise NotAllowed(_("Only a person may do this."))
    reason = guards.text(reason, "reason", longest=LONGEST_REASON)
    if rule:
        guards.choice(rule, "rule", [alarm.name for alarm in settings.THRESHOLDS.watched()])
    hours = settings.THRESHOLDS.alert.MOST_SILENCE_HOURS
    if not now < ends_at <= now + timedelta(hours=hours):
        why = _("A time to come, at most %(hours)d hours from now.") % {"hours": hours}
        raise Invalid(_("A silence has an end."), fields={"ends_at": [why]})
    with atomic():
        made = Silence.objects.create(
            rule=rule, tenant=tenant, reason=reason, starts_at=now, ends_at=ends_at, created_by_id=by.user_id
        )
        data = {
            "rule": rule,
            "tenant": tenant.pk if tenant else None,
            "ends_at": ends_at,
            "reason": reason,
        }
        emit("alert.silenced", made, by=by, now=now, data=data, schema=PUBLIC)
    return made


def end_silence(*, silence: Silence, by: Actor, now: datetime) -> None:
    """End a silence before its time: the next look tells what is still in breach.

    Raises NotAllowed, Conflict when it has ended.
    """
    require(by, "alert.silence")
    with atomic():
        if not live_silences(now).filter(pk=silence.pk).update(ended_at=now):
            raise Conflict(_("This silence has ended."), state="ended", code="silence_ended")
        data = {"rule": silence.rule, "tenant": silence.tenant_id}
        emit("alert.silence_ended", silence, by=by, now=now, data=data, schema=PUBLIC)


def live_silences(now: datetime) -> "QuerySet[Silence]":
    return Silence.objects.filter(is_live(now))


def is_live(now: datetime) -> Q:
    return Q(ended_at__isnull=True, starts_at__lte=now, ends_at__gt=now)


@dataclass(frozen=True, slots=True)
class Silenced:
    """The rules and tenants that nobody is told of, read once."""

    pairs: frozenset[tuple[str, int | None]]

    @classmethod
    def read(cls, now: datetime) -> Self:
        """One query."""
        return cls(frozenset(live_silences(now).values_list("rule", "tenant")))

    def covers(self, alert: Alert) -> bool:
        """Whether nobody is told of `alert`."""
        rules, tenants = (alert.rule, ""), (alert.tenant_id, None)
        return any((rule, tenant) in self.pairs for rule in rules for tenant in tenants)
