"""What a clock says, for any events; and the small arithmetic beside it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercare.errors import BrokenClock
from hypercare.rules import Tick, ends_before_go_live, hours, replay, week_began
from hypercare.states import CLOCK_MOVES, INCIDENT_MOVES, ClockEventKind, IncidentState, Severity

START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
ISTANBUL = ZoneInfo("Europe/Istanbul")

# Hypothesis takes naive bounds and adds the zone itself.
moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
spans = st.timedeltas(timedelta(0), timedelta(days=400))
targets = st.integers(1, 525_600)


@given(began=moments, target=targets, passed=spans)
def test_a_running_clock_is_due_after_its_target_and_breached_from_then_on(
    began: datetime, target: int, passed: timedelta
) -> None:
    state = replay([Tick(ClockEventKind.START, began, target)], began + passed)
    assert state.due_at == began + timedelta(minutes=target)
    assert state.elapsed == passed
    assert state.elapsed + state.remaining == state.target
    assert state.breached == (began + passed >= state.due_at)
    assert state.breached == (state.percent >= 100)
    assert state.fulfilled_at is None


@given(began=moments, target=targets, took=spans, later=spans)
def test_a_fulfilled_clock_stands_still(
    began: datetime, target: int, took: timedelta, later: timedelta
) -> None:
    events = [Tick(ClockEventKind.START, began, target), Tick(ClockEventKind.FULFIL, began + took)]
    state = replay(events, began + took + later)
    assert state == replay(events, began + took)
    assert (state.elapsed, state.fulfilled_at) == (took, began + took)
    assert state.breached == (took >= timedelta(minutes=target))


@given(
    events=st.lists(
        st.builds(Tick, st.sampled_from(ClockEventKind.values), moments, st.one_of(st.none(), targets)),
        max_size=4,
    ),
    now=moments,
)
def test_any_events_give_a_true_state_or_are_refused(events: list[Tick], now: datetime) -> None:
    kinds = [event.kind for event in events]
    legal = bool(events) and all(
        after in CLOCK_MOVES[before] for before, after in zip(["", *kinds], kinds, strict=False)
    )
    if not legal or not events[0].target_minutes:
        with pytest.raises(BrokenClock):
            replay(events, now)
        return
    state = replay(events, now)
    assert state.elapsed >= timedelta(0)
    assert state.due_at == events[0].at + state.target
    assert state.breached == (state.remaining <= timedelta(0))


def test_a_share_is_never_rounded_into_a_breach() -> None:
    almost = START + timedelta(hours=4) - timedelta(microseconds=1)
    state = replay([Tick(ClockEventKind.START, START, 240)], almost)
    assert (state.percent, state.breached) == (99, False)


def test_clocks_run_by_elapsed_time_when_the_customer_changes_to_winter_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    began = datetime(2026, 10, 25, 1, 30, tzinfo=berlin)
    state = replay([Tick(ClockEventKind.START, began.astimezone(UTC), 240)], began.astimezone(UTC))
    assert state.due_at.astimezone(berlin).strftime("%H:%M") == "04:30"


def test_the_week_begins_on_monday_in_the_projects_zone() -> None:
    # Sunday 21:30 UTC is Monday 00:30 in Istanbul.
    assert week_began(datetime(2026, 11, 15, 21, 30, tzinfo=UTC), ISTANBUL) == datetime(
        2026, 11, 15, 21, 0, tzinfo=UTC
    )
    assert week_began(datetime(2026, 11, 15, 20, 59, tzinfo=UTC), ISTANBUL) == datetime(
        2026, 11, 8, 21, 0, tzinfo=UTC
    )


def test_hours_keep_nothing_measured_apart_from_zero() -> None:
    assert hours(None) is None
    assert hours(timedelta(0)) == 0
    assert hours(timedelta(hours=6, minutes=20)) == 6.33


@pytest.mark.parametrize(
    ("go_live", "ends", "refused"),
    [
        (None, None, False),
        (START, None, False),
        (None, date(2026, 12, 1), True),
        (START, date(2026, 11, 18), False),
        (START, date(2026, 11, 17), True),
        (datetime(2026, 11, 18, 22, 0, tzinfo=UTC), date(2026, 11, 18), True),  # the 19th in Istanbul
    ],
)
def test_hypercare_ends_on_the_day_of_the_go_live_or_after(
    go_live: datetime | None, ends: date | None, refused: bool
) -> None:
    assert ends_before_go_live(go_live, ends, ISTANBUL) is refused


def test_every_state_has_its_moves_and_leads_only_to_states() -> None:
    assert set(INCIDENT_MOVES) == set(IncidentState.values)
    assert {to for moves in INCIDENT_MOVES.values() for to in moves} <= set(IncidentState.values)
    assert set(CLOCK_MOVES) == {"", *ClockEventKind.values}


def test_a_severity_is_a_shape_too() -> None:
    assert [severity.shape for severity in Severity] == ["◆", "▲", "■", "●"]
