"""Which tenant a host name leads to, remembered for a moment so that a request asks the database nothing."""

from contextlib import suppress
from threading import Lock

from cachetools import TTLCache
from django.conf import settings
from django.db import transaction

from tenancy.models import Domain, Tenant

_cache: TTLCache[str, Tenant | None] = TTLCache(
    maxsize=settings.THRESHOLDS.access.HOSTS_REMEMBERED, ttl=settings.THRESHOLDS.access.HOST_CACHE_SECONDS
)
_lock = Lock()


def find(host: str) -> Tenant | None:
    """The tenant of `host` (no port, any case), or None. Unknown hosts are remembered too, in bounded memory.

    A change in another process is seen after `access.HOST_CACHE_SECONDS`.
    """
    name = host.lower().rstrip(".")
    with _lock, suppress(KeyError):
        return _cache[name]  # asked once: between "is it there" and "give it" its time may be over
    domain = Domain.objects.select_related("tenant").filter(domain=name).first()
    tenant = domain.tenant if domain else None
    with _lock:
        _cache[name] = tenant
    return tenant


def forget() -> None:
    """Drop what this process remembers, now and once more when the transaction commits."""
    clear()
    transaction.on_commit(clear)


def clear() -> None:
    """Drop what this process remembers, now."""
    with _lock:
        _cache.clear()
