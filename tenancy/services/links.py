"""Mailed links that set a password: asked for, or an invitation. None is stored; it is made as its mail is written.

A link is of one person and one purpose and says when it was made. It is signed over what its use changes (the
password, the last sign-in), so it works once, and not after something else did.
"""

import hmac
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.http import base36_to_int, int_to_base36
from django.utils.translation import gettext_lazy as _

from tenancy.access import Denied, resolve
from tenancy.context import PUBLIC, connection, in_tenant
from tenancy.deliveries import Notice, tell
from tenancy.errors import NotFound
from tenancy.models import Tenant, User
from tenancy.transactions import atomic, ref

_MAILS = UUID("5c3a0f0e-53a2-4d0e-9a55-0f5a1d0c9b21")


class Purpose(StrEnum):
    RESET = "user.password_reset"
    INVITATION = "user.invited"


def ask_for_link(*, email: str, now: datetime) -> None:
    """Mail a link for a new password to the person with this email, if there is one who may sign in here.

    Does the same to the eye whether there is: nothing.
    """
    user = (
        User.objects.filter(email__iexact=email.strip(), is_active=True).first()
        if "\0" not in email
        else None
    )
    if user is None or isinstance(resolve(user, connection.tenant, now=now), Denied):
        return
    every = timedelta(minutes=settings.THRESHOLDS.access.MAIL_EVERY_MINUTES)
    stretch = now.timestamp() // every.total_seconds()
    with atomic():
        _mail(user, Purpose.RESET, uuid5(_MAILS, f"{user.pk} {stretch}"), now=now)


def invite(*, user: User, event: UUID, now: datetime) -> None:
    """Mail a new person the link for their first password, because of `event`; part of the verb that made them."""
    _mail(user, Purpose.INVITATION, event, now=now)


def make_link(*, user: User, purpose: Purpose, now: datetime) -> str:
    """The part of a link that nobody can guess."""
    made = int(now.timestamp())
    signed = _signature(user, purpose, made, settings.SECRET_KEY)
    return f"{_LETTERS[purpose]}{int_to_base36(user.pk)}-{int_to_base36(made)}-{signed}"


def holder_of(link: str, *, now: datetime) -> User:
    """Whose password `link` sets. Raises NotFound for a link that is wrong, too old or used."""
    try:
        who, when, signed = link.split("-")
        purpose = _PURPOSES[who[0]]
        pk, made = base36_to_int(who[1:]), base36_to_int(when)
        age = now - datetime.fromtimestamp(made, UTC)
    except (ValueError, KeyError, IndexError, OverflowError, OSError) as error:
        raise _dead() from error
    user = User.objects.filter(pk=pk, is_active=True).first() if pk < _MOST_IDS else None
    ahead = timedelta(seconds=settings.THRESHOLDS.access.CLOCK_SKEW_SECONDS)
    if user is None or not timedelta(0) <= age + ahead or age > _lifetime(purpose):
        raise _dead()
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    if not any(hmac.compare_digest(_signature(user, purpose, made, key), signed) for key in keys):
        raise _dead()
    return user


def home_of(user: User) -> Tenant | None:
    """Where somebody who is a member of something signs in; None for one of us, and before there is a membership."""
    memberships = user.memberships.select_related("tenant").exclude(tenant__schema_name=PUBLIC)
    first = memberships.order_by("created_at", "pk").first()
    return first.tenant if first else None


def _mail(user: User, purpose: Purpose, event: UUID, *, now: datetime) -> None:
    tenant = connection.tenant if in_tenant() else Tenant.objects.get(schema_name=PUBLIC)
    tell(Notice(purpose.value, ref(user), event, [user.pk], urgent=True), now=now, tenant=tenant)


_LETTERS = {Purpose.RESET: "r", Purpose.INVITATION: "i"}
_PURPOSES = {letter: purpose for purpose, letter in _LETTERS.items()}
_MOST_IDS = 2**63  # not tunable: a bigint


def _lifetime(purpose: Purpose) -> timedelta:
    access = settings.THRESHOLDS.access
    if purpose is Purpose.INVITATION:
        return timedelta(days=access.INVITATION_DAYS)
    return timedelta(minutes=access.RESET_MINUTES)


def _signature(user: User, purpose: Purpose, made: int, key: str) -> str:
    used = user.last_login.isoformat() if user.last_login else ""
    value = "|".join((str(user.pk), str(made), user.password, used, user.email))
    return salted_hmac(f"tenancy.links.{purpose}", value, secret=key, algorithm="sha256").hexdigest()


def _dead() -> NotFound:
    return NotFound(_("This link does not work any more. Ask for a new one."), code="link_dead")
