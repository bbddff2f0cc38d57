"""One transaction for a change, its deadlines, its deliveries and its journal lines.

The journal's head is a lock, so events are collected and appended as the last statement of the outermost
`atomic` (taken first it would hold up every other writer of the tenant; ADR 4).
"""

import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction

from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_schema, entering_schema, request_id
from tenancy.errors import BrokenChain
from tenancy.journal.models import Event, EventHead, EventPersonal
from tenancy.models import (
    ChainedEvent,
    ChainedPersonal,
    ChainHead,
    OperatorEvent,
    OperatorHead,
    OperatorPersonal,
)
from tenancy.rules import link_hash, personal_hash


@dataclass(frozen=True, slots=True)
class Chain:
    """The three tables of one journal."""

    events: type[ChainedEvent]
    personal: type[ChainedPersonal]
    head: type[ChainHead]


OPERATORS = Chain(OperatorEvent, OperatorPersonal, OperatorHead)
TENANT = Chain(Event, EventPersonal, EventHead)


def chain_of(schema: str) -> Chain:
    return OPERATORS if schema == PUBLIC else TENANT


@dataclass(frozen=True, slots=True)
class _Pending:
    schema: str
    event: ChainedEvent
    personal: ChainedPersonal | None


@dataclass
class _Collected(threading.local):
    depth: int = 0
    pending: list[_Pending] = field(default_factory=list)


_collected = _Collected()


@contextmanager
def atomic() -> Iterator[None]:
    """A transaction, or a savepoint inside one; the outermost appends what was emitted, last of all.

    A savepoint that rolls back takes its events with it.
    """
    outermost = _collected.depth == 0
    mark = len(_collected.pending)
    _collected.depth += 1
    try:
        with transaction.atomic():
            yield
            if outermost:
                _append(_collected.pending)
    except BaseException:
        del _collected.pending[mark:]
        raise
    finally:
        _collected.depth -= 1
        if outermost:
            _collected.pending.clear()


def ref(row: models.Model) -> str:
    """How journals, deadlines and deliveries name a row: `incident:0192…`."""
    return f"{row._meta.model_name}:{row.pk}"


def emit(
    verb: str,
    subject: models.Model | str,
    *,
    by: Actor,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    personal: Mapping[str, Any] | None = None,
    result: str = "",
    log_ref: str = "",
    schema: str | None = None,
) -> UUID:
    """Collect one journal line for the current schema (or the operators', `schema=PUBLIC`) and return its id.

    `data` must not hold personal data; that goes to `personal`, which can be erased.
    Raises RuntimeError outside `atomic`.
    """
    if not _collected.depth:
        raise RuntimeError(f"{verb} emitted outside tenancy.transactions.atomic")
    where = schema or current_schema()
    chain = chain_of(where)
    event = chain.events(
        at=now,
        actor_kind=by.kind,
        actor_id=by.user_id,
        actor_name=by.name,
        grant_id=by.grant_id,
        verb=verb,
        subject=subject if isinstance(subject, str) else ref(subject),
        data=_plain(data or {}),
        result=result,
        log_ref=log_ref,
        request_id=request_id.get(),
    )
    beside = None
    if personal:
        beside = chain.personal(event_id=event.id, salt=secrets.token_hex(16), data=_plain(personal))
        event.personal_hash = personal_hash(beside.salt, beside.data)
    _collected.pending.append(_Pending(where, event, beside))
    return event.id


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON that the database will give back, so that the hash is of what is read."""
    plain: dict[str, Any] = json.loads(json.dumps(value, cls=DjangoJSONEncoder))
    return plain


def _append(pending: list[_Pending]) -> None:
    # Tenants' heads before the operators', each schema once: one lock order for everybody.
    by_schema = sorted(pending, key=lambda item: (item.schema == PUBLIC, item.schema))
    key_id, key = next(iter(settings.JOURNAL_KEYS.items()))
    for schema, group in groupby(by_schema, key=lambda item: item.schema):
        items = list(group)
        chain = chain_of(schema)
        with entering_schema(schema):
            head = chain.head._default_manager.select_for_update().get(pk=1)
            for item in items:
                head.seq += 1
                item.event.seq = head.seq
                item.event.key_id = key_id
                item.event.hash = head.hash = link_hash(key, previous=head.hash, body=item.event.body())
            chain.events._default_manager.bulk_create([item.event for item in items])
            beside = [item.personal for item in items if item.personal]
            if beside:
                chain.personal._default_manager.bulk_create(beside)
            head.save(update_fields=["seq", "hash"])


def verify(schema: str) -> int:
    """Walk the journal of `schema` and return how many links hold.

    Raises BrokenChain at the first that does not: a gap, a changed or unknown-key line, a personal part that
    is not what was hashed, or a head that is not the last line.
    """
    chain = chain_of(schema)
    with entering_schema(schema):
        expected, previous = 0, ""
        personal = {row.event_id: row for row in chain.personal._default_manager.all()}
        for event in chain.events._default_manager.order_by("seq").iterator(chunk_size=2000):
            expected += 1
            if event.seq != expected:
                raise BrokenChain(expected, f"missing; the next line is {event.seq}")
            key = settings.JOURNAL_KEYS.get(event.key_id)
            if key is None:
                raise BrokenChain(event.seq, f"signed with the unknown key {event.key_id!r}")
            if link_hash(key, previous=previous, body=event.body()) != event.hash:
                raise BrokenChain(event.seq, "its content or its place is not what was signed")
            beside = personal.get(event.id)
            if beside and personal_hash(beside.salt, beside.data) != event.personal_hash:
                raise BrokenChain(event.seq, "its personal part is not what was hashed")
            previous = event.hash
        head = chain.head._default_manager.get(pk=1)
        if (head.seq, head.hash) != (expected, previous):
            raise BrokenChain(expected + 1, f"the head says {head.seq} lines; {expected} are here")
    return expected
