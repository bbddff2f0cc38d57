"""Sending what is queued: claim, commit, render, send, mark."""

import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F, QuerySet
from django.utils import timezone, translation

from tenancy.actors import Actor
from tenancy.context import PUBLIC, entering
from tenancy.deliveries.lanes import Job, Lanes, Result
from tenancy.deliveries.messages import (
    Audience,
    Busy,
    Channel,
    Content,
    Form,
    Moot,
    Outgoing,
    Rejected,
    Renderer,
    Unsure,
    channel_named,
    channels,
    renderer_of,
)
from tenancy.deliveries.outbox import Notice, alarm, tell
from tenancy.models import Delivery, Endpoint, Tenant, User
from tenancy.permissions import require
from tenancy.rules import backoff_seconds
from tenancy.states import ActorKind, DeliveryState, Role, StaffRole, TenantState
from tenancy.transactions import atomic, emit
from tenancy.wake import wake

logger = logging.getLogger(__name__)

DISPATCHER = Actor.system("dispatch")
DISABLED, MOOT = "endpoint.disabled", "delivery.moot"
_ADVISORY_CLASS = 7102  # not tunable: a name, among advisory locks
_DIED = "the sender died while sending"
_ENDPOINT = "endpoint:"


@dataclass(slots=True)
class Dispatched:
    """Counts of one run. `moot`: nobody to tell, or nothing; `lost_lease`: somebody else has the row, or will."""

    sent: int = 0
    failed: int = 0
    dead: int = 0
    moot: int = 0
    ambiguous: int = 0
    lost_lease: int = 0


# ---- claim ----------------------------------------------------------------------------------------------------

# Messages to an endpoint are sent in order, so one process at a time talks to it.
_CLAIM = """
UPDATE tenancy_delivery d
   SET state = 'leased', fence = fence + 1, attempts = attempts + 1, leased_until = %(until)s
  FROM (SELECT p.id
          FROM tenancy_delivery p JOIN tenancy_tenant t ON t.id = p.tenant_id AND t.state = %(active)s
         WHERE p.state = 'pending' AND p.next_try_at <= %(now)s AND p.recipient <> ALL(%(busy)s)
           AND (p.recipient NOT LIKE 'endpoint:%%' OR NOT EXISTS (
                SELECT FROM tenancy_delivery o WHERE o.state = 'leased' AND o.recipient = p.recipient))
         ORDER BY p.next_try_at, p.id LIMIT %(limit)s
           FOR UPDATE OF p) due
 WHERE d.id = due.id
RETURNING d.*
"""


def claim(*, now: datetime, busy: Sequence[str] = ()) -> list[Delivery]:
    """Lease the next batch to this process; committed before anything is sent. None for `busy` recipients.

    Claimants take turns, so that each sees what the others hold.
    """
    limits = settings.THRESHOLDS.delivery
    with atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_ADVISORY_CLASS])
        rows = Delivery.objects.raw(
            _CLAIM,
            {
                "until": now + timedelta(seconds=limits.LEASE_SECONDS),
                "now": now,
                "busy": list(busy),
                "limit": limits.BATCH,
                "active": TenantState.ACTIVE,
            },
        )
        return sorted(rows, key=lambda row: (row.tenant_id, row.pk))


def expire_leases(*, now: datetime) -> int:
    """Take back what dead claimants held. Whether it was sent nobody knows, so the channel decides."""
    with atomic():
        ended = Delivery.objects.filter(state=DeliveryState.LEASED, leased_until__lt=now)
        rows = list(ended.select_for_update(skip_locked=True).order_by("pk"))
        for row in rows:
            _unsure(row, _DIED, now=now)
    return len(rows)


# ---- run ------------------------------------------------------------------------------------------------------


class Yields(Protocol):
    def __call__(self, *, now: datetime) -> bool: ...


