"""How a tenant's day went: counted once at its end, stored, told, and written as one line of JSON."""

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from observability.models import Duty, Gauge, RunSummary
from observability.rules import periods
from observability.rules.figures import COUNTS, HINT_RIGHT, rates
from observability.rules.periods import Period
from observability.services.requests import Figures, request_figures
from observability.states import Owner, SummaryKind
from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_tenant, entering
from tenancy.deadlines import Due, schedule
from tenancy.deliveries import Notice, tell
from tenancy.errors import Conflict, Invalid
from tenancy.models import Deadline, Membership, Tenant
from tenancy.permissions import require
from tenancy.states import Role, TenantState
from tenancy.transactions import atomic, emit

logger = logging.getLogger(__name__)
lines = logging.getLogger("run_summary")

DUE, MADE, WEEKLY = "run_summary.due", "run_summary.made", "run_summary.weekly"
SUMMARY_VERBS: dict[str, Any] = {
    DUE: _("Run summary due"),
    MADE: _("Run summary made"),
    WEEKLY: _("Run summary of the week"),
}
QUEUE_DEPTH, QUEUE_STUCK = "queue_depth", "queue_stuck"
_ADVISORY_CLASS = 7105  # not tunable: a name, among advisory locks
_READERS = (Role.MANAGER, Role.ADMIN)

Read = Callable[[datetime, datetime], Mapping[str, int]]
Words = Callable[[Mapping[str, int]], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Contributor:
    """An app that counts something for run summaries.

    `read(start, end)` runs inside the tenant. `labels` says what its keys are called, lazily; `words` makes sentences
    of a summary's counts, in the active language, what matters most first; `charted` is the key whose days are drawn
    as bars; `levels` are the keys of which several days have the last one's and no sum.
    """

    name: str
    read: Read
    labels: Mapping[str, Any] = field(default_factory=dict)
    words: Words | None = None
    charted: str = ""
    levels: Collection[str] = ()


_contributors: dict[str, Contributor] = {}


def register_counts(
    name: str,
    read: Read,
    *,
    labels: Mapping[str, Any] | None = None,
    words: Words | None = None,
    charted: str = "",
    levels: Collection[str] = (),
) -> None:
    """Have the app `name` contribute to the counts of every run summary; for AppConfig.ready().

    Its keys are those of rules.figures.COUNTS and HINT_RIGHT, or begin with `name` and an underscore.
    Raises ValueError for a second contributor of that name.
    """
    if name in _contributors:
        raise ValueError(f"{name!r} contributes to run summaries already")
    _contributors[name] = Contributor(name, read, labels or {}, words, charted, levels)


def contributors() -> list[Contributor]:
    return list(_contributors.values())


# ---- one summary ------------------------------------------------------------------------------------------------


def summarise(
    *, tenant: Tenant, period: Period, kind: SummaryKind = SummaryKind.DAY, by: Actor, now: datetime
) -> RunSummary:
    """How `tenant` did in `period`: counted, stored and told; asked again, the same row and nothing more.

    Several at once make one. Raises NotAllowed, Conflict unless the tenant is active, Invalid before its end.
    """
    require(by, "run_summary.make")
    if tenant.schema_name == PUBLIC or tenant.state != TenantState.ACTIVE:
        raise Conflict(_("Only an active tenant has run summaries."), state=tenant.state)
    if period.end > now:
        raise Invalid(_("This is not over yet."))
    with entering(tenant), atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_ADVISORY_CLASS, tenant.pk])
        row = RunSummary.objects.filter(tenant=tenant, start=period.start, end=period.end).first()
        if row is None:
            row = RunSummary.objects.create(
                tenant=tenant,
                kind=kind,
                start=period.start,
                end=period.end,
                generated_at=now,
                body=_body(tenant, period, now),
            )
            _tell(row, by=by, now=now)
            line = log_line(row.body)
            transaction.on_commit(lambda: lines.info("%s", line), robust=True)
        elif kind == SummaryKind.DAY != row.kind:  # asked for before a change of the zone made a day of it
            row.kind = SummaryKind.DAY
            row.save(update_fields=["kind"])
            _tell(row, by=by, now=now)
    return row


