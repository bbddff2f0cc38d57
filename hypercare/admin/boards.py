"""How a change request stands with its board, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from hypercare import services
from hypercare.models import ChangeRequest
from hypercare.states import ChangeState
from tenancy.actors import Actor
from tenancy.models import User

DECIDED = {
    ChangeState.DRAFT: _("A draft: the board decides once it is submitted."),
    ChangeState.APPROVED: _("The board has approved it. Work may begin."),
    ChangeState.REJECTED: _("The board has rejected it. It may be made a draft again."),
    ChangeState.IN_PROGRESS: _("The board has approved it, and work has begun."),
    ChangeState.IMPLEMENTED: _("It is in the productive system."),
    ChangeState.CLOSED: _("It is implemented, and its story has ended."),
}


@dataclass(frozen=True, slots=True)
class Board:
    """Where the decision stands, who can still vote, and what whoever looks has to do with it."""

    stands: Any
    others: str = ""
    mine: Any = ""
    is_due: bool = False


def board_in_words(change: ChangeRequest, by: Actor) -> Board:
    """Two queries while it is pending, none otherwise."""
    if change.state != ChangeState.PENDING_APPROVAL:
        return Board(DECIDED[ChangeState(change.state)])
    board = services.board_of(change.project)
    votes = [vote for vote in change.votes.all() if vote.voided_at is None]
    voted = {vote.user_id for vote in votes}
    approvals, quorum = len(voted & board), change.project.change_quorum
    said = ngettext("%(given)d of %(needed)d approval.", "%(given)d of %(needed)d approvals.", quorum)
    left = User.objects.filter(pk__in=board - voted - {change.requested_by_id}).order_by("name")
    names = list(left.values_list("name", flat=True))
    return Board(
        said % {"given": approvals, "needed": quorum},
        _who_is_left(names, quorum - approvals),
        _mine(change, by, board=board, voted=voted),
        by.user_id in board - voted - {change.requested_by_id},
    )


def _who_is_left(names: Sequence[str], missing: int) -> str:
    if len(names) < missing:
        text = gettext(
            "Too few are on the board to decide: a manager lowers the quorum, or an admin adds members."
        )
        return f"{text} {_can_vote(names)}" if names else text
    return _can_vote(names)


def _can_vote(names: Sequence[str]) -> str:
    said = ngettext("%(names)s can still vote.", "%(names)s can still vote.", len(names))
    return said % {"names": ", ".join(names)}


def _mine(change: ChangeRequest, by: Actor, *, board: set[int], voted: set[int]) -> Any:
    if by.user_id in voted:
        return _("You have voted.")
    if by.user_id is not None and by.user_id == change.requested_by_id:
        return _("You asked for it, so others decide.")
    if by.user_id not in board:
        return _("You are not on the change board of this project, so you have no vote.")
    return _("It waits for your vote.")
