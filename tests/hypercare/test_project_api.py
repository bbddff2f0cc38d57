"""Programs, projects, members and one's own projects over the API."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hypercare import services
from hypercare.models import Program, Project, ProjectMember
from hypercare.rules import days_since_go_live
from hypercare.states import SupportLevel
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.models import Tenant, User
from tests import factories
from tests.hypercare.conftest import asked

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
MINE = "/api/v1/me/projects"


@pytest.fixture
def client_of(api: Callable[..., Client], acme: Tenant, users: dict[str, User]) -> Callable[[str], Client]:
    return lambda role: api(acme, users[role])


def patch(client: Client, url: str, data: Any) -> Any:
    return client.patch(url, data, content_type="application/json")


def faults(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.content
    return {fault["field"]: fault["code"] for fault in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("go_live", "zone", "day"),
    [
        (None, "Europe/Istanbul", None),
        ("2026-11-18T00:00+03:00", "Europe/Istanbul", 0),
        ("2026-11-17T23:59+03:00", "Europe/Istanbul", 1),
        ("2026-11-06T08:00+03:00", "Europe/Istanbul", 12),
        ("2026-11-20T08:00+03:00", "Europe/Istanbul", -2),
        ("2026-11-18T04:00+00:00", "America/Los_Angeles", 1),
    ],
)
def test_the_day_of_a_go_live(go_live: str | None, zone: str, day: int | None, now: datetime) -> None:
    at = datetime.fromisoformat(go_live) if go_live else None
    assert days_since_go_live(at, now, ZoneInfo(zone)) == day


def test_my_projects_and_what_i_am_there(
    client_of: Callable[[str], Client], acme: Tenant, users: dict[str, User], project: Project,
    other_project: Project, system: Actor, now: datetime,
) -> None:  # fmt: skip
    with entering(acme):
        services.change_project(project=project, go_live_at=now - timedelta(days=12), by=system, now=now)
        member = ProjectMember.objects.get(project=project, user=users["agent"].pk)
        services.change_member(
            member=member, support_level=SupportLevel.L2, is_board_member=True, by=system, now=now
        )
    [row] = client_of("agent").get(MINE).json()["results"]
    assert (row["code"], row["program_code"], row["go_live_day"]) == ("FI-1", "ERP", 12)
    assert (row["is_member"], row["support_level"], row["is_board_member"]) == (True, "L2", True)
    [row] = client_of("customer").get(MINE).json()["results"]
    assert (row["is_member"], row["support_level"], row["is_board_member"]) == (True, "", False)


def test_support_sees_all_projects_and_is_a_member_of_none(
    client_of: Callable[[str], Client],
    acme: Tenant,
    users: dict[str, User],
    project: Project,
    other_project: Project,
) -> None:
    factories.GrantFactory(user=users["support"], tenant=acme)
    rows = client_of("support").get(MINE).json()["results"]
    assert [(row["code"], row["is_member"]) for row in rows] == [("FI-1", False), ("MM-1", False)]


def test_my_projects_are_nobody_elses(api: Callable[..., Client], acme: Tenant, project: Project) -> None:
    assert api(acme, factories.member(acme, "manager")).get(MINE).json()["results"] == []
    assert api(acme).get(MINE).status_code == 401


@pytest.mark.parametrize("url", [MINE, "/api/v1/projects", "/api/v1/programs"])
def test_a_list_costs_the_same_whatever_its_length(
    client_of: Callable[[str], Client],
    acme: Tenant,
    project: Project,
    actors: dict[str, Actor],
    now: datetime,
    url: str,
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client_of("agent").get(url).status_code == 200
        return sum('"hypercare_' in sql for sql in asked(captured))

    queries()
    before = queries()
    with entering(acme):
        for number in range(9):
            program = services.create_program(code=f"P{number}X", name="P", by=actors["agent"], now=now)
            services.create_project(
                program=program, code=f"X-{number}", name="X", by=actors["agent"], now=now
            )
    assert queries() == before


def test_the_quorum_is_shown_and_a_managers_to_set(
    client_of: Callable[[str], Client],
    acme: Tenant,
    users: dict[str, User],
    project: Project,
    system: Actor,
    now: datetime,
) -> None:
    url = f"/api/v1/projects/{project.pk}"
    with entering(acme):
        for role in ("manager", "customer"):
            member = ProjectMember.objects.get(project=project, user=users[role].pk)
            services.change_member(member=member, is_board_member=True, by=system, now=now)
    assert client_of("customer").get(url).json()["change_quorum"] == 1
    assert patch(client_of("agent"), url, {"change_quorum": 2}).status_code == 403
    assert patch(client_of("manager"), url, {"change_quorum": 2}).json()["change_quorum"] == 2
    assert "change_quorum" in faults(patch(client_of("manager"), url, {"change_quorum": 3}))
    for wrong in (0, -1, 10**9, "x", None, 1.5):
        assert "change_quorum" in faults(patch(client_of("manager"), url, {"change_quorum": wrong}))
    made = {"program_id": str(project.program_id), "code": "ZZ-1", "name": "Z", "change_quorum": 1}
    answer = client_of("manager").post("/api/v1/projects", made, content_type="application/json")
    assert faults(answer) == {"change_quorum": "unknown_field"}


@pytest.mark.parametrize(
    "day", ["0001-01-01", "1999-12-31", "2100-01-01", "9999-12-31", "2026-13-01", "x", 5, ""]
)
@pytest.mark.parametrize("field", ["hypercare_ends_on", "go_live_at"])
def test_dates_out_of_range_are_refused(
    client_of: Callable[[str], Client], project: Project, field: str, day: object
) -> None:
    url = f"/api/v1/projects/{project.pk}"
    at = f"{day}T00:00:00-14:00" if field == "go_live_at" and isinstance(day, str) and day else day
    if (field, day) == ("go_live_at", "1999-12-31"):
        at = "1999-12-31T23:59:59Z"
    assert field in faults(patch(client_of("agent"), url, {field: at}))


def test_a_program_is_read_changed_and_deleted_while_empty(
    client_of: Callable[[str], Client],
    acme: Tenant,
    project: Project,
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    agent = client_of("agent")
    made = agent.post("/api/v1/programs", {"code": "HR", "name": "People"}, content_type="application/json")
    url = made["Location"]
    assert agent.get(url).json() == made.json()
    assert patch(agent, url, {"name": " People first "}).json()["name"] == "People first"
    assert patch(agent, url, {"name": "People first"}).status_code == 200
    with entering(acme):
        [event] = Event.objects.filter(verb="program.changed")
        assert event.data == {"name": ["People", "People first"]}
    assert faults(patch(agent, url, {"code": "ERP"}))
    assert faults(patch(agent, url, {"code": "no"}))
    assert faults(patch(agent, url, {"colour": "x"})) == {"colour": "unknown_field"}
    assert patch(client_of("customer"), url, {"name": "X"}).status_code == 403
    assert client_of("customer").get(url).status_code == 404  # holds no project that they see
    assert client_of("customer").delete(url).status_code == 403
    full = f"/api/v1/programs/{project.program_id}"
    assert client_of("customer").get(full).status_code == 200
    refused = agent.delete(full)
    assert (refused.status_code, refused.json()["state"]) == (409, "in_use")
    assert agent.delete(url).status_code == 204
    assert agent.get(url).status_code == 404
    assert agent.get(f"/api/v1/programs/{uuid4()}").status_code == 404
    with entering(acme):
        assert [program.code for program in Program.objects.all()] == ["ERP"]


def test_lists_are_filtered_ordered_and_files(
    client_of: Callable[[str], Client],
    acme: Tenant,
    project: Project,
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    agent = client_of("agent")
    with entering(acme):
        for code, days in (("AA-1", 3), ("BB-1", None), ("CC-1", 1)):
            at = now + timedelta(days=days) if days else None
            services.create_project(
                program=project.program, code=code, name=code, go_live_at=at, by=actors["agent"], now=now
            )

    def codes(**query: str) -> list[str]:
        return [row["code"] for row in agent.get("/api/v1/projects", query).json()["results"]]

    assert codes(ordering="go_live_at", code="cc-1") == ["CC-1"]
    assert codes(ordering="go_live_at")[:2] == ["CC-1", "AA-1"]
    assert codes(ordering="-code") == ["FI-1", "CC-1", "BB-1", "AA-1"]
    assert codes(program=str(uuid4())) == []
    text = agent.get("/api/v1/projects", {"format": "csv", "ordering": "code"}).getvalue().decode("utf-8-sig")
    assert [line.split(",")[2] for line in text.splitlines()] == ["code", "AA-1", "BB-1", "CC-1", "FI-1"]
    members = agent.get(f"/api/v1/projects/{project.pk}/members", {"format": "xlsx"})
    assert members["Content-Disposition"].startswith('attachment; filename="FI-1-members-')
    assert members.getvalue().startswith(b"PK")
    assert client_of("customer").get("/api/v1/projects", {"format": "csv"}).status_code == 403
    assert faults(agent.get("/api/v1/projects", {"state": "x"})) == {"state": "unknown_parameter"}


def test_one_member(client_of: Callable[[str], Client], users: dict[str, User], project: Project) -> None:
    members = f"/api/v1/projects/{project.pk}/members"
    [row] = [
        row
        for row in client_of("agent").get(members).json()["results"]
        if row["user_id"] == users["agent"].pk
    ]
    assert client_of("agent").get(f"{members}/{row['id']}").json() == row
    assert client_of("customer").get(f"{members}/{row['id']}").status_code == 403
    assert client_of("agent").get(f"{members}/{uuid4()}").status_code == 404
    assert datetime.fromisoformat(row["created_at"]).tzinfo == UTC
