"""The figures of a project's hypercare, computed from its incidents when asked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Avg, Count, F, Q

from hypercare.models import Incident, IncidentQuerySet, Project
from hypercare.rules import hours, week_began
from hypercare.states import OPEN_STATES, Severity
from tenancy.actors import Actor
from tenancy.permissions import require

AVERAGE_OVER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Metrics:
    """A project's figures at one moment (hypercare.md, Metrics).

    `open_by_priority`: incidents not resolved, by p1..p4. `sla_breached`: those of them with a clock breached
    now, recorded or not. `avg_resolution_hours`: mean wall time from report to resolution of those resolved in
    the last 30 days, in hours to two places; None if there are none. `resolved_this_week`: those resolved since
    Monday 00:00 in the project's zone.
    """

    open_by_priority: dict[str, int]
    sla_breached: int
    avg_resolution_hours: float | None
    resolved_this_week: int


def metrics(*, project: Project, by: Actor, now: datetime) -> Metrics:
    """The project's figures at `now`, in one query. Raises NotAllowed."""
    require(by, "metrics.read")
    is_open = Q(state__in=OPEN_STATES)
    recent = Q(resolved_at__gt=now - AVERAGE_OVER, resolved_at__lte=now)
    figures = Incident.objects.filter(project=project).aggregate(
        **{
            f"open_{level.lower()}": Count("pk", filter=is_open & Q(severity=level))
            for level in Severity.values
        },
        breached=Count("pk", filter=is_open & IncidentQuerySet.is_breached(now)),
        average=Avg(F("resolved_at") - F("created_at"), filter=recent),
        week=Count("pk", filter=Q(resolved_at__gte=week_began(now, project.time_zone))),
    )
    return Metrics(
        open_by_priority={level.lower(): figures[f"open_{level.lower()}"] for level in Severity.values},
        sla_breached=figures["breached"],
        avg_resolution_hours=hours(figures["average"]),
        resolved_this_week=figures["week"],
    )
