"""The API of hypercare by its addresses: what it answers, and each of its refusals."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client

from hypercare import services
from hypercare.models import Incident, Project, ProjectMember
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
CAUSE = {"root_cause": "Posting period closed", "resolution_notes": "Opened period 11"}
Api = Callable[..., Client]


@pytest.fixture
def client_of(api: Api, acme: Tenant, users: dict[str, User]) -> Callable[[str], Client]:
    return lambda role: api(acme, users[role])


def path(project: Project, *rest: object) -> str:
    return "/".join([f"/api/v1/projects/{project.pk}/hypercare", *map(str, rest)])


def post(client: Client, url: str, data: Any = None) -> Any:
    return client.post(url, data={} if data is None else data, content_type="application/json")


def fields_at_fault(answer: Any) -> set[str]:
    return {fault["field"] for fault in answer.json()["errors"]}


# ---- incidents: the way through -------------------------------------------------------------------------------


def test_an_incident_goes_its_way_over_the_api(
    client_of: Callable[[str], Client],
    project: Project,
    users: dict[str, User],
    at_now: time_machine.Traveller,
    now: datetime,
) -> None:
    made = post(
        client_of("customer"),
        path(project, "incidents"),
        {
            "title": "Posting blocked",
            "severity": "p1",
            "affected_module": "fi",
            "incident_type": "data_issue",
        },
    )
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["status"], body["severity"], body["affected_module"]) == ("open", "P1", "FI")
    assert body["sla_response_deadline"] == "2026-11-18T10:00:00Z"
    assert body["sla_resolution_deadline"] == "2026-11-18T13:00:00Z"
    assert made["Location"] == path(project, "incidents", body["id"])

    agent = client_of("agent")
    url = path(project, "incidents", body["id"])
    at_now.move_to(now + timedelta(minutes=61))
    assert agent.get(url).json()["sla_response_breached"] is True
    assigned = post(agent, f"{url}/assign", {"assigned_to_id": users["agent"].pk, "support_level": "L1"})
    assert (assigned.json()["assigned_to_name"], assigned.json()["support_level"]) == (
        users["agent"].name,
        "L1",
    )
    answered = post(agent, f"{url}/first-response")
    assert answered.json()["status"] == "in_progress"
    assert answered.json()["first_response_at"] == "2026-11-18T10:01:00Z"
    resolved = post(agent, f"{url}/resolve", CAUSE | {"root_cause_category": "config"})
    assert resolved.json()["resolved_at"] == "2026-11-18T10:01:00Z"
    assert resolved.json()["sla_resolution_breached"] is False

    story = agent.get(f"{url}/timeline").json()["results"]
    assert [line["verb"].partition(".")[2] for line in story] == [
        "reported",
        "assigned",
        "first_response",
        "breached",
        "resolved",
    ]
    assert story[1]["by"] == {
        "kind": "member",
        "user_id": users["agent"].pk,
        "name": users["agent"].name,
        "is_ours": True,
    }
    public = client_of("customer").get(f"{url}/timeline").json()["results"]
    assert "incident.assigned" not in {line["verb"] for line in public}
    assert "told" not in str(public)


def test_breaches_and_metrics_over_the_api(
    client_of: Callable[[str], Client],
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    api: Api,
    users: dict[str, User],
    at_now: time_machine.Traveller,
    now: datetime,
) -> None:
    late, _fine = report(severity="P1"), report(severity="P3")
    at_now.move_to(now + timedelta(minutes=61))
    read_only = api(acme, users["agent"], read_only=True)
    for client in (client_of("customer"), read_only):
        found = client.get(path(project, "sla-breaches")).json()["results"]
        assert [(row["id"], row["sla_response_breached"]) for row in found] == [(str(late.pk), True)]
    with entering(acme):
        assert Incident.objects.get(pk=late.pk).sla_response_breached
    figures = client_of("agent").get(path(project, "metrics")).json()
    assert figures["open_by_priority"] == {"p1": 1, "p2": 0, "p3": 1, "p4": 0}
    assert figures["sla_breached"] == 1


def test_a_customer_sees_the_root_cause_once_resolved_and_never_the_support_level(
    client_of: Callable[[str], Client],
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    users: dict[str, User],
    now: datetime,
) -> None:
    incident = report()
    url = path(project, "incidents", incident.pk)
    customer = client_of("customer")
    before = customer.get(url).json()
    assert not {"root_cause", "root_cause_category", "resolution_notes", "support_level"} & set(before)
    with entering(acme):
        services.resolve(incident=incident, **CAUSE, by=actors["agent"], now=now)
    after = customer.get(url)
    assert after.json()["root_cause"] == CAUSE["root_cause"]
    assert "support_level" not in after.json()
    assert not any(user.email.encode() in after.content for user in users.values())


# ---- incidents: refusals --------------------------------------------------------------------------------------


def test_wrong_input_is_named_field_by_field_and_leaves_nothing(
    client_of: Callable[[str], Client], acme: Tenant, project: Project
) -> None:
    url, client = path(project, "incidents"), client_of("customer")
    wrong = post(client, url, {"title": "x", "severity": "P5", "colour": "red"})
    assert wrong.status_code == 400
    assert fields_at_fault(wrong) == {"severity", "colour"}
    for bad, field in (
        ({}, "title"),
        ({"title": " "}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": "x", "affected_users_count": -1}, "affected_users_count"),
        ({"title": "x", "incident_type": "magic"}, "incident_type"),
        ({"title": "x", "number": 7}, "number"),
    ):
        answer = post(client, url, bad)
        assert (answer.status_code, fields_at_fault(answer)) == (400, {field}), bad
    malformed = client.post(url, data="{", content_type="application/json")
    assert malformed.status_code == 400
    with entering(acme):
        assert not Incident.objects.exists()


def test_a_move_that_the_state_does_not_allow_is_a_conflict(
    client_of: Callable[[str], Client], project: Project, report: Callable[..., Incident]
) -> None:
    url, agent = path(project, "incidents", report().pk), client_of("agent")
    assert post(agent, f"{url}/first-response").status_code == 200
    again = post(agent, f"{url}/first-response")
    assert again.status_code == 409
    assert (again.json()["state"], again.json()["legal_moves"]) == (
        "in_progress",
        ["waiting", "resolved"],
    )
    assert post(agent, f"{url}/resolve", CAUSE).status_code == 200
    assert post(agent, f"{url}/resolve", CAUSE).status_code == 409
    assert post(agent, f"{url}/assign", {"assigned_to_id": None}).status_code == 409


def test_wrong_input_of_the_verbs_is_named(
    client_of: Callable[[str], Client],
    project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
) -> None:
    url, agent = path(project, "incidents", report().pk), client_of("agent")
    for verb, given, fields in (
        ("first-response", {"at": "now"}, {"at"}),
        ("resolve", {}, {"root_cause", "resolution_notes"}),
        ("resolve", CAUSE | {"root_cause_category": "moon"}, {"root_cause_category"}),
        ("assign", {}, {"assigned_to_id"}),
        ("assign", {"assigned_to_id": users["customer"].pk}, {"assigned_to_id"}),
        ("assign", {"assigned_to_id": 10**30}, {"assigned_to_id"}),
    ):
        answer = post(agent, f"{url}/{verb}", given)
        assert (answer.status_code, fields_at_fault(answer)) == (400, fields), (verb, given)


# address below the project's hypercare, method, body, the lowest role that may
RIGHTS: list[tuple[str, str, Any, str]] = [
    ("incidents", "get", None, "customer"),
    ("incidents", "post", {"title": "x"}, "customer"),
    ("incidents/{incident}", "get", None, "customer"),
    ("incidents/{incident}/timeline", "get", None, "customer"),
    ("sla-breaches", "get", None, "customer"),
    ("metrics", "get", None, "agent"),
    ("incidents/{incident}/assign", "post", {"assigned_to_id": None}, "agent"),
    ("incidents/{incident}/first-response", "post", {}, "agent"),
    ("incidents/{incident}", "patch", {"title": "x"}, "agent"),
    ("incidents/{incident}", "put", {"title": "x"}, "agent"),
    ("incidents/{incident}/wait", "post", {"reason": "x", "owner_id": 1}, "agent"),
    ("incidents/{incident}/resume", "post", {}, "agent"),
    ("incidents/{incident}/resolve", "post", CAUSE, "agent"),
    ("incidents/{incident}/close", "post", {}, "customer"),
    ("incidents/{incident}/reopen", "post", {}, "customer"),
    ("incidents/{incident}/comments", "get", None, "customer"),
    ("incidents/{incident}/comments", "post", {"content": "x"}, "customer"),
    ("incidents/{incident}/comments", "post", {"content": "x", "is_internal": True}, "agent"),
    ("backlog-items", "get", None, "agent"),
    ("backlog-items", "post", {"kind": "F", "key": "F-1", "title": "x"}, "agent"),
    ("../members", "get", None, "agent"),
    ("../members", "post", {"user_id": 1}, "admin"),
    ("../members/{member}", "patch", {"is_board_member": True}, "admin"),
    ("../members/{member}", "delete", None, "admin"),
    ("..", "get", None, "customer"),
    ("..", "patch", {"name": "New"}, "agent"),
    ("..", "delete", None, "agent"),
]
ROLES = ("customer", "agent", "manager", "admin")


def _url(template: str, project: Project, incident: object, member: object) -> str:
    rest = template.format(incident=incident, member=member)
    if rest.startswith(".."):
        return f"/api/v1/projects/{project.pk}{rest[2:]}"
    return path(project, rest)


def _ask(client: Client, method: str, url: str, body: Any) -> Any:
    return getattr(client, method)(
        url, **({"data": body, "content_type": "application/json"} if body is not None else {})
    )


@pytest.mark.parametrize(("template", "method", "body", "lowest"), RIGHTS)
def test_each_address_opens_from_its_role_on_and_to_nobody_unknown(
    template: str,
    method: str,
    body: Any,
    lowest: str,
    api: Api,
    acme: Tenant,
    globex: Tenant,
    users: dict[str, User],
    project: Project,
    report: Callable[..., Incident],
) -> None:
    incident = report()
    with entering(acme):
        member = ProjectMember.objects.get(project=project, user=users["customer"])
    url = _url(template, project, incident.pk, member.pk)
    assert _ask(api(acme), method, url, body).status_code == 401
    stranger = factories.member(globex, "admin")
    assert _ask(api(globex, stranger), method, url, body).status_code == 404
    foreign = {"authorization": f"Bearer {factories.token(stranger, globex)}"}
    assert (
        _ask(Client(headers={"host": factories.host_of(acme)} | foreign), method, url, body).status_code
        == 401
    )
    for role in ROLES:
        answer = _ask(api(acme, users[role]), method, url, body)
        may = ROLES.index(role) >= ROLES.index(lowest)
        assert (answer.status_code != 403) == may, (role, answer.content)
        if may:
            assert answer.status_code in (200, 201, 204, 400, 404, 409), answer.content
    if method != "get":
        assert _ask(api(acme, users["admin"], read_only=True), method, url, body).status_code == 403


def test_another_project_of_the_tenant_is_not_there(
    client_of: Callable[[str], Client],
    project: Project,
    other_project: Project,
    report: Callable[..., Incident],
) -> None:
    mine, others = report(), report(project=other_project)
    agent = client_of("agent")
    for url in (
        path(other_project, "incidents"),
        path(other_project, "incidents", others.pk),
        path(other_project, "sla-breaches"),
        path(other_project, "metrics"),
        path(project, "incidents", others.pk),
        path(other_project, "incidents", mine.pk),
        path(project, "incidents", uuid4()),
        f"/api/v1/projects/{other_project.pk}",
        f"/api/v1/projects/{other_project.pk}/members",
    ):
        assert agent.get(url).status_code == 404, url
    assert post(agent, path(other_project, "incidents"), {"title": "x"}).status_code == 404
    assert post(agent, path(project, "incidents", others.pk, "first-response")).status_code == 404


# ---- lists ----------------------------------------------------------------------------------------------------


def test_lists_are_filtered_and_paged(
    client_of: Callable[[str], Client],
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    users: dict[str, User],
    at_now: time_machine.Traveller,
    now: datetime,
) -> None:
    first = report(severity="P1", affected_module="FI")
    second = report(severity="P2", affected_module="MM", now=now + timedelta(minutes=30))
    third = report(severity="P2", affected_module="MM", now=now + timedelta(minutes=50))
    with entering(acme):
        services.assign(incident=second, assigned_to_id=users["agent"].pk, by=actors["agent"], now=now)
        services.resolve(incident=third, **CAUSE, by=actors["agent"], now=now + timedelta(hours=1))
    at_now.move_to(now + timedelta(minutes=61))
    client, url = client_of("agent"), path(project, "incidents")

    def found(query: str) -> list[str]:
        return [row["id"] for row in client.get(f"{url}?{query}").json()["results"]]

    ids = {name: str(row.pk) for name, row in (("1", first), ("2", second), ("3", third))}
    for query, expected in (
        ("", "321"),
        ("state=open", "21"),
        ("state=open&state=resolved", "321"),
        ("severity=p2", "32"),
        ("module=mm", "32"),
        (f"assignee={users['agent'].pk}", "2"),
        ("breached=true", "1"),
        ("breached=false", "32"),
        ("created_after=2026-11-18T09:30:00Z", "32"),
        ("created_before=2026-11-18T09:30:00Z", "1"),
    ):
        assert found(query) == [ids[name] for name in expected], query
    for query in ("state=gone", "severity=P9", "assignee=x", "created_after=soon", "page_size=0"):
        assert client.get(f"{url}?{query}").status_code == 400, query

    page = client.get(f"{url}?page_size=2").json()
    assert [row["id"] for row in page["results"]] == [ids["3"], ids["2"]]
    rest = client.get(page["next"]).json()
    assert [row["id"] for row in rest["results"]] == [ids["1"]]
    assert rest["next"] is None


def test_programs_and_projects_over_the_api(client_of: Callable[[str], Client], project: Project) -> None:
    agent, customer = client_of("agent"), client_of("customer")
    program = post(agent, "/api/v1/programs", {"code": "HR", "name": "People"})
    assert program.status_code == 201, program.content
    given = {
        "program_id": program.json()["id"],
        "code": "HR-1",
        "name": "Payroll",
        "go_live_at": "2026-11-06T06:00:00Z",
        "hypercare_ends_on": "2026-12-18",
        "time_zone": "Europe/Berlin",
    }
    made = post(agent, "/api/v1/projects", given)
    assert made.status_code == 201, made.content
    assert {name: made.json()[name] for name in given} == given
    url = f"/api/v1/projects/{made.json()['id']}"
    changed = agent.patch(url, {"name": "Pay"}, content_type="application/json")
    assert (changed.json()["name"], changed.json()["code"]) == ("Pay", "HR-1")
    assert [row["code"] for row in agent.get("/api/v1/projects").json()["results"]] == ["HR-1", "FI-1"]
    assert [row["code"] for row in customer.get("/api/v1/projects").json()["results"]] == ["FI-1"]
    assert [row["code"] for row in customer.get("/api/v1/programs").json()["results"]] == ["ERP"]
    assert customer.get(url).status_code == 404
    assert agent.delete(url).status_code == 204
    assert agent.get(url).status_code == 404
    assert post(customer, "/api/v1/programs", {"code": "X1", "name": "X"}).status_code == 403
    assert post(customer, "/api/v1/projects", given).status_code == 403


def test_projects_that_cannot_be_are_refused_by_field(
    client_of: Callable[[str], Client], project: Project, report: Callable[..., Incident]
) -> None:
    agent = client_of("agent")
    given = {"program_id": str(project.program_id), "code": "SD-1", "name": "Sales"}
    for bad, field in (
        ({"program_id": str(uuid4())}, "program_id"),
        ({"code": "FI-1"}, "code"),
        ({"code": "sd"}, "code"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../etc"}, "time_zone"),
        ({"go_live_at": "0001-01-01T00:00:00Z"}, "go_live_at"),
        ({"go_live_at": "2026-11-06T06:00:00Z", "hypercare_ends_on": "2026-11-05"}, "hypercare_ends_on"),
        ({"owner": 3}, "owner"),
    ):
        answer = post(agent, "/api/v1/projects", given | bad)
        assert (answer.status_code, fields_at_fault(answer)) == (400, {field}), bad
    report()
    assert agent.delete(f"/api/v1/projects/{project.pk}").status_code == 409


def test_members_over_the_api(
    client_of: Callable[[str], Client], acme: Tenant, project: Project, users: dict[str, User]
) -> None:
    admin, url = client_of("admin"), f"/api/v1/projects/{project.pk}/members"
    new = factories.member(acme, "agent")
    made = post(admin, url, {"user_id": new.pk, "support_level": "L1"})
    assert made.status_code == 201, made.content
    assert (made.json()["user_name"], made.json()["support_level"]) == (new.name, "L1")
    assert post(admin, url, {"user_id": new.pk}).status_code == 400
    assert fields_at_fault(post(admin, url, {"user_id": 2**62})) == {"user_id"}
    one = f"{url}/{made.json()['id']}"
    changed = admin.patch(
        one, {"is_board_member": True, "support_level": ""}, content_type="application/json"
    )
    assert (changed.json()["is_board_member"], changed.json()["support_level"]) == (True, "")
    listed = client_of("agent").get(url)
    assert len(listed.json()["results"]) == 5
    assert not any(user.email.encode() in listed.content for user in users.values())
    assert admin.delete(one).status_code == 204
    assert admin.delete(one).status_code == 404


def test_times_are_in_utc(client_of: Callable[[str], Client], project: Project) -> None:
    made = post(client_of("customer"), path(project, "incidents"), {"title": "x"}).json()
    assert datetime.fromisoformat(made["created_at"]).tzinfo == UTC
