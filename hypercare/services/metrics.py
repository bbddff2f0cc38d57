"""The figures of a project's hypercare, computed from its incidents when asked."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Aggregate,
    Avg,
    Case,
    Count,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    Max,
    OuterRef,
    Q,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from hypercare.models import FULFILLED_AT, ClockEvent, Incident, IncidentQuerySet, Project
from hypercare.rules import hours, last_days, last_weeks, share, week_began
from hypercare.states import OPEN_STATES, ClockEventKind, ClockKind, Severity
from tenancy.actors import Actor
from tenancy.permissions import require


@dataclass(frozen=True, slots=True)
class Percentiles:
    """The half and the ninety percent that took at most so many hours, to two places; None if there are none.

    As PostgreSQL's percentile_cont: of n values in order, the one at place 1 + p * (n - 1), and between two places
    what lies as far between their values.
    """

    p50_hours: float | None
    p90_hours: float | None


@dataclass(frozen=True, slots=True)
class Took:
    """How long something took `count` incidents.

    `wall`: by the clock on the wall, from the report on. `business`: what the incident's own SLA clock counted, so
    only the hours of its calendar, and for a resolution without the time that it waited or was resolved.
    """

    count: int
    wall: Percentiles
    business: Percentiles


@dataclass(frozen=True, slots=True)
class Reopened:
    """Of the `resolved` times that something was resolved, those `reopened` since, and the share that they are."""

    resolved: int
    reopened: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class Day:
    """What came in (`inflow`: reported; `reopened`: came back) and went out (`outflow`: resolved) on a day."""

    day: date
    inflow: int
    outflow: int
    reopened: int


@dataclass(frozen=True, slots=True)
class BacklogAge:
    """Wall time since the report of the `count` incidents that are open, in hours to two places."""

    count: int
    p50_hours: float | None
    p90_hours: float | None
    oldest_hours: float | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Of `ended` clocks, those `breached`, and the share that they are."""

    ended: int
    breached: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class Week:
    """The clocks that ended in the week of the Monday `week`."""

    week: date
    response: Kept
    resolution: Kept


@dataclass(frozen=True, slots=True)
class Metrics:
    """A project's figures at one moment (hypercare.md, Metrics). Days and weeks are those of the project's zone.

    Open are the states open, in_progress and waiting; a closed incident counts as the resolved one that it is. An
    incident is resolved when it was last resolved: one that was reopened and is worked on is open and not resolved,
    and its figures of before are gone, but for `flow` and `reopened`, which count what happened.

    `open_by_priority`: open incidents by p1..p4. `sla_breached`: those of them with a clock breached now, recorded
    or not. `avg_resolution_hours`: mean wall time from report to resolution of those resolved in the last 30 days,
    in hours to two places; None if there are none. `resolved_this_week`: those resolved since Monday 00:00.

    `time_to_first_response`: of those answered in the last 30 days (the answer may be their resolution).
    `time_to_resolution`: of those resolved in the last 30 days.

    `reopened`: of the resolutions in the days of `flow`, those that were undone since, whenever. Each resolution
    counts: one incident may give several.

    `flow`: the last 30 days, the oldest first, today included. An incident comes in on the day of its report, goes
    out on each day on which it is resolved and comes back on each on which it is reopened; waiting and closing are
    neither. So what was open, plus `inflow` and `reopened`, less `outflow`, is what is open.

    `backlog_age`: of the open ones, since their report, waiting and earlier resolutions included.

    `breach_rate`: the last 8 weeks, the oldest first, this one included; for each clock of those that ended in the
    week the share that was breached. A clock ends when it is fulfilled in time, or when it passes its deadline,
    fulfilled later or not, recorded or not. One that runs or is paused in time is in no week. A clock counts once,
    by its target of now: one that is reopened or gets a new target counts anew and no more as before.
    """

    open_by_priority: dict[str, int]
    sla_breached: int
    avg_resolution_hours: float | None
    resolved_this_week: int
    time_to_first_response: Took
    time_to_resolution: Took
    reopened: Reopened
    flow: list[Day]
    backlog_age: BacklogAge
    breach_rate: list[Week]


def metrics(*, project: Project, by: Actor, now: datetime) -> Metrics:
    """The project's figures at `now`, in four queries. Raises NotAllowed."""
    require(by, "metrics.read")
    figures = _figures(project, now)
    flow, reopened = _flow(project, now)
    return Metrics(
        open_by_priority={level.lower(): figures[f"open_{level}"] for level in Severity.values},
        sla_breached=figures["breached"],
        avg_resolution_hours=hours(figures["average"]),
        resolved_this_week=figures["this_week"],
        time_to_first_response=_took(figures, ClockKind.RESPONSE),
        time_to_resolution=_took(figures, ClockKind.RESOLUTION),
        reopened=reopened,
        flow=flow,
        backlog_age=BacklogAge(
            count=sum(figures[f"open_{level}"] for level in Severity.values),
            **_percentiles(figures["age"]),
            oldest_hours=hours(figures["oldest"]),
        ),
        breach_rate=_breach_rate(project, now),
    )


_PERCENTILES = (0.5, 0.9)  # not tunable: p50 and p90, as they are called


class _PercentileCont(Aggregate):
    """`_PERCENTILES` of durations, as a list; None of none. NULLs do not count."""

    function = "percentile_cont"
    template = "%(function)s(ARRAY[%(fractions)s]) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = ArrayField(DurationField())

    def __init__(self, expression: Any, **extra: Any):
        super().__init__(expression, fractions=", ".join(map(str, _PERCENTILES)), **extra)


