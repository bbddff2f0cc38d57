"""Who asks: a token or a session, and what its user is in this tenant. Nobody else decides that."""

import re
from dataclasses import replace
from typing import cast

from allauth.account.internal.flows.login import get_authentication_records
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from tenancy import services
from tenancy.access import Bearer, Denied, bearer, in_session, resolve
from tenancy.actors import Actor
from tenancy.errors import NotAllowed
from tenancy.models import ApiToken, Tenant, User
from tenancy.rules import secret_digest

_TOKEN = re.compile(r"hc_([a-z0-9]{4,16})_[A-Za-z0-9_-]{20,100}")


class Scoped(HttpRequest):
    """What a request is after our middlewares, for type checkers."""

    request_id: str
    tenant: Tenant
    actor: Actor | None
    access: Actor | Denied | None


WHY_DENIED = {
    "not_staff": _("This is the operations console; your account belongs to a customer's workspace."),
    "no_membership": _("You are not a member of this workspace."),
    "no_grant": _("You need a support grant for this workspace."),
    "grant_expired": _("Your support grant for this workspace has ended."),
    "mfa_required": _("Sign in with a second factor: none of us works here without one."),
}


def actor_of(request: HttpRequest | Request) -> Actor:
    """Who asks. Raises NotAllowed when nobody does, or somebody without access to this tenant."""
    actor = getattr(request, "actor", None)
    if isinstance(actor, Actor):
        return actor
    raise NotAllowed(_("You may not do this."))


def access_of(request: HttpRequest) -> Actor | Denied | None:
    """What the session's user is in this tenant, asked once per request; None without a session.

    From then on the request speaks the user's own language and time zone: browsers always send
    Accept-Language, so it says less than what the user chose.
    """
    here = cast(Scoped, request)
    if not hasattr(here, "access"):
        user = here.user
        here.access = None
        if isinstance(user, User):
            access = resolve(user, here.tenant, now=timezone.now())
            here.access = in_session(access, second_factor=has_second_factor(here))
            _speak_to(here, user, language=user.language)
    return here.access


def has_second_factor(request: HttpRequest) -> bool:
    """Whether the session's user gave a code when signing in, or since."""
    records = get_authentication_records(request, cast(User, request.user))
    return any(record["method"] == "mfa" for record in records)


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer hc_…`. Wrong, ended, revoked, inactive and another tenant's are one 401.

    A script that sends Accept-Language is answered in it, else in its user's language.
    """

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        header = request.headers.get("Authorization", "")
        scheme, _space, secret = header.partition(" ")
        if scheme.lower() != "bearer":
            return None
        http = cast(Scoped, request._request)
        found = _find(secret.strip(), http)
        if found is None:
            raise exceptions.AuthenticationFailed(_("This token opens nothing here."), code="token_refused")
        token, actor = found.token, _admitted(found.access)
        services.note_use(token=token, now=timezone.now())
        http.actor = replace(actor, read_only=True) if token.read_only else actor
        asked = "Accept-Language" in request.headers
        language = translation.get_language_from_request(http) if asked else token.user.language
        _speak_to(http, token.user, language=language)
        return token.user, token


class SessionAuthentication(authentication.SessionAuthentication):
    """A signed-in browser, with CSRF."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        http = cast(Scoped, request._request)
        access = access_of(http)
        if access is None:
            return None
        try:
            # Django's request: DRF's would parse the body first and complain of that.
            self.enforce_csrf(cast(Request, http))
        except exceptions.PermissionDenied as error:
            raise NotAllowed(
                _("The CSRF token is missing or wrong; reload the page."), code="csrf_failed"
            ) from error
        http.actor = _admitted(access)
        return cast(User, http.user), None


def _admitted(access: Actor | Denied) -> Actor:
    if isinstance(access, Denied):
        raise NotAllowed(WHY_DENIED[access.code], code=access.code)
    return access


def _find(secret: str, request: Scoped) -> Bearer | None:
    match = _TOKEN.fullmatch(secret)
    if match is None:
        return None
    return bearer(match[1], request.tenant, digest=secret_digest(secret), now=timezone.now())


def _speak_to(request: HttpRequest, user: User, *, language: str) -> None:
    translation.activate(language)
    request.LANGUAGE_CODE = translation.get_language()
    timezone.activate(user.time_zone)
