"""What the verbs of policies and calendars ask for, and the question that a preview answers."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.text import format_lazy
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from timezone_field.forms import TimeZoneFormField

from hypercare.forms.fields import ProjectField
from hypercare.forms.hours import (
    DayHoursField,
    MinutesField,
    NamedDaysField,
    SpecialDaysField,
    WallMomentField,
    in_zone,
)
from hypercare.models import Calendar, CalendarVersion, Policy, Project
from hypercare.rules import WEEKDAYS, Target, read_definition
from hypercare.services import countries
from hypercare.states import ClockKind, Severity
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import Invalid, Refusal
from tenancy.web.forms import LateChoices, VerbForm

_PATH = re.compile(r"targets\.(P[1-4])\.(response_minutes|resolution_minutes|calendar_id)")


class Unseen(Refusal):
    """Nobody has been shown yet what this does. `foreseen` is what to show."""

    code = "unseen"

    def __init__(self, foreseen: Mapping[str, Any]):
        super().__init__("unseen")
        self.foreseen = foreseen


class SeenFirst(VerbForm):
    """A form that is sent twice: to see what it would do, and to have it done. What changes in between is seen anew.

    The verb raises Unseen unless `cleaned_data["seen"]`.
    """

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    help_template = "console/preview_confirm.html"
    foreseen: Mapping[str, Any] | None = None

    def clean_seen(self) -> bool:
        """Whether what is typed now is what its effect was shown of."""
        return bool(self.cleaned_data["seen"] == self._digest())

    def refuse(self, refusal: Refusal) -> None:
        if isinstance(refusal, Unseen):
            self.foreseen = refusal.foreseen
            self.data = {**self._typed(), "seen": self._digest()}
        else:
            super().refuse(refusal)

    def _typed(self) -> dict[str, Any]:
        return {name: self.data.get(name, "") for name in self.fields if name != "seen"}

    def _digest(self) -> str:
        return hashlib.sha256(json.dumps(self._typed()).encode()).hexdigest()


# ---- policies -----------------------------------------------------------------------------------------------------


class CalendarField(LateChoices):
    """A calendar of any project that the actor sees; whether it is the policy's is the service's to say."""

    model = Calendar

    def rows(self, form: VerbForm) -> "QuerySet[Calendar]":
        seen = Project.objects.visible_to(form.actor, current_tenant())
        rows = Calendar.objects.filter(project__in=seen).select_related("project")
        return rows.order_by("project__code", "name")

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} · {obj.project}"


def _minutes(severity: Severity, what: Any) -> MinutesField:
    label = format_lazy("{} {} · {}", severity.shape, severity.value, what)
    how = _("Minutes (240) or hours and minutes (4:00).") if severity is Severity.P1 else ""
    return MinutesField(label=label, help_text=how)


def _calendar(severity: Severity) -> CalendarField:
    label = format_lazy("{} {} · {}", severity.shape, severity.value, _("runs in"))
    return CalendarField(label=label, required=False, empty_label=_("round the clock"))


class PolicyForm(SeenFirst):
    """A new policy; filled with what its subject says, or the defaults."""

    abreast = 3

    project = ProjectField(label=_("Project"))
    valid_from = WallMomentField(
        label=_("Begins"), required=False, help_text=_("In the project's time zone. Empty: at once.")
    )
    P1_response = _minutes(Severity.P1, _("first response"))
    P1_resolution = _minutes(Severity.P1, _("resolution"))
    P1_calendar = _calendar(Severity.P1)
    P2_response = _minutes(Severity.P2, _("first response"))
    P2_resolution = _minutes(Severity.P2, _("resolution"))
    P2_calendar = _calendar(Severity.P2)
    P3_response = _minutes(Severity.P3, _("first response"))
    P3_resolution = _minutes(Severity.P3, _("resolution"))
    P3_calendar = _calendar(Severity.P3)
    P4_response = _minutes(Severity.P4, _("first response"))
    P4_resolution = _minutes(Severity.P4, _("resolution"))
    P4_calendar = _calendar(Severity.P4)

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Policy] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for severity, default in settings.THRESHOLDS.sla.targets().items():
            self._fill(severity, default.response, default.resolution)
        for policy in subjects:
            self.initial["project"] = policy.project_id
            for row in policy.targets.all():
                self._fill(row.severity, row.response_minutes, row.resolution_minutes, row.calendar_id)

    def _fill(self, severity: str, response: int, resolution: int, calendar: Any = None) -> None:
        self.initial[f"{severity}_response"] = response
        self.initial[f"{severity}_resolution"] = resolution
        self.initial[f"{severity}_calendar"] = calendar

    def clean(self) -> dict[str, Any]:
        """With `valid_from` as a moment, and `targets` by severity."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        project, wall = cleaned.get("project"), cleaned.get("valid_from")
        if project and wall:
            try:
                cleaned["valid_from"] = in_zone(wall, project.time_zone)
            except ValidationError as wrong:
                self.add_error("valid_from", wrong)
        if not self.errors:
            cleaned["targets"] = {severity: self._target(cleaned, severity) for severity in Severity.values}
        return cleaned

    def _target(self, cleaned: Mapping[str, Any], severity: str) -> Target:
        calendar = cleaned[f"{severity}_calendar"]
        minutes = {f"{clock}_minutes": cleaned[f"{severity}_{clock}"] for clock in ClockKind}
        return Target(**minutes, calendar_id=calendar.pk if calendar else None)

    def refuse(self, refusal: Refusal) -> None:
        if refusal.fields:
            by_field = {_field_of(path): why for path, why in refusal.fields.items()}
            refusal = Invalid(refusal.message, code=refusal.code, fields=by_field)
        super().refuse(refusal)


