"""Alerts in both consoles: the worst first, their story, and what people do about them."""

import html
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hypercare.models import Incident
from observability import services
from observability.models import Alert, Duty, Silence
from observability.services import record
from tenancy import hosts
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.deliveries import base_url
from tenancy.journal.models import Event
from tenancy.models import SupportGrant
from tenancy.states import StaffRole
from tests.console.test_operations import asked_in, needs, tiles
from tests.console.test_public import journaled, refused, said
from tests.observability.alarms import RATE, judged, staff

pytestmark = pytest.mark.django_db
BASE = "/admin/observability/"


@pytest.fixture
def ours(public, users, browser):
    """Somebody of support on the public host."""
    return browser(public, users["support"])


@pytest.fixture
def release(public, users, browser):
    return browser(public, users["release"])


@pytest.fixture
def platform(public, users, browser):
    return browser(public, users["platform"])


@pytest.fixture
def manager(acme, users, browser):
    """The manager of acme, on acme's own host."""
    return browser(acme, users["manager"])


@pytest.fixture
def opened(now):
    def open_one(tenant, name=RATE):
        record(judged=[judged(tenant, "breach", now, name)], now=now)
        return Alert.objects.get(tenant=tenant, rule=name)

    return open_one


def text_of(response):
    return html.unescape(response.content.decode())


def page(client, alert):
    return text_of(client.get(f"{BASE}alert/{alert.pk}/change/"))


def verbs(client, alert):
    """The verbs that an alert's page offers."""
    shown = page(client, alert)
    names = ("acknowledge", "silence", "raise")
    return [name for name in names if f"{alert.pk}/do/{name}/" in shown]


def listed(client, query=""):
    rows = client.get(f"{BASE}alert/{query}").context["cl"].result_list
    return [(row.tenant.slug, row.rule) for row in rows]


# ---- lists and pages ----------------------------------------------------------------------------------------------


def test_the_worst_come_first_and_what_was_measured_is_in_words(ours, acme, globex, opened, now, users):
    medium = opened(acme, "SEC-SCOPE-MISMATCH-001")
    high, critical = opened(acme, "http_5xx_burst"), opened(acme)
    taken = opened(globex)
    by = Actor.staff(users["support"].pk, StaffRole.SUPPORT)
    services.acknowledge(alert=taken, by=by, now=now)
    assert listed(ours) == [
        ("acme", critical.rule),
        ("acme", high.rule),
        ("acme", medium.rule),
        ("globex", taken.rule),
    ]
    shown = text_of(ours.get(f"{BASE}alert/"))
    assert "30 %" in shown
    assert "/admin/runbooks/elevated-latency/" in shown
    assert listed(ours, "?state__exact=acknowledged") == [("globex", taken.rule)]
    assert listed(ours, f"?rule={high.rule}") == [("acme", high.rule)]
    assert listed(ours, "?severity__exact=medium") == [("acme", medium.rule)]
    assert listed(ours, f"?tenant__id__exact={globex.pk}") == [("globex", taken.rule)]


def test_a_page_tells_the_story(ours, acme, opened, users, now):
    alert = opened(acme)
    by = Actor.staff(users["release"].pk, StaffRole.RELEASE)
    services.acknowledge(alert=alert, note="Rolling back", by=by, now=now)
    shown = page(ours, alert)
    for part in ("opened it", "acknowledged it", "Rolling back", users["release"].name, "30 %"):
        assert part in shown, part
    assert "platform staff were told instead: nobody has the duty “on call”" in shown


def test_an_empty_list_says_so(ours, manager):
    for client in (ours, manager):
        assert "Nothing was in breach yet." in text_of(client.get(f"{BASE}alert/"))


def test_a_list_asks_as_often_whatever_there_is(ours, acme, globex, opened):
    def asked():
        hosts.clear()
        with CaptureQueriesContext(connection) as captured:
            assert ours.get(f"{BASE}alert/").status_code == 200
        return asked_in(captured)

    opened(acme)
    asked()
    few = asked()
    for name in (RATE, "http_5xx_burst", "SEC-CROSS-SCOPE-001"):
        opened(globex, name)
    assert asked() == few


def test_a_tenant_sees_its_own_and_none_of_our_notes(manager, acme, globex, opened, users, now):
    mine, theirs = opened(acme), opened(globex)
    by = Actor.staff(users["support"].pk, StaffRole.SUPPORT)
    services.acknowledge(alert=mine, note="The customer's fault", by=by, now=now)
    assert listed(manager) == [("acme", RATE)]
    assert manager.get(f"{BASE}alert/{theirs.pk}/change/").status_code == 404
    assert manager.post(f"{BASE}alert/{theirs.pk}/do/acknowledge/", {}).status_code == 404
    shown = page(manager, mine)
    assert "operations" in shown
    assert "The customer's fault" not in shown
    assert users["support"].name not in shown


