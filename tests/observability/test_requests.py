"""What requests were and how long they took: gathered in memory, written in batches, read as figures."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError, connection
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from observability.middleware import RequestMetricsMiddleware
from observability.models import Alert, Gauge, RequestMetric, RunSummary
from observability.recording import Counted, RequestRecorder, requests
from observability.services import (
    Figures,
    figures_by_route,
    levels,
    note_level,
    request_figures,
    store_requests,
)
from tenancy import services
from tests import factories

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
MINUTE = int(START.timestamp()) // 60
ONE_MINUTE = timedelta(minutes=1)
KEPT = settings.THRESHOLDS.retention


class Gathered:
    """A recorder's requests, without a database."""

    def __init__(self, recorder: RequestRecorder) -> None:
        self.recorder, self.handed = recorder, list[Counted]()
        recorder.start(self.handed.extend)

    def rows(self) -> list[tuple[int | None, str, str, dict[str, int]]]:
        self.recorder.flush()
        return [(each.tenant, each.route, each.method, dict(each.codes)) for each in self.handed]


@pytest.fixture
def gathered() -> Iterator[Gathered]:
    """What the middleware of this process counts while the test runs."""
    yield Gathered(requests)
    requests.stop(timeout=5)


def note(recorder: RequestRecorder, **given: object) -> None:
    usual = {"tenant": 1, "route": "r", "method": "GET", "status": 200, "seconds": 0.01, "minute": MINUTE}
    recorder.note(**usual | given)


# ---- what is counted as what ---------------------------------------------------------------------------------


def test_a_request_is_counted_by_its_route_and_costs_no_query(api, acme, users, gathered):
    client = api(acme, users["agent"])
    client.get("/api/v1/me")
    with CaptureQueriesContext(connection) as measured:
        assert client.get("/api/v1/me").status_code == 200
    gathered.recorder.stop(timeout=5)
    with CaptureQueriesContext(connection) as not_measured:
        client.get("/api/v1/me")
    assert gathered.rows() == [(acme.pk, "api/v1/me", "GET", {"200": 2})]
    assert len(measured) == len(not_measured)


def test_ids_stay_out_of_the_route(api, acme, users, gathered):
    path = "/api/v1/projects/01234567-89ab-7def-8123-456789abcdef"
    assert api(acme, users["agent"]).get(path).status_code == 404
    assert gathered.rows() == [(acme.pk, "api/v1/projects/<uuid:project>", "GET", {"404": 1})]


def test_a_page_that_there_is_not_and_a_method_that_nobody_knows(api, acme, users, gathered):
    client = api(acme, users["agent"])
    assert client.get("/no/such/page").status_code == 404
    assert client.generic("BREW", "/no/such/page").status_code == 404
    assert gathered.rows() == [
        (acme.pk, "(none)", "GET", {"404": 1}),
        (acme.pk, "(none)", "OTHER", {"404": 1}),
    ]


def test_the_public_host_and_a_host_that_nobody_knows(public, gathered):
    assert Client(headers={"host": settings.BASE_HOST}).get("/admin/login/").status_code in (200, 302)
    assert Client(headers={"host": f"nobody.{settings.BASE_HOST}"}).get("/api/v1/me").status_code == 404
    gathered.recorder.flush()
    assert {(each.tenant, each.route) for each in gathered.handed} == {
        (public.pk, "admin/login/"),
        (None, "(unknown host)"),
    }


def test_a_suspended_tenant_has_no_route(acme, system, now, gathered):
    services.suspend_tenant(tenant=acme, reason="unpaid", by=system, now=now)
    assert Client(headers={"host": factories.host_of(acme)}).get("/api/v1/me").status_code == 503
    assert gathered.rows() == [(None, "(no tenant)", "GET", {"503": 1})]


def test_health_metrics_and_files_are_not_counted(api, acme, gathered, settings):
    client = api(acme)
    client.get("/health")
    client.get("/metrics")
    answer = client.get(f"{settings.STATIC_URL}tenancy/errors.css")
    assert answer.status_code == 200
    answer.close()
    assert gathered.rows() == []


