"""Where an incident may go from where it is."""

from datetime import datetime, timedelta

from hypercare.states import INCIDENT_MOVES, OPEN_STATES, IncidentState, SupportLevel


def legal_moves(state: str, *, answered: bool, reopenable: bool) -> tuple[str, ...]:
    """The states that an incident in `state` may be moved to now.

    `answered`: it has had its first response, so it does not go back to open, nor, without one, from waiting to in
    progress. `reopenable`: it was not closed too long ago.
    """
    never = {IncidentState.WAITING: IncidentState.OPEN if answered else IncidentState.IN_PROGRESS}
    if not reopenable:
        never[IncidentState.CLOSED] = IncidentState.IN_PROGRESS
    return tuple(move for move in INCIDENT_MOVES[state] if move != never.get(IncidentState(state)))


INCIDENT_STEPS: dict[str, tuple[str, ...]] = {
    "edit": (*OPEN_STATES, IncidentState.RESOLVED),
    "respond": (IncidentState.OPEN, IncidentState.WAITING),
    "assign": OPEN_STATES,
    "escalate": OPEN_STATES,
    "wait": (IncidentState.OPEN, IncidentState.IN_PROGRESS),
    "resume": (IncidentState.WAITING,),
    "resolve": OPEN_STATES,
    "close": (IncidentState.RESOLVED,),
    "reopen": (IncidentState.RESOLVED, IncidentState.CLOSED),
    "comment": tuple(IncidentState.values),
    "comment_internally": tuple(IncidentState.values),
}
"""What can be done to an incident, and in which states."""


def may_reopen(closed_at: datetime | None, now: datetime, within: timedelta) -> bool:
    """Whether an incident that was closed at `closed_at` (None: it is not closed) may be reopened at `now`."""
    return closed_at is None or now <= closed_at + within


def levels_above(level: str) -> tuple[str, ...]:
    """The support levels that an incident of `level` may be escalated to, the next one first.

    Without a level it is with L1, where all begin.
    """
    levels = SupportLevel.values
    return tuple(levels[levels.index(level or SupportLevel.L1) + 1 :])
