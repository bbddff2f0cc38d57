"""Alerts as the services keep them: opened, counted, recovered, reopened, acknowledged, silenced, escalated."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from observability import services
from observability.models import Alert, Silence
from observability.services import Recorded, record
from observability.services import alerts as alerts_module
from observability.services.alerts import retire
from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict, Invalid, NotAllowed, NotFound
from tenancy.journal.models import Event
from tenancy.models import Delivery, OperatorEvent, Tenant, User
from tenancy.states import Role, StaffRole
from tenancy.transactions import ref
from tests import factories
from tests.observability.alarms import (
    MINUTE,
    RATE,
    WINDOW,
    alarm_named,
    endpoint,
    judged,
    staff,
    story,
    to,
    told,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def on_call(db: None) -> User:
    return staff("on_call")


@pytest.fixture
def pager(db: None) -> Any:
    return endpoint("Pager", "pagerduty")


@pytest.fixture
def chat(db: None) -> Any:
    return endpoint("alerts")


@pytest.fixture
def somewhere(on_call: User, pager: Any, chat: Any) -> list[str]:
    """Everybody whom the route of RATE leads to."""
    return to(on_call, pager, chat)


def look(tenant: Tenant, status: str, now: datetime, name: str = RATE) -> Recorded:
    return record(judged=[judged(tenant, status, now, name)], now=now)


def the_alert() -> Alert:
    return Alert.objects.select_related("tenant").get()


def support(user: User) -> Actor:
    return Actor.staff(user.pk, StaffRole.SUPPORT)


def release(user: User) -> Actor:
    return Actor.staff(user.pk, StaffRole.RELEASE)


# ---- the course of an alert ---------------------------------------------------------------------------------------


def test_a_breach_opens_one_alert_and_counts(acme: Tenant, now: datetime, somewhere: list[str]) -> None:
    assert look(acme, "breach", now) == Recorded(opened=1, told=1)
    assert look(acme, "breach", now + MINUTE) == Recorded(counted=1)
    alert = the_alert()
    assert (alert.rule, alert.tenant, alert.state, alert.count) == (RATE, acme, "open", 2)
    assert (alert.severity, alert.owner, alert.runbook) == ("critical", "on_call", "elevated-latency")
    assert (alert.opened_at, alert.last_seen_at, alert.told_at) == (now, now + MINUTE, now)
    assert alert.config_hash == settings.CONFIG_HASH
    assert (alert.verdict["events"], alert.verdict["samples"], alert.verdict["limit"]) == (30, 100, 0.05)
    assert story(alert) == ["alert.opened"]
    assert told(alert) == somewhere


@pytest.mark.parametrize("status", ["ok", "warning", "no_data"])
def test_what_is_no_breach_opens_nothing(acme: Tenant, now: datetime, status: str) -> None:
    assert look(acme, status, now) == Recorded()
    assert not Alert.objects.exists()


def test_it_recovers_once_ok_held_for_the_whole_window_and_those_who_were_told_hear(
    acme: Tenant, now: datetime, somewhere: list[str]
) -> None:
    look(acme, "breach", now)
    assert look(acme, "ok", now + MINUTE) == Recorded()
    assert look(acme, "ok", now + WINDOW) == Recorded()
    assert the_alert().state == "open"
    assert look(acme, "ok", now + MINUTE + WINDOW) == Recorded(recovered=1)
    alert = the_alert()
    assert (alert.state, alert.recovered_at) == ("recovered", now + MINUTE + WINDOW)
    assert story(alert) == ["alert.opened", "alert.recovered"]
    assert told(alert, "alert.recovered") == somewhere


@pytest.mark.parametrize("between", ["breach", "warning", "no_data"])
def test_what_is_not_ok_in_between_begins_the_window_anew(
    acme: Tenant, now: datetime, somewhere: list[str], between: str
) -> None:
    look(acme, "breach", now)
    look(acme, "ok", now + MINUTE)
    look(acme, between, now + 5 * MINUTE)
    assert the_alert().ok_since is None
    assert the_alert().count == (2 if between == "breach" else 1)
    look(acme, "ok", now + 6 * MINUTE)
    look(acme, "ok", now + MINUTE + WINDOW)
    assert the_alert().state == "open"
    look(acme, "ok", now + 6 * MINUTE + WINDOW)
    assert the_alert().state == "recovered"


def test_what_nobody_judges_any_more_ends(
    acme: Tenant, globex: Tenant, now: datetime, somewhere: list[str]
) -> None:
    look(acme, "breach", now)
    look(globex, "breach", now)
    assert retire(watched=[RATE], now=now + MINUTE) == 0
    Tenant.objects.filter(pk=acme.pk).update(state="suspended", suspended_at=now)
    assert retire(watched=[RATE], now=now + MINUTE) == 1
    ours, other = Alert.objects.get(tenant=acme), Alert.objects.get(tenant=globex)
    assert (ours.state, ours.recovered_at, other.state) == ("recovered", now + MINUTE, "open")
    assert told(ours, "alert.recovered") == somewhere
    assert OperatorEvent.objects.get(verb="alert.recovered").data["unwatched"] is True
    assert retire(watched=[], now=now + MINUTE) == 1
    assert retire(watched=[], now=now + MINUTE) == 0


def recover(tenant: Tenant, at: datetime) -> None:
    """Recovered at `at`."""
    look(tenant, "ok", at - WINDOW)
    look(tenant, "ok", at)


def test_a_breach_soon_after_the_recovery_is_the_same_alert_and_told_again(
    acme: Tenant, now: datetime, somewhere: list[str]
) -> None:
    look(acme, "breach", now)
    recover(acme, now + 2 * WINDOW)
    hours = timedelta(hours=settings.THRESHOLDS.alert.REOPEN_HOURS)
    again = now + 2 * WINDOW + hours
    assert look(acme, "breach", again) == Recorded(reopened=1, told=1)
    alert = the_alert()
    assert (alert.state, alert.count, alert.reopened_count, alert.since) == ("open", 2, 1, again)
    assert (alert.opened_at, alert.recovered_at, alert.told_at) == (now, None, again)
    assert story(alert) == ["alert.opened", "alert.recovered", "alert.reopened"]
    assert told(alert, "alert.reopened") == somewhere


def test_a_breach_long_after_the_recovery_is_another_alert(
    acme: Tenant, now: datetime, somewhere: list[str]
) -> None:
    look(acme, "breach", now)
    recover(acme, now + 2 * WINDOW)
    hours = timedelta(hours=settings.THRESHOLDS.alert.REOPEN_HOURS)
    assert look(acme, "breach", now + 2 * WINDOW + hours + MINUTE) == Recorded(opened=1, told=1)
    assert list(Alert.objects.order_by("pk").values_list("state", flat=True)) == ["recovered", "open"]


def test_an_acknowledged_one_counts_on_recovers_and_is_open_again(
    acme: Tenant, users: dict[str, User], now: datetime, somewhere: list[str]
) -> None:
    look(acme, "breach", now)
    services.acknowledge(alert=the_alert(), note="Looking", by=support(users["support"]), now=now + MINUTE)
    look(acme, "breach", now + 2 * MINUTE)
    alert = the_alert()
    assert (alert.state, alert.count, alert.acknowledged_by) == ("acknowledged", 2, users["support"])
    recover(acme, now + 2 * WINDOW)
    look(acme, "breach", now + 2 * WINDOW + MINUTE)
    alert = the_alert()
    assert (alert.state, alert.acknowledged_at, alert.acknowledged_by, alert.count) == ("open", None, None, 3)
    assert told(alert, "alert.reopened") == somewhere


def test_a_breach_that_comes_back_after_a_night_without_data_is_told_although_the_last_was_acknowledged(
    acme: Tenant, users: dict[str, User], now: datetime, somewhere: list[str]
) -> None:
    look(acme, "breach", now)
    services.acknowledge(alert=the_alert(), by=support(users["support"]), now=now + MINUTE)
    look(acme, "no_data", now + timedelta(hours=1))
    morning = now + timedelta(hours=9)
    assert look(acme, "breach", morning) == Recorded(reopened=1, told=1)
    alert = the_alert()
    assert (alert.state, alert.acknowledged_by, alert.count, alert.since) == ("open", None, 2, morning)
    assert told(alert, "alert.reopened") == somewhere


def test_the_pager_hears_of_the_end_of_what_outlasts_the_outbox(
    acme: Tenant, users: dict[str, User], now: datetime, pager: Any, chat: Any, on_call: User
) -> None:
    look(acme, "breach", now)
    Delivery.objects.all().delete()  # as retention does
    late = now + timedelta(days=settings.THRESHOLDS.retention.SENT_DELIVERY_DAYS)
    look(acme, "breach", late)
    services.acknowledge(alert=the_alert(), by=support(users["support"]), now=late)
    recover(acme, late + 2 * WINDOW)
    assert told(the_alert(), "alert.acknowledged") == to(pager, chat)
    assert told(the_alert(), "alert.recovered") == to(on_call, pager, chat)


def test_alerts_of_tenants_and_rules_do_not_touch(
    acme: Tenant, globex: Tenant, now: datetime, somewhere: list[str]
) -> None:
    looks = [
        judged(acme, "breach", now),
        judged(globex, "ok", now),
        judged(acme, "breach", now, "http_5xx_burst"),
    ]
    assert record(judged=looks, now=now) == Recorded(opened=2, told=2)
    assert set(Alert.objects.values_list("tenant__slug", "rule")) == {
        ("acme", RATE),
        ("acme", "http_5xx_burst"),
    }


def test_a_clock_that_goes_back_breaks_nothing(acme: Tenant, now: datetime, somewhere: list[str]) -> None:
    look(acme, "breach", now)
    assert look(acme, "breach", now - MINUTE).counted == 1
    assert the_alert().last_seen_at == now
    look(acme, "ok", now + MINUTE)
    look(acme, "ok", now - MINUTE)
    assert the_alert().ok_since == now - MINUTE
    assert the_alert().state == "open"


# ---- who acknowledges ---------------------------------------------------------------------------------------------


def test_acknowledging_stops_pagers_and_tells_chats_and_mails_nobody(
    acme: Tenant, users: dict[str, User], now: datetime, on_call: User, pager: Any, chat: Any
) -> None:
    look(acme, "breach", now)
    services.acknowledge(alert=the_alert(), note="Mine", by=support(users["support"]), now=now)
    alert = the_alert()
    assert told(alert, "alert.acknowledged") == to(pager, chat)
    line = OperatorEvent.objects.get(verb="alert.acknowledged")
    assert (line.actor_id, line.data["note"], line.data["rule"]) == (users["support"].pk, "Mine", RATE)


def test_a_member_acknowledges_their_own_and_what_they_note_stays_theirs(
    in_acme: Tenant, globex: Tenant, users: dict[str, User], now: datetime, somewhere: list[str]
) -> None:
    record(judged=[judged(in_acme, "breach", now), judged(globex, "breach", now)], now=now)
    manager = Actor.member(users["manager"].pk, Role.MANAGER)
    mine, theirs = (Alert.objects.get(tenant=tenant) for tenant in (in_acme, globex))
    services.acknowledge(alert=mine, note="We know: Ayse looks", by=manager, now=now)
    line = OperatorEvent.objects.get(verb="alert.acknowledged")
    assert "note" not in line.data
    own = Event.objects.get(subject=ref(mine))
    assert (own.verb, own.data) == ("alert.acknowledged", {"rule": RATE, "note": "We know: Ayse looks"})
    with pytest.raises(NotFound):
        services.acknowledge(alert=theirs, by=manager, now=now)


def test_only_an_open_one_is_acknowledged_by_a_person_who_may(
    acme: Tenant, users: dict[str, User], now: datetime, system: Actor, somewhere: list[str]
) -> None:
    look(acme, "breach", now)
    by = support(users["support"])
    for nobody in (system, Actor.member(users["agent"].pk, Role.AGENT)):
        with pytest.raises(NotAllowed):
            services.acknowledge(alert=the_alert(), by=nobody, now=now)
    with pytest.raises(Invalid) as invalid:
        services.acknowledge(alert=the_alert(), note="x" * 501, by=by, now=now)
    assert list(invalid.value.fields) == ["note"]
    services.acknowledge(alert=the_alert(), by=by, now=now)
    with pytest.raises(Conflict) as conflict:
        services.acknowledge(alert=the_alert(), by=by, now=now)
    assert (conflict.value.state, conflict.value.legal_moves) == ("acknowledged", ("open", "recovered"))


# ---- silences -----------------------------------------------------------------------------------------------------


def silence(users: dict[str, User], now: datetime, **given: Any) -> Silence:
    about = {"rule": RATE, "tenant": None, "ends_at": now + timedelta(hours=1), "reason": "Load test"}
    return services.silence(**about | given, by=release(users["release"]), now=now)


def test_a_silenced_alert_counts_and_is_told_when_the_silence_ends_and_it_is_still_open(
    acme: Tenant, users: dict[str, User], now: datetime, somewhere: list[str]
) -> None:
    silence(users, now)
    assert look(acme, "breach", now) == Recorded(opened=1)
    assert look(acme, "breach", now + 59 * MINUTE) == Recorded(counted=1)
    alert = the_alert()
    assert (alert.told_at, told(alert)) == (None, [])
    assert OperatorEvent.objects.get(verb="alert.opened").data["silenced"] is True
    assert look(acme, "no_data", now + 60 * MINUTE) == Recorded(told=1)
    alert = the_alert()
    assert alert.told_at == now + 60 * MINUTE
    assert story(alert) == ["alert.opened", "alert.silence_ended"]
    assert told(alert, "alert.silence_ended") == somewhere
    assert look(acme, "breach", now + 61 * MINUTE) == Recorded(counted=1)


def test_what_is_well_when_its_silence_ends_is_told_only_if_it_is_in_breach_again(
    acme: Tenant, users: dict[str, User], now: datetime, somewhere: list[str]
) -> None:
    silence(users, now)
    look(acme, "breach", now)
    assert look(acme, "ok", now + 60 * MINUTE) == Recorded()
    assert told(the_alert()) == []
    assert look(acme, "breach", now + 61 * MINUTE) == Recorded(counted=1, told=1)
    assert told(the_alert(), "alert.silence_ended") == somewhere


def test_what_recovered_or_was_acknowledged_during_the_silence_is_not_told(
    acme: Tenant, globex: Tenant, users: dict[str, User], now: datetime, somewhere: list[str]
) -> None:
    silence(users, now)
    for tenant in (acme, globex):
        look(tenant, "breach", now)
    recover(acme, now + 30 * MINUTE)
    taken = Alert.objects.get(tenant=globex)
    services.acknowledge(alert=taken, by=support(users["support"]), now=now)
    for tenant in (acme, globex):
        look(tenant, "no_data", now + timedelta(hours=2))
    assert [told(alert) for alert in Alert.objects.all()] == [[], []]


@pytest.mark.parametrize(
    ("given", "covers"),
    [
        ({}, True),
        ({"rule": ""}, True),
        ({"tenant": "acme"}, True),
        ({"rule": "", "tenant": "acme"}, True),
        ({"rule": "http_5xx_burst"}, False),
        ({"tenant": "globex"}, False),
        ({"tenant": PUBLIC}, False),
    ],
)
def test_a_silence_covers_its_rule_and_its_tenant(
    acme: Tenant,
    users: dict[str, User],
    now: datetime,
    somewhere: list[str],
    given: dict[str, Any],
    covers: bool,
) -> None:
    if "tenant" in given:
        given = given | {"tenant": Tenant.objects.get(slug=given["tenant"])}
    silence(users, now, **given)
    look(acme, "breach", now)
    assert (told(the_alert()) == []) == covers


def test_a_silence_that_is_ended_early_lets_the_next_look_tell(
    acme: Tenant, users: dict[str, User], now: datetime, somewhere: list[str]
) -> None:
    made = silence(users, now)
    look(acme, "breach", now)
    services.end_silence(silence=made, by=release(users["release"]), now=now + MINUTE)
    look(acme, "breach", now + 2 * MINUTE)
    assert told(the_alert()) == somewhere
    assert story(made) == ["alert.silenced", "alert.silence_ended"]
    with pytest.raises(Conflict):
        services.end_silence(silence=made, by=release(users["release"]), now=now + MINUTE)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"rule": "no_such_rule"}, "rule"),
        ({"reason": "  "}, "reason"),
        ({"hours": 0}, "ends_at"),
        ({"hours": -1}, "ends_at"),
        ({"hours": 169}, "ends_at"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(
    users: dict[str, User], now: datetime, given: dict[str, Any], field: str
) -> None:
    if "hours" in given:
        given = {"ends_at": now + timedelta(hours=given["hours"])}
    with pytest.raises(Invalid) as invalid:
        silence(users, now, **given)
    assert list(invalid.value.fields) == [field]
    assert not Silence.objects.exists()


def test_support_and_members_silence_nothing(users: dict[str, User], now: datetime, acme: Tenant) -> None:
    about = {"rule": RATE, "tenant": None, "ends_at": now + MINUTE, "reason": "x", "now": now}
    for by in (support(users["support"]), Actor.member(users["admin"].pk, Role.ADMIN), Actor.system("x")):
        with pytest.raises(NotAllowed):
            services.silence(**about, by=by)
    made = silence(users, now)
    with pytest.raises(NotAllowed):
        services.end_silence(silence=made, by=support(users["support"]), now=now)


# ---- what lasts ---------------------------------------------------------------------------------------------------

COVERAGE = "feedback_coverage"
"""Of the product owner; three days in a row, the team lead hears of it."""


def test_what_lasts_for_days_is_told_to_others_once(acme: Tenant, now: datetime, globex: Tenant) -> None:
    owner, lead, _chat = staff("product_owner"), staff("team_lead"), endpoint("product")
    low = judged(acme, "breach", now)
    coverage = alarm_named(COVERAGE)

    def at(when: datetime) -> Recorded:
        return record(judged=[type(low)(coverage, acme, low.verdict)], now=when)

    at(now)
    assert at(now + timedelta(days=3) - MINUTE).escalated == 0
    assert at(now + timedelta(days=3)).escalated == 1
    assert at(now + timedelta(days=4)).escalated == 0
    alert = the_alert()
    assert told(alert, "alert.escalated") == to(lead)
    assert to(owner)[0] in told(alert, "alert.opened")
    line = OperatorEvent.objects.get(verb="alert.escalated")
    assert (line.data["days"], line.data["to"]) == (3, "team_lead")


def test_a_silenced_one_is_escalated_when_the_silence_ends(
    acme: Tenant, users: dict[str, User], now: datetime
) -> None:
    lead = staff("team_lead")
    low = judged(acme, "breach", now)
    late = now + timedelta(days=3)
    look_at = [type(low)(alarm_named(COVERAGE), acme, low.verdict)]
    record(judged=look_at, now=now)
    silence(users, late - MINUTE, rule=COVERAGE, ends_at=late + MINUTE)
    assert record(judged=look_at, now=late).escalated == 0
    assert record(judged=look_at, now=late + MINUTE).escalated == 1
    assert to(lead)[0] in told(the_alert(), "alert.escalated")


# ---- duties -------------------------------------------------------------------------------------------------------


def test_duties_are_given_and_ended_by_platform_staff(users: dict[str, User], now: datetime) -> None:
    platform = Actor.staff(users["platform"].pk, StaffRole.PLATFORM)
    duty = services.put_on_duty(user=users["support"], owner="on_call", by=platform, now=now)
    with pytest.raises(Conflict):
        services.put_on_duty(user=users["support"], owner="on_call", by=platform, now=now)
    assert story(duty) == ["duty.given"]
    subject = ref(duty)
    services.take_off_duty(duty=duty, by=platform, now=now)
    with pytest.raises(Conflict):
        services.take_off_duty(duty=duty, by=platform, now=now)
    assert list(OperatorEvent.objects.filter(subject=subject).values_list("verb", flat=True)) == [
        "duty.given",
        "duty.ended",
    ]


def test_nobody_else_gives_duties_and_only_to_our_own(users: dict[str, User], now: datetime) -> None:
    platform = Actor.staff(users["platform"].pk, StaffRole.PLATFORM)
    with pytest.raises(NotAllowed):
        services.put_on_duty(user=users["support"], owner="on_call", by=support(users["support"]), now=now)
    with pytest.raises(Invalid):
        services.put_on_duty(user=users["manager"], owner="on_call", by=platform, now=now)
    with pytest.raises(Invalid):
        services.put_on_duty(user=users["support"], owner="nobody", by=platform, now=now)
    gone = factories.UserFactory(staff_role="support", is_active=False)
    with pytest.raises(Invalid):
        services.put_on_duty(user=gone, owner="on_call", by=platform, now=now)


# ---- one look -----------------------------------------------------------------------------------------------------


def test_an_alert_that_fails_takes_no_other_along(
    acme: Tenant, globex: Tenant, now: datetime, somewhere: list[str], caplog: Any
) -> None:
    """A tenant that goes between the look and its alert, say: its row is refused by the database."""
    poison = judged(Tenant(pk=10**9, slug="gone", schema_name="t_gone"), "breach", now)
    looks = [judged(acme, "breach", now), poison, judged(globex, "breach", now)]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    done = record(judged=looks, now=now)
    assert (done.opened, done.failed) == (2, 1)
    assert set(Alert.objects.values_list("tenant__slug", flat=True)) == {"acme", "globex"}
    assert "the alert of error_5xx_rate in gone was not brought up to date" in caplog.text
    assert len([line for line in OperatorEvent.objects.all() if line.verb == "alert.opened"]) == 2


def test_one_that_cannot_be_ended_takes_no_other_along(
    acme: Tenant, globex: Tenant, now: datetime, somewhere: list[str], caplog: Any
) -> None:
    look(acme, "breach", now)
    look(globex, "breach", now)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        never = f"CHECK (tenant_id <> {acme.pk} OR state <> 'recovered')"
        cursor.execute(f"ALTER TABLE {Alert._meta.db_table} ADD CONSTRAINT never {never}")
    assert retire(watched=[], now=now + MINUTE) == 1
    assert Alert.objects.get(tenant=globex).state == "recovered"
    assert f"the alert of {RATE} in acme was not ended" in caplog.text


def queries(tenants: list[Tenant], status: str, now: datetime) -> int:
    looks = [judged(tenant, status, now, name) for tenant in tenants for name in (RATE, "http_5xx_burst")]
    with CaptureQueriesContext(connection) as captured:
        record(judged=looks, now=now)
    return len(captured)


def many(count: int) -> list[Tenant]:
    return [
        Tenant.objects.create(
            slug=f"many-{number}", name="Many", schema_name=f"t_many_{number}", created_at=factories.LONG_AGO
        )
        for number in range(count)
    ]


def test_a_look_where_nothing_is_wrong_is_one_query_whatever_there_is(db: None, now: datetime) -> None:
    tenants = many(30)
    assert queries(tenants[:3], "ok", now) == queries(tenants, "ok", now) == 1


def test_watching_asks_as_often_for_three_tenants_as_for_thirty(db: None, now: datetime) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            services.watch(scope=services.TENANT, now=now)
        return sum(not query["sql"].startswith(("SAVEPOINT", "RELEASE")) for query in captured)

    asked()  # the first writes what stands
    few = asked()
    many(27)
    asked()
    assert asked() == few


def test_the_platforms_alarms_are_watched_apart(public: Tenant, now: datetime, somewhere: list[str]) -> None:
    services.note_level(name="queue_stuck", value=1, now=now - MINUTE)
    assert services.watch(scope=services.TENANT, now=now) == Recorded()
    done = services.watch(scope=services.PLATFORM, now=now)
    assert done == Recorded(opened=1, told=1)
    alert = the_alert()
    assert (alert.rule, alert.tenant) == ("queue_stuck", public)


def test_two_looks_at_once_do_nothing_twice(now: datetime, monkeypatch: Any, db: None) -> None:
    """The second comes from another connection while the first looks."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(7104, 0)")
        assert services.watch(scope=services.TENANT, now=now) is None
        assert services.watch(scope=services.PLATFORM, now=now) is not None
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(7104, 0)")
        assert services.watch(scope=services.TENANT, now=now) is not None
    finally:
        other.close()


def test_alarms_have_a_name_in_the_journal(acme: Tenant, now: datetime, somewhere: list[str]) -> None:
    look(acme, "breach", now)
    line = OperatorEvent.objects.get(verb="alert.opened")
    assert (line.actor_kind, line.actor_name) == ("system", alerts_module.ALARMS.name)
