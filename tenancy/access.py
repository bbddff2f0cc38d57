"""What a signed-in user is here: a member, one of us under a grant, one of us on the public host, or nobody."""

from dataclasses import dataclass
from datetime import datetime

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.models import Membership, SupportGrant, Tenant, User
from tenancy.states import Role, StaffRole


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a known user has no access: the code of the 403."""

    code: str


def resolve(user: User, tenant: Tenant, *, now: datetime) -> Actor | Denied:
    """The actor that `user` is in `tenant` at `now`.

    On the public host staff act as staff. In a tenant a member acts by their role; one of us needs a grant that
    has not ended, superusers included.
    """
    if tenant.schema_name == PUBLIC:
        if user.staff_role:
            return Actor.staff(user.pk, StaffRole(user.staff_role))
        return Denied("not_staff")
    membership = Membership.objects.filter(user=user, tenant=tenant).first()
    if membership:
        return Actor.member(user.pk, Role(membership.role))
    if not user.staff_role:
        return Denied("no_membership")
    grants = SupportGrant.objects.filter(user=user, tenant=tenant).order_by("-expires_at")
    live = grants.filter(expires_at__gt=now, ended_at__isnull=True).first()
    if live:
        return Actor.support(user.pk, grant_id=live.pk, writes=live.writes)
    return Denied("grant_expired" if grants.exists() else "no_grant")