def dispatch(*, clock: Callable[[], datetime], yields: Yields = lambda *, now: False) -> Dispatched:
    """Send what is pending until nothing is left to send now, or for delivery.RUN_SECONDS.

    While `yields(now=...)`, nothing is claimed unless it has waited for delivery.YIELD_SECONDS: what is recorded comes
    before what is told, and both want the same processors. Who is yielded to wakes the next run.
    """
    limits = settings.THRESHOLDS.delivery
    ends = time.monotonic() + limits.RUN_SECONDS
    total = Dispatched()
    expire_leases(now=clock())
    with closing(Lanes(clock)) as lanes:
        while True:
            busy = lanes.busy()
            on_time = time.monotonic() < ends
            free = on_time and len(busy) < limits.THREADS and not _yielding(yields, now=clock())
            batch = claim(now=clock(), busy=busy) if free else []
            unsent = [result for row in _written(batch, lanes, clock=clock) if (result := _put(lanes, row))]
            results = unsent + lanes.results()
            mark(results, total=total)
            if not batch and not results and not busy:
                break
    for channel in channels().values():
        channel.hang_up()
    if not on_time:
        wake("dispatch")
    return total


def _yielding(yields: Yields, *, now: datetime) -> bool:
    if not yields(now=now):
        return False
    since = now - timedelta(seconds=settings.THRESHOLDS.delivery.YIELD_SECONDS)
    return not Delivery.objects.filter(state=DeliveryState.PENDING, next_try_at__lte=since).exists()


def _put(lanes: Lanes, job: Job | Result) -> Result | None:
    if isinstance(job, Result):
        return job
    lanes.put(job)
    return None


def _written(
    batch: Sequence[Delivery], lanes: Lanes, *, clock: Callable[[], datetime]
) -> Iterator[Job | Result]:
    """Each row rendered in its tenant for its reader, or what came in the way, in the order of `batch`: by tenant."""
    tenants = Tenant.objects.in_bulk({row.tenant_id for row in batch})
    readers = _Readers(batch)
    for tenant_id, rows in groupby(batch, key=lambda row: row.tenant_id):
        yield from _of_tenant(list(rows), tenants[tenant_id], readers, lanes, now=clock())


def _of_tenant(
    rows: Sequence[Delivery], tenant: Tenant, readers: "_Readers", lanes: Lanes, *, now: datetime
) -> list[Job | Result]:
    """Rows that one renderer writes in one language and zone are written together."""
    done: dict[int, Job | Result] = {}
    alike: dict[tuple[Renderer, str, ZoneInfo], list[tuple[Delivery, Channel, Outgoing]]] = defaultdict(list)
    for row in rows:
        if lanes.blocked(row):
            done[row.pk] = Result(row, now, tried=False)
            continue
        try:
            channel, renderer = _ways(row)
            audience = readers.audience(row)
        except Exception as error:  # stored and, mostly, tried again
            done[row.pk] = _unwritten(row, error, now=now)
            continue
        outgoing = Outgoing(tenant, row.message, row.subject, row.event, audience, base_url(tenant), now)
        alike[renderer, audience.language, audience.time_zone].append((row, channel, outgoing))
    for (renderer, _language, _zone), those in alike.items():
        contents = _contents(renderer, [outgoing for _row, _channel, outgoing in those])
        for (row, channel, outgoing), content in zip(those, contents, strict=True):
            if isinstance(content, Exception):
                done[row.pk] = _unwritten(row, content, now=now)
            else:
                done[row.pk] = Job(row, channel, outgoing.audience, content)
    return [done[row.pk] for row in rows]


def _ways(row: Delivery) -> tuple[Channel, Renderer]:
    """Who sends the row and who writes it. Raises Rejected when nobody does."""
    try:
        channel = channel_named(row.channel)
        return channel, renderer_of(row.message, channel.form)
    except LookupError as error:
        raise Rejected(str(error)) from error


