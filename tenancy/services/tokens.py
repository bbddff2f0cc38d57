"""API tokens: shown once, kept as a digest, bound to one tenant, ending by themselves."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict, Invalid, NotFound
from tenancy.models import ApiToken, Membership, Tenant, User
from tenancy.permissions import require
from tenancy.rules import secret_digest
from tenancy.services import guards
from tenancy.states import ActorKind
from tenancy.transactions import atomic, emit


def issue_token(
    *, user: User, tenant: Tenant, name: str, days: int, by: Actor, now: datetime, read_only: bool = False
) -> tuple[ApiToken, str]:
    """Make a token of `user` for `tenant` that lives `days` (at most access.TOKEN_MAX_DAYS); the secret is not kept.

    A tenant's admin makes tokens of its members. Staff make tokens of staff, for the operations console or for
    a tenant, where one opens nothing without a live grant: a member's token would be a way around the grant.
    Raises NotAllowed, NotFound for a user who cannot have one here, Invalid for a wrong name or time.
    """
    require(by, "token.change")
    guards.within_reach(by, tenant)
    name = guards.text(name, "name", longest=80)
    longest = settings.THRESHOLDS.access.TOKEN_MAX_DAYS
    if not 0 < days <= longest:
        why = _("From 1 to %(longest)d days.") % {"longest": longest}
        raise Invalid(_("A token cannot live that long."), fields={"days": [why]})
    if not user.is_active or not _may_have(user, tenant, by):
        raise NotFound(_("There is no such user here."))
    prefix = secrets.token_hex(6)
    secret = f"hc_{prefix}_{secrets.token_urlsafe(32)}"
    with atomic():
        token = ApiToken.objects.create(
            user=user,
            tenant=tenant,
            name=name,
            prefix=prefix,
            digest=secret_digest(secret),
            read_only=read_only,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        data = {"user": user.pk, "prefix": prefix, "days": days, "read_only": read_only}
        emit(
            "token.issued",
            token,
            by=by,
            now=now,
            data=data,
            schema=tenant.schema_name,
        )
    return token, secret


def revoke_token(*, token: ApiToken, by: Actor, now: datetime) -> None:
    """End a token now. One's own, or any by those who may change tokens.

    Raises NotAllowed, NotFound for another tenant's, Conflict when it is revoked already.
    """
    guards.within_reach(by, token.tenant)
    if by.user_id != token.user_id or by.read_only:
        require(by, "token.change")
    with atomic():
        if not ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now):
            raise Conflict(_("This token is revoked."), state="revoked", code="revoked")
        emit(
            "token.revoked",
            token,
            by=by,
            now=now,
            data={"user": token.user_id},
            schema=token.tenant.schema_name,
        )


def note_use(*, token: ApiToken, now: datetime) -> None:
    """Remember the day on which a token was last used: one write a day, whatever a script asks."""
    today = now.date()
    if token.last_used_on != today:
        ApiToken.objects.filter(pk=token.pk).update(last_used_on=today)


def _may_have(user: User, tenant: Tenant, by: Actor) -> bool:
    is_member = Membership.objects.filter(user=user, tenant=tenant).exists()
    if by.kind == ActorKind.MEMBER:
        return is_member
    if by.kind == ActorKind.STAFF or tenant.schema_name == PUBLIC:
        return bool(user.staff_role)
    return is_member or bool(user.staff_role)
