"""A clock ran out, or nears it: recorded once, told once, whoever notices first."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from hypercare.models import FULFILLED_AT, Incident, IncidentQuerySet, Project
from hypercare.services import clocks
from hypercare.services.alerts import sound
from hypercare.states import ClockKind
from tenancy.actors import Actor
from tenancy.deadlines import Due
from tenancy.permissions import require
from tenancy.transactions import atomic

READER = Actor.system("sla-breaches")


def on_response_due(dues: Sequence[Due], by: Actor, now: datetime) -> None:
    """Handler of `incident.response_due`."""
    record_breaches(incident_ids=_subjects(dues), clock=ClockKind.RESPONSE, by=by, now=now)


def on_resolution_due(dues: Sequence[Due], by: Actor, now: datetime) -> None:
    """Handler of `incident.resolution_due`."""
    record_breaches(incident_ids=_subjects(dues), clock=ClockKind.RESOLUTION, by=by, now=now)


def on_response_warning(dues: Sequence[Due], by: Actor, now: datetime) -> None:
    """Handler of `incident.response_warning`."""
    warn(incident_ids=_subjects(dues), clock=ClockKind.RESPONSE, by=by, now=now)


def on_resolution_warning(dues: Sequence[Due], by: Actor, now: datetime) -> None:
    """Handler of `incident.resolution_warning`."""
    warn(incident_ids=_subjects(dues), clock=ClockKind.RESOLUTION, by=by, now=now)


def _subjects(dues: Sequence[Due]) -> list[UUID]:
    return [UUID(due.subject.partition(":")[2]) for due in dues]


def record_breaches(*, incident_ids: Sequence[UUID], clock: ClockKind, by: Actor, now: datetime) -> int:
    """Record and tell that `clock` is breached at `now`, of those where it is and was not recorded; how many.

    The rows are locked and asked again, so however many sweeps and readers notice, one of them tells.
    Raises NotAllowed.
    """
    require(by, "incident.check_breaches")
    with atomic():
        late = Incident.objects.unrecorded(clock, now).filter(pk__in=incident_ids)
        incidents = list(late.select_for_update(of=("self",)).select_related("project").order_by("pk"))
        if not incidents:
            return 0
        states = clocks.read_all(incidents, clock, now)
        settled = [clocks.settle(incident, clock, states[incident.pk], now) for incident in incidents]
        columns = {f"sla_{clock}_breached": True, f"sla_{clock}_breached_at": now}
        alerts = [alert for alert in settled if alert]
        Incident.objects.filter(pk__in=[alert.incident.pk for alert in alerts]).update(**columns)
        sound(alerts, by=by, now=now)
    return len(alerts)


def warn(*, incident_ids: Sequence[UUID], clock: ClockKind, by: Actor, now: datetime) -> int:
    """Warn of the marks that `clock` of each has passed at `now` and was not warned of; how many were warned.

    A clock that was paused, fulfilled or breached since is left alone: a breach has a deadline of its own.
    Raises NotAllowed.
    """
    require(by, "incident.check_breaches")
    with atomic():
        running = {f"{FULFILLED_AT[clock]}__isnull": True, f"sla_{clock}_deadline__gt": now}
        rows = Incident.objects.open().filter(pk__in=incident_ids, **running)
        incidents = list(rows.select_for_update(of=("self",)).select_related("project").order_by("pk"))
        states = clocks.read_all(incidents, clock, now)
        settled = [clocks.settle(incident, clock, states[incident.pk], now) for incident in incidents]
        alerts = [alert for alert in settled if alert]
        for mark in {alert.passed[-1] for alert in alerts}:
            its = [alert.incident.pk for alert in alerts if alert.passed[-1] == mark]
            Incident.objects.filter(pk__in=its).update(**{f"sla_{clock}_warned": mark})
        sound(alerts, by=by, now=now)
        for incident in incidents:
            clocks.schedule_next(incident, clock, states[incident.pk], now)
    return len(alerts)


def check_breaches(*, project: Project, by: Actor, now: datetime) -> IncidentQuerySet:
    """The project's open incidents with a clock breached at `now`; records those that no sweep has seen yet.

    Idempotent. The records are made in the system's name: looking is no deed. Raises NotAllowed.
    """
    require(by, "incident.check_breaches")
    mine = Incident.objects.filter(project=project)
    for clock in ClockKind:
        late = list(mine.unrecorded(clock, now).values_list("pk", flat=True))
        if late:
            record_breaches(incident_ids=late, clock=clock, by=READER, now=now)
    return mine.open().breached(now)
