"""The demo's data, its history played through the services, and what it writes for programs."""

import json
import stat
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import available_timezones

import pytest
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings
from django.urls import get_resolver

from hypercare import services
from hypercare.models import (
    CalendarVersion,
    ChangeRequest,
    ChangeVote,
    ClockEvent,
    Comment,
    Incident,
    Policy,
)
from hypercare.states import (
    ChangeState,
    IncidentState,
    IncidentType,
    RootCauseCategory,
    Severity,
    SupportLevel,
)
from observability.models import Alert, Duty, RequestMetric, RunSummary
from observability.services import request_figures, routes_to_nowhere
from project.demo import cases, data, logins, run, seed, talk, traffic
from project.mailbox import Hooks, told
from project.management.commands import demo
from tenancy import services as services_of_people
from tenancy.access import Denied, resolve
from tenancy.chains import verify
from tenancy.context import PUBLIC, entering
from tenancy.errors import Invalid
from tenancy.models import (
    ApiToken,
    Deadline,
    Delivery,
    Endpoint,
    OperatorEvent,
    SupportGrant,
    Tenant,
    User,
)
from tenancy.rules import secret_digest
from tenancy.states import Role, StaffRole

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
PLANS = tuple(
    plan._replace(slug=f"demo-{plan.slug}") for plan in data.TENANTS
)  # the plain ones are the suite's
STILL_BACK = {title for title, again in talk.AGAIN.items() if not again.notes}
CASES = [case for plan in data.TENANTS for case in (*plan.resolved, *(case for case, _plan in plan.open))]


# ---- data -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [*CASES, *cases.PHONED.values()], ids=lambda case: case.title)
def test_a_case_is_one_that_the_product_can_hold(case):
    assert case.severity in Severity.values
    assert case.kind in IncidentType.values
    assert case.title.strip() == case.title
    assert 0 < len(case.title) <= 255
    assert case.description


@pytest.mark.parametrize("plan", data.TENANTS, ids=lambda plan: plan.slug)
def test_a_tenant_has_every_role_and_what_it_names_exists(plan):
    people = {person.email for person in data.PEOPLE}
    codes = [project.code for project in plan.projects]
    assert {member.email for member in plan.members} <= people
    assert {member.only for member in plan.members} <= {"", *codes}
    roles = Counter(member.role for member in plan.members)
    assert set(roles) == set(Role.values)
    assert (
        roles[Role.MANAGER]
        == sum(member.board for member in plan.members if member.role == Role.MANAGER)
        == 2
    )
    levels = {member.level for member in plan.members if member.role == Role.AGENT}
    assert levels <= set(SupportLevel.values)
    assert {open_case.level for _case, open_case in plan.open} - {""} <= levels
    assert all(
        case.cause and case.notes and case.cause_category in RootCauseCategory.values
        for case in plan.resolved
    )
    assert not any(case.cause for case, _plan in plan.open)
    assert plan.segment in data.SEGMENTS


def test_people_can_exist_and_nobody_can_be_reached():
    assert [person.staff_role for person in data.STAFF] == StaffRole.values
    for person in (*data.STAFF, *data.PEOPLE):
        assert person.email.endswith(".example")
        assert person.time_zone in available_timezones()
        validate_password(data.PASSWORD, User(email=person.email, name=person.name))


