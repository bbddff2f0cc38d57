"""The tenant's host: change requests, from the draft to the end, with the votes of the board."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hypercare import services
from hypercare.models import ChangeRequest, ProjectMember
from tenancy import hosts
from tenancy.actors import Actor
from tenancy.context import entering
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/hypercare/changerequest/"


@pytest.fixture
def board(acme, project, users, system, now):
    """The manager and the admin; both have to approve."""
    with entering(acme):
        for role in ("manager", "admin"):
            member = ProjectMember.objects.get(project=project, user=users[role])
            services.change_member(member=member, is_board_member=True, by=system, now=now)
        services.set_quorum(project=project, quorum=2, by=system, now=now)
        project.refresh_from_db()


@pytest.fixture
def agent(acme, users, browser, board):
    return browser(acme, users["agent"])


@pytest.fixture
def manager(acme, users, browser, board):
    return browser(acme, users["manager"])


@pytest.fixture
def admin(acme, users, browser, board):
    return browser(acme, users["admin"])


@pytest.fixture
def draft(acme, project, users, now):
    def drafted(title="Set WERKS 1200 in the role", who="agent", **fields):
        by = Actor.member(users[who].pk, who)
        given = {"change_type": "config", "rollback_plan": "Transport the role back"} | fields
        with entering(acme):
            return services.draft_change(project=project, title=title, by=by, now=now, **given)

    return drafted


def page_of(change, tail="change/"):
    return f"{LIST}{change.pk}/{tail}"


def said(response, client):
    assert response.status_code == 302, response.context["form"].errors
    return " ".join(str(message) for message in client.get(response.url).context["messages"])


def refused(response):
    assert response.status_code == 422
    return " ".join(error for errors in response.context["form"].errors.values() for error in errors)


def verbs_on(client, change):
    page = client.get(page_of(change)).content.decode()
    names = ("submit", "approve", "reject", "start", "implement", "close", "redraft", "edit")
    return {name for name in names if f"/do/{name}/" in page}


def test_a_change_request_goes_its_way(acme, agent, manager, admin, project, users):
    form = {
        "project": project.pk,
        "title": "Widen the role",
        "change_type": "authorization",
        "severity": "P3",
    }
    assert "CR-001 is drafted" in said(agent.post(f"{LIST}do/draft/", form | {"test_required": "on"}), agent)
    with entering(acme):
        change = ChangeRequest.objects.get()
    assert "rolled back" in refused(agent.post(page_of(change, "do/submit/")))
    edited = {**form, "rollback_plan": "Transport it back", "test_required": "on"}
    assert agent.get(page_of(change, "do/edit/")).context["form"].initial["title"] == "Widen the role"
    assert "is changed" in said(agent.post(page_of(change, "do/edit/"), edited), agent)
    assert verbs_on(agent, change) == {"submit", "edit"}
    assert "pending approval" in said(agent.post(page_of(change, "do/submit/")), agent)
    assert verbs_on(agent, change) == {"edit"}, "who is not on the board has no vote"
    assert verbs_on(manager, change) == {"approve", "reject", "edit"}
    assert "pending approval" in said(manager.post(page_of(change, "do/approve/")), manager)
    assert verbs_on(manager, change) == {"edit"}, "nobody votes twice"
    assert "voted" in refused(manager.post(page_of(change, "do/approve/")))
    assert "1 of 2" in manager.get(LIST).content.decode()
    assert "approved" in said(admin.post(page_of(change, "do/approve/")), admin)
    assert "in progress" in said(agent.post(page_of(change, "do/start/")), agent)
    assert "may not be blank" in refused(agent.post(page_of(change, "do/implement/"), {}))
    tested = {"test_evidence": "22 users in QA"}
    assert "implemented" in said(agent.post(page_of(change, "do/implement/"), tested), agent)
    assert "closed" in said(agent.post(page_of(change, "do/close/")), agent)
    assert verbs_on(agent, change) == set()
    page = agent.get(page_of(change)).content.decode()
    for words in (
        "put the request before the board",
        "voted",
        "approved the request",
        "22 users in QA",
        users["manager"].name,
    ):
        assert words in page, words


def test_a_rejection_needs_a_reason_and_it_may_be_drafted_again(agent, manager, draft):
    change = draft()
    agent.post(page_of(change, "do/submit/"))
    assert "required" in refused(manager.post(page_of(change, "do/reject/"), {"reason": " "}))
    rejected = manager.post(page_of(change, "do/reject/"), {"reason": "Who changes the price approves it"})
    assert "rejected" in said(rejected, manager)
    assert "Who changes the price approves it" in agent.get(page_of(change)).content.decode()
    assert "draft" in said(agent.post(page_of(change, "do/redraft/")), agent)
    assert verbs_on(agent, change) == {"submit", "edit"}


def test_nobody_decides_on_their_own_nor_off_the_board(agent, manager, draft):
    own = draft(who="manager")
    agent.post(page_of(own, "do/submit/"))
    assert verbs_on(manager, own) == {"edit"}
    assert "own change request" in refused(manager.post(page_of(own, "do/approve/")))
    assert "may not" in refused(agent.post(page_of(own, "do/approve/")))


def test_filters_and_search(acme, agent, manager, draft):
    first, second = draft("İndeks VBAK"), draft("Something else")
    agent.post(page_of(first, "do/submit/"))

    def shown(client, query):
        with entering(acme):
            return [row.title for row in client.get(f"{LIST}?{query}").context["cl"].result_list]

    assert shown(manager, "my_vote=due") == [first.title]
    assert shown(agent, "my_vote=due") == []
    assert shown(agent, "state__exact=draft") == [second.title]
    assert shown(agent, "q=indeks") == [first.title]
    assert shown(agent, f"q=cr-{second.number}") == [second.title]
    assert shown(agent, "") == [second.title, first.title]


def test_change_requests_of_an_unseen_project_or_tenant_are_not_found(acme, globex, draft, browser, board):
    change = draft()
    for stranger, tenant in (
        (factories.member(acme, "agent"), acme),
        (factories.member(globex, "admin"), globex),
    ):
        client = browser(tenant, stranger)
        assert change.title not in client.get(LIST).content.decode()
        for tail in ("change/", "do/approve/", "do/edit/"):
            assert client.get(page_of(change, tail)).status_code == 404


def test_list_of_a_hundred_costs_as_many_queries_as_one_of_ten(acme, agent, manager, users, draft, now):
    by = Actor.member(users["manager"].pk, "manager")

    def add(count):
        for index in range(count):
            change = draft(f"Change {index}")
            with entering(acme):
                submitted = services.submit_change(
                    change=change, by=Actor.member(users["agent"].pk, "agent"), now=now
                )
                services.approve_change(change=submitted, by=by, now=now)

    def queries():
        hosts.clear()
        with CaptureQueriesContext(connection) as captured:
            response = agent.get(f"{LIST}?all=")
        return len(captured), response.context["cl"].result_count

    add(10)
    few, ten = queries()
    add(90)
    many, hundred = queries()
    assert (ten, hundred) == (10, 100)
    assert many == few
