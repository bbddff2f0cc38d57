"""Health for whoever serves Django without `project.asgi`, and for every host name."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from observability import health

GetResponse = Callable[[HttpRequest], HttpResponse]


class HealthMiddleware:
    """Answers /health and /health/ready before anybody asks for a host, a tenant or a user. Stands first."""

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info not in health.PATHS:
            return self.get_response(request)
        status, said = int(HTTPStatus.OK), health.liveness()
        if request.path_info == health.READY and request.method in health.METHODS:
            status, said = health.readiness(now=timezone.now())
        answer = health.answer(request.method or "", status, said)
        return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
