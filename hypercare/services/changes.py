"""A change request is drafted and edited; and what its other verbs share.

Every verb that takes `version` raises Stale unless that is the row's, compared under the row's lock; None takes any.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from hypercare.models import ChangeRequest, ChangeVote, Incident, Project
from hypercare.rules import STEPS, day_of, fold
from hypercare.services import change_notices as notices
from hypercare.services.boards import board_of
from hypercare.states import CHANGE_MOVES, URGENT, ChangeState, IncidentState
from tenancy.actors import Actor
from tenancy.errors import Conflict, Invalid, NotAllowed, Stale
from tenancy.journal.models import Event
from tenancy.permissions import may, require
from tenancy.states import Role
from tenancy.transactions import atomic, emit, ref

ACTIONS = {
    "edit": "change.change",
    "submit": "change.submit",
    "approve": "change.decide",
    "reject": "change.decide",
    "redraft": "change.change",
    "start": "change.start",
    "implement": "change.implement",
    "close": "change.close",
}
"""The action of the table of permissions that each of STEPS is."""
TEXTS = ("title", "description", "impact_assessment", "rollback_plan", "test_evidence")
"""What the journal only names: people write what they like in these, so what they said lies beside it."""
_BACK_TO_THE_BOARD = {"state": ChangeState.PENDING_APPROVAL, "approved_at": None, "approved_by": None}
BLANK = _("This field may not be blank.")
_ELSEWHERE = _("The change request is in another state.")


class ChangeFields(TypedDict, total=False):
    """What people write of a change request."""

    title: str
    description: str
    change_type: str
    severity: str
    affected_module: str
    impact_assessment: str
    rollback_plan: str
    test_required: bool
    test_evidence: str
    planned_implementation_date: date | None


# ---- what may be done ----------------------------------------------------------------------------------------


def allowed_actions(change: ChangeRequest, *, by: Actor, on_board: bool, has_voted: bool) -> list[str]:
    """The STEPS that `by` may take with the change request as it is; asks the database nothing.

    `on_board`: they sit on its board; `has_voted`: they have a valid vote on it.
    """
    facts = {"own": is_own(change, by), "board": on_board and not has_voted}
    return [
        step
        for step, states in STEPS.items()
        if change.state in states and _may_take(step, change.state, by=by, **facts)
    ]


def _may_take(step: str, state: str, *, by: Actor, own: bool, board: bool) -> bool:
    action = ACTIONS[step]
    if action == "change.decide":
        return by.user_id is not None and not own and may(by, action, board=board)
    return may(by, action, own=own and not (step == "edit" and state != ChangeState.DRAFT))


def is_own(change: ChangeRequest, by: Actor) -> bool:
    return by.user_id is not None and change.requested_by_id == by.user_id


# ---- drafting ------------------------------------------------------------------------------------------------


def draft_change(
    *,
    project: Project,
    incident_id: UUID | None = None,
    by: Actor,
    now: datetime,
    **given: Unpack[ChangeFields],
) -> ChangeRequest:
    """Draft a change request with the tenant's next number; with an incident of the project, linked to it.

    Raises NotAllowed (an incident that a customer did not report), Invalid (no title or type, a planned day that is
    past, an incident that is closed, has a change request, or is none of the project).
    """
    require(by, "change.draft")
    fields = _tidy(given)
    missing = {name: [BLANK] for name in ("title", "change_type") if not fields.get(name)}
    if missing:
        raise Invalid(_("A change request needs a title and a type."), fields=missing)
    _check_plan(fields.get("planned_implementation_date"), project, now)
    with atomic():
        incident = _linkable(project, incident_id, by) if incident_id else None
        change = ChangeRequest(
            number=_next_number(), project=project, requested_by_id=by.user_id, created_at=now, **fields
        )
        change.search_text = _searched(change)
        change.save(force_insert=True)
        data = {"number": change.number, "change_type": change.change_type, "severity": change.severity}
        journal("change.drafted", change, by=by, now=now, data={**data, "incident": incident and incident.pk})
        if incident:
            _link(incident, change, by=by, now=now)
    return change


def _next_number() -> int:
    """One more than the last. Whoever else drafts waits for the end of this transaction, so there are no gaps."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO hypercare_changecounter AS counter (id, value) VALUES (1, 1)"
            " ON CONFLICT (id) DO UPDATE SET value = counter.value + 1 RETURNING value"
        )
        (number,) = cursor.fetchone()
    return int(number)


