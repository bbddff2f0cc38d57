"""Change requests over the API: what each address answers, its refusals, its lists."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hypercare import services
from hypercare.models import ChangeRequest, ChangeVote, Incident, Project
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tests import factories
from tests.hypercare.conftest import asked

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
Api = Callable[..., Client]
Draft = Callable[..., ChangeRequest]
Board = Callable[..., dict[str, Actor]]
GIVEN = {"title": "Open the posting period", "change_type": "config"}


def person(seat: Actor) -> User:
    user: User = User.objects.get(pk=seat.user_id or 0)
    return user


@pytest.fixture
def client_of(api: Api, acme: Tenant, users: dict[str, User]) -> Callable[[str | Actor], Client]:
    """The client of one of acme's people: by role, or of a seat on the board."""

    def client(who: str | Actor) -> Client:
        return api(acme, users[who] if isinstance(who, str) else person(who))

    return client


Clients = Callable[[str | Actor], Client]


def path(project: Project, *rest: object) -> str:
    return "/".join([f"/api/v1/projects/{project.pk}/hypercare/change-requests", *map(str, rest)])


def send(client: Client, method: str, url: str, data: Any = None, **headers: str) -> Any:
    body = {} if method == "get" else {"data": data or {}, "content_type": "application/json"}
    return getattr(client, method)(url, headers=headers, **body)


def post(client: Client, url: str, data: Any = None, **headers: str) -> Any:
    return send(client, "post", url, data, **headers)


def at_fault(answer: Any) -> set[str]:
    return {fault["field"] for fault in answer.json()["errors"]}


# ---- the way through -------------------------------------------------------------------------------------------


def test_a_change_request_goes_its_way_over_the_api(
    client_of: Clients,
    board: Board,
    project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
) -> None:
    agent, seat = client_of("agent"), board("customer")["customer"]
    incident = report()
    made = post(
        agent,
        path(project),
        GIVEN
        | {
            "priority": "p2",
            "affected_module": "fi",
            "incident_id": str(incident.pk),
            "planned_implementation_date": "2026-11-18",
        },
    )
    assert made.status_code == 201, made.content
    body = made.json()
    assert made["Location"] == path(project, body["id"])
    assert (body["cr_number"], body["number"], body["status"], body["priority"]) == (
        "CR-001",
        1,
        "draft",
        "P2",
    )
    assert (body["requested_by_id"], body["requested_by_name"]) == (users["agent"].pk, users["agent"].name)
    assert body["incidents"] == [{"id": str(incident.pk), "key": incident.key}]
    assert body["allowed_actions"] == ["edit", "submit"]
    url = path(project, body["id"])
    assert agent.get(url).json() == body

    early = post(agent, f"{url}/submit")
    assert (early.status_code, at_fault(early)) == (400, {"rollback_plan"})
    edited = send(agent, "patch", url, {"rollback_plan": "Close it again"})
    assert (edited.status_code, edited.json()["version"]) == (200, 2)
    submitted = post(agent, f"{url}/submit")
    assert (submitted.json()["status"], submitted.json()["allowed_actions"]) == ("pending_approval", ["edit"])

    member = client_of(seat)
    assert member.get(url).json()["allowed_actions"] == ["approve", "reject"]
    approved = post(member, f"{url}/approve").json()
    name = person(seat).name
    assert (approved["status"], approved["approved_by_id"], approved["approved_by_name"]) == (
        "approved",
        seat.user_id,
        name,
    )
    assert approved["approved_at"] == "2026-11-18T09:00:00Z"
    assert approved["votes"] == [
        {
            "user_id": seat.user_id,
            "user_name": name,
            "vote": "approve",
            "reason": "",
            "created_at": "2026-11-18T09:00:00Z",
            "voided_at": None,
        }
    ]
    assert approved["allowed_actions"] == []

    assert post(agent, f"{url}/start").json()["allowed_actions"] == ["implement"]
    late = post(agent, f"{url}/implement")
    assert (late.status_code, at_fault(late)) == (400, {"test_evidence"})
    done = post(agent, f"{url}/implement", {"test_evidence": "Posted one"}).json()
    assert (done["status"], done["actual_implementation_date"]) == ("implemented", "2026-11-18")
    assert post(agent, f"{url}/close").json()["status"] == "closed"

    story = agent.get(f"{url}/timeline").json()["results"]
    steps = ("drafted", "changed", "submitted", "approved", "started", "implemented", "closed")
    assert [line["verb"] for line in story] == [f"change.{step}" for step in steps]
    assert story[1]["details"] == {"texts": ["rollback_plan"], "rollback_plan": ["", "Close it again"]}
    public = member.get(f"{url}/timeline").json()["results"]
    assert [line["verb"] for line in public] == [line["verb"] for line in story]
    assert "incident" in story[0]["details"]
    assert "incident" not in public[0]["details"]
    assert public[3]["details"]["approvals"] == 1


