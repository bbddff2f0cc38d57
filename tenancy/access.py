"""What a signed-in user is here: a member, one of us under a grant, one of us on the public host, or nobody."""

from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import OuterRef, QuerySet, Subquery

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.models import ApiToken, Membership, SupportGrant, Tenant, User
from tenancy.postgresql.statements import Statement
from tenancy.states import ActorKind, Role, StaffRole


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a known user has no access: the code of the 403."""

    code: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """A live token, with its user, and what that user is here."""

    token: ApiToken
    access: Actor | Denied


def resolve(user: User, tenant: Tenant, *, now: datetime) -> Actor | Denied:
    """The actor that `user` is in `tenant` at `now`.

    On the public host staff act as staff. In a tenant a member acts by their role; one of us needs a grant that
    has not ended, superusers included.
    """
    roles = Membership.objects.filter(user=user, tenant=tenant).values_list("role", flat=True)
    return _access(user, tenant, None if tenant.schema_name == PUBLIC else roles.first(), now=now)


def in_session(access: Actor | Denied, *, second_factor: bool) -> Actor | Denied:
    """What `access` comes to in a browser: one of us is nobody before a second factor, here and under a grant.

    A member who has one is asked when signing in. A token is a script's key and is never asked.
    """
    one_of_us = isinstance(access, Actor) and access.kind in (ActorKind.STAFF, ActorKind.SUPPORT)
    return Denied("mfa_required") if one_of_us and not second_factor else access


def bearer(prefix: str, tenant: Tenant, *, digest: str, now: datetime) -> Bearer | None:
    """The token of `tenant` with this prefix and digest, and what `resolve` says of its user; a member's in one query.

    None for any other, for one that ended or was revoked, and when its user is inactive.
    """
    rows = _live_token(prefix=prefix, tenant=tenant.pk, now=now)
    if not rows:
        return None
    row, count = rows[0], len(_TOKEN)
    token = ApiToken.from_db(DEFAULT_DB_ALIAS, _TOKEN, row[:count])
    if not compare_digest(token.digest, digest):
        return None
    token.tenant = tenant
    token.user = User.from_db(DEFAULT_DB_ALIAS, _USER, row[count:-1])
    return Bearer(token, _access(token.user, tenant, row[-1], now=now))


def _access(user: User, tenant: Tenant, role: str | None, *, now: datetime) -> Actor | Denied:
    if tenant.schema_name == PUBLIC:
        if user.staff_role:
            return Actor.staff(user.pk, StaffRole(user.staff_role))
        return Denied("not_staff")
    if role:
        return Actor.member(user.pk, Role(role))
    if not user.staff_role:
        return Denied("no_membership")
    grants = SupportGrant.objects.filter(user=user, tenant=tenant).order_by("-expires_at")
    live = grants.filter(expires_at__gt=now, ended_at__isnull=True).first()
    if live:
        return Actor.support(user.pk, grant_id=live.pk, writes=live.writes)
    return Denied("grant_expired" if grants.exists() else "no_grant")


_TOKEN = [field.attname for field in ApiToken._meta.concrete_fields]
_USER = [field.attname for field in User._meta.concrete_fields]


def _live_tokens(prefix: Any, tenant: Any, now: Any) -> QuerySet[Any, Any]:
    role = Membership.objects.filter(user=OuterRef("user"), tenant=OuterRef("tenant")).values("role")
    live = ApiToken.objects.filter(
        prefix=prefix, tenant=tenant, revoked_at__isnull=True, expires_at__gt=now, user__is_active=True
    )
    return live.values_list(*_TOKEN, *(f"user__{name}" for name in _USER), Subquery(role))


_live_token = Statement(_live_tokens, "prefix", "tenant", "now")