def _field_of(path: str) -> str:
    """The field of the form for the path of a policy's field."""
    found = _PATH.fullmatch(path)
    return f"{found[1]}_{found[2].partition('_')[0]}" if found else path


# ---- calendars ----------------------------------------------------------------------------------------------------


def _countries() -> list[tuple[str, Any]]:
    known = countries(get_language() or "en")
    return [("", _("none")), *((code, f"{name} ({code})") for code, name in known.items())]


class CalendarForm(SeenFirst):
    """What people write of a calendar; filled with what its newest version says if there is one."""

    abreast = 2

    name = forms.CharField(label=_("Name"), max_length=120)
    time_zone = TimeZoneFormField(label=_("Time zone"), initial="Europe/Istanbul")
    monday = DayHoursField(
        0, help_text=_("Such as 08:30-12:00, 13:00-17:30. Empty: closed. 24:00 ends the day.")
    )
    tuesday = DayHoursField(1)
    wednesday = DayHoursField(2)
    thursday = DayHoursField(3)
    friday = DayHoursField(4)
    saturday = DayHoursField(5)
    sunday = DayHoursField(6)
    country = forms.ChoiceField(
        label=_("Public holidays of"),
        choices=_countries,
        required=False,
        help_text=_("They are looked up when you save and kept as they are then."),
    )
    subdivision = forms.CharField(
        label=_("Region"),
        max_length=40,
        required=False,
        help_text=_("Its code if it has holidays of its own, such as BY for Bavaria."),
    )
    closed = NamedDaysField(
        label=_("Own holidays"), help_text=_("A day and its name on each line: 2026-12-31 Stocktaking.")
    )
    special = SpecialDaysField(
        label=_("Exceptions"),
        help_text=_(
            "A day and its hours on each line: 2026-11-21 00:00-24:00. They count in place of the week and "
            "of holidays; without hours it is closed."
        ),
    )

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Calendar] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for calendar in subjects:
            newest = CalendarVersion.objects.filter(calendar=calendar).order_by("-number").first()
            if newest is not None:
                self.initial["name"] = calendar.name
                self._fill(newest.definition)

    def _fill(self, says: Mapping[str, Any]) -> None:
        names = says.get("names", {})
        self.initial.update({day: says["weekly"].get(day, []) for day in WEEKDAYS})
        self.initial.update({name: says[name] for name in ("time_zone", "country", "subdivision", "special")})
        self.initial["closed"] = {day: names.get(day, "") for day in says["closed"]}

    def clean(self) -> dict[str, Any]:
        """With `definition`, as the services take it."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        closed: dict[str, str] = cleaned["closed"]
        definition, faults = read_definition(
            {
                "time_zone": str(cleaned["time_zone"]),
                "weekly": {day: cleaned[day] for day in WEEKDAYS if cleaned[day]},
                "country": cleaned["country"],
                "subdivision": cleaned["subdivision"],
                "closed": list(closed),
                "names": {day: name for day, name in closed.items() if name},
                "special": cleaned["special"],
            }
        )
        for path, why in faults.items():
            field = path.partition("[")[0].removeprefix("weekly.").partition(".")[0]
            self.add_error(field if field in self.fields else None, [str(each) for each in why])
        cleaned["definition"] = definition
        return cleaned


class NewCalendarForm(CalendarForm):
    project = ProjectField(label=_("Project"))

    field_order = ["project"]


# ---- previews -----------------------------------------------------------------------------------------------------


class PreviewForm(VerbForm):
    """For which incident: how severe, and reported when by the clocks of its project."""

    severity = forms.ChoiceField(
        label=_("Severity"),
        choices=lambda: [(level.value, f"{level.shape} {level.label}") for level in Severity],
    )
    start = WallMomentField(label=_("Reported"), help_text=_("In the project's time zone."))

    def clean_start(self) -> Any:
        project: Project = self.subjects[0].project
        return in_zone(self.cleaned_data["start"], project.time_zone)
