"""What drf-spectacular cannot read off our views: how one signs in, that every refusal is a problem, that every POST
takes an Idempotency-Key and every row that people edit an If-Match, how much one may ask, and lists as files."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.mixins import ListModelMixin

from tenancy.web.etags import IF_MATCH, IF_NONE_MATCH, Versioned
from tenancy.web.idempotency import HEADER, KEY_PATTERN, REPLAYED, Idempotent
from tenancy.web.negotiation import CsvRenderer, XlsxRenderer

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details. `type` is stable; a 409 for a move that the state does not "
    "allow also names `state` and `legal_moves`.",
    "required": ["type", "title", "status", "detail", "instance", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string", "description": "As `a.b[0]`."},
                    "pointer": {"type": "string", "description": "JSON pointer into the body."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "state": {"type": "string"},
        "legal_moves": {"type": "array", "items": {"type": "string"}},
        "version": {"type": "integer", "description": "Of a 412: the version that the row has now."},
        "current": {"type": "object", "description": "Of a 412: the row as it is now, as you may see it."},
    },
}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _refused(why: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref("schemas", "Problem")}}
    return {"description": why, "headers": headers or RATE_HEADERS, "content": content}


HEADERS: dict[str, Any] = {
    "ETag": {
        "description": 'The version of the row that is shown and a digest of the answer: `"3.0f1e2d3c4b5a"`. Give it '
        "back as If-Match, or as If-None-Match.",
        "schema": {"type": "string"},
    },
    "RateLimitPolicy": {
        "description": 'What you may ask in how many seconds: `"user";q=1200;w=60`. Left out while it is not counted.',
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": 'What is left, and the seconds until it is all there again: `"user";r=1199;t=37`.',
        "schema": {"type": "string"},
    },
    "RetryAfter": {"description": "Seconds until asking again helps.", "schema": {"type": "integer"}},
    "IdempotencyReplayed": {
        "description": "`true` on a stored answer that is given again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
RATE_HEADERS = {
    "RateLimit-Policy": _ref("headers", "RateLimitPolicy"),
    "RateLimit": _ref("headers", "RateLimit"),
}
PARAMETERS: dict[str, Any] = {
    "IdempotencyKey": {
        "name": HEADER,
        "in": "header",
        "required": False,
        "description": "Makes it safe to send the request again: the same key with the same request is answered with "
        "the stored answer and the header `Idempotency-Replayed: true`, and is not done again. A refusal is not "
        "stored.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{KEY_PATTERN}$"},
    },
    "IfMatch": {
        "name": IF_MATCH,
        "in": "header",
        "required": False,
        "description": 'The ETag of what you change, or just its version, `"3"`: if somebody was faster, nothing is '
        "changed (412). A browser's session has to send it (428), a token may leave it out. `*` takes any version.",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": IF_NONE_MATCH,
        "in": "header",
        "required": False,
        "description": "The ETag of what you have: if that is still so, the answer is a 304 without a body.",
        "schema": {"type": "string"},
    },
}
RESPONSES: dict[str, Any] = {
    "Refused": _refused("Refused; nothing was written."),
    "Conflict": _refused(
        "Not in this state; or, as `idempotency_in_progress`, a request with this Idempotency-Key is being worked on: "
        "ask again after `Retry-After` seconds.",
        {**RATE_HEADERS, "Retry-After": _ref("headers", "RetryAfter")},
    ),
    "Stale": _refused(
        "`stale`: the row has another version than If-Match names. `current` is the row as it is now, and ETag its "
        "tag.",
        {**RATE_HEADERS, "ETag": _ref("headers", "ETag")},
    ),
    "KeyReused": _refused("`idempotency_key_reused`: this Idempotency-Key was used for another request."),
    "IfMatchRequired": _refused("`if_match_required`: a browser's session has to send If-Match."),
    "Throttled": _refused(
        "`throttled`: more than your share of this minute. Ask again after `Retry-After` seconds.",
        {**RATE_HEADERS, "Retry-After": _ref("headers", "RetryAfter")},
    ),
    "NotModified": {
        "description": "You have it already, as If-None-Match says.",
        "headers": {**RATE_HEADERS, "ETag": _ref("headers", "ETag")},
    },
}
OF_POST = {"409": "Conflict", "422": "KeyReused"}
OF_EDIT = {"412": "Stale", "428": "IfMatchRequired"}
OF_ALL = {"429": "Throttled", "default": "Refused"}
FILES: dict[str, Any] = {
    CsvRenderer.media_type: {"schema": {"type": "string"}},
    XlsxRenderer.media_type: {"schema": {"type": "string", "format": "binary"}},
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers by subclassing
    target_class = "tenancy.web.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token bound to this tenant: `hc_…`."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as above
    target_class = "tenancy.web.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def conventions(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Say of every operation what the conventions of the API add to it (SPECTACULAR_SETTINGS POSTPROCESSING_HOOKS)."""
    parts = result["components"]
    parts["schemas"]["Problem"] = PROBLEM
    parts["parameters"], parts["headers"], parts["responses"] = PARAMETERS, HEADERS, RESPONSES
    views = {(path, method.lower()): call.cls for path, _regex, method, call in generator.endpoints}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method, views[path, method])
    return result


def _complete(operation: dict[str, Any], method: str, view: Any) -> None:
    parameters = operation.setdefault("parameters", [])
    responses = operation["responses"]
    extra = dict(OF_ALL)
    headers: dict[str, Any] = dict(RATE_HEADERS)
    lists = method == "get" and issubclass(view, ListModelMixin)
    if issubclass(view, Idempotent) and method == "post":
        parameters.append(_ref("parameters", "IdempotencyKey"))
        headers[REPLAYED] = _ref("headers", "IdempotencyReplayed")
        extra |= OF_POST
    if issubclass(view, Versioned) and not lists:
        headers["ETag"] = _ref("headers", "ETag")
        if method == "get":
            parameters.append(_ref("parameters", "IfNoneMatch"))
            extra["304"] = "NotModified"
        elif method in ("put", "patch"):
            parameters.append(_ref("parameters", "IfMatch"))
            extra |= OF_EDIT
    for name, described in getattr(view, "query_parameters", {}).items():
        parameters.append({"name": name, "in": "query", "required": False, **described})
    for response in responses.values():
        response.setdefault("headers", {}).update(headers)
        content = response.get("content", {})
        content.update({kind: shape for kind, shape in FILES.items() if kind in content})
    responses.update({status: _ref("responses", name) for status, name in extra.items()})
