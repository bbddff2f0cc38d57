"""Pulses: beat's at each tick, a worker's at each task; they outlive a database that is away."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from celery.signals import task_postrun
from celery.states import FAILURE, SUCCESS
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from observability import tasks
from observability.beat import Scheduler
from observability.models import Pulse
from observability.services import Recorder, beat
from project.celery import app
from tests.observability.conftest import SetPulses

T = TypeVar("T")


def recorded() -> dict[str, datetime]:
    """The pulses of this test; others commit some of their own."""
    return dict(Pulse.objects.exclude(name="incident").values_list("name", "at"))


@pytest.mark.django_db
def test_a_pulse_is_one_row_that_moves(now: datetime) -> None:
    beat(name="beat", now=now)
    beat(name="beat", now=now + timedelta(seconds=5))
    beat(name="sweep", now=now)
    assert recorded() == {"beat": now + timedelta(seconds=5), "sweep": now}


@pytest.mark.django_db
def test_a_process_records_at_most_every_few_seconds(now: datetime) -> None:
    record = Recorder("beat")
    record(now=now)
    record(now=now + timedelta(seconds=1))
    assert recorded() == {"beat": now}


@pytest.mark.django_db
def test_a_database_that_is_away_is_only_logged(
    now: datetime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    raised: list[BaseException] = []

    def record() -> None:
        try:
            Recorder("beat")(now=now)
        except BaseException as error:
            raised.append(error)

    other = threading.Thread(target=record)  # a thread has a connection of its own, to where nobody listens
    other.start()
    other.join()
    assert raised == []
    assert "pulse beat is not recorded" in caplog.text


def new_scheduler() -> Scheduler:
    scheduler = Scheduler(app=app)
    scheduler._finalize.cancel()  # it would save its entries when this process ends, long after their database
    return scheduler


@pytest.fixture
def as_beat(pulses: SetPulses, django_db_blocker: Any) -> Iterator[Callable[[Callable[[], T]], T]]:
    """Run something as the beat process would: on a connection of its own, which commits and which it closes."""
    with ThreadPoolExecutor(1) as beats_thread:
        yield lambda run: beats_thread.submit(run).result()

        def tidy() -> None:
            PeriodicTask.objects.all().delete()
            connections.close_all()

        beats_thread.submit(tidy).result()


def test_beat_records_its_ticks_and_finds_its_schedule(as_beat: Callable[[Callable[[], T]], T]) -> None:
    scheduler = as_beat(new_scheduler)
    assert 0 <= as_beat(scheduler.tick) <= 5
    assert set(as_beat(recorded)) == {"beat"}
    assert {"sweep", "dispatch", "refill-spares"} <= set(as_beat(lambda: scheduler.schedule))


def test_beat_outlives_a_broker_that_is_away(
    as_beat: Callable[[Callable[[], T]], T], caplog: pytest.LogCaptureFixture
) -> None:
    due = ("sweep", "dispatch", "refill-spares")

    def overdue() -> Scheduler:
        new_scheduler()
        PeriodicTask.objects.filter(name__in=due).update(last_run_at=timezone.now() - timedelta(hours=1))
        return new_scheduler()

    scheduler = as_beat(overdue)
    scheduler.__dict__["connection"] = app.connection_for_write(
        "redis://127.0.0.1:1/0"
    )  # where Celery keeps it
    assert as_beat(scheduler.tick) == settings.CELERY_BEAT_MAX_LOOP_INTERVAL
    assert "beat cannot send what is due" in caplog.text
    assert set(as_beat(recorded)) == {"beat"}
    del scheduler.__dict__["connection"]
    waits = [as_beat(scheduler.tick) for _ in (*due, "then")]
    assert waits[:-1] == [0] * len(due)  # each tick sent one: none was lost
    assert waits[-1] > 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "eager", "state", "names"),
    [
        ("tenancy.tasks.sweep", False, SUCCESS, {"consumed", "sweep"}),
        ("tenancy.tasks.dispatch", False, SUCCESS, {"consumed", "dispatch"}),
        ("tenancy.tasks.sweep", False, FAILURE, {"consumed"}),
        ("celery.backend_cleanup", False, SUCCESS, {"consumed"}),
        ("tenancy.tasks.sweep", True, SUCCESS, set()),
    ],
)
def test_a_task_that_ended_is_noted(
    name: str, eager: bool, state: str, names: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_consumed", Recorder("consumed"))
    fresh = {task: Recorder(recorder.name) for task, recorder in tasks._succeeded.items()}
    monkeypatch.setattr(tasks, "_succeeded", fresh)
    app.loader.import_default_modules()
    task: Any = app.tasks[name]
    task.push_request(is_eager=eager)
    try:
        task_postrun.send(sender=task, task=task, task_id="1", args=(), kwargs={}, retval=None, state=state)
    finally:
        task.pop_request()
    assert set(recorded()) == names
