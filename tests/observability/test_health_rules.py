"""What the gathered facts mean, at every boundary."""

from datetime import UTC, datetime, timedelta

import pytest

from observability.rules import health as rules

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
MINUTE, TEN = timedelta(minutes=1), timedelta(minutes=10)
TICK = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("latency", "status"), [(0, "ok"), (99.9, "ok"), (100, "warning"), (499.9, "warning"), (500, "error")]
)
def test_database(latency: float, status: str) -> None:
    judged = rules.database(latency, warn_ms=100, error_ms=500)
    assert (judged["status"], judged["latency_ms"]) == (status, latency)


@pytest.mark.parametrize(
    ("age", "uptime", "status"),
    [
        (timedelta(0), TEN, "ok"),
        (MINUTE / 2 - TICK, TEN, "ok"),
        (MINUTE / 2, TEN, "warning"),
        (MINUTE - TICK, TEN, "warning"),
        (MINUTE, TEN, "error"),
        (MINUTE, timedelta(0), "error"),  # it ticked once, so somebody lost it
        (-MINUTE, TEN, "ok"),  # another machine's clock is ahead
        (None, MINUTE - TICK, "warning"),
        (None, MINUTE, "error"),
    ],
)
def test_beat(age: timedelta | None, uptime: timedelta, status: str) -> None:
    last = None if age is None else NOW - age
    judged = rules.beat(last, now=NOW, uptime=uptime, stale_after=MINUTE)
    assert judged["status"] == status
    assert judged["last_tick_at"] == (last and rules.stamp(last))


@pytest.mark.parametrize(
    ("depth", "idle", "known", "uptime", "expected"),
    [
        (0, 2 * TEN, True, 2 * TEN, ("ok", False)),
        (1, TEN - TICK, True, 2 * TEN, ("warning", False)),
        (1, TEN, True, timedelta(0), ("error", True)),
        (9, None, True, TEN - TICK, ("warning", False)),
        (9, None, True, TEN, ("error", True)),
        (9, None, False, 2 * TEN, ("warning", False)),  # the database that knows is away
    ],
)
def test_queue(
    depth: int, idle: timedelta | None, known: bool, uptime: timedelta, expected: tuple[str, bool]
) -> None:
    consumed = None if idle is None else NOW - idle
    judged = rules.queue(depth, consumed=consumed, known=known, now=NOW, uptime=uptime, stuck_after=TEN)
    assert (judged["status"], judged["stuck_detected"], judged["depth"]) == (*expected, depth)


def test_only_errors_take_a_process_out_of_traffic() -> None:
    given = {"b": "error", "w": "warning", "o": "ok", "a": "error"}
    checks = {name: rules.check(status) for name, status in given.items()}
    assert rules.failing(checks) == ["a", "b"]
