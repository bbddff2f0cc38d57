"""Second factors: an authenticator app's codes (RFC 6238), and recovery codes for the day the telephone is lost.

The rows are allauth's, its secrets encrypted by our keys (settings.MFA_ADAPTER). Every code opens once: the step of
time that was spent is kept with the secret.
"""

from datetime import datetime

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_tenant
from tenancy.errors import Conflict, Invalid, NotAllowed, NotFound
from tenancy.fields import opened, sealed, sealed_now
from tenancy.models import Membership, Session, Tenant, User
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.states import ActorKind, TenantState
from tenancy.transactions import atomic, emit

TOTP = Authenticator.Type.TOTP
RECOVERY = Authenticator.Type.RECOVERY_CODES


def has_totp(user: User) -> bool:
    """Whether `user` has a second factor."""
    return bool(Authenticator.objects.filter(user=user, type=TOTP).exists())


def totp_secret(user: User) -> str:
    """The secret of a second factor, in the clear; empty without one. For the demo: nobody is shown it twice."""
    row = Authenticator.objects.filter(user=user, type=TOTP).first()
    return opened(row.data["secret"]) if row else ""


def current_code(secret: str, *, now: datetime) -> str:
    """What an app that holds `secret` shows at `now`."""
    return str(format_hotp_value(hotp_value(secret, _step(now))))


def enrol_second_factor(
    *, user: User, secret: str, by: Actor, now: datetime, code: str | None = None, keep_session: str = ""
) -> list[str]:
    """Switch a second factor on, and give its recovery codes: nothing shows them again. Other sessions end.

    `code` is what the app shows, so that nobody locks themselves out; only the system leaves it away.
    `keep_session` is what the table calls the session that goes on. Raises NotAllowed for anybody else's, Invalid
    for a code that is not the secret's, Conflict when there is one already.
    """
    if not (by.is_system or by.user_id == user.pk):
        raise NotAllowed(_("Everybody sets up their own second factor."), code="not_yours")
    step = 0
    if not by.is_system:
        step = _matching(secret, code or "", now) or 0
        if not step:
            raise incorrect()
    with atomic():
        User.objects.select_for_update().get(pk=user.pk)  # one enrols at a time
        if has_totp(user):
            raise Conflict(_("There is a second factor already."), state="on", code="enrolled_already")
        data = {"secret": sealed(secret), "step": step}
        Authenticator.objects.filter(user=user).delete()
        Authenticator.objects.create(user=user, type=TOTP, data=data, created_at=now)
        codes = _recovery_codes(user)
        Session.objects.filter(user=user).exclude(pk=keep_session).delete()
        emit("user.second_factor_on", user, by=by, now=now, schema=PUBLIC)
    return codes


def spend_code(*, user: User, code: str, now: datetime) -> Authenticator:
    """Take a code of the app or a recovery code, each once, and say which factor it is of.

    Raises Invalid for a code that is wrong or spent.
    """
    with atomic():
        rows = {row.type: row for row in Authenticator.objects.select_for_update().filter(user=user)}
        totp, recovery = rows.get(TOTP), rows.get(RECOVERY)
        if totp is None:
            raise incorrect()
        step = _matching(opened(totp.data["secret"]), code, now)
        if step is not None and step > totp.data.get("step", 0):
            totp.data["step"], totp.last_used_at = step, now
            totp.save(update_fields=["data", "last_used_at"])
            return totp
        if step is None and recovery is not None and RecoveryCodes(recovery).validate_code(code):
            emit(
                "user.recovery_code_used",
                user,
                by=Actor.system("sign-in"),
                now=now,
                data={"left": recovery_codes_left(user)},
                schema=PUBLIC,
            )
            return recovery
        raise incorrect()


def recovery_codes_left(user: User) -> int:
    """How many recovery codes `user` has not spent."""
    row = Authenticator.objects.filter(user=user, type=RECOVERY).first()
    return len(RecoveryCodes(row).get_unused_codes()) if row else 0