def _body(tenant: Tenant, period: Period, now: datetime) -> dict[str, Any]:
    """What run_summary.schema.json asks for, and besides: the day, requests, and which contributors are missing."""
    zone = tenant.time_zone
    counts, missing = _counts(tenant, period)
    requests = request_figures([tenant], since=period.start, until=period.end)[tenant.pk]
    return {
        "event": "run_summary",
        "generated_at": _stamp(now),
        "build_id": settings.BUILD_ID,
        "config_hash": settings.CONFIG_HASH,
        "tenant_id": tenant.slug,
        "period": {
            "start": period.start.astimezone(zone).isoformat(),
            "end": period.end.astimezone(zone).isoformat(),
            "day": periods.day_of(period.middle, zone).isoformat(),
            "time_zone": str(zone),
        },
        "counts": counts,
        "rates": rates(counts),
        "latency": {
            "pipeline_total_ms": {"p50": None, "p95": None, "p99": None},
            "request_ms": {
                "p50": _tenths(requests.p50_ms),
                "p95": _tenths(requests.p95_ms),
                "p99": _tenths(requests.p99_ms),
            },
        },
        "errors": _errors(requests),
        "requests": {"count": requests.count},
        "queue": _queue(period),
        "missing": missing,
    }


def _counts(tenant: Tenant, period: Period) -> tuple[dict[str, int], list[str]]:
    """All counts, and the names of the contributors that failed: a part that is lost must not lose the whole."""
    counts: dict[str, int] = dict.fromkeys((*COUNTS, HINT_RIGHT), 0)
    by_whom: dict[str, str] = {}
    missing = []
    for one in contributors():
        try:
            with atomic(savepoint=True):
                found = dict(one.read(period.start, period.end))
            _check(one, found, by_whom)
        except Exception:  # whatever it is, it is theirs
            if connection.needs_rollback or connection.connection is None or connection.connection.closed:
                raise
            logger.exception("the run summary of %s has no counts of %s", tenant.slug, one.name)
            missing.append(one.name)
        else:
            counts |= found
            by_whom |= dict.fromkeys(found, one.name)
    return counts, missing


def _check(one: Contributor, found: Mapping[str, Any], by_whom: Mapping[str, str]) -> None:
    for key, value in found.items():
        if key not in (*COUNTS, HINT_RIGHT) and not key.startswith(f"{one.name}_"):
            raise ValueError(f"{one.name} may not count {key!r}: begin with {one.name}_")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"{one.name} counted {value!r} {key}")
        if key in by_whom:
            raise ValueError(f"{one.name} counts {key}, as {by_whom[key]} does")


def _errors(requests: Figures) -> dict[str, Any]:
    refused = {code: count for code, count in requests.codes.items() if code[:1] in ("4", "5")}
    return {"by_code": refused, "total_4xx": requests.total_4xx, "total_5xx": requests.total_5xx}


def _queue(period: Period) -> dict[str, Any]:
    """The levels that the watchdog noted; 0 where `minutes_measured` is."""
    within = Gauge.objects.filter(minute__gte=period.start, minute__lt=period.end)
    depths = list(within.filter(name=QUEUE_DEPTH).order_by("minute").values_list("last", "most"))
    return {
        "current_depth": int(depths[-1][0]) if depths else 0,
        "max_depth_in_period": int(max((most for _last, most in depths), default=0)),
        "stuck_detected": within.filter(name=QUEUE_STUCK, most__gt=0).exists(),
        "minutes_measured": len(depths),
    }


def log_line(body: Mapping[str, Any]) -> str:
    """`body` on one line of JSON, and beside it the flat names of the jq commands in docs/guides/run-summaries.md.

    Those are numbers for arithmetic: 0 where nothing was measured, which `pipeline_total_ms` says with null.
    """
    latency, errors, queue = body["latency"], body["errors"], body["queue"]
    flat = {
        "timestamp": body["generated_at"],
        "latency": {**latency, "p95_pipeline_total_ms": latency["pipeline_total_ms"]["p95"] or 0},
        "errors": {**errors, "4xx": errors["total_4xx"], "5xx": errors["total_5xx"]},
        "queue": {**queue, "depth": queue["current_depth"], "max_depth": queue["max_depth_in_period"]},
    }
    return json.dumps({**body, **flat})


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _tenths(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)


# ---- telling ----------------------------------------------------------------------------------------------------


