"""The second factor at the edge: codes that are typed in, and a secret that waits for its first code."""

from datetime import timedelta
from typing import Any, cast

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy import services
from tenancy.access import Denied, resolve
from tenancy.actors import Actor
from tenancy.errors import Invalid, NotAllowed
from tenancy.fields import opened, sealed
from tenancy.models import User
from tenancy.sessions import SessionStore
from tenancy.web.authentication import WHY_DENIED, Scoped, has_second_factor
from tenancy.web.sign_in import lockout

PENDING = "second_factor_pending"


class CodeCheck(forms.Form):
    """Spends a code of `user`, and counts a wrong one. In front of one of allauth's forms."""

    user: User
    authenticator: Any

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        request = context.request
        if not lockout.code_allowed(request, self.user):
            raise forms.ValidationError(_("Too many wrong tries."), code="login_locked")
        try:
            self.authenticator = services.spend_code(user=self.user, code=code, now=timezone.now())
        except Invalid as error:
            lockout.count_code(request, self.user)
            raise forms.ValidationError(str(error), code=error.code) from error
        return code


class CodeForm(CodeCheck, AuthenticateForm):  # type: ignore[misc]  # allauth is untyped
    """The second step of signing in."""


class CodeAgainForm(CodeCheck, ReauthenticateForm):  # type: ignore[misc]  # as above
    """A code from somebody who is signed in."""


def pending_secret(request: HttpRequest) -> str:
    """The secret that this session is about to enrol: the same until it does."""
    sealed_secret = request.session.get(PENDING)
    if sealed_secret:
        return opened(sealed_secret)
    secret: str = generate_totp_secret()
    request.session[PENDING] = sealed(secret)
    return secret


def enrol(request: HttpRequest, code: str) -> list[str]:
    """Switch the second factor on for whoever is signed in, and give the recovery codes. Raises Refusal.

    The code was given, so this session has a second factor from now on; the others end.
    """
    user = cast(User, request.user)
    session = cast(SessionStore, request.session)
    if not lockout.code_allowed(request, user):
        raise services.incorrect()
    try:
        codes = services.enrol_second_factor(
            user=user,
            secret=pending_secret(request),
            code=code,
            by=oneself(request),
            now=timezone.now(),
            keep_session=session.digest,
        )
    except Invalid:
        lockout.count_code(request, user)
        raise
    session.pop(PENDING, None)
    record_authentication(request, user, "mfa", type="totp")
    return codes


def oneself(request: HttpRequest) -> Actor:
    """Who is signed in, a second factor or not: for what one does to one's own ways of signing in, and nothing else.

    Raises NotAllowed for somebody who has no access here.
    """
    access = resolve(cast(User, request.user), cast(Scoped, request).tenant, now=timezone.now())
    if isinstance(access, Denied):
        raise NotAllowed(WHY_DENIED[access.code], code=access.code)
    return access


def must_confirm(request: HttpRequest) -> str:
    """What whoever is signed in has to give before they change what opens the door: `code`, `password` or nothing."""
    user = cast(User, request.user)
    if services.has_totp(user) and not has_second_factor(request):
        return "code"
    records = get_authentication_records(request, user)
    last = max((float(record["at"]) for record in records), default=0.0)
    fresh = timedelta(minutes=settings.THRESHOLDS.access.FACTOR_FRESH_MINUTES)
    return "" if timezone.now().timestamp() - last < fresh.total_seconds() else "password"


def totp_url(user: User, secret: str) -> str:
    """What an authenticator app reads from the QR code."""
    return str(get_adapter().build_totp_url(user, secret))
