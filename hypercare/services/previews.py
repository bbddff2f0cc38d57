"""What clocks would do, by policies and calendars that are there or that nobody has saved yet. Nothing is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings

from hypercare.errors import Unreachable
from hypercare.models import Calendar, CalendarVersion, Incident, Policy, PolicyTarget, Project
from hypercare.rules import Forecast, Hours, Leg, Target, Tick, forecast, hours_of, legs, replaced, replay
from hypercare.services import calendars, clocks, policies
from hypercare.states import ClockEventKind, ClockKind
from tenancy.actors import Actor
from tenancy.permissions import require

FAR_YEARS = calendars.FAR.days // 365


@dataclass(frozen=True, slots=True)
class Plan:
    """What clocks would run by: minutes of a calendar, which may be a sketch; without one, round the clock."""

    minutes: Mapping[ClockKind, int]
    calendar: CalendarVersion | None = None

    @property
    def hours(self) -> Hours | None:
        version = self.calendar
        if version is None:
            return None
        return hours_of(version.definition, version.closed_on)


@dataclass(frozen=True, slots=True)
class Preview:
    """One clock that would start. `way` is None when it is never due: not within FAR_YEARS.

    `legs` lead from its start to when it is due, the first console.PREVIEW_LEGS of them; `more` is how much time is
    not shown.
    """

    clock: ClockKind
    minutes: int
    way: Forecast | None
    legs: tuple[Leg, ...] = ()
    more: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Effect:
    """What new terms do to the clocks of open incidents: how many get new ones, and how many of those would be over
    at once, or not over any more."""

    changed: int
    breached: int
    relieved: int


# ---- by what: plans -----------------------------------------------------------------------------------------------


def plan_in_force(project: Project, severity: str, now: datetime) -> Plan:
    """What an incident of `severity` that is reported at `now` gets."""
    terms = clocks.terms(project.pk, severity, now)
    key = terms.calendar_version_id
    return Plan(terms.minutes, CalendarVersion.objects.get(pk=key) if key else None)


def plans_of(policy: Policy) -> dict[str, Plan]:
    """What `policy` says for each severity, on what its calendars say now."""
    targets = {
        row.severity: Target(row.response_minutes, row.resolution_minutes, row.calendar_id)
        for row in policy.targets.all()
    }
    return plans_by(policy.project, targets)


def _minutes_of(row: PolicyTarget) -> dict[ClockKind, int]:
    return {ClockKind.RESPONSE: row.response_minutes, ClockKind.RESOLUTION: row.resolution_minutes}


def plans_by(project: Project, targets: Mapping[str, Target]) -> dict[str, Plan]:
    """What `targets` say, on what the project's calendars say now."""
    asked = {target.calendar_id for target in targets.values() if target.calendar_id}
    newest = calendars.newest_of(asked, project) if asked else {}
    return {
        severity: Plan(
            {clock: target.minutes(clock) for clock in ClockKind},
            newest[target.calendar_id] if target.calendar_id else None,
        )
        for severity, target in targets.items()
    }


# ---- what would happen --------------------------------------------------------------------------------------------


def preview(*, plan: Plan, begin: datetime, by: Actor) -> list[Preview]:
    """Both clocks of an incident that is reported at `begin`. Raises NotAllowed."""
    require(by, "policy.read")
    hours = plan.hours
    return [_preview(clock, plan.minutes[clock], hours, begin) for clock in ClockKind]


def _preview(clock: ClockKind, minutes: int, hours: Hours | None, begin: datetime) -> Preview:
    try:
        way = forecast(hours, begin, minutes, settings.THRESHOLDS.sla.WARN_PERCENTS)
    except Unreachable:
        return Preview(clock, minutes, None)
    if way.due_at > begin + calendars.FAR:
        return Preview(clock, minutes, None)
    shown = tuple(islice(legs(hours, begin, way.due_at), settings.THRESHOLDS.console.PREVIEW_LEGS))
    end = shown[-1].end if shown else begin
    return Preview(clock, minutes, way, shown, way.due_at - end)


def names_on(plan: Plan, previews: Iterable[Preview], language: str) -> dict[date, str]:
    """The names of the days that are closed on the way of `previews`; empty round the clock."""
    found = [preview for preview in previews if preview.legs]
    if plan.calendar is None or not found:
        return {}
    first, last = found[0].legs[0].begin, max(preview.legs[-1].end for preview in found)
    day = timedelta(days=1)  # elsewhere it is another day
    return calendars.holiday_names(plan.calendar, (first - day).date(), (last + day).date(), language)


def foresee_policy(
    *,
    project: Project,
    targets: Mapping[str, Target],
    valid_from: datetime | None = None,
    by: Actor,
    now: datetime,
) -> tuple[dict[str, Plan], Effect]:
    """What `create_policy` with the same arguments would do to the clocks that run. Raises as it does.

    Of a policy that begins later: what it would do then if nothing happens before.
    """
    require(by, "policy.change")
    begins = now if valid_from is None else valid_from
    every = policies.checked_targets(project=project, targets=targets, begins=begins, now=now)
    plans = plans_by(project, every)
    return plans, _effect(Incident.objects.open().filter(project=project), plans, begins)


def foresee_calendar(
    *,
    calendar: Calendar,
    definition: Mapping[str, Any],
    version: int | None = None,
    by: Actor,
    now: datetime,
) -> tuple[CalendarVersion, Effect]:
    """What `change_calendar` with the same arguments would do to the clocks that run. Raises as it does."""
    require(by, "calendar.change")
    would_be = calendars.sketch(definition=definition, now=now, calendar=calendar)
    calendars.newest_of_one(calendar, version)
    calendars.check_targets(calendar, hours_of(would_be.definition, would_be.closed_on), now)
    key = policies.policy_in_force(calendar.project, now)
    plans: dict[str, Plan] = {}
    if key is not None:
        policy = Policy.objects.prefetch_related("targets").get(pk=key)
        plans = {
            row.severity: Plan(_minutes_of(row), would_be)
            for row in policy.targets.all()
            if row.calendar_id == calendar.pk
        }
    incidents = Incident.objects.open().filter(project=calendar.project_id, severity__in=plans)
    return would_be, _effect(incidents, plans, now)


def _effect(incidents: Iterable[Incident], plans: Mapping[str, Plan], at: datetime) -> Effect:
    """What new targets by `plans` would do to `incidents` at `at`."""
    rows = list(incidents)
    hours = {severity: plan.hours for severity, plan in plans.items()}
    changed = breached = relieved = 0
    for clock in ClockKind:
        events: dict[UUID, list[Tick]] = clocks.ticks_of(rows, clock)
        for incident in rows:
            its = events[incident.pk]
            severity = incident.severity
            tick = Tick(ClockEventKind.RETARGET, at, plans[severity].minutes[clock], hours[severity])
            if replaced(its, tick) is None:
                continue
            before, after = replay(its, at).breached, replay([*its, tick], at).breached
            changed += 1
            breached += after and not before
            relieved += before and not after
    return Effect(changed, breached, relieved)
