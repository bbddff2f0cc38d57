"""What people want to be told of, and when not: everybody's own, in a tenant."""

from datetime import datetime, time
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.errors import Invalid, NotAllowed, NotFound
from tenancy.models import Preference, Tenant, User
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.services.scopes import scopes_for
from tenancy.states import ActorKind, NoticeLevel
from tenancy.transactions import atomic, emit


def set_preference(
    *,
    user: User,
    tenant: Tenant,
    scope: UUID | None = None,
    level: str,
    quiet_from: time | None = None,
    quiet_until: time | None = None,
    by: Actor,
    now: datetime,
) -> Preference:
    """Say how much `user` wants to be told, about one project or, without a scope, about all the others.

    Quiet hours are times of day in the user's own zone, may cross midnight, and hold for all projects, so they are
    set without a scope. Raises NotAllowed for anybody else's and under a support grant, NotFound for another
    tenant or a project that the user does not see, Invalid for hours or a level that cannot be.
    """
    _ones_own(user, tenant, by)
    if scope is not None and scope not in scopes_for(by):
        raise NotFound(_("There is no such project."))
    guards.choice(level, "level", NoticeLevel.values)
    _check_hours(scope, quiet_from, quiet_until)
    wanted = {"level": level, "quiet_from": quiet_from, "quiet_until": quiet_until}
    with atomic():
        rows = Preference.objects.select_for_update()
        row, made = rows.get_or_create(tenant=tenant, user=user, scope=scope, defaults=wanted)
        changed = {field: value for field, value in wanted.items() if getattr(row, field) != value}
        for field, value in changed.items():
            setattr(row, field, value)
        if changed:
            row.save(update_fields=list(changed))
        if made or changed:
            _journal(row, tenant, level=level, by=by, now=now)
    return row


def clear_preference(
    *, user: User, tenant: Tenant, scope: UUID | None = None, by: Actor, now: datetime
) -> None:
    """Forget what `user` wanted about one project or, without a scope, about all the others.

    Raises NotAllowed for anybody else's and under a support grant, NotFound when there was nothing.
    """
    _ones_own(user, tenant, by)
    with atomic():
        row = Preference.objects.select_for_update().filter(tenant=tenant, user=user, scope=scope).first()
        if row is None:
            raise NotFound(_("Nothing is set here."))
        _journal(row, tenant, level=None, by=by, now=now)
        row.delete()


def preferences_of(user: User, tenant: Tenant) -> dict[UUID | None, Preference]:
    """What `user` has set in `tenant`, by scope; None is for all the others."""
    return {row.scope: row for row in Preference.objects.filter(user=user, tenant=tenant)}


def _ones_own(user: User, tenant: Tenant, by: Actor) -> None:
    require(by, "me.change")
    guards.within_reach(by, tenant)
    if by.kind != ActorKind.MEMBER or by.user_id != user.pk:
        raise NotAllowed(_("Everybody sets their own notifications."), code="not_yours")


def _check_hours(scope: UUID | None, begins: time | None, ends: time | None) -> None:
    faults = {}
    if scope is not None and (begins or ends):
        faults["quiet_from"] = _("Quiet hours hold for all projects: set them for all.")
    elif (begins is None) != (ends is None):
        faults["quiet_until" if ends is None else "quiet_from"] = _(
            "Quiet hours have a beginning and an end."
        )
    elif begins is not None and begins == ends:
        faults["quiet_until"] = _("Quiet hours end at another time than they begin.")
    if faults:
        raise Invalid(
            _("These quiet hours cannot be."), fields={field: [why] for field, why in faults.items()}
        )


def _journal(row: Preference, tenant: Tenant, *, level: str | None, by: Actor, now: datetime) -> None:
    """When somebody sleeps is nobody's business: the hours stay out."""
    data = {"user": row.user_id, "scope": row.scope, "level": level}
    emit("preference.changed", row, by=by, now=now, data=data, schema=tenant.schema_name)