def _contents(renderer: Renderer, batch: Sequence[Outgoing]) -> Sequence[Content | Exception]:
    """What `renderer` answers. If it fails as a whole each is written alone, so that only the one at fault fails."""
    audience = batch[0].audience
    where = translation.override(audience.language), timezone.override(audience.time_zone)
    try:
        with entering(batch[0].tenant), where[0], where[1]:
            contents = renderer(batch)
        if len(contents) != len(batch):
            raise ValueError(f"a renderer answered {len(contents)} of {len(batch)}")
    except Exception as error:  # whatever a renderer raises is stored and tried again
        if len(batch) == 1:
            return [error]
        return [content for outgoing in batch for content in _contents(renderer, [outgoing])]
    return contents


def _unwritten(row: Delivery, error: Exception, *, now: datetime) -> Result:
    """Raises `error` when the connection is lost: nothing can be marked either, and leases end by themselves."""
    if isinstance(error, DatabaseError):
        if connection.connection is None or connection.connection.closed:
            raise error
        logger.error("delivery %s cannot be written", row.pk, exc_info=error)
        return Result(row, now, error=RuntimeError("the database refused; see the log"))
    return Result(row, now, error=error)


class _Readers:
    """The people, endpoints and threads of a batch, each table read once."""

    def __init__(self, batch: Sequence[Delivery]):
        keys: dict[str, set[int]] = {"user": set(), "endpoint": set()}
        for row in batch:
            kind, _, key = row.recipient.partition(":")
            if kind in keys and key.isdigit():
                keys[kind].add(int(key))
        self._users = User.objects.in_bulk(keys["user"]) if keys["user"] else {}
        self._endpoints = Endpoint.objects.in_bulk(keys["endpoint"]) if keys["endpoint"] else {}

    def audience(self, row: Delivery) -> Audience:
        """Raises Moot when there is nobody (any more)."""
        kind, _, key = row.recipient.partition(":")
        pk = int(key) if key.isdigit() else 0
        if kind == "user":
            user = self._users.get(pk)
            if user is None or not user.is_active:
                raise Moot(f"{row.recipient} is not an active user")
            return Audience(user.language, user.time_zone, user=user)
        endpoint = self._endpoints.get(pk)
        if kind != "endpoint" or endpoint is None or endpoint.tenant_id != row.tenant_id:
            raise Moot(f"{row.recipient} is not there")
        if endpoint.disabled_at:
            raise Moot(f"{row.recipient} is disabled")
        return Audience(endpoint.language, endpoint.time_zone, endpoint=endpoint, thread=_thread(row))


def _thread(row: Delivery) -> str:
    if channel_named(row.channel).form != Form.CHAT:
        return ""
    earlier = Delivery.objects.filter(
        recipient=row.recipient, subject=row.subject, state=DeliveryState.SENT, pk__lt=row.pk
    )
    return (
        earlier.exclude(provider_ref="").order_by("pk").values_list("provider_ref", flat=True).first() or ""
    )


def base_url(tenant: Tenant) -> str:
    """Where the tenant's people find the product, without a slash at the end."""
    url: str = settings.BASE_URL
    return url if tenant.schema_name == PUBLIC else url.replace("://", f"://{tenant.slug}.", 1)


# ---- mark -----------------------------------------------------------------------------------------------------

_SENT = """
UPDATE tenancy_delivery d
   SET state = 'sent', leased_until = NULL, sent_at = v.at, provider_ref = v.ref, last_error = ''
  FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::text[]) AS v(id, fence, at, ref)
 WHERE d.id = v.id AND d.fence = v.fence AND d.state = 'leased'
"""


def mark(results: Sequence[Result], *, total: Dispatched) -> None:
    """Store what became of claimed rows. One whose fence has moved is somebody else's and is left alone."""
    sent = [result for result in results if result.tried and result.error is None]
    if sent:
        columns = zip(
            *((one.row.pk, one.row.fence, one.at, one.provider_ref[:200]) for one in sent), strict=True
        )
        with connection.cursor() as cursor:
            cursor.execute(_SENT, [list(column) for column in columns])
            marked = cursor.rowcount
        total.sent += marked
        total.lost_lease += len(sent) - marked
        well = [int(one.row.recipient.partition(":")[2]) for one in sent if _is_endpoints(one.row)]
        if well:
            Endpoint.objects.filter(pk__in=well, failing_since__isnull=False).update(failing_since=None)
    _put_back([result for result in results if not result.tried])
    for result in results:
        if result.tried and result.error is not None:
            with atomic():
                _failed(result, result.error, total=total)