def _tell(row: RunSummary, *, by: Actor, now: datetime) -> None:
    """Journal it, with the week if that ended; mail the newest day, or the newest week in its place.

    What was made up for later is in the journal, and nobody is mailed a row of old days.
    """
    tenant, zone = row.tenant, row.tenant.time_zone
    subject = f"run_summary:{row.pk}"
    data = {"kind": row.kind, "summary": row.body}
    made = emit(MADE, subject, by=by, now=now, data=data, urgent=False)
    if row.kind != SummaryKind.DAY:
        return
    period = Period(row.start, row.end)
    if periods.ends_week(period, zone):
        days = trend(tenant=tenant, days=settings.THRESHOLDS.summary.TREND_DAYS, until=row)
        weekly = emit(WEEKLY, subject, by=by, now=now, data=_week(days), urgent=False)
        if periods.week_of(now, zone) == periods.week_of(row.end, zone):
            _mail(WEEKLY, subject, weekly, tenant, now)
            _mail_owners(subject, weekly, now)
    elif periods.day_of(now, zone) == periods.day_of(row.end, zone):
        _mail(MADE, subject, made, tenant, now)


def _mail(message: str, subject: str, event: UUID, tenant: Tenant, now: datetime) -> None:
    readers = Membership.objects.filter(tenant=tenant, role__in=_READERS, user__is_active=True)
    users = list(readers.values_list("user", flat=True))
    tell(Notice(message, subject, event, users, urgent=False), now=now)


def _mail_owners(subject: str, event: UUID, now: datetime) -> None:
    """Those of us who own the product hear of every tenant's week."""
    owners = Duty.objects.filter(
        owner=Owner.PRODUCT_OWNER, user__is_active=True, user__staff_role__gt=""
    ).values_list("user", flat=True)
    if users := list(owners):
        public = Tenant.objects.get(schema_name=PUBLIC)
        tell(Notice(WEEKLY, subject, event, users, urgent=False), now=now, tenant=public)


def _week(days: Sequence[RunSummary]) -> dict[str, Any]:
    counts = sums(days)
    return {
        "start": days[0].body["period"]["start"],
        "end": days[-1].body["period"]["end"],
        "days": len(days),
        "counts": counts,
        "rates": rates(counts),
    }


# ---- reading ----------------------------------------------------------------------------------------------------


def trend(*, tenant: Tenant, days: int, until: RunSummary | None = None) -> list[RunSummary]:
    """The last `days` day summaries of `tenant`, the oldest first; with `until`, that one and those before it."""
    rows = RunSummary.objects.filter(tenant=tenant, kind=SummaryKind.DAY)
    if until is not None:
        rows = rows.filter(end__lte=until.end)
    return list(rows.select_related("tenant").order_by("-end")[:days])[::-1]


def sums(days: Sequence[RunSummary]) -> dict[str, int]:
    """The counts of `days` together; of what is a level, the last."""
    levels = {key for one in contributors() for key in one.levels}
    counts: dict[str, int] = dict.fromkeys(COUNTS, 0)
    for row in days:
        for key, count in row.body["counts"].items():
            counts[key] = count if key in levels else counts.get(key, 0) + count
    return counts


# ---- which, and when --------------------------------------------------------------------------------------------


def summarise_day(*, tenant: Tenant, day: date, by: Actor, now: datetime) -> RunSummary:
    """The summary of `day`, a day of the tenant's zone: of what is over of today, of the whole of an earlier day.

    The row that is there, if one covers the day. Raises NotAllowed, Conflict as `summarise` does, Invalid for a day
    that is to come, that the zone left out, or that is further back than the tenant or summary.MOST_DAYS_BACK.
    """
    require(by, "run_summary.make")
    limits = settings.THRESHOLDS.summary
    zone, since = tenant.time_zone, _since(tenant, now, days=limits.MOST_DAYS_BACK)
    if day > periods.day_of(now, zone):
        raise _no_such_day(_("This day has not begun yet."))
    if day < periods.day_of(since, zone):
        raise _no_such_day(_("This is further back than there is anything to count."))
    whole = periods.period_of(day, zone)
    if whole is None:
        raise _no_such_day(_("The time zone left this day out."))
    if whole.end > now:
        return _summarise_today(tenant, whole.start, by=by, now=now)
    there = RunSummary.objects.filter(tenant=tenant, kind=SummaryKind.DAY)
    found = there.filter(start__lte=whole.middle, end__gt=whole.middle).select_related("tenant").first()
    if found is not None:
        return found
    if _due(whole) > now:
        raise _no_such_day(_("Its last requests are still being written down: ask again in a minute."))
    missing = _missing(tenant, now, days=limits.MOST_DAYS_BACK)
    period = next(period for period in missing if period.end > whole.middle)
    return summarise(tenant=tenant, period=period, by=by, now=now)


