"""The tenant's host: incidents, worst first, with their clocks and verbs."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from hypercare import services
from hypercare.admin.looks import clock_view, duration
from hypercare.models import Incident
from hypercare.states import ClockKind
from tenancy import hosts
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.deliveries import Audience, Outgoing, base_url
from tenancy.journal.models import Event
from tenancy.models import Membership
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/hypercare/incident/"


@pytest.fixture
def agent(acme, users, browser, project):
    return browser(acme, users["agent"])


@pytest.fixture
def manager(acme, users, browser, project):
    return browser(acme, users["manager"])


def page_of(incident, tail="change/"):
    return f"{LIST}{incident.pk}/{tail}"


@pytest.fixture
def shown(acme):
    """`shown(client, query)` are the titles that the list shows."""

    def titles(client, query=""):
        changelist = client.get(f"{LIST}?{query}").context["cl"]
        with entering(acme):
            return [row.title for row in changelist.result_list]

    return titles


def again(acme, incident):
    with entering(acme):
        incident.refresh_from_db()
    return incident


def said(response, client):
    assert response.status_code == 302, response.context["form"].errors
    return " ".join(str(message) for message in client.get(response.url).context["messages"])


def send(client, incident, content):
    """Say `content` to the customer: seen first, then sent."""
    url, form = page_of(incident, "do/comment/"), {"audience": "public", "content": content}
    seen = client.post(url, form).context["form"]["seen"].value()
    return client.post(url, form | {"seen": seen})


def edited(client, url, **given):
    """What a browser sends that opened the form at `url` and typed `given`."""
    page = client.get(url)
    form = page.context["form"]
    typed = {name: form[name].value() for name in form.fields}
    typed = {name: "" if value is None else value for name, value in typed.items() if value is not False}
    return typed | page.context["carries"] | given


def refused(response):
    assert response.status_code == 422
    return " ".join(error for errors in response.context["form"].errors.values() for error in errors)


def verbs_of(acme, incident):
    with entering(acme):
        return list(
            Event.objects.filter(subject=f"incident:{incident.pk}")
            .order_by("seq")
            .values_list("verb", "actor_id")
        )


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "<1 min"),
        (1, "1 min"),
        (48, "48 min"),
        (60, "1 h"),
        (440, "7 h 20 min"),
        (2879, "47 h 59 min"),
        (2880, "2 d"),
        (4560, "3 d 4 h"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(minutes, text):
    assert duration(timedelta(minutes=minutes)) == text


def test_clock_says_what_is_left_what_is_late_and_what_was_met(acme, report, now, system, users):
    incident = report(severity="P2", at=now - timedelta(hours=7, minutes=12))
    with entering(acme):
        left = clock_view(incident, ClockKind.RESOLUTION, now)
        late = clock_view(incident, ClockKind.RESPONSE, now)
        assert (left.words, left.tone) == (("48 min left", "of 8 h"), "soon")
        assert (late.words, late.tone) == (("3 h 12 min late", "of 4 h"), "late")
        at_due = clock_view(incident, ClockKind.RESOLUTION, incident.sla_resolution_deadline)
        assert at_due.words[0] == "<1 min late", "the due moment itself is a breach"
        by = Actor.member(users["agent"].pk, "agent")
        answered = services.respond_first(incident=incident, by=by, now=now)
        assert (
            clock_view(answered, ClockKind.RESPONSE, now + timedelta(days=1)).words[0]
            == "met 3 h 12 min late"
        )
        fresh = services.respond_first(incident=report(at=now), by=by, now=now + timedelta(minutes=12))
        view = clock_view(fresh, ClockKind.RESPONSE, now + timedelta(days=9))
        assert (view.words[0], view.tone) == ("met in 12 min", "ok")


def test_list_is_ordered_by_time_to_breach_worst_first(shown, acme, agent, report, now, users):
    report("Slow", "P4")
    report("Down", "P1")
    report("Late", "P3", at=now - timedelta(hours=9))
    done = report("Done", "P1", at=now - timedelta(days=1))
    with entering(acme):
        by = Actor.member(users["agent"].pk, "agent")
        services.resolve(incident=done, root_cause="x", resolution_notes="y", by=by, now=now)
    assert shown(agent) == ["Late", "Down", "Slow", "Done"]


def test_severity_is_a_shape_and_words_before_a_colour(agent, report):
    report(severity="P1")
    page = agent.get(LIST).content.decode()
    assert '<span aria-hidden="true">◆</span> P1 system down' in page


def test_breached_filter_is_computed_not_recorded(shown, acme, agent, report, now):
    late = report("Late", "P1", at=now - timedelta(hours=2))
    report("Fresh", "P1")
    assert again(acme, late).sla_response_breached is False
    assert shown(agent, "breached=now") == ["Late"]
    assert shown(agent, "breached=no") == ["Fresh"]


def test_filters_and_search(shown, agent, report, users):
    first = report("Fatura İŞLENMİYOR", "P1")
    report("Something else", "P3")
    assert shown(agent, "severity__exact=P1") == [first.title]
    assert shown(agent, "q=işlenmiyor") == [first.title]
    assert shown(agent, "q=ıslen") == [first.title]
    assert shown(agent, "q=isle men") == []
    assert shown(agent, f"q=inc-{first.number}") == [first.title]
    assert shown(agent, f"project={first.project_id}&state__exact=open") == [first.title, "Something else"]
    assert shown(agent, "assigned_to=none&q=something") == ["Something else"]
    assert shown(agent, "assigned_to=²") == []
    assert shown(agent, "project=nonsense") == []


def test_filters_offer_only_this_tenants_people_and_the_actors_projects(
    acme, globex, agent, report, system, now
):
    report()
    with entering(acme):
        program = services.create_program(code="OTHER", name="Other", by=system, now=now)
        services.create_project(program=program, code="SECRET", name="Secret wave", by=system, now=now)
    stranger = factories.member(globex, "agent", name="Globex stranger")
    page = agent.get(LIST).content.decode()
    assert "Secret wave" not in page
    assert stranger.name not in page


def test_incident_of_an_unseen_project_is_not_found(shown, acme, agent, report, system, now):
    with entering(acme):
        program = services.create_program(code="OTHER", name="Other", by=system, now=now)
        other = services.create_project(
            program=program, code="SECRET", name="Secret wave", by=system, now=now
        )
        hidden = services.report_incident(project=other, title="Hidden", severity="P1", by=system, now=now)
    assert "Hidden" not in shown(agent)
    for tail in ("change/", "do/respond/", "history/"):
        assert agent.get(page_of(hidden, tail)).status_code == 404


def test_incident_of_another_tenant_is_not_found(acme, globex, report, browser):
    incident = report()
    stranger = browser(globex, factories.member(globex, "admin"))
    assert stranger.get(page_of(incident)).status_code == 404


def test_page_tells_the_clocks_and_the_story(acme, agent, report, users):
    incident = report()
    agent.post(page_of(incident, "do/respond/"))
    page = agent.get(page_of(incident)).content.decode()
    assert "of 8 h" in page
    assert "gave the first response" in page
    assert users["agent"].name in page
    assert users["customer"].name in page


def test_first_response_is_given_once(acme, agent, report, users, now):
    incident = report()
    assert f"{incident.key} has its first response" in said(
        agent.post(page_of(incident, "do/respond/")), agent
    )
    assert again(acme, incident).first_response_at == now
    assert "first response" in refused(agent.post(page_of(incident, "do/respond/")))
    assert verbs_of(acme, incident) == [
        ("incident.reported", users["customer"].pk),
        ("incident.first_response", users["agent"].pk),
    ]


def test_assign_offers_the_projects_agents_only(acme, agent, report, users):
    incident = report()
    outsider = factories.member(acme, "agent", name="Not on the project")
    form = agent.get(page_of(incident, "do/assign/")).context["form"]
    offered = set(form.fields["assigned_to_id"].queryset)
    assert offered == {users[role] for role in ("agent", "manager", "admin")}
    response = agent.post(page_of(incident, "do/assign/"), {"assigned_to_id": outsider.pk})
    assert "valid choice" in refused(response)


def test_assign_begins_with_who_has_it_else_with_whoever_asks(acme, agent, report, users):
    incident = report()
    url = page_of(incident, "do/assign/")
    assert agent.get(url).context["form"]["assigned_to_id"].value() == users["agent"].pk
    agent.post(url, {"assigned_to_id": users["manager"].pk})
    assert agent.get(url).context["form"]["assigned_to_id"].value() == users["manager"].pk


def test_the_filter_offers_those_who_can_be_assigned(agent, users):
    page = agent.get(LIST)
    (choices,) = [
        spec.lookup_choices for spec in page.context["cl"].filter_specs if spec.title == "assigned to"
    ]
    offered = {value for value, _name in choices}
    assert {str(users["agent"].pk), str(users["manager"].pk)} <= offered
    assert str(users["customer"].pk) not in offered


def test_assign_and_take_back(acme, agent, report, users):
    incident = report()
    form = {"assigned_to_id": users["manager"].pk, "support_level": "L2"}
    assert users["manager"].name in said(agent.post(page_of(incident, "do/assign/"), form), agent)
    assert again(acme, incident).support_level == "L2"
    assert "nobody" in said(agent.post(page_of(incident, "do/assign/"), {"assigned_to_id": ""}), agent)
    assert again(acme, incident).assigned_to_id is None
    assert [verb for verb, _who in verbs_of(acme, incident)][1:] == ["incident.assigned"] * 2


def test_resolve_needs_cause_and_notes_and_happens_once(acme, agent, report, users):
    incident = report()
    url = page_of(incident, "do/resolve/")
    form = {"root_cause": "Wrong tax code", "root_cause_category": "config", "resolution_notes": "Corrected"}
    assert "required" in refused(agent.post(url, form | {"root_cause": " "}))
    assert "is resolved" in said(agent.post(url, form), agent)
    assert again(acme, incident).root_cause_category == "config"
    assert "is resolved" in refused(agent.post(url, form))
    assert "incident.resolved" in dict(verbs_of(acme, incident))
    assert "/do/resolve/" not in agent.get(page_of(incident)).content.decode()


def test_waiting_says_for_whom_since_when_and_the_clock_is_paused(acme, agent, report, users, at_now, now):
    incident = report(at=now - timedelta(hours=2))
    url = page_of(incident, "do/wait/")
    form = {"owner_id": users["customer"].pk, "reason": "The payment file of the 3rd"}
    assert agent.get(url).context["form"].initial["owner_id"] == users["customer"].pk
    assert "required" in refused(agent.post(url, form | {"reason": " "}))
    stranger = factories.member(acme, "customer", name="Not on the project")
    assert "valid choice" in refused(agent.post(url, form | {"owner_id": stranger.pk}))
    assert f"waits for {users['customer'].name}" in said(agent.post(url, form), agent)
    at_now.move_to(now + timedelta(hours=3), tick=False)
    page = agent.get(page_of(incident)).content.decode()
    assert "The payment file of the 3rd" in page
    assert "paused, 6 h left" in page
    assert "/do/wait/" not in page
    row = agent.get(LIST).content.decode()
    assert f"for {users['customer'].name}, 3 h" in row
    assert "paused, 6 h left" in row
    assert "goes on" in said(agent.post(page_of(incident, "do/resume/")), agent)
    at_now.move_to(now + timedelta(hours=4), tick=False)
    assert "5 h left" in agent.get(LIST).content.decode()
    assert "does not wait" in refused(agent.post(page_of(incident, "do/resume/")))


def test_close_and_reopen(acme, users, browser, agent, report, shown, at_now, now):
    incident = report()
    assert "resolved incident can be closed" in refused(agent.post(page_of(incident, "do/close/")))
    agent.post(page_of(incident, "do/resolve/"), {"root_cause": "x", "resolution_notes": "y"})
    assert "is closed" in said(agent.post(page_of(incident, "do/close/")), agent)
    assert shown(agent, "reopened=yes") == []
    reopened = agent.post(page_of(incident, "do/reopen/"), {"reason": "It is back"})
    assert "in progress again" in said(reopened, agent)
    page = agent.get(page_of(incident)).content.decode()
    assert "reopened it" in page
    assert "It is back" in page
    assert shown(agent, "reopened=yes") == [incident.title]
    agent.post(page_of(incident, "do/resolve/"), {"root_cause": "x", "resolution_notes": "y"})
    agent.post(page_of(incident, "do/close/"))
    at_now.move_to(now + timedelta(days=15), tick=False)
    agent = browser(acme, users["agent"])
    assert "too long ago" in refused(agent.post(page_of(incident, "do/reopen/"), {}))


def test_severity_gives_the_clocks_new_targets_and_keeps_what_elapsed(acme, agent, report, now):
    incident = report(severity="P3", at=now - timedelta(hours=1))
    url = page_of(incident, "do/severity/")
    assert agent.get(url).context["form"].initial["severity"] == "P3"
    assert "is P2 critical now" in said(agent.post(url, {"severity": "P2"}), agent)
    page = agent.get(page_of(incident)).content.decode()
    assert "7 h left" in page
    assert "severity: P3 important → P2 critical" in page
    assert "valid choice" in refused(agent.post(url, {"severity": "P9"}))


def test_a_comment_is_internal_unless_one_says_otherwise(acme, agent, report, users, now):
    incident = report()
    url = page_of(incident, "do/comment/")
    page = agent.get(url)
    assert page.context["form"]["audience"].value() == "internal"
    assert "The customer never sees an internal comment." in page.content.decode()
    assert "required" in refused(agent.post(url, {"audience": "internal", "content": " "}))
    assert "internally" in said(
        agent.post(url, {"audience": "internal", "content": "Looks like SM59"}), agent
    )
    assert again(acme, incident).state == "open", "an internal one is no answer"
    told = said(send(agent, incident, "We are on it <b>"), agent)
    assert "the customer sees it" in told
    assert again(acme, incident).first_response_at == now
    page = agent.get(page_of(incident)).content.decode()
    first, second = page.index("Looks like SM59"), page.index("We are on it &lt;b&gt;")
    assert "only us: the customer does not see it" in page[page.index('id="comments"') : first]
    assert "hc-internal" not in page[first:second]
    assert f"public: {acme.name} reads it" in page[first:second]
    assert page.count("Looks like SM59") == 1, "the timeline does not repeat it"


def test_page_of_a_long_story_costs_as_many_queries_as_of_a_short_one(acme, agent, report, users, now):
    incident = report()
    by = Actor.member(users["agent"].pk, "agent")

    def talk(count):
        with entering(acme):
            for index in range(count):
                services.add_comment(
                    incident=incident, content=f"Note {index}", is_internal=bool(index % 2), by=by, now=now
                )

    def queries():
        hosts.clear()
        with CaptureQueriesContext(connection) as captured:
            assert agent.get(page_of(incident)).status_code == 200
        return len(captured)

    talk(4)
    few = queries()
    talk(30)
    assert queries() == few


def test_incident_is_reported_from_the_console(acme, agent, project, users):
    form = {"project": project.pk, "title": "Şube kapalı", "severity": "P1", "affected_module": "fi"}
    response = agent.post(f"{LIST}do/report/", form)
    assert "is open; its clocks run" in said(response, agent)
    with entering(acme):
        incident = Incident.objects.get(title="Şube kapalı")
        assert (incident.severity, incident.affected_module) == ("P1", "FI")
        assert incident.reported_by_id == users["agent"].pk
    assert response.url == page_of(incident)
    assert "required" in refused(agent.post(f"{LIST}do/report/", form | {"title": ""}))


def test_selection_is_for_managers_and_tells_each_refusal(acme, agent, manager, report):
    first, second = report("One"), report("Two")
    manager.post(page_of(second, "do/respond/"))
    form = {"action": "respond", "_selected_action": [str(first.pk), str(second.pk)]}
    assert agent.post(LIST, form | {"apply": "1"}).status_code != 500
    assert again(acme, first).state == "open", "an agent has no bulk change"
    assert "2 selected" in manager.post(LIST, form).content.decode()
    told = said(manager.post(LIST, form | {"apply": "1"}), manager)
    assert f"{first.key} has its first response" in told
    assert f"{second.key} Two: " in told
    assert again(acme, first).state == "in_progress"


def test_selection_is_resolved_with_one_form(acme, manager, report):
    rows = [report(f"Row {index}") for index in range(3)]
    form = {
        "action": "resolve",
        "_selected_action": [str(row.pk) for row in rows],
        "apply": "1",
        "root_cause": "One cause",
        "resolution_notes": "One cure",
    }
    manager.post(LIST, form)
    assert {again(acme, row).state for row in rows} == {"resolved"}


def test_list_of_a_hundred_incidents_costs_as_many_queries_as_one_of_ten(acme, agent, report, users, now):
    by = Actor.member(users["agent"].pk, "agent")

    def add(count):
        for index in range(count):
            incident = report(f"Incident {index}")
            with entering(acme):
                Incident.objects.filter(pk=incident.pk).update(assigned_to_id=users["agent"].pk)
                if index % 2:
                    owner = users["customer"].pk
                    services.wait(incident=incident, reason="x", owner_id=owner, by=by, now=now)

    def queries():
        hosts.clear()
        with CaptureQueriesContext(connection) as captured:
            response = agent.get(f"{LIST}?all=")
        return [query["sql"].split(" FROM ")[-1][:60] for query in captured], response.context[
            "cl"
        ].result_count

    add(10)
    few, ten = queries()
    add(90)
    many, hundred = queries()
    assert (ten, hundred) == (10, 100)
    assert many == few


def test_members_are_this_tenants_and_only_admins_change_roles(acme, globex, users, browser, project):
    stranger = factories.member(globex, "agent", name="Globex stranger")
    membership = Membership.objects.get(user=users["customer"])
    url = f"/admin/tenancy/membership/{membership.pk}/"
    agent, admin = browser(acme, users["agent"]), browser(acme, users["admin"])
    page = agent.get("/admin/tenancy/membership/").content.decode()
    assert users["customer"].email in page
    assert stranger.email not in page
    foreign = Membership.objects.get(user=stranger)
    assert agent.get(f"/admin/tenancy/membership/{foreign.pk}/change/").status_code == 404
    assert agent.post(f"{url}do/change-role/", {"role": "agent"}).status_code == 403
    assert "agent now" in said(admin.post(f"{url}do/change-role/", {"role": "agent"}), admin)
    membership.refresh_from_db()
    assert membership.role == "agent"


def test_journal_shows_a_rows_history_to_those_who_may_read_it(acme, users, browser, agent, report):
    incident = report()
    url = agent.get(page_of(incident, "history/")).url
    assert agent.get(url).status_code == 403
    page = browser(acme, users["admin"]).get(url)
    assert page.context["cl"].result_count == 1
    assert "incident.reported" in page.content.decode()


def test_console_speaks_the_users_language(acme, users, browser, report):
    report()
    users["agent"].language = "tr"
    users["agent"].save()
    with translation.override("en"):
        page = browser(acme, users["agent"]).get(LIST).content.decode()
    assert '<html lang="tr"' in page


def test_the_story_of_a_breach_names_those_who_were_told(acme, users, browser, agent, project, report, now):
    incident = report(severity="P1")
    with entering(acme):
        late = incident.sla_response_deadline + timedelta(minutes=1)
        for _ in range(2):  # a third person beside the project's agent and manager
            extra = factories.member(acme, "agent")
            services.add_member(project=project, user_id=extra.pk, by=Actor.system("tests"), now=now)
        services.record_breaches(
            incident_ids=[incident.pk], clock=ClockKind.RESPONSE, by=Actor.system("tests"), now=late
        )
        told = Event.objects.get(verb="incident.breached").data["concerned"]
    assert len(told) >= 3
    page = agent.get(page_of(incident)).content.decode()
    assert users["manager"].name in page
    assert extra.name in page


# ---- filters -----------------------------------------------------------------------------------------------------


def test_filters_find_what_is_mine_due_waiting_and_of_a_module(
    shown, acme, agent, manager, project, report, users, now, at_now
):
    with entering(acme):
        by = Actor.member(users["agent"].pk, "agent")
        mine, waits = report("Mine", "P1"), report("Waits", "P4")
        services.assign(incident=mine, assigned_to_id=users["agent"].pk, support_level="L2", by=by, now=now)
        services.change_incident(incident=mine, affected_module="fi", by=by, now=now)
        services.wait(incident=waits, reason="x", owner_id=users["customer"].pk, by=by, now=now)
    report("Late", "P1", at=now - timedelta(hours=9))
    assert shown(agent, "assigned_to=me") == ["Mine"]
    assert shown(manager, "assigned_to=me") == []
    assert shown(agent, "support_level__exact=L2") == ["Mine"]
    assert shown(agent, "module=FI") == ["Mine"]
    assert shown(agent, "module=fi") == []
    assert shown(agent, "due=1") == ["Mine"], "what is breached is not due soon any more"
    assert shown(agent, "due=24") == ["Mine", "Waits"], "the first response of what waits is due"
    assert shown(agent, "due=nonsense") == ["Late", "Mine", "Waits"]
    assert shown(agent, "waiting_for=anybody") == ["Waits"]
    assert shown(agent, f"waiting_for={users['customer'].pk}") == ["Waits"]
    assert shown(agent, f"waiting_for={users['manager'].pk}") == []
    assert shown(agent, "reported=1") == ["Late", "Mine", "Waits"], "midnight is the viewer's"
    report("Old", "P4", at=now - timedelta(days=2))
    assert shown(agent, "reported=2&severity__exact=P4") == ["Waits"]
    assert shown(agent, "reported=7&severity__exact=P4") == ["Old", "Waits"]
    assert shown(agent, "reported=0&severity__exact=P4") == ["Old", "Waits"]


def test_modules_of_unseen_projects_are_not_offered(acme, agent, report, system, now):
    report()
    with entering(acme):
        program = services.create_program(code="OTHER", name="Other", by=system, now=now)
        other = services.create_project(program=program, code="SECRET", name="Secret", by=system, now=now)
        services.report_incident(project=other, title="x", affected_module="ZSECRET", by=system, now=now)
    assert "ZSECRET" not in agent.get(LIST).content.decode()


def test_search_finds_istanbul_however_it_is_written(shown, agent, report):
    report("İSTANBUL şubesi kapalı")
    for typed in ("istanbul", "İstanbul", "ISTANBUL", "ıstanbul"):
        assert shown(agent, f"q={typed}") == ["İSTANBUL şubesi kapalı"], typed


# ---- what is said ------------------------------------------------------------------------------------------------


def test_what_the_customer_gets_is_shown_before_it_is_sent(acme, agent, report, users):
    incident = report()
    users["customer"].language = "tr"
    users["customer"].save()
    url, form = page_of(incident, "do/comment/"), {"audience": "public", "content": "Bakıyoruz <b>"}
    first = agent.post(url, form)
    assert first.status_code == 200, "nothing is wrong"
    assert verbs_of(acme, incident)[1:] == [], "nothing is sent"
    page = first.content.decode()
    assert f"Mail to {users['customer'].name}" in page
    assert "şunu yazdı" in page, "in the customer's language"
    assert "Bakıyoruz &lt;b&gt;" in page
    assert "Send to the customer" in page
    seen = first.context["form"]["seen"].value()
    other = agent.post(url, form | {"content": "Something else", "seen": seen})
    assert other.status_code == 200, "what was not seen is not sent"
    assert verbs_of(acme, incident)[1:] == []
    assert "the customer sees it" in said(agent.post(url, form | {"seen": seen}), agent)
    with entering(acme):
        event = Event.objects.get(verb="incident.commented")
        audience = Audience("tr", users["customer"].time_zone, user=users["customer"])
        outgoing = Outgoing(acme, event.verb, event.subject, event.pk, audience, base_url(acme), event.at)
        with translation.override("tr"), timezone.override(users["customer"].time_zone):
            sent = services.write_notice(outgoing)
    (shown_mail,) = first.context["form"].foreseen
    assert shown_mail.mail == sent, "the very mail that was shown"


def test_a_public_comment_without_a_customer_says_that_nobody_is_mailed(acme, agent, project, users, now):
    with entering(acme):
        by = Actor.member(users["agent"].pk, "agent")
        own = services.report_incident(project=project, title="Ours", by=by, now=now)
    page = agent.post(page_of(own, "do/comment/"), {"audience": "public", "content": "x"})
    assert "Nobody gets a mail" in page.content.decode()


def test_the_composer_starts_internal_and_names_the_customer(acme, agent, report, browser, grant, users):
    incident = report()
    page = agent.get(page_of(incident)).content.decode()
    assert 'name="audience" value="internal" checked' in page
    assert f"Public: {acme.name} reads it" in page
    key = agent.get(page_of(incident)).context["composer"]["key"]
    form = {"audience": "internal", "content": "Once", "_once": key}
    for _ in range(2):
        agent.post(page_of(incident, "do/comment/"), form)
    assert [verb for verb, _who in verbs_of(acme, incident)] == ["incident.reported", "incident.noted"]
    grant()
    reader = browser(acme, users["support"])
    assert "hc-composer" not in reader.get(page_of(incident)).content.decode()
    assert reader.post(page_of(incident, "do/comment/"), form).status_code == 403


# ---- escalation --------------------------------------------------------------------------------------------------


@pytest.fixture
def second(acme, project, system, now):
    """Somebody of L2."""
    user = factories.member(acme, "agent", name="Second Line")
    with entering(acme):
        services.add_member(project=project, user_id=user.pk, support_level="L2", by=system, now=now)
    return user


def test_an_incident_goes_up_a_level(acme, agent, report, second, users):
    incident = report()
    url, form = page_of(incident, "do/escalate/"), {"reason": "Needs the bank's table"}
    assert "required" in refused(agent.post(url, form | {"reason": " "}))
    assert "valid choice" in refused(agent.post(url, form | {"support_level": "L1"}))
    assert "valid choice" in refused(agent.post(url, form | {"assigned_to_id": users["agent"].pk}))
    assert "Second Line · L2" in agent.get(url).content.decode()
    assert "is with L2 now" in said(agent.post(url, form | {"assigned_to_id": second.pk}), agent)
    page = agent.get(page_of(incident)).content.decode()
    for words in ("escalated it", "Needs the bank&#x27;s table", "support level: – → L2", "Second Line"):
        assert words in page, words
    assert (
        "not an agent of this level"
        in refused(agent.post(url, form | {"support_level": "L3", "assigned_to_id": second.pk})).lower()
    )
    assert "is with L3 now" in said(agent.post(url, form), agent)
    assert "highest support level" in refused(agent.post(url, form))
    assert "/do/escalate/" not in agent.get(page_of(incident)).content.decode()


def test_what_is_resolved_is_not_escalated(agent, report):
    incident = report()
    agent.post(page_of(incident, "do/resolve/"), {"root_cause": "x", "resolution_notes": "y"})
    why = refused(agent.post(page_of(incident, "do/escalate/"), {"reason": "x"}))
    assert "resolved incident is not escalated" in why
    assert "Possible now" in why


def test_a_selection_is_escalated_and_each_refusal_told(acme, manager, report, second):
    rows = [report(f"Row {index}") for index in range(2)]
    manager.post(page_of(rows[1], "do/escalate/"), {"reason": "x", "support_level": "L3"})
    form = {"action": "escalate", "_selected_action": [str(row.pk) for row in rows], "apply": "1"}
    told = said(manager.post(LIST, form | {"reason": "All of them"}), manager)
    assert f"{rows[0].key} is with L2 now" in told
    assert "highest support level" in told
    assert [again(acme, row).support_level for row in rows] == ["L2", "L3"]


@pytest.mark.parametrize(
    ("verb", "form"),
    [
        ("respond", {}),
        ("assign", {}),
        ("escalate", {"reason": "x"}),
        ("resolve", {"root_cause": "x", "resolution_notes": "y"}),
        ("comment", {"audience": "internal", "content": "x"}),
        ("wait", {"reason": "x"}),
        ("resume", {}),
        ("severity", {"severity": "P1"}),
        ("edit", {"title": "x"}),
        ("cause", {}),
        ("link", {}),
        ("draft-change", {"title": "x"}),
        ("close", {}),
        ("reopen", {}),
    ],
)
def test_a_read_only_grant_and_a_customer_do_nothing(acme, users, browser, report, grant, verb, form):
    incident = report()
    before = verbs_of(acme, incident)
    grant()
    reader = browser(acme, users["support"])
    page = reader.get(page_of(incident))
    assert page.status_code == 200
    assert f"/do/{verb}/" not in page.content.decode()
    assert reader.get(page_of(incident, f"do/{verb}/")).status_code == 403
    assert reader.post(page_of(incident, f"do/{verb}/"), form).status_code == 403
    customer = browser(acme, users["customer"])
    assert customer.post(page_of(incident, f"do/{verb}/"), form).status_code in (302, 403)
    assert verbs_of(acme, incident) == before


# ---- editing -----------------------------------------------------------------------------------------------------


def test_what_was_reported_is_corrected(acme, agent, report):
    incident = report()
    url = page_of(incident, "do/edit/")
    assert agent.get(url).context["form"].initial["title"] == incident.title
    given = edited(agent, url, title="Payments do not post", affected_module="fi", affected_users_count="12")
    assert "is changed" in said(agent.post(url, given), agent)
    row = again(acme, incident)
    assert (row.title, row.affected_module, row.affected_users_count) == ("Payments do not post", "FI", 12)
    for wrong in ({"title": " "}, {"affected_users_count": "-1"}, {"affected_users_count": "many"}):
        assert refused(agent.post(url, edited(agent, url, **wrong)))
    assert again(acme, incident).version == row.version


def test_two_people_editing_see_each_others_words(acme, agent, manager, report, users):
    incident = report()
    url = page_of(incident, "do/edit/")
    first, late = edited(manager, url, title="From the manager"), edited(agent, url, title="From the agent")
    assert "is changed" in said(manager.post(url, first), manager)
    page = agent.post(url, late)
    assert page.status_code == 409
    text = page.content.decode()
    assert "From the manager" in text
    assert "From the agent" in text, "nothing typed is lost"
    assert users["manager"].name in text
    assert again(acme, incident).title == "From the manager"
    told = said(agent.post(url, late | page.context["carries"]), agent)
    assert "is changed" in told, "to save again is to decide"
    assert again(acme, incident).title == "From the agent"


def test_a_closed_incident_is_not_edited(agent, report):
    incident = report()
    agent.post(page_of(incident, "do/resolve/"), {"root_cause": "x", "resolution_notes": "y"})
    agent.post(page_of(incident, "do/close/"))
    page = agent.get(page_of(incident)).content.decode()
    for verb in ("edit", "cause", "link", "draft-change"):
        assert f"/do/{verb}/" not in page
        url = page_of(incident, f"do/{verb}/")
        given = edited(agent, url, title="Else", root_cause="Else", change_type="config")
        assert "closed" in refused(agent.post(url, given)), verb


def test_the_cause_is_written_down_before_and_corrected_after(acme, agent, report, users):
    incident = report()
    url = page_of(incident, "do/cause/")
    assert "is written down" in said(agent.post(url, edited(agent, url, root_cause="Perhaps SM59")), agent)
    resolve = agent.get(page_of(incident, "do/resolve/")).context["form"]
    assert resolve.initial["root_cause"] == "Perhaps SM59"
    agent.post(page_of(incident, "do/resolve/"), {"root_cause": "SM59", "resolution_notes": "y"})
    assert "required" in refused(agent.post(url, edited(agent, url, root_cause="")))
    given = edited(agent, url, root_cause="The table of SM59", root_cause_category="config")
    assert "is written down" in said(agent.post(url, given), agent)
    row = again(acme, incident)
    assert (row.root_cause, row.root_cause_category) == ("The table of SM59", "config")
    assert "wrote down the root cause" in agent.get(page_of(incident)).content.decode()
    with entering(acme):
        customer = Actor.member(users["customer"].pk, "customer")
        events = list(services.timeline(incident=incident, by=customer))
        told = services.texts_of(events, by=customer)
    assert "incident.cause_changed" not in {event.verb for event in events}
    assert "Perhaps" not in str(told)


def test_links_to_a_backlog_item_and_a_change_request(acme, agent, report, project, users, system, now):
    incident = report()
    with entering(acme):
        item = services.create_backlog_item(
            project=project, kind="I", key="INT-042", title="Bank interface", by=system, now=now
        )
        change = services.draft_change(project=project, title="x", change_type="config", by=system, now=now)
        program = services.create_program(code="OTHER", name="Other", by=system, now=now)
        other = services.create_project(program=program, code="SECRET", name="Secret", by=system, now=now)
        foreign = services.create_backlog_item(
            project=other, kind="I", key="SEC-1", title="Hidden", by=system, now=now
        )
    url = page_of(incident, "do/link/")
    assert "Hidden" not in agent.get(url).content.decode()
    assert "valid choice" in refused(agent.post(url, edited(agent, url, backlog_item_id=foreign.pk)))
    given = edited(
        agent, url, backlog_item_id=item.pk, change_request_id=change.pk, requires_change_request="on"
    )
    assert "is linked" in said(agent.post(url, given), agent)
    page = agent.get(page_of(incident)).content.decode()
    assert "INT-042" in page
    assert change.key in page
    assert "is linked" in said(
        agent.post(url, edited(agent, url, backlog_item_id="", change_request_id="")), agent
    )
    row = again(acme, incident)
    assert (row.backlog_item_id, row.change_request_id) == (None, None)


def test_a_change_request_is_drafted_from_the_incident(acme, agent, report):
    incident = report(severity="P2")
    url = page_of(incident, "do/draft-change/")
    assert agent.get(url).context["form"].initial["title"] == incident.title
    assert "valid choice" in refused(agent.post(url, edited(agent, url, change_type="magic")))
    response = agent.post(url, edited(agent, url, change_type="config"))
    assert f"linked to {incident.key}" in said(response, agent)
    with entering(acme):
        incident.refresh_from_db()
        change = incident.change_request
    assert response.url == f"/admin/hypercare/changerequest/{change.pk}/change/"
    assert (change.title, change.severity) == (incident.title, "P2")
    assert "/do/draft-change/" not in agent.get(page_of(incident)).content.decode()
    assert "has a change request already" in refused(
        agent.post(url, edited(agent, url, change_type="config"))
    )


# ---- times -------------------------------------------------------------------------------------------------------


def test_deadlines_are_said_in_the_customers_zone_with_the_others_one_step_away(
    acme, agent, report, project, users, system, now
):
    incident = report(severity="P2")
    with entering(acme):
        services.change_project(project=project, time_zone=ZoneInfo("Asia/Tokyo"), by=system, now=now)
    page = agent.get(page_of(incident)).content.decode()
    assert "Due <time" in page
    assert "2026-11-19 02:00 Asia/Tokyo</time>" in page
    assert "2026-11-18 20:00 Europe/Istanbul · 2026-11-19 02:00 Asia/Tokyo · 2026-11-18 17:00 UTC" in page
