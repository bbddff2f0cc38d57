"""Health and /metrics for every host name, and the measuring of all other requests."""

import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from observability import exposition, health
from observability.recording import RequestRecorder
from observability.recording import requests as recorder

GetResponse = Callable[[HttpRequest], HttpResponseBase]

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD = "OTHER"
NO_ROUTE = "(none)"
UNKNOWN_HOST = "(unknown host)"
NO_TENANT = "(no tenant)"


class HealthMiddleware:
    """Answers /health, /health/ready and /metrics before anybody asks for a host, a tenant or a user. Stands first.

    Where project.asgi serves, it has answered them already.
    """

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in health.PATHS:
            answer = self._health(request)
        elif request.path_info == exposition.PATH:
            answer = self._metrics(request)
        else:
            return self.get_response(request)
        return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))

    @staticmethod
    def _health(request: HttpRequest) -> health.Answer:
        status, said = int(HTTPStatus.OK), health.liveness()
        if request.path_info == health.READY and request.method in health.METHODS:
            status, said = health.readiness(now=timezone.now())
        return health.answer(request.method or "", status, said)

    @staticmethod
    def _metrics(request: HttpRequest) -> health.Answer:
        method = request.method or ""
        refused = exposition.refusal(method, request.headers.get("Authorization", ""))
        return refused or exposition.answer(method, exposition.expose(now=timezone.now()))


class RequestMetricsMiddleware:
    """Counts and times what everybody after it answers, as the client gets it. Stands before all but health.

    A streamed answer lasts until its stream is closed, and is a 500 if the stream broke. Files of whitenoise belong
    to no tenant and are not counted.
    """

    def __init__(self, get_response: GetResponse, recorder: RequestRecorder = recorder):
        self.get_response = get_response
        self.recorder = recorder

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        start = time.perf_counter()
        try:
            response = self.get_response(request)
        except BaseException:
            self._note(request, HTTPStatus.INTERNAL_SERVER_ERROR, start)
            raise
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            if not self._is_file(request):
                response.streaming_content = _Timed(
                    cast(Iterable[bytes], response.streaming_content),
                    lambda broke: self._note(request, 500 if broke else response.status_code, start),
                )
        else:
            self._note(request, response.status_code, start)
        return response

    def _note(self, request: HttpRequest, status: int, start: float) -> None:
        seconds = time.perf_counter() - start
        tenant = getattr(request, "tenant", None)
        if tenant is not None:
            match = request.resolver_match
            route = match.route if match is not None else NO_ROUTE
        elif self._is_file(request):
            return
        else:
            route = UNKNOWN_HOST if status == HTTPStatus.NOT_FOUND else NO_TENANT
        method = request.method if request.method in METHODS else OTHER_METHOD
        self.recorder.note(
            tenant=tenant.pk if tenant is not None else None,
            route=route,
            method=method,
            status=status,
            seconds=seconds,
            minute=int(time.time()) // 60,
        )
        if settings.METRICS_TOKEN:
            exposition.observe(route=route, method=method, status=status, seconds=seconds)

    @staticmethod
    def _is_file(request: HttpRequest) -> bool:
        return request.path_info.startswith(settings.STATIC_URL) and not hasattr(request, "tenant")


class _Timed:
    """A stream that tells when it is closed, and whether it broke before."""

    def __init__(self, chunks: Iterable[bytes], closed: Callable[[bool], None]):
        self._chunks, self._closed, self._broke, self._told = chunks, closed, False, False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except Exception:
            self._broke = True
            raise

    def close(self) -> None:
        """Called by Django when the server closes the answer."""
        if not self._told:
            self._told = True
            self._closed(self._broke)
