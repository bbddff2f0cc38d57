"""What the facts that readiness gathered mean: a fact, limits and the time -> a check of ready.schema.json.

Only `error` takes the process out of traffic; `warning` says what a person should look at.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

Check = dict[str, object]


def check(status: str, message: str = "", **values: object) -> Check:
    return {"status": status} | ({"message": message} if message else {}) | values


def timed_out(budget_ms: int) -> Check:
    return check("error", f"timed out after {budget_ms} ms")


def database(latency_ms: float, *, warn_ms: int, error_ms: int) -> Check:
    """Whether the database answers soon enough. Latency is that of SELECT 1 on an open connection, in ms."""
    status = "error" if latency_ms >= error_ms else "warning" if latency_ms >= warn_ms else "ok"
    latency_ms = round(latency_ms, 2)  # not tunable: digits
    return check(status, "" if status == "ok" else "slow", latency_ms=latency_ms)


def beat(last: datetime | None, *, now: datetime, uptime: timedelta, stale_after: timedelta) -> Check:
    """Whether the scheduler ticks; half-way to `stale_after` it is a warning.

    One that never did has as long as `stale_after` since this process started.
    """
    if last is None:
        return check("warning" if uptime < stale_after else "error", "never ticked", last_tick_at=None)
    age = now - last
    late = 2 * age >= stale_after  # not tunable: half-way
    status = "error" if age >= stale_after else "warning" if late else "ok"
    message = f"last tick {age.total_seconds():.0f} s ago" if late else ""
    return check(status, message, last_tick_at=stamp(last))


def beat_unknown() -> Check:
    """The last tick stands in the database, which fails by itself: no second error for one cause."""
    return check("warning", "unknown while the database does not answer", last_tick_at=None)


def watchdog(last: datetime, *, now: datetime, stale_after: timedelta) -> Check:
    """Whether somebody watches. A warning at most: requests are answered as well without."""
    age = now - last
    if age < stale_after:
        return check("ok")
    return check("warning", f"has not looked for {age.total_seconds():.0f} s")


def queue(
    depth: int,
    *,
    consumed: datetime | None,
    known: bool,
    now: datetime,
    uptime: timedelta,
    stuck_after: timedelta,
) -> Check:
    """Whether the queue drains. Stuck: something waits and nothing was consumed for `stuck_after`.

    Where nothing was ever consumed, this process' `uptime` counts. `known`: whether the last consumption could be
    read at all.
    """
    if not depth:
        return check("ok", depth=0, stuck_detected=False)
    idle = uptime if consumed is None else now - consumed
    if known and idle >= stuck_after:
        return check(
            "error", f"nothing consumed for {idle.total_seconds():.0f} s", depth=depth, stuck_detected=True
        )
    return check("warning", "draining", depth=depth, stuck_detected=False)


def queue_unknown(reason: str) -> Check:
    """A broker that is away is a warning, not an error.

    Requests are still answered whole: writes commit with their deadlines and deliveries as rows, the broker only
    carries nudges, and beat's next sweep finds the rows. Out of traffic, nobody could even report that it is away.
    """
    return check(
        "warning", f"broker {reason}: work waits in the database, nothing is lost", stuck_detected=False
    )


def failing(checks: Mapping[str, Check]) -> list[str]:
    """Name the checks that keep the process out of traffic."""
    return sorted(name for name, result in checks.items() if result["status"] == "error")


def stamp(moment: datetime) -> str:
    """RFC 3339."""
    return moment.isoformat(timespec="milliseconds")
