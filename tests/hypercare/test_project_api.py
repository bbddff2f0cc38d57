"""Programs, projects, members and one's own projects over the API, and by what the short lists are filtered."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from hypercare import services
from hypercare.api.search_filters import Folded
from hypercare.models import Incident, Program, Project, ProjectMember
from hypercare.rules import days_since_go_live, fold
from hypercare.states import SupportLevel
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.models import Tenant, User
from tests import factories

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


@pytest.fixture
def go_lives(acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime) -> None:
    """Three projects more, of a program each; one without a go-live."""
    with entering(acme):
        for code, name, days in (
            ("AA", "İSTANBUL Işık", 3),
            ("BB", "Göteborg %", None),
            ("CC", "isparta", 1),
        ):
            common: dict[str, Any] = {"by": actors["agent"], "now": now}
            program = services.create_program(code=code, name=name, **common)
            at = now + timedelta(days=days) if days else None
            ends = at.date() + timedelta(days=30) if at else None
            given = {"code": f"{code}-1", "name": name, "go_live_at": at, "hypercare_ends_on": ends}
            services.create_project(program=program, **given, **common)


@pytest.mark.parametrize("url", ["/api/v1/programs", "/api/v1/projects", MINE])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("istanbul", "AA"),
        ("IŞIK", "AA"),
        ("ışık istanbul", "AA"),
        ("is", "AA CC"),
        ("cc", "CC"),
        ("goteborg", "BB"),
        ("bb GÖTEBORG", "BB"),
        ("istanbul cc", ""),
        ("%", "BB"),
        ("_", ""),
    ],
)
def test_programs_and_projects_are_searched(
    client_of: Callable[[str], Client], go_lives: None, url: str, text: str, found: str
) -> None:
    rows = client_of("agent").get(url, {"search": text, "ordering": "code"}).json()["results"]
    assert " ".join(row["code"].removesuffix("-1") for row in rows) == found


@pytest.mark.parametrize("url", ["/api/v1/projects", MINE])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"go_live_after": "2026-11-19T09:00:00Z"}, "AA CC"),
        ({"go_live_before": "2026-11-21T09:00:00Z"}, "CC"),
        ({"go_live_after": "2026-11-19T12:00:01+03:00", "go_live_before": "2027-01-01T00:00:00Z"}, "AA"),
        ({"hypercare_ends_from": "2026-12-20"}, "AA"),
        ({"hypercare_ends_from": "2026-12-21"}, "AA"),
        ({"hypercare_ends_to": "2026-12-19"}, "CC"),
        ({"hypercare_ends_to": "2026-12-18"}, ""),
    ],
)
def test_projects_are_found_by_their_days(
    client_of: Callable[[str], Client], go_lives: None, url: str, query: dict[str, str], found: str
) -> None:
    rows = client_of("agent").get(url, query | {"ordering": "code"}).json()["results"]
    assert " ".join(row["code"].removesuffix("-1") for row in rows) == found


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ("/api/v1/programs", {"search": "x" * 201}),
        ("/api/v1/programs", {"go_live_after": "2026-11-19T09:00:00Z"}),
        ("/api/v1/projects", {"go_live_after": "soon"}),
        ("/api/v1/projects", {"hypercare_ends_to": "2026-02-30"}),
        ("/api/v1/projects", {"program": "ERP"}),
        (MINE, {"go_live_before": "2026"}),
        (MINE, {"hypercare_ends_from": "x"}),
        (MINE, {"name": "x"}),
        (MINE, {"ordering": "time_zone"}),
    ],
)
def test_a_filter_that_is_none_is_named(
    client_of: Callable[[str], Client], url: str, query: dict[str, str]
) -> None:
    assert faults(client_of("agent").get(url, query)).keys() == query.keys()


def test_members_are_found_by_who_they_are(
    client_of: Callable[[str], Client],
    acme: Tenant,
    project: Project,
    users: dict[str, User],
    system: Actor,
    now: datetime,
) -> None:
    who = factories.member(acme, "agent", name="İpek Şahin")
    with entering(acme):
        services.add_member(
            project=project, user_id=who.pk, support_level=SupportLevel.L2, by=system, now=now
        )
    agent, url = client_of("agent"), f"/api/v1/projects/{project.pk}/members"

    def found(**query: Any) -> list[int]:
        return [row["user_id"] for row in agent.get(url, query).json()["results"]]

    assert found(search="ipek sahin") == found(user=who.pk) == found(support_level="L2") == [who.pk]
    assert found(search="person ipek") == []
    assert len(found()) == 5
    assert faults(agent.get(url, {"user": "me"})) == {"user": "invalid"}
    assert faults(agent.get(url, {"search": "x" * 201})) == {"search": "max_length"}
    assert faults(agent.get(url, {"email": "x"})) == {"email": "unknown_parameter"}
    assert client_of("customer").get(url, {"search": "ipek"}).status_code == 403


def test_comments_are_found_by_when_and_whose(
    client_of: Callable[[str], Client],
    acme: Tenant,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    users: dict[str, User],
    now: datetime,
) -> None:
    incident = report()
    with entering(acme):
        for minute, role in enumerate(("agent", "customer", "manager")):
            services.add_comment(
                incident=incident,
                content=str(minute),
                is_internal=role == "manager",
                by=actors[role],
                now=now + timedelta(minutes=minute),
            )
    url = f"/api/v1/projects/{incident.project_id}/hypercare/incidents/{incident.pk}/comments"

    def found(role: str, **query: Any) -> str:
        return "".join(row["content"] for row in client_of(role).get(url, query).json()["results"])

    assert found("agent", created_after="2026-11-18T09:01:00Z") == "12"
    assert found("customer", created_after="2026-11-18T09:01:00Z") == "1"
    assert found("agent", created_before="2026-11-18T12:01:00+03:00") == "0"
    assert found("agent", author=users["customer"].pk) == "1"
    assert found("customer", is_internal="true") == ""
    for name in ("created_after", "created_before", "author", "search"):
        assert faults(client_of("agent").get(url, {name: "x"})).keys() == {name}


def test_backlog_items_are_searched(
    client_of: Callable[[str], Client],
    acme: Tenant,
    project: Project,
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    with entering(acme):
        for key, kind, title in (("F-001", "F", "Sevk İRSALİYESİ"), ("I-017", "I", "Banka arayüzü")):
            services.create_backlog_item(
                project=project, key=key, kind=kind, title=title, by=actors["agent"], now=now
            )
    url = f"/api/v1/projects/{project.pk}/hypercare/backlog-items"

    def found(search: str) -> list[str]:
        return [row["key"] for row in client_of("agent").get(url, {"search": search}).json()["results"]]

    assert found("irsaliyesi") == found("f-001 SEVK") == ["F-001"]
    assert found("arayuzu") == ["I-017"]
    assert found("0") == ["F-001", "I-017"]
    assert found("f-001 banka") == []
    assert faults(client_of("agent").get(url, {"search": "x" * 201})) == {"search": "max_length"}
    assert client_of("customer").get(url, {"search": "sevk"}).status_code == 403


@pytest.mark.parametrize(
    "text",
    [
        "İSTANBUL IŞIĞI ığ",
        "Müller-Lüdenscheidt & Söhne GROẞE STRASSE, Straße",
        "Łódź Žižkov Čapek Győr Århus Ærø Smørrebrød",
        "Ça va, Noël? Français à l’été",
        "ＦＵＬＬ ﬁne Ⅻ ½",
        "İzmir'de %50 \\ _ 'tırnak'",
    ],
)
def test_a_column_is_folded_as_texts_are(in_acme: Tenant, project: Project, text: str) -> None:
    Project.objects.filter(pk=project.pk).update(name=text)
    row = Project.objects.annotate(folded=Folded("code", "name")).get(pk=project.pk)
    assert " ".join(row.folded.split()) == fold("FI-1", text)


def test_one_member(client_of: Callable[[str], Client], users: dict[str, User], project: Project) -> None:
    members = f"/api/v1/projects/{project.pk}/members"
    [row] = [
        row
        for row in client_of("agent").get(members).json()["results"]
        if row["user_id"] == users["agent"].pk
    ]
    assert row["role"] == "agent"
    assert client_of("agent").get(f"{members}/{row['id']}").json() == row
    changed = client_of("admin").patch(f"{members}/{row['id']}", {"support_level": "L3"}, "application/json")
    assert (changed.json()["support_level"], changed.json()["role"]) == ("L3", "agent")
    assert client_of("customer").get(f"{members}/{row['id']}").status_code == 403
    assert client_of("agent").get(f"{members}/{uuid4()}").status_code == 404
    assert datetime.fromisoformat(row["created_at"]).tzinfo == UTC
