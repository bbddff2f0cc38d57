"""What every log line carries: where it comes from, for whom, and in which request or task. Ids, nothing personal."""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import NamedTuple

from django.http import HttpRequest

from tenancy.actors import Actor
from tenancy.context import PUBLIC, connection, request_id


class Task(NamedTuple):
    """A task that a worker carries out."""

    name: str
    id: str


current_request: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)
current_task: ContextVar[Task | None] = ContextVar("current_task", default=None)
trace_id: Callable[[], str | None] = lambda: None  # noqa: E731 - who makes traces puts its own here


class ScopeFilter(logging.Filter):
    """Adds these to each record; None for what there is not:

    `tenant` (its slug; a schema's name where no row was asked for, `public` outside any), `project`, `request_id`,
    `user` (the id of whoever acts), `task`, `task_id`, `trace_id`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        # Django tells of refused requests when all middlewares are left, and names the request in the record.
        request, task = current_request.get() or getattr(record, "request", None), current_task.get()
        if not isinstance(request, HttpRequest):
            request = None
        record.tenant = _tenant(request)
        record.project = _project(request)
        record.request_id = request_id.get() or getattr(request, "request_id", "")
        record.user = _user(request)
        record.task, record.task_id = task or (None, None)
        record.trace_id = trace_id() or getattr(request, "trace_id", None)
        return True


def _tenant(request: HttpRequest | None) -> str:
    entered = getattr(connection.tenant, "slug", None)
    if entered is None and connection.schema_name == PUBLIC:
        entered = getattr(getattr(request, "tenant", None), "slug", None)
    return entered or str(connection.schema_name)


def _project(request: HttpRequest | None) -> str | None:
    match = request.resolver_match if request is not None else None
    found = match.kwargs.get("project") if match is not None else None
    return str(found) if found is not None else None


def _user(request: HttpRequest | None) -> int | None:
    """Known once somebody asked who acts; a line of the log never asks."""
    known = vars(request) if request is not None else {}
    for name in ("actor", "access"):  # an API's authenticator sets the first, a session's actor is the second
        if type(known.get(name)) is Actor:
            found: Actor = known[name]
            return found.user_id
    return None
