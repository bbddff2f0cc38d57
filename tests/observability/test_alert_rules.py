"""What the next look does to an alert: by hand for each step, and for every sequence of looks."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from observability.rules.alerts import Course, Step, is_escalated, is_to_be_told, step
from observability.states import AlertState, VerdictStatus

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
WINDOW, REOPEN = timedelta(minutes=10), timedelta(hours=24)
MINUTE = timedelta(minutes=1)
OK, WARNING, BREACH, NO_DATA = VerdictStatus
OPEN, ACKNOWLEDGED, RECOVERED = AlertState


def next_step(course: Course | None, status: VerdictStatus, now: datetime = NOW) -> Step:
    return step(course, status, now=now, window=WINDOW, reopen=REOPEN)


def recovered(ago: timedelta) -> Course:
    return Course(RECOVERED, NOW - ago - WINDOW, NOW - ago)


def seen(state: AlertState, ago: timedelta) -> Course:
    return Course(state, seen_at=NOW - ago)


@pytest.mark.parametrize(
    ("course", "status", "wanted"),
    [
        (None, BREACH, Step.OPEN),
        (None, OK, Step.NOTHING),
        (None, WARNING, Step.NOTHING),
        (None, NO_DATA, Step.NOTHING),
        (Course(OPEN), BREACH, Step.COUNT),
        (Course(ACKNOWLEDGED), BREACH, Step.COUNT),
        (Course(OPEN), OK, Step.WAIT),
        (Course(ACKNOWLEDGED), OK, Step.WAIT),
        (Course(OPEN, NOW - WINDOW + MINUTE), OK, Step.NOTHING),
        (Course(OPEN, NOW - WINDOW), OK, Step.RECOVER),
        (Course(ACKNOWLEDGED, NOW - WINDOW), OK, Step.RECOVER),
        (Course(OPEN, NOW - WINDOW), BREACH, Step.COUNT),
        (Course(OPEN, NOW - WINDOW), WARNING, Step.INTERRUPT),
        (Course(OPEN, NOW - WINDOW), NO_DATA, Step.INTERRUPT),
        (Course(OPEN), NO_DATA, Step.NOTHING),
        (Course(OPEN), WARNING, Step.NOTHING),
        # Who acknowledged a breach did not acknowledge the next one, after a night without data say.
        (seen(ACKNOWLEDGED, WINDOW), BREACH, Step.COUNT),
        (seen(ACKNOWLEDGED, WINDOW + MINUTE), BREACH, Step.REOPEN),
        (seen(ACKNOWLEDGED, WINDOW + MINUTE), NO_DATA, Step.NOTHING),
        (seen(OPEN, WINDOW + MINUTE), BREACH, Step.COUNT),
        (seen(ACKNOWLEDGED, -MINUTE), BREACH, Step.COUNT),
        (recovered(REOPEN), BREACH, Step.REOPEN),
        (recovered(REOPEN + MINUTE), BREACH, Step.OPEN),
        (recovered(MINUTE), OK, Step.NOTHING),
        (recovered(MINUTE), NO_DATA, Step.NOTHING),
        # A clock that was ahead: ok is known from now on; a breach before the recovery is still the same alert.
        (Course(OPEN, NOW + MINUTE), OK, Step.WAIT),
        (recovered(-MINUTE), BREACH, Step.REOPEN),
    ],
)
def test_each_step(course: Course | None, status: VerdictStatus, wanted: Step) -> None:
    assert next_step(course, status) == wanted


@pytest.mark.parametrize(
    ("state", "status", "told", "wanted"),
    [
        (OPEN, BREACH, False, True),
        (OPEN, WARNING, False, True),
        (OPEN, NO_DATA, False, True),
        (OPEN, OK, False, False),
        (OPEN, BREACH, True, False),
        (ACKNOWLEDGED, BREACH, False, False),
        (RECOVERED, BREACH, False, False),
    ],
)
def test_only_what_is_open_untold_and_not_well_is_told(
    state: AlertState, status: VerdictStatus, told: bool, wanted: bool
) -> None:
    assert is_to_be_told(state, status, told=told) == wanted


@pytest.mark.parametrize(
    ("state", "status", "age", "wanted"),
    [
        (OPEN, BREACH, timedelta(days=3), True),
        (ACKNOWLEDGED, BREACH, timedelta(days=3), True),
        (OPEN, BREACH, timedelta(days=3) - MINUTE, False),
        (OPEN, NO_DATA, timedelta(days=3), False),
        (OPEN, WARNING, timedelta(days=3), False),
        (RECOVERED, BREACH, timedelta(days=9), False),
    ],
)
def test_what_lasts_for_days_is_escalated(
    state: AlertState, status: VerdictStatus, age: timedelta, wanted: bool
) -> None:
    assert is_escalated(state, status, NOW - age, now=NOW, days=3) == wanted


@dataclass
class Kept:
    """An alert as the services keep it."""

    course: Course
    count: int = 1
    told: int = 1


class Looks(RuleBasedStateMachine):
    """Any looks at one rule, at any distance, with people who acknowledge in between."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.alerts: list[Kept] = []
        self.looks: list[tuple[datetime, VerdictStatus]] = []

    @property
    def latest(self) -> Kept | None:
        return self.alerts[-1] if self.alerts else None

    @rule(status=st.sampled_from(VerdictStatus), minutes=st.sampled_from([0, 1, 3, 7, 10, 60, 1430, 1500]))
    def look(self, status: VerdictStatus, minutes: int) -> None:
        self.now += minutes * MINUTE
        self.looks.append((self.now, status))
        latest = self.latest
        what = next_step(latest.course if latest else None, status, self.now)
        if what == Step.OPEN:
            assert status == BREACH
            assert latest is None or latest.course.state == RECOVERED
            self.alerts.append(Kept(Course(OPEN, seen_at=self.now)))
            return
        assert what == Step.NOTHING or latest is not None
        if latest is None:
            return
        was = latest.course
        match what:
            case Step.COUNT:
                assert status == BREACH
                latest.count += 1
                latest.course = Course(was.state, seen_at=self.now)
            case Step.REOPEN:
                if was.state == RECOVERED:
                    assert was.recovered_at
                    assert self.now - was.recovered_at <= REOPEN
                else:
                    assert was.state == ACKNOWLEDGED
                    assert was.seen_at
                    assert self.now - was.seen_at > WINDOW
                latest.count += 1
                latest.told += 1
                latest.course = Course(OPEN, seen_at=self.now)
            case Step.WAIT:
                latest.course = replace(was, ok_since=self.now)
            case Step.INTERRUPT:
                latest.course = replace(was, ok_since=None)
            case Step.RECOVER:
                self.ok_for_the_whole_window()
                latest.course = Course(RECOVERED, was.ok_since, self.now, was.seen_at)

    def ok_for_the_whole_window(self) -> None:
        """Looks have been nothing but ok since one that is at least a window ago."""
        since = self.now
        for at, status in reversed(self.looks):
            if status != OK:
                break
            since = at
        assert self.now - since >= WINDOW

    @precondition(lambda self: self.latest is not None and self.latest.course.state == OPEN)
    @rule()
    def acknowledge(self) -> None:
        assert self.latest
        self.latest.course = replace(self.latest.course, state=ACKNOWLEDGED)

    @invariant()
    def one_is_not_recovered(self) -> None:
        unrecovered = [alert for alert in self.alerts if alert.course.state != RECOVERED]
        assert len(unrecovered) <= 1
        assert all(alert is self.latest for alert in unrecovered)

    @invariant()
    def every_breach_counts_once(self) -> None:
        breaches = sum(status == BREACH for _at, status in self.looks)
        assert sum(alert.count for alert in self.alerts) == breaches

    @invariant()
    def after_a_breach_something_is_wrong(self) -> None:
        if self.looks and self.looks[-1][1] == BREACH:
            assert self.latest
            assert self.latest.course.state != RECOVERED
            assert self.latest.course.ok_since is None


TestLooks = Looks.TestCase
TestLooks.settings = hypothesis_settings(max_examples=100, stateful_step_count=40, deadline=None)