def test_a_rejection_says_who_and_why(
    client_of: Clients, board: Board, draft: Draft, project: Project
) -> None:
    seat = board("manager")["manager"]
    url = path(project, draft(submitted=True).pk)
    member = client_of(seat)
    for body in ({}, {"reason": " "}):
        refused = post(member, f"{url}/reject", body)
        assert (refused.status_code, at_fault(refused)) == (400, {"reason"})
    rejected = post(member, f"{url}/reject", {"reason": "Month end"}).json()
    assert (rejected["status"], rejected["rejection_reason"]) == ("rejected", "Month end")
    assert (rejected["rejected_by_id"], rejected["rejected_by_name"]) == (
        seat.user_id,
        person(seat).name,
    )
    assert rejected["allowed_actions"] == ["redraft"]
    anew = post(client_of("agent"), f"{url}/redraft").json()
    assert (anew["status"], anew["rejected_by_id"], anew["rejection_reason"]) == ("draft", None, "")
    assert anew["votes"][0]["voided_at"] == "2026-11-18T09:00:00Z"
    (line,) = [
        line
        for line in client_of("agent").get(f"{url}/timeline").json()["results"]
        if line["verb"] == "change.rejected"
    ]
    assert line["details"] == {"from": "pending_approval", "to": "rejected", "reason": "Month end"}


# ---- refusals --------------------------------------------------------------------------------------------------

# address, method, body, roles that are not refused where none of them sits on the board or asked for it
RIGHTS: list[tuple[str, str, Any, set[str]]] = [
    ("", "get", None, {"customer", "agent", "manager", "admin"}),
    ("", "post", GIVEN, {"customer", "agent", "manager", "admin"}),
    ("{change}", "get", None, {"agent", "manager", "admin"}),
    ("{change}", "patch", {"title": "Other"}, {"agent", "manager", "admin"}),
    ("{change}", "put", {"title": "Other"}, {"agent", "manager", "admin"}),
    ("{change}/submit", "post", {}, {"agent", "manager", "admin"}),
    ("{change}/approve", "post", {}, set()),
    ("{change}/reject", "post", {"reason": "No"}, set()),
    ("{change}/redraft", "post", {}, {"agent", "manager", "admin"}),
    ("{change}/start", "post", {}, {"agent", "manager", "admin"}),
    ("{change}/implement", "post", {}, {"agent", "manager", "admin"}),
    ("{change}/close", "post", {}, {"agent", "manager", "admin"}),
    ("{change}/timeline", "get", None, {"agent", "manager", "admin"}),
]


@pytest.mark.parametrize(("rest", "method", "body", "roles"), RIGHTS)
def test_each_address_opens_to_its_roles_and_to_nobody_unknown(
    rest: str,
    method: str,
    body: Any,
    roles: set[str],
    api: Api,
    acme: Tenant,
    globex: Tenant,
    users: dict[str, User],
    project: Project,
    draft: Draft,
    system: Actor,
    now: Any,
) -> None:
    change = draft(by=system)
    url = path(project, rest.format(change=change.pk)).rstrip("/")
    assert send(api(acme), method, url, body).status_code == 401
    stranger = factories.member(globex, "admin")
    assert send(api(globex, stranger), method, url, body).status_code == 404
    outsider = factories.member(acme, "admin")  # of the tenant, not of the project
    assert send(api(acme, outsider), method, url, body).status_code == 404
    for role in ("customer", "agent", "manager", "admin"):
        answer = send(api(acme, users[role]), method, url, body)
        if role in roles:
            assert answer.status_code in (200, 201, 400, 409), (role, answer.content)
        elif role == "customer" and "{change}" in rest:
            # Denied at the door, or not there: others' change requests are not a customer's to know of.
            assert answer.status_code in (403, 404), (role, answer.content)
        else:
            assert answer.status_code == 403, (role, answer.content)
    if method != "get":
        assert send(api(acme, users["admin"], read_only=True), method, url, body).status_code == 403