def _linkable(project: Project, incident_id: UUID, by: Actor) -> Incident:
    """The incident, locked. Raises Invalid, NotAllowed."""
    rows = Incident.objects.select_for_update(no_key=True)
    incident = rows.filter(project=project, pk=incident_id).first()
    if incident is None:
        raise wrong("incident_id", _("There is no such incident."))
    if not (by.at_least(Role.AGENT) or incident.reported_by_id == by.user_id):
        raise NotAllowed(_("You may do this for an incident of your own only."))
    if incident.state == IncidentState.CLOSED:
        raise wrong("incident_id", _("The incident is closed."))
    if incident.change_request_id:
        raise wrong("incident_id", _("The incident has a change request already."))
    return incident


def _link(incident: Incident, change: ChangeRequest, *, by: Actor, now: datetime) -> None:
    Incident.objects.filter(pk=incident.pk).update(
        change_request=change, requires_change_request=True, version=F("version") + 1
    )
    data: dict[str, object] = {"change_request_id": [None, change.pk]}
    if not incident.requires_change_request:
        data["requires_change_request"] = [False, True]
    urgent = incident.severity in URGENT
    emit("incident.changed", incident, by=by, now=now, data=data, scope=change.project_id, urgent=urgent)


def edit_change(
    *,
    change: ChangeRequest,
    version: int | None = None,
    by: Actor,
    now: datetime,
    **given: Unpack[ChangeFields],
) -> ChangeRequest:
    """Change what is given and differs. That voids the votes given; an approved one goes back to the board.

    Raises NotAllowed (a customer beyond their own draft), Stale, Conflict once it is decided against or begun,
    Invalid (no title, no rollback plan when it is no draft, a planned day that is past).
    """
    with atomic():
        before = locked(change)
        own = is_own(before, by) and before.state == ChangeState.DRAFT
        require(by, ACTIONS["edit"], own=own)
        check(before, "edit", version)
        changed = {name: value for name, value in _tidy(given).items() if value != getattr(before, name)}
        if not changed:
            return before
        needed = ["title"] if before.state == ChangeState.DRAFT else ["title", "rollback_plan"]
        if missing := {name: [BLANK] for name in needed if not changed.get(name, True)}:
            raise Invalid(_("This is needed."), fields=missing)
        _check_plan(changed.get("planned_implementation_date"), before.project, now)
        data: dict[str, object] = {
            name: [getattr(before, name), value] for name, value in changed.items() if name not in TEXTS
        }
        texts = {name: [getattr(before, name), changed[name]] for name in TEXTS if name in changed}
        if texts:
            data["texts"] = sorted(texts)
        for name, value in changed.items():
            setattr(before, name, value)
        voters = void_votes(before, now)
        back = _BACK_TO_THE_BOARD if before.state == ChangeState.APPROVED else {}
        _write(before, **changed, **back, search_text=_searched(before))
        journal("change.changed", before, by=by, now=now, data=data, personal=texts)
        if voters:
            moved = {"from": before.state, "to": ChangeState.PENDING_APPROVAL} if back else {}
            event = journal("change.voided", before, by=by, now=now, data={"voters": voters, **moved})
            asked = board_of(before.project).intersection(voters) - {by.user_id}
            notices.tell_board("change.voided", before, event, asked, now=now)
        return again(before)


def void_votes(change: ChangeRequest, now: datetime) -> list[int]:
    """Make the votes given void; whose they were."""
    votes = ChangeVote.objects.filter(change_request=change, voided_at=None)
    voters = sorted(votes.values_list("user_id", flat=True))
    votes.update(voided_at=now)
    return voters


# ---- reading -------------------------------------------------------------------------------------------------


