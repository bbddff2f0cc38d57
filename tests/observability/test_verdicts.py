"""Verdicts of now, against the database: one look at all alarms, what stands, faults of sources, clocks that jump."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core import checks
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from observability import metrics
from observability.messages.verdicts import say, say_lazily
from observability.metrics import Kind, Metric
from observability.models import Gauge, Pulse, Standing
from observability.rules.verdicts import (
    RATIO,
    Above,
    Below,
    Drift,
    Reason,
    Rule,
    Sample,
    Target,
    Times,
    judge,
    no_data,
)
from observability.services import Judged, drift, evaluate, verdict
from observability.services.verdicts import check_rules
from observability.states import VerdictStatus
from tenancy.models import Tenant
from tests.observability.measures import HOUR, Orchard, SomeAlarm, requests

OK, WARNING, BREACH, NO_DATA = VerdictStatus
MINUTE, DAY, WEEK = (timedelta(**{unit: 1}) for unit in ("minutes", "days", "weeks"))


HARVEST = SomeAlarm(above=Decimal(10))


@pytest.fixture
def orchard(registry: None) -> Orchard:
    metrics.declare(Metric("harvest", "count", Kind.LEVEL, "Apples"))
    source = Orchard()
    metrics.register_source("harvest", source)
    return source


def statuses(judged: Sequence[Judged[Any]]) -> dict[tuple[str, str], str]:
    return {(each.alarm.name, each.tenant.slug): each.verdict.status.value for each in judged}


# ---- one look ----------------------------------------------------------------------------------------------------


def test_all_alarms_of_the_configuration_for_all_tenants(
    tenants: dict[str, Tenant], public: Tenant, now: datetime
) -> None:
    requests(tenants["acme"], now - MINUTE, {"200": 80, "500": 20})
    requests(tenants["globex"], now - MINUTE, {"200": 100}, ms=7000.0)
    requests(tenants["pilot"], now - MINUTE, {"200": 19})
    Gauge.objects.create(name="queue_depth", minute=now - MINUTE, least=0.0, most=51.0, last=0.0, samples=6)
    alarms = settings.THRESHOLDS.watched()
    judged = evaluate(alarms=alarms, tenants=list(tenants.values()), now=now)
    per_tenant = [alarm for alarm in alarms if alarm.scope == "tenant"]
    assert len(judged) == len(per_tenant) * 3 + len(alarms) - len(per_tenant)
    found = statuses(judged)
    assert found["error_5xx_rate", "acme"] == found["http_5xx_burst", "acme"] == "breach"
    assert found["error_5xx_rate", "globex"] == "ok"
    assert found["error_5xx_rate", "pilot"] == "no_data"  # 19 of at least 20
    assert found["request_latency", "globex"] == "breach"  # beyond twice the fallback
    assert found["request_latency", "acme"] == "ok"
    assert found["queue_depth_max", public.slug] == "breach"
    assert found["queue_stuck", public.slug] == "no_data"
    assert found["SEC-CROSS-SCOPE-001", "acme"] == "ok"
    assert found["s1_rate", "acme"] == "no_data"
    by_name = {each.alarm.name: each.verdict for each in judged if each.tenant.slug == "acme"}
    assert by_name["s1_rate"].reason == Reason.NO_SOURCE


def test_a_look_reads_each_metric_once_for_all_tenants(
    orchard: Orchard, tenants: dict[str, Tenant], now: datetime
) -> None:
    both = [HARVEST, replace(HARVEST, name="harvest_high", above=Decimal(20))]
    everybody = list(tenants.values())
    evaluate(alarms=both, tenants=everybody, now=now)
    assert orchard.asked == [([tenant.pk for tenant in everybody], now - HOUR, now)]


def test_a_look_costs_as_many_queries_for_many_tenants_as_for_one(
    tenants: dict[str, Tenant], now: datetime, django_assert_max_num_queries: Any
) -> None:
    alarms = settings.THRESHOLDS.watched()
    with django_assert_max_num_queries(40) as first:
        evaluate(alarms=alarms, tenants=[tenants["acme"]], now=now)
    with django_assert_max_num_queries(len(first)):
        evaluate(alarms=alarms, tenants=list(tenants.values()), now=now + MINUTE)


def test_no_tenants_are_no_verdicts(orchard: Orchard, now: datetime, db: None) -> None:
    assert evaluate(alarms=[HARVEST], tenants=[], now=now) == []


# ---- what stands -------------------------------------------------------------------------------------------------


def test_what_stands_is_written_when_it_changes(orchard: Orchard, acme: Tenant, now: datetime) -> None:
    def look(apples: int, at: datetime) -> Standing:
        orchard.apples = {acme.pk: apples}
        evaluate(alarms=[HARVEST], tenants=[acme], now=at)
        return Standing.objects.get()

    first = look(5, now)
    assert (first.rule, first.tenant, first.status, first.since) == ("harvest_low", acme, "ok", now)
    assert first.verdict["value"] == 5
    unchanged = look(6, now + MINUTE)
    assert (unchanged.since, unchanged.verdict["value"]) == (now, 5)
    broken = look(11, now + 2 * MINUTE)
    assert (broken.pk, broken.status, broken.since) == (first.pk, "breach", now + 2 * MINUTE)
    assert broken.verdict["value"] == 11
    assert (
        broken.verdict
        == evaluate(alarms=[HARVEST], tenants=[acme], now=now + 2 * MINUTE)[0].verdict.as_json()
    )


def test_a_look_that_changes_nothing_writes_only_its_pulse(
    orchard: Orchard, acme: Tenant, now: datetime
) -> None:
    orchard.apples = {acme.pk: 5}
    evaluate(alarms=[HARVEST], tenants=[acme], now=now)
    with CaptureQueriesContext(connection) as seen:
        evaluate(alarms=[HARVEST], tenants=[acme], now=now + MINUTE)
    writes = [each["sql"] for each in seen if each["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(writes) == 1
    assert "observability_pulse" in writes[0]


# ---- faults ------------------------------------------------------------------------------------------------------


def test_a_source_that_raises_takes_no_other_along(
    orchard: Orchard, acme: Tenant, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(tenants: Sequence[Tenant], since: datetime, until: datetime) -> Mapping[int, Sample]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM secrets_of_the_server")
        raise AssertionError

    metrics.declare(Metric("blight", "count", Kind.COUNT, "Blight"))
    metrics.register_source("blight", broken)
    orchard.apples = {acme.pk: 11}
    alarms = [replace(HARVEST, name="blight", metric="blight"), HARVEST]
    first, second = evaluate(alarms=alarms, tenants=[acme], now=now)
    assert (first.verdict.status, first.verdict.reason) == (NO_DATA, Reason.SOURCE_FAILED)
    assert first.verdict.fault == "its source raised ProgrammingError"
    assert second.verdict.status == BREACH
    assert Standing.objects.count() == 2
    assert "the source of blight failed" in caplog.text
    assert "secrets_of_the_server" in caplog.text
    assert "blight is no data in acme: source_failed" in caplog.text


def test_one_tenant_s_bad_sample_spoils_only_its_own_verdict(
    orchard: Orchard, tenants: dict[str, Tenant], now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    acme, globex, pilot = (tenants[slug] for slug in ("acme", "globex", "pilot"))
    late = now + timedelta(seconds=settings.THRESHOLDS.verdict.FUTURE_SECONDS + 1)
    orchard.apples = {
        acme.pk: Sample("kilogram", 1, now - HOUR, now, value=11),
        globex.pk: Sample("count", 1, now - HOUR, late, value=11),
        pilot.pk: 11,
    }
    judged = evaluate(alarms=[HARVEST], tenants=list(tenants.values()), now=now)
    found = {each.tenant.slug: (each.verdict.status, each.verdict.reason) for each in judged}
    assert found == {
        "acme": (NO_DATA, Reason.WRONG_UNIT),
        "globex": (NO_DATA, Reason.FROM_THE_FUTURE),
        "pilot": (BREACH, Reason.BEYOND),
    }
    assert "harvest_low is no data in acme: wrong_unit: measured in 'kilogram'" in caplog.text
    assert "harvest_low is no data in globex: from_the_future" in caplog.text


@pytest.mark.parametrize("alarm", [HARVEST, SomeAlarm(factor=Decimal(2), baseline_minutes=1440)])
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"samples": None}, Reason.NOT_A_NUMBER),
        ({"samples": "7"}, Reason.NOT_A_NUMBER),
        ({"value": 10**400}, Reason.NOT_A_NUMBER),
        ({"value": Decimal("1E+400")}, Reason.NOT_A_NUMBER),
        ({"at": None}, Reason.WRONG_TIME),
        ({"since": "2026-11-18"}, Reason.WRONG_TIME),
    ],
)
def test_a_sample_of_the_wrong_types_spoils_only_its_own_verdict(
    orchard: Orchard,
    tenants: dict[str, Tenant],
    now: datetime,
    alarm: SomeAlarm,
    given: dict[str, Any],
    reason: Reason,
) -> None:
    acme, globex = tenants["acme"], tenants["globex"]
    sound = Sample("count", 100, now - HOUR, now, value=5)
    orchard.apples = {acme.pk: replace(sound, **given), globex.pk: sound}
    orchard.before = {acme.pk: 5, globex.pk: 5}
    ours, theirs = (each.verdict for each in evaluate(alarms=[alarm], tenants=[acme, globex], now=now))
    assert (ours.status, ours.reason, theirs.status) == (NO_DATA, reason, OK)
    assert ours.fault


@pytest.mark.parametrize("answer", [None, 7, "text", {1: 2}])
def test_an_answer_that_is_none_at_all(orchard: Orchard, acme: Tenant, now: datetime, answer: Any) -> None:
    metrics.declare(Metric("odd", "count", Kind.COUNT, "Odd"))
    metrics.register_source("odd", lambda tenants, since, until: {acme.pk: 2} if answer == {1: 2} else answer)
    judged = evaluate(alarms=[replace(HARVEST, metric="odd")], tenants=[acme], now=now)
    assert judged[0].verdict.status == NO_DATA
    assert judged[0].verdict.reason in {Reason.SOURCE_FAILED, Reason.NO_SAMPLE}


def test_an_unknown_metric_is_no_data_and_logged(
    orchard: Orchard, acme: Tenant, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    orchard.apples = {acme.pk: 11}
    alarms = [replace(HARVEST, name="typo", metric="harvset"), HARVEST]
    judged = evaluate(alarms=alarms, tenants=[acme], now=now)
    assert [each.verdict.reason for each in judged] == [Reason.UNKNOWN_METRIC, Reason.BEYOND]
    assert "typo is no data in acme: unknown_metric: nobody declared the metric 'harvset'" in caplog.text


def test_an_alarm_that_makes_no_rule_is_logged_and_left_out(
    orchard: Orchard, acme: Tenant, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    orchard.apples = {acme.pk: 11}
    judged = evaluate(alarms=[replace(HARVEST, name="none", above=None), HARVEST], tenants=[acme], now=now)
    assert [each.alarm.name for each in judged] == ["harvest_low"]
    assert "the alarm none makes no rule" in caplog.text


def test_a_clock_that_went_back_costs_one_look(
    orchard: Orchard, acme: Tenant, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    orchard.apples = {acme.pk: 5}
    evaluate(alarms=[HARVEST], tenants=[acme], now=now + DAY)
    orchard.apples = {acme.pk: 11}
    lost = evaluate(alarms=[HARVEST], tenants=[acme], now=now)[0].verdict
    assert (lost.status, lost.reason) == (NO_DATA, Reason.CLOCK_WENT_BACK)
    assert "the last evaluation was at 2026-11-19" in caplog.text
    assert verdict(rule=lost.rule, tenant=acme, now=now - HOUR).reason == Reason.CLOCK_WENT_BACK
    assert (Standing.objects.get().status, Standing.objects.get().since) == ("ok", now + DAY)
    caplog.clear()
    found = evaluate(alarms=[HARVEST], tenants=[acme], now=now + MINUTE)[0].verdict
    assert found.status == BREACH
    assert (Standing.objects.get().status, Standing.objects.get().since) == ("breach", now + MINUTE)
    assert not caplog.records


def test_what_stands_since_the_future_is_put_right(orchard: Orchard, acme: Tenant, now: datetime) -> None:
    orchard.apples = {acme.pk: 5}
    for at in (now + DAY, now, now + MINUTE):
        evaluate(alarms=[HARVEST], tenants=[acme], now=at)
    assert Standing.objects.get().since == now + MINUTE


def test_clocks_of_two_machines_may_differ_a_little(orchard: Orchard, acme: Tenant, now: datetime) -> None:
    orchard.apples = {acme.pk: 5}
    slack = timedelta(seconds=settings.THRESHOLDS.verdict.FUTURE_SECONDS)
    evaluate(alarms=[HARVEST], tenants=[acme], now=now)
    assert evaluate(alarms=[HARVEST], tenants=[acme], now=now - slack)[0].verdict.status == OK


# ---- baselines, gates, drift -------------------------------------------------------------------------------------

TWICE = SomeAlarm(name="harvest_doubled", factor=Decimal(2), baseline_minutes=24 * 60, min_samples=100)


def test_a_baseline_is_read_once_an_hour_and_only_where_it_is_needed(
    orchard: Orchard, tenants: dict[str, Tenant], now: datetime
) -> None:
    acme, globex, pilot = (tenants[slug] for slug in ("acme", "globex", "pilot"))
    few = Sample("count", 99, now - HOUR, now, value=50)
    orchard.apples = {acme.pk: 21, globex.pk: few}
    orchard.before = {acme.pk: 10, globex.pk: 10, pilot.pk: 10}
    found = evaluate(alarms=[TWICE], tenants=list(tenants.values()), now=now)
    assert statuses(found) == {
        ("harvest_doubled", "acme"): "breach",
        ("harvest_doubled", "globex"): "no_data",
        ("harvest_doubled", "pilot"): "no_data",
    }
    until = now - HOUR
    assert orchard.asked[1:] == [([acme.pk], until - DAY, until)]
    orchard.apples[globex.pk] = 21
    evaluate(alarms=[TWICE], tenants=list(tenants.values()), now=now + MINUTE)
    assert orchard.asked[3:] == [([globex.pk], until - DAY, until)]
    evaluate(alarms=[TWICE], tenants=list(tenants.values()), now=now + 2 * MINUTE)
    assert len(orchard.asked) == 5
    evaluate(alarms=[TWICE], tenants=list(tenants.values()), now=now + HOUR)
    assert orchard.asked[6:] == [([acme.pk, globex.pk], until - DAY + HOUR, until + HOUR)]


def test_a_baseline_that_cannot_be_read_is_tried_again(orchard: Orchard, acme: Tenant, now: datetime) -> None:
    orchard.apples, orchard.before = {acme.pk: 21}, {acme.pk: 10}
    works = [False, True]

    def flaky(tenants: Sequence[Tenant], since: datetime, until: datetime) -> Mapping[int, Sample]:
        if until - since == DAY and not works.pop(0):
            raise OSError("away")
        return orchard(tenants, since, until)

    metrics._sources["harvest"] = flaky
    first = evaluate(alarms=[TWICE], tenants=[acme], now=now)[0].verdict
    again = evaluate(alarms=[TWICE], tenants=[acme], now=now + MINUTE)[0].verdict
    assert (first.reason, again.status) == (Reason.SOURCE_FAILED, BREACH)


def test_a_gate_asks_one_rule_about_one_tenant(orchard: Orchard, acme: Tenant, now: datetime) -> None:
    rule = Rule("harvest", "count", HOUR, Below(10), min_samples=50)
    orchard.apples = {acme.pk: 9}
    assert verdict(rule=rule, tenant=acme, now=now).status == BREACH
    orchard.apples = {}
    assert verdict(rule=rule, tenant=acme, now=now).status == NO_DATA
    assert not Standing.objects.exists()
    assert not Pulse.objects.filter(name__startswith="verdicts").exists()


def test_a_gate_may_bring_its_own_baseline(orchard: Orchard, acme: Tenant, now: datetime) -> None:
    rule = Rule("harvest", "count", HOUR, Times(2, DAY))
    orchard.apples, orchard.before = {acme.pk: 21}, {acme.pk: 10}
    first_day = (now - WEEK, now - WEEK + DAY)
    found = verdict(rule=rule, tenant=acme, now=now, baseline=first_day)
    assert found.status == BREACH
    assert found.baseline is not None
    assert (found.baseline.since, found.baseline.until) == first_day


def test_a_metric_of_the_platform_says_nothing_of_a_tenant(
    acme: Tenant, public: Tenant, now: datetime
) -> None:
    Gauge.objects.create(name="queue_depth", minute=now - MINUTE, least=0.0, most=51.0, last=0.0, samples=6)
    rule = Rule("queue_depth_max", "count", HOUR, Above(50))
    assert verdict(rule=rule, tenant=public, now=now).status == BREACH
    assert verdict(rule=rule, tenant=acme, now=now).status == NO_DATA


def test_drift_of_the_configuration_week_by_week(
    registry: None, tenants: dict[str, Tenant], now: datetime
) -> None:
    acme, globex, pilot = (tenants[slug] for slug in ("acme", "globex", "pilot"))

    def weeks(asked: Sequence[Tenant], since: datetime, until: datetime) -> Mapping[int, Sample]:
        this = {acme.pk: (20, 100), globex.pk: (14, 100), pilot.pk: (10, 19)}
        last = {acme.pk: (10, 100), globex.pk: (10, 100), pilot.pk: (0, 100)}
        given = this if until == now else last
        return {key: Sample(RATIO, whole, since, until, events=part) for key, (part, whole) in given.items()}

    metrics.register_source("s1_rate", weeks)
    found = statuses(drift(tenants=list(tenants.values()), now=now))
    assert found["S1_RATE_DRIFT", "acme"] == "breach"
    assert found["S1_RATE_DRIFT", "globex"] == "ok"
    assert found["S1_RATE_DRIFT", "pilot"] == "no_data"
    assert found["OCR_SUSPECT_DRIFT", "acme"] == "no_data"
    assert Standing.objects.filter(rule="S1_RATE_DRIFT", status="breach").count() == 1


# ---- the configuration -------------------------------------------------------------------------------------------


def configured(monkeypatch: pytest.MonkeyPatch, *alarms: SomeAlarm) -> list[str | None]:
    ours = SimpleNamespace(
        watched=lambda: alarms, drift_rules=settings.THRESHOLDS.drift_rules, drift=settings.THRESHOLDS.drift
    )
    monkeypatch.setattr(settings, "THRESHOLDS", ours)
    return [each.id for each in check_rules()]


def test_the_configuration_names_what_is_there() -> None:
    assert check_rules() == []
    assert [each for each in checks.run_checks() if str(each.id).startswith("observability.")] == []


@pytest.mark.parametrize(
    ("alarm", "found"),
    [
        (HARVEST, []),
        (replace(HARVEST, metric="harvset"), ["observability.E001"]),
        (replace(HARVEST, unit="ms"), ["observability.E002"]),
        (replace(HARVEST, scope="platform"), ["observability.E003"]),
        (replace(HARVEST, above=None), ["observability.E004"]),
    ],
)
def test_a_configuration_that_cannot_be_judged_is_an_error(
    orchard: Orchard, monkeypatch: pytest.MonkeyPatch, alarm: SomeAlarm, found: list[str]
) -> None:
    assert configured(monkeypatch, alarm) == found


# ---- words -------------------------------------------------------------------------------------------------------


def said(rule: Rule, sample: Sample | None, baseline: Sample | None = None, *, now: datetime) -> str:
    future = timedelta(seconds=60)
    return say(judge(rule, sample, baseline, now=now, significance=Decimal("0.01"), future=future).as_json())


def test_a_verdict_in_words(now: datetime) -> None:
    def rate(events: int, samples: int) -> Sample:
        return Sample(RATIO, samples, now - 10 * MINUTE, now, events=events)

    rule = Rule("error_5xx_rate", RATIO, 10 * MINUTE, Above(Decimal("0.05")), 20, Target(high=0))
    name = "Answers that are server errors"
    assert said(rule, rate(15, 200), now=now) == (
        f"{name}: 7.5 % (15 of 200) in 10 minutes, above the limit of 5 %."
    )
    assert said(rule, rate(50_001, 1_000_000), now=now) == (
        f"{name}: 5.0001 % (50,001 of 1,000,000) in 10 minutes, above the limit of 5 %."
    )
    assert (
        said(rule, rate(1, 200), now=now)
        == f"{name}: 0.5 % (1 of 200) in 10 minutes; healthy is at most 0 %."
    )
    assert (
        said(rule, rate(0, 200), now=now) == f"{name}: 0 % (0 of 200) in 10 minutes, within the limit of 5 %."
    )
    assert said(rule, rate(1, 3), now=now) == (
        f"{name}: no data, because only 3 of at least 20 samples came in 10 minutes."
    )
    assert said(rule, None, now=now) == f"{name}: no data, because nothing was measured in 10 minutes."
    assert said(replace(rule, metric="gone"), None, now=now).startswith("gone: no data")


def test_a_baseline_in_words(now: datetime) -> None:
    rule = Rule("p95_request_ms", "ms", 30 * MINUTE, Times(2, DAY, fallback=3000), 20)

    def latency(value: float, until: datetime) -> Sample:
        return Sample("ms", 100, until - 30 * MINUTE, until, value=value)

    usual = latency(750.4, now - 30 * MINUTE)
    name = "95th percentile of the time of a request"
    assert said(rule, latency(1600.0, now), usual, now=now) == (
        f"{name}: 1,600 ms in 30 minutes, more than 2 times the usual 750 ms."
    )
    assert (
        said(rule, latency(100.0, now), now=now)
        == f"{name}: 100 ms in 30 minutes, within 2 times the usual 3,000 ms."
    )
    burst = Rule("http_5xx_burst", "count", 5 * MINUTE, Times(Decimal("1.5"), DAY))
    few = Sample("count", 9, now - 5 * MINUTE, now, events=2)
    usually = Sample("count", 900, now - DAY, now - 5 * MINUTE, events=287)
    assert said(burst, few, usually, now=now) == (
        "Server errors: 2 in 5 minutes, more than 1.5 times the usual 1, but so few that it may be chance."
    )


def test_drift_in_words(now: datetime) -> None:
    rule = Rule("s1_rate", RATIO, WEEK, Drift(2, 5), 20)
    week = Sample(RATIO, 100, now - WEEK, now, events=20)
    before = Sample(RATIO, 100, now - 2 * WEEK, now - WEEK, events=8)
    assert said(rule, week, before, now=now) == (
        "S1 among quality incidents: 20 % (20 of 100) in 7 days, 8 % in as long before. That is a drift."
    )


def test_every_reason_has_words(now: datetime) -> None:
    rule = Rule("http_5xx_burst", "count", HOUR, Above(5))
    for reason in list(Reason)[list(Reason).index(Reason.NO_SOURCE) :]:
        text = say(no_data(rule, reason, now=now).as_json())
        assert text.startswith("Server errors: no data, because ")
        assert text.endswith(".")


def test_words_wait_for_their_reader(now: datetime) -> None:
    rule = Rule("p95_request_ms", "ms", HOUR, Above(6000))
    sample = Sample("ms", 5, now - HOUR, now, value=6001.0)
    later = say_lazily(judge(rule, sample, now=now, significance=Decimal("0.01"), future=HOUR).as_json())
    with translation.override("en"):
        assert "6,001 ms in 1 hour, above the limit of 6,000 ms" in str(later)
    with translation.override("tr"):
        assert "6.001 ms" in str(later)