# ---- history ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooks]:
    """What stands for Slack and PagerDuty in the demo."""
    hooks = Hooks(tmp_path_factory.mktemp("mail"), host="127.0.0.1", port=0)
    threading.Thread(target=hooks.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{hooks.server_port}/"
    with override_settings(SLACK_HOOKS_URL=address, PAGERDUTY_URL=address, EGRESS_ALLOW_LOOPBACK=True):
        yield hooks
    hooks.shutdown()
    hooks.server_close()


@pytest.fixture(scope="module")
def played(django_db_setup: None, django_db_blocker: Any, receiver: Hooks) -> Iterator[dict[str, Tenant]]:
    """The whole history, played once for this module and rolled back after it."""
    with django_db_blocker.unblock(), transaction.atomic():
        seed.seed(now=NOW, plans=PLANS)
        yield {plan.slug: Tenant.objects.get(slug=plan.slug) for plan in PLANS}
        transaction.set_rollback(True)


@pytest.fixture
def demo_globex(played: dict[str, Tenant], db: None) -> Tenant:
    return played["demo-globex"]


@pytest.fixture
def demo_acme(played: dict[str, Tenant], db: None) -> Tenant:
    return played["demo-acme"]


@pytest.mark.django_db
def test_every_journal_verifies_and_is_in_the_order_of_time(played):
    for schema in (PUBLIC, *(tenant.schema_name for tenant in played.values())):
        assert verify(schema) > 0
    ours = OperatorEvent.objects.filter(at__lt=NOW, data__has_key="flag").order_by("seq")
    assert [event.data["segment"] for event in ours] == ["general", "pilot", "early", "general"]
    times = list(
        OperatorEvent.objects.filter(at__gt=NOW - data.FOUNDED, at__lt=NOW)
        .order_by("seq")
        .values_list("at", flat=True)
    )
    assert times == sorted(times)


@pytest.mark.django_db
def test_incidents_are_as_many_as_planned_and_none_is_from_the_future(played):
    for plan in PLANS:
        with entering(played[plan.slug]):
            assert Incident.objects.count() == len(plan.resolved) + plan.again + len(plan.open)
            came_back = [case for case in plan.resolved if case.title in STILL_BACK]
            assert Incident.objects.open().count() == len(plan.open) + len(came_back)
            earliest, latest = NOW - timedelta(days=data.HISTORY_DAYS + 5), NOW
            for incident in Incident.objects.all():
                assert earliest < incident.created_at < latest
                assert incident.resolved_at is None or incident.created_at < incident.resolved_at < latest
                if incident.first_response_at and incident.resolved_at:
                    assert incident.first_response_at < incident.resolved_at
            numbers = Incident.objects.order_by("created_at").values_list("number", flat=True)
            assert list(numbers) == sorted(numbers)


def test_clocks_that_ran_out_were_recorded_within_seconds_and_told_once(demo_acme):
    with entering(demo_acme):
        breached = Incident.objects.breached(NOW)
        assert Incident.objects.open().breached(NOW).count() == 2
        late = list(breached)
    assert len(late) > 2
    for incident in late:
        for clock in ("response", "resolution"):
            if getattr(incident, f"sla_{clock}_breached"):
                due = getattr(incident, f"sla_{clock}_deadline")
                assert due <= getattr(incident, f"sla_{clock}_breached_at") <= due + timedelta(seconds=5)
    rows = Delivery.objects.filter(tenant=demo_acme, message="incident.breached")
    told = Counter(rows.values_list("event", flat=True))
    clocks = sum(incident.sla_response_breached + incident.sla_resolution_breached for incident in late)
    assert len(told) == clocks


def test_clocks_of_the_open_ones_go_on_ticking(demo_acme):
    due = Deadline.objects.filter(tenant=demo_acme, dead_at__isnull=True)
    assert due.count() >= 12
    assert not due.filter(wake_at__lte=NOW).exists()


def test_no_alert_is_routed_to_nowhere(demo_acme):
    assert routes_to_nowhere(settings.THRESHOLDS.watched()) == {}
    duties = Duty.objects.select_related("user").values_list("owner", "user__email")
    assert sorted(duties) == sorted((owner, person.email) for owner, person in data.DUTIES)


def test_the_operators_chats_follow_the_receiver(demo_acme, settings):
    settings.SLACK_HOOKS_URL = "http://127.0.0.1:1/"
    for _ in range(2):
        seed.connect("http://127.0.0.1:1/", now=NOW, slug="nobody")
    chats = Endpoint.objects.filter(tenant__schema_name=PUBLIC, channel="slack_webhook").order_by("name")
    assert [chat.name for chat in chats] == ["alerts", "product"]
    assert {chat.secret.rpartition("/services/")[0] for chat in chats} == {"http://127.0.0.1:1"}
    assert OperatorEvent.objects.filter(verb="endpoint.secret_rotated").count() == 2


def test_a_trespass_raised_an_alert_that_was_taken_and_is_over(demo_globex):
    (alert,) = Alert.objects.filter(tenant=demo_globex)
    plan = data.TRESPASS
    began = NOW - timedelta(minutes=plan.minutes_ago)
    assert (alert.rule, alert.state, alert.reopened_count) == (plan.rule, "recovered", 0)
    assert began < alert.opened_at < alert.acknowledged_at < alert.recovered_at
    assert alert.recovered_at <= began + timedelta(minutes=plan.looks, seconds=5)
    assert alert.acknowledged_by.email == data.DUTIES[0][1].email
    assert Alert.objects.count() == 1


def test_requests_were_counted_on_routes_that_exist_and_none_failed_lately(demo_globex):
    known = {str(pattern.pattern) for pattern in _flat(get_resolver("project.urls"))}
    assert {route.route for route in traffic.TRAFFIC} <= known
    rows = RequestMetric.objects.filter(tenant=demo_globex)
    assert 500 < rows.count() < 3000
    assert all(sum(row.codes.values()) == sum(row.bins.values()) for row in rows)
    lately = request_figures([demo_globex], since=NOW - timedelta(hours=1), until=NOW)[demo_globex.pk]
    assert lately.count > 20
    assert lately.total_5xx == 0
    assert lately.p95_ms < 1000
    summary = RunSummary.objects.filter(tenant=demo_globex).latest("end")
    assert summary.body["requests"]["count"] > 100
    assert summary.body["latency"]["request_ms"]["p95"] > 0
    assert summary.body["queue"]["minutes_measured"] > 100
    assert not summary.body["queue"]["stuck_detected"]


def _flat(resolver, prefix=""):
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            yield from _flat(pattern, prefix + str(pattern.pattern))
        else:
            yield SimpleNamespace(pattern=prefix + str(pattern.pattern))


def test_slack_heard_of_the_alert_when_it_was(demo_globex, receiver):
    seed.post(now=NOW, plans=PLANS[1:2])
    ours = Delivery.objects.filter(tenant__schema_name=PUBLIC)
    assert [row.last_error for row in ours if row.state != "sent"] == []
    said = told(receiver.folder)
    assert [line for line in said.splitlines() if "Slack #alerts" in line and data.TRESPASS.rule in line]
    assert not list(receiver.folder.glob("*-pagerduty.json")), "a high alert pages nobody"
    on_call = {person.email for owner, person in data.DUTIES if owner == "on_call"}
    mailed = {to for one in mail.outbox if data.TRESPASS.rule in one.subject for to in one.to}
    assert mailed == on_call


def test_its_mails_are_sent_when_they_would_have_been(demo_acme):
    breaches = Delivery.objects.filter(tenant=demo_acme, state="pending", message="incident.breached").count()
    assert seed.post(now=NOW, plans=PLANS[:1]) > breaches > 0
    rows = Delivery.objects.filter(tenant=demo_acme)
    assert len(mail.outbox) >= rows.count()
    told = Counter(rows.values_list("message", flat=True))
    assert told["incident.breached"] == breaches
    assert {"incident.warned", "incident.commented", "incident.waiting", "change.submitted"} <= set(told)
    assert [row.last_error for row in rows if row.state != "sent"] == []
    assert not Delivery.objects.filter(message="user.invited").exists(), "all of them have a password"
    # What happened within those two seconds goes out with it.
    assert all(timedelta() < row.sent_at - row.created_at <= timedelta(seconds=2) for row in rows)


def test_incidents_are_in_every_state_with_all_that_goes_with_it(demo_acme):
    with entering(demo_acme):
        assert set(Incident.objects.values_list("state", flat=True)) == set(IncidentState.values)
        waiting = list(Incident.objects.filter(state="waiting"))
        assert len(waiting) == 2
        for incident in waiting:
            assert incident.waiting_reason
            assert resolve(incident.waiting_owner, demo_acme, now=NOW).role == Role.CUSTOMER
            assert incident.sla_resolution_deadline is None, "its clock is paused"
        assert Incident.objects.filter(reopened_count=1, resolved_at=None).count() == 1
        assert Incident.objects.filter(reopened_count=1, resolved_at__isnull=False).exists()
        assert Incident.objects.filter(backlog_item__isnull=False).count() >= 6
        assert Incident.objects.filter(sla_resolution_warned=50).exists()
        assert {comment.is_internal for comment in Comment.objects.all()} == {True, False}


def test_what_was_said_is_found_where_it_was_to_be_said(played):
    for plan in PLANS:
        with entering(played[plan.slug]):
            said = Comment.objects.count()
        resolved = [case.title for case in plan.resolved]
        planned = sum(len(talk.RESOLVED.get(title, ())) for title in resolved)
        planned += sum(len(talk.OPEN.get(case.title, ())) for case, _plan in plan.open)
        assert said == planned > 0


def test_every_text_belongs_to_a_case():
    titles = {case.title for case in CASES}
    assert set(talk.RESOLVED) | set(talk.OPEN) | set(talk.AGAIN) <= titles
    assert {title for items in talk.BACKLOG.values() for item in items for title in item.cases} <= titles
    asked = {change.case for changes in talk.CHANGES.values() for change in changes} - {""}
    assert asked <= {case.title for plan in data.TENANTS for case, _plan in plan.open}


def test_change_requests_went_their_way_with_the_managers_votes(demo_acme):
    with entering(demo_acme):
        changes = {change.title: change for change in ChangeRequest.objects.all()}
        assert {change.state for change in changes.values()} == set(ChangeState.values)
        numbers = sorted(change.number for change in changes.values())
        assert numbers == list(range(1, len(changes) + 1))
        (rejected,) = (change for change in changes.values() if change.state == "rejected")
        assert "Görev ayrılığına aykırı" in rejected.rejection_reason
        (implemented,) = (change for change in changes.values() if change.state == "implemented")
        assert implemented.test_evidence
        managers = User.objects.filter(memberships__tenant=demo_acme, memberships__role=Role.MANAGER)
        for manager in managers:
            assert ChangeRequest.objects.filter(services.waits_for_vote_of(manager.pk)).exists()
        assert set(ChangeVote.objects.values_list("user", flat=True)) == {manager.pk for manager in managers}


def test_the_second_project_has_office_hours_and_the_first_the_default(demo_acme):
    with entering(demo_acme):
        assert set(Policy.objects.values_list("project__code", flat=True)) == {"EWM-GEBZE"}
        (version,) = CalendarVersion.objects.all()
        assert "2026-10-29" in version.closed_on
        assert version.definition["weekly"]["monday"] == [["09:00", "12:30"], ["13:30", "18:00"]]
        on_hours = ClockEvent.objects.filter(calendar_version=version, kind="start")
        assert set(on_hours.values_list("incident__project__code", flat=True)) == {"EWM-GEBZE"}


def test_support_has_been_inside_and_is_not_any_more(demo_acme):
    grant = SupportGrant.objects.get(tenant=demo_acme)
    assert grant.ended_at == grant.opened_at + timedelta(minutes=18)
    assert isinstance(resolve(grant.user, demo_acme, now=NOW), Denied)


@pytest.mark.django_db
def test_a_failure_leaves_nothing_behind(played):
    broken = PLANS[1]._replace(
        slug="demo-broken", again=0, resolved=(cases.PILOT[0]._replace(cause=" "),), open=()
    )
    lines = OperatorEvent.objects.count()
    with pytest.raises(Invalid, match="root cause"):
        seed.seed(now=NOW, plans=[broken])
    assert not Tenant.objects.filter(slug="demo-broken").exists()
    assert OperatorEvent.objects.count() == lines
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 't_demo_broken'")
        assert cursor.fetchone() == (0,)


# ---- demo.json --------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path) -> run.Place:
    return run.Place("localhost", 8123, 1125, 1180, tmp_path)


def test_its_processes_know_what_they_are_and_the_watchdog_whom_to_beat_to(place):
    commands = run.processes(place)
    assert list(commands) == ["mail", "web", "worker", "beat", "watchdog"]
    for name, command in commands.items():
        assert name == "mail" or f"PROCESS={name}" in command
    assert "HEARTBEAT_URL=http://127.0.0.1:1180/heartbeat" in commands["watchdog"]


@pytest.fixture
def demo_plans(monkeypatch):
    monkeypatch.setattr(data, "TENANTS", PLANS)


def test_the_notes_have_their_shape_and_tokens_that_work(demo_acme, demo_plans, place):
    found = logins.notes(place, now=NOW)
    logins.write(found, place.notes)
    assert stat.S_IMODE(place.notes.stat().st_mode) == 0o600
    written = json.loads(place.notes.read_text())
    assert set(written) == {"console", "tenants"}
    assert set(written["console"]) == {"url", "logins", "metrics"}
    assert written["console"]["metrics"]["url"] == "http://localhost:8123/metrics"
    assert len(written["console"]["metrics"]["token"]) > 20
    assert written["console"]["url"] == "http://localhost:8123/admin/"
    assert [login["role"] for login in written["console"]["logins"]] == ["support", "release", "platform"]
    for login in written["console"]["logins"]:
        user = User.objects.get(email=login["email"])
        assert services_of_people.totp_secret(user) == login["totp_secret"]
        code = logins.code(login["email"], now=NOW)
        assert services_of_people.spend_code(user=user, code=code, now=NOW)
    assert logins.code(written["tenants"][0]["logins"][0]["email"], now=NOW) == ""
    acme = written["tenants"][0]
    assert set(acme) == {"slug", "url", "projects", "logins"}
    assert acme["url"] == "http://demo-acme.localhost:8123/"
    assert [project["code"] for project in acme["projects"]] == ["ATLAS-W2", "EWM-GEBZE", "OPS"]
    assert [login["role"] for login in acme["logins"]] == ["customer", "agent", "manager", "manager", "admin"]
    for login in acme["logins"]:
        assert set(login) == {"role", "email", "password", "token"}
        token = ApiToken.objects.get(digest=secret_digest(login["token"]))
        assert (token.user.email, token.tenant) == (login["email"], demo_acme)
    assert token.user.check_password(login["password"])


def test_a_second_start_keeps_tokens_that_work_and_replaces_others(demo_acme, demo_plans, place):
    first = logins.notes(place, now=NOW)
    logins.write(first, place.notes)
    assert logins.notes(place, now=NOW + timedelta(hours=1)) == first

    later = NOW + timedelta(days=logins.DAYS)
    second = logins.notes(place, now=later)
    old, new = (
        {login["token"] for one in (found["console"], *found["tenants"]) for login in one["logins"]}
        for found in (first, second)
    )
    assert not old & new
    place.notes.write_text("{")
    third = logins.notes(place, now=later)
    live = ApiToken.objects.filter(name=logins.NAME, revoked_at__isnull=True, expires_at__gt=later)
    assert live.count() == sum(len(one["logins"]) for one in (third["console"], *third["tenants"]))


def test_the_greeting_names_every_login_and_the_password(demo_acme, demo_plans, place):
    found = logins.notes(place, now=NOW)
    said = demo.greeting(found, place, "Made anew.")
    for one in (found["console"], *found["tenants"]):
        assert one["url"] in said
        assert all(login["email"] in said for login in one["logins"])
    assert data.PASSWORD in said
    assert "http://127.0.0.1:1180/heartbeat" in said
    assert "http://127.0.0.1:1180/told" in said
    assert "hc_" not in said


# ---- the command ------------------------------------------------------------------------------------------------


def test_the_demo_refuses_everything_but_development(settings):
    settings.ENV = "staging"
    with pytest.raises(CommandError, match="ENV=development only"):
        call_command("demo")


def test_an_incident_needs_a_demo_that_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "FOLDER", tmp_path)
    with pytest.raises(CommandError, match="does not run"):
        call_command("demo", "--incident")


