"""Hours of requests: the sum of their minutes, whoever writes what when, and as good as minutes to read."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from ddsketch import DDSketch
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from observability.models import RequestHour, RequestMetric
from observability.recording import Counted
from observability.services import evaluate, forget_baselines, request_figures, store_requests
from observability.services.requests import _read, quantiles
from tenancy import services
from tenancy.models import Tenant

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HOURS = 4
MIDDLES = ("10", "10.2", "61.2002", "0.001", "4200")  # of bins, two of them too near for one relative error


def asked(
    tenant: Tenant | None, at: datetime, *, count: int = 1, ms: str = "10", code: str = "200"
) -> Counted:
    key = tenant.pk if tenant else None
    return Counted(key, "r", "GET", at, {code: count}, {ms: count}, float(ms) * count)


def merged(rows: Sequence[Counted], name: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for row in rows:
        found.update(getattr(row, name))
    return dict(found)


def check_sums() -> None:
    """Each hour is the sum of its minutes, and there is one for each."""
    sums: dict[Any, tuple[Counter[str], Counter[str]]] = {}
    for row in RequestMetric.objects.all():
        codes, bins = sums.setdefault((row.tenant_id, row.minute.replace(minute=0)), (Counter(), Counter()))
        codes.update(row.codes)
        bins.update(row.bins)
    kept = {(row.tenant_id, row.hour): (row.codes, row.bins) for row in RequestHour.objects.all()}
    assert kept == sums


# ---- as good as minutes ------------------------------------------------------------------------------------------

MINUTES = st.integers(0, HOURS * 60 - 1)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["acme", "globex", None]),
        MINUTES,
        st.sampled_from(["a", "b"]),
        st.dictionaries(st.sampled_from(["200", "404", "500"]), st.integers(1, 9), min_size=1),
        st.dictionaries(st.sampled_from(MIDDLES), st.integers(1, 9), min_size=1),
    ),
    min_size=1,
    max_size=24,
)
EDGES = st.tuples(*[st.integers(-3600, (HOURS + 1) * 3600)] * 2).map(sorted)
BEFORE_AND_NOW = how(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@BEFORE_AND_NOW
@given(
    rows=ROWS,
    parts=st.randoms(use_true_random=False),
    since_and_until=EDGES,
    whole=st.booleans(),
    upgrade=st.none() | MINUTES,
)
def test_a_span_is_the_sum_of_its_minutes_in_whatever_order_they_were_written(
    tenants, public, rows, parts, since_and_until, whole, upgrade
):
    """Before `upgrade` only minutes were kept. A `whole` span begins and ends with hours, as baselines do."""
    counted = [
        Counted(tenants[slug].pk if slug else None, route, "GET", START + minute * MINUTE, codes, bins, 1.0)
        for slug, minute, route, codes, bins in rows
    ]
    since, until = (START + timedelta(seconds=edge) for edge in since_and_until)
    if whole:
        since, until = since.replace(minute=0, second=0), until.replace(minute=0, second=0)
    parts.shuffle(counted)
    with transaction.atomic():
        if upgrade is not None:
            old = [row for row in counted if row.minute < START + upgrade * MINUTE]
            write(old, parts)
            RequestHour.objects.all().delete()
            write([row for row in counted if row not in old], parts)
        else:
            write(counted, parts)
            check_sums()
        span = {"since": since, "until": until}
        found = request_figures([tenants["acme"], tenants["globex"]], **span)
        alone = [request_figures([tenants[slug]], **span) for slug in ("acme", "globex")]
        platform = request_figures(None, **span)[public.pk]
        plain = _read("tenant_id", list(found), ("codes", "bins"), by_hour=False, **span)
        transaction.set_rollback(True)
    assert {key: of for key, of in found.items() if of.count} == plain
    assert [{key: of} for key, of in found.items()] == alone  # nobody's who was not asked for
    within = [row for row in counted if since <= row.minute < until]
    for slug in ("acme", "globex"):
        check_figures(found[tenants[slug].pk], [row for row in within if row.tenant == tenants[slug].pk])
    check_figures(platform, within)


def write(rows: Sequence[Counted], parts: Any) -> None:
    """In flushes of any size; each has a series once and in order, as a recorder hands it on."""
    left = list(rows)
    while left:
        flush: dict[Any, Counted] = {}
        for row in left[: parts.randint(1, len(left))]:
            flush.setdefault((row.tenant or 0, row.minute, row.route), row)
        store_requests([row for _key, row in sorted(flush.items())])
        written = {id(row) for row in flush.values()}
        left = [row for row in left if id(row) not in written]


def check_figures(found: Any, rows: Sequence[Counted]) -> None:
    codes = merged(rows, "codes")
    assert (found.count, found.codes) == (sum(codes.values()), codes)
    bins = merged(rows, "bins")
    answers = [found.p50_ms, found.p95_ms, found.p99_ms]
    assert answers == (quantiles(bins, 0.50, 0.95, 0.99) if bins else [None] * 3)


@given(
    bins=st.dictionaries(st.floats(0.001, 1e6).map(lambda ms: f"{ms:.6g}"), st.integers(1, 10**6), min_size=1)
)
def test_quantiles_of_bins_are_the_library_s(bins):
    error = float(settings.THRESHOLDS.metrics.SKETCH_ERROR)
    sketch = DDSketch(error)
    for middle, count in bins.items():
        sketch.add(float(middle), count)
    asked_for = (0.0, 0.50, 0.95, 0.99, 1.0)
    found = quantiles(bins, *asked_for)
    theirs = [sketch.get_quantile_value(each) for each in asked_for]
    assert theirs == pytest.approx(found, rel=error * 1.001)  # they find a bin for each middle anew
    assert set(found) <= {float(middle) for middle in bins}


# ---- written -----------------------------------------------------------------------------------------------------


def test_a_flush_of_many_hours_is_one_statement_and_none_of_a_tenant_that_is_gone(acme, globex, public):
    rows = [
        asked(None, START),
        asked(acme, START, count=2),
        asked(acme, START + 59 * MINUTE, count=3, ms="20", code="500"),
        asked(acme, START + HOUR, count=4),
        asked(globex, START),
        Counted(10**9, "r", "GET", START, {"200": 1}, {"10": 1}, 10.0),
        Counted(public.pk, "s", "GET", START, {"200": 1}, {"10": 1}, 10.0),
    ]
    with CaptureQueriesContext(connection) as written:
        store_requests(rows)
    assert len(written) == 1
    check_sums()
    kept = {
        (row.tenant, row.hour): (row.codes, row.bins) for row in RequestHour.objects.select_related("tenant")
    }
    assert kept == {
        (acme, START): ({"200": 2, "500": 3}, {"10": 2, "20": 3}),
        (acme, START + HOUR): ({"200": 4}, {"10": 4}),
        (globex, START): ({"200": 1}, {"10": 1}),
        (public, START): ({"200": 2}, {"10": 2}),
    }


def test_a_minute_that_comes_late_counts_at_once(acme):
    span = {"since": START, "until": START + 2 * HOUR}
    store_requests([asked(acme, START - HOUR), asked(acme, START), asked(acme, START + HOUR)])
    assert request_figures([acme], **span)[acme.pk].count == 2
    store_requests([asked(acme, START + 5 * MINUTE, count=100, ms="900")])
    late = request_figures([acme], **span)[acme.pk]
    assert (late.count, late.p95_ms) == (102, 900.0)
    check_sums()


# ---- read --------------------------------------------------------------------------------------------------------


def test_whole_hours_are_read_without_their_minutes_and_edges_are_minutes(acme, django_assert_num_queries):
    for minutes in range(0, 360, 10):
        store_requests([asked(acme, START + minutes * MINUTE)])
    RequestMetric.objects.filter(minute__gte=START + 2 * HOUR, minute__lt=START + 4 * HOUR).delete()
    with django_assert_num_queries(1):
        found = request_figures([acme], since=START + 90 * MINUTE, until=START + 5 * HOUR - 25 * MINUTE)
    assert found[acme.pk].count == 3 + 12 + 4
    whole = request_figures([acme], since=START + 2 * HOUR, until=START + 4 * HOUR)
    assert whole[acme.pk].count == 12
    RequestHour.objects.exclude(hour=START).delete()
    found = request_figures([acme], since=START + 90 * MINUTE, until=START + 5 * HOUR - 25 * MINUTE)
    assert found[acme.pk].count == 3 + 4


def test_the_first_hour_that_is_kept_may_lack_minutes_and_is_read_by_the_minute(acme):
    store_requests([asked(acme, START + number * HOUR, count=10) for number in range(2)])
    RequestHour.objects.all().delete()  # the release before this table
    span = {"since": START, "until": START + 3 * HOUR}
    assert request_figures([acme], **span)[acme.pk].count == 20
    store_requests([asked(acme, START + HOUR + 30 * MINUTE), asked(acme, START + 2 * HOUR)])
    assert [row.codes for row in RequestHour.objects.order_by("hour")] == [{"200": 1}, {"200": 1}]
    assert request_figures([acme], **span)[acme.pk].count == 22


def test_hours_are_those_of_utc_whatever_zone_a_span_is_given_in(acme):
    delhi = timezone(timedelta(hours=5, minutes=30))
    store_requests([asked(acme, START + minutes * MINUTE) for minutes in range(-60, 180, 10)])
    since = START.astimezone(delhi)
    assert since.minute == 30
    assert request_figures([acme], since=since, until=since + 2 * HOUR)[acme.pk].count == 12


def test_counts_alone_are_the_same_counts(acme):
    store_requests([asked(acme, START - HOUR), asked(acme, START, code="503"), asked(acme, START + HOUR)])
    span = {"since": START, "until": START + 90 * MINUTE}
    full, counts = (request_figures([acme], durations=each, **span)[acme.pk] for each in (True, False))
    assert (counts.count, counts.codes, counts.total_5xx) == (full.count, full.codes, 1)
    assert (full.p95_ms, counts.p95_ms) == (10.0, None)


# ---- in verdicts -------------------------------------------------------------------------------------------------

LATENCY = [alarm for alarm in settings.THRESHOLDS.watched() if alarm.name == "request_latency"]


def judged(tenants: Sequence[Tenant], now: datetime) -> dict[str, tuple[str, float | None, float | None]]:
    """Status, p95 and the baseline's, by tenant."""
    forget_baselines()
    found = {}
    for each in evaluate(alarms=LATENCY, tenants=tenants, now=now):
        body = each.verdict.as_json()
        baseline = body.get("baseline") or {}
        found[each.tenant.slug] = (body["status"], body["value"], baseline.get("value"))
    return found


