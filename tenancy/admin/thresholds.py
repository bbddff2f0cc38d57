"""Every number that can be tuned: what it is here, and who said so. It is read; the environment sets it."""

from collections.abc import Iterator
from dataclasses import astuple, fields, is_dataclass
from decimal import Decimal
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


class Number(NamedTuple):
    """One threshold, spelled as the environment spells it."""

    name: str
    value: str
    default: str
    unit: Any
    meaning: str
    variable: str
    overridden: bool


def groups(thresholds: Any) -> Iterator[tuple[str, list[Number]]]:
    """All thresholds, group by group, in the order in which they are declared."""
    for group in fields(thresholds):
        numbers = getattr(thresholds, group.name)
        if is_dataclass(numbers):
            yield (
                group.name,
                [
                    Number(
                        number.name,
                        _spelled(getattr(numbers, number.name)),
                        _spelled(number.default),
                        UNITS.get(number.metadata["unit"], number.metadata["unit"]),
                        gettext(number.metadata["meaning"]),
                        f"THRESHOLD_{group.name.upper()}_{number.name}",
                        f"{group.name}.{number.name}" in thresholds.overridden,
                    )
                    for number in fields(numbers)
                ],
            )


def _spelled(value: Any) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        return _spelled(astuple(value))
    if isinstance(value, tuple):
        return ",".join(map(_spelled, value))
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


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
