"""Decisions about change requests."""

from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from hypercare.states import ChangeState

STEPS: dict[str, tuple[str, ...]] = {
    "edit": (ChangeState.DRAFT, ChangeState.PENDING_APPROVAL, ChangeState.APPROVED),
    "submit": (ChangeState.DRAFT,),
    "approve": (ChangeState.PENDING_APPROVAL,),
    "reject": (ChangeState.PENDING_APPROVAL,),
    "redraft": (ChangeState.REJECTED,),
    "start": (ChangeState.APPROVED,),
    "implement": (ChangeState.IN_PROGRESS,),
    "close": (ChangeState.IMPLEMENTED,),
}
"""What can be done to a change request, and in which states."""


def day_of(now: datetime, zone: ZoneInfo) -> date:
    """The day that it is in `zone` at `now`."""
    return now.astimezone(zone).date()


def is_quorum_possible(quorum: int, board: Collection[int]) -> bool:
    """Whether a board can give so many approvals. One is always possible: a board may still be empty."""
    return 1 <= quorum <= max(1, len(board))
