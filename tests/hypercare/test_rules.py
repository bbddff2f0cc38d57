"""What a clock says, for any events; and the small arithmetic beside it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hypercare.errors import BrokenClock
from hypercare.rules import (
    ClockState,
    Tick,
    ends_before_go_live,
    hours,
    in_alphabet,
    replay,
    stretches,
    week_began,
)
from hypercare.states import CLOCK_MOVES, INCIDENT_MOVES, ClockEventKind, ClockPhase, IncidentState, Severity
from tests.hypercare.clockwork import lives, plainly_after, plainly_elapsed

START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
ISTANBUL = ZoneInfo("Europe/Istanbul")
HOUR = timedelta(hours=1)

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
    kinds=st.lists(st.sampled_from(ClockEventKind.values), max_size=5),
    target=st.none() | targets,
    now=moments,
)
def test_any_events_give_a_true_state_or_are_refused(
    kinds: list[str], target: int | None, now: datetime
) -> None:
    events = [Tick(kind, START, target) for kind in kinds]
    phase: ClockPhase | None = ClockPhase.NEW
    for kind in kinds:
        phase = CLOCK_MOVES[phase].get(kind) if phase else None
    if phase in (None, ClockPhase.NEW) or not target:
        with pytest.raises(BrokenClock):
            replay(events, now)
        return
    state = replay(events, now)
    assert state.phase == phase
    assert state.breached == (state.remaining <= timedelta(0))
    assert (state.due_at is None) == (phase is ClockPhase.PAUSED)


LIFE = {
    ClockPhase.NEW: [],
    ClockPhase.RUNNING: ["start"],
    ClockPhase.PAUSED: ["start", "pause"],
    ClockPhase.FULFILLED: ["start", "fulfil"],
}


@pytest.mark.parametrize(
    ("phase", "kind"),
    [
        (phase, kind)
        for phase in ClockPhase
        for kind in ClockEventKind.values
        if kind not in CLOCK_MOVES[phase]
    ],
)
def test_every_move_that_a_clock_does_not_have_breaks_it(phase: ClockPhase, kind: str) -> None:
    events = [Tick(each, START, 60) for each in [*LIFE[phase], kind]]
    with pytest.raises(BrokenClock):
        replay(events, START)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(lives())
def test_a_clock_counts_what_a_plain_minute_by_minute_count_does(life: tuple[list[Tick], datetime]) -> None:
    events, now = life
    state = replay(events, now)
    elapsed = plainly_elapsed(events, now)
    assert state.elapsed == elapsed
    assert state.cycle == sum(event.kind in {"start", "retarget", "reopen"} for event in events)
    if state.phase is ClockPhase.RUNNING and not state.breached:
        due = plainly_after(state.hours, now, state.remaining, within=timedelta(days=3))
        assert due in {None, state.due_at}
        assert state.due_at > now


@given(lives())
def test_every_moment_of_a_clock_is_accounted_for(life: tuple[list[Tick], datetime]) -> None:
    events, now = life
    found = stretches(events, now)
    assert [stretch.begin for stretch in found[1:]] == [stretch.end for stretch in found[:-1]]
    assert sum((stretch.duration for stretch in found), timedelta(0)) == now - events[0].at
    counted = sum((stretch.duration for stretch in found if stretch.counts), timedelta(0))
    assert counted == replay(events, now).elapsed


@given(life=lives(), backwards=st.timedeltas(timedelta(0), timedelta(hours=3)))
def test_time_that_goes_backwards_stands_still(
    life: tuple[list[Tick], datetime], backwards: timedelta
) -> None:
    events, now = life
    last = events[-1]
    moved = [*events[:-1], Tick(last.kind, last.at - backwards, last.target_minutes, last.hours)]
    began = max([moved[0].at, *(event.at for event in moved[:-1])])
    stood = [*moved[:-1], Tick(last.kind, max(began, moved[-1].at), last.target_minutes, last.hours)]
    assert replay(moved, now) == replay(stood, now)
    if len(events) > 1:
        found = stretches(moved, now)
        assert (
            sum((each.duration for each in found if each.counts), timedelta(0)) == replay(moved, now).elapsed
        )


def test_a_clock_that_is_over_stays_due_when_it_was() -> None:
    began = [Tick("start", START, 60)]
    late = START + timedelta(minutes=90)
    assert replay([*began, Tick("fulfil", late)], late).due_at == START + HOUR
    paused = [*began, Tick("pause", late)]
    assert replay(paused, late).due_at is None
    resumed = [*paused, Tick("resume", late + HOUR)]
    assert replay(resumed, late + 2 * HOUR).due_at == START + HOUR
    assert (
        replay([*began, Tick("fulfil", late), Tick("reopen", late + HOUR)], late + HOUR).due_at
        == START + HOUR
    )


def test_a_pause_moves_the_due_time_by_its_length() -> None:
    events = [Tick("start", START, 240), Tick("pause", START + HOUR), Tick("resume", START + 3 * HOUR)]
    state = replay(events, START + 4 * HOUR)
    assert (state.elapsed, state.due_at) == (2 * HOUR, START + 6 * HOUR)


def test_a_new_target_keeps_what_has_elapsed_and_the_pause() -> None:
    events = [Tick("start", START, 240), Tick("pause", START + HOUR)]
    changed = [*events, Tick("retarget", START + 2 * HOUR, 480)]
    state = replay(changed, START + 9 * HOUR)
    assert (state.elapsed, state.phase, state.cycle) == (HOUR, ClockPhase.PAUSED, 2)
    resumed = replay([*changed, Tick("resume", START + 9 * HOUR)], START + 9 * HOUR)
    assert resumed.due_at == START + 16 * HOUR


def test_a_new_target_that_is_over_already_is_due_at_that_moment() -> None:
    at = START + 2 * HOUR
    running = [Tick("start", START, 240), Tick("retarget", at, 60)]
    assert replay(running, at + HOUR).due_at == at
    paused = [Tick("start", START, 240), Tick("pause", START + HOUR), Tick("retarget", at, 30)]
    assert replay(paused, at).breached
    assert replay([*paused, Tick("resume", at + HOUR)], at + HOUR).due_at == at


def test_marks_are_passed_once_each_and_the_next_is_ahead() -> None:
    events, marks = [Tick("start", START, 100)], (50, 80)

    def state(minutes: int) -> ClockState:
        return replay(events, START + timedelta(minutes=minutes))

    assert state(49).passed(marks, warned=0) == ()
    assert state(50).passed(marks, warned=0) == (50,)
    assert state(99).passed(marks, warned=0) == (50, 80)
    assert state(99).passed(marks, warned=50) == (80,)
    assert state(99).passed(marks, warned=80) == ()
    assert state(100).passed(marks, warned=0) == (), "a breach is told instead"
    at = START + timedelta(minutes=20)
    assert state(20).next_mark(marks, warned=0, now=at) == START + timedelta(minutes=50)
    assert state(20).next_mark(marks, warned=50, now=at) == START + timedelta(minutes=80)
    assert state(20).next_mark(marks, warned=80, now=at) is None
    assert state(60).next_mark(marks, warned=0, now=at) == at, "passed already"
    paused = replay([*events, Tick("pause", at)], at)
    assert paused.next_mark(marks, warned=0, now=at) is None
    fulfilled = replay([*events, Tick("fulfil", START + timedelta(minutes=60))], START + HOUR)
    assert fulfilled.passed(marks, warned=0) == ()
    assert fulfilled.next_mark(marks, warned=0, now=START + HOUR) is None


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
    assert set(CLOCK_MOVES) == set(ClockPhase)
    assert {kind for moves in CLOCK_MOVES.values() for kind in moves} == set(ClockEventKind.values)


def test_a_severity_is_a_shape_too() -> None:
    assert [severity.shape for severity in Severity] == ["◆", "▲", "■", "●"]


@pytest.mark.parametrize(
    ("language", "ordered"),
    [
        (
            "tr",
            ["ABD", "Åland Adaları", "Almanya", "Curaçao", "Çad", "Danimarka", "Hırvatistan", "Hindistan"],
        ),
        (
            "tr",
            ["Irak", "İran", "Jamaika", "Orta Afrika", "Özbekistan", "Svalbard", "Şili", "Uganda", "Ürdün"],
        ),
        ("en", ["Afghanistan", "Åland Islands", "Albania", "Iran", "Iraq", "Türkiye", "Turks & Caicos"]),
        ("en", ["Guinea", "Guinea-Bissau", "Guyana", "San Marino", "São Tomé", "Saudi Arabia"]),
    ],
)
def test_names_stand_as_their_readers_look_for_them(language: str, ordered: list[str]) -> None:
    assert sorted(ordered, key=lambda name: in_alphabet(name, language)) == ordered
