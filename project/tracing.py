"""Traces over OTLP, loaded only when OTEL_EXPORTER_OTLP_ENDPOINT says where to: settings.TRACING.

A span for each request, each SQL statement within one, and each task; OpenTelemetry's own variables decide the rest
(sampling, headers, time limits). Spans carry the tenant's schema and the request's id, and nothing personal: no
path, no address, no SQL parameter, no text of an exception. The ready-made instrumentations would (ADR 25).
"""

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from celery import Task
from celery.signals import task_failure, task_postrun, task_prerun, worker_process_shutdown
from django.conf import settings
from django.db import connections
from django.db.backends.signals import connection_created
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tenancy import logs
from tenancy.context import PUBLIC, current_schema, request_id

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_propagator = TraceContextTextMapPropagator()
_provider: TracerProvider | None = None


def start() -> None:
    """Make traces from now on, once per process; forked children go on with a thread of their own."""
    global _provider  # noqa: PLW0603  # one per process
    if _provider is not None:
        return
    _provider = TracerProvider(
        resource=Resource.create(
            {
                "service.name": f"hypercare-{settings.PROCESS}",
                "service.version": settings.BUILD_ID,
                "deployment.environment.name": settings.ENV,
            }
        )
    )
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(_provider)
    connection_created.connect(watch, dispatch_uid="project.tracing")
    for connection in connections.all(initialized_only=True):
        watch(connection)
    for signal, receiver in TASK_SIGNALS:
        signal.connect(receiver, dispatch_uid="project.tracing")
    worker_process_shutdown.connect(
        stop, dispatch_uid="project.tracing"
    )  # a child of a worker ends without atexit
    logs.trace_id = current_trace_id


def stop(**_given: object) -> None:
    """Send what is left, within `metrics.FLUSH_SECONDS`: a collector that hangs does not hold up the end."""
    if _provider is not None:
        sending = threading.Thread(target=_provider.shutdown, name="traces", daemon=True)
        sending.start()
        sending.join(settings.THRESHOLDS.metrics.FLUSH_SECONDS)


def current_trace_id() -> str | None:
    """The trace that this thread works in, as 32 hex digits."""
    found = trace.get_current_span().get_span_context()
    return trace.format_trace_id(found.trace_id) if found.is_valid else None


def _tracer() -> trace.Tracer:
    return trace.get_tracer("hypercare", settings.BUILD_ID)


def _failed(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


# ---- requests -------------------------------------------------------------------------------------------------


class TracingMiddleware:
    """A span for each request, within the caller's trace if it has one. Stands after RequestIdMiddleware."""

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        method = request.method or ""
        with _tracer().start_as_current_span(
            method,
            context=_propagator.extract({"traceparent": request.headers.get("traceparent", "")}),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "hypercare.request_id": request_id.get()},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            request.trace_id = current_trace_id()  # type: ignore[attr-defined]  # for tenancy.logs
            response = self.get_response(request)
            tenant = getattr(request, "tenant", None)
            if tenant is not None:
                span.set_attribute("hypercare.tenant", tenant.schema_name)
            if request.resolver_match is not None:
                span.set_attribute("http.route", request.resolver_match.route)
                span.update_name(f"{method} {request.resolver_match.route}")
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                _failed(span, str(response.status_code))
            return response


# ---- SQL --------------------------------------------------------------------------------------------------------


def watch(connection: Any, **_given: object) -> None:
    """Make a span of each statement on `connection` from now on."""
    if _statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_statement)


def _statement(execute: Callable[..., Any], sql: Any, params: Any, many: bool, about: Any) -> Any:
    """A span for one statement, if it belongs to a trace. Its text has placeholders, never their values."""
    if not trace.get_current_span().is_recording():
        return execute(sql, params, many, about)
    text = sql if isinstance(sql, str) else ""  # what psycopg composes holds values
    operation = (text.split(maxsplit=1) or ["SQL"])[0].upper()
    with _tracer().start_as_current_span(
        operation,
        kind=SpanKind.CLIENT,
        attributes={
            "db.system.name": "postgresql",
            "db.operation.name": operation,
            "db.query.text": text,
            "hypercare.tenant": current_schema(),
        },
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            return execute(sql, params, many, about)
        except Exception as error:
            _failed(span, type(error).__name__)
            raise


# ---- tasks ------------------------------------------------------------------------------------------------------

_running: dict[str, tuple[Span, Any]] = {}


def _task_begins(
    *, task_id: str, task: Task[..., object], kwargs: dict[str, object], **_given: object
) -> None:
    span = _tracer().start_span(
        task.name,
        kind=SpanKind.CONSUMER,
        attributes={
            "messaging.system": "celery",
            "messaging.message.id": task_id,
            "hypercare.tenant": str(kwargs.get("tenant") or PUBLIC),
        },
    )
    _running[task_id] = span, context.attach(trace.set_span_in_context(span))


def _task_fails(*, task_id: str, exception: BaseException, **_given: object) -> None:
    if task_id in _running:
        _failed(_running[task_id][0], type(exception).__name__)


def _task_ends(*, task_id: str, **_given: object) -> None:
    if task_id in _running:
        span, token = _running.pop(task_id)
        context.detach(token)
        span.end()


TASK_SIGNALS = ((task_prerun, _task_begins), (task_failure, _task_fails), (task_postrun, _task_ends))