def test_a_tenant_is_held_against_its_own_day_and_no_other_s(tenants, now, django_assert_num_queries):
    acme, globex, pilot = (tenants[slug] for slug in ("acme", "globex", "pilot"))
    since = now - DAY
    for tenant, usual, lately in ((acme, "100", "150"), (globex, "10", "150"), (pilot, "5000", "150")):
        store_requests([asked(tenant, since + number * HOUR, count=30, ms=usual) for number in range(23)])
        store_requests([asked(tenant, now - 5 * MINUTE, count=30, ms=lately)])
    together = judged(list(tenants.values()), now)
    assert together == {
        "acme": ("ok", 150, 100),
        "globex": ("breach", 150, 10),
        "pilot": ("ok", 150, 5000),
    }
    for tenant in tenants.values():
        assert judged([tenant], now) == {tenant.slug: together[tenant.slug]}


def test_a_day_of_many_tenants_is_read_with_one_query(tenants, now):
    def queries(some: list[Tenant]) -> int:
        forget_baselines()
        with CaptureQueriesContext(connection) as asked_for:
            evaluate(alarms=LATENCY, tenants=some, now=now)
        return sum("observability_requesthour" in each["sql"] for each in asked_for)

    for tenant in tenants.values():
        store_requests([asked(tenant, now - 5 * MINUTE, count=30)])
    everybody = list(tenants.values())
    assert queries(everybody[:1]) == queries(everybody) == 1


# ---- how long they stay --------------------------------------------------------------------------------------------


def test_hours_go_with_their_minutes_and_with_their_tenant(acme, globex, system, now):
    before = now - timedelta(days=settings.THRESHOLDS.retention.REQUEST_METRIC_DAYS)
    store_requests([asked(acme, before - HOUR), asked(acme, before), asked(globex, before)])
    counts = services.retain(now=now)
    assert (counts["request metrics"], counts["requests by the hour"]) == (1, 1)
    check_sums()
    services.suspend_tenant(tenant=acme, reason="gone", by=system, now=now)
    services.purge_tenant(tenant=acme, typed_slug="acme", by=system, now=now)
    for model in (RequestMetric, RequestHour):
        assert list(model.objects.values_list("tenant", flat=True)) == [globex.pk]