def test_who_is_locked_out_counts_as_a_429(acme, users, gathered):
    client = Client(headers={"host": factories.host_of(acme)})
    for _ in range(settings.THRESHOLDS.access.LOGIN_FAILURES + 1):
        client.post(
            "/_allauth/browser/v1/auth/login",
            {"email": users["agent"].email, "password": "wrong"},
            content_type="application/json",
        )
    ((tenant, _route, method, codes),) = gathered.rows()
    assert (tenant, method) == (acme.pk, "POST")
    assert codes["429"] == 2


def test_a_view_that_breaks_counts_as_a_500(api, acme, users, gathered, monkeypatch):
    monkeypatch.setattr("tenancy.api.views.MeView.get", lambda *_given: 1 / 0)
    client = api(acme, users["agent"])
    client.raise_request_exception = False
    assert client.get("/api/v1/me").status_code == 500
    assert gathered.rows() == [(acme.pk, "api/v1/me", "GET", {"500": 1})]


def measuring(answer: Callable[[object], object], recorder: RequestRecorder) -> object:
    request = RequestFactory().get("/x")
    request.tenant = type("T", (), {"pk": 7})()
    return RequestMetricsMiddleware(answer, recorder)(request)


def test_an_exception_that_nobody_turned_into_an_answer_counts_as_a_500_and_goes_on():
    recorder = RequestRecorder()
    gathered = Gathered(recorder)

    def breaks(_request: object) -> object:
        raise SuspiciousOperation

    with pytest.raises(SuspiciousOperation):
        measuring(breaks, recorder)
    assert gathered.rows() == [(7, "(none)", "GET", {"500": 1})]
    recorder.stop(timeout=5)


def test_a_stream_is_counted_once_when_it_is_closed():
    recorder = RequestRecorder()
    gathered = Gathered(recorder)
    answer = measuring(lambda _request: StreamingHttpResponse(iter([b"a", b"b"]), status=206), recorder)
    assert gathered.rows() == []
    assert b"".join(answer) == b"ab"
    answer.close()
    answer.close()
    assert gathered.rows() == [(7, "(none)", "GET", {"206": 1})]
    recorder.stop(timeout=5)


def test_a_stream_that_nobody_reads_is_counted_and_one_that_breaks_is_a_500():
    recorder = RequestRecorder()
    gathered = Gathered(recorder)

    def chunks() -> Iterator[bytes]:
        yield b"a"
        raise ZeroDivisionError

    measuring(lambda _request: StreamingHttpResponse(iter([b"a"])), recorder).close()
    broken = measuring(lambda _request: StreamingHttpResponse(chunks()), recorder)
    with pytest.raises(ZeroDivisionError):
        b"".join(broken)
    broken.close()
    assert gathered.rows() == [(7, "(none)", "GET", {"200": 1, "500": 1})]
    recorder.stop(timeout=5)


# ---- in memory -----------------------------------------------------------------------------------------------


def test_before_it_is_started_nothing_is_gathered():
    recorder = RequestRecorder()
    measuring(lambda _request: HttpResponse(), recorder)
    assert Gathered(recorder).rows() == []


def test_what_is_handed_on(gathered):
    for seconds in (0.010, 0.010, 0.250, 0):
        note(gathered.recorder, seconds=seconds)
    gathered.recorder.flush()
    (counted,) = gathered.handed
    assert (counted.minute, counted.codes) == (START, {"200": 4})
    assert counted.total_ms == pytest.approx(270.001)
    assert sorted(counted.bins.values()) == [1, 1, 2]
    assert [float(key) for key in sorted(counted.bins, key=float)] == pytest.approx(
        [0.001, 10, 250], rel=0.01
    )


def test_too_many_series_of_tenants_are_counted_as_other(gathered, monkeypatch):
    metrics = replace(settings.THRESHOLDS.metrics, MOST_SERIES=2)
    monkeypatch.setattr(settings, "THRESHOLDS", replace(settings.THRESHOLDS, metrics=metrics))
    for route in ("a", "b", "c", "d", "a"):
        note(gathered.recorder, route=route)
    note(gathered.recorder, tenant=None, route="(unknown host)")
    gathered.recorder.flush()
    assert {each.route: each.codes["200"] for each in gathered.handed} == {
        "a": 2,
        "b": 1,
        "(other)": 2,
        "(unknown host)": 1,
    }


