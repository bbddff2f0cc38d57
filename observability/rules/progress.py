"""Whether sweeps, deliveries and the look at alarms go on, and what speaks against saying so to the outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MOVING = ("sweep", "dispatch")
"""The pulses of what must go on."""
JUDGED = "verdicts"
"""The pulse of the last look at the alarms of tenants."""


@dataclass(frozen=True, slots=True)
class Progress:
    """When each pulse came last; how much is due, and since when the oldest of it waits (None: nothing does)."""

    pulses: Mapping[str, datetime]
    deadlines: int = 0
    oldest_deadline: datetime | None = None
    deliveries: int = 0
    oldest_delivery: datetime | None = None


def stale(pulse: datetime | None, *, now: datetime, after: timedelta) -> bool:
    """Whether a pulse proves nothing any more. One from the future never did."""
    return pulse is None or abs(now - pulse) >= after


def unjudged(pulse: datetime | None, *, now: datetime, after: timedelta) -> bool:
    """Whether alarms were judged once and are not any more: then what stands says nothing of now."""
    return pulse is not None and stale(pulse, now=now, after=after)


def refusals(
    progress: Progress | None,
    failing: Sequence[str],
    *,
    now: datetime,
    stale_after: timedelta,
    backlog: timedelta,
    judged_within: timedelta,
) -> dict[str, str]:
    """Why no heartbeat is sent, a sentence under a name that stays while the reason does; empty: it is sent.

    `progress` is None while the database does not answer, `failing` are the checks that readiness fails.
    """
    found = {"ready": f"not ready: {', '.join(failing)}"} if failing else {}
    if progress is None:
        return found | {"database": "the database does not answer"}
    for name in MOVING:
        pulse = progress.pulses.get(name)
        if stale(pulse, now=now, after=stale_after):
            found[name] = f"{name}: {_last(pulse, now)}"
    judged = progress.pulses.get(JUDGED)
    if unjudged(judged, now=now, after=judged_within):
        found[JUDGED] = f"the alarms of tenants: {_last(judged, now)}"
    for name, oldest in (("deadline", progress.oldest_deadline), ("delivery", progress.oldest_delivery)):
        if oldest is not None and now - oldest >= backlog:
            found[name] = f"the oldest {name} that is due waits for {_seconds(now - oldest)}"
    return found


def _last(pulse: datetime | None, now: datetime) -> str:
    if pulse is None:
        return "none has ever succeeded"
    if pulse > now:
        return f"the last one succeeds in {_seconds(pulse - now)}: some clock is wrong"
    return f"none has succeeded for {_seconds(now - pulse)}"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
