"""What processes do once they have started."""

import gc
import logging

from django.conf import settings

from project.thresholds import ConfigError

logger = logging.getLogger(__name__)


def announce() -> None:
    """Log that the configuration is valid, and which it is. Raises ConfigError where it names what is not there.

    A process whose numbers are bad never comes here; what the apps measure is known only now.
    """
    from observability.services.verdicts import check_rules  # noqa: PLC0415 - models load after django.setup()

    faults = [f"{fault.id}: {fault.msg}" for fault in check_rules()]
    if faults:
        raise ConfigError(faults)
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
    gc.set_threshold(settings.THRESHOLDS.process.ALLOCATIONS, *gc.get_threshold()[1:])


def publish() -> None:
    """Have live streams told at once of what this process commits; a command's are found when they look."""
    from tenancy import live  # noqa: PLC0415 - models load after django.setup()

    live.fill(live.Publisher(settings.CACHE_URL))


def trace() -> None:
    """Make traces from now on, if somebody takes them; else OpenTelemetry is not even loaded."""
    if settings.TRACING:
        from project import tracing  # noqa: PLC0415 - see above

        tracing.start()


def serve() -> None:
    """Announce, settle, measure requests, and keep the flags fresh: what each process that answers requests does."""
    from observability.recording import requests  # noqa: PLC0415 - models load after django.setup()
    from observability.services import store_requests  # noqa: PLC0415 - as above
    from project import celery  # noqa: F401, PLC0415 - importing it fills tenancy.wake; commands do without
    from tenancy.flags import start_refreshing  # noqa: PLC0415 - as above

    announce()
    trace()
    requests.start(store_requests)
    settle()
    publish()
    start_refreshing()


def finish() -> None:
    """Hand on what was measured and traced, before the process ends; waits for no server longer than a flush."""
    from observability.recording import requests  # noqa: PLC0415 - models load after django.setup()

    requests.stop(timeout=settings.THRESHOLDS.metrics.FLUSH_SECONDS)
    if settings.TRACING:
        from project import tracing  # noqa: PLC0415 - see trace

        tracing.stop()
