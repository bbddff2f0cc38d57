"""Every refusal as an RFC 9457 problem; for people's browsers outside the API, as a small page.

`type` is `/problems/<code>` and stays; `errors` names each field at fault, as `a.b[0]` and as a JSON pointer.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core import exceptions as django_errors
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DataError, InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.request import Request

from tenancy.context import current_tenant, in_tenant, request_id
from tenancy.errors import (
    Conflict,
    Contradiction,
    InProgress,
    Invalid,
    InvalidHeader,
    NotAllowed,
    NotFound,
    OutOfScope,
    Refusal,
    ScopeMismatch,
    Stale,
)
from tenancy.services import count_signal
from tenancy.states import Signal
from tenancy.web.etags import etag

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
API = "/api/"

TITLES = {
    400: _("The request is wrong"),
    401: _("Sign in first"),
    403: _("Not allowed"),
    404: _("Not found"),
    405: _("This method is not possible here"),
    406: _("This format is not available"),
    409: _("Not possible now"),
    412: _("Somebody was faster"),
    413: _("Too large"),
    415: _("This content type is not understood"),
    422: _("The request contradicts an earlier one"),
    428: _("A condition is missing"),
    429: _("Too many requests"),
    500: _("Something broke on our side"),
    503: _("Not available right now"),
}
STATUSES: dict[type[Refusal], int] = {
    Invalid: 400,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    InProgress: 409,
    Stale: 412,
    Contradiction: 422,
    Refusal: 400,
}
# What is counted because it may be somebody trying doors.
SIGNALS: dict[type[Refusal], Signal] = {
    OutOfScope: Signal.CROSS_SCOPE,
    ScopeMismatch: Signal.SCOPE_MISMATCH,
}
# DRF's codes where ours differ.
CODES = {
    "parse_error": "malformed",
    "permission_denied": "not_allowed",
    "authentication_failed": "not_authenticated",
}

# PostgreSQL's: a statement or lock took too long, a deadlock, a serialisation failure. Trying again helps.
BUSY = frozenset({"57014", "55P03", "40P01", "40001"})
# PostgreSQL's: a number, a time or a time zone's offset that no column holds.
OUT_OF_RANGE = frozenset({"22003", "22008", "22009"})
# Connection lost, shut down or starting, too many connections, idle in transaction, disk or memory full.
AWAY_CLASSES = ("08", "53", "57P", "25P03")


def problem(
    request: HttpRequest | Request,
    status: int,
    code: str,
    detail: object,
    *,
    errors: list[dict[str, object]] | None = None,
    headers: Mapping[str, str] | None = None,
    **extra: object,
) -> HttpResponse:
    """A problem document. `extra` are members of its own, such as `legal_moves`."""
    body = {
        "type": f"/problems/{code}",
        "title": _title(status),
        "status": status,
        "detail": str(detail),
        "instance": quote(request.path, safe="/~:@!$&'()*+,;=-._", errors="replace"),
        "request_id": request_id.get(),
        "errors": (errors or [])[: settings.THRESHOLDS.api.MOST_ERRORS],
        **extra,
    }
    # Escaped to ASCII: half of a surrogate pair in a path or a message must not break the refusal of it.
    content = json.dumps(body, cls=DjangoJSONEncoder)
    return HttpResponse(content, status=status, content_type=CONTENT_TYPE, headers=dict(headers or {}))


def answer(
    request: HttpRequest, status: int, code: str, detail: object, *, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """A problem for the API and for scripts, a page for a browser elsewhere."""
    if request.path.startswith(API) or not request.accepts("text/html") or "Accept" not in request.headers:
        return problem(request, status, code, detail, headers=headers)
    context = {
        "language": get_language() or settings.LANGUAGE_CODE,
        "title": _title(status),
        "detail": detail,
        "status": status,
        "request_id": request_id.get(),
        "static_url": settings.STATIC_URL,
        "home": status in (403, 404, 500) and bool(getattr(request, "tenant", None)),
    }
    page = render_to_string("errors/error.html", context)
    return HttpResponse(page, status=status, headers=dict(headers or {}))


def _title(status: int) -> object:
    return TITLES.get(status, TITLES[400] if status < HTTPStatus.INTERNAL_SERVER_ERROR else TITLES[500])


# ---- what DRF raises and what services raise ----------------------------------------------------------------------


_PLAIN: dict[type[Exception], tuple[int, str, object]] = {
    Http404: (404, "not_found", _("There is nothing here.")),
    django_errors.PermissionDenied: (403, "not_allowed", _("You may not do this.")),
    django_errors.RequestDataTooBig: (413, "too_large", _("The request's body is too large.")),
    django_errors.SuspiciousOperation: (400, "malformed", _("The request could not be read.")),
    UnreadablePostError: (400, "malformed", _("The request could not be read.")),
}


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's EXCEPTION_HANDLER. None, so a 500 that is logged, for what is a defect of ours."""
    request = context["request"]
    if isinstance(error, django_errors.ValidationError):
        error = exceptions.ValidationError(_as_drf(error))
    if isinstance(error, Refusal):
        _count(request, error)
        return _refusal(request, error)
    if isinstance(error, exceptions.ValidationError):
        return problem(request, 400, "invalid", _faults_in_words(error), errors=_flat(request, error.detail))
    if isinstance(error, exceptions.APIException):
        return _api_exception(request, error)
    plain = next((_PLAIN[kind] for kind in type(error).__mro__ if kind in _PLAIN), None)
    return problem(request, *plain) if plain else database_problem(request, error)


