"""Traces: what a real collector gets of a real web process, of tasks, and that nothing is loaded without one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from celery import shared_task
from django.db import connection
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from project import tracing
from tenancy.web.tasks import PublicTask
from tests import factories
from tests.live.product import running
from tests.servers.otlp import OtlpServer

SERVER, CLIENT, ERROR = 2, 3, 2
REQUEST_ID = "a-request-of-ours"
CALLER = "0af7651916cd43dd8448eb211c80319c"
# redis-py loads OpenTelemetry's metrics by itself wherever they are installed, so those are not among them.
LOADED = {"project.tracing", "opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf"}
SECRETS = ("person-in-a-query", "127.0.0.1", "agent-of-a-browser")


def test_a_request_is_a_span_with_its_statements_below_it(committed, tmp_path):
    with committed() as tenant, OtlpServer() as collector:
        user = factories.member(tenant, "agent")
        token = factories.token(user, tenant)
        with running(
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            BUILD_ID="build-7",
            LOG_FORMAT="json",
        ) as product:
            client = HTTPConnection("127.0.0.1", product.port, timeout=20)
            headers = {
                "Host": product.host(tenant),
                "Authorization": f"Bearer {token}",
                "X-Request-ID": REQUEST_ID,
                "User-Agent": "agent-of-a-browser",
                "traceparent": f"00-{CALLER}-b7ad6b7169203331-01",
            }
            for path in ("/api/v1/me", "/api/v1/me?name=person-in-a-query", "/no/such/page"):
                client.request("GET", path, headers=headers)
                client.getresponse().read()
            client.close()
            product.stop()  # it sends what is left
            log = product.log.read_text()
        user.delete()
    spans = collector.spans
    assert spans, log
    requests = [span for span in spans if span["kind"] == SERVER]
    assert sorted(span["name"] for span in requests) == ["GET", "GET api/v1/me", "GET api/v1/me"]
    assert {span["trace"] for span in spans} == {CALLER}
    for span in requests:
        assert span["parent"] == "b7ad6b7169203331"
        assert span["attributes"]["hypercare.tenant"] == tenant.schema_name
        assert span["attributes"]["hypercare.request_id"] == REQUEST_ID
        assert span["attributes"]["http.request.method"] == "GET"
    me = [span for span in requests if span["name"] == "GET api/v1/me"]
    assert {span["attributes"]["http.route"] for span in me} == {"api/v1/me"}
    codes = [span["attributes"]["http.response.status_code"] for span in requests]
    assert sorted(codes) == [200, 200, 404]

    below = [span for span in spans if span["parent"] == me[0]["id"]]
    assert below
    for span in below:
        assert span["kind"] == CLIENT
        assert span["attributes"]["db.system.name"] == "postgresql"
        assert span["attributes"]["hypercare.tenant"] in (
            "public",
            tenant.schema_name,
        )  # it was looked for first
    assert below[-1]["attributes"]["hypercare.tenant"] == tenant.schema_name
    assert any("tenancy_apitoken" in span["attributes"]["db.query.text"] for span in below)
    resource = spans[0]["resource"]
    assert resource["service.name"] == "hypercare-web"
    assert resource["service.version"] == "build-7"
    assert resource["deployment.environment.name"] == "development"
    everything = json.dumps(spans)
    for secret in (*SECRETS, token, user.email, token.split("_")[1]):
        assert secret not in everything
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert CALLER in {line["trace_id"] for line in lines if line["request_id"] == REQUEST_ID}


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9"])
def test_nothing_of_it_is_loaded_without_a_collector(endpoint):
    program = (
        "import os, sys, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'project.settings'\n"
        "django.setup()\n"
        "from project import startup\n"
        "startup.trace()\n"
        "from django.core.handlers.wsgi import WSGIHandler\n"
        "WSGIHandler()\n"
        f"print(*({LOADED!r} & sys.modules.keys()))\n"
    )
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "ENV": "development"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert set(done.stdout.split()) == (LOADED if endpoint else set())


# ---- in this process ------------------------------------------------------------------------------------------------


@shared_task(base=PublicTask, name="tests.traced")
def traced() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", ["a-value"])


@shared_task(base=PublicTask, name="tests.traced_fails")
def traced_fails() -> None:
    raise ZeroDivisionError("with a person's name")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What tracing makes, kept in memory instead of sent."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    for signal, receiver in tracing.TASK_SIGNALS:
        signal.connect(receiver, dispatch_uid="tests")
    wrappers = list(connection.execute_wrappers)
    tracing.watch(connection)
    yield kept
    connection.execute_wrappers[:] = wrappers
    for signal, receiver in tracing.TASK_SIGNALS:
        signal.disconnect(receiver, dispatch_uid="tests")


def attributes(span: Any) -> dict[str, Any]:
    return dict(span.attributes)


@pytest.mark.django_db
def test_a_task_is_a_span_with_its_statements_below_it(made):
    traced.apply()
    *statements, task = made.get_finished_spans()
    (statement,) = [one for one in statements if attributes(one)["db.query.text"] == "SELECT %s"]
    assert (task.name, task.kind) == ("tests.traced", trace.SpanKind.CONSUMER)
    assert attributes(task)["hypercare.tenant"] == "public"
    assert statement.parent.span_id == task.context.span_id
    assert "a-value" not in statement.to_json()
    assert not trace.get_current_span().is_recording()


@pytest.mark.django_db
def test_a_task_that_fails_is_an_error_without_its_text(made):
    traced_fails.apply()
    (task,) = made.get_finished_spans()
    assert task.status.status_code == trace.StatusCode.ERROR
    assert attributes(task)["error.type"] == "ZeroDivisionError"
    assert "person" not in task.to_json()


@pytest.mark.django_db
def test_a_statement_outside_of_any_trace_makes_none(made):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert made.get_finished_spans() == ()
