"""Queueing: who is told what, written with the change that they are told of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.conf import settings

from tenancy.context import PUBLIC, connection, current_tenant
from tenancy.deliveries.messages import Form, channel_named, renderer_of
from tenancy.models import Delivery, Endpoint, Preference, Tenant, User
from tenancy.rules import quiet_until
from tenancy.states import NoticeLevel, StaffRole
from tenancy.transactions import Emitted, write_last
from tenancy.wake import wake

ALARM = "machinery.alarm"
_ALARMS = UUID("0b7a5a3e-3c0f-4b57-9d4e-6f2d2f6f0d11")
_ABOUT_DELIVERIES = ("delivery.", "endpoint.")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that people of a tenant are to be told: the message about `subject`, because of `event`.

    `urgent` waits for no quiet hours and outranks preferences when nobody would hear it. `scope` is the project
    whose preferences count. `key` tells apart what one event tells one person twice.
    """

    message: str
    subject: str
    event: UUID
    user_ids: Iterable[int]
    urgent: bool
    scope: UUID | None = None
    key: str = ""


def tell(*notices: Notice, now: datetime, channel: str = "email", tenant: Tenant | None = None) -> None:
    """Queue each notice to its users as they prefer it, at the end of this `atomic`; the same twice is one.

    In the current tenant; operators name theirs, the public one. Raises LookupError for a message that nobody
    writes for `channel`, RuntimeError outside a transaction.
    """
    where = tenant or current_tenant()
    for notice in notices:
        renderer_of(notice.message, channel_named(channel).form)
    wishes = _Wishes(where, {user for notice in notices for user in notice.user_ids})
    for notice in notices:
        for user_id, at in wishes.heard(notice, now).items():
            write_last(
                _row(
                    where,
                    event=notice.event,
                    message=notice.message,
                    subject=notice.subject,
                    recipient=f"user:{user_id}",
                    channel=channel,
                    dedupe_key=notice.key or notice.message,
                    next_try_at=at,
                    created_at=now,
                )
            )
    wake("dispatch")


def tell_endpoint(
    *, endpoint: Endpoint, message: str, subject: str, event: UUID, now: datetime, key: str = ""
) -> None:
    """Queue one message to one endpoint, whatever it subscribes to, at the end of this `atomic`.

    Raises LookupError for a message that nobody writes for its channel, RuntimeError outside a transaction.
    """
    renderer_of(message, channel_named(endpoint.channel).form)
    write_last(
        _row(
            endpoint.tenant,
            event=event,
            message=message,
            subject=subject,
            recipient=f"endpoint:{endpoint.pk}",
            channel=endpoint.channel,
            dedupe_key=key or message,
            next_try_at=now,
            created_at=now,
        )
    )
    wake("dispatch")


# Spelled out, and of one table: every transaction that writes a journal line asks this.
_LIVE = """
SELECT id, tenant_id, channel, verbs, urgent_only, scope
  FROM tenancy_endpoint WHERE tenant_id = ANY(%s) AND disabled_at IS NULL
"""


def fan_out(emitted: Sequence[Emitted]) -> None:
    """Queue each event of a transaction to the live endpoints that subscribe to it (a route of `transactions`).

    That an endpoint of the operators could not be told is not told to them.
    """
    tenants = _tenants({item.schema for item in emitted})
    with connection.cursor() as cursor:
        cursor.execute(_LIVE, [list(tenants.values())])
        endpoints = [_Live(*row) for row in cursor.fetchall()]
    rows = [
        Delivery(
            tenant_id=endpoint.tenant_id,
            event=item.event.id,
            message=item.event.verb,
            subject=item.event.subject,
            recipient=f"endpoint:{endpoint.pk}",
            channel=endpoint.channel,
            dedupe_key=item.event.verb,
            next_try_at=item.event.at,
            created_at=item.event.at,
        )
        for item in emitted
        for endpoint in endpoints
        if endpoint.tenant_id == tenants.get(item.schema) and endpoint.hears_of(item)
    ]
    if rows:
        write_last(*rows)
        wake("dispatch")


def _tenants(schemas: set[str]) -> dict[str, int]:
    """The tenant of each schema; the one that this thread works in is known without a query."""
    here = connection.tenant
    if isinstance(here, Tenant) and schemas == {here.schema_name}:
        return {here.schema_name: here.pk}
    return dict(Tenant.objects.filter(schema_name__in=schemas).values_list("schema_name", "pk"))


@dataclass(frozen=True, slots=True)
class _Live:
    """What decides whether an endpoint hears of an event."""

    pk: int
    tenant_id: int
    channel: str
    verbs: list[str]
    urgent_only: bool
    scope: UUID | None

    def hears_of(self, item: Emitted) -> bool:
        event = item.event
        if self.scope not in (None, event.scope):
            return False
        if self.urgent_only and not item.urgent:
            return False
        if event.data.get("tenant") == self.tenant_id and event.verb.startswith(_ABOUT_DELIVERIES):
            return False
        everything = "*" in self.verbs and channel_named(self.channel).form == Form.DATA
        return everything or event.verb in self.verbs


def alarm(*, now: datetime) -> None:
    """Mail platform staff that something is dead, once in each delivery.ALARM_EVERY_MINUTES; in a transaction.

    The mail is about all that is dead when it is written, so its event is the stretch of time. Endpoints of the
    operators hear of each dead row by themselves.
    """
    stretch = now.timestamp() // (60 * settings.THRESHOLDS.delivery.ALARM_EVERY_MINUTES)
    staff = User.objects.filter(staff_role=StaffRole.PLATFORM, is_active=True).values_list("pk", flat=True)
    event = uuid5(_ALARMS, str(stretch))
    tell(
        Notice(ALARM, "machinery", event, staff, urgent=True),
        now=now,
        tenant=Tenant.objects.get(schema_name=PUBLIC),
    )


def _row(tenant: Tenant, **fields: object) -> Delivery:
    return Delivery(tenant=tenant, **fields)


class _Wishes:
    """The preferences of some users of a tenant, read once."""

    def __init__(self, tenant: Tenant, user_ids: set[int]):
        self._default: dict[int, Preference] = {}
        self._own: dict[tuple[int, UUID], Preference] = {}
        rows = Preference.objects.filter(tenant=tenant, user_id__in=user_ids).select_related("user")
        for row in rows:
            if row.scope is None:
                self._default[row.user_id] = row
            else:
                self._own[row.user_id, row.scope] = row

    def heard(self, notice: Notice, now: datetime) -> dict[int, datetime]:
        """Who is told, and from when on. An urgent notice that nobody wants is told to everybody."""
        users = sorted(set(notice.user_ids))
        told = [user for user in users if self._wants(user, notice)]
        if notice.urgent:
            return dict.fromkeys(told or users, now)
        return {user: self._awake(user, now) for user in told}

    def _wants(self, user: int, notice: Notice) -> bool:
        row = self._own.get((user, notice.scope)) if notice.scope else None
        row = row or self._default.get(user)
        level = row.level if row else NoticeLevel.ALL
        return level == NoticeLevel.ALL or (level == NoticeLevel.URGENT and notice.urgent)

    def _awake(self, user: int, now: datetime) -> datetime:
        row = self._default.get(user)
        if row is None or row.quiet_from is None or row.quiet_until is None:
            return now
        end = quiet_until(now, start=row.quiet_from, end=row.quiet_until, zone=row.user.time_zone)
        return end or now
