"""What processes do once they have started."""

import gc
import logging

from django.conf import settings

logger = logging.getLogger(__name__)

ALLOCATIONS = 100_000
"""Objects made before Python looks for cycles among them. A page of a list makes some thousands, a war room with 500
incidents some ten thousand, and they leave none: at Python's own 700, each request would pay for many searches."""


def announce() -> None:
    """Log that the configuration is valid, and which it is; a process with a bad one never comes here."""
    logger.info(
        "Config validation passed: build_id=%s config_hash=%s env=%s process=%s",
        settings.BUILD_ID,
        settings.CONFIG_HASH,
        settings.ENV,
        settings.PROCESS,
    )


def settle() -> None:
    """Take what is loaded out of every search for cycles, and search less often: it lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, *gc.get_threshold()[1:])


def publish() -> None:
    """Have live streams told at once of what this process commits; a command's are found when they look."""
    from tenancy import live  # noqa: PLC0415 - models load after django.setup()

    live.fill(live.Publisher(settings.CACHE_URL))


def serve() -> None:
    """Announce, settle, and keep the flags fresh from now on: what each process that answers requests does."""
    from project import celery  # noqa: F401, PLC0415 - importing it fills tenancy.wake; commands do without
    from tenancy.flags import start_refreshing  # noqa: PLC0415 - models load after django.setup()

    announce()
    settle()
    publish()
    start_refreshing()