def _mine(row: Delivery) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(pk=row.pk, state=DeliveryState.LEASED, fence=row.fence)


_PUT_BACK = """
UPDATE tenancy_delivery d
   SET state = 'pending', leased_until = NULL, attempts = attempts - 1, next_try_at = v.again
  FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[]) AS v(id, fence, again)
 WHERE d.id = v.id AND d.fence = v.fence AND d.state = 'leased'
"""


def _put_back(untried: Sequence[Result]) -> None:
    """They wait as long as the first try after a failure would at most."""
    if not untried:
        return
    pause = timedelta(seconds=settings.THRESHOLDS.delivery.BACKOFF_SECONDS)
    columns = zip(*((one.row.pk, one.row.fence, one.at + pause) for one in untried), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_PUT_BACK, [list(column) for column in columns])


def _failed(result: Result, error: Exception, *, total: Dispatched) -> None:
    limits, row, now = settings.THRESHOLDS.delivery, result.row, result.at
    why = f"{type(error).__name__}: {error}"[:2000]
    if isinstance(error, Moot):
        _lay_aside(row, str(error)[:2000], now=now, total=total)
        return
    logger.warning("delivery %s to %s failed, attempt %s: %s", row.pk, row.recipient, row.attempts, why)
    if not _mine(row).exists():
        total.lost_lease += 1
    elif isinstance(error, Rejected) or (not isinstance(error, Busy) and row.attempts >= limits.MAX_ATTEMPTS):
        total.dead += _die(row, why, now=now)
    elif isinstance(error, Unsure) and not channel_named(row.channel).repeats_when_unsure:
        total.ambiguous += _unsure(row, why, now=now)
    elif isinstance(error, Busy):  # it is alive and says when: no try is used up
        total.failed += _mine(row).update(
            state=DeliveryState.PENDING,
            leased_until=None,
            attempts=F("attempts") - 1,
            next_try_at=now + error.wait,
            last_error=why,
        )
    else:
        wait = timedelta(seconds=_backoff(row.attempts))
        total.failed += _mine(row).update(
            state=DeliveryState.PENDING, leased_until=None, next_try_at=now + wait, last_error=why
        )
    if _is_endpoints(row):
        _endpoint_failed(int(row.recipient.partition(":")[2]), now=now)


def _backoff(attempts: int) -> float:
    """Seconds to wait, full jitter."""
    limits = settings.THRESHOLDS.delivery
    jitter = random.random()  # noqa: S311 - no secret
    return backoff_seconds(
        attempts, base=limits.BACKOFF_SECONDS, cap=limits.MAX_BACKOFF_SECONDS, jitter=jitter
    )


def _die(row: Delivery, why: str, *, now: datetime) -> int:
    marked = _mine(row).update(state=DeliveryState.DEAD, leased_until=None, dead_at=now, last_error=why)
    if marked:
        _record("delivery.dead", row, now=now)
    return marked


def _lay_aside(row: Delivery, why: str, *, now: datetime, total: Dispatched) -> None:
    """It has become pointless: no failure, neither its own nor its endpoint's, so nobody is alarmed."""
    logger.info("delivery %s to %s is moot: %s", row.pk, row.recipient, why)
    if _mine(row).update(state=DeliveryState.MOOT, leased_until=None, moot_at=now, last_error=why):
        total.moot += 1
        _record(MOOT, row, now=now)
    else:
        total.lost_lease += 1


def _unsure(row: Delivery, why: str, *, now: datetime) -> int:
    """It may have arrived: again where repeats are known as such, a person's decision where they are not."""
    known = channels().get(row.channel)
    if known is not None and known.repeats_when_unsure:
        return _mine(row).update(
            state=DeliveryState.PENDING, leased_until=None, next_try_at=now, last_error=why
        )
    marked = _mine(row).update(state=DeliveryState.AMBIGUOUS, leased_until=None, last_error=why)
    if marked:
        _record("delivery.ambiguous", row, now=now)
    return marked


