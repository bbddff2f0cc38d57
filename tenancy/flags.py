"""Flags, read from memory: a read is a dictionary look-up, refreshed in the background.

The flags that the code knows are declared here; their rows are made by `ensure`, their settings by services.
"""

import logging
import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection

from tenancy.models import Flag, Tenant, TenantFlag

logger = logging.getLogger(__name__)

PROJECT_SCOPE = "project_scope_enabled"

DECLARED: dict[str, tuple[str, bool]] = {
    PROJECT_SCOPE: ("Members see only the projects that they are a member of", True),
}


@dataclass(frozen=True, slots=True)
class _Snapshot:
    defaults: dict[str, bool]
    settings: dict[tuple[str, int], bool]


_snapshot = _Snapshot({key: default for key, (_, default) in DECLARED.items()}, {})
_refresher: threading.Thread | None = None


def flag_is_enabled(key: str, tenant: Tenant) -> bool:
    """Whether `key` is on for `tenant`. Never queries. At most `access.FLAG_REFRESH_SECONDS` old.

    Raises KeyError for a flag that is not declared.
    """
    seen = _snapshot
    value = seen.settings.get((key, tenant.pk))
    return seen.defaults[key] if value is None else value


def ensure() -> None:
    """Make the rows of declared flags that are missing; run after migrations."""
    rows = [Flag(key=key, description=text, default=default) for key, (text, default) in DECLARED.items()]
    Flag.objects.bulk_create(rows, ignore_conflicts=True)


def refresh() -> None:
    """Read all flags once. Called by whoever changed one and by the refresher."""
    global _snapshot  # noqa: PLW0603  # one atomic swap of an immutable snapshot is the point
    defaults = {key: default for key, (_, default) in DECLARED.items()}
    defaults |= dict(Flag.objects.values_list("key", "default"))
    rows = TenantFlag.objects.values_list("flag__key", "tenant_id", "enabled")
    _snapshot = _Snapshot(defaults, {(key, tenant_id): enabled for key, tenant_id, enabled in rows})


def start_refreshing() -> None:
    """Refresh in a daemon thread from now on: what each serving process calls once it has started."""
    global _refresher  # noqa: PLW0603  # one thread per process
    if _refresher is None or not _refresher.is_alive():
        _refresher = threading.Thread(target=_keep_refreshing, name="flags", daemon=True)
        _refresher.start()


def _keep_refreshing() -> None:
    while True:
        try:
            refresh()
        except DatabaseError as error:
            logger.warning("flags are stale, the database does not answer: %s", error)
        finally:
            connection.close_if_unusable_or_obsolete()
        time.sleep(settings.THRESHOLDS.access.FLAG_REFRESH_SECONDS)