def _figures(project: Project, now: datetime) -> dict[str, Any]:
    """What is one number, in one query."""
    is_open = Q(state__in=OPEN_STATES)
    began = week_began(now, project.time_zone)
    age = ExpressionWrapper(Value(now) - F("created_at"), output_field=DurationField())
    wanted: dict[str, Any] = {
        **{f"open_{level}": Count("pk", filter=is_open & Q(severity=level)) for level in Severity.values},
        "breached": Count("pk", filter=is_open & IncidentQuerySet.is_breached(now)),
        "this_week": Count("pk", filter=Q(resolved_at__gte=began, resolved_at__lte=now)),
        "age": _PercentileCont(age, filter=is_open),
        "oldest": Max(age, filter=is_open),
    }
    for clock in ClockKind:
        end = FULFILLED_AT[clock]
        recent = Q(
            **{
                f"{end}__gt": now - timedelta(days=settings.THRESHOLDS.hypercare.AVERAGE_DAYS),
                f"{end}__lte": now,
            }
        )
        wall = ExpressionWrapper(F(end) - F("created_at"), output_field=DurationField())
        wanted |= {
            f"{clock}_count": Count("pk", filter=recent),
            f"{clock}_wall": _PercentileCont(wall, filter=recent),
            f"{clock}_business": _PercentileCont(f"sla_{clock}_elapsed", filter=recent),
        }
        if clock == ClockKind.RESOLUTION:
            wanted["average"] = Avg(wall, filter=recent)
    return Incident.objects.filter(project=project).aggregate(**wanted)


def _took(figures: dict[str, Any], clock: ClockKind) -> Took:
    wall, business = (Percentiles(**_percentiles(figures[f"{clock}_{of}"])) for of in ("wall", "business"))
    return Took(figures[f"{clock}_count"], wall, business)


def _percentiles(found: list[timedelta] | None) -> dict[str, float | None]:
    half, most = found or (None, None)
    return {"p50_hours": hours(half), "p90_hours": hours(most)}


def _place(of: Any, begins: Collection[datetime]) -> Func:
    """In which of the stretches that begin at `begins`, the oldest first, a time lies: 1 is the first."""
    bounds = Value(list(begins), output_field=ArrayField(DateTimeField()))
    return Func(of, bounds, function="width_bucket", output_field=IntegerField())


def _flow(project: Project, now: datetime) -> tuple[list[Day], Reopened]:
    """By the events of the resolution clocks: unlike the incidents' columns, they keep every resolution."""
    days = last_days(now, project.time_zone, settings.THRESHOLDS.hypercare.SERIES_DAYS)
    undone = ClockEvent.objects.filter(
        incident=OuterRef("incident"),
        clock=OuterRef("clock"),
        seq__gt=OuterRef("seq"),
        kind=ClockEventKind.REOPEN,
        at__lte=now,
    )
    events = ClockEvent.objects.filter(
        incident__project=project, clock=ClockKind.RESOLUTION, at__gte=min(days.values()), at__lte=now
    )
    kinds = {
        "inflow": Q(kind=ClockEventKind.START),
        "outflow": Q(kind=ClockEventKind.FULFIL),
        "reopened": Q(kind=ClockEventKind.REOPEN),
        "undone": Q(Exists(undone), kind=ClockEventKind.FULFIL),
    }
    wanted = {name: Count("pk", filter=condition) for name, condition in kinds.items()}
    rows: Any = events.annotate(place=_place(F("at"), days.values())).values("place").order_by("place")
    counts: dict[int, dict[str, int]] = {row["place"]: row for row in rows.annotate(**wanted)}
    by_day = {day: counts.get(place, dict.fromkeys(kinds, 0)) for place, day in enumerate(days, start=1)}
    flow = [Day(day, row["inflow"], row["outflow"], row["reopened"]) for day, row in by_day.items()]
    resolved = sum(row["outflow"] for row in by_day.values())
    again = sum(row["undone"] for row in by_day.values())
    return flow, Reopened(resolved, again, share(again, resolved))


def _breach_rate(project: Project, now: datetime) -> list[Week]:
    weeks = last_weeks(now, project.time_zone, settings.THRESHOLDS.hypercare.SERIES_WEEKS)
    response, resolution = (_kept(project, clock, weeks, now) for clock in ClockKind)
    return [Week(week, response[place], resolution[place]) for place, week in enumerate(weeks, start=1)]


def _kept(project: Project, clock: ClockKind, weeks: dict[date, datetime], now: datetime) -> dict[int, Kept]:
    """How `clock` ended, by the place of the week."""
    is_breached = IncidentQuerySet.is_breached(now, clock)
    # While it is paused, a breached clock has no deadline.
    due_at = Coalesce(f"sla_{clock}_deadline", f"sla_{clock}_breached_at")
    end = Case(When(is_breached, then=due_at), default=F(FULFILLED_AT[clock]))
    ended = Incident.objects.filter(project=project).annotate(end=end)
    rows = ended.filter(end__gte=min(weeks.values()), end__lte=now)
    by_week = rows.annotate(place=_place(F("end"), weeks.values())).values("place").order_by("place")
    counts = by_week.annotate(ended=Count("pk"), breached=Count("pk", filter=is_breached))
    found = {row["place"]: (row["ended"], row["breached"]) for row in counts}
    pairs = {place: found.get(place, (0, 0)) for place in range(1, len(weeks) + 1)}
    return {place: Kept(all_, late, share(late, all_)) for place, (all_, late) in pairs.items()}
