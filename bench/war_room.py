"""The war room's call with 500 open incidents, beside its statements alone, taken in turn: p95.

`python -m project.embedded -- python -m bench.war_room`. Through the WSGI application in this process, so that no
server and no client is measured; works in a database of its own. The limit is 50 ms; the plain way is what the same
rows cost field by field.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from statistics import quantiles
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.test.utils import override_settings
from django.utils import timezone
from rest_framework.renderers import JSONRenderer

from bench.incidents import caller
from bench.measure import Row, show, timed
from bench.tenants import BY, create
from hypercare import services as hypercare
from hypercare.api.serializers.war_room import WarRoomSerializer
from hypercare.models import Project
from hypercare.services.war_room_rows import open_incidents, project_of
from hypercare.states import Severity
from project.startup import settle
from tenancy import services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant
from tenancy.states import Role
from tests.tenancy.databases import own_database

OPEN, DONE, CHANGES = 500, 500, 20
ROUNDS, PLAIN_ROUNDS = 200, 20
LIMIT = 50.0  # ms


def fill(project: Project, me: Actor) -> None:
    """Incidents of three weeks, half of them open, answered or not, waiting or not; and change requests."""
    now = timezone.now()
    levels = list(Severity)
    for number in range(OPEN + DONE):
        at = now - timedelta(minutes=30 * (OPEN + DONE - number))
        incident = hypercare.report_incident(
            project=project,
            title=f"Incident {number}: invoices do not post",
            severity=levels[number % 4],
            affected_module=("FI", "MM", "SD", "WM")[number % 3],
            by=me,
            now=at,
        )
        later = at + timedelta(minutes=20)
        if number % 3:
            hypercare.assign(incident=incident, assigned_to_id=me.user_id, by=me, now=later)
            hypercare.respond_first(incident=incident, by=me, now=later)
        if number % 2:
            hypercare.resolve(incident=incident, root_cause="A range", resolution_notes="x", by=me, now=later)
        elif number % 10 == 0:
            hypercare.wait(incident=incident, reason="Plant?", owner_id=me.user_id or 0, by=me, now=later)
    for number in range(CHANGES):
        change = hypercare.draft_change(
            project=project,
            title=f"Change {number}",
            change_type="config",
            rollback_plan="Back",
            by=me,
            now=now,
        )
        if number % 2:
            hypercare.submit_change(change=change, by=me, now=now)


def p95(times: list[float]) -> float:
    return quantiles(times, n=20)[-1]


def in_turn(*works: Callable[[], Any]) -> list[list[float]]:
    """Milliseconds of each, one after the other and each first as often: what comes later finds warmer caches."""
    times: list[list[float]] = [[] for _work in works]
    for turn in range(ROUNDS):
        for place in range(len(works)) if turn % 2 else reversed(range(len(works))):
            times[place].append(timed(works[place]))
    return times


def main() -> list[Row]:
    logging.disable(logging.ERROR)
    unhurried = replace(settings.THRESHOLDS, api=replace(settings.THRESHOLDS.api, REQUESTS_PER_MINUTE=10**9))
    same = override_settings(SECURE_SSL_REDIRECT=False, THRESHOLDS=unhurried)
    with own_database(empty=True), same:
        call_command("migrate", verbosity=0)
        tenant, now = create(), timezone.now()
        person = services.create_user(
            email="agent@bench.example",
            name="Bench",
            password=None,
            language="en",
            time_zone="UTC",
            by=BY,
            now=now,
        )
        services.add_member(tenant=tenant, user=person, role="agent", by=BY, now=now)
        me = Actor.member(person.pk, Role.AGENT)
        _token, secret = services.issue_token(
            user=person, tenant=tenant, name="bench", days=1, by=BY, now=now
        )
        with entering(tenant):
            program = hypercare.create_program(code="BENCH", name="Bench", by=BY, now=now)
            project = hypercare.create_project(
                program=program,
                code="BENCH",
                name="Bench",
                go_live_at=now - timedelta(days=20),
                by=BY,
                now=now,
            )
            hypercare.add_member(project=project, user_id=person.pk, by=BY, now=now)
            fill(project, me)
        settle()
        return [measured(tenant, project, me, caller(tenant, secret))]


def measured(tenant: Tenant, project: Project, me: Actor, call: Callable[..., tuple[str, bytes]]) -> Row:
    url = f"/api/v1/projects/{project.pk}/hypercare/war-room"
    status, body = call(url)
    assert status.startswith("200"), body
    assert len(json.loads(body)["incidents"]) == OPEN

    def statements() -> None:
        with entering(tenant):
            project_of(project.pk, by=me, tenant=tenant, is_ours=True, now=timezone.now())
            open_incidents(project.pk)

    def plainly() -> None:
        with entering(tenant):
            board = hypercare.war_room(project=project.pk, by=me, now=timezone.now())
            JSONRenderer().render(WarRoomSerializer(board).data)

    calls, alone = in_turn(lambda: call(url), statements)
    plain = [timed(plainly) for _round in range(PLAIN_ROUNDS)]
    print(f"of which its two statements: p95 {p95(alone):.2f} ms; {len(body) // 1024} KB")
    return Row(f"war room with {OPEN} open incidents, p95", p95(calls), LIMIT, plain=p95(plain))


if __name__ == "__main__":
    show(main())
