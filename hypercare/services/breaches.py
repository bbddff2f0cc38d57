"""A clock ran out: recorded once, told once, whoever notices first."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from hypercare.models import Incident, IncidentQuerySet, Project
from hypercare.rules import ClockState
from hypercare.services import clocks
from hypercare.services.people import roles_by_project
from hypercare.states import URGENT, ClockKind
from tenancy.actors import Actor
from tenancy.deadlines import Due
from tenancy.deliveries import Notice, tell
from tenancy.permissions import require
from tenancy.states import Role
from tenancy.transactions import atomic, emit, ref

BREACHED = "incident.breached"
READER = Actor.system("sla-breaches")


def on_response_due(dues: Sequence[Due], by: Actor, now: datetime) -> None:
    """Handler of `incident.response_due`."""
    record_breaches(incident_ids=_subjects(dues), clock=ClockKind.RESPONSE, by=by, now=now)


def on_resolution_due(dues: Sequence[Due], by: Actor, now: datetime) -> None:
    """Handler of `incident.resolution_due`."""
    record_breaches(incident_ids=_subjects(dues), clock=ClockKind.RESOLUTION, by=by, now=now)


def _subjects(dues: Sequence[Due]) -> list[UUID]:
    return [UUID(due.subject.partition(":")[2]) for due in dues]


def record_breaches(*, incident_ids: Sequence[UUID], clock: ClockKind, by: Actor, now: datetime) -> int:
    """Record and tell that `clock` is breached at `now`, of those where it is and was not recorded; how many.

    The rows are locked and asked again, so however many sweeps and readers notice, one of them tells.
    Raises NotAllowed.
    """
    require(by, "incident.check_breaches")
    with atomic():
        late = Incident.objects.unrecorded(clock, now).filter(pk__in=incident_ids)
        incidents = list(late.select_for_update(of=("self",)).select_related("project").order_by("pk"))
        if incidents:
            found = Incident.objects.filter(pk__in=[incident.pk for incident in incidents])
            found.update(**_record(clock, now))
            states = clocks.read_all(incidents, clock, now)
            _tell([(incident, states[incident.pk]) for incident in incidents], clock, by=by, now=now)
    return len(incidents)


def record_late(incident: Incident, clock: ClockKind, state: ClockState, *, by: Actor, now: datetime) -> None:
    """Record and tell that `clock` was fulfilled late, unless the breach was recorded while it ran.

    The caller holds the incident's row and has just fulfilled the clock.
    """
    if not state.breached:
        return
    rows = Incident.objects.filter(pk=incident.pk, **{f"sla_{clock}_breached": False})
    if rows.update(**_record(clock, now)):
        _tell([(incident, state)], clock, by=by, now=now)


def check_breaches(*, project: Project, by: Actor, now: datetime) -> IncidentQuerySet:
    """The project's open incidents with a clock breached at `now`; records those that no sweep has seen yet.

    Idempotent. The records are made in the system's name: looking is no deed. Raises NotAllowed.
    """
    require(by, "incident.check_breaches")
    mine = Incident.objects.filter(project=project)
    for clock in ClockKind:
        late = list(mine.unrecorded(clock, now).values_list("pk", flat=True))
        if late:
            record_breaches(incident_ids=late, clock=clock, by=READER, now=now)
    return mine.open().breached(now)


def _record(clock: ClockKind, now: datetime) -> dict[str, object]:
    return {f"sla_{clock}_breached": True, f"sla_{clock}_breached_at": now}


def _tell(late: Sequence[tuple[Incident, ClockState]], clock: ClockKind, *, by: Actor, now: datetime) -> None:
    roles = roles_by_project({incident.project_id for incident, _state in late})
    notices = []
    for incident, state in late:
        concerned = sorted(_recipients(incident, roles[incident.project_id]))
        urgent = incident.severity in URGENT
        data = {
            "clock": clock,
            "severity": incident.severity,
            "target_minutes": clocks.minutes(state.target),
            "elapsed_minutes": clocks.minutes(state.elapsed),
            "due_at": state.due_at,
            "concerned": concerned,
        }
        scope = incident.project_id
        event = emit(BREACHED, incident, by=by, now=now, data=data, scope=scope, urgent=urgent)
        notices.append(Notice(BREACHED, ref(incident), event, concerned, urgent=urgent, scope=scope))
    tell(*notices, now=now)


def _recipients(incident: Incident, roles: Mapping[int, Role]) -> set[int]:
    """The assignee, else the project's agents; and its managers (hypercare.md, SLA). Nobody twice."""
    managers = {user for user, role in roles.items() if role == Role.MANAGER}
    agents = {user for user, role in roles.items() if role == Role.AGENT}
    assignee = incident.assigned_to_id
    if assignee is not None and roles.get(assignee, Role.CUSTOMER) != Role.CUSTOMER:
        agents = {assignee}
    return agents | managers