def test_alerts_are_for_managers(acme, users, browser, opened):
    alert = opened(acme)
    agent = browser(acme, users["agent"])
    assert agent.get(f"{BASE}alert/").status_code == 403
    assert agent.post(f"{BASE}alert/{alert.pk}/do/acknowledge/", {}).status_code == 403
    assert browser(acme, users["admin"]).get(f"{BASE}alert/").status_code == 200


# ---- acknowledging and silencing ----------------------------------------------------------------------------------


def test_an_alert_is_acknowledged_once(ours, acme, opened, users):
    alert = opened(acme)
    path = f"{BASE}alert/{alert.pk}/do/acknowledge/"
    assert "is acknowledged" in said(ours.post(path, {"note": "Mine"}), ours)
    assert journaled("alert.acknowledged")[1] == users["support"].pk
    assert "Only an open alert" in refused(ours.post(path, {"note": ""}))
    assert "acknowledge" not in verbs(ours, alert)


def test_a_manager_acknowledges_their_own_with_a_note_that_stays_there(manager, ours, acme, opened, users):
    alert = opened(acme)
    assert "is acknowledged" in said(
        manager.post(f"{BASE}alert/{alert.pk}/do/acknowledge/", {"note": "Our nightly load"}), manager
    )
    assert "Our nightly load" in page(manager, alert)
    assert "Our nightly load" not in page(ours, alert)
    assert users["manager"].name in page(ours, alert)
    with entering(acme):
        assert Event.objects.get(verb="alert.acknowledged").data["note"] == "Our nightly load"


def test_an_alert_is_silenced_from_its_page_and_the_silence_ended(release, ours, acme, opened, now):
    alert = opened(acme)
    path = f"{BASE}alert/{alert.pk}/do/silence/"
    form = {"which": "this", "where": "this", "ends_at": "2026-11-18T15:00", "reason": "Load test"}
    assert "2026-11-18 15:00" in said(release.post(path, form), release)
    silence = Silence.objects.get()
    assert (silence.rule, silence.tenant, silence.ends_at) == (RATE, acme, now + timedelta(hours=3))
    assert "Load test" in text_of(ours.get(f"{BASE}silence/?live=yes"))
    assert "silenced until" in page(release, alert)
    assert ours.post(f"{BASE}silence/{silence.pk}/do/end/").status_code == 403
    end = f"{BASE}silence/{silence.pk}/do/end/"
    assert "has ended" in said(release.post(end), release)
    assert "has ended" in refused(release.post(end))
    assert "Load test" not in text_of(ours.get(f"{BASE}silence/?live=yes"))
    assert "silenced until" not in page(release, alert)


def test_everything_can_be_silenced_for_a_while_and_not_for_ever(release, now):
    path = f"{BASE}silence/do/silence/"
    form = {"rule": "any", "tenant": "", "ends_at": "2026-11-18T15:00", "reason": "Moving house"}
    assert "2026-11-18 15:00" in said(release.post(path, form), release)
    assert (Silence.objects.get().rule, Silence.objects.get().tenant) == ("", None)
    shown = text_of(release.get(f"{BASE}silence/"))
    assert "every rule" in shown
    assert "all tenants and the platform" in shown
    assert "hours from now" in refused(release.post(path, {**form, "ends_at": "2027-11-18T15:00"}))
    assert "required" in refused(release.post(path, {**form, "reason": ""}))


def test_support_does_not_silence(ours, acme, opened):
    alert = opened(acme)
    assert verbs(ours, alert) == ["acknowledge"]
    assert ours.get(f"{BASE}alert/{alert.pk}/do/silence/").status_code == 403


# ---- into an incident ---------------------------------------------------------------------------------------------


def raising(alert, of, **given):
    form = {"project": str(of.pk), "severity": "P1", "title": "Errors at Acme"} | given
    return f"{BASE}alert/{alert.pk}/do/raise/", form


def test_an_alert_becomes_an_incident_under_a_grant_that_writes(ours, acme, opened, grant, project, users):
    alert = opened(acme)
    assert "raise" not in verbs(ours, alert)
    assert "Open a grant" in page(ours, alert)
    grant(writes=True)
    assert verbs(ours, alert) == ["acknowledge", "raise"]
    path, form = raising(alert, project)
    shown = text_of(ours.get(path))
    assert f"Alert {RATE} at Acme" in shown
    assert 'value="P1" selected' in shown
    assert "is reported" in said(ours.post(path, form), ours)
    with entering(acme):
        incident = Incident.objects.get()
        line = Event.objects.get(verb="incident.reported")
    assert (incident.title, incident.severity, incident.source) == ("Errors at Acme", "P1", "alert")
    assert str(alert.pk) in incident.description
    assert RATE in incident.description
    assert (line.actor_kind, line.actor_id) == ("support", users["support"].pk)
    assert line.grant_id == SupportGrant.objects.get().pk
    alert.refresh_from_db()
    assert alert.incident == f"incident:{incident.pk}"
    assert journaled("alert.incident_raised")[2]["name"] == incident.key
    assert f"{base_url(acme)}/admin/hypercare/incident/{incident.pk}/change/" in page(ours, alert)
    assert incident.key in page(ours, alert)
    assert "turned into an incident already" in refused(ours.post(path, form))