def test_another_tenants_change_request_is_not_there(
    api: Api, globex: Tenant, project: Project, draft: Draft, system: Actor, now: Any
) -> None:
    change = draft()
    admin = factories.member(globex, "admin")
    with entering(globex):
        program = services.create_program(code="ERP", name="ERP", by=system, now=now)
        theirs = services.create_project(program=program, code="FI-1", name="FI", by=system, now=now)
        services.add_member(project=theirs, user_id=admin.pk, by=system, now=now)
    client = api(globex, admin)
    assert client.get(path(theirs)).json()["results"] == []
    for url in (path(theirs, change.pk), path(project, change.pk), path(project)):
        assert client.get(url).status_code == 404
    for verb in ("submit", "approve", "reject", "redraft", "start", "implement", "close"):
        assert (
            post(
                client, path(theirs, change.pk, verb), {"reason": "x"} if verb == "reject" else {}
            ).status_code
            == 404
        )


def test_another_projects_change_request_is_not_there(
    client_of: Clients, project: Project, other_project: Project, draft: Draft
) -> None:
    mine, others = draft(), draft(project=other_project)
    agent = client_of("agent")
    for url in (
        path(other_project),
        path(other_project, others.pk),
        path(other_project, mine.pk),
        path(project, others.pk),
        path(project, others.pk, "timeline"),
        path(project, uuid4()),
    ):
        assert agent.get(url).status_code == 404, url
    assert post(agent, path(other_project), GIVEN).status_code == 404
    assert post(agent, path(project, others.pk, "submit")).status_code == 404
    assert [row["id"] for row in agent.get(path(project)).json()["results"]] == [str(mine.pk)]


def test_a_customer_reads_their_own_and_on_the_board_all(
    client_of: Clients, board: Board, project: Project, draft: Draft, actors: dict[str, Actor]
) -> None:
    own, other = draft(by=actors["customer"]), draft()
    customer, seat = client_of("customer"), client_of(board("customer")["customer"])

    def seen(client: Client) -> set[str]:
        return {row["id"] for row in client.get(path(project)).json()["results"]}

    assert seen(customer) == {str(own.pk)}
    assert seen(seat) == {str(own.pk), str(other.pk)}
    assert customer.get(path(project, own.pk)).json()["allowed_actions"] == ["edit"]
    assert customer.get(path(project, own.pk, "timeline")).status_code == 200
    assert customer.get(path(project, other.pk)).status_code == 404
    assert customer.get(path(project, other.pk, "timeline")).status_code == 404
    assert send(customer, "patch", path(project, own.pk), {"title": "Mine"}).status_code == 200
    assert send(seat, "patch", path(project, own.pk), {"title": "Mine"}).status_code == 403


def test_nobody_decides_on_their_own(
    client_of: Clients,
    board: Board,
    project: Project,
    draft: Draft,
    actors: dict[str, Actor],
    acme: Tenant,
    now: Any,
) -> None:
    seat = board("manager")["manager"]
    own = draft(by=seat)
    with entering(acme):
        services.submit_change(change=own, by=actors["agent"], now=now)
    for verb, body in (("approve", {}), ("reject", {"reason": "No"})):
        refused = post(client_of(seat), path(project, own.pk, verb), body)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/own_change_request")


