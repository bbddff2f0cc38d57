"""What the war room reads: two statements, compiled once for each kind of reader.

The first one's answer is of one moment: the head of the journal is read with all else of it, and the incidents after
it, so a stream that is followed from that head on misses nothing of what is shown.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Case,
    Count,
    DateField,
    DateTimeField,
    Exists,
    F,
    Func,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    UUIDField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, JSONArray

from hypercare.models import ChangeRequest, ChangeVote, ClockEvent, Incident, Project, sees_all
from hypercare.services.boards import seats
from hypercare.services.timeline import only_public
from hypercare.states import OPEN_STATES, ChangeState, ClockEventKind, ClockKind, Vote
from tenancy.actors import Actor
from tenancy.journal.models import Event, EventHead
from tenancy.models import Tenant, User
from tenancy.postgresql.statements import Statement

UNFINISHED = (
    ChangeState.PENDING_APPROVAL,
    ChangeState.APPROVED,
    ChangeState.IN_PROGRESS,
    ChangeState.DRAFT,
)
"""The states of the change requests that are shown, in this order."""
KINDS = {"incident": "incident", "changerequest": "change"}
"""What the subjects of the journal that are shown are called."""
INCIDENT_COLUMNS = (
    *("id", "number", "version", "title", "state", "severity", "incident_type", "affected_module"),
    *("affected_users_count", "support_level", "assigned_to_id", "assigned_to__name", "reported_by__name"),
    *("reported_by_id", "created_at", "waiting_since", "waiting_reason", "waiting_owner__name"),
    *("first_response_at", "resolved_at"),
    *(
        f"sla_{clock}_{name}"
        for clock in ("response", "resolution")
        for name in ("deadline", "elapsed", "breached")
    ),
)
PROJECT_COLUMNS = (
    *("id", "code", "name", "program__name", "time_zone", "go_live_at", "hypercare_ends_on"),
    "change_quorum",
)
_LISTS = ("closed", "changes", "feed", "flow")


def project_of(
    project: UUID, *, by: Actor, tenant: Tenant, is_ours: bool, now: datetime
) -> dict[str, Any] | None:
    """The project with all that is not about its open incidents, or None when `by` does not see it.

    Its columns by name; `seq`, `on_board`, `open_count`, `changes_count`, and lists of lists: `closed` (severity,
    when the last one of it was closed), `changes`, `feed`, `flow` (day, inflow, outflow, reopened).
    """
    sizes = settings.THRESHOLDS.war_room
    everything = sees_all(by, tenant)
    columns, statement = _project_statement(is_ours, everything, sizes.FEED, sizes.CHANGES)
    since = now - timedelta(days=sizes.TREND_DAYS + 1)  # the first day began less than a day before
    values: dict[str, Any] = {"project": project, "user": by.user_id, "tenant": tenant.pk}
    found = statement(**values, since=since, now=now)
    if not found:
        return None
    row = dict(zip(columns, found[0], strict=True))
    return row | {name: orjson.loads(row[name]) for name in _LISTS if name in row}


def open_incidents(project: UUID) -> list[tuple[dict[str, Any], list[Any]]]:
    """Every open incident of a project: its INCIDENT_COLUMNS, and the events of its clocks, first all of the one for
    the resolution, in order of their seq.

    An event is its clock, its kind, when, and for a target the minutes and the version of the calendar.
    """
    rows = _incidents(project=project)
    return [(dict(zip(INCIDENT_COLUMNS, row, strict=False)), orjson.loads(row[-1])) for row in rows]


# ---- how they are written -----------------------------------------------------------------------------------------


def _json(rows: QuerySet[Any], *columns: Any) -> Func:
    """`columns` of `rows` as the text of a JSON array of arrays."""
    lines = ArraySubquery(rows.values(line=JSONArray(*columns)))
    return Func(
        lines, function="to_jsonb", template="%(function)s(%(expressions)s)::text", output_field=TextField()
    )


def _incident_rows(project: Any) -> QuerySet[Any, Any]:
    events = ClockEvent.objects.filter(incident=OuterRef("pk")).order_by("clock", "seq")
    columns = ("clock", "kind", "at", "target_minutes", "calendar_version_id")
    rows = Incident.objects.filter(project=project, state__in=OPEN_STATES).order_by()
    return rows.annotate(events=_json(events, *columns)).values_list(*INCIDENT_COLUMNS, "events")


_incidents = Statement(_incident_rows, "project")


@lru_cache(maxsize=16)  # not tunable: more than there are kinds of readers
def _project_statement(
    is_ours: bool, everything: bool, lines: int, changes: int
) -> tuple[tuple[str, ...], Statement]:
    names = ("seq", "on_board", "open_count", "changes_count", *_LISTS[: 4 if is_ours else 3])

    def build(project: Any, user: Any, tenant: Any, since: Any, now: Any) -> QuerySet[Any, Any]:
        rows = Project.objects.all() if everything else Project.objects.of_member(user)
        asked = _changes(user, tenant, is_ours=is_ours)
        annotations: Mapping[str, Any] = {
            "seq": Coalesce(Subquery(EventHead.objects.values("seq")[:1]), 0),
            "on_board": Exists(seats(tenant).filter(project=OuterRef("pk"), user=user)),
            "open_count": _number(Incident.objects.filter(project=OuterRef("pk"), state__in=OPEN_STATES)),
            "changes_count": _number(asked),
            "closed": _closed(),
            "changes": _change_lines(asked, user, tenant, changes),
            "feed": _feed(since, lines, is_ours=is_ours),
            "flow": _flow(since, now),
        }
        rows = rows.filter(pk=project).annotate(**{name: annotations[name] for name in names})
        return rows.values_list(*PROJECT_COLUMNS, *names)

    return (*PROJECT_COLUMNS, *names), Statement(build, "project", "user", "tenant", "since", "now")


def _number(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values("project").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)


def _closed() -> Func:
    rows = Incident.objects.filter(project=OuterRef("pk"), closed_at__isnull=False).order_by()
    return _json(rows.values("severity").annotate(last=Max("closed_at")), "severity", "last")


def _changes(user: Any, tenant: Any, *, is_ours: bool) -> QuerySet[ChangeRequest]:
    """As `ChangeRequest.objects.visible_to` says, in a project that is seen."""
    rows = ChangeRequest.objects.filter(project=OuterRef("pk"), state__in=UNFINISHED)
    if is_ours:
        return rows
    seat = seats(tenant).filter(project=OuterRef("project"), user=user)
    return rows.filter(Q(requested_by=user) | Exists(seat))


def _change_lines(rows: QuerySet[ChangeRequest], user: Any, tenant: Any, most: int) -> Func:
    valid = ChangeVote.objects.filter(change_request=OuterRef("pk"), voided_at=None).order_by()
    seat = seats(tenant).filter(project=OuterRef("change_request__project"), user=OuterRef("user"))
    approvals = valid.filter(Exists(seat), vote=Vote.APPROVE).values("change_request")
    first = Incident.objects.filter(change_request=OuterRef("pk")).order_by("number")
    turn = Case(*(When(state=state, then=Value(place)) for place, state in enumerate(UNFINISHED)))
    shown = rows.annotate(
        approvals=Coalesce(Subquery(approvals.annotate(number=Count("pk")).values("number")), 0),
        voted=Exists(valid.filter(user=user)),
        incident_number=Subquery(first.values("number")[:1]),
    )
    return _json(
        shown.order_by(turn, "severity", "planned_implementation_date", "number")[:most],
        *("id", "number", "version", "title", "change_type", "severity", "state", "incident_number"),
        *("planned_implementation_date", "requested_by_id", "requested_by__name", "approvals", "voted"),
    )


def _feed(since: Any, most: int, *, is_ours: bool) -> Func:
    # By their verbs: no index holds those, and the newest lines are found from the journal's end.
    events: QuerySet[Event] = Event.objects.filter(scope=OuterRef("pk"), at__gte=since)
    if is_ours:
        events = events.filter(Q(verb__startswith="incident.") | Q(verb__startswith="change."))
    else:
        events = only_public(events)
    key = Cast(Func(F("subject"), Value(":"), Value(2), function="split_part"), UUIDField())
    numbers = (
        When(
            subject__startswith=f"{model._meta.model_name}:",
            then=Subquery(model._default_manager.filter(pk=OuterRef("key")).values("number")[:1]),
        )
        for model in (Incident, ChangeRequest)
    )
    shown = events.annotate(
        key=key,
        number=Case(*numbers, output_field=IntegerField()),
        name=Subquery(User.objects.filter(pk=OuterRef("actor_id")).values("name")[:1]),
    )
    columns = ("seq", "at", "verb", "actor_kind", "name", "subject", "number")
    return _json(shown.order_by("-seq")[:most], *columns)


def _flow(since: Any, now: Any) -> Func:
    """As `services.metrics` counts it; the day is that of the project's zone."""
    kinds = (ClockEventKind.START, ClockEventKind.FULFIL, ClockEventKind.REOPEN)
    events = ClockEvent.objects.filter(
        incident__project=OuterRef("pk"), clock=ClockKind.RESOLUTION, at__gte=since, at__lte=now
    )
    there = Func(
        F("incident__project__time_zone"), F("at"), function="timezone", output_field=DateTimeField()
    )
    by_day = events.order_by().annotate(day=Cast(there, DateField())).values("day")
    counts = {f"n{place}": Count("pk", filter=Q(kind=kind)) for place, kind in enumerate(kinds)}
    return _json(by_day.annotate(**counts), "day", *counts)
