"""Alerts: opened, counted and recovered by verdicts, taken by people. In the operators' journal, and told from there.

Every look at an alert is a transaction of its own, so that a rule or a tenant that fails takes no other along.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from observability.models import Alert
from observability.rules.alerts import Course, Step, is_escalated, is_to_be_told, step
from observability.services.routes import CHATS, Route, Routed, Routes
from observability.services.silences import Silenced
from observability.services.verdicts import Judged
from observability.states import ALERT_MOVES, AlertSeverity, AlertState, VerdictStatus
from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.deliveries import Notice, tell, tell_endpoint
from tenancy.errors import Conflict, NotAllowed
from tenancy.models import Delivery, Endpoint, Tenant
from tenancy.permissions import require
from tenancy.services import PAGERDUTY, guards
from tenancy.states import ActorKind, TenantState
from tenancy.transactions import atomic, emit, ref

logger = logging.getLogger(__name__)

ALARMS = Actor.system("alarms")
URGENT = frozenset({AlertSeverity.CRITICAL, AlertSeverity.HIGH})
LONGEST_NOTE = 500  # not tunable: characters, the journal's width
OPENED, REOPENED, RECOVERED = "alert.opened", "alert.reopened", "alert.recovered"
UNMUTED, ESCALATED, ACKNOWLEDGED = "alert.silence_ended", "alert.escalated", "alert.acknowledged"
_EMAIL = "email"


class Alarm(Routed, Protocol):
    """What of an alarm decides how its alert goes on."""

    @property
    def severity(self) -> str: ...
    @property
    def runbook(self) -> str: ...
    @property
    def window_minutes(self) -> int: ...
    @property
    def escalate_days(self) -> int | None: ...


@dataclass
class Recorded:
    """What a look did. `failed` are alerts whose transaction was undone; the next look tries again."""

    opened: int = 0
    reopened: int = 0
    counted: int = 0
    recovered: int = 0
    told: int = 0
    escalated: int = 0
    failed: int = 0


def record(*, judged: Iterable[Judged[Alarm]], now: datetime) -> Recorded:
    """Have every alert follow its verdict, and tell whom it concerns. One query where nothing is or was wrong.

    For one caller at a time (`watch` sees to that).
    """
    seen = list(judged)
    look = _Look(seen, now)
    for one in seen:
        try:
            look.at(one)
        except Exception:  # whatever it is: the other alerts have to be looked at
            look.done.failed += 1
            logger.exception(
                "the alert of %s in %s was not brought up to date", one.alarm.name, one.tenant.slug
            )
    return look.done


def retire(*, watched: Collection[str], now: datetime) -> int:
    """End the alerts that nobody judges any more, of rules not `watched` and of tenants not active; how many.

    For one caller at a time, as `record` is. One query where there are none.
    """
    lost = Alert.objects.exclude(state=AlertState.RECOVERED).exclude(
        rule__in=watched, tenant__state=TenantState.ACTIVE
    )
    ended = 0
    for row in lost.select_related("tenant"):
        try:
            with atomic():
                ended += _end(row, {"unwatched": True}, now=now) is not None
        except Exception:  # as in `record`
            logger.exception("the alert of %s in %s was not ended", row.rule, row.tenant.slug)
    return ended


def acknowledge(*, alert: Alert, note: str = "", by: Actor, now: datetime) -> Alert:
    """Take an open alert: the pagers stop, it goes on being counted, and nobody is told again until it reopens.

    A tenant's member leaves their note in the tenant's own journal.
    Raises NotAllowed, NotFound in another tenant, Invalid for a note that is too long, Conflict unless it is open.
    """
    require(by, "alert.acknowledge")
    if by.user_id is None:
        raise NotAllowed(_("Only a person may do this."))
    guards.within_reach(by, alert.tenant)
    note = guards.text(note, "note", longest=LONGEST_NOTE) if note.strip() else ""
    with atomic():
        rows = Alert.objects.filter(pk=alert.pk, state=AlertState.OPEN)
        if not rows.update(state=AlertState.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by_id=by.user_id):
            raise _conflict(alert, _("Only an open alert can be acknowledged."))
        row = again(alert)
        ours = by.kind == ActorKind.STAFF
        event = journal_alert(ACKNOWLEDGED, row, by=by, now=now, more={"note": note} if ours and note else {})
        if not ours:
            data = {"rule": row.rule} | ({"note": note} if note else {})
            emit(ACKNOWLEDGED, row, by=by, now=now, data=data)
        _people, endpoints = _whom_it_was_told(row, now=now)
        for endpoint in endpoints:
            tell_endpoint(endpoint=endpoint, message=ACKNOWLEDGED, subject=ref(row), event=event, now=now)
    return row


def again(alert: Alert) -> Alert:
    """The row as this transaction sees it now."""
    return Alert.objects.select_related("tenant", "acknowledged_by").get(pk=alert.pk)


# ---- one look -----------------------------------------------------------------------------------------------------


class _Look:
    """One look at everything that was judged: what is read for all of it is read once, and only if it is needed."""

    def __init__(self, judged: Sequence[Judged[Alarm]], now: datetime):
        self.now = now
        self.done = Recorded()
        self.reopen = timedelta(hours=settings.THRESHOLDS.alert.REOPEN_HOURS)
        unrecovered = Alert.objects.exclude(state=AlertState.RECOVERED)
        self._latest = {(row.rule, row.tenant_id): row for row in unrecovered.select_related("tenant")}
        news = [
            one
            for one in judged
            if one.verdict.status == VerdictStatus.BREACH and _key(one) not in self._latest
        ]
        if news:
            rules, tenants = {one.alarm.name for one in news}, {one.tenant.pk for one in news}
            before = Alert.objects.filter(
                rule__in=rules, tenant__in=tenants, recovered_at__gte=now - self.reopen
            )
            for row in before.select_related("tenant").order_by("recovered_at"):
                self._latest.setdefault((row.rule, row.tenant_id), row)

    @cached_property
    def routes(self) -> Routes:
        return Routes.read()

    @cached_property
    def silenced(self) -> Silenced:
        return Silenced.read(self.now)

    def at(self, one: Judged[Alarm]) -> None:
        row = self._latest.get(_key(one))
        course = _course_of(row) if row else None
        window = timedelta(minutes=one.alarm.window_minutes)
        what = step(course, one.verdict.status, now=self.now, window=window, reopen=self.reopen)
        if what == Step.NOTHING and (row is None or not self._is_due(row, one)):
            return
        with atomic():
            counted = self._steps[what](self, one, row) if what != Step.NOTHING else None
            current = counted or row
            if current is not None:
                self._follow_up(current, one)

    def _is_due(self, row: Alert, one: Judged[Alarm]) -> bool:
        return self._is_to_be_told(row, one) or self._is_escalated(row, one)

    def _is_to_be_told(self, row: Alert, one: Judged[Alarm]) -> bool:
        return is_to_be_told(
            AlertState(row.state), one.verdict.status, told=row.told_at is not None
        ) and not self.silenced.covers(row)

    def _is_escalated(self, row: Alert, one: Judged[Alarm]) -> bool:
        days = one.alarm.escalate_days
        if days is None or row.escalated_at is not None:
            return False
        lasts = is_escalated(AlertState(row.state), one.verdict.status, row.since, now=self.now, days=days)
        return lasts and not self.silenced.covers(row)

    def _follow_up(self, row: Alert, one: Judged[Alarm]) -> None:
        """What follows by itself: a silence that ended, a breach that lasts for days."""
        alarm = one.alarm
        if self._is_to_be_told(row, one):
            rows = Alert.objects.filter(pk=row.pk, state=AlertState.OPEN, told_at__isnull=True)
            if rows.update(told_at=self.now):
                self._tell(UNMUTED, row, self.routes.of(row.owner, alarm.channels))
        if alarm.escalate_to and self._is_escalated(row, one):
            self._escalate(row, alarm.escalate_to, alarm.escalate_days)

    def _escalate(self, row: Alert, to: str, days: int | None) -> None:
        if _unrecovered(row).filter(escalated_at__isnull=True).update(escalated_at=self.now):
            self._tell(ESCALATED, row, self.routes.of(to, ()), {"days": days, "to": to})
            self.done.escalated += 1

    def _announce(self, verb: str, row: Alert, alarm: Alarm) -> None:
        """Journal that `row` began, and tell it unless it is silenced: then its `told_at` stays empty."""
        if self.silenced.covers(row):
            journal_alert(verb, row, by=ALARMS, now=self.now, more={"silenced": True})
            return
        Alert.objects.filter(pk=row.pk).update(told_at=self.now)
        row.told_at = self.now
        self._tell(verb, row, self.routes.of(row.owner, alarm.channels))

    def _tell(self, verb: str, row: Alert, route: Route, more: Mapping[str, object] | None = None) -> None:
        if not route.people and not route.endpoints:
            logger.error("%s: %s is told to nobody, there is not even platform staff", verb, row)
        also = {"nowhere": list(route.nowhere)} if route.nowhere else {}
        event = journal_alert(verb, row, by=ALARMS, now=self.now, more={**(more or {}), **also})
        _send(verb, row, event, route.people, route.endpoints, public=self.routes.public, now=self.now)
        self.done.told += 1

    # -- the steps

    def _open(self, one: Judged[Alarm], row: Alert | None) -> Alert:
        made = Alert.objects.create(
            tenant=one.tenant,
            rule=one.alarm.name,
            opened_at=self.now,
            last_seen_at=self.now,
            **_as_watched(one),
        )
        self.done.opened += 1
        self._announce(OPENED, made, one.alarm)
        return made

    def _reopen(self, one: Judged[Alarm], row: Alert | None) -> Alert | None:
        assert row is not None
        rows = Alert.objects.filter(pk=row.pk).exclude(state=AlertState.OPEN)
        if not rows.update(
            state=AlertState.OPEN,
            reopened_at=self.now,
            reopened_count=F("reopened_count") + 1,
            recovered_at=None,
            ok_since=None,
            acknowledged_at=None,
            acknowledged_by=None,
            told_at=None,
            escalated_at=None,
            count=F("count") + 1,
            last_seen_at=max(row.last_seen_at, self.now),
            **_as_watched(one),
        ):
            return None
        row = again(row)
        self.done.reopened += 1
        self._announce(REOPENED, row, one.alarm)
        return row

    def _count(self, one: Judged[Alarm], row: Alert | None) -> Alert | None:
        assert row is not None
        seen = max(row.last_seen_at, self.now)  # a clock that was ahead is waited for
        self.done.counted += _unrecovered(row).update(
            count=F("count") + 1, last_seen_at=seen, ok_since=None, verdict=one.verdict.as_json()
        )
        return None

    def _wait(self, one: Judged[Alarm], row: Alert | None) -> Alert | None:
        assert row is not None
        _unrecovered(row).update(ok_since=self.now)
        return None

    def _interrupt(self, one: Judged[Alarm], row: Alert | None) -> Alert | None:
        assert row is not None
        _unrecovered(row).update(ok_since=None)
        return None

    def _recover(self, one: Judged[Alarm], row: Alert | None) -> Alert | None:
        assert row is not None
        ended = _end(row, {"verdict": one.verdict.as_json()}, now=self.now)
        self.done.recovered += ended is not None
        return ended

    _steps: Mapping[Step, Callable[["_Look", Judged[Alarm], Alert | None], Alert | None]] = {
        Step.OPEN: _open,
        Step.REOPEN: _reopen,
        Step.COUNT: _count,
        Step.WAIT: _wait,
        Step.INTERRUPT: _interrupt,
        Step.RECOVER: _recover,
    }


def _end(row: Alert, more: Mapping[str, object], *, now: datetime) -> Alert | None:
    """Recover `row` and say so to whom it was told; None when somebody did already."""
    people, endpoints = _whom_it_was_told(row, now=now)
    if not _unrecovered(row).update(state=AlertState.RECOVERED, recovered_at=now):
        return None
    row = again(row)
    event = journal_alert(RECOVERED, row, by=ALARMS, now=now, more=more)
    public = Tenant.objects.get(schema_name=PUBLIC)
    _send(RECOVERED, row, event, people, endpoints, public=public, now=now)
    return row


def _key(one: Judged[Alarm]) -> tuple[str, int]:
    return one.alarm.name, one.tenant.pk


def _as_watched(one: Judged[Alarm]) -> dict[str, Any]:
    """What an alert takes from its alarm when it opens, and again when it reopens."""
    return {
        "severity": one.alarm.severity,
        "owner": one.alarm.owner,
        "runbook": one.alarm.runbook,
        "verdict": one.verdict.as_json(),
        "config_hash": settings.CONFIG_HASH,
    }


def _unrecovered(row: Alert) -> "QuerySet[Alert]":
    return Alert.objects.filter(pk=row.pk).exclude(state=AlertState.RECOVERED)


def _conflict(alert: Alert, message: object) -> Conflict:
    state = Alert.objects.values_list("state", flat=True).get(pk=alert.pk)
    return Conflict(message, state=state, legal_moves=ALERT_MOVES[state])


def journal_alert(verb: str, row: Alert, *, by: Actor, now: datetime, more: Mapping[str, object]) -> UUID:
    """A line of the alert's story; it begins with the rule, whose it is, and what was measured."""
    about = {"rule": row.rule, "tenant": row.tenant_id, "severity": row.severity, "verdict": row.verdict}
    urgent = row.severity in URGENT
    return emit(verb, row, by=by, now=now, data={**about, **more}, urgent=urgent, schema=PUBLIC)