def _record(verb: str, row: Delivery, *, now: datetime) -> None:
    """In the operators' journal; an alarm, unless it is moot or it is the alarm that did not arrive."""
    data = {"tenant": row.tenant_id, "channel": row.channel, "message": row.message, "attempts": row.attempts}
    emit(verb, f"delivery:{row.pk}", by=DISPATCHER, now=now, data=data, schema=PUBLIC)
    if verb != MOOT and row.tenant.schema_name != PUBLIC:
        alarm(now=now)


# ---- endpoints that fail ----------------------------------------------------------------------------------------


def _is_endpoints(row: Delivery) -> bool:
    return row.recipient.startswith(_ENDPOINT)


def _endpoint_failed(pk: int, *, now: datetime) -> None:
    """Note since when it fails; after delivery.DISABLE_AFTER_DAYS disable it and tell its admins."""
    live = Endpoint.objects.filter(pk=pk, disabled_at__isnull=True)
    live.filter(failing_since__isnull=True).update(failing_since=now)
    days = settings.THRESHOLDS.delivery.DISABLE_AFTER_DAYS
    patience = live.filter(failing_since__lte=now - timedelta(days=days))
    if not patience.update(disabled_at=now, disabled_because=f"failed for {days} days"):
        return
    endpoint = Endpoint.objects.select_related("tenant").get(pk=pk)
    subject, tenant = f"endpoint:{pk}", endpoint.tenant
    data = {"name": endpoint.name, "failing_since": endpoint.failing_since}
    event = emit(DISABLED, subject, by=DISPATCHER, now=now, data=data, schema=tenant.schema_name)
    if tenant.schema_name == PUBLIC:
        people = User.objects.filter(staff_role=StaffRole.PLATFORM, is_active=True)
    else:
        people = User.objects.filter(memberships__tenant=tenant, memberships__role=Role.ADMIN, is_active=True)
    admins = list(people.values_list("pk", flat=True))
    tell(Notice(DISABLED, subject, event, admins, urgent=True), now=now, tenant=tenant)


# ---- replay ---------------------------------------------------------------------------------------------------


def replayable_from(recipient: str) -> tuple[DeliveryState, ...]:
    """The states from which a delivery to `recipient` may be replayed.

    Moot is an end: a person who had no access then, or nothing to be told, is not told later. Not so for an endpoint:
    what waited while it was disabled may go out when it is enabled again.
    """
    stuck = DeliveryState.DEAD, DeliveryState.AMBIGUOUS
    return (*stuck, DeliveryState.MOOT) if recipient.startswith(_ENDPOINT) else stuck


def replay(*, delivery: Delivery, reason: str, by: Actor, now: datetime) -> bool:
    """Give a delivery that is stuck all its tries again. False if its state is not in `replayable_from` (any more).

    Staff replay any, those of a tenant their own, and its journal says so too. Raises NotAllowed.
    """
    inside = by.kind in (ActorKind.MEMBER, ActorKind.SUPPORT)
    require(by, "delivery.own.replay" if inside else "delivery.replay")
    with atomic():
        stuck = Delivery.objects.filter(pk=delivery.pk, state__in=replayable_from(delivery.recipient))
        moved = stuck.update(
            state=DeliveryState.PENDING,
            dead_at=None,
            moot_at=None,
            attempts=0,
            next_try_at=now,
            fence=F("fence") + 1,
        )
        if moved:
            data = {"tenant": delivery.tenant_id, "channel": delivery.channel, "reason": reason}
            for schema in [PUBLIC, delivery.tenant.schema_name] if inside else [PUBLIC]:
                emit("delivery.replayed", f"delivery:{delivery.pk}", by=by, now=now, data=data, schema=schema)
            wake("dispatch")
        return bool(moved)
