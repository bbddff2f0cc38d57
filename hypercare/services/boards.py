"""The change board of a project: who is on it, how many of them must approve, and when they have."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from hypercare.models import ChangeRequest, ChangeVote, Project, ProjectMember
from hypercare.rules import is_quorum_possible
from hypercare.services import change_notices as notices
from hypercare.states import URGENT, ChangeState, Vote
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import Conflict, Invalid
from tenancy.permissions import require
from tenancy.rows import TenantQuerySet
from tenancy.transactions import atomic, emit


def seats(tenant: Any) -> TenantQuerySet[ProjectMember]:
    """Those on change boards who are active members of `tenant`, which may be an expression."""
    return ProjectMember.objects.filter(
        is_board_member=True, user__is_active=True, user__memberships__tenant=tenant
    )


def board_of(project: Project) -> set[int]:
    """The users on the project's change board who are active members of the tenant."""
    members = seats(current_tenant()).filter(project=project)
    return set(members.values_list("user_id", flat=True))


def waits_for_vote_of(user_id: int) -> Q:
    """The condition that a change request waits for the vote of a user: pending, on their board, not their own."""
    seats = ProjectMember.objects.filter(user=user_id, is_board_member=True).values("project")
    voted = ChangeVote.objects.filter(user=user_id, voided_at=None).values("change_request")
    others = Q(requested_by__isnull=True) | ~Q(requested_by=user_id)
    return Q(state=ChangeState.PENDING_APPROVAL, project__in=seats) & others & ~Q(pk__in=voted)


def set_quorum(*, project: Project, quorum: int, by: Actor, now: datetime) -> Project:
    """Say how many approvals a change request of the project needs. Those pending that have them are approved.

    Raises NotAllowed, Invalid for more than the board has members.
    """
    require(by, "change.quorum")
    with atomic():
        row = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        if not is_quorum_possible(quorum, board_of(row)):
            text = _("From one to the number of people on the change board.")
            raise Invalid(text, fields={"change_quorum": [text]})
        if quorum != row.change_quorum:
            data = {"change_quorum": [row.change_quorum, quorum]}
            row.change_quorum = quorum
            row.save(update_fields=["change_quorum"])
            emit("project.changed", row, by=by, now=now, data=data, scope=row.pk)
            settle(row, by=by, now=now)
    return row


def check_leaving(project: Project, user_id: int) -> None:
    """Raise Conflict when the board without `user_id` could not reach the quorum any more.

    The caller holds the project's row.
    """
    board = board_of(project)
    if user_id in board and not is_quorum_possible(project.change_quorum, board - {user_id}):
        text = _("The change board would be smaller than its quorum. Lower the quorum first.")
        raise Conflict(text, state="quorum")


def settle(project: Project, *, by: Actor, now: datetime) -> None:
    """Approve those pending that have their approvals since the board or its quorum changed."""
    held = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    pending = ChangeRequest.objects.filter(project=held, state=ChangeState.PENDING_APPROVAL)
    board = board_of(held)
    for change in pending.select_for_update(no_key=True).order_by("pk"):
        change.project = held
        approve_if_enough(change, board, by=by, now=now)


def approve_if_enough(change: ChangeRequest, board: Iterable[int], *, by: Actor, now: datetime) -> bool:
    """Approve a pending change request whose valid approvals by people of `board` reach the quorum; whether it was.

    The caller holds the row.
    """
    valid = ChangeVote.objects.filter(change_request=change, vote=Vote.APPROVE, voided_at=None)
    approvals = list(valid.filter(user__in=board).order_by("id").values_list("user_id", flat=True))
    quorum = change.project.change_quorum
    if len(approvals) < quorum:
        return False
    ChangeRequest.objects.filter(pk=change.pk, state=ChangeState.PENDING_APPROVAL).update(
        state=ChangeState.APPROVED,
        approved_at=now,
        approved_by=approvals[-1],
        version=F("version") + 1,
    )
    data = {
        "from": ChangeState.PENDING_APPROVAL,
        "to": ChangeState.APPROVED,
        "approvals": len(approvals),
        "quorum": quorum,
    }
    urgent = change.severity in URGENT
    event = emit("change.approved", change, by=by, now=now, data=data, scope=change.project_id, urgent=urgent)
    notices.tell_asker("change.approved", change, event, by=by, now=now)
    return True
