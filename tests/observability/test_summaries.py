"""A tenant's day: counted once, stored, told, logged; at its midnight, and again when a midnight was missed."""

import io
import json
import logging
import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
import time_machine
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from hypercare import services as hypercare
from observability import services
from observability.models import Duty, Gauge, RequestMetric, RunSummary
from observability.rules.periods import Period, begins, period_of
from observability.services import summaries, summary_words
from observability.states import Owner, SummaryKind
from observability.tasks import plan_summaries
from tenancy import deadlines
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.deadlines import Swept
from tenancy.errors import Conflict, Invalid, NotAllowed
from tenancy.journal.models import Event
from tenancy.models import Deadline, Delivery, Tenant
from tenancy.services import resume_tenant, suspend_tenant
from tenancy.states import Role, StaffRole
from tests import factories

pytestmark = pytest.mark.django_db
SCHEMA = json.loads((Path(__file__).parent / "run_summary.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
# Of NOW, 2026-11-18 09:00 UTC, a Wednesday: the day before, in Istanbul.
TUESDAY = date(2026, 11, 17)
WAIT = timedelta(seconds=settings.THRESHOLDS.summary.WAIT_SECONDS)
GUIDE = Path(settings.BASE_DIR) / "docs" / "guides" / "run-summaries.md"


@pytest.fixture(autouse=True)
def founded(acme: Tenant, now: datetime) -> None:
    """acme is ten days old."""
    Tenant.objects.filter(pk=acme.pk).update(created_at=now - timedelta(days=10))
    acme.refresh_from_db()


@pytest.fixture
def tuesday(acme: Tenant) -> Period:
    period = period_of(TUESDAY, acme.time_zone)
    assert period
    return period


@pytest.fixture
def lines(django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the product's own handler writes for what `work` commits."""

    def written(work: Any) -> list[str]:
        handler = logging.getLogger("run_summary").handlers[0]
        stream = io.StringIO()
        monkeypatch.setattr(handler, "stream", stream)
        with django_capture_on_commit_callbacks(execute=True):
            work()
        return stream.getvalue().splitlines()

    return written


def summarised(acme, period, system, **given):
    now = given.pop("now", period.end + WAIT)
    return services.summarise(tenant=acme, period=period, by=system, now=now, **given)


def sweep(tenant, now):
    total = Swept()
    with entering(tenant):
        deadlines.sweep_tenant(tenant, now=now, total=total)
    return total


def days(tenant):
    rows = RunSummary.objects.filter(tenant=tenant, kind=SummaryKind.DAY).order_by("start")
    return [row.body["period"]["day"] for row in rows]


# ---- one summary ------------------------------------------------------------------------------------------------


def test_a_summary_is_as_the_contract_says(acme, tuesday, system):
    row = summarised(acme, tuesday, system)
    VALIDATOR.validate(row.body)
    VALIDATOR.validate(json.loads(services.log_line(row.body)))
    assert row.body["tenant_id"] == "acme"
    assert row.body["config_hash"] == settings.CONFIG_HASH
    assert row.body["build_id"] == settings.BUILD_ID
    assert row.body["period"] == {
        "start": "2026-11-17T00:00:00+03:00",
        "end": "2026-11-18T00:00:00+03:00",
        "day": "2026-11-17",
        "time_zone": "Europe/Istanbul",
    }
    assert row.body["generated_at"] == "2026-11-17T21:01:00Z"
    assert row.body["counts"]["total_invoices"] == 0
    assert set(row.body["rates"].values()) == {0.0}
    assert row.body["latency"]["pipeline_total_ms"] == {"p50": None, "p95": None, "p99": None}
    assert row.body["missing"] == []


def test_requests_and_the_queue_are_those_of_the_period(acme, globex, tuesday, system):
    inside, outside = tuesday.start + timedelta(hours=9), tuesday.end
    for tenant, minute, codes, bins in (
        (acme, inside, {"200": 97, "404": 2, "500": 1}, {"100": 100}),
        (acme, outside, {"500": 5}, {"5000": 5}),
        (globex, inside, {"500": 7}, {"5000": 7}),
    ):
        RequestMetric.objects.create(
            tenant=tenant, route="r", method="GET", minute=minute, codes=codes, bins=bins, total_ms=1
        )
    for minute, most, last in ((inside, 3, 1), (inside + timedelta(minutes=1), 2, 2), (outside, 90, 90)):
        Gauge.objects.create(name="queue_depth", minute=minute, least=0, most=most, last=last, samples=6)
    Gauge.objects.create(name="queue_stuck", minute=outside, least=0, most=1, last=1, samples=6)
    body = summarised(acme, tuesday, system).body
    VALIDATOR.validate(body)
    assert body["requests"] == {"count": 100}
    assert body["errors"] == {"by_code": {"404": 2, "500": 1}, "total_4xx": 2, "total_5xx": 1}
    assert body["latency"]["request_ms"]["p95"] == pytest.approx(100, rel=0.02)
    assert body["queue"] == {
        "current_depth": 2,
        "max_depth_in_period": 3,
        "stuck_detected": False,
        "minutes_measured": 2,
    }
    Gauge.objects.create(name="queue_stuck", minute=inside, least=0, most=1, last=0, samples=6)
    RunSummary.objects.all().delete()
    assert summarised(acme, tuesday, system).body["queue"]["stuck_detected"] is True


def test_asked_again_it_is_the_same_row_told_once(acme, tuesday, system, users, lines):
    first = None

    def both():
        nonlocal first
        first = summarised(acme, tuesday, system)
        again = summarised(acme, tuesday, system, now=tuesday.end + timedelta(days=3))
        assert again == first
        assert again.generated_at == first.generated_at

    assert len(lines(both)) == 1
    with entering(acme):
        event = Event.objects.get(verb="run_summary.made")
    assert event.subject == f"run_summary:{first.pk}"
    assert event.data["summary"] == first.body
    told = Delivery.objects.filter(message="run_summary.made")
    assert {row.recipient for row in told} == {f"user:{users[role].pk}" for role in ("manager", "admin")}


def test_what_is_rolled_back_is_logged_by_nobody(acme, tuesday, system, lines):
    def failing():
        with pytest.raises(RuntimeError), deadlines.atomic(savepoint=True):
            summarised(acme, tuesday, system)
            raise RuntimeError

    assert lines(failing) == []
    assert not RunSummary.objects.exists()


def test_it_is_refused_before_its_end_for_the_wrong_and_for_the_closed(acme, public, tuesday, system, now):
    with pytest.raises(Invalid):
        summarised(acme, tuesday, system, now=tuesday.end - timedelta(seconds=1))
    with pytest.raises(NotAllowed):
        summarised(acme, tuesday, Actor.member(1, Role.AGENT))
    with pytest.raises(NotAllowed):
        summarised(acme, tuesday, Actor.staff(1, StaffRole.SUPPORT))
    with pytest.raises(Conflict):
        summarised(public, tuesday, system)
    suspend_tenant(tenant=acme, reason="x", by=system, now=now)
    acme.refresh_from_db()
    with pytest.raises(Conflict):
        summarised(acme, tuesday, system)
    assert not RunSummary.objects.exists()


# ---- contributors -----------------------------------------------------------------------------------------------


@pytest.fixture
def contributors(monkeypatch):
    monkeypatch.setattr(summaries, "_contributors", {})


def test_contributors_fill_the_contracts_counts_and_rates(acme, tuesday, system, contributors):
    found = {"total_invoices": 150, "incident_count": 23, "s1_count": 3, "s2_count": 20, "pilot_batches": 2}
    asked = []
    services.register_counts("pilot", lambda start, end: asked.append((start, end)) or found)
    body = summarised(acme, tuesday, system).body
    VALIDATOR.validate(body)
    assert asked == [(tuesday.start, tuesday.end)]
    assert body["counts"] | found == body["counts"]
    assert body["counts"]["feedback_count"] == 0
    assert (body["rates"]["mismatch_rate"], body["rates"]["s1_rate"]) == (0.1533, 0.1304)
    assert "150 invoices were checked, 23 did not match." in services.sentences(body)
    assert ("Mismatches of all invoices", "15.3 %") in services.shown_rates(body)


def test_a_second_contributor_of_a_name_is_refused(contributors):
    services.register_counts("pilot", lambda start, end: {})
    with pytest.raises(ValueError, match="already"):
        services.register_counts("pilot", lambda start, end: {})


@pytest.mark.parametrize(
    "found",
    [
        {"others_count": 1},
        {"pilot_count": -1},
        {"pilot_count": True},
        {"pilot_count": 1.5},
        {"hypercare_reported": 1},
        None,
    ],
)
def test_who_counts_what_cannot_be_is_missing_and_nothing_else(
    acme, tuesday, system, contributors, caplog, found
):
    services.register_counts("other", lambda start, end: {"other_things": 4})
    services.register_counts("pilot", lambda start, end: found)
    row = summarised(acme, tuesday, system)
    VALIDATOR.validate(row.body)
    assert row.body["missing"] == ["pilot"]
    assert row.body["counts"]["other_things"] == 4
    assert "pilot_count" not in row.body["counts"]
    assert "no counts of pilot" in caplog.text
    assert services.ran_well(row.body) is False
    assert "Could not be counted: pilot." in services.sentences(row.body)


def test_who_spoils_their_transaction_spoils_nothing_else(acme, tuesday, system, contributors, caplog):
    def broken(start, end):
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    services.register_counts("broken", broken)
    services.register_counts("other", lambda start, end: {"other_things": 4})
    row = summarised(acme, tuesday, system)
    assert row.body["missing"] == ["broken"]
    assert row.body["counts"]["other_things"] == 4


def test_the_same_count_twice_is_the_firsts(acme, tuesday, system, contributors, caplog):
    services.register_counts("one", lambda start, end: {"s1_count": 1})
    services.register_counts("two", lambda start, end: {"s1_count": 2, "two_things": 5})
    body = summarised(acme, tuesday, system).body
    assert (body["counts"]["s1_count"], body["missing"]) == (1, ["two"])
    assert "two_things" not in body["counts"]


# ---- words ------------------------------------------------------------------------------------------------------


def body_of(count=0, failed=0, stuck=False, minutes=0, missing=(), p95=120.4):
    return {
        "counts": dict.fromkeys(summaries.COUNTS, 0),
        "rates": {},
        "errors": {"total_5xx": failed, "by_code": {}},
        "requests": {"count": count},
        "latency": {"request_ms": {"p95": p95 if count else None}},
        "queue": {"stuck_detected": stuck, "minutes_measured": minutes},
        "missing": list(missing),
    }


@pytest.mark.parametrize(
    ("body", "well", "said"),
    [
        (body_of(), None, ["How it ran was not measured."]),
        (body_of(minutes=4), True, ["The system ran well."]),
        (
            body_of(count=12345),
            True,
            ["The system ran well.", "12,345 requests were answered, 95 of 100 within 120 ms."],
        ),
        (
            body_of(count=10, failed=2, stuck=True),
            False,
            [
                "2 of 10 requests failed on our side.",
                "The queue stood still for a while.",
                "10 requests were answered, 95 of 100 within 120 ms.",
            ],
        ),
    ],
)
def test_how_it_ran_is_said_in_words(contributors, body, well, said):
    assert services.ran_well(body) is well
    assert services.sentences(body) == said


def test_a_count_that_nobody_names_is_called_as_it_is(contributors):
    assert summary_words.label_of("gone_things") == "gone_things"
    assert services.charted() == "incident_count"


# ---- at midnight ------------------------------------------------------------------------------------------------


def test_every_active_tenant_is_planned_for_with_one_query_when_all_are(
    tenants, public, django_assert_num_queries, system, now
):
    suspend_tenant(tenant=tenants["pilot"], reason="x", by=system, now=now)
    assert services.plan_summaries() == 2
    waiting = Deadline.objects.filter(kind="run_summary.due")
    assert {row.tenant.slug for row in waiting} == {"acme", "globex"}
    assert waiting.get(tenant=tenants["globex"]).due_at == datetime(2026, 11, 18, 21, 1, tzinfo=UTC)
    with django_assert_num_queries(1):
        assert services.plan_summaries() == 0
    plan_summaries()
    assert waiting.count() == 2


def test_missed_days_are_made_oldest_first_and_the_next_is_planned(acme, now):
    services.plan_summaries()
    while sweep(acme, now).fired:
        pass
    assert days(acme) == [f"2026-11-{number:02}" for number in range(8, 18)]
    rows = RunSummary.objects.filter(tenant=acme).order_by("pk")
    assert [row.body["period"]["day"] for row in rows] == days(acme)
    assert Deadline.objects.get(tenant=acme).due_at == datetime(2026, 11, 18, 21, 1, tzinfo=UTC)
    for before, after in pairwise(rows):
        assert before.end == after.start


def test_people_are_mailed_the_newest_day_and_no_row_of_old_ones(acme, users, now):
    """Ten missed days end with one mail each; the week that ended has one of its own."""
    services.plan_summaries()
    while sweep(acme, now).fired:
        pass
    told = Delivery.objects.filter(tenant=acme, recipient=f"user:{users['manager'].pk}")
    newest = RunSummary.objects.filter(tenant=acme).latest("end")
    sunday = RunSummary.objects.get(body__period__day="2026-11-15")
    assert set(told.values_list("message", "subject")) == {
        ("run_summary.made", f"run_summary:{newest.pk}"),
        ("run_summary.weekly", f"run_summary:{sunday.pk}"),
    }
    with entering(acme):
        assert Event.objects.filter(verb="run_summary.made").count() == 10
        weeks = Event.objects.filter(verb="run_summary.weekly").order_by("seq")
        assert [(event.data["days"], event.data["end"][:10]) for event in weeks] == [
            (1, "2026-11-09"),
            (7, "2026-11-16"),
        ]


def test_at_the_end_of_sunday_the_weeks_mail_stands_for_the_days(acme, users, system):
    product_owner = factories.UserFactory(staff_role="release")
    Duty.objects.create(owner=Owner.PRODUCT_OWNER, user=product_owner, since=factories.LONG_AGO)
    for number in range(16, 23):
        summarised(acme, period_of(date(2026, 11, number), acme.time_zone), system)
    told = Delivery.objects.filter(recipient=f"user:{users['admin'].pk}").order_by("created_at")
    assert list(told.values_list("message", flat=True)) == ["run_summary.made"] * 6 + ["run_summary.weekly"]
    ours = Delivery.objects.get(recipient=f"user:{product_owner.pk}")
    assert (ours.message, ours.tenant.schema_name) == ("run_summary.weekly", "public")


def test_no_more_than_so_many_days_back(acme, now, settings):
    Tenant.objects.filter(pk=acme.pk).update(created_at=now - timedelta(days=3000))
    acme.refresh_from_db()
    services.plan_summaries()
    sweep(acme, now)
    back = settings.THRESHOLDS.summary.CATCH_UP_DAYS
    assert days(acme) == [(now - timedelta(days=back)).date().isoformat()]


def test_nothing_is_made_before_its_time_and_everything_after(acme, tuesday):
    services.plan_summaries()
    RunSummary.objects.all().delete()
    Deadline.objects.filter(tenant=acme).delete()
    Tenant.objects.filter(pk=acme.pk).update(created_at=tuesday.start)
    acme.refresh_from_db()
    services.plan_summaries()
    early = tuesday.end + WAIT - timedelta(seconds=1)
    assert sweep(acme, early).fired == 0
    assert sweep(acme, tuesday.end + WAIT).fired == 1
    assert days(acme) == ["2026-11-17"]


def test_a_suspended_tenant_has_none_until_it_is_back(acme, system, now):
    services.plan_summaries()
    suspend_tenant(tenant=acme, reason="x", by=system, now=now)
    assert acme not in deadlines.due_tenants(now=now)
    acme.refresh_from_db()
    resume_tenant(tenant=acme, reason="x", by=system, now=now)
    assert acme in deadlines.due_tenants(now=now)


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Auckland"])
def test_after_a_change_of_the_zone_days_go_on_where_the_last_ended(acme, zone, now):
    services.plan_summaries()
    while sweep(acme, now).fired:
        pass
    Tenant.objects.filter(pk=acme.pk).update(time_zone=zone)
    acme.refresh_from_db()
    later = now + timedelta(days=4)
    while sweep(acme, later).fired:
        pass
    rows = list(RunSummary.objects.filter(tenant=acme).order_by("start"))
    assert len(rows) >= 13
    for before, after in pairwise(rows):
        assert before.end == after.start
    assert rows[0].start == begins(date(2026, 11, 8), ZoneInfo("Europe/Istanbul"))
    assert rows[-1].end == begins(later.astimezone(acme.time_zone).date(), acme.time_zone)
    waiting = Deadline.objects.get(tenant=acme)
    assert later < waiting.due_at <= later + timedelta(days=1, seconds=60)


def test_what_was_asked_for_becomes_the_day_that_a_change_of_the_zone_makes_of_it(acme, system, now):
    """Summarised until 21:00 in Istanbul, which is midnight in Dhaka."""
    services.plan_summaries()
    while sweep(acme, now).fired:
        pass
    tonight = datetime(2026, 11, 18, 18, tzinfo=UTC)
    asked_for = asked(acme, date(2026, 11, 18), system, tonight + timedelta(seconds=30))
    assert (asked_for.kind, asked_for.end) == (SummaryKind.DEMAND, tonight)
    Tenant.objects.filter(pk=acme.pk).update(time_zone="Asia/Dhaka")
    acme.refresh_from_db()
    passes = 0
    while sweep(acme, tonight + timedelta(hours=4)).fired:
        passes += 1
        assert passes < 5
    asked_for.refresh_from_db()
    assert asked_for.kind == SummaryKind.DAY
    assert days(acme)[-1] == "2026-11-18"
    assert Deadline.objects.get(tenant=acme).due_at > tonight + timedelta(hours=4)


def test_days_of_a_clock_change_are_23_and_25_hours(acme, system):
    Tenant.objects.filter(pk=acme.pk).update(
        time_zone="Europe/Berlin", created_at=datetime(2026, 10, 24, 5, tzinfo=UTC)
    )
    acme.refresh_from_db()
    services.plan_summaries()
    while sweep(acme, datetime(2026, 10, 27, 12, tzinfo=UTC)).fired:
        pass
    rows = RunSummary.objects.filter(tenant=acme).order_by("start")
    assert [(row.end - row.start) // timedelta(hours=1) for row in rows] == [24, 25, 24]


def test_a_rebuild_restores_what_is_planned(acme, system, now):
    services.plan_summaries()
    wanted = set(Deadline.objects.filter(tenant=acme).values_list("kind", "subject", "due_at"))
    Deadline.objects.filter(tenant=acme).delete()
    with entering(acme):
        deadlines.rebuild(tenant=acme, by=system, now=now)
        assert set(Deadline.objects.filter(tenant=acme).values_list("kind", "subject", "due_at")) == wanted
        assert deadlines.rebuild(tenant=acme, by=system, now=now) == deadlines.Rebuilt(0, 0)


def test_a_tenant_that_cannot_be_planned_for_is_no_harm_to_others(tenants, monkeypatch, caplog):
    waiting = summaries.waiting_for_summary

    def failing():
        if summaries.current_tenant().slug == "acme":
            raise DatabaseError("no")
        return waiting()

    monkeypatch.setattr(summaries, "waiting_for_summary", failing)
    assert services.plan_summaries() == 2
    assert "planned for tenant acme" in caplog.text


# ---- on demand --------------------------------------------------------------------------------------------------


def asked(acme, day, system, now):
    return services.summarise_day(tenant=acme, day=day, by=system, now=now)


def test_a_day_that_is_over_is_the_days_own_summary(acme, system, now, tuesday):
    row = asked(acme, TUESDAY, system, now)
    assert (row.kind, row.start, row.end) == (SummaryKind.DAY, tuesday.start, tuesday.end)
    assert asked(acme, TUESDAY, system, now) == row
    services.plan_summaries()
    while sweep(acme, now).fired:
        pass
    assert days(acme) == [f"2026-11-{number:02}" for number in range(8, 18)]


def test_of_today_it_is_what_is_over_to_the_minute(acme, system, users, now):
    at = now + timedelta(seconds=42)
    row = asked(acme, date(2026, 11, 18), system, at)
    assert (row.kind, row.end) == (SummaryKind.DEMAND, now)
    assert asked(acme, date(2026, 11, 18), system, at) == row
    assert asked(acme, date(2026, 11, 18), system, at + timedelta(minutes=1)) != row
    assert not Delivery.objects.filter(message__startswith="run_summary").exists()
    assert services.trend(tenant=acme, days=7) == []


def test_of_today_it_waits_for_the_requests_of_the_last_minute_to_be_written(acme, system, now):
    row = asked(acme, date(2026, 11, 18), system, now + timedelta(seconds=1))
    assert row.end == now - timedelta(minutes=1)


@pytest.mark.parametrize(
    "day",
    [date(2026, 11, 19), date(2026, 11, 7), date(1, 1, 1), date(9999, 12, 31), date(9999, 12, 30)],
)
def test_a_day_that_cannot_be_is_refused(acme, system, now, day):
    with pytest.raises(Invalid) as refused:
        asked(acme, day, system, now)
    assert list(refused.value.fields) == ["day"]


def test_a_day_is_refused_while_its_last_requests_are_written(acme, system, tuesday):
    with pytest.raises(Invalid):
        asked(acme, TUESDAY, system, tuesday.end + WAIT / 2)
    with pytest.raises(Invalid):
        asked(acme, date(2026, 11, 18), system, tuesday.end + timedelta(seconds=30))


def test_a_day_of_the_zone_before_is_found_by_its_middle(acme, system, now):
    row = asked(acme, TUESDAY, system, now)
    Tenant.objects.filter(pk=acme.pk).update(time_zone="America/Los_Angeles")
    acme.refresh_from_db()
    assert asked(acme, date(2026, 11, 17), system, now + timedelta(days=2)) == row


def test_agents_may_not_have_one_made(acme, now):
    with pytest.raises(NotAllowed):
        asked(acme, TUESDAY, Actor.member(1, Role.AGENT), now)
    assert asked(acme, TUESDAY, Actor.member(1, Role.MANAGER), now)


# ---- the trend --------------------------------------------------------------------------------------------------


def test_a_trend_sums_what_flows_and_keeps_the_last_of_what_stands(acme, contributors, system):
    found = iter([{"pilot_new": 3, "pilot_open": 9}, {"pilot_new": 4, "pilot_open": 2}])
    services.register_counts("pilot", lambda start, end: next(found), levels=["pilot_open"])
    for number in (16, 17):
        summarised(acme, period_of(date(2026, 11, number), acme.time_zone), system)
    rows = services.trend(tenant=acme, days=7)
    assert [row.body["period"]["day"] for row in rows] == ["2026-11-16", "2026-11-17"]
    assert services.trend(tenant=acme, days=7, until=rows[0]) == rows[:1]
    assert services.trend(tenant=acme, days=1) == rows[1:]
    sums = services.sums(rows)
    assert (sums["pilot_new"], sums["pilot_open"]) == (7, 2)


# ---- the log's line, and jq -------------------------------------------------------------------------------------


@pytest.fixture
def app_log(acme, contributors, system, lines, tmp_path):
    """Two days of lines as the product writes them, among others, in app.log."""
    counts = iter([{"s1_count": 3, "s2_count": 7}, {"s1_count": 1, "s2_count": 1}])
    services.register_counts("pilot", lambda start, end: next(counts))

    def two_days():
        for number in (16, 17):
            summarised(acme, period_of(date(2026, 11, number), acme.time_zone), system)

    found = lines(two_days)
    assert len(found) == 2
    log = "\n".join(['{"event": "other"}', "INFO no JSON", *found])
    (tmp_path / "app.log").write_text(f"{log}\n")
    return tmp_path


def test_a_line_is_one_json_object_with_the_flat_names(app_log):
    lines_there = (app_log / "app.log").read_text().splitlines()
    line = json.loads(next(each for each in lines_there if '"event": "run_summary"' in each))
    VALIDATOR.validate(line)
    assert line["timestamp"] == line["generated_at"] == "2026-11-16T21:01:00Z"
    assert line["latency"]["p95_pipeline_total_ms"] == 0
    assert (line["queue"]["depth"], line["queue"]["max_depth"]) == (0, 0)
    assert (line["errors"]["4xx"], line["errors"]["5xx"]) == (0, 0)


COMMANDS = [line for line in GUIDE.read_text().splitlines() if line.startswith("cat app.log")]
SAID = [
    ["2026-11-16T21:01:00Z\t0.3", "2026-11-17T21:01:00Z\t0.5"],
    ["0"],
    ["2026-11-16T21:01:00Z\t0", "2026-11-17T21:01:00Z\t0"],
]


@pytest.mark.parametrize(("command", "said"), list(zip(COMMANDS, SAID, strict=True)))
def test_the_guides_jq_commands_work_on_the_products_lines(app_log, command, said):
    assert shutil.which("jq"), "jq is needed: apt-get install jq"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=app_log, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.replace("0.0", "0") for line in done.stdout.splitlines()] == said


# ---- the command ------------------------------------------------------------------------------------------------


def test_the_command_prints_the_day(acme, project_with_incident, capsys, at_now):
    call_command("run_summary", "--tenant", "acme")
    said = capsys.readouterr().out
    assert "acme: 2026-11-17T00:00:00+03:00 to 2026-11-18T00:00:00+03:00" in said
    call_command("run_summary", "--tenant", "acme", "--today")
    said = capsys.readouterr().out
    assert "1 incident reported, none breached its SLA." in said
    assert "  Incidents reported: 1" in said
    assert RunSummary.objects.count() == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--tenant", "nobody"], "no tenant 'nobody'"),
        (["--tenant", "public"], "no tenant 'public'"),
        (["--tenant", "acme", "--day", "2027-01-01"], "not begun yet"),
        (["--tenant", "acme", "--day", "tomorrow"], "'tomorrow' is no day: YYYY-MM-DD"),
        (["--tenant", "acme", "--day", "2026-11-17", "--today"], "not allowed with"),
    ],
)
def test_the_command_refuses_with_a_reason(acme, at_now, arguments, why):
    with pytest.raises(CommandError, match=why):
        call_command("run_summary", *arguments)


@pytest.fixture
def at_now(now):
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def project_with_incident(acme, system, now):
    with entering(acme):
        program = hypercare.create_program(code="ERP", name="ERP", by=system, now=now)
        project = hypercare.create_project(program=program, code="FI", name="FI", by=system, now=now)
        at = now - timedelta(hours=1)
        return hypercare.report_incident(project=project, title="x", severity="P4", by=system, now=at)
