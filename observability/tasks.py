"""What a worker notes about the tasks that it ends. Bookkeeping: no task depends on it.

Celery's autodiscovery loads this in the processes that consume.
"""

from celery import Task
from celery.signals import task_postrun
from celery.states import SUCCESS
from django.utils import timezone

from observability.services import Recorder

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
