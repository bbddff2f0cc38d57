"""Signing in for programs in a browser: allauth headless, those of its addresses that we use.

Answers are allauth's; what our services refuse is a problem document, as everywhere.
"""

from typing import Any, cast

from allauth.account.internal.stagekit import clear_login
from allauth.headless.account.views import LoginView, ReauthenticateView, SessionView
from allauth.headless.base.response import ConfigResponse, ReauthenticationResponse
from allauth.headless.base.views import AuthenticatedAPIView, ConfigView
from allauth.headless.constants import Client
from allauth.headless.internal.restkit import inputs
from allauth.headless.mfa import response, views
from allauth.mfa.models import Authenticator
from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.urls import path
from django.utils import timezone

from tenancy import services
from tenancy.errors import Conflict, NotAllowed, Refusal
from tenancy.models import User
from tenancy.web.problems import problem
from tenancy.web.sign_in import factors


class CodeInput(factors.CodeForm, inputs.Input):  # type: ignore[misc]  # allauth is untyped
    pass


class CodeAgainInput(factors.CodeAgainForm, inputs.Input):  # type: ignore[misc]  # as above
    pass


class EnrolInput(inputs.Input):  # type: ignore[misc]  # as above
    """A code of the secret that this session is about to enrol."""

    code = forms.CharField(max_length=20)

    def __init__(self, *args: Any, user: User, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.user = user


class Config(ConfigView):  # type: ignore[misc]  # as above
    """What a program needs to know first; the CSRF cookie is not for scripts, so its token is here."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = ConfigResponse(request)
        answer["X-CSRF-Token"] = get_token(request)
        return cast(HttpResponse, answer)


class Login(LoginView):  # type: ignore[misc]  # as above
    """Email and password, then perhaps a code. A sign-in that waited for another person's code is forgotten."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            clear_login(request)
        return cast(HttpResponse, super().post(request, *args, **kwargs))


class Code(views.AuthenticateView):  # type: ignore[misc]  # as above
    """The second step of signing in."""

    input_class = CodeInput


class Own(AuthenticatedAPIView):  # type: ignore[misc]  # as above
    """What somebody signed in does to their own ways of signing in: only with access here."""

    confirmed = True
    """Whether a password or code of the last minutes is needed."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.user.is_authenticated:
                factors.oneself(request)
                if self.confirmed and factors.must_confirm(request):
                    return cast(HttpResponseBase, ReauthenticationResponse(request))
            return cast(HttpResponseBase, super().dispatch(request, *args, **kwargs))
        except Refusal as error:
            return refusal(request, error)


class Authenticators(Own, views.AuthenticatorsView):  # type: ignore[misc]  # as above
    """Which factors there are."""

    confirmed = False


class ConfirmByPassword(Own, ReauthenticateView):  # type: ignore[misc]  # as above
    """The password once more, before what opens the door is changed."""

    confirmed = False


class ConfirmByCode(Own, views.ReauthenticateView):  # type: ignore[misc]  # as above
    """A code, for the same; and for a session that was there before the second factor."""

    confirmed = False
    input_class = CodeAgainInput


class Totp(Own):
    """An authenticator app: its secret until it is enrolled, then that it is; off for those who may."""

    input_class = {"POST": EnrolInput}

    def get_input_kwargs(self) -> dict[str, Any]:
        return {"user": self.request.user}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        row = _totp(request)
        if row:
            return cast(HttpResponse, response.TOTPResponse(request, row))
        secret = factors.pending_secret(request)
        url = factors.totp_url(cast(User, request.user), secret)
        return cast(HttpResponse, response.TOTPNotFoundResponse(request, secret, url))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        codes = factors.enrol(request, self.input.cleaned_data["code"])
        meta = {"recovery_codes": codes}
        return cast(HttpResponse, response.AuthenticatorResponse(request, _totp(request), meta=meta))

    def delete(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        by = factors.oneself(request)
        services.remove_second_factor(user=cast(User, request.user), by=by, now=timezone.now())
        return cast(HttpResponse, response.AuthenticatorDeletedResponse(request))


class RecoveryCodes(Own):
    """How many recovery codes are left; new ones in place of the old, shown in the answer and never again."""

    handle_json_input = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        row = Authenticator.objects.filter(user=request.user, type=Authenticator.Type.RECOVERY_CODES).first()
        if row is None:
            return cast(HttpResponse, response.RecoveryCodesNotFoundResponse(request))
        return cast(HttpResponse, response.RecoveryCodesResponse(request, row, can_view=False))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        by = factors.oneself(request)
        services.renew_recovery_codes(user=cast(User, request.user), by=by, now=timezone.now())
        row = Authenticator.objects.get(user=request.user, type=Authenticator.Type.RECOVERY_CODES)
        return cast(HttpResponse, response.RecoveryCodesResponse(request, row, can_view=True))


def refusal(request: HttpRequest, error: Refusal) -> HttpResponse:
    """A service's refusal as a problem document."""
    status = {NotAllowed: 403, Conflict: 409}.get(type(error), 400)
    errors: list[dict[str, object]] = [
        {"field": name, "detail": str(why)} for name, whys in error.fields.items() for why in whys
    ]
    return problem(request, status, error.code, error, errors=errors)


def _totp(request: HttpRequest) -> Authenticator | None:
    return Authenticator.objects.filter(user=request.user, type=Authenticator.Type.TOTP).first()


def _at(route: str, view: Any, name: str) -> Any:
    return path(f"browser/v1/{route}", view.as_api_view(client=Client.BROWSER), name=f"headless_{name}")


urlpatterns = [
    _at("config", Config, "config"),
    _at("auth/session", SessionView, "session"),
    _at("auth/login", Login, "login"),
    _at("auth/2fa/authenticate", Code, "code"),
    _at("auth/reauthenticate", ConfirmByPassword, "confirm_password"),
    _at("auth/2fa/reauthenticate", ConfirmByCode, "confirm_code"),
    _at("account/authenticators", Authenticators, "authenticators"),
    _at("account/authenticators/totp", Totp, "totp"),
    _at("account/authenticators/recovery-codes", RecoveryCodes, "recovery_codes"),
]
