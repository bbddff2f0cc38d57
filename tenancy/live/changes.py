"""What a stream tells of a journal's line: the registry that higher apps fill, and the text of each event."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

NOBODY: Final[frozenset[int]] = frozenset()
EVERYBODY: Final = None
"""For `Told.customers`: every customer who sees the scope."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a journal, as far as streams look at it. `key` is the part of the subject behind the colon."""

    seq: int
    at: datetime
    by: int | None
    verb: str
    key: str
    scope: UUID
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What more is told of a line: its row's number, and which customers hear of it (by user id, or EVERYBODY)."""

    number: int | None = None
    customers: Collection[int] | None = NOBODY


@dataclass(frozen=True, slots=True)
class Change:
    """One event of a stream. Who sees the scope hears of it; of those, customers only if they are `customers`."""

    seq: int
    scope: UUID
    customers: Collection[int] | None
    text: bytes

    def is_for(self, user_id: int, *, is_ours: bool) -> bool:
        """Whether somebody who sees the scope hears of it."""
        return is_ours or self.customers is EVERYBODY or user_id in self.customers


Look = Callable[[Sequence[Line]], Mapping[int, Told]]
_kinds: dict[str, tuple[str, Look]] = {}


def tell(subject: str, kind: str, look: Look) -> None:
    """Tell of lines whose subject is a `subject` ("changerequest"), as `kind` ("change"); for AppConfig.ready().

    `look` gets such lines of one tenant, in that tenant, and says by `seq` what more is told of each; one that it
    leaves out is told to us alone, without a number. Raises ValueError for a subject that is told of already.
    """
    if subject in _kinds:
        raise ValueError(f"{subject} is told of already")
    _kinds[subject] = (kind, look)


def changes_of(rows: Iterable[tuple[int, datetime, int | None, str, str, UUID | None, str]]) -> list[Change]:
    """What is told of rows (seq, at, actor, verb, subject, scope, data as JSON) of this thread's tenant, in order.

    A line without a scope is nobody's, and one of a subject that nobody registered is not told.
    """
    lines: dict[str, list[Line]] = {}
    for seq, at, by, verb, subject, scope, data in rows:
        name, _, key = subject.partition(":")
        if scope is not None and name in _kinds:
            lines.setdefault(name, []).append(Line(seq, at, by, verb, key, scope, json.loads(data)))
    found = []
    for name, those in lines.items():
        kind, look = _kinds[name]
        more = look(those)
        found += [_change(line, kind, more.get(line.seq, Told())) for line in those]
    return sorted(found, key=lambda change: change.seq)


def _change(line: Line, kind: str, told: Told) -> Change:
    about = {
        "seq": line.seq,
        "at": stamp(line.at),
        "project": str(line.scope),
        "kind": kind,
        "id": line.key,
        "number": told.number,
        "verb": line.verb,
        "by": line.by,
    }
    return Change(line.seq, line.scope, told.customers, event("change", about, seq=line.seq))


def event(name: str, about: Mapping[str, Any], *, seq: int | None = None) -> bytes:
    """An event of a stream as it goes over the wire; with `seq`, who comes back asks for what is after it."""
    begins = f"event: {name}\n" if seq is None else f"event: {name}\nid: {seq}\n"
    return f"{begins}data: {json.dumps(about, separators=(',', ':'))}\n\n".encode()


def stamp(at: datetime) -> str:
    """A time as the API writes it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
