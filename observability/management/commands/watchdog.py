"""Watches web, workers and beat: notes levels, raises the platform's alerts, beats to the outside."""

import logging
import os
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from observability import watchdog

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Watches web, workers and beat until SIGTERM (PROCESS=watchdog): raises the platform's alerts, and POSTs a"
        " heartbeat to HEARTBEAT_URL while sweeps and deliveries make progress."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stop.set())
        logger.info(
            "Config validation passed: build_id=%s config_hash=%s env=%s process=%s heartbeat=%s",
            settings.BUILD_ID,
            settings.CONFIG_HASH,
            settings.ENV,
            settings.PROCESS,
            "on" if settings.HEARTBEAT_URL else "off: HEARTBEAT_URL is empty",
        )
        watchdog.watch(stop, clock=timezone.now)
        # The ordinary way takes seconds: it waits for the threads of a sender that hangs, and takes all apart.
        logging.shutdown()
        os._exit(0)
