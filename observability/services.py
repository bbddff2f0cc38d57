"""The writers of what the system says about itself."""

import logging
import threading
import time
from datetime import datetime

from django.conf import settings
from django.db import Error, connection

from observability.models import Pulse

logger = logging.getLogger(__name__)


def beat(*, name: str, now: datetime) -> None:
    """Record that `name` happened at `now`; the last writer wins."""
    Pulse.objects.bulk_create(
        [Pulse(name=name, at=now)], update_conflicts=True, unique_fields=["name"], update_fields=["at"]
    )


class Recorder:
    """Records one pulse from one process, at most every `health.PULSE_SECONDS`.

    A database that is away is logged and raises nothing: a pulse that stops is the message.
    """

    def __init__(self, name: str):
        self.name = name
        self._next = 0.0
        self._lock = threading.Lock()

    def __call__(self, *, now: datetime) -> None:
        with self._lock:
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + settings.THRESHOLDS.health.PULSE_SECONDS
        try:
            beat(name=self.name, now=now)
        except Error as error:
            logger.warning("pulse %s is not recorded: %s", self.name, error)
            connection.close_if_unusable_or_obsolete()
