"""Pure decisions of tenancy: who somebody is in a tenant, when to try again, what a link of a chain hashes to."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any

from tenancy.errors import BrokenChain

SLUG = re.compile(r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")


def schema_of(slug: str) -> str:
    """The schema of the tenant `slug`: `t_acme`; hyphens become underscores."""
    return "t_" + slug.replace("-", "_")


def backoff_seconds(attempts: int, *, base: float, cap: float, jitter: float = 1.0) -> float:
    """Seconds until the next try after `attempts` failures: exponential, capped, scaled by `jitter` in 0..1.

    With a random `jitter` this is full jitter; with 1.0 it is the upper bound.
    """
    return jitter * min(cap, base * 2.0 ** min(attempts - 1, 30))  # not tunable: doubled, and no overflow


def quiet_until(now: datetime, *, start: time, end: time, zone: tzinfo) -> datetime | None:
    """When the quiet hours that `now` lies in end; None outside them. They may span midnight.

    The wall clock of `zone` decides, so they are an hour longer or shorter where the clocks change.
    """
    local = now.astimezone(zone)
    inside = start <= local.time() < end if start < end else not end <= local.time() < start
    if not inside:
        return None
    day = local.date() + timedelta(days=local.time() >= start > end)
    ends = datetime.combine(day, end, tzinfo=zone).astimezone(UTC)
    # In the hour that the clocks repeat, the first of the two moments may be over.
    return ends if ends > now else datetime.combine(day, end, tzinfo=zone).replace(fold=1).astimezone(UTC)


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


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a chain: a line's seq and hash; 0 and nothing before the first."""

    seq: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A journal line as its hash sees it; `personal` is its part with the salt, None when there is none."""

    body: Mapping[str, Any]
    hash: str
    personal: Mapping[str, Any] | None = None

    @property
    def mark(self) -> Mark:
        return Mark(self.body["seq"], self.hash)


def follow(lines: Iterable[Line], *, keys: Mapping[str, bytes], after: Mark) -> Iterator[Line]:
    """Give on each line that holds, beginning with the one after `after`.

    Raises BrokenChain at the first that does not: a gap, a line that is not what was signed or signed with none
    of `keys`, a personal part that is not what was hashed.
    """
    last = after
    for line in lines:
        seq, key_id = line.body["seq"], line.body["key_id"]
        if seq != last.seq + 1:
            raise BrokenChain(last.seq + 1, f"missing; the next line is {seq}")
        if key_id not in keys:
            raise BrokenChain(seq, f"signed with the unknown key {key_id!r}")
        if link_hash(keys[key_id], previous=last.hash, body=line.body) != line.hash:
            raise BrokenChain(seq, "its content or its place is not what was signed")
        part = line.personal
        if part is not None and personal_hash(part["salt"], part["data"]) != line.body["personal_hash"]:
            raise BrokenChain(seq, "its personal part is not what was hashed")
        yield line
        last = line.mark


def secret_digest(secret: str) -> str:
    """Hex SHA-256 of a random 256-bit secret. No slow hash: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()
