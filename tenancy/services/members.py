"""Who is in a tenant, and as what. In the tenant's own journal."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.errors import Conflict, Invalid, NotFound
from tenancy.models import ApiToken, Membership, Session, Tenant, User
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.services.people import create_user
from tenancy.states import ActorKind, Role
from tenancy.transactions import atomic, emit

INVITER = Actor.system("invitations")


def add_member(*, tenant: Tenant, user: User, role: str, by: Actor, now: datetime) -> Membership:
    """Let a user into a tenant. One of us cannot be a member: a support grant is their way in.

    Raises NotAllowed, NotFound, Invalid for such a user or role, Conflict for a member.
    """
    require(by, "member.change")
    guards.within_reach(by, tenant)
    guards.customer(tenant)
    guards.choice(role, "role", Role.values)
    if user.staff_role or not user.is_active:
        why = _("Staff enter a tenant by a support grant; an inactive user enters none.")
        raise Invalid(_("This user cannot be a member."), fields={"user": [why]})
    membership = Membership(tenant=tenant, user=user, role=role, created_at=now)
    with atomic():
        try:
            with atomic(savepoint=True):
                membership.save(force_insert=True)
        except IntegrityError as error:
            raise Conflict(_("This user is a member already."), code="member_already") from error
        _emit_member("member.added", tenant, user, by=by, now=now, data={"role": role})
    return membership


def invite_member(
    *, tenant: Tenant, email: str, name: str, role: str, by: Actor, now: datetime
) -> Membership:
    """Let the person with this email into a tenant; whom nobody knows yet is made a user first, and invited.

    The new user is made in the system's name, with the tenant's language and time zone: an admin decides who is in
    their tenant, not who is a user. `name` is for a new one only.

    Raises NotAllowed, NotFound, Invalid for an email, name or role that cannot be, Conflict for a member.
    """
    require(by, "member.change")
    guards.within_reach(by, tenant)
    with atomic():
        user = User.objects.filter(email__iexact=email.strip()).first()
        if user is None:
            user = create_user(
                email=email,
                name=name,
                password=None,
                language=tenant.language,
                time_zone=str(tenant.time_zone),
                by=INVITER,
                now=now,
            )
        return add_member(tenant=tenant, user=user, role=role, by=by, now=now)


def change_role(
    *, tenant: Tenant, user: User, role: str, by: Actor, now: datetime, leave_without_admin: bool = False
) -> None:
    """Give a member another role, from their next request on. Only staff may leave a tenant without an admin.

    Raises NotAllowed, NotFound when they are no member, Invalid for such a role, Conflict when it is theirs, or
    when they are the last admin.
    """
    require(by, "member.change")
    guards.within_reach(by, tenant)
    guards.choice(role, "role", Role.values)
    with atomic():
        members = Membership.objects.filter(tenant=tenant, user=user)
        was = members.values_list("role", flat=True).first()
        if was is None:
            raise NotFound(_("This user is not a member."))
        if role != Role.ADMIN:
            _keep_an_admin(tenant, user, leave=leave_without_admin, by=by)
        if was == role or not members.filter(role=was).update(role=role):
            raise Conflict(_("The member's role is not what it was, or is this one already."), state=was)
        _emit_member("member.role_changed", tenant, user, by=by, now=now, data={"role": role, "was": was})


def remove_member(
    *, tenant: Tenant, user: User, by: Actor, now: datetime, leave_without_admin: bool = False
) -> None:
    """Show a member the door: their sessions in this tenant end and their tokens for it are revoked.

    Only staff may leave a tenant without an admin.
    Raises NotAllowed, NotFound when they are no member, Conflict when they are the last admin.
    """
    require(by, "member.change")
    guards.within_reach(by, tenant)
    with atomic():
        _keep_an_admin(tenant, user, leave=leave_without_admin, by=by)
        removed, _rows = Membership.objects.filter(tenant=tenant, user=user).delete()
        if not removed:
            raise NotFound(_("This user is not a member."))
        Session.objects.filter(tenant=tenant, user=user).delete()
        ApiToken.objects.filter(tenant=tenant, user=user, revoked_at__isnull=True).update(revoked_at=now)
        _emit_member("member.removed", tenant, user, by=by, now=now, data={})


def _keep_an_admin(tenant: Tenant, user: User, *, leave: bool, by: Actor) -> None:
    """Raise Conflict when `user` is the tenant's last admin. Its admins stay locked, so two cannot go at once."""
    if leave and by.kind in (ActorKind.STAFF, ActorKind.SYSTEM):
        return
    admins = Membership.objects.filter(tenant=tenant, role=Role.ADMIN, user__is_active=True)
    locked = admins.select_for_update(of=("self",)).order_by("pk").values_list("user_id", flat=True)
    if list(locked) == [user.pk]:
        why = _("This is the last admin of the tenant. Make somebody else an admin first.")
        raise Conflict(why, state=Role.ADMIN, code="last_admin")


def _emit_member(
    verb: str, tenant: Tenant, user: User, *, by: Actor, now: datetime, data: dict[str, Any]
) -> None:
    emit(verb, user, by=by, now=now, data=data, schema=tenant.schema_name)