PUBLIC: dict[str, tuple[str, ...]] = {
    "change.drafted": ("number", "change_type", "severity"),
    "change.changed": (
        *("texts", "change_type", "severity", "affected_module"),
        *("test_required", "planned_implementation_date"),
    ),
    "change.submitted": ("from", "to"),
    "change.voted": ("vote",),
    "change.voided": ("from", "to"),
    "change.approved": ("from", "to", "approvals", "quorum"),
    "change.rejected": ("from", "to"),
    "change.redrafted": ("from", "to"),
    "change.started": ("from", "to"),
    "change.implemented": ("from", "to", "actual_implementation_date"),
    "change.closed": ("from", "to"),
}
"""The events that a customer sees who may read the change request, and what of their data."""


def change_timeline(*, change: ChangeRequest, by: Actor) -> "QuerySet[Event]":
    """The change request's events in order; for a customer the public ones. Raises NotAllowed."""
    on_board = by.user_id in board_of(change.project)
    require(by, "change.read", own=is_own(change, by), board=on_board)
    events = Event.objects.filter(subject=ref(change)).order_by("seq")
    return events if by.at_least(Role.AGENT) else events.filter(verb__in=PUBLIC)


def public_change_data(verb: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What of an event's data a customer sees."""
    return {name: data[name] for name in PUBLIC.get(verb, ()) if name in data}


# ---- what the verbs share ------------------------------------------------------------------------------------


def _tidy(given: ChangeFields) -> dict[str, Any]:
    """`given` without spaces around; a module in capitals."""
    fields = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
    if "affected_module" in fields:
        fields["affected_module"] = str(fields["affected_module"]).upper()
    return fields


def _check_plan(day: date | None, project: Project, now: datetime) -> None:
    if day is not None and day < day_of(now, project.time_zone):
        raise wrong("planned_implementation_date", _("This day is past."))


def _searched(change: ChangeRequest) -> str:
    return fold(change.title, change.description, change.affected_module) or "-"


def locked(change: ChangeRequest) -> ChangeRequest:
    """The row as it is now; nobody else changes it before this transaction ends.

    Its project is read when asked for, so after the lock: joined here, it would be as it was before the wait.
    """
    return ChangeRequest.objects.select_for_update(no_key=True).get(pk=change.pk)


def check(change: ChangeRequest, step: str, version: int | None) -> None:
    """Raise Stale, or Conflict when the change request is in no state for `step`. The caller holds the row."""
    if version is not None and version != change.version:
        raise Stale(_("Somebody changed this since you read it."), version=change.version)
    if change.state not in STEPS[step]:
        raise conflict(change, _ELSEWHERE)


def _write(change: ChangeRequest, **values: object) -> None:
    rows = ChangeRequest.objects.filter(pk=change.pk, state=change.state)
    if not rows.update(version=F("version") + 1, **values):
        raise conflict(change, _ELSEWHERE)


def move(
    change: ChangeRequest,
    verb: str,
    to: ChangeState,
    *,
    by: Actor,
    now: datetime,
    data: Mapping[str, object] | None = None,
    personal: Mapping[str, object] | None = None,
    **values: object,
) -> UUID:
    """Write the move of a row that the caller holds and has checked, and journal it."""
    _write(change, state=to, **values)
    moved = {"from": change.state, "to": to, **(data or {})}
    return journal(verb, change, by=by, now=now, data=moved, personal=personal)


def journal(
    verb: str,
    change: ChangeRequest,
    *,
    by: Actor,
    now: datetime,
    data: Mapping[str, object],
    personal: Mapping[str, object] | None = None,
) -> UUID:
    scope, urgent = change.project_id, change.severity in URGENT
    return emit(verb, change, by=by, now=now, data=data, personal=personal, scope=scope, urgent=urgent)


def again(change: ChangeRequest) -> ChangeRequest:
    return ChangeRequest.objects.select_related("project").get(pk=change.pk)


def conflict(change: ChangeRequest, message: object, code: str | None = None) -> Conflict:
    return Conflict(message, state=change.state, legal_moves=CHANGE_MOVES[change.state], code=code)


def wrong(field: str, text: object) -> Invalid:
    return Invalid(text, fields={field: [text]})


def person(by: Actor) -> int:
    """The user behind `by`. Raises NotAllowed for the system: a decision is a person's."""
    if by.user_id is None:
        raise NotAllowed(_("Only a person may do this."))
    return by.user_id