def test_a_second_vote_is_a_conflict(
    client_of: Clients, board: Board, project: Project, draft: Draft, acme: Tenant, system: Actor, now: Any
) -> None:
    seats = board("manager", "admin")
    with entering(acme):
        services.set_quorum(project=project, quorum=2, by=system, now=now)
    url = path(project, draft(submitted=True).pk)
    client = client_of(seats["manager"])
    first = post(client, f"{url}/approve").json()
    assert (first["status"], first["quorum"], first["allowed_actions"]) == ("pending_approval", 2, ["edit"])
    again = post(client, f"{url}/approve")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/voted")
    assert (again.json()["state"], again.json()["legal_moves"]) == (
        "pending_approval",
        ["approved", "rejected"],
    )


def test_a_move_that_the_state_does_not_allow_is_a_conflict(
    client_of: Clients, project: Project, draft: Draft
) -> None:
    url, agent = path(project, draft().pk), client_of("agent")
    for verb in ("redraft", "start", "implement", "close"):
        refused = post(agent, f"{url}/{verb}")
        assert refused.status_code == 409, refused.content
        assert (refused.json()["state"], refused.json()["legal_moves"]) == ("draft", ["pending_approval"])


def test_wrong_input_is_named_field_by_field_and_leaves_nothing(
    client_of: Clients, project: Project, acme: Tenant
) -> None:
    client, url = client_of("agent"), path(project)
    wrong = post(client, url, {"title": "x", "priority": "P5", "colour": "red"})
    assert (wrong.status_code, at_fault(wrong)) == (400, {"change_type", "priority", "colour"})
    for bad, field in (
        ({"title": " "}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"change_type": "magic"}, "change_type"),
        ({"description": "x" * 20_001}, "description"),
        ({"affected_module": "x" * 21}, "affected_module"),
        ({"test_required": "perhaps"}, "test_required"),
        ({"planned_implementation_date": "2026-11-17"}, "planned_implementation_date"),
        ({"planned_implementation_date": "2100-01-02"}, "planned_implementation_date"),
        ({"planned_implementation_date": "soon"}, "planned_implementation_date"),
        ({"incident_id": str(uuid4())}, "incident_id"),
        ({"status": "approved"}, "status"),
        ({"cr_number": "CR-999"}, "cr_number"),
        ({"requested_by_id": 1}, "requested_by_id"),
    ):
        answer = post(client, url, GIVEN | bad)
        assert (answer.status_code, at_fault(answer)) == (400, {field}), (bad, answer.content)
    with entering(acme):
        assert not ChangeRequest.objects.exists()


def test_wrong_input_of_the_verbs_is_named(
    client_of: Clients,
    project: Project,
    draft: Draft,
    board: Board,
    acme: Tenant,
    actors: dict[str, Actor],
    now: Any,
) -> None:
    change = draft(submitted=True)
    with entering(acme):
        services.approve_change(change=change, by=board("admin")["admin"], now=now)
        services.start_change(change=change, by=actors["agent"], now=now)
    url, agent = path(project, change.pk), client_of("agent")
    for bad, field in (
        ({"actual_implementation_date": "2026-11-19", "test_evidence": "x"}, "actual_implementation_date"),
        ({"actual_implementation_date": "yesterday"}, "actual_implementation_date"),
        ({"test_evidence": 5}, "test_evidence"),
        ({"when": "now"}, "when"),
    ):
        answer = post(agent, f"{url}/implement", bad)
        assert (answer.status_code, at_fault(answer)) == (400, {field}), bad
    assert at_fault(post(agent, f"{url}/close", {"why": "x"})) == {"why"}


# ---- editing together ------------------------------------------------------------------------------------------


def test_a_put_gives_everything_a_patch_some(client_of: Clients, project: Project, draft: Draft) -> None:
    change = draft()
    url, agent = path(project, change.pk), client_of("agent")
    whole = {
        "title": "Whole",
        "description": "All of it",
        "change_type": "data",
        "priority": "p1",
        "affected_module": "mm",
        "impact_assessment": "Small",
        "rollback_plan": "Restore",
        "test_required": False,
        "test_evidence": "",
        "planned_implementation_date": "2026-12-01",
    }
    partly = send(agent, "put", url, {"title": "Whole"})
    assert (partly.status_code, at_fault(partly)) == (400, set(whole) - {"title"})
    put = send(agent, "put", url, whole)
    shown = put.json()
    assert {name: shown[name] for name in whole} == whole | {"priority": "P1", "affected_module": "MM"}
    patched = send(agent, "patch", url, {"description": ""}).json()
    assert (patched["description"], patched["title"], patched["version"]) == ("", "Whole", 3)


