"""Tenants with people, a project and endpoints, and the incidents that are reported in them."""

import http.client
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.conf import settings
from django.utils import timezone

from hypercare import services as hypercare
from hypercare.models import ClockEvent, Incident, Project
from hypercare.services import clocks
from hypercare.states import ClockKind, Severity
from tenancy import provisioning, services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Deadline, Endpoint, Tenant
from tenancy.transactions import ref
from tests import factories
from tests.chaos.stack import away_is_no

SYSTEM = Actor.system("chaos")
CREATED = 201
_numbers = count(1)


@dataclass
class Place:
    """A tenant with a project, its customer's token, and the endpoints that hear of everything."""

    tenant: Tenant
    project: Project
    customer: Actor
    token: str
    endpoints: list[Endpoint] = field(default_factory=list)


@dataclass
class Report:
    """An incident that somebody tried to report. `due`: its response is overdue. `planted`: inserted, not reported."""

    place: Place
    title: str
    key: str
    acknowledged: bool = False
    due: bool = False
    planted: bool = False
    over_http: bool = False


def build(name: str, how_many: int, *, endpoints: Iterable[Mapping[str, Any]] = ()) -> list[Place]:
    """Make tenants through the services, each with a customer, an agent and these endpoints."""
    provisioning.prepare_spares(count=how_many, now=timezone.now())
    return [_place(f"{name}-{number}", endpoints) for number in range(1, how_many + 1)]


def _place(slug: str, endpoints: Iterable[Mapping[str, Any]]) -> Place:
    now = timezone.now()
    by = {"by": SYSTEM, "now": now}
    tenant = services.create_tenant(slug=slug, name=slug, language="en", **by)
    people = {role: factories.member(tenant, role) for role in ("customer", "agent")}
    with entering(tenant):
        program = hypercare.create_program(code="CHAOS", name="Chaos", **by)
        project = hypercare.create_project(program=program, code="CHAOS", name="Chaos", **by)
        for person in people.values():
            hypercare.add_member(project=project, user_id=person.pk, **by)
    place = Place(
        tenant,
        project,
        Actor.member(people["customer"].pk, "customer"),
        factories.token(people["customer"], tenant),
    )
    place.endpoints = [Endpoint.objects.create(tenant=tenant, created_at=now, **each) for each in endpoints]
    return place


def overdue(places: Sequence[Place], how_many: int, *, due_in: float = 0.0) -> list[Report]:
    """Report incidents whose response is due in so many seconds, by turns in each place."""
    return [report_overdue(places[index % len(places)], due_in=due_in) for index in range(how_many)]


def report_overdue(place: Place, *, due_in: float = 0.0) -> Report:
    """Report one through the services. Not acknowledged when the database was away: it may exist and may not."""
    report = _report(place, due=True)
    target = timedelta(minutes=settings.THRESHOLDS.sla.for_severity(Severity.P1).response)
    with away_is_no(), entering(place.tenant):
        hypercare.report_incident(
            project=place.project,
            title=report.title,
            severity=Severity.P1,
            by=place.customer,
            now=timezone.now() - target + timedelta(seconds=due_in),
        )
        report.acknowledged = True
    return report


def _report(place: Place, *, due: bool = False) -> Report:
    return Report(place, f"Chaos {next(_numbers)}", uuid.uuid4().hex, due=due)


# ---- over HTTP --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    status: int
    body: object


def ask(
    port: int,
    path: str,
    *,
    host: str = "",
    token: str = "",
    key: str = "",
    given: object = None,
    timeout: float = 10.0,
) -> Answer | None:
    """One request; None: no answer."""
    headers = {"Host": host or settings.BASE_HOST}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Idempotency-Key": key} if key else {}
    body = None
    if given is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(given)
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        try:
            connection.request("POST" if body else "GET", path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, json.loads(answer.read() or b"null"))
        except (OSError, http.client.HTTPException, ValueError):
            return None


def post(port: int, place: Place, report: Report | None = None) -> Report:
    """Report an incident over the API, or repeat a report with the same Idempotency-Key."""
    report = report or _report(place)
    report.over_http = True
    path = f"/api/v1/projects/{place.project.pk}/hypercare/incidents"
    host, given = factories.host_of(place.tenant), {"title": report.title, "severity": "P1"}
    answer = ask(port, path, host=host, token=place.token, key=report.key, given=given)
    report.acknowledged = answer is not None and answer.status == CREATED
    return report


# ---- many at once -----------------------------------------------------------------------------------------------


def plant(place: Place, how_many: int, *, due_from: datetime, due_until: datetime) -> list[Report]:
    """Insert incidents with clocks and deadlines as `report_incident` would, evenly due over a time.

    Past the services, without journal lines: ten thousand through them take minutes, and what is tried is
    what happens when they are due.
    """
    target = timedelta(minutes=settings.THRESHOLDS.sla.for_severity(Severity.P1).response)
    step = (due_until - due_from) / how_many
    with entering(place.tenant):
        reports, incidents, events, deadlines = [], [], [], []
        for index in range(how_many):
            at = due_from + index * step - target
            starts = clocks.starts(place.project, Severity.P1, at)
            due = {clock: each.due_at for clock, each in starts.items()}
            report = _report(place, due=True)
            report.acknowledged = report.planted = True
            reports.append(report)
            incident = Incident(
                project=place.project,
                title=report.title,
                severity=Severity.P1,
                reported_by_id=place.customer.user_id,
                created_at=at,
                sla_response_deadline=due[ClockKind.RESPONSE],
                sla_resolution_deadline=due[ClockKind.RESOLUTION],
            )
            incidents.append(incident)
            for clock, each in starts.items():
                event = ClockEvent(
                    incident=incident,
                    clock=clock,
                    seq=1,
                    kind=each.tick.kind,
                    at=at,
                    target_minutes=each.tick.target_minutes,
                )
                events.append(event)
                deadline = {"kind": clocks.DUE_KINDS[clock], "subject": ref(incident), "due_at": due[clock]}
                deadlines.append(Deadline(tenant=place.tenant, wake_at=due[clock], **deadline))
        Incident.objects.bulk_create(incidents)
        ClockEvent.objects.bulk_create(events)
        Deadline.objects.bulk_create(deadlines)
    return reports
