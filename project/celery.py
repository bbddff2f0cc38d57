"""Celery only wakes somebody up. Losing every message it holds loses nothing.

Importing this fills `tenancy.wake`: a nudge is handed to a thread of this process and published from there, so
that a broker that is away, or accepts and never answers, costs the request nothing.
"""

import logging
import os
import sys
import threading
import time
from contextlib import suppress

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init
from django.conf import settings
from kombu import Connection

from project.startup import announce, publish, trace
from project.thresholds import ConfigError
from tenancy import wake

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

logger = logging.getLogger(__name__)

# The task base by name: it needs models, which are there only after django.setup().
app = Celery("hypercare", task_cls="tenancy.web.tasks:TenantTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_logging(loglevel: int, **_given: object) -> None:
    """Logs are as settings and LOG_LEVEL say, here too; --loglevel is how much Celery says of itself."""
    logging.getLogger("celery").setLevel(loglevel)


@worker_init.connect
@beat_init.connect
def started(**_given: object) -> None:
    try:
        announce()
    except ConfigError as refused:
        sys.exit(str(refused))  # any other exception of a receiver is logged, and the process goes on
    trace()
    publish()


class Nudger:
    """`nudger(name)` asks for the task `tenancy.tasks.<name>` soon; it returns at once and never raises."""

    def __init__(self) -> None:
        self._start_over()
        os.register_at_fork(after_in_child=self._start_over)

    def _start_over(self) -> None:
        """A forked child has neither the thread nor a right to the locks and the connection of its parent."""
        self._asked: set[str] = set()
        self._something = threading.Condition()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._down = False

    def __call__(self, name: str) -> None:
        with self._something:
            self._asked.add(name)
            self._something.notify()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep_publishing, name="nudge", daemon=True)
                try:
                    self._thread.start()
                except (
                    RuntimeError
                ):  # the interpreter is going down, or there are no more threads: beat sweeps
                    self._thread = None

    def _keep_publishing(self) -> None:
        while True:
            with self._something:
                self._something.wait_for(lambda: self._asked)
                names, self._asked = self._asked, set()
            try:
                for name in sorted(names):
                    self._publish(name)
            except Exception as error:  # whatever a broker's library raises: nothing depends on a nudge
                self._broken(error)
            else:
                self._mended()
            limits = settings.THRESHOLDS.broker
            time.sleep(limits.NUDGE_TIMEOUT_SECONDS if self._down else limits.NUDGE_SPACING_MS / 1000)

    def _publish(self, name: str) -> None:
        if self._connection is None:
            seconds = settings.THRESHOLDS.broker.NUDGE_TIMEOUT_SECONDS
            timeouts = {"socket_connect_timeout": seconds, "socket_timeout": seconds}
            options = {**app.conf.broker_transport_options, **timeouts, "max_retries": 0}
            self._connection = app.connection_for_write(connect_timeout=seconds, transport_options=options)
        app.send_task(
            f"tenancy.tasks.{name}",
            connection=self._connection,
            retry=False,
            expires=settings.THRESHOLDS.broker.WAKE_EXPIRES_SECONDS,
        )

    def _broken(self, error: Exception) -> None:
        if self._connection is not None:
            with suppress(Exception):  # it is broken, so closing it may break too
                self._connection.release()
            self._connection = None
        if not self._down:
            logger.warning("the broker does not take nudges, beat sweeps instead: %s", error)
        self._down = True

    def _mended(self) -> None:
        if self._down:
            logger.info("the broker takes nudges again")
        self._down = False


nudger = Nudger()
wake.fill(nudger)
