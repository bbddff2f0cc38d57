"""An incident goes its way: answered, waiting, resolved, closed, reopened."""

from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from hypercare.models import Incident
from hypercare.rules import LONG_TEXT
from hypercare.services import clocks
from hypercare.services.incidents import (
    again,
    conflict,
    held,
    is_reopenable,
    journal,
    move,
    optional_text,
    person,
)
from hypercare.services.notices import tell_people
from hypercare.services.people import handlers, project_roles, reporter
from hypercare.states import OPEN_STATES, ClockKind, IncidentState, RootCauseCategory
from tenancy.actors import Actor
from tenancy.errors import Invalid
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.transactions import atomic

REASON = 500  # not tunable: the journal's width
"""Characters of the longest reason."""
NOT_WAITING = {"waiting_since": None, "waiting_reason": "", "waiting_owner_id": None}


def respond_first(*, incident: Incident, version: int | None = None, by: Actor, now: datetime) -> Incident:
    """Answer first: the response clock is fulfilled; late, its breach is recorded.

    An open incident is in progress then, a waiting one goes on waiting.
    Raises NotAllowed, Stale, Conflict when it was answered or resolved before.
    """
    require(by, "incident.respond")
    person(by)
    with atomic():
        return answer(held(incident, version), by=by, now=now)


def answer(row: Incident, *, by: Actor, now: datetime) -> Incident:
    """What `respond_first` does, for who holds the row and has checked who asks. Raises Conflict."""
    refusal = _("This incident has had its first response.")
    if row.first_response_at is not None:
        raise conflict(row, refusal, now)
    state = IncidentState.IN_PROGRESS if row.state == IncidentState.OPEN else IncidentState.WAITING
    answered = move(
        row,
        leaving=(IncidentState.OPEN, IncidentState.WAITING),
        refusal=refusal,
        now=now,
        state=state,
        first_response_at=now,
        first_response_by_id=person(by),
    )
    data = {"from": row.state, "to": state, "breached": row.is_breached(ClockKind.RESPONSE, now)}
    journal("incident.first_response", answered, by=by, now=now, data=data)
    clocks.fulfil(answered, ClockKind.RESPONSE, by=by, now=now)
    return again(answered)


def wait(
    *,
    incident: Incident,
    reason: str,
    owner_id: int,
    version: int | None = None,
    by: Actor,
    now: datetime,
) -> Incident:
    """Wait for `owner_id`, who is told why; the resolution clock pauses.

    Raises NotAllowed, Stale, Conflict unless it is open or in progress, Invalid without a reason and when the owner
    is not on the project.
    """
    require(by, "incident.wait")
    why = guards.text(reason, "reason", longest=REASON)
    with atomic():
        row = held(incident, version)
        if owner_id not in project_roles(row.project):
            text = _("Not a member of this project.")
            raise Invalid(text, fields={"owner_id": [text]})
        waiting = move(
            row,
            leaving=(IncidentState.OPEN, IncidentState.IN_PROGRESS),
            refusal=_("Only an incident that is worked on can wait."),
            now=now,
            state=IncidentState.WAITING,
            waiting_since=now,
            waiting_reason=why,
            waiting_owner_id=owner_id,
        )
        data = {"from": row.state, "to": IncidentState.WAITING, "owner": owner_id}
        event = journal("incident.waiting", waiting, by=by, now=now, data=data, personal={"reason": why})
        clocks.pause(waiting, ClockKind.RESOLUTION, by=by, now=now)
        tell_people("incident.waiting", waiting, event, {owner_id}, by=by, now=now)
        return again(waiting)


def resume(*, incident: Incident, version: int | None = None, by: Actor, now: datetime) -> Incident:
    """Go on after waiting, and with it the resolution clock: in progress, or open if nobody has answered yet.

    Raises NotAllowed, Stale, Conflict unless it waits.
    """
    require(by, "incident.resume")
    with atomic():
        return go_on(held(incident, version), by=by, now=now)


def go_on(row: Incident, *, by: Actor, now: datetime) -> Incident:
    """What `resume` does, for who holds the row and has checked who asks. Raises Conflict."""
    state = IncidentState.OPEN if row.first_response_at is None else IncidentState.IN_PROGRESS
    resumed = move(
        row,
        leaving=(IncidentState.WAITING,),
        refusal=_("This incident does not wait."),
        now=now,
        state=state,
        **NOT_WAITING,
    )
    data = {"from": IncidentState.WAITING, "to": state}
    journal("incident.resumed", resumed, by=by, now=now, data=data)
    clocks.resume(resumed, ClockKind.RESOLUTION, by=by, now=now)
    return again(resumed)


