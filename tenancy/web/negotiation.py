"""Which format an answer has: JSON, and for lists that are exported CSV and XLSX."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, negotiation, renderers


class CsvRenderer(renderers.BaseRenderer):
    """Stands for CSV when the format is chosen; `tenancy.web.exports` writes it."""

    media_type = "text/csv"
    format = "csv"


class XlsxRenderer(renderers.BaseRenderer):
    """Stands for XLSX, as above."""

    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    format = "xlsx"
    charset = None
    render_style = "binary"


class Negotiation(negotiation.DefaultContentNegotiation):
    """By `?format=`, else by Accept. A `format` that the address does not have is a 400 that names those it has."""

    def filter_renderers(self, renderers: Iterable[Any], format: str | None) -> list[Any]:
        offered = list(renderers)
        found = [renderer for renderer in offered if renderer.format == format]
        if not found:
            legal = ", ".join(renderer.format for renderer in offered)
            why = exceptions.ErrorDetail(_("One of: %(legal)s.") % {"legal": legal}, "unknown_format")
            raise exceptions.ValidationError({"format": [why]})
        return found
