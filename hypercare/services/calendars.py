"""Calendars: the hours in which a project's clocks run. A change makes a new version, and nothing old is changed."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import holidays
from babel import Locale
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from hypercare.errors import Unreachable
from hypercare.models import Calendar, CalendarVersion, Incident, Policy, PolicyTarget, Project
from hypercare.rules import Hours, hours_of, in_alphabet, read_definition
from hypercare.services import clocks
from hypercare.services.rows import insert, refusing
from hypercare.states import ClockKind
from tenancy.actors import Actor
from tenancy.errors import Invalid, Stale
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.transactions import atomic, emit

LONGEST_NAME = 120  # not tunable: the column's width
FAR = timedelta(days=3653)  # not tunable: ten years, the longest of all thresholds
"""A target that takes longer than this, ten years, counts as never reached."""


def newest_versions(project: Project) -> QuerySet[CalendarVersion]:
    """What each calendar of `project` says now."""
    newer = CalendarVersion.objects.filter(calendar=OuterRef("calendar"), number__gt=OuterRef("number"))
    mine = CalendarVersion.objects.filter(~Exists(newer), calendar__project=project)
    return mine.select_related("calendar__project")


def create_calendar(
    *, project: Project, name: str, definition: Mapping[str, Any], by: Actor, now: datetime
) -> CalendarVersion:
    """Make a calendar and its first version. Raises NotAllowed, Invalid by field."""
    require(by, "calendar.change")
    name = guards.text(name, "name", longest=LONGEST_NAME)
    checked, closed_on = _checked(definition, now)
    with atomic():
        calendar = Calendar(project=project, name=name, created_at=now)
        insert(calendar)
        version = _version(calendar, 1, checked, closed_on, by=by, now=now)
        data = {"name": name, "version": 1, "definition": checked}
        emit("calendar.created", calendar, by=by, now=now, data=data, scope=project.pk, urgent=False)
    return version


def change_calendar(
    *,
    calendar: Calendar,
    name: str,
    definition: Mapping[str, Any],
    version: int | None = None,
    by: Actor,
    now: datetime,
) -> CalendarVersion:
    """Give the calendar this name and these hours; what runs in other hours of it is retargeted.

    Public holidays are looked up anew. If nothing differs, nothing happens. `version`: the number that is changed.
    Raises NotAllowed, Stale, Invalid by field, also when a target of a policy would never be reached.
    """
    require(by, "calendar.change")
    name = guards.text(name, "name", longest=LONGEST_NAME)
    checked, closed_on = _checked(definition, now)
    with atomic():
        clocks.lock_policies(calendar.project, shared=False)
        was = newest_of_one(calendar, version)
        row = was.calendar
        if (row.name, was.definition, was.closed_on) == (name, checked, closed_on):
            return was
        check_targets(row, hours_of(checked, closed_on), now)
        data = {"name": [row.name, name], "version": [was.number, was.number + 1], "definition": checked}
        row.name = name
        with refusing(row):
            row.save(update_fields=["name"])
        is_now = _version(row, was.number + 1, checked, closed_on, by=by, now=now)
        emit("calendar.changed", row, by=by, now=now, data=data, scope=row.project_id, urgent=False)
        retarget_project(row.project, by=by, now=now, why={"calendar": str(row.pk)})
    return is_now


def retarget_project(project: Project, *, by: Actor, now: datetime, why: Mapping[str, object]) -> int:
    """Give the clocks of the project's open incidents what is in force at `now`; how many changed.

    The caller holds the project's policies.
    """
    incidents = Incident.objects.open().filter(project=project).select_for_update(of=("self",))
    held = list(incidents.select_related("project").order_by("pk"))
    return clocks.retarget_all(held, by=by, now=now, why=why)


def is_reached(hours: Hours, minutes: int, now: datetime) -> bool:
    """Whether that many minutes of open time pass within ten years of `now`."""
    try:
        return hours.after(now, timedelta(minutes=minutes)) <= now + FAR
    except Unreachable:
        return False


def newest_of_one(calendar: Calendar, version: int | None = None) -> CalendarVersion:
    """What `calendar` says now. Raises Stale when that is not the `version` that was read."""
    newest = newest_versions(calendar.project).get(calendar=calendar)
    if version is not None and version != newest.number:
        raise Stale(_("Somebody changed this since you read it."), version=newest.number)
    return newest


def sketch(
    *, definition: Mapping[str, Any], now: datetime, calendar: Calendar | None = None
) -> CalendarVersion:
    """What a calendar would say with this definition, not stored. Raises Invalid by field."""
    checked, closed_on = _checked(definition, now)
    return CalendarVersion(calendar=calendar, definition=checked, closed_on=closed_on, created_at=now)


@cache
def countries(language: str) -> Mapping[str, str]:
    """Countries whose public holidays are known: their names in `language`, in its alphabet's order, by code."""
    names = Locale.parse(language, sep="-").territories
    known = {code: names[code] for _name, code, *_others in holidays.registry.COUNTRIES.values()}
    return dict(sorted(known.items(), key=lambda item: in_alphabet(item[1], language)))


