"""Switching flags, for one tenant or for a segment. In the operators' journal."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from tenancy import flags
from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import NotFound
from tenancy.models import Flag, Segment, Tenant, TenantFlag
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.states import TenantState
from tenancy.transactions import atomic, emit


def set_flag(*, flag_key: str, tenant: Tenant, enabled: bool, reason: str, by: Actor, now: datetime) -> None:
    """Switch a flag on or off in one tenant; every process sees it within access.FLAG_REFRESH_SECONDS.

    Raises NotAllowed, NotFound for an unknown flag, Invalid without a reason.
    """
    require(by, "flag.change")
    guards.customer(tenant)
    _switch(flag_key, [tenant], enabled, {"tenant": tenant.pk}, reason=reason, by=by, now=now)


def set_flag_for_segment(
    *, flag_key: str, segment: Segment, enabled: bool, reason: str, by: Actor, now: datetime
) -> int:
    """Switch a flag in every tenant of a segment and return how many those are.

    Raises NotAllowed, NotFound for an unknown flag, Invalid without a reason.
    """
    require(by, "flag.change")
    tenants = list(Tenant.objects.filter(segment=segment).exclude(state=TenantState.PURGED).order_by("pk"))
    where: dict[str, object] = {"segment": segment.key, "tenants": [tenant.pk for tenant in tenants]}
    _switch(flag_key, tenants, enabled, where, reason=reason, by=by, now=now)
    return len(tenants)


def _switch(
    flag_key: str,
    tenants: list[Tenant],
    enabled: bool,
    where: dict[str, object],
    *,
    reason: str,
    by: Actor,
    now: datetime,
) -> None:
    reason = guards.text(reason, "reason", longest=500)
    flag = Flag.objects.filter(key=flag_key).first()
    if flag is None:
        raise NotFound(_("There is no such flag."))
    rows = [TenantFlag(flag=flag, tenant=tenant, enabled=enabled, changed_at=now) for tenant in tenants]
    with atomic():
        TenantFlag.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["flag", "tenant"],
            update_fields=["enabled", "changed_at"],
        )
        data = {"flag": flag_key, "enabled": enabled, "reason": reason} | where
        emit("flag.set", flag, by=by, now=now, data=data, schema=PUBLIC)
        transaction.on_commit(flags.refresh, robust=True)
