"""A ticket: what a stream needs to know of its reader, signed, so that opening one asks the database nothing."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing

_SALT = "tenancy.live.ticket"
_UUID = 16  # not tunable: bytes of a UUID


class Refused(Exception):
    """This ticket is none of ours, or of another host, or over."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who listens to which tenant, on which host (no port), to which scopes; `is_ours` hears of internal things."""

    schema: str
    host: str
    user_id: int
    scopes: frozenset[UUID]
    is_ours: bool


def seal(ticket: Ticket, *, expires_at: datetime) -> str:
    """The ticket as text for a URL; it opens streams until `expires_at`, as many as are asked for."""
    body = {
        "s": ticket.schema,
        "h": ticket.host,
        "u": ticket.user_id,
        "p": _packed(ticket.scopes),
        "o": ticket.is_ours,
        "e": expires_at.timestamp(),
    }
    return signing.Signer(salt=_SALT).sign_object(body, compress=True)


def check(text: str, *, host: str, now: datetime) -> Ticket:
    """What `seal` was given. Raises Refused unless `text` is its, for this host, and not over at `now`."""
    try:
        body: dict[str, Any] = signing.Signer(salt=_SALT).unsign_object(text)
    except signing.BadSignature as error:
        raise Refused("not ours") from error
    if body["h"] != host or body["e"] <= now.timestamp():
        raise Refused("of another host, or over")
    return Ticket(
        schema=body["s"], host=host, user_id=body["u"], scopes=_unpacked(body["p"]), is_ours=body["o"]
    )


def _packed(scopes: Iterable[UUID]) -> str:
    """UUIDs in a third of the length of their words."""
    return base64.b64encode(b"".join(scope.bytes for scope in sorted(scopes))).decode()


def _unpacked(text: str) -> frozenset[UUID]:
    raw = base64.b64decode(text)
    return frozenset(UUID(bytes=raw[at : at + _UUID]) for at in range(0, len(raw), _UUID))