def test_while_the_database_is_away_it_is_kept_and_the_oldest_goes(caplog):
    away, handed = [True], list[Counted]()

    def write(counted: list[Counted]) -> None:
        if away[0]:
            raise OperationalError("away")
        handed.extend(counted)

    recorder = RequestRecorder()
    recorder.start(write)
    kept = settings.THRESHOLDS.metrics.MOST_KEPT_MINUTES
    with caplog.at_level(logging.INFO, logger="observability.recording"):
        note(recorder, minute=MINUTE)
        recorder.flush()
        for minute in range(1, kept + 1):
            note(recorder, minute=MINUTE + minute)
            note(recorder, minute=MINUTE + minute)
        recorder.flush()
        away[0] = False
        note(recorder, minute=MINUTE + kept)
        recorder.stop(timeout=5)
    assert [each.minute for each in handed] == [START + minute * ONE_MINUTE for minute in range(1, kept + 1)]
    assert sum(each.codes["200"] for each in handed) == 2 * kept + 1
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "requests are not recorded for now: away",
        f"1 requests before the last {kept} minutes are not recorded",
        "requests are recorded again",
    ]


def test_a_clock_that_was_ahead_once_costs_no_other_minute():
    away, handed = [True], list[Counted]()

    def write(counted: list[Counted]) -> None:
        if away[0]:
            raise OperationalError("away")
        handed.extend(counted)

    recorder = RequestRecorder()
    recorder.start(write)
    note(recorder, minute=MINUTE)
    note(recorder, minute=MINUTE + 24 * 60)
    recorder.flush()
    note(recorder, minute=MINUTE + 1)
    recorder.flush()
    away[0] = False
    recorder.stop(timeout=5)
    assert [each.minute for each in handed] == [START + minute * ONE_MINUTE for minute in (0, 1, 24 * 60)]


def test_what_hangs_does_not_hold_up_the_end():
    released = threading.Event()
    recorder = RequestRecorder()
    recorder.start(lambda _counted: released.wait(30))
    note(recorder)
    start = time.monotonic()
    recorder.stop(timeout=0.2)
    assert time.monotonic() - start < 5
    released.set()


def test_a_forked_child_starts_empty_and_writes_its_own(gathered):
    note(gathered.recorder, route="parent")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            gathered.recorder.start(lambda counted: os.write(writing, counted[0].route.encode()) and None)
            note(gathered.recorder, route="child")
            gathered.recorder.stop(timeout=5)
        finally:
            os._exit(0)
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reading, 100) == b"child"
    os.close(reading)
    assert [route for _tenant, route, *_ in gathered.rows()] == ["parent"]


# ---- written and read ------------------------------------------------------------------------------------------


def counted(tenant_id: int | None, *, minute: int = 0, route: str = "r", **codes: int) -> Counted:
    given = {name.removeprefix("c"): count for name, count in codes.items()}
    total = sum(given.values())
    return Counted(tenant_id, route, "GET", START + minute * ONE_MINUTE, given, {"10": total}, 10.0 * total)


def test_figures_of_tenants_of_the_platform_and_by_route(acme, globex, public):
    with CaptureQueriesContext(connection) as written:
        store_requests(
            [
                counted(acme.pk, c200=7, c404=2),
                counted(acme.pk, minute=1, c200=1, c503=1),
                counted(acme.pk, minute=1, route="other", c200=20),
                counted(acme.pk, minute=2, c500=100),
                counted(None, route="(unknown host)", c404=3),
                counted(10**9, c200=1),  # a tenant that is gone
            ]
        )
    store_requests([counted(acme.pk, c200=1, c429=1)])
    assert len(written) == 1
    span = {"since": START, "until": START + 2 * ONE_MINUTE}
    with CaptureQueriesContext(connection) as read:
        found = request_figures([acme, globex], **span)
    assert len(read) == 1
    ours = found[acme.pk]
    assert (ours.count, ours.total_4xx, ours.total_5xx) == (33, 3, 1)
    assert ours.codes == {"200": 29, "404": 2, "429": 1, "503": 1}
    assert (ours.p50_ms, ours.p95_ms, ours.p99_ms) == pytest.approx((10, 10, 10), rel=0.01)
    assert found[globex.pk] == Figures()
    assert request_figures(None, **span)[public.pk].count == 36
    assert request_figures([public], **span)[public.pk].codes == {"404": 3}
    assert {route: each.count for route, each in figures_by_route(acme, **span).items()} == {
        "GET other": 20,
        "GET r": 13,
    }
    row = RequestMetric.objects.get(tenant=acme, minute=START)
    assert (row.codes, row.bins, row.total_ms) == ({"200": 8, "404": 2, "429": 1}, {"10": 11}, 110.0)