@pytest.fixture
def at_noon(time_machine, monkeypatch, place):
    """It is 12:00 in Istanbul and the demo's folder is the test's."""
    time_machine.move_to(NOW, tick=False)
    monkeypatch.setattr(demo, "FOLDER", place.folder)


def test_the_incident_breaches_in_a_minute_and_says_who_is_told(
    demo_acme, demo_plans, place, at_noon, capsys
):
    logins.write(logins.notes(place, now=NOW), place.notes)
    with run.alone(place.folder):
        call_command("demo", "--incident", "--tenant", "demo-acme")
    with entering(demo_acme):
        incident = Incident.objects.latest("number")
        page = f"/p/{incident.project.code}/incidents/{incident.number}\n"
    assert (incident.severity, incident.state) == ("P1", "open")
    assert incident.sla_response_deadline == NOW + timedelta(seconds=60)
    said = capsys.readouterr().out
    assert page in said
    assert "12:01:00 (Europe/Istanbul)" in said
    told = {member.email for member in PLANS[0].members if member.role in (Role.AGENT, Role.MANAGER)}
    assert all(email in said for email in told)
    assert "okan.celik" not in said


def test_two_demos_do_not_run_on_one_folder(tmp_path):
    assert not run.runs(tmp_path)
    with run.alone(tmp_path):
        assert run.runs(tmp_path)
        with pytest.raises(run.Busy), run.alone(tmp_path):
            pass
    assert not run.runs(tmp_path)


def test_a_taken_port_leads_to_the_next():
    free = run.free_port(18000)
    with run.closing(run.socket.socket()) as taken:
        taken.setsockopt(run.socket.SOL_SOCKET, run.socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", free))
        taken.listen()
        assert run.free_port(free) > free


def test_the_newest_mail_is_shown_as_text(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(demo, "FOLDER", tmp_path)
    with pytest.raises(CommandError, match="no mail"):
        call_command("demo", "--mail")
    (tmp_path / "mail").mkdir()
    for hour in (1, 2):
        text = f"To: ayse@acme.example\nSubject: =?utf-8?q?Sevkiyat_{hour}_=C3=A7?=\n\nBody {hour}\n"
        (tmp_path / "mail" / f"20261118T0{hour}0000.0Z-a.eml").write_text(text)
    call_command("demo", "--mail")
    said = capsys.readouterr().out
    assert "Subject: Sevkiyat 2 ç" in said
    assert "Body 2" in said
