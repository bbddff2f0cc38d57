"""A change request goes its way: before the board, approved or rejected, implemented, closed.

Every verb that takes `version` raises Stale unless that is the row's, compared under the row's lock; None takes any.
"""

from datetime import date, datetime

from django.utils.translation import gettext_lazy as _

from hypercare.models import ChangeRequest, ChangeVote
from hypercare.rules import day_of
from hypercare.services import change_notices as notices
from hypercare.services.boards import approve_if_enough, board_of
from hypercare.services.changes import (
    ACTIONS,
    BLANK,
    again,
    check,
    conflict,
    is_own,
    journal,
    locked,
    move,
    person,
    void_votes,
    wrong,
)
from hypercare.states import ChangeState, Vote
from tenancy.actors import Actor
from tenancy.errors import Invalid, NotAllowed
from tenancy.permissions import require
from tenancy.transactions import atomic

# ---- the board -----------------------------------------------------------------------------------------------


def submit_change(
    *, change: ChangeRequest, version: int | None = None, by: Actor, now: datetime
) -> ChangeRequest:
    """Put a draft before the board. Raises NotAllowed, Stale, Conflict, Invalid without a rollback plan."""
    require(by, ACTIONS["submit"])
    with atomic():
        row = locked(change)
        check(row, "submit", version)
        if not row.rollback_plan:
            raise Invalid(_("Say first how the change is rolled back."), fields={"rollback_plan": [BLANK]})
        event = move(
            row,
            "change.submitted",
            ChangeState.PENDING_APPROVAL,
            by=by,
            now=now,
            submitted_at=now,
            submitted_by=person(by),
        )
        notices.tell_board("change.submitted", row, event, board_of(row.project), now=now)
        return again(row)


def approve_change(
    *, change: ChangeRequest, version: int | None = None, by: Actor, now: datetime
) -> ChangeRequest:
    """Vote for it, as a member of its board. It is approved when the board's valid approvals reach the quorum.

    Raises NotAllowed (not on the board, one's own), Stale, Conflict (in another state, voted already).
    """
    with atomic():
        row, board = _votable(change, "approve", version, by)
        ChangeVote.objects.create(change_request=row, user_id=person(by), vote=Vote.APPROVE, created_at=now)
        if not approve_if_enough(row, board, by=by, now=now):
            journal("change.voted", row, by=by, now=now, data={"vote": Vote.APPROVE})
        return again(row)


def reject_change(
    *, change: ChangeRequest, reason: str, version: int | None = None, by: Actor, now: datetime
) -> ChangeRequest:
    """Vote against it, as a member of its board: one such vote rejects it.

    Raises NotAllowed (not on the board, one's own), Stale, Conflict (in another state, voted already), Invalid
    without a reason.
    """
    with atomic():
        row, _board = _votable(change, "reject", version, by)
        reason = reason.strip()
        if not reason:
            raise Invalid(_("Rejecting needs a reason."), fields={"reason": [BLANK]})
        ChangeVote.objects.create(
            change_request=row, user_id=person(by), vote=Vote.REJECT, reason=reason, created_at=now
        )
        event = move(
            row,
            "change.rejected",
            ChangeState.REJECTED,
            by=by,
            now=now,
            personal={"reason": reason},
            rejected_at=now,
            rejected_by=person(by),
            rejection_reason=reason,
        )
        notices.tell_asker("change.rejected", row, event, by=by, now=now)
        return again(row)


def _votable(
    change: ChangeRequest, step: str, version: int | None, by: Actor
) -> tuple[ChangeRequest, set[int]]:
    """The row, locked, and its board, if `by` has a vote to give on it."""
    voter = person(by)
    row = locked(change)
    board = board_of(row.project)
    require(by, ACTIONS[step], board=voter in board)
    if row.requested_by_id == voter:
        raise NotAllowed(_("Nobody decides on their own change request."), code="own_change_request")
    check(row, step, version)
    if ChangeVote.objects.filter(change_request=row, user_id=voter, voided_at=None).exists():
        raise conflict(row, _("You have voted on this."), code="voted")
    return row, board


def redraft_change(
    *, change: ChangeRequest, version: int | None = None, by: Actor, now: datetime
) -> ChangeRequest:
    """Make a draft of a rejected one; the votes given are void. Raises NotAllowed, Stale, Conflict."""
    with atomic():
        row = locked(change)
        require(by, ACTIONS["redraft"], own=is_own(row, by))
        check(row, "redraft", version)
        void_votes(row, now)
        move(
            row,
            "change.redrafted",
            ChangeState.DRAFT,
            by=by,
            now=now,
            submitted_at=None,
            submitted_by=None,
            rejected_at=None,
            rejected_by=None,
            rejection_reason="",
        )
        return again(row)


# ---- after the approval --------------------------------------------------------------------------------------


def start_change(
    *, change: ChangeRequest, version: int | None = None, by: Actor, now: datetime
) -> ChangeRequest:
    """Begin with what the board approved. Raises NotAllowed, Stale, Conflict."""
    require(by, ACTIONS["start"])
    with atomic():
        row = locked(change)
        check(row, "start", version)
        move(
            row,
            "change.started",
            ChangeState.IN_PROGRESS,
            by=by,
            now=now,
            started_at=now,
            started_by=person(by),
        )
        return again(row)


def implement_change(
    *,
    change: ChangeRequest,
    actual_implementation_date: date | None = None,
    test_evidence: str | None = None,
    version: int | None = None,
    by: Actor,
    now: datetime,
) -> ChangeRequest:
    """Say that it is in the productive system since that day: today in the project's zone, if none is given.

    Raises NotAllowed, Stale, Conflict, Invalid for a day in the future, or without evidence of a test that is
    required.
    """
    require(by, ACTIONS["implement"])
    with atomic():
        row = locked(change)
        check(row, "implement", version)
        today = day_of(now, row.project.time_zone)
        day = actual_implementation_date or today
        if day > today:
            raise wrong("actual_implementation_date", _("This day is in the future."))
        evidence = row.test_evidence if test_evidence is None else test_evidence.strip()
        if row.test_required and not evidence:
            raise Invalid(_("Say first how it was tested."), fields={"test_evidence": [BLANK]})
        event = move(
            row,
            "change.implemented",
            ChangeState.IMPLEMENTED,
            by=by,
            now=now,
            data={"actual_implementation_date": day},
            implemented_at=now,
            implemented_by=person(by),
            actual_implementation_date=day,
            test_evidence=evidence,
        )
        notices.tell_asker("change.implemented", row, event, by=by, now=now)
        return again(row)


def close_change(
    *, change: ChangeRequest, version: int | None = None, by: Actor, now: datetime
) -> ChangeRequest:
    """End the story of an implemented one. Raises NotAllowed, Stale, Conflict."""
    require(by, ACTIONS["close"])
    with atomic():
        row = locked(change)
        check(row, "close", version)
        move(row, "change.closed", ChangeState.CLOSED, by=by, now=now, closed_at=now, closed_by=person(by))
        return again(row)