def test_nobody_overwrites_or_approves_what_they_have_not_read(
    client_of: Clients, project: Project, draft: Draft, board: Board
) -> None:
    seat = board("manager")["manager"]
    url = path(project, draft(submitted=True).pk)
    agent, member = client_of("agent"), client_of(seat)
    read = agent.get(url)
    assert read["ETag"].startswith('"2.')
    edited = send(agent, "patch", url, {"title": "Other"}, **{"If-Match": read["ETag"]})
    assert edited.status_code == 200
    for answer in (
        send(agent, "patch", url, {"title": "Mine"}, **{"If-Match": read["ETag"]}),
        post(member, f"{url}/approve", **{"If-Match": read["ETag"]}),
    ):
        assert answer.status_code == 412
        assert (answer.json()["current"]["title"], answer.json()["version"]) == ("Other", 3)
    assert post(member, f"{url}/approve", **{"If-Match": edited["ETag"]}).json()["status"] == "approved"
    assert send(agent, "get", url, **{"If-None-Match": edited["ETag"]}).status_code == 200
    assert send(agent, "get", url, **{"If-None-Match": agent.get(url)["ETag"]}).status_code == 304


def test_an_edit_voids_the_approval_and_says_so(
    client_of: Clients, project: Project, draft: Draft, board: Board
) -> None:
    seat = board("manager")["manager"]
    url = path(project, draft(submitted=True).pk)
    post(client_of(seat), f"{url}/approve")
    edited = send(client_of("agent"), "patch", url, {"priority": "P1"}).json()
    assert (edited["status"], edited["approved_at"], edited["approved_by_name"]) == (
        "pending_approval",
        None,
        None,
    )
    assert edited["votes"][0]["voided_at"] == "2026-11-18T09:00:00Z"
    assert client_of(seat).get(url).json()["allowed_actions"] == ["edit", "approve", "reject"]


