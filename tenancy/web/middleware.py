"""What every request passes: its id, a database that may be away, its tenant, and who asks."""

import re
from collections.abc import Callable, Iterator
from typing import Any, cast

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from tenancy import hosts
from tenancy.actors import Actor
from tenancy.context import PUBLIC, enter, entering, leave, request_id
from tenancy.logs import current_request
from tenancy.models import Tenant
from tenancy.sessions import Client, SessionStore
from tenancy.states import TenantState
from tenancy.web.authentication import Scoped, access_of
from tenancy.web.clients import address_of, agent_of
from tenancy.web.problems import answer, database_problem

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class RequestIdMiddleware:
    """Gives each request an id, the caller's own if it is safe, in logs, problems, events and the answer."""

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        this = given if _SAFE_ID.fullmatch(given) else str(uuid7())
        cast(Scoped, request).request_id = this
        token, outer = request_id.set(this), current_request.set(request)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
            current_request.reset(outer)
        response["X-Request-ID"] = this
        return response


class DatabaseAwayMiddleware:
    """503 while the database is away or busy. The next request connects anew, so it mends by itself.

    Errors of other middlewares never reach this one: Django turns them into `problems.server_error`, which asks
    the same question.
    """

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return database_problem(request, exception)


class TenantMiddleware:
    """Enters the tenant of the host for as long as the request lasts. An unknown host is a 404 without a hint."""

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Before the language is known: by the browser's wish, not by what this thread did last.
        with translation.override(translation.get_language_from_request(request)):
            tenant = self._find(request)
            if isinstance(tenant, HttpResponse):
                return tenant
        cast(Scoped, request).tenant = tenant
        if tenant.schema_name == PUBLIC:
            request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
        with entering(tenant):
            response = self.get_response(request)
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = _inside(tenant, response.streaming_content)
        return response

    def _find(self, request: HttpRequest) -> Tenant | HttpResponse:
        try:
            tenant = hosts.find(request.get_host().rsplit(":", 1)[0])
        except DisallowedHost:
            tenant = None
        except (DatabaseError, InterfaceError) as error:
            away = database_problem(request, error)
            if away is None:
                raise
            return away
        if tenant is None or tenant.state == TenantState.PURGED or "\0" in request.path_info:
            return answer(request, 404, "not_found", _("There is nothing here."))
        if tenant.state == TenantState.SUSPENDED:
            detail = _(
                "This workspace is paused. Nothing is lost; please ask your contact when it opens again."
            )
            headers = {"Retry-After": str(settings.THRESHOLDS.api.SUSPENDED_RETRY_SECONDS)}
            return answer(request, 503, "tenant_suspended", detail, headers=headers)
        if _has_nul(request):
            return answer(request, 400, "nul_character", _("The request holds a NUL character."))
        return tenant


def _has_nul(request: HttpRequest) -> bool:
    query = request.META.get("QUERY_STRING", "")
    return "\0" in query or "%00" in query or any("\0" in value for value in request.COOKIES.values())


def _inside(tenant: Tenant, chunks: Any) -> Iterator[bytes]:
    """The chunks of a stream, each made inside the tenant: the server asks for them after the view is done."""
    enter(tenant)
    try:
        yield from chunks
    finally:
        leave()


class SessionMiddleware(DjangoSessionMiddleware):
    """Django's, whose sessions remember from where they were last seen."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        cast(SessionStore, request.session).client = Client(address_of(request), agent_of(request))


class AccessMiddleware:
    """`request.actor`: who a signed-in browser is here, found when first asked for; None for nobody.

    The API's authenticators put their own in its place.
    """

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        cast(Scoped, request).actor = cast(Actor | None, SimpleLazyObject(lambda: _actor(request)))
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()


def _actor(request: HttpRequest) -> Actor | None:
    access = access_of(request)
    return access if isinstance(access, Actor) else None
