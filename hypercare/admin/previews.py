"""How it looks what a clock would do: when it is due, and the way there as a strip and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from django.http import HttpRequest
from django.utils import dateformat, timezone
from django.utils.dates import WEEKDAYS
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

from hypercare import services
from hypercare.admin.looks import duration, severity_badge
from hypercare.forms.policies import PreviewForm
from hypercare.models import Calendar, Policy
from hypercare.rules import Cause, Gap, Leg
from hypercare.services import Effect, Plan, Preview
from hypercare.states import Severity
from tenancy.actors import Actor

WIDE = 1000  # not tunable: of a strip, in its own units
SATURDAY = 5  # not tunable: a day of the week


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of the strip."""

    at: str
    width: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of time in words."""

    begin: SafeString
    length: str
    what: str
    counts: bool


@dataclass(frozen=True, slots=True)
class PreviewView:
    """One clock in words. `due` is empty when it never is."""

    label: Any
    target: str
    due: SafeString | str
    marks: Sequence[tuple[str, SafeString]]
    bars: Sequence[Bar]
    lines: Sequence[Line]
    more: str
    never: str


def at_zone(moment: datetime, zone: tzinfo) -> SafeString:
    """Fri 2026-11-20 17:30 there, and UTC beside it; only said to be UTC where it is the same."""
    local, utc = moment.astimezone(zone), moment.astimezone(UTC)
    beside = dateformat.format(utc, "H:i" if utc.date() == local.date() else "Y-m-d H:i")
    return format_html(
        '<time datetime="{}">{} <span class="hc-muted">{}</span></time>',
        moment.isoformat(),
        dateformat.format(local, "D Y-m-d H:i"),
        f"{beside} UTC" if local.utcoffset() else "UTC",
    )


def in_short(moment: datetime, zone: tzinfo) -> SafeString:
    """Fri 2026-11-20 17:30 there, with UTC one step away."""
    return format_html(
        '<time datetime="{}" title="{} UTC" class="hc-nowrap">{}</time>',
        moment.isoformat(),
        f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}",
        dateformat.format(moment.astimezone(zone), "D Y-m-d H:i"),
    )


def view_of(plan: Plan, previews: Sequence[Preview], zone: tzinfo) -> list[PreviewView]:
    """`previews`, made by `plan`, as they are shown in `zone`."""
    names = services.names_on(plan, previews, (get_language() or "en").partition("-")[0])
    return [_view(plan, preview, names, zone) for preview in previews]


def _view(plan: Plan, preview: Preview, names: Mapping[date, str], zone: tzinfo) -> PreviewView:
    hours = plan.calendar
    target = duration(timedelta(minutes=preview.minutes))
    if hours is None:
        words = gettext("%(target)s, round the clock") % {"target": target}
    else:
        words = gettext("%(target)s of its hours") % {"target": target}
    if preview.way is None:
        never = gettext("Never within %(years)d years: its calendar is closed too long.") % {
            "years": services.FAR_YEARS
        }
        return PreviewView(preview.clock.label, words, "", (), (), (), "", never)
    marks = [(f"{mark} %", at_zone(at, zone)) for mark, at in preview.way.marks]
    lines = [
        Line(in_short(leg.begin, zone), duration(leg.duration), _words(leg, names), leg.counts)
        for leg in preview.legs
    ]
    more = ""
    if preview.more:
        more = gettext("And %(time)s more until then, which is not shown.") % {"time": duration(preview.more)}
    due = at_zone(preview.way.due_at, zone)
    return PreviewView(preview.clock.label, words, due, marks, _bars(preview.legs), lines, more, "")


def _bars(legs: Sequence[Leg]) -> list[Bar]:
    if not legs:
        return []
    begin, whole = legs[0].begin, legs[-1].end - legs[0].begin
    # The strip's numbers are attributes of SVG: with a point in every language.
    return [
        Bar(f"{WIDE * ((leg.begin - begin) / whole):.1f}", f"{WIDE * (leg.duration / whole):.1f}", leg.counts)
        for leg in legs
    ]


def _words(leg: Leg, names: Mapping[date, str]) -> str:
    if leg.counts:
        return gettext("counts")
    return ", ".join(dict.fromkeys(_cause(cause, names) for cause in leg.causes))


def _cause(cause: Cause, names: Mapping[date, str]) -> str:
    day = cause.day
    if day is None:
        return gettext("break") if cause.gap is Gap.BREAK else gettext("night")
    if cause.gap is Gap.EXCEPTION:
        return gettext("exception on %(day)s") % {"day": day.isoformat()}
    if cause.gap is Gap.HOLIDAY:
        return gettext("holiday: %(name)s") % {"name": names.get(day) or day.isoformat()}
    if day.weekday() >= SATURDAY:
        return gettext("weekend")
    return gettext("no hours on %(weekday)s") % {"weekday": WEEKDAYS[day.weekday()]}


# ---- on the page of a row ------------------------------------------------------------------------------------------


def asked(request: HttpRequest, row: Policy | Calendar, by: Actor, now: datetime) -> PreviewForm:
    """The form on the page of `row`: as the address says, at first a P3 that is reported now."""
    local = timezone.localtime(now, row.project.time_zone)
    given = {"severity": Severity.P3.value, "start": f"{local:%Y-%m-%dT%H:%M}"}
    given |= {name: request.GET[name] for name in given if name in request.GET}
    return PreviewForm(given, actor=by, subjects=[row])


def shown(form: PreviewForm, plan: Plan, by: Actor) -> list[PreviewView]:
    """What `plan` does for the incident that `form`, a valid one, asks about."""
    zone = form.subjects[0].project.time_zone
    previews = services.preview(plan=plan, begin=form.cleaned_data["start"], by=by)
    return view_of(plan, previews, zone)


# ---- before something is saved ------------------------------------------------------------------------------------


def foreseen(
    plans: Mapping[str, Plan],
    effect: Effect | None,
    *,
    begins: datetime,
    zone: tzinfo,
    later: bool = False,
    by: Actor,
) -> dict[str, Any]:
    """What to show before it is saved: what happens to clocks that run, and an incident of each severity of `plans`
    that is reported at `begins`."""
    return {
        "effect": effect_in_words(effect, later=later) if effect else [],
        "breaches": bool(effect and effect.breached),
        "begins": at_zone(begins, zone),
        "levels": [
            (severity_badge(severity), view_of(plan, services.preview(plan=plan, begin=begins, by=by), zone))
            for severity, plan in sorted(plans.items())
        ],
    }


def effect_in_words(effect: Effect, *, later: bool) -> list[str]:
    """What happens to the clocks of open incidents; `later`: when it begins, if nothing happens before."""
    count = effect.changed
    if not count:
        return [gettext("No running clock changes.")]
    if later:
        first = ngettext(
            "%(count)d running clock will get its new target then, if it still runs.",
            "%(count)d running clocks will get their new targets then, if they still run.",
            count,
        )
    else:
        first = ngettext(
            "%(count)d running clock will get its new target.",
            "%(count)d running clocks will get their new targets.",
            count,
        )
    said = [first % {"count": count}]
    if effect.breached:
        text = ngettext(
            "%(count)d would be breached at once.", "%(count)d would be breached at once.", effect.breached
        )
        said.append(text % {"count": effect.breached})
    if effect.relieved:
        text = ngettext(
            "%(count)d that is breached would have time again.",
            "%(count)d that are breached would have time again.",
            effect.relieved,
        )
        said.append(text % {"count": effect.relieved})
    return said
