"""The writers of what the system says about itself."""

import logging
import threading
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error, connection

from observability.models import Pulse

logger = logging.getLogger(__name__)


_TAKE_TURN = """
INSERT INTO public.observability_pulse AS pulse (name, at) VALUES (%(name)s, %(now)s)
    ON CONFLICT (name) DO UPDATE SET at = excluded.at
 WHERE pulse.at <= excluded.at - make_interval(secs => %(seconds)s)
    OR pulse.at > excluded.at + make_interval(secs => %(seconds)s)
"""


def beat(*, name: str, now: datetime) -> None:
    """Record that `name` happened at `now`; the last writer wins."""
    Pulse.objects.bulk_create(
        [Pulse(name=name, at=now)], update_conflicts=True, unique_fields=["name"], update_fields=["at"]
    )


def take_turn(*, name: str, every: timedelta, now: datetime) -> bool:
    """Record that `name` happened at `now`, unless it did within `every` before: of several processes one goes on.

    A pulse from further in the future than that is a wrong clock's, and holds up nobody.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TURN, {"name": name, "now": now, "seconds": every.total_seconds()})
        return bool(cursor.rowcount)


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