def _count(request: Request, error: Refusal) -> None:
    signal = SIGNALS.get(type(error))
    if signal is not None and in_tenant():
        actor = getattr(request, "actor", None)
        about = {"actor": getattr(actor, "user_id", None), "method": request.method, "path": request.path}
        count_signal(signal=signal, tenant=current_tenant(), about=about, now=timezone.now())


def _refusal(request: Request, error: Refusal) -> HttpResponse:
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    in_body = not isinstance(error, InvalidHeader)
    errors = [
        _fault(request, field, error.code, why, in_body=in_body)
        for field, whys in error.fields.items()
        for why in whys
    ]
    extra: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, Conflict):
        extra = {"state": error.state, "legal_moves": error.legal_moves}
    elif isinstance(error, InProgress):
        headers = {"Retry-After": str(settings.THRESHOLDS.api.BUSY_RETRY_SECONDS)}
    elif isinstance(error, Stale):
        extra = {"version": error.version}
        if error.current is not None:
            extra["current"] = error.current
            headers = {"ETag": etag(error.version, error.current)}
    return problem(request, status, error.code, error, errors=errors, headers=headers, **extra)


def _api_exception(request: Request, error: exceptions.APIException) -> HttpResponse:
    code = str(error.get_codes()) if isinstance(error.detail, str) else error.default_code
    headers = {}
    if auth := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth
    if wait := getattr(error, "wait", None):  # a throttle's, in seconds
        headers["Retry-After"] = str(max(1, round(wait)))
    detail = error.detail if isinstance(error.detail, str) else error.default_detail
    return problem(request, error.status_code, CODES.get(code, code), detail, headers=headers)


def _faults_in_words(error: exceptions.ValidationError) -> str:
    count = sum(1 for _each in _walk(error.detail))
    return ngettext("%(count)d thing is wrong.", "%(count)d things are wrong.", count) % {"count": count}


def _flat(request: Request, detail: Any) -> list[dict[str, object]]:
    return [_fault(request, path, str(why.code), why) for path, why in _walk(detail)]


def _walk(detail: Any, path: str = "") -> Iterator[tuple[str, exceptions.ErrorDetail]]:
    """Each message in DRF's nested errors with the path of its field; a list of messages is not a list of items."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            own = key in ("non_field_errors", "__all__")
            name = f"[{key}]" if isinstance(key, int) else f".{key}" if path else str(key)
            yield from _walk(inner, path if own else path + name)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            item = isinstance(inner, Mapping | list | tuple)
            yield from _walk(inner, f"{path}[{index}]" if item else path)
    else:
        yield (
            path,
            detail
            if isinstance(detail, exceptions.ErrorDetail)
            else exceptions.ErrorDetail(detail, "invalid"),
        )


def _fault(
    request: Request | HttpRequest, field: str, code: str, why: object, *, in_body: bool = True
) -> dict[str, object]:
    fault: dict[str, object] = {"field": field, "code": code, "detail": str(why)}
    # Without a body there is nothing that a pointer could point into.
    if in_body and request.method not in ("GET", "HEAD", "DELETE"):
        steps = field.replace("~", "~0").replace("/", "~1").replace("[", ".").replace("]", "")
        fault["pointer"] = "#" + "".join(f"/{step}" for step in steps.split(".") if step)
    return fault


def _as_drf(error: django_errors.ValidationError) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else error.messages


# ---- the database ---------------------------------------------------------------------------------------------------


def database_problem(request: HttpRequest | Request, error: BaseException | None) -> HttpResponse | None:
    """503 for a database that is away or busy, 400 for what it cannot hold; None for anything else."""
    http = getattr(request, "_request", request)
    state = getattr(error.__cause__, "sqlstate", None) if error else None
    if isinstance(error, DataError) and "NUL" in str(error):
        return answer(http, 400, "nul_character", _("The request holds a NUL character."))
    if isinstance(error, DataError) and state in OUT_OF_RANGE:
        logger.warning("a value is out of range: %s", error)
        return answer(http, 400, "out_of_range", _("The request holds a value that is out of range."))
    if isinstance(error, OperationalError) and state in BUSY:
        logger.warning("the database is busy: %s", error)
        headers = {"Retry-After": str(settings.THRESHOLDS.api.BUSY_RETRY_SECONDS)}
        return answer(http, 503, "busy", _("This took too long. Please try again."), headers=headers)
    away = isinstance(error, OperationalError) and (state is None or state.startswith(AWAY_CLASSES))
    if away or isinstance(error, InterfaceError):
        logger.error("the database is away: %s", error)
        if not connection.in_atomic_block:
            connection.close()  # so that whatever comes next connects anew
        detail = _("The database does not answer. Nothing was changed; please try again in a moment.")
        return answer(
            http,
            503,
            "database_away",
            detail,
            headers={"Retry-After": str(settings.THRESHOLDS.api.AWAY_RETRY_SECONDS)},
        )
    return None


# ---- what Django answers by itself: handler400 to handler500 and CSRF_FAILURE_VIEW ------------------------------


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, django_errors.RequestDataTooBig):
        return answer(request, 413, "too_large", _("The request's body is too large."))
    return answer(request, 400, "malformed", _("The request could not be read."))


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 403, "not_allowed", _("You may not do this."))


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 404, "not_found", _("There is nothing here."))


def server_error(request: HttpRequest) -> HttpResponse:
    """A defect of ours, or a database that went away in a middleware."""
    known = database_problem(request, sys.exc_info()[1])
    detail = _("We have been told. If it happens again, give us the number below.")
    return known or answer(request, 500, "internal", detail)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return answer(
        request, 403, "csrf_failed", _("The page was open for too long, or cookies are off. Please reload.")
    )
