"""A project of acme with one member per role, and what acts on it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.test.utils import CaptureQueriesContext

from hypercare import services
from hypercare.models import ChangeRequest, Incident, Project
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Delivery, Tenant, User
from tenancy.states import Role
from tenancy.transactions import atomic
from tests import factories

MEMBERS = ("customer", "agent", "manager", "admin")


def actor(user: User, role: str) -> Actor:
    return Actor.member(user.pk, Role(role))


@pytest.fixture
def actors(users: dict[str, User]) -> dict[str, Actor]:
    return {role: actor(users[role], role) for role in MEMBERS}


@pytest.fixture
def project(acme: Tenant, users: dict[str, User], system: Actor, now: datetime) -> Project:
    with entering(acme), atomic():  # one append to the journal, not six
        program = services.create_program(code="ERP", name="ERP roll-in", by=system, now=now)
        row = services.create_project(program=program, code="FI-1", name="Finance", by=system, now=now)
        for role in MEMBERS:
            services.add_member(project=row, user_id=users[role].pk, by=system, now=now)
    return row


@pytest.fixture
def other_project(acme: Tenant, project: Project, system: Actor, now: datetime) -> Project:
    """A second project of acme, without members."""
    with entering(acme):
        return services.create_project(
            program=project.program, code="MM-1", name="Materials", by=system, now=now
        )


@pytest.fixture
def report(
    acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> Callable[..., Incident]:
    """`report(severity="P1")` opens an incident of the project as its customer."""

    def make(**given: Any) -> Incident:
        by = given.pop("by", actors["customer"])
        fields: dict[str, Any] = {"project": project, "title": "Goods receipt blocked", "now": now} | given
        with entering(acme):
            return services.report_incident(**fields, by=by)

    return make


@pytest.fixture
def at_now(now: datetime) -> Iterator[time_machine.Traveller]:
    """The clock stands at `now` and is moved by the test."""
    with time_machine.travel(now, tick=False) as clock:
        yield clock


def told(incident_id: UUID) -> dict[str, str]:
    """Recipient -> channel of what is in the outbox about an incident."""
    rows = Delivery.objects.filter(subject=f"incident:{incident_id}")
    return dict(rows.values_list("recipient", "channel"))


def mailed(incident: Incident) -> list[tuple[str, str, UUID]]:
    """Message, recipient and event of each mail in the outbox about an incident."""
    rows = Delivery.objects.filter(subject=f"incident:{incident.pk}", channel="email").order_by("id")
    return list(rows.values_list("message", "recipient", "event"))


def asked(captured: CaptureQueriesContext) -> list[str]:
    """The statements that ask for rows: not those that only choose the schema or a savepoint."""
    sent = [query["sql"] for query in captured.captured_queries]
    return [sql for sql in sent if not sql.startswith(("SET search_path", "SAVEPOINT", "RELEASE"))]


@pytest.fixture
def board(acme: Tenant, project: Project, system: Actor, now: datetime) -> Callable[..., dict[str, Actor]]:
    """`board("customer", "manager")` makes one more member of the project per role, who sits on its change board."""

    def seat(*roles: str) -> dict[str, Actor]:
        seated = {}
        with entering(acme):
            for role in roles:
                user = factories.member(acme, role)
                services.add_member(
                    project=project, user_id=user.pk, is_board_member=True, by=system, now=now
                )
                seated[role] = actor(user, role)
        return seated

    return seat


@pytest.fixture
def draft(
    acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> Callable[..., ChangeRequest]:
    """`draft(severity="P1")` drafts a change request of the project as its agent; `submitted=True` submits it."""

    def make(*, submitted: bool = False, **given: Any) -> ChangeRequest:
        fields = {
            "title": "Open the posting period",
            "change_type": "config",
            "rollback_plan": "Close it again",
        }
        common: dict[str, Any] = {"by": actors["agent"], "now": now}
        with entering(acme):
            change = services.draft_change(**({"project": project} | fields | common | given))
            return services.submit_change(change=change, **common) if submitted else change

    return make
