"""Every list of the tenant's console asks as much for 100 rows as for 10, and its page stays bounded."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hypercare import services
from hypercare.models import Project, SavedView
from hypercare.rules import Target
from hypercare.states import WorkItemKind
from observability.models import Alert
from tenancy import hosts
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tenancy.services import set_preference
from tenancy.web.admin import tenant_site
from tests import factories
from tests.console import test_endpoints as endpoints
from tests.hypercare.clockwork import OFFICE
from tests.observability.alarms import judged, run_summary

pytestmark = pytest.mark.django_db
FEW, MANY = 10, 100
MOST = 25
"""Queries of one list, with those of the session, the actor and the menus."""


class World:
    """Makes the `number`th row of each list, as life would: with people, comments and links where there are some."""

    def __init__(self, tenant: Tenant, project: Project, users: dict[str, User], browser: Any, now: Any):
        self.tenant, self.project, self.users, self.browser, self.now = tenant, project, users, browser, now
        self.system = Actor.system("tests")
        self.admin = Actor.member(users["admin"].pk, "admin")

    def membership(self, number: int) -> None:
        factories.member(self.tenant, "agent")

    def delivery(self, number: int) -> None:
        made = endpoints.make(self.tenant, self.system, self.now, name=f"Desk {number}")
        endpoints.delivery(
            self.tenant, self.now, recipient=f"endpoint:{made.pk}", subject=f"incident:{number}"
        )

    def endpoint(self, number: int) -> None:
        scope = self.project.pk if number % 2 else None
        endpoints.make(self.tenant, self.system, self.now, name=f"Desk {number}", scope=scope)

    def preference(self, number: int) -> None:
        project = self.project_of(number)
        set_preference(
            user=self.users["admin"],
            tenant=self.tenant,
            scope=project.pk,
            level="urgent",
            by=self.admin,
            now=self.now,
        )

    def apitoken(self, number: int) -> None:
        factories.token(factories.member(self.tenant, "agent"), self.tenant)

    def session(self, number: int) -> None:
        connection.set_schema_to_public()
        self.browser(self.tenant, factories.member(self.tenant, "agent"))
        connection.set_tenant(self.tenant)

    def event(self, number: int) -> None:
        member = factories.member(self.tenant, "agent")
        by = Actor.member(member.pk, "agent")
        services.create_program(code=f"E-{number}", name="Program", by=by, now=self.now)

    def incident(self, number: int) -> None:
        incident = services.report_incident(
            project=self.project,
            title=f"Incident {number}",
            severity=f"P{number % 4 + 1}",
            by=self.admin,
            now=self.now,
        )
        agent = self.users["agent"].pk
        if number % 3 == 0:
            services.assign(incident=incident, assigned_to_id=agent, by=self.admin, now=self.now)
        elif number % 3 == 1:
            services.wait(incident=incident, reason="Files", owner_id=agent, by=self.admin, now=self.now)

    def backlogitem(self, number: int) -> None:
        services.create_backlog_item(
            project=self.project,
            kind=WorkItemKind.INTERFACE,
            key=f"I-{number}",
            title="Bank",
            by=self.admin,
            now=self.now,
        )

    def changerequest(self, number: int) -> None:
        change = services.draft_change(
            project=self.project,
            title=f"Change {number}",
            change_type="config",
            rollback_plan="Back",
            by=self.admin,
            now=self.now,
        )
        if number % 2:
            services.submit_change(change=change, by=self.admin, now=self.now)

    def program(self, number: int) -> None:
        services.create_program(code=f"P-{number}", name="Program", by=self.admin, now=self.now)

    def project_of(self, number: int) -> Project:
        program = services.create_program(code=f"Q-{number}", name="Program", by=self.system, now=self.now)
        return services.create_project(
            program=program, code=f"W-{number}", name=f"Wave {number}", by=self.admin, now=self.now
        )

    def calendar(self, number: int) -> None:
        services.create_calendar(
            project=self.project, name=f"Office {number}", definition=OFFICE, by=self.admin, now=self.now
        )

    def policy(self, number: int) -> None:
        targets = {f"P{level}": Target(30 * level, 300 * level) for level in range(1, 5)}
        begins = self.now + timedelta(days=number + 1)
        services.create_policy(
            project=self.project, targets=targets, valid_from=begins, by=self.admin, now=self.now
        )

    def alert(self, number: int) -> None:
        what = judged(self.tenant, "breach", self.now)
        given = {"severity": "high", "owner": "on_call", "verdict": what.verdict.as_json()}
        times = {"opened_at": self.now, "last_seen_at": self.now}
        Alert.objects.create(rule=f"rule-{number}", tenant=self.tenant, **given, **times)

    def runsummary(self, number: int) -> None:
        run_summary(self.tenant, number, by=self.system, now=self.now)

    def savedview(self, number: int) -> None:
        owner = factories.member(self.tenant, "agent")
        SavedView.objects.create(
            owner=owner, list="hypercare.incident", name=f"View {number}", is_shared=True, created_at=self.now
        )


MAKES: dict[str, Callable[[World, int], Any]] = {
    **{name: getattr(World, name) for name in vars(World) if not name.startswith("_")},
    "project": World.project_of,
}
LISTS = sorted(tenant_site._registry.items(), key=lambda pair: pair[0]._meta.label)


def asked(client: Client, address: str, tenant: Tenant) -> tuple[list[str], int]:
    hosts.clear()
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200
    with entering(tenant):
        shown = len(answer.context["cl"].result_list)
    return [query["sql"] for query in captured.captured_queries], shown


@pytest.mark.parametrize("model", [model for model, _admin in LISTS], ids=lambda model: model._meta.label)
def test_a_hundred_rows_ask_as_much_as_ten(model, acme, project, users, browser, now):
    """A list without a maker above fails here: write one."""
    make, world = MAKES[model._meta.model_name], World(acme, project, users, browser, now)
    client = browser(acme, users["admin"])
    address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"

    def fill(numbers: range) -> None:
        with entering(acme):
            for number in numbers:
                make(world, number)

    fill(range(FEW))
    client.get(address)  # what is looked up once per process
    few, few_shown = asked(client, f"{address}?all=", acme)
    fill(range(FEW, MANY))
    many, many_shown = asked(client, f"{address}?all=", acme)
    assert few_shown >= FEW
    assert many_shown >= MANY
    assert len(many) == len(few), "\n".join(many[len(few) - 3 :])
    assert len(few) <= MOST, "\n".join(few)


def test_a_list_reads_its_saved_views_once(acme, project, users, browser, now):
    client = browser(acme, users["agent"])
    client.get("/admin/hypercare/incident/")
    none, _shown = asked(client, "/admin/hypercare/incident/", acme)
    world = World(acme, project, users, browser, now)
    with entering(acme):
        for number in range(FEW):
            world.savedview(number)
    some, _shown = asked(client, "/admin/hypercare/incident/", acme)
    assert len(some) == len(none)
    assert sum("hypercare_savedview" in query for query in some) == 1


def test_a_large_sheet_is_brought_in_with_few_queries_a_row(acme, project, users, now):
    by = Actor.member(users["agent"].pk, "agent")
    lines = [(number, f"Incident {number}") for number in range(2, 52)]

    def write(title: str) -> None:
        services.report_incident(project=project, title=title, by=by, now=now)

    with entering(acme), CaptureQueriesContext(connection) as captured:
        assert services.bring_in(lines, write, columns=[], only_check=False) == len(lines)
    assert len(captured) / len(lines) < 20
