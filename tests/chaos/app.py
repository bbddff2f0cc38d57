"""`celery -A tests.chaos.app`: the product's worker and beat with failpoints and a clock of their own."""

import django
from celery.signals import beat_init, worker_ready

from project.celery import app

django.setup()  # what the failpoints are put around holds models

from tests.chaos import armed  # noqa: E402

armed.travel()
armed.arm()
worker_ready.connect(armed.serve)
beat_init.connect(armed.serve)

__all__ = ["app"]
