"""What processes do once they have started."""

import logging

from django.conf import settings

logger = logging.getLogger(__name__)


def announce() -> None:
    """Log that the configuration is valid, and which it is; a process with a bad one never comes here."""
    logger.info(
        "Config validation passed: build_id=%s config_hash=%s env=%s process=%s",
        settings.BUILD_ID,
        settings.CONFIG_HASH,
        settings.ENV,
        settings.PROCESS,
    )


def serve() -> None:
    """Announce, and keep the flags fresh from now on: what each process that answers requests does."""
    from project import celery  # noqa: F401, PLC0415 - importing it fills tenancy.wake; commands do without
    from tenancy.flags import start_refreshing  # noqa: PLC0415 - models load after django.setup()

    announce()
    start_refreshing()
