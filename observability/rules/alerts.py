"""What the next look at a rule means for its alert.

ok has to hold for the rule's whole window before an alert recovers. A warning is not ok, and no data neither counts
nor heals: after either, the window begins anew. Whoever acknowledged a breach took that one: where none was seen for a
whole window, though nothing was ok either, the next one is open again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from observability.states import AlertSeverity, AlertState, VerdictStatus


class Step(StrEnum):
    OPEN = "open"
    COUNT = "count"
    REOPEN = "reopen"
    WAIT = "wait"
    INTERRUPT = "interrupt"
    RECOVER = "recover"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Course:
    """What of an alert decides: `ok_since` while it is ok and not recovered, `recovered_at` once it is.

    `seen_at` is its last breach.
    """

    state: AlertState
    ok_since: datetime | None = None
    recovered_at: datetime | None = None
    seen_at: datetime | None = None


def step(
    course: Course | None, status: VerdictStatus, *, now: datetime, window: timedelta, reopen: timedelta
) -> Step:
    """What `status` at `now` does to the rule's latest alert; None: there never was one.

    `window` is how long ok has to hold, `reopen` how long after its recovery a breach is the same alert again.
    """
    breach = status == VerdictStatus.BREACH
    if course is None:
        return Step.OPEN if breach else Step.NOTHING
    if course.state == AlertState.RECOVERED:
        again = Step.REOPEN if is_reopened(course.recovered_at, now=now, reopen=reopen) else Step.OPEN
        return again if breach else Step.NOTHING
    if breach:
        return Step.REOPEN if _is_another(course, now=now, window=window) else Step.COUNT
    if status != VerdictStatus.OK:
        return Step.INTERRUPT if course.ok_since else Step.NOTHING
    return _heal(course.ok_since, now=now, window=window)


def _is_another(course: Course, *, now: datetime, window: timedelta) -> bool:
    """Whether a breach at `now` is not the one that somebody has acknowledged."""
    calm = course.seen_at is not None and now - course.seen_at > window
    return calm and course.state == AlertState.ACKNOWLEDGED


def _heal(ok_since: datetime | None, *, now: datetime, window: timedelta) -> Step:
    if ok_since is None or ok_since > now:  # a clock that was ahead: ok is known from now on
        return Step.WAIT
    return Step.RECOVER if now - ok_since >= window else Step.NOTHING


def is_reopened(recovered_at: datetime | None, *, now: datetime, reopen: timedelta) -> bool:
    """Whether a breach at `now` is the alert that recovered then, and no new one."""
    return recovered_at is not None and now - recovered_at <= reopen


def is_to_be_told(state: AlertState, status: VerdictStatus, *, told: bool) -> bool:
    """Whether somebody still has to hear of an alert: nobody was told since it began, and nobody has taken it.

    Not while it is ok: it recovers, or is in breach again and told then.
    """
    return state == AlertState.OPEN and status != VerdictStatus.OK and not told


def is_escalated(
    state: AlertState, status: VerdictStatus, since: datetime, *, now: datetime, days: int
) -> bool:
    """Whether an alert that lasts since `since` has lasted for `days` of 24 hours, acknowledged or not.

    Said of what is in breach: it may have been unknown for days.
    """
    lasts = state != AlertState.RECOVERED and now - since >= timedelta(days=days)
    return lasts and status == VerdictStatus.BREACH


RANKS: Mapping[str, int] = {severity: rank for rank, severity in enumerate(AlertSeverity.values)}
"""Severities in their order, worst first."""
