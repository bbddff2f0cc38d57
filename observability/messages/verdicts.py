"""A verdict in words, in the active language: what was measured, against what, and what that means."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.utils.formats import number_format
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from observability.errors import UnknownMetric
from observability.metrics import metric_named
from observability.rules.verdicts import RATIO, Reason
from observability.states import VerdictStatus

_PLACES: Final = {RATIO: 1, "ms": 0, "seconds": 0, "count": 0}
"""Decimal places that a number in this unit has; two in any other."""
_MOST_PLACES: Final = 6  # not tunable: how numbers look
_MISSING: Final[dict[str, Any]] = {
    Reason.NO_SOURCE: gettext_lazy("nothing measures it yet"),
    Reason.NO_BASELINE: gettext_lazy("there is nothing to compare it with"),
    Reason.UNKNOWN_METRIC: gettext_lazy("this metric is unknown"),
    Reason.SOURCE_FAILED: gettext_lazy("measuring failed"),
    Reason.WRONG_UNIT: gettext_lazy("it was measured in another unit"),
    Reason.WRONG_TIME: gettext_lazy("it was measured at no valid time"),
    Reason.FROM_THE_FUTURE: gettext_lazy("it was measured in the future: some clock is wrong"),
    Reason.OUTDATED: gettext_lazy("it was measured too long ago"),
    Reason.NEGATIVE: gettext_lazy("the number is negative"),
    Reason.PART_ABOVE_WHOLE: gettext_lazy("more events than samples were counted"),
    Reason.NO_SAMPLE: gettext_lazy("the answer is no measurement"),
    Reason.NOT_A_NUMBER: gettext_lazy("the answer is no number"),
    Reason.CLOCK_WENT_BACK: gettext_lazy("the clock went back since the last evaluation"),
}


def say(verdict: Mapping[str, Any]) -> str:
    """One or two sentences on `Verdict.as_json()`, with numbers as the reader writes them."""
    words = _words(verdict)
    if verdict["status"] == VerdictStatus.NO_DATA:
        return _("%(metric)s: no data, because %(reason)s.") % {**words, "reason": _missing(verdict, words)}
    if verdict["status"] == VerdictStatus.WARNING:
        return _("%(metric)s: %(value)s in %(window)s; healthy is %(target)s.") % words
    match verdict["comparison"]:
        case "times":
            return _against_baseline(verdict, words)
        case "drift":
            return _against_time_before(verdict, words)
    return _against_limit(verdict, words)


say_lazily = lazy(say, str)
"""`say` in the language that is active when it is shown."""


def _against_limit(verdict: Mapping[str, Any], words: Mapping[str, str]) -> str:
    if not _is_breach(verdict):
        return _("%(metric)s: %(value)s in %(window)s, within the limit of %(limit)s.") % words
    if verdict["value"] > verdict["limit"]:
        return _("%(metric)s: %(value)s in %(window)s, above the limit of %(limit)s.") % words
    if verdict["value"] < verdict["limit"]:
        return _("%(metric)s: %(value)s in %(window)s, below the limit of %(limit)s.") % words
    return _("%(metric)s: %(value)s in %(window)s, at the limit of %(limit)s.") % words


def _against_time_before(verdict: Mapping[str, Any], words: Mapping[str, str]) -> str:
    said = _("%(metric)s: %(value)s in %(window)s, %(usual)s in as long before.") % words
    return f"{said} {_('That is a drift.')}" if _is_breach(verdict) else said


def _against_baseline(verdict: Mapping[str, Any], words: Mapping[str, str]) -> str:
    if _is_breach(verdict):
        return (
            _("%(metric)s: %(value)s in %(window)s, more than %(factor)s times the usual %(usual)s.") % words
        )
    if verdict["reason"] == Reason.BY_CHANCE:
        return (
            _(
                "%(metric)s: %(value)s in %(window)s, more than %(factor)s times the usual %(usual)s, "
                "but so few that it may be chance."
            )
            % words
        )
    return _("%(metric)s: %(value)s in %(window)s, within %(factor)s times the usual %(usual)s.") % words


def _missing(verdict: Mapping[str, Any], words: Mapping[str, str]) -> str:
    match verdict["reason"]:
        case Reason.NOTHING_MEASURED:
            return _("nothing was measured in %(window)s") % words
        case Reason.TOO_FEW:
            return _("only %(samples)s of at least %(least)s samples came in %(window)s") % words
    return str(_MISSING[verdict["reason"]])


def _words(verdict: Mapping[str, Any]) -> dict[str, str]:
    unit, value, limit = verdict["unit"], verdict["value"], verdict["limit"]
    baseline = verdict["baseline"]
    usual = baseline["value"] if baseline else None
    places = _places(unit, [number for number in (value, limit) if number is not None])
    shown = {
        name: "" if number is None else _amount(number, unit, places)
        for name, number in {"value": value, "limit": limit, "usual": usual}.items()
    }
    if unit == RATIO and verdict["events"] is not None and value is not None:
        of = {"events": _number(verdict["events"]), "samples": _number(verdict["samples"])}
        shown["value"] = _("%(share)s (%(events)s of %(samples)s)") % {"share": shown["value"], **of}
    return shown | {
        "metric": _name(verdict["metric"]),
        "window": _length(timedelta(seconds=verdict["window_seconds"])),
        "factor": "" if verdict["factor"] is None else _number(verdict["factor"], 2),
        "samples": _number(verdict["samples"] or 0),
        "least": _number(verdict["min_samples"]),
        "target": _target(verdict["target"], unit),
    }


def _name(metric: str) -> str:
    """What people call it; a metric that is not declared (any more) by its name."""
    try:
        return str(metric_named(metric).meaning)
    except UnknownMetric:
        return metric


def _target(target: Mapping[str, Any] | None, unit: str) -> str:
    if target is None:
        return ""
    ends = [end for end in (target["from"], target["to"]) if end is not None]
    places = _places(unit, ends)
    low, high = (
        None if end is None else _amount(end, unit, places) for end in (target["from"], target["to"])
    )
    if low is None:
        return (_("less than %(end)s") if target["open"] else _("at most %(end)s")) % {"end": high}
    if high is None:
        return (_("more than %(end)s") if target["open"] else _("at least %(end)s")) % {"end": low}
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


def _is_breach(verdict: Mapping[str, Any]) -> bool:
    return bool(verdict["status"] == VerdictStatus.BREACH)


def _places(unit: str, numbers: list[float]) -> int:
    """As many decimal places as it takes to tell the numbers apart: 5.004 % is not shown as 5.0 % above 5.0 %."""
    places = _PLACES.get(unit, 2)
    while places < _MOST_PLACES and len({_amount(number, unit, places) for number in numbers}) < len(
        set(numbers)
    ):
        places += 1
    return places


def _amount(number: float, unit: str, places: int) -> str:
    match unit:
        case "ratio":
            return _("%(share)s %%") % {"share": _number(number * 100, places)}
        case "ms":
            return _("%(number)s ms") % {"number": _number(number, places)}
        case "seconds":
            return _("%(number)s s") % {"number": _number(number, places)}
        case "count":
            return _number(number, places)
    return f"{_number(number, places)} {unit}"


def _number(number: float, places: int = 0) -> str:
    """Without the zeros at its end."""
    rounded = round(number, places)
    if rounded == int(rounded):
        return number_format(int(rounded), use_l10n=True, force_grouping=True)
    least = next(fewer for fewer in range(1, places + 1) if round(rounded, fewer) == rounded)
    return number_format(rounded, decimal_pos=least, use_l10n=True, force_grouping=True)


def _length(span: timedelta) -> str:
    """In the largest unit that leaves no part over; days from two on."""
    (days, over_days), (hours, over_hours), (minutes, over_minutes) = (
        divmod(span, unit) for unit in (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1))
    )
    if days > 1 and not over_days:
        return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
    if hours and not over_hours:
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    if minutes and not over_minutes:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    seconds = span // timedelta(seconds=1)
    return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
