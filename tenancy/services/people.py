"""People and what they are in a tenant. Users are in the operators' journal, members in their tenant's."""

from collections.abc import Sequence
from datetime import datetime

from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict, Invalid, NotAllowed
from tenancy.models import (
    ApiToken,
    Membership,
    Session,
    SupportGrant,
    Tenant,
    User,
)
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.services.journal import erase_about
from tenancy.services.links import holder_of, invite
from tenancy.states import Language, StaffRole, TenantState
from tenancy.transactions import atomic, emit, ref

BY_LINK = Actor.system("mailed link")
CODE_OF = "code of "
"""Wrong codes of a second factor are counted beside wrong passwords, under the email with this before it."""


def create_user(
    *,
    email: str,
    name: str,
    password: str | None,
    language: str,
    time_zone: str,
    by: Actor,
    now: datetime,
    staff_role: str = "",
    invited: bool = True,
) -> User:
    """Make a person who belongs to no tenant yet. Without a password they are mailed a link to set the first one.

    Nobody is mailed when not `invited`: whoever calls sees to a password, or hands a link over.

    Raises NotAllowed, Invalid for what cannot be, Conflict for an email in use.
    """
    require(by, "user.change")
    user = User(
        email=_email(email),
        name=guards.text(name, "name", longest=120),
        language=guards.choice(language, "language", Language.values),
        time_zone=guards.zone(time_zone),
        staff_role=guards.choice(staff_role, "staff_role", ["", *StaffRole.values]),
        created_at=now,
    )
    user.password = _hashed(password, user)
    with atomic():
        try:
            with atomic():
                user.save(force_insert=True)
        except IntegrityError as error:
            raise Conflict(_("There is a user with this email already."), code="email_taken") from error
        data = {"language": language, "staff_role": staff_role}
        event = emit("user.created", user, by=by, now=now, data=data, personal=_named(user), schema=PUBLIC)
        if password is None and invited:
            invite(user=user, event=event, now=now)
    return user


def change_own_settings(
    *, user: User, language: str | None = None, time_zone: str | None = None, by: Actor, now: datetime
) -> User:
    """Give oneself another language or time zone; None leaves it as it is.

    Raises NotAllowed for anybody else's, Invalid for what cannot be.
    """
    require(by, "me.change")
    if by.user_id != user.pk:
        raise NotAllowed(_("Everybody sets their own."), code="not_yours")
    wanted: dict[str, str] = {}
    if language is not None:
        wanted["language"] = guards.choice(language, "language", Language.values)
    if time_zone is not None:
        wanted["time_zone"] = guards.zone(time_zone)
    with atomic():
        row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        changed = {name: value for name, value in wanted.items() if str(getattr(row, name)) != value}
        if changed:
            User.objects.filter(pk=row.pk).update(**changed)
            data = {**changed, "changed": sorted(changed)}
            emit("user.changed", row, by=by, now=now, data=data, schema=PUBLIC)
            row.refresh_from_db()
    return row


def set_password(*, user: User, password: str, by: Actor, now: datetime) -> None:
    """Give a user another password; their sessions end. One's own, or any by those who may change users.

    Set by somebody else, the journals of the user's tenants say so too: it opens their door.
    Raises NotAllowed, Invalid for a password that is too weak.
    """
    if by.user_id != user.pk or by.read_only:
        require(by, "user.change")
    hashed = _hashed(password, user)
    with atomic():
        if not User.objects.filter(pk=user.pk, is_active=True).update(password=hashed):
            raise _inactive()
        Session.objects.filter(user=user).delete()
        emit("user.password_set", user, by=by, now=now, schema=PUBLIC)
        if by.user_id != user.pk:
            for tenant in Tenant.objects.filter(memberships__user=user).exclude(state=TenantState.PURGED):
                emit("user.password_set", user, by=by, now=now, schema=tenant.schema_name)
    user.password = hashed


def set_password_by_link(*, link: str, password: str, now: datetime) -> User:
    """Give the holder of a mailed link this password; their sessions end, and a lock of their sign-in is lifted.

    Raises NotFound for a link that does not work, Invalid for a password that is too weak.
    """
    with atomic():
        user = User.objects.select_for_update().get(pk=holder_of(link, now=now).pk)
        holder_of(link, now=now)  # of two at once, the second finds it used
        set_password(user=user, password=password, by=BY_LINK, now=now)
        _lift_locks(user.email)
    return user