def test_where_nothing_was_asked_there_are_zeros_and_no_percentiles(acme, public):
    span = {"since": START, "until": START + ONE_MINUTE}
    nothing = Figures(count=0, codes={}, total_4xx=0, total_5xx=0, p50_ms=None, p95_ms=None, p99_ms=None)
    assert request_figures([acme], **span) == {acme.pk: nothing}
    assert request_figures(None, **span) == {public.pk: nothing}
    assert request_figures([], **span) == {}
    assert figures_by_route(acme, **span) == {}


def test_bins_of_another_relative_error_can_be_read(acme):
    store_requests([replace(counted(acme.pk), codes={"200": 3}, bins={"10": 1, "10.2": 1, "400": 1})])
    figures = request_figures([acme], since=START, until=START + ONE_MINUTE)[acme.pk]
    assert figures.p50_ms == pytest.approx(10.2, rel=0.01)


def test_levels_keep_the_least_the_most_and_the_last(db):
    for seconds, value in ((0, 5.0), (10, 9.0), (20, 2.0), (59, 3.0), (60, 7.0), (120, 1.0)):
        note_level(name="queue_depth", value=value, now=START + timedelta(seconds=seconds))
    note_level(name="other", value=1.0, now=START)
    found = levels("queue_depth", since=START, until=START + 2 * ONE_MINUTE)
    assert [(row.minute, row.least, row.most, row.last, row.samples) for row in found] == [
        (START, 2.0, 9.0, 3.0, 4),
        (START + ONE_MINUTE, 7.0, 7.0, 7.0, 1),
    ]


# ---- retention ---------------------------------------------------------------------------------------------------


def alert(tenant, rule: str, **given: object) -> Alert:
    usual = {"severity": "high", "owner": "on_call", "verdict": {}, "config_hash": "sha256:0"}
    return Alert.objects.create(tenant=tenant, rule=rule, **usual | given)


def test_what_was_measured_goes_when_its_time_is_over(acme, now):
    def ago(days: int, more: timedelta = timedelta()) -> datetime:
        return now - timedelta(days=days) - more

    second = timedelta(seconds=1)
    for more in (second, timedelta()):
        RequestMetric.objects.create(
            tenant=acme, route="r", method="GET", minute=ago(KEPT.REQUEST_METRIC_DAYS, more),
            codes={}, bins={}, total_ms=0,
        )  # fmt: skip
        Gauge.objects.create(name="g", minute=ago(KEPT.GAUGE_DAYS, more), least=1, most=1, last=1, samples=1)
        end = ago(KEPT.RUN_SUMMARY_DAYS, more)
        RunSummary.objects.create(
            tenant=acme, kind="day", start=end - timedelta(days=1), end=end, generated_at=end, body={}
        )
        at = ago(KEPT.ALERT_DAYS, more)
        alert(acme, "gone", state="recovered", opened_at=at, last_seen_at=at, recovered_at=at)
    long_ago = ago(KEPT.ALERT_DAYS * 2)
    still_open = alert(acme, "open", opened_at=long_ago, last_seen_at=long_ago)
    counts = services.retain(now=now)
    names = ("request metrics", "gauges", "run summaries", "recovered alerts")
    assert [counts[name] for name in names] == [1, 1, 1, 1]
    assert Alert.objects.filter(pk=still_open.pk).exists()
    assert [model.objects.count() for model in (RequestMetric, Gauge, RunSummary, Alert)] == [1, 1, 1, 2]


def test_a_name_of_what_is_deleted_is_taken_once():
    with pytest.raises(ValueError, match="gauges"):
        services.register_expired("gauges", lambda _now: Gauge.objects.none())
