"""System health: four questions, each answered by a light, a sentence and figures; and every tenant in a row."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from hypercare import services as hypercare
from observability import health
from observability.admin import health_page
from observability.health import DatabaseFacts, Readiness
from observability.models import Alert, Gauge, Pulse, RunSummary, Standing
from observability.recording import Counted
from observability.services import store_requests
from observability.states import AlertSeverity
from tenancy import hosts, services
from tenancy.context import entering
from tenancy.models import Deadline, Delivery, Tenant
from tenancy.states import Signal
from tests import factories

pytestmark = pytest.mark.django_db
PAGE = "/admin/health/"
QUESTIONS = ["Does it run?", "Is it talking nonsense?", "How many incidents?", "Does feedback come in?"]
MINUTE = timedelta(minutes=1)
FAILED = "Failed on our side (5xx)"


class Machine:
    """What readiness finds: pulses and the queue."""

    def __init__(self, now):
        self.pulses = {"beat": now, "consumed": now}
        self.depth = 0

    def facts(self):
        return DatabaseFacts(1.0, self.pulses)


@pytest.fixture(autouse=True)
def machine(monkeypatch, now):
    machine = Machine(now)
    monkeypatch.setattr(health, "readiness", Readiness(machine.facts, lambda: machine.depth))
    return machine


@pytest.fixture
def platform(public, users, browser):
    return browser(public, users["platform"])


def panels(client):
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return {panel.key: panel for panel in answer.context["panels"]}


def said(panel):
    return panel.light.tone, panel.sentence


def figures(panel):
    return {str(figure.label): (str(figure.value), str(figure.note)) for figure in panel.figures}


def rows(client):
    return {row.about.tenant.slug: row for row in client.get(PAGE).context["rows"]}


def deadline(tenant, at, **fields):
    return Deadline.objects.create(
        tenant=tenant, kind="incident.response_due", subject="incident:1", due_at=at, wake_at=at, **fields
    )


def alert(tenant, now, severity="high", **fields):
    made = {"rule": f"rule-{severity}", "owner": "on_call", "verdict": {}, "config_hash": "sha256:0"} | fields
    return Alert.objects.create(tenant=tenant, severity=severity, opened_at=now, last_seen_at=now, **made)


def standing(tenant, now, status, rule="error_5xx_rate"):
    return Standing.objects.create(tenant=tenant, rule=rule, status=status, since=now, verdict={})


def requests(tenant, at, codes, ms=100):
    minute = at.replace(second=0, microsecond=0)
    count = sum(codes.values())
    store_requests(
        [Counted(tenant.pk, "api/v1/me", "GET", minute, codes, {str(ms): count}, float(ms * count))]
    )


def summary(tenant, start, **counts):
    zero = dict.fromkeys(("resolved_count", "feedback_count", "hypercare_reported"), 0)
    end = start + timedelta(days=1)
    body = {"counts": zero | counts, "period": {"day": start.date().isoformat()}}
    return RunSummary.objects.create(
        tenant=tenant, kind="day", start=start, end=end, generated_at=end, body=body
    )


# ---- the page ------------------------------------------------------------------------------------------------------


def test_it_asks_four_questions_in_this_order(platform):
    page = platform.get(PAGE).content.decode()
    found = re.findall(r'<h2 id="q-\w+">([^<]+?) <span class="hc-light', page)
    assert found == QUESTIONS
    assert [panel.key for panel in platform.get(PAGE).context["panels"]] == [
        "runs",
        "nonsense",
        "incidents",
        "feedback",
    ]


def test_it_asks_them_in_turkish(platform, users):
    users["platform"].language = "tr"
    users["platform"].save()
    page = unescape(platform.get(PAGE).content.decode())
    for question in ("Çalışıyor mu?", "Saçmalıyor mu?", "Kaç olay var?", "Geri bildirim geliyor mu?"):
        assert question in page
    assert not any(question in page for question in QUESTIONS)


def test_it_is_first_in_the_menu_after_the_overview(platform, acme, users, browser):
    for client in (platform, browser(acme, users["agent"])):
        page = client.get("/admin/").content.decode()
        links = re.findall(r'href="(/admin/[\w/]*)"', page[page.index('id="nav-sidebar"') :])
        assert links.index("/admin/health/") < min(
            at for at, link in enumerate(links) if link not in ("/admin/", "/admin/health/", "/admin/logout/")
        )


def test_what_nobody_judges_is_not_said_to_be_within_its_limits(platform, acme, now):
    standing(acme, now, "ok")
    judged = Pulse.objects.create(name="verdicts", at=timezone.now() - 2 * MINUTE)
    assert said(panels(platform)["nonsense"])[0] == "ok"
    judged.at = timezone.now() - 4 * MINUTE
    judged.save()
    found = said(panels(platform)["nonsense"])
    assert found == ("late", "Nobody judges the alarms: the last look was 4 min ago.")
    assert "Alarms not judged" in platform.get("/admin/").content.decode()


def test_each_light_is_a_shape_and_a_word(platform, acme, now):
    alert(acme, now)
    page = platform.get(PAGE).content.decode()
    lights = re.findall(r'<span aria-hidden="true">(.)</span> ([^<]+)</span></h2>', page)
    assert lights == [("●", "well"), ("◆", "not well"), ("●", "well"), ("○", "no data")]


def test_it_says_as_of_when_and_reads_itself_anew(platform):
    page = platform.get(PAGE).content.decode()
    assert '<time datetime="2026-11-18T12:00:00+03:00" title="2026-11-18 12:00:00 ' in page
    assert f'data-refresh="{settings.THRESHOLDS.health.PAGE_SECONDS}"' in page
    assert 'http-equiv="refresh"' not in page
    assert not re.search(r"<script(?![^>]*src=)[^>]*>\s*\S", page[page.index('class="hc-index hc-health"') :])


def test_both_addresses_stand_there_to_copy(platform, acme, users, browser):
    page = unescape(platform.get(PAGE).content.decode())
    assert f'data-copy="curl -s {settings.BASE_URL}/health/ready | jq"' in page
    assert f"{settings.BASE_URL}/api/v1/run-summaries/latest?tenant=SLUG" in page
    own = unescape(browser(acme, users["agent"]).get(PAGE).content.decode())
    assert '"http://acme.localhost:8000/api/v1/run-summaries/latest"' in own


# ---- does it run? --------------------------------------------------------------------------------------------------


def test_it_runs(platform, now):
    for name, seconds in (("beat", 2), ("consumed", 3), ("watchdog", 8), ("heartbeat", 200)):
        Pulse.objects.update_or_create(name=name, defaults={"at": now - timedelta(seconds=seconds)})
    Gauge.objects.create(name="queue_depth", minute=now - 5 * MINUTE, least=0, most=12, last=3, samples=6)
    Gauge.objects.create(
        name="queue_depth", minute=now - 60 * 13 * MINUTE, least=0, most=99, last=3, samples=6
    )
    panel = panels(platform)["runs"]
    assert said(panel) == ("ok", "It takes requests, and what is due gets done.")
    assert figures(panel) == {
        "In the queue": ("0", "highest today 12"),
        "Overdue and dead": ("0", "0 overdue, 0 dead"),
        "Beat ticked": ("2 s ago", "worker finished 3 s ago"),
        "Watchdog looked": ("8 s ago", "heartbeat taken 3 min ago"),
    }


def test_what_was_never_seen_is_said_to_be(platform):
    Pulse.objects.all().delete()
    found = figures(panels(platform)["runs"])
    assert found["Beat ticked"] == ("never", "worker finished never")
    assert found["In the queue"] == ("0", "not measured today")


def test_a_failing_check_is_red_and_named(platform, machine, now):
    machine.pulses["beat"] = now - 5 * MINUTE
    assert said(panels(platform)["runs"]) == ("late", "Not ready: beat in error.")


def test_a_queue_that_drains_is_amber(platform, machine):
    machine.depth = 3
    panel = panels(platform)["runs"]
    assert said(panel) == ("soon", "It is ready, with a warning: queue.")
    assert figures(panel)["In the queue"][0] == "3"


def test_what_is_overdue_is_red_and_what_is_dead_amber(platform, acme, now):
    Delivery.objects.create(
        tenant=acme,
        event="01930000-0000-7000-8000-000000000000",
        message="incident.breached",
        subject="incident:1",
        recipient="user:1",
        channel="email",
        dedupe_key="incident.breached",
        state="dead",
        dead_at=now,
        next_try_at=now,
        created_at=now,
    )
    panel = panels(platform)["runs"]
    assert said(panel) == ("soon", "It runs, but 1 row is dead: mend the cause and replay it.")
    deadline(acme, now - 10 * MINUTE)
    panel = panels(platform)["runs"]
    assert panel.light.tone == "late"
    assert figures(panel)["Overdue and dead"] == ("2", "1 overdue, 1 dead")


# ---- is it talking nonsense? ---------------------------------------------------------------------------------------


def test_nothing_measured_is_no_success(platform):
    assert said(panels(platform)["nonsense"]) == ("", "No data: nothing was measured yet.")


def test_rules_without_data_do_not_make_it_green(platform, acme, now):
    standing(acme, now, "no_data")
    assert panels(platform)["nonsense"].light.tone == ""
    standing(acme, now, "ok", rule="http_5xx_burst")
    assert said(panels(platform)["nonsense"]) == ("ok", "What is measured is within its limits.")


@pytest.mark.parametrize(("severity", "tone"), [("critical", "late"), ("high", "late"), ("medium", "soon")])
def test_an_open_alert_shows_by_how_bad_it_is(platform, acme, now, severity, tone):
    alert(acme, now, severity)
    alert(acme, now, "medium", rule="gone", state="recovered", recovered_at=now)
    panel = panels(platform)["nonsense"]
    assert said(panel) == (tone, f"1 alert is open, the worst is {severity}.")
    counts = ", ".join(f"{int(level == severity)} {level}" for level in AlertSeverity.values)
    assert figures(panel)["Alerts open"] == ("1", counts)


@pytest.mark.parametrize(
    ("status", "tone", "sentence"),
    [
        ("breach", "late", "1 rule is in breach."),
        ("warning", "soon", "Nothing is in breach; 1 rule is outside of what is healthy."),
    ],
)
def test_a_rule_shows_by_its_verdict(platform, acme, now, status, tone, sentence):
    standing(acme, now, status)
    standing(acme, now, "ok", rule="other")
    assert said(panels(platform)["nonsense"]) == (tone, sentence)


def test_failed_answers_of_the_last_hour_are_a_share_of_all(platform, acme, globex, now):
    requests(acme, now - 10 * MINUTE, {"200": 150, "500": 3})
    requests(globex, now - 20 * MINUTE, {"200": 46, "503": 1})
    requests(globex, now - 70 * MINUTE, {"500": 40})
    found = figures(panels(platform)["nonsense"])
    value, note = found[FAILED]
    assert value == "2.0 %"
    assert re.fullmatch(r"of 200 requests in 60 min, p95 (99|100|101) ms", note)
    shown = rows(platform)
    assert (shown["acme"].failed, shown["globex"].failed, shown["pilot"].failed) == ("2.0 %", "2.1 %", "–")


def test_security_signals_of_the_window_are_counted(platform, acme, now):
    for at in (now, now - MINUTE, now - 20 * MINUTE):
        services.count_signal(signal=SIGNAL, tenant=acme, about={}, now=at)
    assert figures(panels(platform)["nonsense"])["Security signals"] == ("2", "in 5 minutes")


SIGNAL = Signal.CROSS_SCOPE


# ---- how many incidents? -------------------------------------------------------------------------------------------


def test_no_incident_is_a_quiet_night(platform):
    panel = panels(platform)["incidents"]
    assert said(panel) == ("ok", "No incident is open.")
    assert figures(panel)["Last reported"][0] == "never"


def test_incidents_of_all_tenants_are_counted(platform, acme, globex, report, now, system):
    report(severity="P3", at=now - 2 * MINUTE)
    report(severity="P4", at=now - timedelta(days=3))
    with entering(globex):
        program = hypercare.create_program(code="ERP", name="ERP", by=system, now=now)
        project = hypercare.create_project(program=program, code="W1", name="W1", by=system, now=now)
        hypercare.report_incident(
            project=project, title="x", severity="P2", by=system, now=now - timedelta(days=2)
        )
    panel = panels(platform)["incidents"]
    assert said(panel) == ("late", "2 incidents are breached now.")
    found = figures(panel)
    assert found["Open now"] == ("3", "P1 0 · P2 1 · P3 1 · P4 1")
    assert (found["Breached now"][0], found["Reported today"][0]) == ("2", "1")
    assert found["Last reported"][0] == "2 min ago"
    shown = rows(platform)
    assert [shown[slug].about.incidents.total for slug in ("acme", "globex", "pilot")] == [2, 1, 0]


def test_what_is_open_in_time_is_green_and_a_p1_is_looked_at(platform, report, now):
    report(severity="P3", at=now)
    assert said(panels(platform)["incidents"]) == ("ok", "1 incident is open, none breached.")
    report(severity="P1", at=now)
    assert panels(platform)["incidents"].light.tone == "soon"


def test_today_begins_where_the_reader_is(platform, users, report, now):
    report(severity="P4", at=datetime(2026, 11, 17, 21, 30, tzinfo=UTC))
    for zone, count in (("UTC", "0"), ("Europe/Istanbul", "1")):
        users["platform"].time_zone = zone
        users["platform"].save()
        assert figures(panels(platform)["incidents"])["Reported today"][0] == count


@pytest.mark.parametrize(
    ("zone", "at", "began"),
    [
        # midnight is left out: the day begins at 01:00, 04:00 UTC
        ("America/Santiago", datetime(2026, 9, 6, 15, tzinfo=UTC), datetime(2026, 9, 6, 4, tzinfo=UTC)),
        # midnight comes twice: the day begins at the first, and stays begun after the second
        ("America/Havana", datetime(2026, 11, 1, 4, 30, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_today_begins_once_whatever_the_clocks_do(zone, at, began):
    with timezone.override(zone):
        assert health_page._today(at) == began


def test_a_tenant_that_cannot_be_asked_is_no_zero(platform, globex):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE t_globex.hypercare_incident RENAME TO away")
    assert said(panels(platform)["incidents"]) == ("soon", "1 tenant could not be asked just now.")
    assert rows(platform)["globex"].about.incidents is None
    assert 'title="could not be asked just now">?<' in platform.get(PAGE).content.decode()


# ---- does feedback come in? ----------------------------------------------------------------------------------------


def test_without_a_pilot_there_is_no_feedback_and_it_says_so(platform, acme, now):
    summary(acme, now - timedelta(days=1))
    panel = panels(platform)["feedback"]
    assert said(panel) == ("", "No data: feedback comes with a tenant's pilot, and none sends any yet.")
    assert figures(panel)["Coverage"][0] == "–"


@pytest.mark.parametrize(
    ("given", "tone", "share"),
    [(0, "late", "0.0 %"), (1, "soon", "10.0 %"), (5, "soon", "50.0 %"), (6, "ok", "60.0 %")],
)
def test_feedback_is_judged_by_the_alarms_limits(platform, acme, globex, now, given, tone, share):
    summary(acme, now - timedelta(days=2), resolved_count=50, feedback_count=50)
    summary(acme, now - timedelta(days=1), resolved_count=8, feedback_count=given)
    summary(globex, now - timedelta(days=1), resolved_count=2)
    panel = panels(platform)["feedback"]
    assert panel.light.tone == tone
    found = figures(panel)
    assert (found["Coverage"][0], found["Resolved incidents"][0], found["With feedback"][0]) == (
        share,
        "10",
        str(given),
    )


# ---- each tenant ---------------------------------------------------------------------------------------------------


def test_tenants_stand_worst_first_with_their_days(platform, acme, globex, now, report):
    alert(globex, now, "critical")
    report(severity="P2", at=now - timedelta(days=2))
    for days, reported in ((3, 4), (2, 0), (1, 2)):
        summary(acme, now - timedelta(days=days), hypercare_reported=reported)
    shown = rows(platform)
    assert list(shown) == ["acme", "globex", "pilot"]
    assert [bar.height for bar in shown["acme"].bars] == [24, 0, 12]
    assert shown["acme"].said == "Incidents reported: 4, 0, 2"
    assert shown["globex"].alerts == 1
    page = platform.get(PAGE).content.decode()
    assert '<time datetime="2026-11-17">2026-11-17</time>' in page
    assert 'role="img" aria-label="Incidents reported: 4, 0, 2"' in page
    assert page.count("none yet") == 2


def test_a_suspended_tenant_is_left_out(platform, globex, now):
    Tenant.objects.filter(pk=globex.pk).update(state="suspended", suspended_at=now)
    assert set(rows(platform)) == {"acme", "pilot"}


def asked(client):
    hosts.clear()
    with CaptureQueriesContext(connection) as captured:
        assert client.get(PAGE).status_code == 200
    return [query["sql"] for query in captured if not query["sql"].startswith("SET search_path")]


def test_twenty_tenants_ask_as_much_as_two(platform, tenants, acme, globex, system, now):
    Tenant.objects.filter(slug="pilot").update(state="suspended", suspended_at=now)
    for each in (acme, globex):
        requests(each, now - MINUTE, {"200": 5})
        summary(each, now - timedelta(days=1), hypercare_reported=1)
        alert(each, now)
    asked(platform)  # what is looked up once per process
    few = asked(platform)
    for number in range(18):
        made = services.create_tenant(slug=f"more{number}", name=f"More {number}", by=system, now=now)
        requests(made, now - MINUTE, {"200": 5})
        summary(made, now - timedelta(days=1), hypercare_reported=1)
        alert(made, now)
    assert len(rows(platform)) == 20
    many = asked(platform)
    assert len(many) == len(few), "\n".join(many)


# ---- a tenant's own ------------------------------------------------------------------------------------------------


def test_a_tenant_sees_its_own_and_nobody_elses(acme, globex, users, browser, report, now):
    report(severity="P3", at=now)
    requests(acme, now - MINUTE, {"200": 9, "500": 1})
    requests(globex, now - MINUTE, {"500": 90})
    alert(globex, now, "critical")
    deadline(globex, now - 10 * MINUTE)
    standing(acme, now, "ok")
    client = browser(acme, users["manager"])
    found = panels(client)
    assert figures(found["runs"])["Overdue and dead"][0] == "0"
    assert figures(found["nonsense"])["Alerts open"][0] == "0"
    assert figures(found["nonsense"])[FAILED][0] == "10.0 %"
    assert figures(found["incidents"])["Open now"][0] == "1"
    page = client.get(PAGE).content.decode()
    assert "By tenant" not in page
    assert "Globex" not in page
    assert "/admin/tenancy/deadline/" not in page


def test_alerts_are_for_managers_and_signals_for_admins(acme, users, browser, now):
    alert(acme, now)
    by_role = {role: panels(browser(acme, users[role]))["nonsense"] for role in ("agent", "manager", "admin")}
    labels = {role: set(figures(panel)) for role, panel in by_role.items()}
    assert labels["agent"] == {FAILED}
    assert labels["manager"] == labels["agent"] | {"Alerts open", "Rules in breach"}
    assert labels["admin"] == labels["manager"] | {"Security signals"}
    assert by_role["agent"].light.tone == ""
    assert by_role["manager"].light.tone == "late"
    assert not any("alert" in url for url, _label in by_role["agent"].links)


def test_an_agent_hears_of_failed_answers_and_of_no_rule(acme, users, browser, now):
    standing(acme, now, "breach")
    requests(acme, now - MINUTE, {"200": 9, "500": 1})
    panel = panels(browser(acme, users["agent"]))["nonsense"]
    assert said(panel) == ("soon", "Some answers failed on our side.")


def test_incidents_of_projects_that_one_is_not_on_are_not_counted(acme, browser, report, users):
    report(severity="P1")
    outsider = factories.member(acme, "agent")
    assert figures(panels(browser(acme, outsider))["incidents"])["Open now"][0] == "0"
    assert figures(panels(browser(acme, users["agent"]))["incidents"])["Open now"][0] == "1"


def test_it_is_for_those_who_work(acme, public, users, browser):
    assert browser(acme, users["customer"]).get(PAGE).status_code in (302, 403)
    assert browser(acme, users["support"]).get(PAGE).status_code in (302, 403)
    assert browser(public, users["agent"]).get(PAGE).status_code in (302, 403)
    for role in ("support", "release", "platform"):
        assert browser(public, users[role]).get(PAGE).status_code == 200
