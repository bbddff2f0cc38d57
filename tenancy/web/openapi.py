"""What drf-spectacular cannot read off our views: how one signs in, that every refusal is a problem, and that every
POST takes an Idempotency-Key."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from tenancy.web.idempotency import HEADER, KEY_PATTERN

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
    },
}

KEY: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Makes it safe to send the request again: the same key with the same request is answered with the "
    "stored answer and the header `Idempotency-Replayed: true`, and is not done again. A refusal is not stored.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{KEY_PATTERN}$"},
}
KEY_REFUSALS = {
    "409": "Not in this state; or, as `idempotency_in_progress`, a request with this Idempotency-Key is being worked "
    "on: ask again after `Retry-After` seconds.",
    "422": "`idempotency_key_reused`: this Idempotency-Key was used for another request.",
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


def problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Give every operation the answer that a refusal has (SPECTACULAR_SETTINGS POSTPROCESSING_HOOKS)."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    result["components"]["parameters"] = {"IdempotencyKey": KEY}
    for path in result["paths"].values():
        for method, operation in path.items():
            if method == "post":
                operation.setdefault("parameters", []).append(
                    {"$ref": "#/components/parameters/IdempotencyKey"}
                )
                operation["responses"] |= {status: _refused(why) for status, why in KEY_REFUSALS.items()}
            operation["responses"]["default"] = _refused("Refused; nothing was written.")
    return result


def _refused(why: str) -> dict[str, Any]:
    return {
        "description": why,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
