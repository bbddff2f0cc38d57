"""An incident's life: reported, answered, assigned, resolved."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from hypercare.models import Incident, Project
from hypercare.rules import replay
from hypercare.services import clocks
from hypercare.services.breaches import record_late
from hypercare.services.people import project_roles
from hypercare.states import (
    INCIDENT_MOVES,
    OPEN_STATES,
    URGENT,
    ClockKind,
    IncidentState,
    RootCauseCategory,
    Severity,
    Source,
    SupportLevel,
)
from tenancy.actors import Actor
from tenancy.errors import Conflict, Invalid, NotAllowed
from tenancy.permissions import require
from tenancy.states import Role
from tenancy.transactions import atomic, emit


def report_incident(
    *,
    project: Project,
    title: str,
    description: str = "",
    severity: str = Severity.P3,
    incident_type: str = "",
    affected_module: str = "",
    affected_users_count: int | None = None,
    source: str = Source.PERSON,
    by: Actor,
    now: datetime,
) -> Incident:
    """Open an incident; its two clocks start at `now` with the targets of its severity.

    Raises NotAllowed, Invalid without a title.
    """
    require(by, "incident.report")
    if not title.strip():
        raise Invalid(_("An incident needs a title."), fields={"title": [_("This field may not be blank.")]})
    with atomic():
        ticks = clocks.starts(severity, now)
        due = {clock: replay([tick], now).due_at for clock, tick in ticks.items()}
        incident = Incident.objects.create(
            project=project,
            title=title.strip(),
            description=description,
            severity=severity,
            incident_type=incident_type,
            affected_module=affected_module.strip().upper(),
            affected_users_count=affected_users_count,
            source=source,
            reported_by_id=by.user_id,
            created_at=now,
            sla_response_deadline=due[ClockKind.RESPONSE],
            sla_resolution_deadline=due[ClockKind.RESOLUTION],
        )
        clocks.start(incident, ticks)
        data = {"number": incident.number, "project": project.pk, "severity": severity, "source": source}
        _emit("incident.reported", incident, by=by, now=now, data=data)
    return incident


def respond_first(*, incident: Incident, by: Actor, now: datetime) -> Incident:
    """Answer first: open becomes in_progress and the response clock is fulfilled; late, its breach is recorded.

    Raises NotAllowed, Conflict when it was answered or resolved before.
    """
    require(by, "incident.respond")
    person = _person(by)
    with atomic():
        rows = Incident.objects.filter(pk=incident.pk, state=IncidentState.OPEN)
        moved = rows.update(
            state=IncidentState.IN_PROGRESS, first_response_at=now, first_response_by_id=person
        )
        answered = _again(incident)
        if not moved:
            raise _conflict(answered, _("This incident has had its first response."))
        state = clocks.fulfil(answered, ClockKind.RESPONSE, now)
        data = {"from": IncidentState.OPEN, "to": IncidentState.IN_PROGRESS, "breached": state.breached}
        _emit("incident.first_response", answered, by=by, now=now, data=data)
        record_late(answered, ClockKind.RESPONSE, state, by=by, now=now)
        return _again(answered)


def assign(
    *,
    incident: Incident,
    assigned_to_id: int | None,
    support_level: SupportLevel | None = None,
    by: Actor,
    now: datetime,
) -> Incident:
    """Give an open incident to somebody of its project (None: to nobody), and move it to `support_level` if given.

    Raises NotAllowed, Conflict when it is resolved, Invalid when the person is no agent of the project.
    """
    require(by, "incident.assign")
    with atomic():
        before = (
            Incident.objects.select_for_update(of=("self",)).select_related("project").get(pk=incident.pk)
        )
        if not before.is_open:
            raise _conflict(before, _("A resolved incident is not assigned."))
        if assigned_to_id is not None:
            role = project_roles(before.project).get(assigned_to_id)
            if role is None or role == Role.CUSTOMER:
                text = _("Not an agent of this project.")
                raise Invalid(text, fields={"assigned_to_id": [text]})
        level = before.support_level if support_level is None else support_level
        rows = Incident.objects.filter(pk=incident.pk, state__in=OPEN_STATES)
        rows.update(assigned_to_id=assigned_to_id, support_level=level)
        data = {
            "assigned_to": [before.assigned_to_id, assigned_to_id],
            "support_level": [before.support_level, level],
        }
        _emit("incident.assigned", before, by=by, now=now, data=data)
        return _again(before)


def resolve(
    *,
    incident: Incident,
    root_cause: str,
    resolution_notes: str,
    root_cause_category: RootCauseCategory | None = None,
    by: Actor,
    now: datetime,
) -> Incident:
    """Resolve an open incident: the resolution clock is fulfilled; late, its breach is recorded.

    One that nobody answered before is answered by its resolution: that fulfils the response clock too.
    Raises NotAllowed, Invalid without root cause and notes, Conflict when it is resolved already.
    """
    require(by, "incident.resolve")
    person = _person(by)
    given = {"root_cause": root_cause.strip(), "resolution_notes": resolution_notes.strip()}
    missing = {name: [_("This field may not be blank.")] for name, text in given.items() if not text}
    if missing:
        raise Invalid(_("Resolving needs the root cause and what was done."), fields=missing)
    with atomic():
        before = Incident.objects.select_for_update().get(pk=incident.pk)
        rows = Incident.objects.filter(pk=incident.pk, state__in=OPEN_STATES)
        moved = rows.update(
            state=IncidentState.RESOLVED,
            resolved_at=now,
            resolved_by_id=person,
            first_response_at=Coalesce("first_response_at", Value(now)),
            first_response_by_id=Coalesce("first_response_by_id", Value(person)),
            root_cause_category=root_cause_category or "",
            **given,
        )
        if not moved:
            raise _conflict(before, _("This incident is resolved."))
        after = _again(incident)
        states = {
            clock: clocks.fulfil(after, clock, now) for clock in ClockKind if not before.fulfilled_at(clock)
        }
        data = {
            "from": before.state,
            "to": IncidentState.RESOLVED,
            "root_cause_category": after.root_cause_category,
            "breached": states[ClockKind.RESOLUTION].breached,
        }
        _emit("incident.resolved", after, by=by, now=now, data=data)
        for clock, state in states.items():
            record_late(after, clock, state, by=by, now=now)
        return _again(after)


def _emit(verb: str, incident: Incident, *, by: Actor, now: datetime, data: Mapping[str, object]) -> None:
    urgent = incident.severity in URGENT
    emit(verb, incident, by=by, now=now, data=data, scope=incident.project_id, urgent=urgent)


def _again(incident: Incident) -> Incident:
    """The row as this transaction sees it now."""
    return Incident.objects.select_related("project").get(pk=incident.pk)


def _conflict(incident: Incident, message: object) -> Conflict:
    return Conflict(message, state=incident.state, legal_moves=INCIDENT_MOVES[incident.state])


def _person(by: Actor) -> int:
    """The user behind `by`. Raises NotAllowed for the system: an answer is a person's."""
    if by.user_id is None:
        raise NotAllowed(_("Only a person may do this."))
    return by.user_id