def holiday_names(version: CalendarVersion, first: date, last: date, language: str) -> dict[date, str]:
    """The days from `first` to `last` that are closed by name: own ones as they were written, public ones by the
    library's name of them, in `language` where it is known. Empty where nobody named the day."""
    definition = version.definition
    country, subdivision = definition["country"], definition["subdivision"]
    named: Mapping[date, str] = {}
    if country:
        named = holidays.country_holidays(
            country,
            subdiv=subdivision or None,
            years=range(first.year, last.year + 1),
            language=_spoken(country, language),
        )
    own: Mapping[str, str] = definition.get("names", {})
    days = {day: own.get(day, "") for day in definition["closed"]}
    public = {day: named.get(date.fromisoformat(day), "") for day in version.closed_on}
    every = {date.fromisoformat(day): name for day, name in (public | days).items()}
    return {day: name for day, name in sorted(every.items()) if first <= day <= last}


def _spoken(country: str, language: str) -> str | None:
    """The library's word for `language` in `country`; None, the country's own, if it does not know it."""
    known: Sequence[str] = holidays.list_localized_countries().get(country, ())
    return next((each for each in known if each.partition("_")[0] == language), None)


def check_targets(calendar: Calendar, hours: Hours, now: datetime) -> None:
    """Raise Invalid when a target that counts, now or later, is never reached in `hours`."""
    later = Policy.objects.filter(project=calendar.project_id, valid_from__gt=now)
    current = Policy.objects.filter(project=calendar.project_id, valid_from__lte=now).order_by("-valid_from")
    counting = Q(policy__in=later) | Q(policy__in=current.values("pk")[:1])
    for target in PolicyTarget.objects.filter(counting, calendar=calendar):
        for clock in ClockKind:
            minutes: int = getattr(target, f"{clock}_minutes")
            if not is_reached(hours, minutes, now):
                why = _("%(minutes)d minutes, the target of %(severity)s, would never be reached.") % {
                    "minutes": minutes,
                    "severity": target.severity,
                }
                raise Invalid(why, fields={"weekly": [why]})


def _checked(definition: Mapping[str, Any], now: datetime) -> tuple[dict[str, Any], list[str]]:
    """The definition as it is stored, and the public holidays that follow from it now. Raises Invalid."""
    checked, faults = read_definition(definition)
    country, subdivision = checked["country"], checked["subdivision"]
    known = holidays.list_supported_countries(include_aliases=False)
    if country and country not in known:
        faults.setdefault("country", []).append(_("No public holidays are known of this country."))
    elif subdivision and subdivision not in known.get(country, ()):
        faults.setdefault("subdivision", []).append(_("The country has no such subdivision."))
    if faults:
        raise Invalid(_("The calendar cannot be read."), fields=faults)
    if not country:
        return checked, []
    years = range(now.year - 1, now.year + settings.THRESHOLDS.hypercare.HOLIDAY_YEARS + 1)
    days = holidays.country_holidays(country, subdiv=subdivision or None, years=years)
    return checked, sorted(day.isoformat() for day in days)


def _version(
    calendar: Calendar,
    number: int,
    definition: dict[str, Any],
    closed_on: list[str],
    *,
    by: Actor,
    now: datetime,
) -> CalendarVersion:
    return CalendarVersion.objects.create(
        calendar=calendar,
        number=number,
        definition=definition,
        closed_on=closed_on,
        created_by_id=by.user_id,
        created_at=now,
    )


def newest_of(calendar_ids: set[UUID], project: Project) -> dict[UUID, CalendarVersion]:
    """What those of `calendar_ids` that belong to `project` say now, by the calendar's key."""
    return {row.calendar_id: row for row in newest_versions(project).filter(calendar__in=calendar_ids)}
