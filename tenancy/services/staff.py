"""What we change about a person: who they are called, whether they are one of us, whether they may come back."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict
from tenancy.models import ApiToken, Membership, Session, SupportGrant, User
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.services.grants import end_grant
from tenancy.states import Language, StaffRole
from tenancy.transactions import atomic, emit


def change_user(*, user: User, name: str, language: str, time_zone: str, by: Actor, now: datetime) -> bool:
    """Give a person another name, language or time zone. False when they have all of these already.

    Raises NotAllowed, Invalid for what cannot be, Conflict when they are anonymous, or not as `user` says any more.
    """
    require(by, "user.change")
    wanted = {
        "name": guards.text(name, "name", longest=120),
        "language": guards.choice(language, "language", Language.values),
        "time_zone": guards.zone(time_zone),
    }
    with atomic():
        old = _lock(user)
        if old.anonymised_at:
            raise Conflict(_("This user is anonymous already."), state="anonymised", code="anonymised")
        changed = guards.changes(old, user, wanted)
        if not changed:
            return False
        User.objects.filter(pk=old.pk).update(**changed)
        data = {name: value for name, value in changed.items() if name != "name"}
        data["changed"] = sorted(changed)
        personal = {"name": changed["name"]} if "name" in changed else None
        emit("user.changed", old, by=by, now=now, data=data, personal=personal, schema=PUBLIC)
    return True


def change_staff_role(*, user: User, staff_role: str, reason: str, by: Actor, now: datetime) -> None:
    """Make somebody one of us, in another role, or no more; their grants end, without a role sessions and tokens too.

    A member of a tenant cannot become one of us: a support grant is our way into a tenant, and the only one.
    Raises NotAllowed, Invalid without a reason or for such a role, Conflict when it is theirs, when they are inactive
    or a member, or when nobody else would be left in the role `platform`.
    """
    require(by, "user.change")
    guards.choice(staff_role, "staff_role", ["", *StaffRole.values])
    reason = guards.text(reason, "reason", longest=500)
    with atomic():
        guards.keep_platform(user)
        old = _lock(user)
        was = old.staff_role
        if not old.is_active:
            raise Conflict(_("This user is not active."), state="inactive", code="inactive")
        if was == staff_role:
            raise Conflict(_("The staff role is this one already."), state=was)
        if staff_role and Membership.objects.filter(user=old).exists():
            why = _("This person is a member of a tenant. Remove the membership first.")
            raise Conflict(why, code="member_already")
        User.objects.filter(pk=old.pk).update(staff_role=staff_role)
        for grant in SupportGrant.objects.filter(user=old, ended_at__isnull=True, expires_at__gt=now):
            end_grant(grant=grant, by=by, now=now)
        if not staff_role:
            Session.objects.filter(user=old).delete()
            ApiToken.objects.filter(user=old, revoked_at__isnull=True).update(revoked_at=now)
        data = {"staff_role": staff_role, "was": was, "reason": reason}
        emit("user.staff_role_changed", old, by=by, now=now, data=data, schema=PUBLIC)


def reactivate_user(*, user: User, reason: str, by: Actor, now: datetime) -> None:
    """Let a deactivated user sign in again. Tokens and grants that ended stay ended.

    Raises NotAllowed, Invalid without a reason, Conflict when they are active or anonymous.
    """
    require(by, "user.change")
    data = {"reason": guards.text(reason, "reason", longest=500)}
    with atomic():
        off = User.objects.filter(pk=user.pk, is_active=False, anonymised_at__isnull=True)
        if not off.update(is_active=True):
            raise Conflict(_("This user is active, or anonymous for good."), state="active")
        emit("user.reactivated", user, by=by, now=now, data=data, schema=PUBLIC)


def _lock(user: User) -> User:
    return User.objects.select_for_update().get(pk=user.pk)
