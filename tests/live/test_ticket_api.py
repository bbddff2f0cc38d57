"""Who gets a ticket, and what is in it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hypercare import services
from hypercare.models import Project
from tenancy import live
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.models import Tenant, User
from tests import factories

URL = "/api/v1/events/ticket"
Api = Callable[..., Client]


@pytest.fixture
def projects(acme: Tenant, users: dict[str, User], system: Actor, now: datetime) -> list[Project]:
    """Two, of which all but the admin are on the first."""
    with entering(acme):
        program = services.create_program(code="ERP", name="ERP", by=system, now=now)
        made = [
            services.create_project(program=program, code=code, name=code, by=system, now=now)
            for code in ("WAVE-1", "WAVE-2")
        ]
        for role in ("customer", "agent", "manager"):
            services.add_member(project=made[0], user_id=users[role].pk, by=system, now=now)
    return made


def given(client: Client, tenant: Tenant) -> live.Ticket:
    response = client.post(URL)
    assert response.status_code == 201, response.content
    said: dict[str, Any] = response.json()
    assert said["url"].startswith("/api/v1/events?ticket=")
    assert response["Cache-Control"] == "no-store"
    expires_at = datetime.fromisoformat(said["expires_at"])
    assert 0 < (expires_at - timezone.now()).total_seconds() <= 60
    return live.check(said["ticket"], host=factories.host_of(tenant), now=timezone.now())


def test_it_names_who_asks_and_the_projects_they_see(
    api: Api, acme: Tenant, users: dict[str, User], projects: list[Project]
) -> None:
    for role, is_ours in (("customer", False), ("agent", True), ("manager", True)):
        ticket = given(api(acme, users[role]), acme)
        assert ticket == live.Ticket(
            schema=acme.schema_name,
            host=factories.host_of(acme),
            user_id=users[role].pk,
            scopes=frozenset({projects[0].pk}),
            is_ours=is_ours,
        )
    assert given(api(acme, users["admin"]), acme).scopes == frozenset()


def test_support_sees_all_projects_and_a_read_only_token_is_enough(
    api: Api, acme: Tenant, users: dict[str, User], projects: list[Project]
) -> None:
    factories.GrantFactory(user=users["support"], tenant=acme)
    ticket = given(api(acme, users["support"], read_only=True), acme)
    assert ticket.scopes == {project.pk for project in projects}
    assert ticket.is_ours


def test_it_is_a_browsers_too(acme: Tenant, users: dict[str, User], projects: list[Project]) -> None:
    assert given(factories.signed_in(acme, users["customer"]), acme).scopes == {projects[0].pk}


def test_nobody_and_strangers_get_none(
    api: Api, acme: Tenant, globex: Tenant, public: Tenant, users: dict[str, User], projects: list[Project]
) -> None:
    assert api(acme).post(URL).status_code == 401
    assert api(globex, users["agent"]).post(URL).status_code == 403
    foreign = Client(headers={"host": factories.host_of(globex)})
    bearer = f"Bearer {factories.token(users['agent'], acme)}"
    assert foreign.post(URL, headers={"authorization": bearer}).status_code == 401
    assert api(acme, users["agent"]).get(URL).status_code == 405
    assert api(public, users["platform"]).post(URL).status_code == 404


def test_it_writes_nothing(api: Api, acme: Tenant, users: dict[str, User], projects: list[Project]) -> None:
    with entering(acme):
        before = Event.objects.count()
    given(api(acme, users["agent"]), acme)
    with entering(acme):
        assert Event.objects.count() == before
