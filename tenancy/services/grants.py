"""Support grants: one of us may look into a tenant for a while. Both journals, theirs and ours, record each."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict, Invalid, NotAllowed
from tenancy.models import SupportGrant, Tenant, User
from tenancy.permissions import require
from tenancy.rules import grant_ends_at
from tenancy.services import guards
from tenancy.states import TENANT_MOVES, TenantState
from tenancy.transactions import atomic, emit


def open_grant(
    *,
    user: User,
    tenant: Tenant,
    reason: str,
    ticket: str,
    minutes: int,
    writes: bool,
    by: Actor,
    now: datetime,
) -> SupportGrant:
    """Open `tenant` to one of us for `minutes` (at most access.GRANT_MAX_MINUTES), to read unless it `writes`.

    Raises NotAllowed, also for a user who is not staff; Invalid without reason or ticket or for too long;
    Conflict unless the tenant is active.
    """
    require(by, "grant.open")
    guards.customer(tenant)
    reason = guards.text(reason, "reason", longest=500)
    ticket = guards.text(ticket, "ticket", longest=80)
    if not user.staff_role or not user.is_active:
        raise NotAllowed(_("A support grant is for active staff."), code="not_staff")
    longest = settings.THRESHOLDS.access.GRANT_MAX_MINUTES
    ends = grant_ends_at(now, minutes, maximum=longest)
    if ends is None:
        why = _("From 1 to %(longest)d minutes.") % {"longest": longest}
        raise Invalid(_("A grant cannot last that long."), fields={"minutes": [why]})
    with atomic():
        state = Tenant.objects.select_for_update().values_list("state", flat=True).get(pk=tenant.pk)
        if state != TenantState.ACTIVE:
            message = _("The tenant is %(state)s.") % {"state": TenantState(state).label}
            raise Conflict(message, state=state, legal_moves=TENANT_MOVES[state])
        grant = SupportGrant.objects.create(
            user=user,
            tenant=tenant,
            reason=reason,
            ticket=ticket,
            writes=writes,
            opened_by_id=by.user_id or user.pk,
            opened_at=now,
            expires_at=ends,
        )
        data = {"user": user.pk, "reason": reason, "ticket": ticket, "minutes": minutes, "writes": writes}
        _emit_both("grant.opened", grant, by=by, now=now, data=data)
    return grant


def end_grant(*, grant: SupportGrant, by: Actor, now: datetime) -> None:
    """End a grant before its time.

    Raises NotAllowed, Conflict when it has ended.
    """
    require(by, "grant.open")
    with atomic():
        live = SupportGrant.objects.filter(pk=grant.pk, ended_at__isnull=True, expires_at__gt=now)
        if not live.update(ended_at=now):
            raise Conflict(_("This grant has ended."), state="ended", code="grant_ended")
        _emit_both("grant.ended", grant, by=by, now=now, data={"user": grant.user_id})


def _emit_both(verb: str, grant: SupportGrant, *, by: Actor, now: datetime, data: dict[str, Any]) -> None:
    emit(verb, grant, by=by, now=now, data=data, schema=grant.tenant.schema_name)
    emit(verb, grant, by=by, now=now, data=data | {"tenant": grant.tenant_id}, schema=PUBLIC)
