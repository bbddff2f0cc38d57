"""One transaction for a change, its deadlines, its deliveries and its journal lines.

The journal's head is a lock, so events are collected and appended as the last statement of the outermost
`atomic`, and COMMIT is sent with it: taken first, or held for a round trip longer, the lock would hold up every
other writer of the tenant (ADR 4). Deadlines and deliveries are collected too, and each part of a transaction
writes them at its end, each table in one statement.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction

from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_schema, entering_schema, request_id
from tenancy.journal.models import Event, EventHead, EventPersonal
from tenancy.models import (
    ChainedEvent,
    ChainedPersonal,
    ChainHead,
    Deadline,
    Delivery,
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
class Emitted:
    """A journal line that waits for the end of its transaction."""

    schema: str
    event: ChainedEvent
    personal: ChainedPersonal | None
    urgent: bool


Route = Callable[[Sequence[Emitted]], None]
_routes: list[Route] = []


def route(to: Route) -> None:
    """Have `to` see what each transaction emitted, before its last writes, to queue what follows from it.

    For AppConfig.ready(). `to` may call `write_last` and emits nothing.
    """
    _routes.append(to)


@dataclass
class _Collected(threading.local):
    depth: int = 0
    events: list[Emitted] = field(default_factory=list)
    rows: list[Deadline | Delivery] = field(default_factory=list)


_collected = _Collected()


@contextmanager
def atomic(*, savepoint: bool = False) -> Iterator[None]:
    """A transaction; inside one, part of it. Deadlines and deliveries are written at the end of each part, the
    journal at the end of the outermost: everybody's lock order.

    With `savepoint`, an exception undoes this part alone (its events, deadlines and deliveries too), and who
    catches it may go on. Without, an exception spoils the whole transaction: what services want, and two
    statements less.
    """
    outermost = _collected.depth == 0
    ours = outermost and transaction.get_autocommit()  # not inside somebody else's transaction
    events, rows = len(_collected.events), len(_collected.rows)
    _collected.depth += 1
    try:
        with transaction.atomic(savepoint=outermost or savepoint):
            yield
            if outermost:
                for to in _routes if _collected.events else ():
                    to(_collected.events)
            _insert()
            if outermost:
                _append(_collected.events, commit=ours)
    except BaseException:
        del _collected.events[events:]
        del _collected.rows[rows:]
        raise
    finally:
        _collected.depth -= 1
        if outermost:
            _collected.events.clear()
            _collected.rows.clear()


def write_last(*rows: Deadline | Delivery) -> None:
    """Insert these at the end of this `atomic`, all in one statement; a row that is there already stays.

    Raises RuntimeError outside `atomic`.
    """
    if not _collected.depth:
        raise RuntimeError("deadlines and deliveries are written in the transaction of what they are about")
    _collected.rows.extend(rows)


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
    scope: UUID | None = None,
    urgent: bool = True,
    schema: str | None = None,
) -> UUID:
    """Collect one journal line for the current schema (or the operators', `schema=PUBLIC`) and return its id.

    `scope` says what it belongs to for those who follow that alone; `urgent` is False for what those may skip who
    want to hear of urgent things only. `data` must not hold personal data; that goes to `personal`, which can be
    erased.
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
        scope=scope,
        data=_plain(data or {}),
        result=result,
        log_ref=log_ref,
        request_id=request_id.get(),
    )
    beside = None
    if personal:
        beside = chain.personal(event_id=event.id, salt=secrets.token_hex(16), data=_plain(personal))
        event.personal_hash = personal_hash(beside.salt, beside.data)
    _collected.events.append(Emitted(where, event, beside, urgent))
    return event.id


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON that the database will give back, so that the hash is of what is read."""
    plain: dict[str, Any] = json.loads(json.dumps(value, cls=DjangoJSONEncoder))
    return plain


def _insert() -> None:
    # In the order of their keys: two transactions with the same rows meet in one order.
    rows, _collected.rows = _collected.rows, []
    if deadlines := [row for row in rows if isinstance(row, Deadline)]:
        deadlines.sort(key=lambda row: (row.tenant_id, row.kind, row.subject, row.due_at))
        Deadline.objects.bulk_create(deadlines, ignore_conflicts=True)
    if told := [row for row in rows if isinstance(row, Delivery)]:
        told.sort(key=lambda row: (row.tenant_id, row.event, row.recipient, row.channel, row.dedupe_key))
        Delivery.objects.bulk_create(told, ignore_conflicts=True)


def _append(events: list[Emitted], *, commit: bool) -> None:
    """Write the journal; with `commit` the last statement takes COMMIT along, and Django's then does nothing."""
    # Tenants' heads before the operators', each schema once: one lock order for everybody.
    by_schema = sorted(events, key=lambda item: (item.schema == PUBLIC, item.schema))
    key_id, key = next(iter(settings.JOURNAL_KEYS.items()))
    for schema, group in groupby(by_schema, key=lambda item: item.schema):
        items = list(group)
        chain = chain_of(schema)
        with entering_schema(schema), connection.cursor() as cursor:
            # Spelled out: from here to COMMIT, every other writer of the tenant waits.
            head = chain.head._meta.db_table
            cursor.execute(f"SELECT seq, hash FROM {head} WHERE id = 1 FOR UPDATE")  # noqa: S608 - a table's name
            seq, previous = cursor.fetchone()
            for item in items:
                seq += 1
                item.event.seq, item.event.key_id = seq, key_id
                item.event.hash = previous = link_hash(key, previous=previous, body=item.event.body())
            lines, values = _inserted([item.event for item in items])
            inserts = f"lines AS ({lines})"
            if personal := [item.personal for item in items if item.personal]:
                beside, more = _inserted(personal)
                inserts, values = f"{inserts}, beside AS ({beside})", values + more
            end = "; COMMIT" if commit and items[-1] is by_schema[-1] else ""
            cursor.execute(
                f"WITH {inserts} UPDATE {head} SET seq = %s, hash = %s WHERE id = 1{end}",  # noqa: S608
                [*values, seq, previous],
            )


def _inserted(rows: Sequence[models.Model]) -> tuple[str, list[Any]]:
    """The INSERT of `rows`, which are of one table, and its values."""
    fields = rows[0]._meta.concrete_fields
    columns = ", ".join(str(field.column) for field in fields)
    marks = f"({', '.join(['%s'] * len(fields))})"
    values = [
        field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows for field in fields
    ]
    table = rows[0]._meta.db_table
    return f"INSERT INTO {table} ({columns}) VALUES {', '.join([marks] * len(rows))}", values  # noqa: S608
