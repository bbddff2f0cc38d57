"""The scheduler and the switch of its tasks: what somebody switched off stays off."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from observability.beat import Scheduler
from project.celery import app
from tenancy import services
from tenancy.actors import Actor
from tenancy.states import StaffRole
from tests.tenancy.databases import own_database

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
PLATFORM = Actor.staff(1, StaffRole.PLATFORM)


@pytest.fixture
def beat(django_db_setup: None, django_db_blocker: Any) -> Iterator[Callable[[], Scheduler]]:
    """`beat()` starts a scheduler, as `celery beat` does, in a database of its own: it commits and reconnects."""
    started: list[Scheduler] = []

    def start() -> Scheduler:
        started.append(Scheduler(app=app))
        return started[-1]

    with django_db_blocker.unblock(), own_database(empty=False):
        yield start
        for scheduler in started:
            scheduler._finalize.cancel()  # what it would write when the process ends


def switch(enabled: bool) -> None:
    task = PeriodicTask.objects.get(name="sweep")
    services.switch_task(task=task, enabled=enabled, reason="Storm", by=PLATFORM, now=NOW)


def test_a_task_that_is_switched_off_stays_off_at_once_and_after_a_restart(
    beat: Callable[[], Scheduler],
) -> None:
    running = beat()
    assert "sweep" in running.schedule
    switch(False)
    assert "sweep" not in running.schedule
    assert "sweep" not in beat().schedule, "starting writes the schedule of settings anew"
    assert not PeriodicTask.objects.get(name="sweep").enabled
    switch(True)
    assert "sweep" in running.schedule
    assert "sweep" in beat().schedule
