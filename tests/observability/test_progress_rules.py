"""What refuses the heartbeat: each reason by itself, at its limit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from observability.rules.progress import Progress, refusals, stale

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
STALE, BACKLOG, JUDGED = timedelta(seconds=60), timedelta(seconds=120), timedelta(seconds=180)
LITTLE = timedelta(seconds=1)
WELL = Progress(pulses={"sweep": NOW, "dispatch": NOW})


def refused(progress: Progress | None = WELL, failing: tuple[str, ...] = ()) -> dict[str, str]:
    return refusals(progress, failing, now=NOW, stale_after=STALE, backlog=BACKLOG, judged_within=JUDGED)


def with_pulse(name: str, at: datetime) -> Progress:
    return replace(WELL, pulses={**WELL.pulses, name: at})


def test_nothing_speaks_against_it():
    assert refused() == {}


def test_not_being_ready_does():
    assert refused(failing=("beat", "queue")) == {"ready": "not ready: beat, queue"}


def test_a_database_that_does_not_answer_does():
    assert refused(None) == {"database": "the database does not answer"}
    assert list(refused(None, ("database",))) == ["ready", "database"]


@pytest.mark.parametrize("name", ["sweep", "dispatch"])
def test_what_must_go_on_and_does_not_does(name):
    assert refused(with_pulse(name, NOW - STALE + LITTLE)) == {}
    assert refused(with_pulse(name, NOW - STALE)) == {name: f"{name}: none has succeeded for 60 s"}
    never = Progress(pulses={other: NOW for other in ("sweep", "dispatch") if other != name})
    assert refused(never) == {name: f"{name}: none has ever succeeded"}


@pytest.mark.parametrize("name", ["sweep", "dispatch"])
def test_a_pulse_from_the_future_proves_nothing(name):
    assert refused(with_pulse(name, NOW + STALE - LITTLE)) == {}
    ahead = refused(with_pulse(name, NOW + STALE))
    assert ahead == {name: f"{name}: the last one succeeds in 60 s: some clock is wrong"}


@pytest.mark.parametrize("name", ["deadline", "delivery"])
def test_what_waits_for_too_long_does(name):
    def oldest(at):
        return replace(WELL, **{f"oldest_{name}": at})

    assert refused(oldest(NOW - BACKLOG + LITTLE)) == {}
    assert refused(oldest(NOW - BACKLOG)) == {name: f"the oldest {name} that is due waits for 120 s"}


def test_alarms_that_were_judged_and_are_no_more_do():
    assert refused(with_pulse("verdicts", NOW - JUDGED + LITTLE)) == {}
    assert refused(with_pulse("verdicts", NOW - JUDGED)) == {
        "verdicts": "the alarms of tenants: none has succeeded for 180 s"
    }


def test_all_reasons_are_named():
    ill = Progress({}, oldest_deadline=NOW - BACKLOG, oldest_delivery=NOW - BACKLOG)
    assert list(refused(ill, ("beat",))) == ["ready", "sweep", "dispatch", "deadline", "delivery"]


def test_stale():
    assert stale(None, now=NOW, after=STALE)
    assert not stale(NOW, now=NOW, after=STALE)
