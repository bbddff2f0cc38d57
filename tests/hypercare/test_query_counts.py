"""Every list of the API runs as many statements for a hundred rows as for ten, as JSON and as a file."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.mixins import ListModelMixin

from hypercare.models import (
    BacklogItem,
    Calendar,
    CalendarVersion,
    ChangeRequest,
    ChangeVote,
    Comment,
    Incident,
    Policy,
    PolicyTarget,
    Program,
    Project,
    ProjectMember,
)
from hypercare.rules import read_definition
from hypercare.states import Severity
from observability.models import Alert
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Membership, Preference, Tenant, User
from tenancy.states import Role
from tenancy.transactions import atomic, emit
from tenancy.web.exports import Exported
from tests.hypercare.clockwork import OFFICE
from tests.hypercare.conftest import asked
from tests.hypercare.test_roles import _api_views
from tests.observability.alarms import judged, run_summary

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]

VIEWS = {name: (path, view) for path, name, view in _api_views(settings.ROOT_URLCONF)}
LISTS = {name for name, (_path, view) in VIEWS.items() if issubclass(view, ListModelMixin)}
GROWING = {"my-notifications"}
"""What grows with the rows and is no list."""


@dataclass
class World:
    acme: Tenant
    project: Project
    users: dict[str, User]
    incident: Incident
    change: ChangeRequest
    now: datetime

    def people(self, numbers: range) -> list[User]:
        """One more member of acme for each of `numbers`."""
        made = User.objects.bulk_create(
            User(email=f"many{number}@example.com", name=f"Many {number}", created_at=self.now)
            for number in numbers
        )
        Membership.objects.bulk_create(
            Membership(user=user, tenant=self.acme, role="agent", created_at=self.now) for user in made
        )
        return made


# ---- a row for each number, each of somebody else ---------------------------------------------------------------


def projects(world: World, numbers: range) -> None:
    """A program for each project, everybody a member of all, and every project with a preference of its own."""
    now = world.now
    programs = Program.objects.bulk_create(
        Program(code=f"P-{number}", name="Program", created_at=now) for number in numbers
    )
    made = Project.objects.bulk_create(
        Project(program=program, code=program.code, name="Project", created_at=now) for program in programs
    )
    ProjectMember.objects.bulk_create(
        ProjectMember(project=each, user=user, created_at=now)
        for each in made
        for user in world.users.values()
    )
    agent = world.users["agent"]
    Preference.objects.bulk_create(
        Preference(user=agent, tenant=world.acme, scope=each.pk, level="urgent") for each in made
    )


def members(world: World, numbers: range) -> None:
    ProjectMember.objects.bulk_create(
        ProjectMember(project=world.project, user=user, created_at=world.now)
        for user in world.people(numbers)
    )


def incidents(world: World, numbers: range) -> None:
    """Of one person reported, with another, waiting for a third; all breached."""
    people = world.people(numbers)
    Incident.objects.bulk_create(
        Incident(
            project=world.project,
            title="Goods receipt blocked",
            state="waiting",
            created_at=world.now,
            reported_by=user,
            assigned_to=people[at - 1],
            waiting_owner=people[at - 2],
            waiting_since=world.now,
            waiting_reason="Which plant?",
            first_response_at=world.now,
            first_response_by=user,
            sla_response_breached=True,
            sla_response_breached_at=world.now,
        )
        for at, user in enumerate(people)
    )


def _comments(world: World, numbers: range) -> list[Comment]:
    return Comment.objects.bulk_create(
        Comment(incident=world.incident, author=user, content="Seen", created_at=world.now)
        for user in world.people(numbers)
    )


def comments(world: World, numbers: range) -> None:
    _comments(world, numbers)


def timeline(world: World, numbers: range) -> None:
    """Comments, and what is beside the journal, each of somebody else."""
    with atomic():
        for comment in _comments(world, numbers):
            by = Actor.member(comment.author_id, Role.AGENT)
            data, beside = {"comment": comment.pk}, {"reason": "Seen"}
            emit("incident.commented", world.incident, by=by, now=world.now, data=data, personal=beside)


def change_timeline(world: World, numbers: range) -> None:
    with atomic():
        for user in world.people(numbers):
            by = Actor.member(user.pk, Role.AGENT)
            emit("change.edited", world.change, by=by, now=world.now, personal={"title": ["x", "y"]})


def backlog_items(world: World, numbers: range) -> None:
    BacklogItem.objects.bulk_create(
        BacklogItem(project=world.project, kind="F", key=f"F-{number}", title="Form", created_at=world.now)
        for number in numbers
    )


def _calendars(world: World, numbers: range) -> list[Calendar]:
    """Each in its second version."""
    definition, _faults = read_definition(OFFICE)
    made = Calendar.objects.bulk_create(
        Calendar(project=world.project, name=f"Office {number}", created_at=world.now) for number in numbers
    )
    CalendarVersion.objects.bulk_create(
        CalendarVersion(calendar=each, number=version, definition=definition, created_at=world.now)
        for each in made
        for version in (1, 2)
    )
    return made


def calendars(world: World, numbers: range) -> None:
    _calendars(world, numbers)


def policies(world: World, numbers: range) -> None:
    """Each with a calendar of its own."""
    for number, calendar in zip(numbers, _calendars(world, numbers), strict=True):
        policy = Policy.objects.create(
            project=world.project, valid_from=world.now + timedelta(days=number), created_at=world.now
        )
        PolicyTarget.objects.bulk_create(
            PolicyTarget(
                policy=policy,
                severity=severity,
                response_minutes=60,
                resolution_minutes=240,
                calendar=calendar,
            )
            for severity in Severity.values
        )


def changes(world: World, numbers: range) -> None:
    """Each with a vote and an incident."""
    people = world.people(numbers)
    made = ChangeRequest.objects.bulk_create(
        ChangeRequest(
            number=1000 + number,
            project=world.project,
            title="Open the posting period",
            change_type="config",
            state="pending_approval",
            rollback_plan="Close it again",
            requested_by=user,
            created_at=world.now,
            submitted_by=user,
            submitted_at=world.now,
        )
        for number, user in zip(numbers, people, strict=True)
    )
    ChangeVote.objects.bulk_create(
        ChangeVote(change_request=change, user=people[at - 1], vote="approve", created_at=world.now)
        for at, change in enumerate(made)
    )
    Incident.objects.bulk_create(
        Incident(project=world.project, title="Blocked", created_at=world.now, change_request=change)
        for change in made
    )


def alerts(world: World, numbers: range) -> None:
    what = judged(world.acme, "breach", world.now).verdict.as_json()
    Alert.objects.bulk_create(
        Alert(
            rule=f"rule-{number}",
            tenant=world.acme,
            severity="high",
            owner="on_call",
            verdict=what,
            opened_at=world.now,
            last_seen_at=world.now,
        )
        for number in numbers
    )


def run_summaries(world: World, numbers: range) -> None:
    for number in numbers:
        run_summary(world.acme, number, by=Actor.system("tests"), now=world.now)


CASES: dict[str, tuple[tuple[str, ...], Callable[[World, range], None]]] = {
    "programs": (("customer", "agent"), projects),
    "projects": (("customer", "agent"), projects),
    "my-projects": (("customer", "agent"), projects),
    "my-notifications": (("agent",), projects),
    "members": (("agent",), members),
    "incidents": (("customer", "agent"), incidents),
    "sla-breaches": (("customer", "agent"), incidents),
    "comments": (("customer", "agent"), comments),
    "timeline": (("customer", "agent"), timeline),
    "backlog-items": (("agent",), backlog_items),
    "policies": (("manager",), policies),
    "calendars": (("admin",), calendars),
    "changes": (("agent",), changes),
    "change-timeline": (("agent",), change_timeline),
    "alerts": (("manager",), alerts),
    "run-summaries": (("agent",), run_summaries),
}


@pytest.fixture
def world(
    acme: Tenant,
    project: Project,
    users: dict[str, User],
    report: Callable[..., Incident],
    draft: Callable[..., ChangeRequest],
    now: datetime,
) -> World:
    inside = {role: user for role, user in users.items() if not user.staff_role}
    return World(acme, project, inside, report(), draft(), now)


def _address(name: str, world: World) -> str:
    rows = {"project": world.project, "incident": world.incident, "change": world.change}
    wanted = re.findall(r"<uuid:(\w+)>", VIEWS[name][0])
    return reverse(name, urlconf=settings.ROOT_URLCONF, kwargs={each: rows[each].pk for each in wanted})


def _rows(answer: Any) -> int:
    assert answer.status_code == 200, answer.content
    if answer["Content-Type"].startswith("text/csv"):
        return len(answer.getvalue().splitlines())
    body = answer.json()
    return len(body["results"] if "results" in body else body["scopes"])


def _cost(client: Client, address: str, **query: Any) -> tuple[int, int]:
    """How many rows are answered, and in how many statements."""
    _rows(client.get(address, query))  # notes that the token was used, and records breaches
    with CaptureQueriesContext(connection) as captured:
        rows = _rows(client.get(address, query))
    # Which tenant a host is gets asked again after some seconds, however many rows there are.
    return rows, len([sql for sql in asked(captured) if "tenancy_domain" not in sql])


def test_every_list_has_a_case() -> None:
    assert CASES.keys() == LISTS | GROWING


@pytest.mark.parametrize(
    ("name", "role"), [(name, role) for name, (roles, _) in CASES.items() for role in roles]
)
def test_a_hundred_rows_cost_as_many_statements_as_ten(
    name: str, role: str, world: World, api: Callable[..., Client], users: dict[str, User]
) -> None:
    client, address, grow = api(world.acme, users[role]), _address(name, world), CASES[name][1]
    asks: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, {"page_size": 200})]
    if name not in LISTS:
        asks = [({}, {})]
    elif issubclass(VIEWS[name][1], Exported) and role != "customer":
        asks.append(({"format": "csv"}, {"format": "csv"}))
    with entering(world.acme):
        grow(world, range(10))
    before = [_cost(client, address, **first) for first, _second in asks]
    with entering(world.acme):
        grow(world, range(10, 100))
    after = [_cost(client, address, **second) for _first, second in asks]
    assert before[0][0] >= 10
    assert after == [(rows + 90, statements) for rows, statements in before]
