"""Twenty tenants at once on connections that stay open: each answer holds its own tenant's words alone.

First of the walk's files, for it commits: the others share one transaction. Each thread keeps its database connection
from request to request, as a server's does, so that what a request leaves on it would meet the next one's tenant.
"""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, connections
from django.utils import timezone

import hypercare.services as hypercare
from tenancy.context import PUBLIC, current_schema, entering
from tenancy.models import Tenant, User
from tests import factories
from tests.isolation.asking import Answer, Visitor, ask
from tests.isolation.canaries import canary, found_in
from tests.isolation.conftest import WHOLE, unhurried
from tests.isolation.world import SYSTEM, session_cookie

TENANTS = 20
THREADS = 8
REQUESTS = 6_400 if WHOLE else 320


@dataclass(frozen=True)
class Place:
    """A tenant with one incident, and who asks there."""

    slug: str
    visitors: tuple[Visitor, ...]
    paths: tuple[str, ...]
    project: str

    def question(self, dice: random.Random) -> tuple[Visitor, str, str, dict[str, Any] | None]:
        """Mostly reads, of the API and of the console, by people, by nobody; some writes."""
        by_token, by_session, nobody = self.visitors
        kind = dice.random()
        if kind < 0.1:
            return nobody, "GET", dice.choice(self.paths), None
        if kind < 0.3:
            title = {"title": f"canary-{self.slug}-at once {dice.random()}"}
            return by_token, "POST", f"/api/v1/projects/{self.project}/hypercare/incidents", title
        if kind < 0.4:
            return by_session, "GET", dice.choice([path for path in self.paths if "/admin/" in path]), None
        return by_token, "GET", dice.choice([path for path in self.paths if "/api/" in path]), None


def furnish(tenant: Tenant) -> Place:
    now = timezone.now()
    Tenant.objects.filter(pk=tenant.pk).update(name=canary(tenant, "name"))
    agent: User = factories.member(tenant, "agent", email=f"agent@{tenant.slug}.example")
    with entering(tenant):
        program = hypercare.create_program(code="ATLAS", name=canary(tenant, "program"), by=SYSTEM, now=now)
        project = hypercare.create_project(
            program=program, code="ATLAS", name=canary(tenant, "project"), by=SYSTEM, now=now
        )
        hypercare.add_member(project=project, user_id=agent.pk, by=SYSTEM, now=now)
        incident = hypercare.report_incident(
            project=project, title=canary(tenant, "incident"), by=SYSTEM, now=now - timedelta(hours=1)
        )
    host = factories.host_of(tenant)
    visitors = (
        Visitor("agent by token", host, token=factories.token(agent, tenant)),
        Visitor("agent by session", host, cookie=session_cookie(tenant, agent)),
        Visitor("anonymous", host),
    )
    api = f"/api/v1/projects/{project.pk}"
    paths = (
        "/api/v1/me",
        "/api/v1/me/projects",
        "/api/v1/programs",
        f"{api}/hypercare/incidents",
        f"{api}/hypercare/incidents?search=canary",
        f"{api}/hypercare/incidents?format=csv",
        f"{api}/hypercare/incidents/{incident.pk}",
        f"{api}/hypercare/incidents/{incident.pk}/timeline",
        f"{api}/hypercare/metrics",
        "/admin/",
        "/admin/hypercare/incident/",
        f"/admin/hypercare/incident/{incident.pk}/change/",
        "/nothing-here/",
    )
    return Place(tenant.slug, visitors, paths, str(project.pk))


@contextmanager
def places(committed: Callable[[], Any]) -> Iterator[list[Place]]:
    with ExitStack() as stack, unhurried():
        tenants = [stack.enter_context(committed()) for _number in range(TENANTS)]
        try:
            yield [furnish(tenant) for tenant in tenants]
        finally:
            # A purged tenant's name stays: to others of the suite it would be a canary.
            Tenant.objects.filter(pk__in=[tenant.pk for tenant in tenants]).update(name="at once")


def test_answers_of_twenty_tenants_at_once_hold_their_own_words_alone(
    committed: Callable[[], Any], record_property: Callable[[str, object], None]
) -> None:
    assert not connection.in_atomic_block, "this file comes before those that share a transaction"
    faults: list[str] = []
    served: dict[str, int] = {}
    kept: dict[int, set[int]] = {}
    lock = threading.Lock()

    def note(place: Place, visitor: Visitor, method: str, path: str, answer: Answer) -> None:
        strange = sorted(
            word for word in found_in(answer.text) if not word.startswith(f"canary-{place.slug}-")
        )
        with lock:
            served[place.slug] = served.get(place.slug, 0) + (f"canary-{place.slug}-" in answer.text)
            kept.setdefault(threading.get_ident(), set()).add(id(connection.connection))
            if strange or answer.status >= 500 or answer.status == 429:
                faults.append(f"{visitor.name}: {method} {place.slug}{path} -> {answer.status} {strange}")
            if current_schema() != PUBLIC:
                faults.append(f"{path} left its thread in {current_schema()}")

    def one_thread(number: int) -> None:
        dice = random.Random(number)
        try:
            for _request in range(REQUESTS // THREADS):
                place = dice.choice(everywhere)
                visitor, method, path, body = place.question(dice)
                note(place, visitor, method, path, ask(visitor, method, path, body=body))
        finally:
            connections.close_all()

    with places(committed) as everywhere, ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one_thread, range(THREADS)))
    record_property("walked", {"requests": REQUESTS, "tenants": TENANTS, "threads": len(kept)})
    assert not faults, "\n".join(faults[:20])
    assert all(served.values())
    assert len(served) == TENANTS
    assert [len(each) for each in kept.values()] == [1] * THREADS, "a thread changed its connection"