def resolve(
    *,
    incident: Incident,
    root_cause: str,
    resolution_notes: str,
    root_cause_category: RootCauseCategory | None = None,
    version: int | None = None,
    by: Actor,
    now: datetime,
) -> Incident:
    """Resolve an open incident: the resolution clock is fulfilled; late, its breach is recorded.

    One that nobody answered before is answered by its resolution: that fulfils the response clock too. Who reported
    it is told.
    Raises NotAllowed, Stale, Invalid without root cause and notes, Conflict when it is resolved already.
    """
    require(by, "incident.resolve")
    solver = person(by)
    texts = {"root_cause": root_cause, "resolution_notes": resolution_notes}
    missing = {name: [_("This field may not be blank.")] for name, text in texts.items() if not text.strip()}
    if missing:
        raise Invalid(_("Resolving needs the root cause and what was done."), fields=missing)
    texts = {name: guards.text(text, name, longest=LONG_TEXT) for name, text in texts.items()}
    with atomic():
        row = held(incident, version)
        running = [clock for clock in ClockKind if not row.fulfilled_at(clock)]
        resolved = move(
            row,
            leaving=OPEN_STATES,
            refusal=_("This incident is resolved."),
            now=now,
            state=IncidentState.RESOLVED,
            resolved_at=now,
            resolved_by_id=solver,
            first_response_at=row.first_response_at or now,
            first_response_by_id=row.first_response_by_id or solver,
            root_cause_category=root_cause_category or "",
            **texts,
            **NOT_WAITING,
        )
        data = {
            "from": row.state,
            "to": IncidentState.RESOLVED,
            "root_cause_category": resolved.root_cause_category,
            "breached": row.is_breached(ClockKind.RESOLUTION, now),
        }
        event = journal("incident.resolved", resolved, by=by, now=now, data=data)
        for clock in running:
            clocks.fulfil(resolved, clock, by=by, now=now)
        readers = reporter(resolved, project_roles(resolved.project))
        tell_people("incident.resolved", resolved, event, readers, by=by, now=now)
        return again(resolved)


def close(*, incident: Incident, version: int | None = None, by: Actor, now: datetime) -> Incident:
    """Close a resolved incident; who reported it is told, and may close it too.

    Raises NotAllowed, Stale, Conflict unless it is resolved.
    """
    require(by, "incident.close", own=_is_own(incident, by))
    closer = person(by)
    with atomic():
        row = held(incident, version)
        closed = move(
            row,
            leaving=(IncidentState.RESOLVED,),
            refusal=_("Only a resolved incident can be closed."),
            now=now,
            state=IncidentState.CLOSED,
            closed_at=now,
            closed_by_id=closer,
        )
        data = {"from": row.state, "to": IncidentState.CLOSED}
        event = journal("incident.closed", closed, by=by, now=now, data=data)
        readers = reporter(closed, project_roles(closed.project))
        tell_people("incident.closed", closed, event, readers, by=by, now=now)
        return closed


def reopen(
    *, incident: Incident, reason: str = "", version: int | None = None, by: Actor, now: datetime
) -> Incident:
    """Work on a resolved or closed incident again; its resolution clock goes on. Who reported it may reopen it too.

    What was found stays written, and is hidden from customers until it is resolved again. Told: who works on it, and
    who reported it.
    Raises NotAllowed, Stale, Invalid for a reason that is too long, Conflict unless it is resolved, or was closed at
    most hypercare.REOPEN_DAYS ago.
    """
    require(by, "incident.reopen", own=_is_own(incident, by))
    why = optional_text(reason, "reason", longest=REASON)
    with atomic():
        row = held(incident, version)
        if not is_reopenable(row, now):
            raise conflict(row, _("This incident was closed too long ago. Please report a new one."), now)
        reopened = move(
            row,
            leaving=(IncidentState.RESOLVED, IncidentState.CLOSED),
            refusal=_("This incident is not resolved."),
            now=now,
            state=IncidentState.IN_PROGRESS,
            reopened_count=F("reopened_count") + 1,
            resolved_at=None,
            resolved_by_id=None,
            closed_at=None,
            closed_by_id=None,
        )
        data = {"from": row.state, "to": IncidentState.IN_PROGRESS, "count": reopened.reopened_count}
        personal = {"reason": why} if why else None
        event = journal("incident.reopened", reopened, by=by, now=now, data=data, personal=personal)
        clocks.reopen(reopened, ClockKind.RESOLUTION, by=by, now=now)
        roles = project_roles(reopened.project)
        readers = handlers(reopened, roles) | reporter(reopened, roles)
        tell_people("incident.reopened", reopened, event, readers, by=by, now=now)
        return again(reopened)


def _is_own(incident: Incident, by: Actor) -> bool:
    return by.user_id is not None and incident.reported_by_id == by.user_id
