"""/metrics, as Prometheus would read it, from both edges; for those with the token alone."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import LazySettings, settings
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from observability import exposition, health
from observability.exposition import ReadLevels, expose
from observability.health import Database, Readiness, database_params
from observability.models import Alert, Pulse
from tenancy.models import Deadline, Delivery
from tests import factories
from tests.live.product import running
from tests.observability.conftest import Hung

TOKEN = "a-token-of-prometheus"
LONGEST_SECONDS = 1.5
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(page: bytes) -> Samples:
    """Every sample of a page; a page that repeats one or cannot be parsed fails."""
    found: Samples = {}
    families = list(text_string_to_metric_families(page.decode()))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    for family in families:
        assert family.documentation
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def labels(found: Samples, name: str) -> dict[tuple[str, ...], float]:
    """By the values of the labels, in the order of their names."""
    return {
        tuple(value for _label, value in given): number
        for (sample, given), number in found.items()
        if sample == name
    }


@pytest.fixture
def token(settings: LazySettings) -> str:
    settings.METRICS_TOKEN = TOKEN
    return TOKEN


@pytest.fixture
def ready() -> Iterator[Readiness]:
    database = Database()
    yield Readiness(database=database)
    database.close()


def read_on(own: psycopg.Connection[Any]) -> "health.Probe[exposition.Levels]":
    """Read on the test's connection, which alone sees what the test wrote."""

    class InTheTest(ReadLevels):
        def __call__(self) -> exposition.Levels:
            return self._ask(own)

    return health.Probe("levels", InTheTest())


# ---- what stands on the page ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_page_says_how_the_machinery_is(acme, ready):
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    ago = timedelta(seconds=30)
    Pulse.objects.create(name="sweep", at=now - ago)
    for number, wake_at in enumerate((now - ago, now - 2 * ago, now + ago)):
        Deadline.objects.create(tenant=acme, kind="k", subject=f"x:{number}", due_at=wake_at, wake_at=wake_at)
    Deadline.objects.create(tenant=acme, kind="k", subject="x:9", due_at=now, wake_at=now, dead_at=now)
    usual = {"message": "m", "subject": "x:1", "channel": "email", "created_at": now}
    for number, at in enumerate((now - ago, now + ago)):
        Delivery.objects.create(
            tenant=acme, event=uuid4(), recipient=f"user:{number}", next_try_at=at, **usual
        )
    rule = {"severity": "high", "owner": "on_call", "verdict": {}, "config_hash": "x"}
    seen = {"opened_at": now, "last_seen_at": now}
    Alert.objects.create(rule="error_5xx_rate", tenant=acme, **rule, **seen)
    Alert.objects.create(rule="gone", tenant=acme, state="recovered", recovered_at=now, **rule, **seen)

    found = parsed(expose(now=now, readiness=ready, levels=read_on(connection.connection)))

    assert labels(found, "hypercare_build_info") == {(settings.BUILD_ID, settings.CONFIG_HASH): 1}
    checks = labels(found, "hypercare_check")
    assert {name for name, _status in checks} == {"beat", "config", "database", "openai_api", "queue"}
    assert sum(checks.values()) == 5
    assert checks["database", "ok"] == 1
    assert found["hypercare_database_read", ()] == 1
    assert labels(found, "hypercare_pulse_age_seconds")[("sweep",)] == pytest.approx(30, abs=0.1)
    assert found["hypercare_due_deadlines", ()] == 2
    assert found["hypercare_oldest_due_deadline_seconds", ()] == pytest.approx(60, abs=0.1)
    assert found["hypercare_dead_deadlines", ()] == 1
    assert found["hypercare_pending_deliveries", ()] == 1
    assert found["hypercare_oldest_pending_delivery_seconds", ()] == pytest.approx(30, abs=0.1)
    assert labels(found, "hypercare_open_alerts") == {("error_5xx_rate", "high"): 1}
    assert ("process_cpu_seconds_total", ()) in found


