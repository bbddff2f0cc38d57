"""The outbox: who is told what, on which channel, written with the change and sent after it.

Claim, commit, send outside any transaction, mark by fence. A claimant that dies leaves a lease that ends; what
then happens is the channel's choice between "never twice" and "never lost".
"""

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.utils import timezone, translation

from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_tenant, entering
from tenancy.models import Delivery, Tenant, User
from tenancy.rules import backoff_seconds
from tenancy.states import DeliveryState, TenantState
from tenancy.transactions import atomic, emit
from tenancy.wake import wake

logger = logging.getLogger(__name__)

DISPATCHER = Actor.system("dispatch")


class Rejected(Exception):
    """The receiver will never take this message: dead at once."""


class Moot(Exception):
    """There is nobody or nothing to tell any more: dead at once, and says so."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a renderer is told: which message, about what, for whom, and for which host its links are."""

    tenant: Tenant
    message: str
    subject: str
    event: UUID
    user: User
    base_url: str


@dataclass(frozen=True, slots=True)
class Content:
    """A rendered message in the recipient's language."""

    subject: str
    text: str
    html: str


class Channel(Protocol):
    """One way to reach somebody."""

    name: str
    repeats_when_unsure: bool

    def send(self, delivery: Delivery, user: User, content: Content) -> str:
        """Hand the message over and return the provider's reference.

        Raises Rejected when trying again is pointless; anything else is tried again.
        """
        ...


Renderer = Callable[[Outgoing], Content]
_channels: dict[str, Channel] = {}
_renderers: dict[str, Renderer] = {}


def register_channel(channel: Channel) -> None:
    """For AppConfig.ready(). Raises ValueError on a second channel of that name."""
    if channel.name in _channels:
        raise ValueError(f"channel {channel.name!r} is registered already")
    _channels[channel.name] = channel


def register_message(message: str, renderer: Renderer) -> None:
    """Say who writes `message`; for AppConfig.ready(). Raises ValueError on a second renderer."""
    if message in _renderers:
        raise ValueError(f"message {message!r} has a renderer already")
    _renderers[message] = renderer


