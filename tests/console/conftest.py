from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from hypercare import services
from hypercare.models import Incident, Project
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import SupportGrant, Tenant, User
from tenancy.transactions import atomic
from tests import factories
from tests.observability.alarms import route_all

Browser = Callable[[Tenant, User], Client]


@pytest.fixture(autouse=True)
def at_now(now: datetime) -> Any:
    """The whole console works at `now`."""
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def browser() -> Browser:
    """`browser(tenant, user)` is signed in on the tenant's host with a second factor; its session is made there."""
    return factories.signed_in


@pytest.fixture
def project(acme: Tenant, users: dict[str, User], system: Actor, now: datetime) -> Project:
    """A project of acme that all of its four people are on."""
    with entering(acme), atomic():  # one append to the journal, not six
        program = services.create_program(code="ERP", name="ERP renewal", by=system, now=now)
        project = services.create_project(program=program, code="WAVE-1", name="Wave 1", by=system, now=now)
        for role in ("customer", "agent", "manager", "admin"):
            services.add_member(project=project, user_id=users[role].pk, by=system, now=now)
    return project


@pytest.fixture
def report(acme: Tenant, project: Project, users: dict[str, User], now: datetime) -> Callable[..., Incident]:
    def reported(title: str = "Invoices do not post", severity: str = "P2", at: datetime = now) -> Incident:
        by = Actor.member(users["customer"].pk, "customer")
        with entering(acme):
            return services.report_incident(project=project, title=title, severity=severity, by=by, now=at)

    return reported


@pytest.fixture
def routed(db: None) -> None:
    route_all()


@pytest.fixture
def grant(acme: Tenant, users: dict[str, User], now: datetime) -> Callable[..., SupportGrant]:
    def granted(**fields: Any) -> SupportGrant:
        made = {"user": users["support"], "tenant": acme, "opened_at": now} | fields
        return factories.GrantFactory(**made)

    return granted
