"""Working an incident over the API: editing together, waiting, talking, closing; and what each refuses."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client

from hypercare import services
from hypercare.models import Comment, Incident, Project
from hypercare.permissions import HIDDEN_FROM_CUSTOMERS, HIDDEN_UNTIL_RESOLVED
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tenancy.states import Role
from tests import factories
from tests.hypercare.test_api import fields_at_fault, path, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
CAUSE = {"root_cause": "Posting period closed", "resolution_notes": "Opened period 11"}
WHOLE = {
    "title": "Posting blocked",
    "description": "",
    "severity": "p2",
    "incident_type": "data_issue",
    "affected_module": "fi",
    "affected_users_count": 3,
    "linked_backlog_item_id": None,
    "requires_change_request": True,
    "change_request_id": None,
}
ClientOf = Callable[[str], Client]


@pytest.fixture
def client_of(api: Callable[..., Client], acme: Tenant, users: dict[str, User]) -> ClientOf:
    return lambda role: api(acme, users[role])


def edit(client: Client, url: str, data: Any, *, method: str = "patch", tag: str | None = None) -> Any:
    headers = {} if tag is None else {"if-match": tag}
    return getattr(client, method)(url, data=data, content_type="application/json", headers=headers)


def test_an_incident_is_worked_end_to_end(
    client_of: ClientOf,
    project: Project,
    users: dict[str, User],
    at_now: time_machine.Traveller,
    now: datetime,
) -> None:
    agent, customer = client_of("agent"), client_of("customer")
    url = post(customer, path(project, "incidents"), {"title": "Down", "severity": "p1"})["Location"]
    asked = post(agent, f"{url}/comments", {"content": "Which plant?"})
    assert asked.status_code == 201, asked.content
    assert (asked.json()["author_name"], asked.json()["is_internal"]) == (users["agent"].name, False)
    assert agent.get(url).json()["status"] == "in_progress", "the first response"
    post(agent, f"{url}/comments", {"content": "They will blame us", "is_internal": True})
    owner = users["customer"].pk
    waiting = post(agent, f"{url}/wait", {"reason": "The plant", "owner_id": owner}).json()
    assert (waiting["status"], waiting["sla_resolution_deadline"]) == ("waiting", None)
    assert (waiting["waiting_reason"], waiting["waiting_owner_id"], waiting["waiting_owner_name"]) == (
        "The plant",
        owner,
        users["customer"].name,
    )
    at_now.move_to(now + timedelta(hours=20))
    post(customer, f"{url}/comments", {"content": "1000"})
    resumed = agent.get(url).json()
    assert (resumed["status"], resumed["waiting_since"], resumed["sla_resolution_breached"]) == (
        "in_progress",
        None,
        False,
    )
    assert post(agent, f"{url}/resolve", CAUSE).json()["status"] == "resolved"
    assert post(customer, f"{url}/close").json()["closed_by_id"] == owner
    reopened = post(customer, f"{url}/reopen", {"reason": "Again"}).json()
    assert (reopened["status"], reopened["reopened_count"], reopened["closed_at"]) == ("in_progress", 1, None)
    assert "root_cause" not in reopened

    public = [row["content"] for row in customer.get(f"{url}/comments").json()["results"]]
    assert public == ["Which plant?", "1000"]
    assert len(agent.get(f"{url}/comments").json()["results"]) == 3
    story = customer.get(f"{url}/timeline")
    assert [line["verb"].partition(".")[2] for line in story.json()["results"]] == [
        *("reported", "commented", "first_response", "waiting", "commented", "resumed"),
        *("resolved", "closed", "reopened"),
    ]
    texts = [
        line["details"].get("content") or line["details"].get("reason") for line in story.json()["results"]
    ]
    assert [text for text in texts if text] == ["Which plant?", "The plant", "1000", "Again"]
    assert b"blame" not in story.content
    assert b"blame" in agent.get(f"{url}/timeline").content


# ---- editing together ----------------------------------------------------------------------------------------------


def test_put_takes_all_that_is_edited_and_patch_what_is_given(
    client_of: ClientOf, project: Project, report: Callable[..., Incident]
) -> None:
    url, agent = path(project, "incidents", report().pk), client_of("agent")
    put = edit(agent, url, WHOLE, method="put")
    assert put.status_code == 200, put.content
    assert {name: put.json()[name] for name in WHOLE} == WHOLE | {"severity": "P2", "affected_module": "FI"}
    patched = edit(agent, url, {"affected_users_count": None})
    assert (patched.json()["affected_users_count"], patched.json()["title"]) == (None, WHOLE["title"])
    assert patched.json()["version"] == put.json()["version"] + 1
    some = edit(agent, url, {"title": "x"}, method="put")
    assert (some.status_code, fields_at_fault(some)) == (400, set(WHOLE) - {"title"})


def test_a_new_severity_moves_the_deadlines(
    client_of: ClientOf, project: Project, report: Callable[..., Incident]
) -> None:
    url, agent = path(project, "incidents", report().pk), client_of("agent")
    changed = edit(agent, url, {"severity": "p1"}).json()
    assert changed["sla_response_deadline"] == "2026-11-18T10:00:00Z"
    assert changed["sla_resolution_deadline"] == "2026-11-18T13:00:00Z"


def test_who_edits_what_somebody_else_changed_is_shown_it(
    client_of: ClientOf, project: Project, report: Callable[..., Incident]
) -> None:
    url, agent = path(project, "incidents", report().pk), client_of("agent")
    read = agent.get(url)["ETag"]
    first = edit(agent, url, {"title": "First"}, tag=read)
    assert first.status_code == 200
    second = edit(agent, url, {"title": "Second"}, tag=read)
    assert second.status_code == 412
    assert second.json()["current"]["title"] == "First"
    assert second["ETag"] == first["ETag"]
    assert edit(agent, url, {"title": "Second"}, tag=second["ETag"]).status_code == 200
    moved = agent.post(
        f"{url}/first-response", data={}, content_type="application/json", headers={"if-match": read}
    )
    assert moved.status_code == 412
    assert agent.get(url).json()["status"] == "open"
    assert agent.get(url, headers={"if-none-match": agent.get(url)["ETag"]}).status_code == 304


def test_a_browser_says_which_version_it_edits(
    acme: Tenant, users: dict[str, User], project: Project, report: Callable[..., Incident]
) -> None:
    browser = Client(headers={"host": factories.host_of(acme)})
    with entering(acme):
        browser.force_login(users["agent"])
    url = path(project, "incidents", report().pk)
    assert edit(browser, url, {"title": "x"}).status_code == 428
    assert edit(browser, url, {"title": "x"}, tag=browser.get(url)["ETag"]).status_code == 200


def test_wrong_edits_name_the_fields_and_change_nothing(
    client_of: ClientOf, project: Project, other_project: Project, report: Callable[..., Incident]
) -> None:
    url, agent = path(project, "incidents", report().pk), client_of("agent")
    before = agent.get(url).json()
    for bad, fields in (
        ({"title": ""}, {"title"}),
        ({"title": "x" * 256, "severity": "P9"}, {"title", "severity"}),
        ({"description": "x" * 20_001}, {"description"}),
        ({"affected_module": "x" * 21}, {"affected_module"}),
        ({"affected_users_count": -1}, {"affected_users_count"}),
        ({"linked_backlog_item_id": str(uuid4())}, {"linked_backlog_item_id"}),
        ({"change_request_id": str(uuid4())}, {"change_request_id"}),
        ({"change_request_id": "CR-001"}, {"change_request_id"}),
        ({"requires_change_request": "perhaps"}, {"requires_change_request"}),
        ({"status": "resolved"}, {"status"}),
        ({"root_cause": "x"}, {"root_cause"}),
        ({"number": 1, "sla_response_deadline": None}, {"number", "sla_response_deadline"}),
    ):
        answer = edit(agent, url, bad)
        assert (answer.status_code, fields_at_fault(answer)) == (400, fields), bad
    assert agent.get(url).json() == before


def test_a_closed_incident_is_edited_by_nobody(
    client_of: ClientOf, acme: Tenant, project: Project, report: Callable[..., Incident]
) -> None:
    url, agent = path(project, "incidents", report().pk), client_of("agent")
    post(agent, f"{url}/resolve", CAUSE)
    conflict = edit(agent, url, {"severity": "P1"})
    assert (conflict.status_code, conflict.json()["legal_moves"]) == (409, ["in_progress", "closed"])
    post(agent, f"{url}/close")
    conflict = edit(agent, url, {"title": "x"})
    assert (conflict.status_code, conflict.json()["state"]) == (409, "closed")
    assert conflict.json()["legal_moves"] == ["in_progress"]


# ---- the verbs' refusals -------------------------------------------------------------------------------------------


def test_wrong_input_of_the_new_verbs_is_named(
    client_of: ClientOf,
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
) -> None:
    url, agent = path(project, "incidents", report().pk), client_of("agent")
    outside = factories.member(acme, "customer").pk
    for verb, given, fields in (
        ("wait", {}, {"reason", "owner_id"}),
        ("wait", {"reason": " ", "owner_id": users["customer"].pk}, {"reason"}),
        ("wait", {"reason": "x" * 501, "owner_id": users["customer"].pk}, {"reason"}),
        ("wait", {"reason": "x", "owner_id": outside}, {"owner_id"}),
        ("wait", {"reason": "x", "owner_id": 10**30}, {"owner_id"}),
        ("resume", {"reason": "x"}, {"reason"}),
        ("close", {"state": "closed"}, {"state"}),
        ("reopen", {"reason": "x" * 501}, {"reason"}),
        ("comments", {}, {"content"}),
        ("comments", {"content": "x" * 20_001}, {"content"}),
        ("comments", {"content": 7}, {"content"}),
        ("comments", {"content": "x", "is_internal": "maybe", "author_id": 1}, {"is_internal", "author_id"}),
    ):
        answer = post(agent, f"{url}/{verb}", given)
        assert (answer.status_code, fields_at_fault(answer)) == (400, fields), (verb, given)


def test_moves_that_the_state_does_not_allow_name_the_legal_ones(
    client_of: ClientOf, project: Project, report: Callable[..., Incident], users: dict[str, User]
) -> None:
    url, agent = path(project, "incidents", report().pk), client_of("agent")
    wait = {"reason": "x", "owner_id": users["customer"].pk}
    bodies: dict[str, Any] = {"wait": wait, "resolve": CAUSE}

    def refused(*verbs: str) -> set[tuple[int, str, tuple[str, ...]]]:
        answers = [post(agent, f"{url}/{verb}", bodies.get(verb)) for verb in verbs]
        found = [(one.status_code, one.json()) for one in answers]
        return {(code, body["state"], tuple(body["legal_moves"])) for code, body in found}

    assert refused("resume", "close", "reopen") == {(409, "open", ("in_progress", "waiting", "resolved"))}
    post(agent, f"{url}/wait", wait)
    assert refused("wait", "close", "reopen") == {(409, "waiting", ("open", "resolved"))}
    post(agent, f"{url}/resolve", CAUSE)
    assert refused("wait", "resume", "resolve", "first-response") == {
        (409, "resolved", ("in_progress", "closed"))
    }
    post(agent, f"{url}/close")
    assert refused("wait", "resume", "resolve", "close") == {(409, "closed", ("in_progress",))}


def test_a_customer_closes_and_reopens_their_own_alone(
    api: Callable[..., Client],
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    users: dict[str, User],
    system: Actor,
    now: datetime,
) -> None:
    other = factories.member(acme, "customer")
    incident = report()
    with entering(acme):
        services.add_member(project=project, user_id=other.pk, by=system, now=now)
        services.resolve(incident=incident, **CAUSE, by=actors["agent"], now=now)
    url = path(project, "incidents", incident.pk)
    stranger, owner = api(acme, other), api(acme, users["customer"])
    assert stranger.get(url).status_code == 200
    for verb in ("close", "reopen"):
        assert post(stranger, f"{url}/{verb}").status_code == 403
        assert post(owner, f"{url}/{verb}").status_code == 200
    assert edit(owner, url, {"title": "Mine"}).status_code == 403
    assert post(owner, f"{url}/comments", {"content": "x", "is_internal": True}).status_code == 403
    with entering(acme):
        assert not Comment.objects.exists()


# ---- what a customer never sees ------------------------------------------------------------------------------------


def test_hidden_fields_are_hidden_wherever_an_incident_is_shown(
    client_of: ClientOf,
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    at_now: time_machine.Traveller,
    now: datetime,
) -> None:
    incident = report(severity="P1")
    at_now.move_to(now + timedelta(hours=2))
    agent, customer = client_of("agent"), client_of("customer")
    url = path(project, "incidents", incident.pk)
    hidden = HIDDEN_FROM_CUSTOMERS["incident"] | HIDDEN_UNTIL_RESOLVED

    def shown(client: Client) -> list[dict[str, Any]]:
        lists = [path(project, "incidents"), path(project, "sla-breaches")]
        return [client.get(url).json(), *(client.get(each).json()["results"][0] for each in lists)]

    for row in shown(agent):
        assert hidden <= set(row)
    for ours, theirs in zip(shown(agent), shown(customer), strict=True):
        assert set(theirs) == set(ours) - hidden
    made = post(customer, path(project, "incidents"), {"title": "x"}).json()
    assert not hidden & set(made)
    with entering(acme):
        services.resolve(incident=incident, **CAUSE, by=actors["agent"], now=now)
    seen = {client: set(client.get(url).json()) for client in (agent, customer)}
    assert seen[agent] - seen[customer] == HIDDEN_FROM_CUSTOMERS["incident"]
    reopened = post(customer, f"{url}/reopen").json()
    assert not hidden & set(reopened)
    stale = edit(customer, url, {"title": "x"}, tag='"1"')
    assert stale.status_code == 403


def test_a_customer_finds_nothing_by_a_text_that_they_do_not_see(
    client_of: ClientOf,
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report()
    with entering(acme):
        for content, is_internal in (("zebra", True), ("giraffe", False)):
            services.add_comment(
                incident=incident, content=content, is_internal=is_internal, by=actors["agent"], now=now
            )
        services.resolve(
            incident=incident, root_cause="okapi", resolution_notes="okapi", by=actors["agent"], now=now
        )
        services.reopen(incident=incident, by=actors["agent"], now=now)
    customer, url = client_of("customer"), path(project, "incidents")
    for text in ("zebra", "okapi"):
        assert customer.get(f"{url}?search={text}").json()["results"] == []
    one = f"{url}/{incident.pk}"
    assert customer.get(f"{one}/comments?is_internal=true").json()["results"] == []
    for answer in (customer.get(one), customer.get(f"{one}/comments"), customer.get(f"{one}/timeline")):
        assert b"zebra" not in answer.content
        assert b"okapi" not in answer.content
    assert customer.get(f"{url}?support_level=L1").status_code == 400


def test_a_customer_is_not_told_who_was_here_under_a_grant(
    client_of: ClientOf,
    api: Callable[..., Client],
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
) -> None:
    factories.GrantFactory(user=users["support"], tenant=acme, writes=True)
    url = path(project, "incidents", report().pk, "comments")
    said = post(api(acme, users["support"]), url, {"content": "We look into it"})
    assert (said.status_code, said.json()["author_name"]) == (201, users["support"].name)
    seen = client_of("customer").get(url)
    assert [(row["author_id"], row["author_name"]) for row in seen.json()["results"]] == [(None, "Support")]
    assert users["support"].name in client_of("agent").get(url).content.decode()


# ---- lists ----------------------------------------------------------------------------------------------------


def test_incidents_are_found_ordered_and_exported(
    client_of: ClientOf,
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    users: dict[str, User],
    now: datetime,
) -> None:
    first = report(title="İSTANBUL deposu", severity="P3", affected_module="MM")
    second = report(title="ıstanbul fatura", severity="P1", by=actors["agent"], incident_type="interface")
    third = report(title="=2+5 Ankara", severity="P2")
    with entering(acme):
        services.resolve(incident=third, **CAUSE, by=actors["agent"], now=now + timedelta(minutes=9))
        services.wait(incident=first, reason="x", owner_id=users["customer"].pk, by=actors["agent"], now=now)
    client, url = client_of("agent"), path(project, "incidents")
    names = {str(row.pk): name for row, name in ((first, "1"), (second, "2"), (third, "3"))}

    def found(query: str) -> str:
        answer = client.get(f"{url}?{query}")
        assert answer.status_code == 200, answer.content
        return "".join(names[row["id"]] for row in answer.json()["results"])

    for query, expected in (
        ("search=istanbul", "21"),
        ("search=ISTANBUL", "21"),
        ("search=%C4%B0STANBUL fatura", "2"),
        (f"search=INC-{first.number}", "1"),
        (f"search={third.number}&state=resolved", "3"),
        ("search=mm", "1"),
        ("state=waiting", "1"),
        ("incident_type=interface", "2"),
        ("reported_by_me=true", "2"),
        ("reported_by_me=false", "31"),
        ("resolved_after=2026-11-18T09:09:00Z", "3"),
        ("resolved_before=2026-11-18T09:09:00Z", ""),
        ("ordering=number", "123"),
        ("ordering=severity", "231"),
        ("ordering=-created_at", "321"),
        ("ordering=sla_resolution_deadline", "231"),
    ):
        assert found(query) == expected, query
    for query in ("ordering=description", "ordering=root_cause", "search=" + "x" * 201, "color=red"):
        assert client.get(f"{url}?{query}").status_code == 400, query
    sheet = client.get(f"{url}?format=csv&ordering=number")
    assert sheet.status_code == 200
    lines = b"".join(sheet.streaming_content).decode("utf-8-sig").splitlines()
    assert [line.split(",")[2] for line in lines] == ["key", *(row.key for row in (first, second, third))]
    assert "'=2+5 Ankara" in lines[3]
    assert client_of("customer").get(f"{url}?format=csv").status_code == 403


def test_backlog_items_are_written_down_once(
    client_of: ClientOf, project: Project, other_project: Project, report: Callable[..., Incident]
) -> None:
    agent, url = client_of("agent"), path(project, "backlog-items")
    given = {"kind": "I", "key": "INT-042", "title": "Bank statements", "url": "https://jira.example/INT-042"}
    made = post(agent, url, given)
    assert made.status_code == 201, made.content
    assert {name: made.json()[name] for name in given} == given
    for bad, fields in (
        ({}, {"kind", "key", "title"}),
        (given, set()),
        (given | {"kind": "X"}, {"kind"}),
        (given | {"key": "x" * 41}, {"key"}),
        (given | {"key": "B", "url": "javascript:alert(1)"}, {"url"}),
        (given | {"key": "B", "title": " "}, {"title"}),
    ):
        answer = post(agent, url, bad)
        assert answer.status_code == 400, bad
        assert fields_at_fault(answer) == fields, (bad, answer.content)
    post(agent, url, {"kind": "F", "key": "FRM-001", "title": "Invoice form"})
    assert [row["key"] for row in agent.get(url).json()["results"]] == ["FRM-001", "INT-042"]
    assert [row["key"] for row in agent.get(f"{url}?kind=I").json()["results"]] == ["INT-042"]
    assert [row["key"] for row in agent.get(f"{url}?key=frm-001").json()["results"]] == ["FRM-001"]
    linked = edit(
        agent, path(project, "incidents", report().pk), {"linked_backlog_item_id": made.json()["id"]}
    )
    assert linked.json()["linked_backlog_item_id"] == made.json()["id"]


def test_what_is_of_another_project_is_not_there(
    client_of: ClientOf, project: Project, other_project: Project, report: Callable[..., Incident]
) -> None:
    agent, others = client_of("agent"), report(project=other_project)
    for home in (project, other_project):
        url = path(home, "incidents", others.pk)
        assert agent.get(f"{url}/comments").status_code == 404
        assert edit(agent, url, {"title": "x"}).status_code == 404
        for verb in ("wait", "resume", "close", "reopen", "comments", "resolve", "assign", "first-response"):
            assert post(agent, f"{url}/{verb}").status_code == 404, verb
    assert agent.get(path(other_project, "backlog-items")).status_code == 404


def test_a_role_is_asked_at_every_request(
    api: Callable[..., Client],
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
) -> None:
    client, url = api(acme, users["agent"]), path(project, "incidents", report().pk)
    assert "support_level" in client.get(url).json()
    users["agent"].memberships.update(role=Role.CUSTOMER)
    assert "support_level" not in client.get(url).json()
    assert post(client, f"{url}/first-response").status_code == 403


def test_a_timeline_is_narrowed_by_verb_and_moment_and_turned_round(
    client_of: Callable[[str], Client],
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    acme: Tenant,
    now: datetime,
) -> None:
    with entering(acme):
        incident, by = report(), actors["agent"]
        services.add_comment(incident=incident, content="Hm", is_internal=True, by=by, now=now)
        services.respond_first(incident=incident, by=by, now=now + timedelta(minutes=5))
    url = f"/api/v1/projects/{project.pk}/hypercare/incidents/{incident.pk}/timeline"

    def verbs(query: str, who: str = "agent") -> list[str]:
        rows = client_of(who).get(f"{url}?{query}").json()["results"]
        return [row["verb"].partition(".")[2] for row in rows]

    assert verbs("ordering=-seq") == ["first_response", "noted", "reported"]
    assert verbs("verb=incident.noted") == ["noted"]
    assert verbs("verb=incident.noted", "customer") == []
    moment = (now + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert verbs(f"at_after={moment}") == ["first_response"]
    assert verbs(f"at_before={moment}") == ["reported", "noted"]
    for query in ("at_after=soon", "ordering=at", "colour=red"):
        assert client_of("agent").get(f"{url}?{query}").status_code == 400, query