def _summarise_today(tenant: Tenant, start: datetime, *, by: Actor, now: datetime) -> RunSummary:
    """What is over of today, to the minute, without the one whose last requests are still being written down."""
    written = now - timedelta(seconds=settings.THRESHOLDS.metrics.FLUSH_SECONDS)
    end = written.astimezone(UTC).replace(second=0, microsecond=0)
    if end <= start:
        raise _no_such_day(_("This day has only just begun."))
    period = Period(start, end)
    return summarise(tenant=tenant, period=period, kind=SummaryKind.DEMAND, by=by, now=now)


def _no_such_day(why: Any) -> Invalid:
    return Invalid(why, fields={"day": [why]})


def _since(tenant: Tenant, now: datetime, *, days: int) -> datetime:
    """When the first day begins that is summarised: the tenant's first, and none more than `days` ago."""
    back = now - timedelta(days=days)
    zone = tenant.time_zone
    return periods.begins(periods.day_of(max(tenant.created_at, back), zone), zone)


def _missing(tenant: Tenant, now: datetime, *, days: int) -> Iterator[Period]:
    """The days that have no summary, the oldest first and none more than `days` ago; those to come too.

    The tenant's first day begins where its summary says: in another zone, midnight was before or after that.
    """
    since = _since(tenant, now, days=days)
    there = RunSummary.objects.filter(tenant=tenant, kind=SummaryKind.DAY, end__gt=since)
    known = [Period(start, end) for start, end in there.values_list("start", "end")]
    first = [period.start for period in known if period.holds(tenant.created_at)]
    return periods.missing(known, max([since, *first]), tenant.time_zone)


def _due(period: Period) -> datetime:
    """When `period` is summarised: some time after its end, when the last requests of it are written."""
    return period.end + timedelta(seconds=settings.THRESHOLDS.summary.WAIT_SECONDS)


def waiting_for_summary() -> list[tuple[str, datetime]]:
    """Subject and time of the deadline that should wait in the current tenant: one. Nobody asks the clock for it."""
    tenant = current_tenant()
    newest = RunSummary.objects.filter(tenant=tenant, kind=SummaryKind.DAY).order_by("-end").first()
    back = settings.THRESHOLDS.summary.CATCH_UP_DAYS
    day = next(_missing(tenant, newest.end if newest else tenant.created_at, days=back))
    return [(f"tenant:{tenant.pk}", _due(day))]


def on_summary_due(dues: Sequence[Due], by: Actor, now: datetime) -> None:
    """Summarise the oldest day that is missing and over, and plan the next: a day missed is due at once."""
    tenant = current_tenant()
    days = _missing(tenant, now, days=settings.THRESHOLDS.summary.CATCH_UP_DAYS)
    day = next(days)
    if _due(day) <= now:
        summarise(tenant=tenant, period=day, by=by, now=now)
        day = next(days)
    schedule(kind=DUE, subject=f"tenant:{tenant.pk}", due_at=_due(day))


def plan_summaries() -> int:
    """Have every active tenant's next summary wait for its time; how many did not. One query when all do."""
    waits = Deadline.objects.filter(tenant=OuterRef("pk"), kind=DUE)
    customers = Tenant.objects.filter(state=TenantState.ACTIVE).exclude(schema_name=PUBLIC)
    planned = 0
    for tenant in customers.exclude(Exists(waits)):
        try:
            with entering(tenant), atomic():
                for subject, due_at in waiting_for_summary():
                    schedule(kind=DUE, subject=subject, due_at=due_at)
        except DatabaseError:
            logger.exception("no run summary is planned for tenant %s", tenant.slug)
        else:
            planned += 1
    return planned