def tell(
    *,
    message: str,
    subject: str,
    event: UUID,
    user_ids: Iterable[int],
    now: datetime,
    channel: str = "email",
    key: str = "",
) -> int:
    """Queue `message` about `subject` to each user, in the transaction of `event`; the same twice is one.

    `key` tells apart what one event tells one recipient twice. Returns how many were asked for.
    Raises LookupError for an unknown message or channel, RuntimeError outside a transaction.
    """
    if message not in _renderers or channel not in _channels:
        raise LookupError(f"nobody renders {message!r} or sends on {channel!r}")
    if not connection.in_atomic_block:
        raise RuntimeError("a delivery is written in the transaction of what it tells")
    tenant = current_tenant()
    rows = [
        Delivery(
            tenant=tenant,
            event=event,
            message=message,
            subject=subject,
            recipient=f"user:{user_id}",
            channel=channel,
            dedupe_key=key or message,
            next_try_at=now,
            created_at=now,
        )
        for user_id in sorted(set(user_ids))
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    wake("dispatch")
    return len(rows)


@dataclass(slots=True)
class Dispatched:
    """Counts of one run."""

    sent: int = 0
    failed: int = 0
    dead: int = 0
    lost_lease: int = 0


_CLAIM = """
UPDATE tenancy_delivery d
   SET state = 'leased', fence = fence + 1, attempts = attempts + 1, leased_until = %(until)s
  FROM (SELECT p.id
          FROM tenancy_delivery p JOIN tenancy_tenant t ON t.id = p.tenant_id AND t.state = %(active)s
         WHERE p.state = 'pending' AND p.next_try_at <= %(now)s
         ORDER BY p.next_try_at LIMIT %(limit)s
           FOR UPDATE OF p SKIP LOCKED) due
 WHERE d.id = due.id
RETURNING d.*
"""


def claim(*, now: datetime) -> list[Delivery]:
    """Lease the next batch to this process; committed before anything is sent."""
    limits = settings.THRESHOLDS.delivery
    with atomic():
        rows = Delivery.objects.raw(
            _CLAIM,
            {
                "until": now + timedelta(seconds=limits.LEASE_SECONDS),
                "now": now,
                "limit": limits.BATCH,
                "active": TenantState.ACTIVE,
            },
        )
        return sorted(rows, key=lambda row: (row.tenant_id, row.pk))


def expire_leases(*, now: datetime) -> int:
    """Take back what dead claimants held. Whether it was sent nobody knows, so the channel decides."""
    again = [name for name, channel in _channels.items() if channel.repeats_when_unsure]
    ended = Delivery.objects.filter(state=DeliveryState.LEASED, leased_until__lt=now)
    unsure = ended.exclude(channel__in=again).update(
        state=DeliveryState.AMBIGUOUS, leased_until=None, last_error="the sender died while sending"
    )
    return unsure + ended.filter(channel__in=again).update(
        state=DeliveryState.PENDING,
        leased_until=None,
        next_try_at=now,
        last_error="the sender died while sending",
    )


def dispatch(*, clock: Callable[[], datetime]) -> Dispatched:
    """Send what is pending until nothing is left to send now."""
    total = Dispatched()
    expire_leases(now=clock())
    while batch := claim(now=clock()):
        tenants = Tenant.objects.in_bulk({row.tenant_id for row in batch})
        for row in batch:
            _send(row, tenants[row.tenant_id], clock=clock, total=total)
    return total


def _send(row: Delivery, tenant: Tenant, *, clock: Callable[[], datetime], total: Dispatched) -> None:
    limits = settings.THRESHOLDS.delivery
    if (
        row.leased_until is None
        or clock() + timedelta(seconds=limits.SEND_TIMEOUT_SECONDS) > row.leased_until
    ):
        total.lost_lease += 1  # this batch took too long: the lease ends by itself and somebody else sends it
        return
    try:
        channel = _channels.get(row.channel)
        renderer = _renderers.get(row.message)
        if channel is None or renderer is None:
            raise Rejected(f"nobody renders {row.message!r} or sends on {row.channel!r}")
        user, content = _render(row, tenant, renderer)
        provider_ref = channel.send(row, user, content)
    except (Rejected, Moot) as error:
        _mark_failed(row, error, final=True, now=clock(), total=total)
    except Exception as error:  # whatever a renderer or a provider raises is stored and tried again
        _mark_failed(row, error, final=row.attempts >= limits.MAX_ATTEMPTS, now=clock(), total=total)
    else:
        marked = _mine(row).update(
            state=DeliveryState.SENT,
            leased_until=None,
            sent_at=clock(),
            provider_ref=provider_ref[:200],
            last_error="",
        )
        total.sent += marked
        total.lost_lease += not marked


def recipient_user(recipient: str) -> User:
    """The user a delivery names. Raises Moot when there is no such active user."""
    kind, _, key = recipient.partition(":")
    user = User.objects.filter(pk=key, is_active=True).first() if kind == "user" and key.isdigit() else None
    if user is None:
        raise Moot(f"{recipient} is not an active user")
    return user


def base_url(tenant: Tenant) -> str:
    """Where the tenant's people find the product, without a slash at the end."""
    url: str = settings.BASE_URL
    return url.replace("://", f"://{tenant.slug}.", 1)


def _render(row: Delivery, tenant: Tenant, renderer: Renderer) -> tuple[User, Content]:
    user = recipient_user(row.recipient)
    with entering(tenant), translation.override(user.language), timezone.override(user.time_zone):
        outgoing = Outgoing(tenant, row.message, row.subject, row.event, user, base_url(tenant))
        return user, renderer(outgoing)


def _mine(row: Delivery) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(pk=row.pk, state=DeliveryState.LEASED, fence=row.fence)


def _mark_failed(row: Delivery, error: Exception, *, final: bool, now: datetime, total: Dispatched) -> None:
    limits = settings.THRESHOLDS.delivery
    wait = backoff_seconds(
        row.attempts,
        base=limits.BACKOFF_SECONDS,
        cap=limits.MAX_BACKOFF_SECONDS,
        jitter=random.random(),  # noqa: S311  # full jitter, not a secret
    )
    why = f"{type(error).__name__}: {error}"[:2000]
    logger.warning("delivery %s to %s failed, attempt %s: %s", row.pk, row.recipient, row.attempts, why)
    with atomic():
        if final:
            marked = _mine(row).update(
                state=DeliveryState.DEAD, leased_until=None, dead_at=now, last_error=why
            )
            if marked:
                data = {"tenant": row.tenant_id, "channel": row.channel, "attempts": row.attempts}
                emit("delivery.dead", f"delivery:{row.pk}", by=DISPATCHER, now=now, data=data, schema=PUBLIC)
            total.dead += marked
        else:
            marked = _mine(row).update(
                state=DeliveryState.PENDING,
                leased_until=None,
                next_try_at=now + timedelta(seconds=wait),
                last_error=why,
            )
            total.failed += marked
        total.lost_lease += not marked


def replay(*, delivery: Delivery, reason: str, by: Actor, now: datetime) -> bool:
    """Give a dead or ambiguous delivery all its tries again. False if it is neither (any more)."""
    with atomic():
        stuck = Delivery.objects.filter(
            Q(state=DeliveryState.DEAD) | Q(state=DeliveryState.AMBIGUOUS), pk=delivery.pk
        )
        moved = stuck.update(
            state=DeliveryState.PENDING, dead_at=None, attempts=0, next_try_at=now, fence=F("fence") + 1
        )
        if moved:
            data = {"tenant": delivery.tenant_id, "channel": delivery.channel, "reason": reason}
            emit("delivery.replayed", f"delivery:{delivery.pk}", by=by, now=now, data=data, schema=PUBLIC)
            wake("dispatch")
        return bool(moved)