def unlock(*, email: str, by: Actor, now: datetime) -> None:
    """Let somebody try to sign in again at once, who was locked out for too many wrong passwords or codes.

    Raises NotAllowed, Conflict when nothing is locked or counted.
    """
    require(by, "user.change")
    with atomic():
        user = User.objects.filter(email__iexact=email.strip()).first()
        if not _lift_locks(email):
            raise Conflict(_("Nobody is locked out under this email."), state="open", code="not_locked")
        personal = {"email": email.strip()}
        emit("user.unlocked", user or "user", by=by, now=now, personal=personal, schema=PUBLIC)


def deactivate_user(*, user: User, reason: str, by: Actor, now: datetime) -> None:
    """Close every door to a user: sessions end, tokens are revoked, grants end.

    Raises NotAllowed, Invalid without a reason, Conflict when they are inactive already, or the last in `platform`.
    """
    require(by, "user.change")
    data = {"reason": guards.text(reason, "reason", longest=500)}
    with atomic():
        guards.keep_platform(user)
        if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            raise _inactive()
        _close_doors([user.pk], now=now)
        emit("user.deactivated", user, by=by, now=now, data=data, schema=PUBLIC)


def anonymise_user(*, user: User, by: Actor, now: datetime) -> None:
    """Erase who a user was, here and in the personal part of the operators' journal; the row and its number stay.

    Tenants' journals name people by number alone, so there is nothing to erase in them.

    Raises NotAllowed, Conflict when it is done already, or for the last in `platform`.
    """
    require(by, "user.change")
    with atomic():
        guards.keep_platform(user)
        if not erase([user.pk], by=by, now=now):
            raise Conflict(_("This user is anonymous already."), state="anonymised", code="anonymised")


def erase(user_ids: Sequence[int], *, by: Actor, now: datetime) -> int:
    """Deactivate and anonymise users and return how many; part of verbs that have checked who asks."""
    users = (
        User.objects.select_for_update().filter(pk__in=user_ids, anonymised_at__isnull=True).order_by("pk")
    )
    found = list(users)
    if not found:
        return 0
    ids = [user.pk for user in found]
    for user in found:
        _lift_locks(user.email)
        user.email, user.name = f"anonymised-{user.pk}@invalid", ""
        user.password, user.is_active, user.anonymised_at = make_password(None), False, now
        user.staff_role = ""
    Authenticator.objects.filter(user__in=ids).delete()
    User.objects.bulk_update(found, ["email", "name", "password", "is_active", "anonymised_at", "staff_role"])
    Membership.objects.filter(user__in=ids).delete()
    _close_doors(ids, now=now)
    subjects = [ref(user) for user in found]
    erase_about(subjects, schema=PUBLIC, reason="anonymised", by=by, now=now)
    for user in found:
        emit("user.anonymised", user, by=by, now=now, schema=PUBLIC)
    return len(found)


def _named(user: User) -> dict[str, str]:
    return {"email": user.email, "name": user.name}


def _email(value: str) -> str:
    email = value.strip()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid(_("This is not an email address."), fields={"email": error.messages}) from error
    return email


def _hashed(password: str | None, user: User) -> str:
    if password is None:
        return make_password(None)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(_("This password is too weak."), fields={"password": error.messages}) from error
    return make_password(password)


def _close_doors(user_ids: Sequence[int], *, now: datetime) -> None:
    Session.objects.filter(user__in=user_ids).delete()
    ApiToken.objects.filter(user__in=user_ids, revoked_at__isnull=True).update(revoked_at=now)
    SupportGrant.objects.filter(user__in=user_ids, ended_at__isnull=True, expires_at__gt=now).update(
        ended_at=now
    )


def _lift_locks(email: str) -> int:
    name = email.strip().lower()
    lifted: int
    lifted, _rows = AccessAttempt.objects.filter(username__in=[name, f"{CODE_OF}{name}"]).delete()
    return lifted


def _inactive() -> Conflict:
    return Conflict(_("This user is not active."), state="inactive", code="inactive")
