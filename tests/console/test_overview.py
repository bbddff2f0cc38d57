"""The tenant's first page: what needs whoever looks, with what to do next; quiet when nothing does."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hypercare import services
from hypercare.models import ProjectMember
from tenancy import hosts
from tenancy.actors import Actor
from tenancy.context import entering
from tests import factories

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def agent(acme, users, browser, project):
    return browser(acme, users["agent"])


@pytest.fixture
def manager(acme, users, browser, project):
    return browser(acme, users["manager"])


@pytest.fixture
def give(acme, users, now):
    """`give(incident, "agent")` assigns it, and answers first."""

    def given(incident, who="agent", answered=True):
        with entering(acme):
            by = Actor.member(users[who].pk, who)
            if answered:
                incident = services.respond_first(incident=incident, by=by, now=now)
            return services.assign(incident=incident, assigned_to_id=users[who].pk, by=by, now=now)

    return given


def part_of(client):
    return next(
        part for template, part in client.get("/admin/").context["parts"] if "needs_first" in template
    )


def needs_of(client):
    return [(need.row.title, str(need.why), str(need.next)) for need in part_of(client)["needs"]]


def test_a_quiet_night_looks_quiet(agent, report, give):
    page = agent.get("/admin/").content.decode()
    assert "No incident is open. A quiet day." in page
    give(report("Somebody's, in time", "P4"), "manager")
    page = agent.get("/admin/").content.decode()
    assert "Nothing needs you now." in page
    assert "Waits for your vote" not in page


def test_what_needs_an_agent_is_ordered_by_time_to_breach_with_the_next_action(
    acme, agent, report, give, users, now
):
    give(report("Mine, in time", "P4"))
    give(report("Mine, soon", "P2", at=now - timedelta(hours=7, minutes=12)))
    give(report("Mine, late", "P1", at=now - 9 * HOUR))
    give(report("Theirs, late", "P1", at=now - 9 * HOUR), "manager")
    report("Nobody's", "P3")
    asked = give(report("Asked back", "P4"))
    with entering(acme):
        by = Actor.member(users["customer"].pk, "customer")
        services.add_comment(incident=asked, content="Any news?", by=by, now=now)
    assert needs_of(agent) == [
        ("Mine, late", "yours, late", "Resolve…"),
        ("Mine, soon", "yours, due soon", "Resolve…"),
        ("Nobody's", "nobody's", "Assign…"),
        ("Asked back", "yours, the customer answered", "Read and answer"),
    ]


def test_what_is_due_soon_and_what_nobody_answered(agent, report, give, now):
    give(report("Unanswered", "P3", at=now - timedelta(hours=7, minutes=30)), answered=False)
    assert needs_of(agent) == [("Unanswered", "yours, due soon", "Respond first")]


def test_a_manager_sees_what_is_late_with_others_and_escalates_it(
    acme, agent, manager, report, give, users, now
):
    late = give(report("Theirs", "P1", at=now - 9 * HOUR))
    assert needs_of(manager) == [("Theirs", "somebody's, late", "Escalate…")]
    with entering(acme):
        by = Actor.member(users["agent"].pk, "agent")
        services.escalate(incident=late, reason="x", support_level="L3", by=by, now=now)
    assert needs_of(manager) == [("Theirs", "somebody's, late", "Assign…")]


def test_our_answer_ends_the_customers_question(acme, agent, report, give, users, now):
    asked = give(report("Asked back", "P4"))
    with entering(acme):
        for who in ("customer", "agent"):
            by = Actor.member(users[who].pk, who)
            services.add_comment(incident=asked, content="x", by=by, now=now)
        internal = Actor.member(users["agent"].pk, "agent")
        services.add_comment(incident=asked, content="x", is_internal=True, by=internal, now=now)
    assert needs_of(agent) == []


def test_votes_that_are_due_are_shown_to_whom_they_wait_for(
    acme, agent, manager, project, users, system, now
):
    with entering(acme):
        member = ProjectMember.objects.get(project=project, user=users["manager"])
        services.change_member(member=member, is_board_member=True, by=system, now=now)
        by = Actor.member(users["agent"].pk, "agent")
        change = services.draft_change(
            project=project, title="Wider role", change_type="config", rollback_plan="x", by=by, now=now
        )
        services.submit_change(change=change, by=by, now=now)
    assert [change.title for change, _badge in part_of(manager)["votes"]] == ["Wider role"]
    assert "Read and vote" in manager.get("/admin/").content.decode()
    assert part_of(agent)["votes"] == []


def test_tiles_count_by_severity(agent, report, now):
    report("Fresh", "P1")
    report("Late", "P1", at=now - 2 * HOUR)
    part = part_of(agent)
    assert next((tile.severity, tile.count, tile.breached) for tile in part["tiles"]) == (
        "P1",
        2,
        "1 breached now",
    )
    assert [need.row.title for need in part["needs"]] == ["Late", "Fresh"]


def test_a_read_only_grant_looks_and_is_offered_nothing_else(acme, browser, users, report, grant):
    report("Nobody's")
    grant()
    assert needs_of(browser(acme, users["support"])) == [("Nobody's", "nobody's", "Open")]


def test_other_projects_and_tenants_are_not_there(acme, globex, browser, report):
    report("Nobody's")
    outsider = factories.member(acme, "agent")
    stranger = factories.member(globex, "admin")
    for tenant, user in ((acme, outsider), (globex, stranger)):
        part = part_of(browser(tenant, user))
        assert (part["needs"], part["open"]) == ([], 0)


def test_the_first_page_costs_as_many_queries_at_a_hundred_incidents_as_at_ten(agent, report):
    def queries():
        hosts.clear()
        with CaptureQueriesContext(connection) as captured:
            assert agent.get("/admin/").status_code == 200
        return len(captured)

    def add(count):
        for index in range(count):
            report(f"Row {index}")

    add(10)
    few = queries()
    add(90)
    assert queries() == few
