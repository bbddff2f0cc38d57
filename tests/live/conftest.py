"""A committed tenant with a project and people on it, for a server in a process of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from hypercare import services
from hypercare.models import Incident, Project
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tenancy.states import Role
from tests import factories
from tests.live.product import product

__all__ = ["product"]
SYSTEM = Actor.system("tests")


@dataclass(frozen=True)
class World:
    """`project` has all people but the agent named outsider, who is on `other` alone."""

    tenant: Tenant
    project: Project
    other: Project
    people: dict[str, User]

    def actor(self, name: str) -> Actor:
        return Actor.member(self.people[name].pk, Role(name))

    def report(self, project: Project | None = None, *, by: str = "customer") -> Incident:
        with entering(self.tenant):
            return services.report_incident(
                project=project or self.project, title="Down", by=self.actor(by), now=timezone.now()
            )


@contextmanager
def _world(tenant: Tenant) -> Iterator[World]:
    people = {role: factories.member(tenant, role) for role in ("customer", "agent", "manager")}
    people["outsider"] = factories.member(tenant, "agent")
    now = timezone.now()
    try:
        with entering(tenant):
            program = services.create_program(code="ERP", name="ERP", by=SYSTEM, now=now)
            made = [
                services.create_project(program=program, code=code, name=code, by=SYSTEM, now=now)
                for code in ("WAVE-1", "WAVE-2")
            ]
            for name, user in people.items():
                project = made[name == "outsider"]
                services.add_member(project=project, user_id=user.pk, by=SYSTEM, now=now)
        yield World(tenant, made[0], made[1], people)
    finally:
        User.objects.filter(pk__in=[user.pk for user in people.values()]).delete()


@pytest.fixture
def world(committed: Callable[[], Any]) -> Iterator[World]:
    with committed() as tenant, _world(tenant) as made:
        yield made