def _send(
    verb: str,
    row: Alert,
    event: UUID,
    people: Iterable[int],
    endpoints: Iterable[Endpoint],
    *,
    public: Tenant,
    now: datetime,
) -> None:
    urgent = row.severity in URGENT
    tell(Notice(verb, ref(row), event, sorted(people), urgent=urgent), now=now, tenant=public)
    for endpoint in endpoints:
        tell_endpoint(endpoint=endpoint, message=verb, subject=ref(row), event=event, now=now)


def _whom_it_was_told(row: Alert, *, now: datetime) -> tuple[set[int], list[Endpoint]]:
    """The people and the live chats and pagers that this alert was told to since it (re)opened.

    The outbox forgets after a while: of what lasts longer those hear besides to whom it would be told now, for a page
    that nobody resolves is never done.
    """
    told = Delivery.objects.filter(tenant__schema_name=PUBLIC, subject=ref(row), created_at__gte=row.since)
    mine = told.filter(channel__in=[_EMAIL, *CHATS, PAGERDUTY])
    kinds = [recipient.partition(":") for recipient in mine.values_list("recipient", flat=True).distinct()]
    people = {int(key) for kind, _sep, key in kinds if kind == "user"}
    keys = {int(key) for kind, _sep, key in kinds if kind == "endpoint"}
    kept = timedelta(days=settings.THRESHOLDS.retention.SENT_DELIVERY_DAYS)
    if row.told_at is not None and row.told_at <= now - kept:
        alarms = [alarm for alarm in settings.THRESHOLDS.watched() if alarm.name == row.rule]
        route = Routes.read().of(row.owner, [channel for alarm in alarms for channel in alarm.channels])
        people |= route.people
        keys |= {endpoint.pk for endpoint in route.endpoints}
    live = Endpoint.objects.filter(pk__in=keys, disabled_at__isnull=True).select_related("tenant")
    return people, list(live.order_by("pk"))


def _course_of(row: Alert) -> Course:
    return Course(AlertState(row.state), row.ok_since, row.recovered_at, row.last_seen_at)
