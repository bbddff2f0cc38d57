"""A clock ran out: recorded once, told once, whoever notices first."""

from datetime import datetime
from uuid import UUID

from hypercare.models import Incident, IncidentQuerySet, Project
from hypercare.rules import ClockState
from hypercare.services import clocks
from hypercare.services.people import project_roles
from hypercare.states import ClockKind
from tenancy.actors import Actor
from tenancy.deadlines import Due
from tenancy.deliveries import tell
from tenancy.permissions import require
from tenancy.states import Role
from tenancy.transactions import atomic, emit, ref

BREACHED = "incident.breached"
READER = Actor.system("sla-breaches")


def on_response_due(due: Due, by: Actor, now: datetime) -> None:
    """Handler of `incident.response_due`."""
    record_breach(incident_id=_subject(due), clock=ClockKind.RESPONSE, by=by, now=now)


def on_resolution_due(due: Due, by: Actor, now: datetime) -> None:
    """Handler of `incident.resolution_due`."""
    record_breach(incident_id=_subject(due), clock=ClockKind.RESOLUTION, by=by, now=now)


def _subject(due: Due) -> UUID:
    return UUID(due.subject.partition(":")[2])


def record_breach(*, incident_id: UUID, clock: ClockKind, by: Actor, now: datetime) -> bool:
    """Record and tell that `clock` is breached at `now`. False if it is not, or was recorded already.

    The record is a compare-and-swap, so however many sweeps and readers notice, one of them tells.
    Raises NotAllowed.
    """
    require(by, "incident.check_breaches")
    with atomic():
        rows = Incident.objects.unrecorded(clock, now).filter(pk=incident_id)
        if not rows.update(**_record(clock, now)):
            return False
        incident = Incident.objects.select_related("project").get(pk=incident_id)
        _tell(incident, clock, clocks.read(incident, clock, now), by=by, now=now)
    return True


def record_late(incident: Incident, clock: ClockKind, state: ClockState, *, by: Actor, now: datetime) -> None:
    """Record and tell that `clock` was fulfilled late, unless the breach was recorded while it ran.

    The caller holds the incident's row and has just fulfilled the clock.
    """
    if not state.breached:
        return
    rows = Incident.objects.filter(pk=incident.pk, **{f"sla_{clock}_breached": False})
    if rows.update(**_record(clock, now)):
        _tell(incident, clock, state, by=by, now=now)


def check_breaches(*, project: Project, by: Actor, now: datetime) -> IncidentQuerySet:
    """The project's open incidents with a clock breached at `now`; records those that no sweep has seen yet.

    Idempotent. The records are made in the system's name: looking is no deed. Raises NotAllowed.
    """
    require(by, "incident.check_breaches")
    mine = Incident.objects.filter(project=project)
    for clock in ClockKind:
        # One transaction each and in the sweep's order, so that neither waits long for the other.
        for pk in mine.unrecorded(clock, now).order_by("pk").values_list("pk", flat=True):
            record_breach(incident_id=pk, clock=clock, by=READER, now=now)
    return mine.open().breached(now)


def _record(clock: ClockKind, now: datetime) -> dict[str, object]:
    return {f"sla_{clock}_breached": True, f"sla_{clock}_breached_at": now}


def _tell(incident: Incident, clock: ClockKind, state: ClockState, *, by: Actor, now: datetime) -> None:
    told = sorted(_recipients(incident))
    data = {
        "clock": clock,
        "severity": incident.severity,
        "target_minutes": clocks.minutes(state.target),
        "elapsed_minutes": clocks.minutes(state.elapsed),
        "due_at": state.due_at,
        "told": told,
    }
    event = emit(BREACHED, incident, by=by, now=now, data=data)
    tell(message=BREACHED, subject=ref(incident), event=event, user_ids=told, now=now)


def _recipients(incident: Incident) -> set[int]:
    """The assignee, else the project's agents; and its managers (hypercare.md, SLA). Nobody twice."""
    roles = project_roles(incident.project)
    managers = {user for user, role in roles.items() if role == Role.MANAGER}
    agents = {user for user, role in roles.items() if role == Role.AGENT}
    assignee = incident.assigned_to_id
    if assignee is not None and roles.get(assignee, Role.CUSTOMER) != Role.CUSTOMER:
        agents = {assignee}
    return agents | managers
