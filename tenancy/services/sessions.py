"""Signed-in browsers: ended by their owner, by a tenant's admin, by platform staff."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import NotFound
from tenancy.models import Membership, Session, Tenant, User
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.states import ActorKind
from tenancy.transactions import atomic, emit


def end_session(*, session: Session, by: Actor, now: datetime) -> None:
    """Sign a browser out. One's own, a member's by an admin of the session's tenant, one of ours by platform staff.

    Raises NotAllowed, NotFound when it has ended, or for a session that is not within reach.
    """
    guards.within_reach(by, session.tenant)
    user = session.user
    if user is None:
        raise _gone()
    if user.pk == by.user_id:
        require(by, "session.end")
    else:
        require(by, "session.end.any")
        if not _rules_over(session.tenant, user, by):
            raise _gone()
    with atomic():
        ended, _rows = Session.objects.filter(pk=session.pk).delete()
        if not ended:
            raise _gone()
        _emit(user, session.tenant, 1, by=by, now=now)


def end_other_sessions(*, user: User, tenant: Tenant, keep: str, by: Actor, now: datetime) -> int:
    """Sign out one's own browsers on this host, all but the one that the table calls `keep`; how many they were.

    Raises NotAllowed for anybody else's.
    """
    guards.within_reach(by, tenant)
    require(by, "session.end")
    if user.pk != by.user_id:
        raise _gone()
    with atomic():
        others = Session.objects.filter(user=user, tenant=tenant).exclude(pk=keep)
        ended, _rows = others.delete()
        if ended:
            _emit(user, tenant, ended, by=by, now=now)
    return ended


def _rules_over(tenant: Tenant, user: User, by: Actor) -> bool:
    """Whether those who rule here rule over `user`: staff over staff on the public host, admins over members."""
    if by.kind == ActorKind.STAFF or tenant.schema_name == PUBLIC:
        return tenant.schema_name == PUBLIC and bool(user.staff_role)
    return Membership.objects.filter(tenant=tenant, user=user).exists()


def _emit(user: User, tenant: Tenant, count: int, *, by: Actor, now: datetime) -> None:
    emit("session.ended", user, by=by, now=now, data={"count": count}, schema=tenant.schema_name)


def _gone() -> NotFound:
    return NotFound(_("This session has ended."))
