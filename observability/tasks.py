"""What beat starts here; and what a worker notes about the tasks that it ends: bookkeeping, no task depends on it.

Celery's autodiscovery loads this in the processes that consume.
"""

import logging

from celery import Task, shared_task
from celery.signals import task_postrun
from celery.states import SUCCESS
from django.utils import timezone

from observability import services
from observability.services import Recorder
from tenancy.tasks import server_clock
from tenancy.web.tasks import PublicTask

logger = logging.getLogger(__name__)

_consumed = Recorder("consumed")
_succeeded = {"tenancy.tasks.sweep": Recorder("sweep"), "tenancy.tasks.dispatch": Recorder("dispatch")}


@task_postrun.connect(dispatch_uid="observability.tasks.note")
def note(*, task: Task[..., object], state: str | None, **_given: object) -> None:
    """Record the pulses of a task that ended; one that was called in place came from no queue."""
    if task.request.is_eager:
        return
    now = timezone.now()
    _consumed(now=now)
    if state == SUCCESS and task.name in _succeeded:
        _succeeded[task.name](now=now)


@shared_task(base=PublicTask)
def evaluate() -> None:
    """Judge the alarms of every active tenant, and have their alerts follow. The watchdog looks at the platform's."""
    done = services.watch(scope=services.TENANT, now=server_clock()())
    if done not in (None, services.Recorded()):
        logger.info("alerts: %s", done)


@shared_task(base=PublicTask)
def plan_summaries() -> None:
    """Have every active tenant's next run summary wait for its time: of new ones, and after anything was lost."""
    planned = services.plan_summaries()
    if planned:
        logger.info("planned the run summaries of %s tenants", planned)
