"""What browsers are told about every answer: what it may load, and what it may use of the machine."""

from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class PoliciesMiddleware(CSPMiddleware):
    """Content-Security-Policy by the beginning of the path (settings.CONTENT_SECURITY_POLICIES), and its relatives."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and parts.config is None:
            parts.config = _policy_of(request.path_info)
        return parts


def _policy_of(path: str) -> dict[str, Any] | None:
    """The policy of a path that has its own; None for the one that holds everywhere else."""
    own = settings.CONTENT_SECURITY_POLICIES
    return next((policy for beginning, policy in own.items() if path.startswith(beginning)), None)
