"""Switching what runs regularly. In the operators' journal."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict, NotFound
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.transactions import atomic, emit


def switch_task(*, task: PeriodicTask, enabled: bool, reason: str, by: Actor, now: datetime) -> None:
    """Switch a periodic task on or off. Beat sees it with its next tick, and a restart does not undo it.

    Raises NotAllowed, NotFound, Invalid without a reason, Conflict when it is so already.
    """
    require(by, "schedule.change")
    reason = guards.text(reason, "reason", longest=500)
    with atomic():
        row = PeriodicTask.objects.select_for_update(of=("self",)).filter(pk=task.pk).first()
        if row is None:
            raise NotFound(_("There is no such task."))
        if row.enabled == enabled:
            state = "on" if enabled else "off"
            raise Conflict(_("Somebody switched this task already."), state=state)
        row.enabled = enabled
        row.save(update_fields=["enabled", "date_changed"])  # not update(): saving is how beat hears of it
        data = {"task": row.name, "enabled": enabled, "reason": reason}
        emit("schedule.switched", row, by=by, now=now, data=data, schema=PUBLIC)
