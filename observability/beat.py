"""Beat, which says that it lives and outlives a database or broker that is away."""

import logging
from typing import Any

from django.db import Error, connection
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler
from kombu import Connection
from kombu.exceptions import OperationalError

from observability.services import Recorder

logger = logging.getLogger(__name__)


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # it has no types
    """The schedule in the database, with the pulse `beat` at each tick (CELERY_BEAT_SCHEDULER).

    Started without a database it ends at once, and whoever supervises it starts it again.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        self._pulse = Recorder("beat")
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; seconds until the next tick. A tick that cannot read the schedule is left out."""
        self._pulse(now=timezone.now())
        try:
            return float(super().tick(*args, **kwargs))
        except (Error, OperationalError) as error:
            logger.warning("beat cannot send what is due: %s", error)
            connection.close_if_unusable_or_obsolete()
            self._heap = None  # an entry may have been taken out and not put back: build it anew
            return float(self.max_interval)

    def _ensure_connected(self) -> Connection:
        # Celery's own waits here until there is a broker, and the pulse would stop for what is not beat's fault.
        broker: Connection = self.connection.ensure_connection(
            max_retries=1,  # not tunable: the next tick tries again
            interval_start=0,
        )
        return broker