@pytest.mark.parametrize("fields", [{"writes": False}, {"writes": True, "ended": True}, None])
def test_without_such_a_grant_it_is_refused_and_nothing_is_reported(
    ours, acme, opened, grant, project, now, fields
):
    alert = opened(acme)
    if fields is not None:
        ended = {"ended_at": now} if fields.pop("ended", False) else {}
        grant(**fields, **ended)
    path, form = raising(alert, project)
    assert "support grant that writes" in text_of(ours.get(path))
    assert ours.post(path, form).status_code == 422
    with entering(acme):
        assert not Incident.objects.exists()
    assert Alert.objects.get().incident == ""


def test_a_grant_for_another_tenant_opens_nothing(ours, acme, globex, opened, grant, project):
    alert = opened(acme)
    grant(tenant=globex, writes=True)
    path, form = raising(alert, project)
    assert "raise" not in verbs(ours, alert)
    assert ours.post(path, form).status_code == 422


def test_the_platforms_alert_is_nobodys_incident(ours, public, opened):
    alert = opened(public)
    assert "raise" not in verbs(ours, alert)
    assert "of no tenant" in text_of(ours.get(f"{BASE}alert/{alert.pk}/do/raise/"))


def test_a_manager_turns_their_own_into_an_incident_without_a_grant(manager, acme, opened, project, users):
    alert = opened(acme)
    assert verbs(manager, alert) == ["acknowledge", "raise"]
    path, form = raising(alert, project, severity="P3")
    assert "is reported" in said(manager.post(path, form), manager)
    with entering(acme):
        incident = Incident.objects.get()
    assert (incident.severity, incident.reported_by_id) == ("P3", users["manager"].pk)
    assert incident.key in page(manager, alert)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"project": "00000000-0000-0000-0000-000000000000"}, "project"),
        ({"severity": "P9"}, "severity"),
        ({"title": ""}, "title"),
    ],
)
def test_what_is_no_project_severity_or_title_is_refused(manager, acme, opened, project, given, field):
    path, form = raising(opened(acme), project, **given)
    answer = manager.post(path, form)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]


# ---- who is on duty -----------------------------------------------------------------------------------------------


def test_platform_staff_put_people_on_duty_and_take_them_off(platform, ours, users):
    give = f"{BASE}duty/do/give/"
    assert "Nobody is on duty" in text_of(ours.get(f"{BASE}duty/"))
    assert ours.get(give).status_code == 403
    form = {"owner": "on_call", "user": users["support"].pk}
    assert "hears of the alerts of “on call”" in said(platform.post(give, form), platform)
    assert "have this duty already" in refused(platform.post(give, form))
    assert platform.post(give, {"owner": "on_call", "user": users["manager"].pk}).status_code == 422
    duty = Duty.objects.get()
    assert users["support"].name in text_of(ours.get(f"{BASE}duty/"))
    assert ours.post(f"{BASE}duty/{duty.pk}/do/end/").status_code == 403
    assert "no longer" in said(platform.post(f"{BASE}duty/{duty.pk}/do/end/"), platform)
    assert not Duty.objects.exists()
    assert journaled("duty.ended")[2] == {"owner": "on_call", "user": users["support"].pk}


def test_who_left_us_is_said_to_hear_nothing(ours, users):
    staff("on_call", name="Gone Long", is_active=False)
    shown = text_of(ours.get(f"{BASE}duty/"))
    assert "not at all" in shown


# ---- the board ----------------------------------------------------------------------------------------------------


def test_the_board_counts_what_nobody_has_taken_and_routes_that_lead_nowhere(
    platform, acme, opened, users, now, routed
):
    alert = opened(acme)
    assert tiles(platform)["Alert routes that lead nowhere"].count == 0
    assert tiles(platform)["Open alerts"].count == 1
    assert "Open alerts" in needs(platform)
    Duty.objects.filter(owner="team_lead").delete()
    assert tiles(platform)["Alert routes that lead nowhere"].count == 1
    assert platform.get(tiles(platform)["Open alerts"].url).context["cl"].result_count == 1
    by = Actor.staff(users["support"].pk, StaffRole.SUPPORT)
    services.acknowledge(alert=alert, by=by, now=now)
    assert tiles(platform)["Open alerts"].count == 0
    assert platform.get(tiles(platform)["Alert routes that lead nowhere"].url).status_code == 200
