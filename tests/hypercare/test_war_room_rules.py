"""The war room's rules, by their properties; no database."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hypercare.rules import (
    Standing,
    counts_of,
    days_since,
    is_at_risk,
    light_of,
    open_by_day,
    worst_first,
)
from hypercare.states import Light, Severity

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
MINUTES = st.integers(-100_000, 100_000).map(lambda minutes: NOW + timedelta(minutes=minutes))
STANDINGS = st.lists(
    st.builds(
        Standing,
        number=st.integers(1, 10_000),
        severity=st.sampled_from(Severity.values),
        is_breached=st.booleans(),
        is_at_risk=st.booleans(),
        due=st.lists(MINUTES, max_size=2).map(tuple),
    ),
    max_size=30,
)
WORSE = [Light.GREEN, Light.AMBER, Light.RED]


def standing(severity: str, *, breached: bool = False) -> Standing:
    return Standing(1, severity, breached, False, ())


def test_the_light_by_its_table() -> None:
    table = {
        ("P1", False): "red",
        ("P1", True): "red",
        ("P2", False): "amber",
        ("P2", True): "red",
        ("P3", False): "green",
        ("P3", True): "amber",
        ("P4", False): "green",
        ("P4", True): "amber",
    }
    for (severity, breached), light in table.items():
        assert light_of([standing(severity, breached=breached)]) == light
    assert light_of([]) == "green"


@given(STANDINGS)
def test_the_light_is_that_of_the_worst_alone(rows: list[Standing]) -> None:
    alone = [light_of([row]) for row in rows]
    assert light_of(rows) == max(alone, key=WORSE.index, default=Light.GREEN)


@given(STANDINGS)
def test_worst_first_is_what_is_late_by_severity_then_the_time_that_is_left(rows: list[Standing]) -> None:
    ordered = sorted(rows, key=lambda row: worst_first(row, NOW))
    due = [row.next_due_at for row in ordered]
    late = [row for row in ordered if row.next_due_at and row.next_due_at <= NOW]
    running = [at for at in due[len(late) :] if at]
    assert ordered[: len(late)] == late, "what is late comes first"
    assert [row.severity for row in late] == sorted(row.severity for row in late), "the gravest on top"
    for severity in Severity.values:
        since = [row.next_due_at for row in late if row.severity == severity]
        assert since == sorted(since), "of these the longest late"
    assert due[len(late) :] == [*sorted(running), *[None] * (len(due) - len(late) - len(running))]


@given(STANDINGS)
def test_worst_first_is_one_order(rows: list[Standing]) -> None:
    keys = [sorted(worst_first(row, NOW) for row in some) for some in (rows, rows[::-1])]
    assert keys[0] == keys[1]


@given(STANDINGS)
def test_the_counts_are_of_all(rows: list[Standing]) -> None:
    counts = counts_of(rows, NOW)
    assert [count.severity for count in counts] == Severity.values
    assert sum(count.open for count in counts) == len(rows)
    assert sum(count.breached for count in counts) == sum(row.is_breached for row in rows)
    assert sum(count.at_risk for count in counts) == sum(row.is_at_risk for row in rows)
    ahead = [at for row in rows for at in row.due if at > NOW]
    assert min((count.next_due_at for count in counts if count.next_due_at), default=None) == min(
        ahead, default=None
    )


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(1, 99))
def test_at_risk_is_between_the_share_and_the_breach(elapsed: int, target: int, percent: int) -> None:
    found = is_at_risk(elapsed, target, percent)
    assert found == (percent * target <= 100 * elapsed and elapsed < target)


FLOW = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30)


@given(FLOW, st.integers(0, 500))
def test_each_day_has_those_of_the_day_before_and_what_came_less_what_went(
    flow: list[tuple[int, int, int]], open_now: int
) -> None:
    days = {date(2026, 11, 1) + timedelta(days=n): counts for n, counts in enumerate(flow)}
    levels = open_by_day(days, open_now)
    assert list(levels) == list(days)
    assert [*levels.values()][-1] == open_now
    before = None
    for day, (inflow, outflow, reopened) in days.items():
        if before is not None:
            assert levels[day] == before + inflow + reopened - outflow
        before = levels[day]


def test_days_begin_with_the_go_live_unless_it_is_to_come() -> None:
    days = [date(2026, 11, 1) + timedelta(days=n) for n in range(5)]
    assert days_since(days, None) == days
    assert days_since(days, days[2]) == days[2:]
    assert days_since(days, days[0] - timedelta(days=9)) == days
    assert days_since(days, days[-1]) == days[-1:]
    assert days_since(days, days[-1] + timedelta(days=1)) == days
