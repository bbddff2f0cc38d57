"""Every number that can be tuned: what it is here, and who said so. It is read; the environment sets it."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tenancy.admin.sections import RELEASE
from tenancy.web.admin import Page, public_site

UNITS = {
    "TRY": _("TRY"),
    "TRY/kWh": _("TRY/kWh"),
    "bytes": _("bytes"),
    "count": _("count"),
    "days": _("days"),
    "factor": _("factor"),
    "hours": _("hours"),
    "minutes": _("minutes"),
    "ms": _("ms"),
    "percent": _("percent"),
    "probability": _("probability"),
    "ratio": _("ratio"),
    "seconds": _("seconds"),
}


FACTS = {
    "action": _("does"),
    "alarm": _("alarm"),
    "baseline": _("against"),
    "channels": _("told on"),
    "definition": _("is"),
    "escalate_to": _("later also"),
    "guards": _("guards"),
    "metric": _("measures"),
    "owner": _("owner"),
    "rate": _("rate"),
    "runbook": _("runbook"),
    "scope": _("of"),
    "severity": _("severity"),
    "target_open": _("ends excluded"),
    "then": _("then"),
    "unit": _("unit"),
    # numbers that stand elsewhere
    "ABOVE": _("more than"),
    "AT_LEAST": _("at least"),
    "WINDOW_MINUTES": _("over"),
}


class Fact(NamedTuple):
    """What is named beside an entry's numbers: a word for people, or (`is_code`) the name of something else."""

    what: Any
    text: str
    is_code: bool


class Number(NamedTuple):
    """One threshold, spelled as the environment spells it."""

    name: str
    value: str
    default: str
    unit: Any
    meaning: str
    variable: str
    overridden: bool


class Entry(NamedTuple):
    """A group's numbers; or an alarm, a trigger, a rule by its name, with what it names beside its numbers."""

    name: str
    facts: list[Fact]
    numbers: list[Number]


def groups(thresholds: Any) -> Iterator[tuple[str, list[Entry]]]:
    """All thresholds, group by group, in the order in which they are declared."""
    for group, entries in groupby(thresholds.listing(), key=attrgetter("group")):
        yield group, [Entry(one.name, _facts(one), [_number(row) for row in one.rows]) for one in entries]


def _facts(entry: Any) -> list[Fact]:
    return [
        Fact(FACTS.get(what, what), gettext(text) if what == "definition" else text, what != "definition")
        for what, text in entry.facts
    ]


def _number(row: Any) -> Number:
    return Number(
        name=row.name,
        value=row.value,
        default=row.default,
        unit=UNITS.get(row.unit, row.unit),
        meaning=gettext(row.meaning),
        variable=row.variable,
        overridden=row.overridden,
    )


def show_thresholds(request: HttpRequest) -> TemplateResponse:
    context = {
        "groups": list(groups(settings.THRESHOLDS)),
        "overridden": len(settings.THRESHOLDS.overridden),
        "config_hash": settings.CONFIG_HASH,
        "build": settings.BUILD_ID,
        "runs_in": settings.ENV,
    }
    return TemplateResponse(request, "console/thresholds.html", context)


public_site.add_page(
    Page(
        path="thresholds",
        title=_("Thresholds"),
        icon="tune",
        section=RELEASE,
        place=51,
        action="threshold.read",
        view=show_thresholds,
    )
)
