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


def edited(client, url, **given):
    """What a browser sends that opened the form at `url` and typed `given`."""
    page = client.get(url)
    form = page.context["form"]
    typed = {name: form[name].value() for name in form.fields}
    typed = {name: "" if value is None else str(value) for name, value in typed.items() if value is not False}
    return typed | page.context["carries"] | given


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
    edit = page_of(change, "do/edit/")
    assert agent.get(edit).context["form"].initial["title"] == "Widen the role"
    given = edited(agent, edit, rollback_plan="Transport it back")
    assert "is changed" in said(agent.post(edit, given), agent)
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


# ---- the board in words ------------------------------------------------------------------------------------------


def test_the_page_says_how_the_vote_stands_and_what_is_mine_to_do(agent, manager, admin, draft, users):
    change = draft()

    def board(client):
        said = client.get(page_of(change)).context["board"]
        return " ".join(str(part) for part in (said.stands, said.others, said.mine) if part)

    assert "decides once it is submitted" in board(agent)
    agent.post(page_of(change, "do/submit/"))
    names = ", ".join(sorted((users["admin"].name, users["manager"].name)))
    assert board(manager) == f"0 of 2 approvals. {names} can still vote. It waits for your vote."
    assert not manager.get(page_of(change)).context["inline_admin_formsets"], "no table of no votes"
    assert "You asked for it, so others decide." in board(agent)
    manager.post(page_of(change, "do/approve/"))
    assert manager.get(page_of(change)).context["inline_admin_formsets"]
    assert board(manager) == f"1 of 2 approvals. {users['admin'].name} can still vote. You have voted."
    admin.post(page_of(change, "do/approve/"))
    assert "has approved it" in board(admin)


def test_who_is_not_on_the_board_is_told_so(acme, project, browser, agent, draft, system, now):
    change = draft()
    agent.post(page_of(change, "do/submit/"))
    colleague = factories.member(acme, "agent")
    with entering(acme):
        services.add_member(project=project, user_id=colleague.pk, by=system, now=now)
    page = browser(acme, colleague).get(page_of(change))
    assert "You are not on the change board" in page.content.decode()


def test_a_board_that_is_too_small_to_decide_is_said_so(agent, admin, draft):
    change = draft(who="manager")
    agent.post(page_of(change, "do/submit/"))
    assert "Too few are on the board" in agent.get(page_of(change)).content.decode()


def test_the_list_offers_a_vote_only_where_one_is_due(manager, agent, draft):
    due, own = draft("Due"), draft("Own", who="manager")
    for change in (due, own):
        agent.post(page_of(change, "do/submit/"))
    page = manager.get(LIST).content.decode()
    assert f"{due.pk}/do/approve/" in page
    assert f"{own.pk}/do/approve/" not in page
    assert f"{due.pk}/do/approve/" not in agent.get(LIST).content.decode()


# ---- editing -----------------------------------------------------------------------------------------------------


def test_an_edit_says_beforehand_whose_votes_it_voids(acme, agent, manager, admin, draft, users):
    change = draft()
    agent.post(page_of(change, "do/submit/"))
    url = page_of(change, "do/edit/")
    assert " void; they are asked again" not in agent.get(url).content.decode()
    manager.post(page_of(change, "do/approve/"))
    page = agent.get(url).content.decode()
    assert f"Saving makes the vote of {users['manager'].name} void" in page
    admin.post(page_of(change, "do/approve/"))
    assert "Saving makes 2 votes void" in agent.get(url).content.decode()
    given = edited(agent, url, impact_assessment="All plants")
    assert "is changed" in said(agent.post(url, given), agent)
    assert "0 of 2 approvals" in agent.get(page_of(change)).content.decode()
    assert "made the votes void by a change" in agent.get(page_of(change)).content.decode()


def test_two_people_editing_see_each_others_words(acme, agent, manager, draft):
    change = draft()
    url = page_of(change, "do/edit/")
    first, late = edited(manager, url, title="Theirs"), edited(agent, url, title="Mine")
    assert "is changed" in said(manager.post(url, first), manager)
    page = agent.post(url, late)
    assert page.status_code == 409
    text = page.content.decode()
    assert "Theirs" in text
    assert "Mine" in text, "nothing typed is lost"
    assert "is changed" in said(agent.post(url, late | page.context["carries"]), agent)


def test_wrong_input_is_refused_in_the_form(agent, draft, manager):
    change = draft()
    url = page_of(change, "do/edit/")
    for wrong, why in (
        ({"title": " "}, "required"),
        ({"change_type": "magic"}, "valid choice"),
        ({"severity": "P9"}, "valid choice"),
        ({"planned_implementation_date": "2026-11-01"}, "past"),
        ({"planned_implementation_date": "soon"}, "valid date"),
        ({"title": "x" * 256}, "at most 255"),
    ):
        assert why in refused(agent.post(url, edited(agent, url, **wrong))), wrong
    agent.post(page_of(change, "do/submit/"))
    assert "blank" in refused(agent.post(url, edited(agent, url, rollback_plan="")))


@pytest.mark.parametrize(
    ("verb", "form"),
    [
        ("submit", {}),
        ("approve", {}),
        ("start", {}),
        ("implement", {"test_evidence": "x"}),
        ("close", {}),
        ("redraft", {}),
    ],
)
def test_a_verb_in_the_wrong_state_says_what_is_possible(agent, manager, admin, draft, verb, form):
    change = draft()
    if verb == "submit":
        agent.post(page_of(change, "do/submit/"))
    client = manager if verb == "approve" else agent
    text = refused(client.post(page_of(change, f"do/{verb}/"), form))
    assert "in another state" in text
    assert "Possible now" in text


@pytest.mark.parametrize(
    "verb", ["submit", "approve", "reject", "start", "implement", "close", "redraft", "edit"]
)
def test_a_read_only_grant_and_a_customer_do_nothing(acme, users, browser, agent, draft, grant, verb):
    change = draft()
    grant()
    reader = browser(acme, users["support"])
    page = reader.get(page_of(change))
    assert page.status_code == 200
    assert f"/do/{verb}/" not in page.content.decode()
    assert reader.post(page_of(change, f"do/{verb}/"), {"reason": "x"}).status_code == 403
    assert browser(acme, users["customer"]).post(page_of(change, f"do/{verb}/")).status_code in (302, 403)
    with entering(acme):
        change.refresh_from_db()
    assert (change.state, change.version) == ("draft", 1)


def test_search_finds_istanbul_and_filters_by_module(acme, agent, draft):
    draft("İSTANBUL rolü", affected_module="FI")
    draft("Else", affected_module="MM")

    def shown(query):
        with entering(acme):
            return [row.title for row in agent.get(f"{LIST}?{query}").context["cl"].result_list]

    assert shown("q=istanbul") == ["İSTANBUL rolü"]
    assert shown("module=MM") == ["Else"]
    assert shown("module=XX") == []
