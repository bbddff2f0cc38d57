"""Twenty at once: of every transition, exactly one wins; comments answer once and end the waiting once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from hypercare import services
from hypercare.models import ClockEvent, Comment, Incident, Project
from tenancy.actors import Actor
from tenancy.chains import verify
from tenancy.context import entering
from tenancy.errors import Conflict, Stale
from tenancy.journal.models import Event
from tenancy.models import Delivery, Tenant
from tenancy.states import Role
from tests import factories

MANY = 20
CAUSE = {"root_cause": "x", "resolution_notes": "y"}
Committed = Callable[[], AbstractContextManager[Tenant]]


class World:
    """A committed tenant with an incident, a customer who reported it, and an agent."""

    def __init__(self, tenant: Tenant, now: datetime):
        self.tenant, self.now = tenant, now
        system = Actor.system("tests")
        self.people = {role: factories.member(tenant, role) for role in ("customer", "agent")}
        self.actors = {role: Actor.member(user.pk, Role(role)) for role, user in self.people.items()}
        with entering(tenant):
            program = services.create_program(code="ERP", name="ERP", by=system, now=now)
            self.project: Project = services.create_project(
                program=program, code="FI-1", name="Finance", by=system, now=now
            )
            for user in self.people.values():
                services.add_member(project=self.project, user_id=user.pk, by=system, now=now)
            self.incident = services.report_incident(
                project=self.project, title="Down", by=self.actors["customer"], now=now
            )

    def do(self, verb: str, who: str = "agent", **given: Any) -> Any:
        service = getattr(services, verb)
        return service(incident=self.incident, by=self.actors[who], now=self.now, **given)

    def at_once(self, verb: str, who: str = "agent", **given: Any) -> Counter[str]:
        """What became of twenty who did the same at the same moment."""
        start = Barrier(MANY)

        def one(_number: int) -> str:
            try:
                with entering(self.tenant):
                    start.wait(timeout=30)
                    self.do(verb, who, **given)
            except (Conflict, Stale) as refused:
                return type(refused).__name__
            finally:
                connections.close_all()
            return "done"

        with ThreadPoolExecutor(MANY) as pool:
            return Counter(pool.map(one, range(MANY)))

    def lines(self, verb: str) -> int:
        with entering(self.tenant):
            return Event.objects.filter(verb=f"incident.{verb}").count()


LINES = {
    "respond_first": "first_response",
    "wait": "waiting",
    "resume": "resumed",
    "resolve": "resolved",
    "close": "closed",
    "reopen": "reopened",
}
"""The line of the journal that each verb writes."""


@pytest.mark.parametrize("verb", LINES)
def test_one_of_twenty_moves_an_incident(committed: Committed, now: datetime, verb: str) -> None:
    with committed() as tenant:
        world = World(tenant, now)
        wait = {"reason": "x", "owner_id": world.people["customer"].pk}
        with entering(tenant):
            if verb == "resume":
                world.do("wait", **wait)
            if verb in ("close", "reopen"):
                world.do("resolve", **CAUSE)
        given = {"wait": wait, "resolve": CAUSE}.get(verb, {})
        assert world.at_once(verb, **given) == {"done": 1, "Conflict": MANY - 1}
        assert world.lines(LINES[verb]) == 1
        with entering(tenant):
            seqs = ClockEvent.objects.filter(incident=world.incident, clock="resolution").order_by("seq")
            assert list(seqs.values_list("seq", flat=True)) == [*range(1, seqs.count() + 1)]
        verify(tenant.schema_name)


def test_one_of_twenty_edits_of_one_version_is_kept(committed: Committed, now: datetime) -> None:
    with committed() as tenant:
        world = World(tenant, now)
        version = world.incident.version
        assert world.at_once("change_incident", severity="P1", version=version) == {
            "done": 1,
            "Stale": MANY - 1,
        }
        with entering(tenant):
            assert Incident.objects.get().version == version + 1
        assert world.lines("changed") == 1


def test_twenty_first_comments_are_one_first_response(committed: Committed, now: datetime) -> None:
    with committed() as tenant:
        world = World(tenant, now)
        assert world.at_once("add_comment", content="On it") == {"done": MANY}
        assert (world.lines("commented"), world.lines("first_response")) == (MANY, 1)
        with entering(tenant):
            assert Comment.objects.count() == MANY
            told = Delivery.objects.filter(tenant=tenant, message="incident.commented")
            assert told.values("event").distinct().count() == MANY


def test_twenty_answers_end_the_waiting_once(committed: Committed, now: datetime) -> None:
    with committed() as tenant:
        world = World(tenant, now)
        with entering(tenant):
            world.do("wait", reason="x", owner_id=world.people["customer"].pk)
        assert world.at_once("add_comment", "customer", content="Here") == {"done": MANY}
        assert world.lines("resumed") == 1
        with entering(tenant):
            assert Incident.objects.get().state == "open"