def test_one_key_drafts_once(client_of: Clients, project: Project, acme: Tenant) -> None:
    client = client_of("customer")
    answers = [post(client, path(project), GIVEN, **{"Idempotency-Key": "k1"}) for _each in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert post(client, path(project), GIVEN).json()["cr_number"] == "CR-002"


# ---- lists -----------------------------------------------------------------------------------------------------


def test_lists_are_filtered_and_paged(
    client_of: Clients,
    acme: Tenant,
    project: Project,
    draft: Draft,
    board: Board,
    actors: dict[str, Actor],
    now: Any,
) -> None:
    seat = board("manager")["manager"]
    day = now.date()
    first = draft(severity="P1", affected_module="FI", title="İSTANBUL depot")
    second = draft(submitted=True, planned_implementation_date=day)
    third = draft(
        submitted=True,
        change_type="data",
        planned_implementation_date=day + timedelta(days=5),
        by=actors["agent"],
    )
    fourth = draft(by=seat)
    with entering(acme):
        services.submit_change(change=fourth, by=actors["agent"], now=now)
        services.approve_change(change=third, by=seat, now=now)
    client, url = client_of(seat), path(project)
    ids = {name: str(row.pk) for name, row in (("1", first), ("2", second), ("3", third), ("4", fourth))}

    def found(query: str, client: Client = client) -> list[str]:
        return [row["id"] for row in client.get(f"{url}?{query}").json()["results"]]

    for query, expected in (
        ("", "4321"),
        ("status=draft", "1"),
        ("status=draft&status=approved", "31"),
        ("priority=p1", "1"),
        ("change_type=data", "3"),
        ("module=fi", "1"),
        ("requested_by_me=true", "4"),
        ("requested_by_me=false", "321"),
        ("waiting_for_my_vote=true", "2"),
        ("waiting_for_my_vote=false", "431"),
        ("planned_from=2026-11-18&planned_to=2026-11-18", "2"),
        ("planned_from=2026-11-19", "3"),
        ("search=istanbul", "1"),
        ("search=CR-003", "3"),
        ("ordering=number", "1234"),
        ("ordering=planned_implementation_date", "2314"),
        ("ordering=priority", "1234"),
    ):
        assert found(query) == [ids[name] for name in expected], query
    assert found("waiting_for_my_vote=true", client_of("agent")) == []
    for query in (
        "status=gone",
        "priority=P9",
        "planned_from=soon",
        "page_size=0",
        "ordering=x",
        "colour=red",
    ):
        assert client.get(f"{url}?{query}").status_code == 400, query
    page = client.get(f"{url}?page_size=3").json()
    assert [row["id"] for row in page["results"]] == [ids["4"], ids["3"], ids["2"]]
    assert [row["id"] for row in client.get(page["next"]).json()["results"]] == [ids["1"]]


def test_a_customer_on_the_board_asks_as_often_for_a_hundred_rows_as_for_ten(
    client_of: Clients, project: Project, draft: Draft, board: Board, acme: Tenant, now: Any
) -> None:
    """Everybody else's lists are in test_query_counts; what a seat shows is found another way."""
    seats = board("customer", "manager")
    client = client_of(seats["customer"])

    def cost(more: int) -> tuple[int, int]:
        with entering(acme):
            for _each in range(more):
                made = draft(submitted=True)
                for seat in seats.values():
                    ChangeVote.objects.create(
                        change_request=made, user=person(seat), vote="approve", created_at=now
                    )
        with CaptureQueriesContext(connection) as captured:
            rows = client.get(f"{path(project)}?page_size=200").json()["results"]
        # Which tenant a host is gets asked again after some seconds, however many rows there are.
        return len(rows), len([sql for sql in asked(captured) if "tenancy_domain" not in sql])

    few, queries = cost(10)
    assert cost(90) == (few + 90, queries)


def test_a_list_is_a_file_too(client_of: Clients, project: Project, draft: Draft, board: Board) -> None:
    draft(title="=cmd")
    answer: Any = client_of("agent").get(f"{path(project)}?format=csv")
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert "CR-001" in text
    assert ",=cmd" not in text
    customer = client_of(board("customer")["customer"])
    assert customer.get(f"{path(project)}?format=csv").status_code == 403


# ---- the quorum ------------------------------------------------------------------------------------------------


def test_a_manager_sets_the_quorum_of_a_project(client_of: Clients, board: Board, project: Project) -> None:
    url = f"/api/v1/projects/{project.pk}"
    manager = client_of("manager")
    above = send(manager, "patch", url, {"change_quorum": 2})
    assert (above.status_code, at_fault(above)) == (400, {"change_quorum"})
    board("customer", "manager")
    assert send(manager, "patch", url, {"change_quorum": 2}).json()["change_quorum"] == 2
    assert send(client_of("agent"), "patch", url, {"change_quorum": 1}).status_code == 403
    assert send(manager, "patch", url, {"change_quorum": 0}).status_code == 400


def test_nobody_is_taken_off_a_board_that_needs_them(
    client_of: Clients, board: Board, project: Project, acme: Tenant, system: Actor, now: Any
) -> None:
    board("customer", "manager")
    admin = client_of("admin")
    with entering(acme):
        services.set_quorum(project=project, quorum=2, by=system, now=now)
        member = project.members.filter(is_board_member=True).first()
    assert member is not None
    url = f"/api/v1/projects/{project.pk}/members/{member.pk}"
    assert send(admin, "patch", url, {"is_board_member": False}).status_code == 409
    assert admin.delete(url).status_code == 409
    assert send(admin, "patch", url, {"support_level": "L2"}).status_code == 200


def test_a_project_with_change_requests_is_not_deleted(
    client_of: Clients, project: Project, draft: Draft, at_now: time_machine.Traveller
) -> None:
    draft()
    refused = client_of("agent").delete(f"/api/v1/projects/{project.pk}")
    assert (refused.status_code, refused.json()["state"]) == (409, "in_use")
    assert "change requests" in refused.json()["detail"]
