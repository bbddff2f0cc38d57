"""Hours in which clocks run: a week of intervals, days that are closed, days that are different."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hypercare.errors import Unreachable

ZERO = timedelta(0)
DAY = timedelta(days=1)
DAY_MINUTES = 24 * 60  # not tunable: a day
FAR_YEARS = 60  # not tunable: where a search ends that finds nothing
"""So far ahead is a moment looked for."""

Span = tuple[int, int]
"""Minutes since midnight on the wall clock, the end not included; 1440 is the midnight that ends the day."""


@dataclass(frozen=True)
class Hours:
    """When a calendar is open. `weekly` is Monday to Sunday; `special` days replace both the week and `closed`.

    A day's spans are in order and do not overlap. A time of the wall clock is the first moment at which it shows that
    time or a later one: what a change of clocks leaves out is empty, what it repeats counts from the first time.
    """

    zone: ZoneInfo
    weekly: Sequence[Sequence[Span]]
    closed: frozenset[date] = frozenset()
    special: Mapping[date, Sequence[Span]] = field(default_factory=dict)
    _years: dict[int, "_Year"] = field(default_factory=dict, compare=False, repr=False)

    def worked(self, begin: datetime, end: datetime) -> timedelta:
        """Open time between two moments; none if the second is not after the first."""
        begin, end = begin.astimezone(UTC), end.astimezone(UTC)
        if end <= begin:
            return ZERO
        passed = self._year(end.year).until(end) - self._year(begin.year).until(begin)
        for number in range(begin.year, end.year):
            passed += self._year(number).total
        return passed

    def after(self, begin: datetime, amount: timedelta) -> datetime:
        """The first moment at which `amount` of open time has passed since `begin`.

        Raises Unreachable when that takes more than FAR_YEARS.
        """
        begin = begin.astimezone(UTC)
        if amount <= ZERO:
            return begin
        number = begin.year
        year = self._year(number)
        wanted = year.until(begin) + amount
        while wanted > year.total:
            wanted -= year.total
            number += 1
            if number > begin.year + FAR_YEARS:
                raise Unreachable(f"{amount} of open time since {begin}")
            year = self._year(number)
        return year.when(wanted)

    def between(self, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open intervals from `begin` to `end` in UTC, in order, cut to them."""
        begin, end = begin.astimezone(UTC), end.astimezone(UTC)
        for number in range(begin.year, end.year + 1):
            year = self._year(number)
            for opens, closes in zip(year.opens, year.closes, strict=True):
                if opens < end and closes > begin:
                    yield max(begin, opens), min(end, closes)

    def _year(self, number: int) -> "_Year":
        year = self._years.get(number)
        if year is None:
            year = self._years[number] = self._reckon(number)
        return year

    def _reckon(self, number: int) -> "_Year":
        first, last = datetime(number, 1, 1, tzinfo=UTC), datetime(number + 1, 1, 1, tzinfo=UTC)
        year = _Year()
        day = first.date() - DAY  # elsewhere the year begins and ends on other days
        while day <= last.date():
            for start, end in self.on(day):
                year.add(max(first, self.moment(day, start)), min(last, self.moment(day, end)))
            day += DAY
        return year

    def on(self, day: date) -> Sequence[Span]:
        """The spans in which it is open on `day`."""
        spans = self.special.get(day)
        if spans is not None:
            return spans
        return self.regular(day)

    def regular(self, day: date) -> Sequence[Span]:
        """The spans of `day` if it is not special."""
        return () if day in self.closed else self.weekly[day.weekday()]

    def moment(self, day: date, minute: int) -> datetime:
        """When the wall clock first shows that minute of `day`, or a later one, in UTC."""
        days, minutes = divmod(minute, DAY_MINUTES)
        wall = datetime.combine(day + timedelta(days), datetime.min.time(), self.zone)
        wall = wall.replace(hour=minutes // 60, minute=minutes % 60)  # not tunable: an hour
        while (moment := wall.astimezone(UTC)).astimezone(self.zone) != wall:
            wall += timedelta(minutes=1)  # the clocks go forward over it
        return moment


@dataclass(slots=True)
class _Year:
    """The open intervals of a year in UTC, and how much open time of it there was when each began."""

    opens: list[datetime] = field(default_factory=list)
    closes: list[datetime] = field(default_factory=list)
    before: list[timedelta] = field(default_factory=list)
    total: timedelta = ZERO

    def add(self, start: datetime, end: datetime) -> None:
        if start >= end:
            return
        if self.closes and self.closes[-1] == start:
            self.closes[-1] = end
        else:
            self.opens.append(start)
            self.closes.append(end)
            self.before.append(self.total)
        self.total += end - start

    def until(self, moment: datetime) -> timedelta:
        """Open time from the beginning of the year to `moment`."""
        at = bisect_right(self.opens, moment) - 1
        if at < 0:
            return ZERO
        closes = self.closes[at]
        return self.before[at] + ((moment if moment < closes else closes) - self.opens[at])

    def when(self, amount: timedelta) -> datetime:
        """The first moment at which `amount`, more than none and at most `total`, has passed."""
        at = bisect_left(self.before, amount) - 1
        return self.opens[at] + (amount - self.before[at])


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def hours_of(definition: Mapping[str, Any], closed_on: Iterable[str]) -> Hours:
    """The hours that a definition says (checked before), with these public holidays as ISO dates."""
    days = [*definition["closed"], *closed_on]
    special = {date.fromisoformat(day): _spans(each) for day, each in definition["special"].items()}
    return Hours(
        zone=ZoneInfo(definition["time_zone"]),
        weekly=tuple(_spans(definition["weekly"].get(day, ())) for day in WEEKDAYS),
        closed=frozenset(date.fromisoformat(day) for day in days),
        special=special,
    )


def _spans(intervals: Iterable[Sequence[str]]) -> tuple[Span, ...]:
    return tuple((_minute(start), _minute(end)) for start, end in intervals)


def _minute(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])  # not tunable: an hour