def renew_recovery_codes(*, user: User, by: Actor, now: datetime) -> list[str]:
    """Put new recovery codes in place of the old, and give them: nothing shows them again.

    Raises NotAllowed for anybody else's, Conflict without a second factor.
    """
    _own(user, by)
    with atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if not has_totp(user):
            raise _off()
        Authenticator.objects.filter(user=user, type=RECOVERY).delete()
        codes = _recovery_codes(user)
        emit("user.recovery_codes_renewed", user, by=by, now=now, schema=PUBLIC)
    return codes


def remove_second_factor(*, user: User, by: Actor, now: datetime) -> None:
    """Switch one's own second factor off; none of us can.

    Raises NotAllowed, Conflict when it is off.
    """
    _own(user, by)
    if user.staff_role:
        raise NotAllowed(_("None of us works without a second factor."), code="mfa_required")
    with atomic():
        if not Authenticator.objects.filter(user=user, type=TOTP).exists():
            raise _off()
        Authenticator.objects.filter(user=user).delete()
        emit("user.second_factor_off", user, by=by, now=now, schema=PUBLIC)


def reset_second_factor(*, user: User, reason: str, by: Actor, now: datetime) -> None:
    """Take a lost second factor away, so that its owner can set up another; their sessions end.

    A tenant's admin does it for its members, platform staff for anybody, nobody for themselves. It opens a door, so
    the operators' journal and those of all the user's tenants say so.
    Raises NotAllowed, NotFound for a user who is not within reach, Invalid without a reason, Conflict when it is off.
    """
    require(by, "second_factor.reset")
    reason = guards.text(reason, "reason", longest=500)
    if by.user_id == user.pk:
        raise NotAllowed(_("Somebody else has to do this for you."), code="not_yours")
    if not _rules_over(user, by):
        raise NotFound(_("There is no such user here."))
    with atomic():
        if not has_totp(user):
            raise _off()
        Authenticator.objects.filter(user=user).delete()
        Session.objects.filter(user=user).delete()
        tenants = Tenant.objects.filter(memberships__user=user).exclude(state=TenantState.PURGED)
        for schema in (PUBLIC, *tenants.values_list("schema_name", flat=True)):
            emit("user.second_factor_reset", user, by=by, now=now, data={"reason": reason}, schema=schema)


def reseal_second_factors() -> tuple[int, list[int]]:
    """Encrypt every secret anew under the first of CREDENTIAL_KEYS, for `rotate_credentials`.

    Gives how many rows were written, and the users whose secret none of the keys opens.
    """
    resealed, unreadable = 0, []
    for row in Authenticator.objects.order_by("pk").iterator():
        with atomic():
            locked = Authenticator.objects.select_for_update().filter(pk=row.pk).first()
            if locked is None:
                continue
            name = "secret" if locked.type == TOTP else "seed"
            if sealed_now(locked.data[name]):
                continue
            try:
                locked.data[name] = sealed(opened(locked.data[name]))
            except InvalidToken:
                unreadable.append(locked.user_id)
                continue
            locked.save(update_fields=["data"])
            resealed += 1
    return resealed, unreadable


def incorrect() -> Invalid:
    """What every wrong or spent code is answered with."""
    why = _("This code is wrong, or was used already.")
    return Invalid(why, code="incorrect_code", fields={"code": [why]})


def _off() -> Conflict:
    return Conflict(_("There is no second factor."), state="off", code="not_enrolled")


def _own(user: User, by: Actor) -> None:
    if by.user_id != user.pk:
        raise NotAllowed(_("Everybody sets up their own second factor."), code="not_yours")


def _rules_over(user: User, by: Actor) -> bool:
    if by.is_system or by.kind == ActorKind.STAFF:
        return True
    here = Membership.objects.filter(tenant=current_tenant(), user=user)
    return here.exists() and not user.staff_role


def _recovery_codes(user: User) -> list[str]:
    return list(RecoveryCodes.activate(user).generate_codes())


def _step(now: datetime) -> int:
    return int(now.timestamp()) // settings.MFA_TOTP_PERIOD


def _matching(secret: str, code: str, now: datetime) -> int | None:
    """The step of time that `code` is of, within the tolerance; None for a wrong one."""
    reach = settings.MFA_TOTP_TOLERANCE
    for step in range(_step(now) - reach, _step(now) + reach + 1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            return step
    return None
