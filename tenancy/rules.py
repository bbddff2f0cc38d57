"""Pure decisions of tenancy: who somebody is in a tenant, when to try again, what a link of a chain hashes to."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

SLUG = re.compile(r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")


def schema_of(slug: str) -> str:
    """The schema of the tenant `slug`: `t_acme`; hyphens become underscores."""
    return "t_" + slug.replace("-", "_")


def backoff_seconds(attempts: int, *, base: float, cap: float, jitter: float = 1.0) -> float:
    """Seconds until the next try after `attempts` failures: exponential, capped, scaled by `jitter` in 0..1.

    With a random `jitter` this is full jitter; with 1.0 it is the upper bound.
    """
    return jitter * min(cap, base * 2.0 ** min(attempts - 1, 30))


def grant_ends_at(now: datetime, minutes: int, *, maximum: int) -> datetime | None:
    """When a support grant of `minutes` ends; None if it asks for nothing or for more than `maximum`."""
    return now + timedelta(minutes=minutes) if 0 < minutes <= maximum else None


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON that is the same bytes for the same content: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def link_hash(key: bytes, *, previous: str, body: Mapping[str, Any]) -> str:
    """Hex HMAC-SHA256 that ties an event's body to the hash of the one before."""
    return hmac.new(key, previous.encode() + b"\n" + canonical(body), hashlib.sha256).hexdigest()


def personal_hash(salt: str, personal: Mapping[str, Any]) -> str:
    """Hex SHA-256 of an event's personal part under its own salt.

    The part and the salt lie beside the chain: erased, they leave this hash, which nobody can turn back.
    """
    return hashlib.sha256(salt.encode() + b"\n" + canonical(personal)).hexdigest()


def secret_digest(secret: str) -> str:
    """Hex SHA-256 of a random 256-bit secret. No slow hash: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()