# ---- what people write ------------------------------------------------------------------------------------------

MOST_DAYS = 500  # not tunable: of the format
"""So many days may be closed, and so many be special."""
MOST_INTERVALS = 12  # not tunable: of the format
"""So many intervals may one day have."""
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)
_FIRST, _LAST = date(2000, 1, 1), date(2100, 12, 31)  # not tunable: what a calendar covers
LONGEST_DAY_NAME = 120  # not tunable: of the format
_FIELDS = ("time_zone", "weekly", "country", "subdivision", "closed", "names", "special")
Faults = dict[str, list[str | Promise]]


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # walks a folder


def read_definition(given: Mapping[str, Any]) -> tuple[dict[str, Any], Faults]:
    """A calendar's definition as it is stored, and what is wrong with `given` by the path of the field at fault.

    Without a fault, `hours_of` reads the definition. Intervals come in order, days once; `names`, of closed days, are
    there if any were given. Whether there are public holidays of the country is not asked here.
    """
    reader = _Reader()
    for name in given:
        if name not in _FIELDS:
            reader.fault(str(name), _("There is no such field."))
    definition = {
        "time_zone": reader.zone(given.get("time_zone")),
        "weekly": reader.weekly(given.get("weekly")),
        "country": reader.code(given.get("country", ""), "country"),
        "subdivision": reader.code(given.get("subdivision", ""), "subdivision"),
        "closed": reader.closed(given.get("closed", [])),
        "special": reader.special(given.get("special", {})),
    }
    names = reader.names(given.get("names", {}), definition["closed"])
    return definition | ({"names": names} if names else {}), reader.faults


class _Reader:
    def __init__(self) -> None:
        self.faults: Faults = {}

    def fault(self, path: str, why: str | Promise) -> None:
        self.faults.setdefault(path, []).append(why)

    def zone(self, given: object) -> str:
        if isinstance(given, str) and given in _zones():
            return given
        self.fault("time_zone", _("There is no such time zone."))
        return ""

    def code(self, given: object, path: str) -> str:
        if isinstance(given, str):
            return given.strip()
        self.fault(path, _("This is no text."))
        return ""

    def weekly(self, given: object) -> dict[str, list[list[str]]]:
        if not isinstance(given, Mapping):
            self.fault("weekly", _("Intervals by weekday, such as monday."))
            return {}
        for name in given:
            if name not in WEEKDAYS:
                self.fault(f"weekly.{name}", _("There is no such weekday."))
        read = {day: self._intervals(given[day], f"weekly.{day}") for day in WEEKDAYS if day in given}
        week = {day: intervals for day, intervals in read.items() if intervals}
        if not week and not self.faults:
            self.fault("weekly", _("A week without an hour: no clock would ever run."))
        return week

    def closed(self, given: object) -> list[str]:
        if not isinstance(given, list) or len(given) > MOST_DAYS:
            self.fault("closed", _("A list of at most %(most)d days.") % {"most": MOST_DAYS})
            return []
        return sorted({self._day(day, f"closed[{at}]") for at, day in enumerate(given)})

    def names(self, given: object, closed: Collection[str]) -> dict[str, str]:
        if not isinstance(given, Mapping) or len(given) > MOST_DAYS:
            self.fault("names", _("Names by day, at most %(most)d days.") % {"most": MOST_DAYS})
            return {}
        for day, name in given.items():
            if day not in closed:
                self.fault(f"names.{day}", _("Only a closed day has a name."))
            elif not isinstance(name, str) or not name.strip() or len(name) > LONGEST_DAY_NAME:
                why = _("A name of at most %(most)d characters.") % {"most": LONGEST_DAY_NAME}
                self.fault(f"names.{day}", why)
        return {str(day): str(given[day]).strip() for day in sorted(given, key=str)}

    def special(self, given: object) -> dict[str, list[list[str]]]:
        if not isinstance(given, Mapping) or len(given) > MOST_DAYS:
            self.fault("special", _("Intervals by day, at most %(most)d days.") % {"most": MOST_DAYS})
            return {}
        return {
            self._day(day, f"special.{day}"): self._intervals(given[day], f"special.{day}")
            for day in sorted(given)
        }

    def _day(self, given: object, path: str) -> str:
        try:
            day = date.fromisoformat(given) if isinstance(given, str) else None
        except ValueError:
            day = None
        if day is None or not _FIRST <= day <= _LAST:
            self.fault(path, _("A day such as 2026-12-31, from 2000 to 2100."))
            return ""
        return day.isoformat()

    def _intervals(self, given: object, path: str) -> list[list[str]]:
        if not isinstance(given, list) or len(given) > MOST_INTERVALS:
            self.fault(path, _("A list of at most %(most)d intervals.") % {"most": MOST_INTERVALS})
            return []
        read = [(self._interval(each, f"{path}[{at}]"), f"{path}[{at}]") for at, each in enumerate(given)]
        good = sorted((interval, where) for interval, where in read if interval)
        for (before, _where), (after, where) in pairwise(good):
            if after[0] < before[1]:
                self.fault(where, _("This interval overlaps another one of the day."))
        return [list(interval) for interval, _where in good]

    def _interval(self, given: object, path: str) -> tuple[str, str] | None:
        match given:
            case [str(start), str(end)] if _TIME.fullmatch(start) and _TIME.fullmatch(end):
                if start < end:
                    return start, end
                self.fault(path, _("It ends before it begins, or at once."))
            case _other:
                self.fault(path, _('A pair of times such as ["09:00", "17:30"]; 24:00 ends the day.'))
        return None
