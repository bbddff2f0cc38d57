"""Fields for what people write of clocks: lengths of time, hours of a day, days with names, moments of a project."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from itertools import pairwise
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from hypercare.rules import LONGEST_MINUTES

YEARS = range(2000, 2101)  # not tunable: what a calendar covers
LONGEST_TEXT = 20_000  # not tunable: of a form field
LONGEST_HOURS = 200  # not tunable: of a form field
_LENGTH = re.compile(r"(?P<hours>[0-9]{1,5}):(?P<minutes>[0-5][0-9])|(?P<only>[0-9]{1,7})")
_INTERVAL = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*[-–]\s*([0-9]{1,2}):([0-9]{2})")
_DAY = re.compile(
    r"(?P<iso>[0-9]{4}-[0-9]{2}-[0-9]{2})|(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})"
)
_SHOWN = 40  # not tunable: characters of what somebody wrote, in a message about it
Intervals = list[list[str]]


class MinutesField(forms.CharField):
    """A length of time: minutes, or hours and minutes with a colon. Cleaned to minutes, shown as hours and minutes."""

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=9, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return f"{value // 60}:{value % 60:02}" if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        found = _LENGTH.fullmatch(text)
        if found is None:
            raise ValidationError(_("Minutes such as 90, or hours and minutes such as 1:30."))
        hours, rest = (found["hours"], found["minutes"]) if found["hours"] else ("0", found["only"])
        minutes = int(hours) * 60 + int(rest)
        if not 1 <= minutes <= LONGEST_MINUTES:
            raise ValidationError(_("From 1 to %(most)d minutes.") % {"most": LONGEST_MINUTES})
        return minutes


class DayHoursField(forms.CharField):
    """The open hours of one weekday, 0 to 6: intervals with commas between; empty is closed."""

    def __init__(self, weekday: int, **kwargs: Any):
        super().__init__(label=WEEKDAYS[weekday], max_length=LONGEST_HOURS, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return written(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Intervals:
        try:
            return read_hours(super().clean(value))
        except ValidationError as wrong:
            raise ValidationError([f"{self.label}: {why}" for why in wrong.messages]) from wrong


def written(intervals: Sequence[Sequence[str]]) -> str:
    """Intervals as people write them: 08:30-12:00, 13:00-17:30."""
    return ", ".join(f"{start}-{end}" for start, end in intervals)


def read_hours(text: str) -> Intervals:
    """The intervals of a day that `text` says, in order. Raises ValidationError with everything that is wrong."""
    wrong: list[Any] = []
    found: list[list[str]] = []
    for part in text.split(",") if text.strip() else []:
        try:
            found.append(_interval(part.strip()))
        except ValidationError as why:
            wrong += why.messages
    found.sort()
    for before, after in pairwise(found):
        if after[0] < before[1]:
            said = {"one": "-".join(before), "other": "-".join(after)}
            wrong.append(_("%(one)s and %(other)s overlap.") % said)
    if wrong:
        raise ValidationError(wrong)
    return found


def _interval(text: str) -> list[str]:
    found = _INTERVAL.fullmatch(text)
    said = {"text": _short(text)}
    if found is None:
        raise ValidationError(_("“%(text)s” cannot be read: write hours such as 08:30-12:00.") % said)
    hours = [int(found[1]), int(found[3])]
    minutes = [int(found[2]), int(found[4])]
    start, end = (f"{hour:02}:{minute:02}" for hour, minute in zip(hours, minutes, strict=True))
    if any(minute > 59 for minute in minutes) or start > "23:59" or end > "24:00":  # noqa: PLR2004
        raise ValidationError(
            _("“%(text)s” has no such time: from 00:00 to 24:00, which ends the day.") % said
        )
    if start == end:
        raise ValidationError(_("“%(text)s” ends when it begins.") % said)
    if start > end:
        raise ValidationError(
            _(
                "“%(text)s” ends before it begins. Hours over midnight are of two days: to 24:00 and from 00:00."
            )
            % said
        )
    return [start, end]


class LinesField(forms.CharField):
    """A day on each line, with something after it. Faults name the line. Subclasses read and write what follows."""

    def __init__(self, **kwargs: Any):
        kwargs.setdefault("widget", forms.Textarea(attrs={"spellcheck": "false"}))
        super().__init__(max_length=LONGEST_TEXT, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return "\n".join(f"{day} {self.write(rest)}".strip() for day, rest in sorted(value.items()))

    def clean(self, value: Any) -> dict[str, Any]:
        """What follows each day, by the day as YYYY-MM-DD. Raises ValidationError with every line at fault."""
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        wrong: list[Any] = []
        for number, line in enumerate(super().clean(value).splitlines(), 1):
            if not line.strip():
                continue
            day, _space, rest = line.strip().partition(" ")
            try:
                key = _day(day)
                if key in found:
                    raise ValidationError(
                        _("%(day)s is on line %(line)d already.") % {"day": day, "line": lines[key]}
                    )
                found[key], lines[key] = self.read(rest.strip()), number
            except ValidationError as why:
                wrong += [
                    _("Line %(line)d: %(why)s") % {"line": number, "why": each} for each in why.messages
                ]
        if wrong:
            raise ValidationError(wrong[:MOST_SAID])
        return found

    def read(self, rest: str) -> Any:
        raise NotImplementedError

    def write(self, value: Any) -> str:
        raise NotImplementedError


MOST_SAID = 20  # not tunable: lines of one message
"""So many lines at fault are told at once."""
LONGEST_DAY_NAME = 120  # not tunable: of the format


class NamedDaysField(LinesField):
    """Days and what they are called: `2026-12-31 Stocktaking`. Cleaned to names, empty where there is none."""

    def read(self, rest: str) -> str:
        if len(rest) > LONGEST_DAY_NAME:
            raise ValidationError(_("A name of at most %(most)d characters.") % {"most": LONGEST_DAY_NAME})
        return rest

    def write(self, value: str) -> str:
        return value


class SpecialDaysField(LinesField):
    """Days and their hours: `2026-12-31 08:30-12:00`. Cleaned to intervals, none where it is closed all day."""

    def read(self, rest: str) -> Intervals:
        return read_hours(rest)

    def write(self, value: Intervals) -> str:
        return written(value)


def _day(text: str) -> str:
    """A day written as 2026-12-31 or 31.12.2026, as the former."""
    found = _DAY.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        if found["iso"]:
            day = date.fromisoformat(found["iso"])
        else:
            day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        said = {"text": _short(text)}
        raise ValidationError(_("“%(text)s” is no day: write 2026-12-31 or 31.12.2026.") % said) from None
    if day.year not in YEARS:
        raise ValidationError(_("A day from 2000 to 2100."))
    return day.isoformat()


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class WallMomentField(forms.DateTimeField):
    """A day and time of a wall clock, whose zone `in_zone` says later. Cleaned to a datetime without one."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def prepare_value(self, value: Any) -> Any:
        return value

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(
            timezone.get_fixed_timezone(0)
        ):  # no wall clock of it is missing or there twice
            read: datetime | None = super().to_python(value)
        if read is None:
            return None
        if read.year not in YEARS:
            raise ValidationError(_("A day from 2000 to 2100."))
        return read.replace(tzinfo=None)


def in_zone(wall: datetime, zone: tzinfo) -> datetime:
    """When the clocks of `zone` show `wall`. Raises ValidationError when they never do, or do twice."""
    offsets = {wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    if len(offsets) == 1:
        return wall.replace(tzinfo=zone)
    raise ValidationError(
        _("The clocks change then, so that %(time)s is missing or there twice: choose another time.")
        % {"time": f"{wall:%H:%M}"}
    )