@pytest.mark.django_db
def test_requests_are_counted_by_route_method_and_class(api, acme, users, token, ready, now):
    def asked() -> Samples:
        return parsed(expose(now=now, readiness=ready))

    before = asked()
    client = api(acme, users["agent"])
    for path, times in (("/api/v1/me", 3), (f"/api/v1/projects/{uuid4()}", 1)):
        for _ in range(times):
            client.get(path)
    after = asked()
    grown = {
        given: number - labels(before, "hypercare_requests_total").get(given, 0)
        for given, number in labels(after, "hypercare_requests_total").items()
        if number != labels(before, "hypercare_requests_total").get(given, 0)
    }
    assert grown == {
        ("2xx", "GET", "api/v1/me"): 3,
        ("4xx", "GET", "api/v1/projects/<uuid:project>"): 1,
    }
    count = "hypercare_request_duration_seconds_count", ()
    assert after[count] - before.get(count, 0) == 4
    page = expose(now=now, readiness=ready).decode()
    assert acme.slug not in page
    assert acme.schema_name not in page


@pytest.mark.django_db
def test_a_database_that_hangs_is_said_in_time(now: datetime, hung: Hung) -> None:
    there = {"host": "127.0.0.1", "port": hung.port, "connect_timeout": 10}
    readiness = Readiness(database=Database(lambda: database_params() | there))
    levels = health.Probe("levels", ReadLevels(lambda: database_params() | there))
    start = time.perf_counter()
    found = parsed(expose(now=now, readiness=readiness, levels=levels))
    assert time.perf_counter() - start < LONGEST_SECONDS
    assert found["hypercare_database_read", ()] == 0
    assert found["hypercare_ready", ()] == 0
    assert labels(found, "hypercare_check")["database", "error"] == 1
    assert not labels(found, "hypercare_pulse_age_seconds")
    assert ("hypercare_due_deadlines", ()) not in found


# ---- who may read it --------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["acme", "public", "unknown"])
def test_it_is_on_every_host_for_the_token_alone(acme, public, token, host):
    hosts = {"acme": factories.host_of(acme), "public": settings.BASE_HOST, "unknown": "nobody.example"}
    client = Client(headers={"host": hosts[host]})
    answer = client.get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert answer["Cache-Control"] == "no-store"
    assert ("hypercare_ready", ()) in parsed(answer.content)
    head = client.head("/metrics", headers={"authorization": f"bearer {token}"})
    assert (head.status_code, head.content) == (200, b"")
    for wrong in ("", "Bearer", "Bearer x", f"Basic {token}", f"Bearer {token}x", token, "Bearer ü"):
        refused = client.get("/metrics", headers={"authorization": wrong})
        assert (refused.status_code, refused.content) == (401, b"")
        assert refused["WWW-Authenticate"].startswith("Bearer")
    posted = client.post("/metrics", headers={"authorization": f"Bearer {token}"})
    assert (posted.status_code, posted["Allow"]) == (405, "GET, HEAD")


@pytest.mark.django_db
def test_without_a_token_configured_there_is_no_page(acme, settings):
    settings.METRICS_TOKEN = ""
    client = Client(headers={"host": factories.host_of(acme)})
    for given in ("", "Bearer ", "Bearer x"):
        assert client.get("/metrics", headers={"authorization": given}).status_code == 404


def test_a_real_process_answers_it_beside_health(django_db_setup, committed, tmp_path):
    def get(product: Any, host: str, authorization: str) -> tuple[int, bytes]:
        client = HTTPConnection("127.0.0.1", product.port, timeout=20)
        client.request("GET", "/metrics", headers={"Host": host, "Authorization": authorization})
        answer = client.getresponse()
        body = answer.read()
        client.close()
        return answer.status, body

    with running(tmp_path, METRICS_TOKEN=TOKEN) as product:
        assert get(product, "nobody.example", "")[0] == 401
        assert get(product, "nobody.example", "Bearer no")[0] == 401
        client = HTTPConnection("127.0.0.1", product.port, timeout=20)
        client.request("GET", "/api/v1/me", headers={"Host": "nobody.example"})
        assert client.getresponse().status == 404
        client.close()
        status, page = get(product, "nobody.example", f"Bearer {TOKEN}")
    assert status == 200
    found = parsed(page)
    assert labels(found, "hypercare_requests_total") == {("4xx", "GET", "(unknown host)"): 1}
    assert found["hypercare_database_read", ()] == 1
