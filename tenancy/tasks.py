"""What beat and `wake` start: each calls one service with the clock."""

import logging
from collections.abc import Callable
from datetime import datetime

from celery import shared_task
from django.conf import settings
from django.db import connection
from django.utils import timezone

from tenancy import chains, deadlines, deliveries, provisioning, services
from tenancy.actors import Actor
from tenancy.web.tasks import PublicTask

logger = logging.getLogger(__name__)


def server_clock() -> Callable[[], datetime]:
    """The database server's clock, as far as ours was off when asked.

    Leases and deadlines are compared between machines: one whose clock is wrong must neither take what others hold
    nor write leases that are over already.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        skew = cursor.fetchone()[0] - timezone.now()
    return lambda: timezone.now() + skew


@shared_task(base=PublicTask)
def sweep() -> None:
    """Carry out every deadline that is due."""
    swept = deadlines.sweep(clock=server_clock())
    if swept != deadlines.Swept():
        logger.info("swept: %s", swept)


@shared_task(base=PublicTask)
def dispatch() -> None:
    """Send every delivery that is due."""
    dispatched = deliveries.dispatch(clock=server_clock(), yields=deadlines.pressing)
    if dispatched != deliveries.Dispatched():
        logger.info("dispatched: %s", dispatched)


@shared_task(base=PublicTask)
def refill_spares() -> None:
    """Keep provisioning.SPARE_SCHEMAS spare schemas ready."""
    made = provisioning.prepare_spares(
        count=settings.THRESHOLDS.provisioning.SPARE_SCHEMAS, now=timezone.now()
    )
    if made:
        logger.info("prepared %s spare schemas", made)


@shared_task(base=PublicTask)
def retain() -> None:
    """Delete what is older than its retention."""
    counts = {what: count for what, count in services.retain(now=timezone.now()).items() if count}
    if counts:
        logger.info("retention deleted %s", counts)


@shared_task(base=PublicTask)
def export_heads() -> None:
    """Sign where every journal ends, to the log and to settings.JOURNAL_HEADS_DIR."""
    exported = chains.export_heads(
        folder=settings.JOURNAL_HEADS_DIR, by=Actor.system("journal-heads"), now=timezone.now()
    )
    for name, fault in exported.faults.items():
        logger.error("the journal %s has no sound head: %s", name, fault)
