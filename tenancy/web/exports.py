"""Lists as CSV and XLSX, by `?format=` or Accept.

CSV has a byte order mark, so that spreadsheets read it as UTF-8, and times in UTC. XLSX has real dates and times, in
the reader's zone. Text that a spreadsheet would take for a formula is kept text in both. The names of the columns are
those of the API: a value inside another is a column `outer.inner`. Lists, and what has no fixed shape, are JSON.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from io import TextIOWrapper
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any, TypeGuard, cast

import xlsxwriter  # type: ignore[import-untyped]  # it has types and no marker that says so
from django.conf import settings
from django.db.models import QuerySet
from django.http import FileResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from tenancy.context import current_tenant
from tenancy.errors import Invalid
from tenancy.permissions import require
from tenancy.web.authentication import actor_of
from tenancy.web.filters import ordering_of
from tenancy.web.negotiation import CsvRenderer, XlsxRenderer
from tenancy.web.pagination import Order

ACTION = "export"

Cell = str | int | float | Decimal | bool | date | datetime | None
Column = tuple[tuple[str, ...], "serializers.Field[Any, Any, Any, Any]"]
Write = Callable[[IO[bytes], Sequence[str], Iterable[Sequence[Cell]]], None]


class Exported(ListModelMixin, GenericAPIView[Any]):
    """A list that is also a file: the whole of it, filtered and ordered as asked, for who may `export` besides.

    Rows are shown by the view's serializer. The file's name is the view's `export_owner`, else the tenant's slug, the
    last word of the address, and the day. Raises what `file_of` raises.
    """

    def get_renderers(self) -> list[BaseRenderer]:
        method = self.request.method if self.request else None
        # A method that the view does not have is refused as that, whatever the format.
        as_file = method in ("GET", "HEAD") or not hasattr(self, (method or "").lower())
        return [*super().get_renderers(), *([CsvRenderer(), XlsxRenderer()] if as_file else [])]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        renderer = request.accepted_renderer
        if renderer.format not in WRITERS:
            return super().list(request, *args, **kwargs)
        require(actor_of(request), ACTION)
        rows = self.filter_queryset(self.get_queryset())
        rows = Order.of(rows.model, ordering_of(request, self)).sorted(rows)
        columns = [*_columns(cast(serializers.Serializer[Any], self.get_serializer()).fields)]
        owner = getattr(self, "export_owner", None) or current_tenant().slug
        which = request.path.rstrip("/").rsplit("/", 1)[-1]
        name = f"{owner}-{which}-{timezone.localdate():%Y-%m-%d}"
        names = [".".join(path) for path, _field in columns]
        return file_of(renderer.format, rows, names, partial(self._lines, columns), name=name)

    def _lines(self, columns: Sequence[Column], rows: Sequence[Any]) -> Iterator[Sequence[Cell]]:
        for shown in self.get_serializer(rows, many=True).data:
            yield [_cell(field, _inside(shown, path)) for path, field in columns]


def file_of(
    kind: str,
    rows: "QuerySet[Any]",
    columns: Sequence[str],
    lines: Callable[[Sequence[Any]], Iterable[Sequence[Cell]]],
    *,
    name: str,
) -> FileResponse:
    """All `rows` as a file of this `kind` (of WRITERS); `lines` makes the lines of some of them.

    They are read and written in chunks, and a large file is on disk, so that memory stays bounded; it is whole
    before the answer begins, so that a failure is a refusal and no half file. Raises Invalid beyond api.EXPORT_ROWS.
    """
    most = settings.THRESHOLDS.api.EXPORT_ROWS
    if rows[: most + 1].count() > most:
        text = _("More than %(most)d rows. Narrow the list by its filters.") % {"most": most}
        raise Invalid(text, code="too_many_rows", fields={"format": [text]})
    renderer = RENDERERS[kind]
    with ExitStack() as until_written:
        file: IO[bytes] = until_written.enter_context(
            SpooledTemporaryFile(settings.THRESHOLDS.api.EXPORT_MEMORY_BYTES)
        )
        WRITERS[kind](file, columns, _in_chunks(rows[:most], lines))
        until_written.pop_all()  # from here on it is the answer's to close
    file.seek(0)
    media = f"{renderer.media_type}; charset={renderer.charset}" if renderer.charset else renderer.media_type
    return FileResponse(file, as_attachment=True, filename=f"{name}.{kind}", content_type=media)


def _in_chunks(
    rows: "QuerySet[Any]", lines: Callable[[Sequence[Any]], Iterable[Sequence[Cell]]]
) -> Iterator[Sequence[Cell]]:
    size = settings.THRESHOLDS.api.EXPORT_CHUNK_ROWS
    read = rows.iterator(chunk_size=size)
    while chunk := [*islice(read, size)]:
        yield from lines(chunk)


def is_cell(value: object) -> TypeGuard[Cell]:
    """Whether a file holds `value` as it is; markup is no value."""
    return value is None or (isinstance(value, Cell) and not isinstance(value, SafeString))


def _columns(fields: Mapping[str, Any], outer: tuple[str, ...] = ()) -> Iterator[Column]:
    for name, field in fields.items():
        path = (*outer, name)
        if isinstance(field, serializers.Serializer):
            yield from _columns(field.fields, path)
        else:
            yield path, field


def _inside(shown: Any, path: Sequence[str]) -> Any:
    """What lies at `path`; None where something on the way is left out or null."""
    for name in path:
        shown = shown.get(name) if isinstance(shown, Mapping) else None
    return shown


def _cell(field: Any, value: Any) -> Cell:
    """What `field` shows as a value of the kind that it is."""
    if isinstance(value, str):
        if isinstance(field, serializers.DateTimeField):
            return datetime.fromisoformat(value)
        if isinstance(field, serializers.DateField):
            return date.fromisoformat(value)
        return Decimal(value) if isinstance(field, serializers.DecimalField) else value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | tuple) else value


# ---- CSV ----------------------------------------------------------------------------------------------------------

# Full-width signs too: some spreadsheets fold them.
_FORMULA = re.compile("[\t\r\n]|\\s*[=+@\uff1d\uff0b\uff0d\uff20-]")


def write_csv(file: IO[bytes], columns: Sequence[str], lines: Iterable[Sequence[Cell]]) -> None:
    """Write UTF-8 with a byte order mark, as RFC 4180 has it."""
    text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
    out = csv.writer(text)
    out.writerow(columns)
    out.writerows([_plain(cell) for cell in line] for line in lines)
    text.detach()


def _plain(cell: Cell) -> object:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return safe(cell) if isinstance(cell, str) else cell


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe goes before one that it would."""
    return f"'{text}" if _FORMULA.match(text) else text


# ---- XLSX ---------------------------------------------------------------------------------------------------------

_FIRST_YEAR = 1900  # not tunable: of a spreadsheet's calendar
_EXACT = 2**53  # not tunable: whole numbers beyond it are no longer exact in a spreadsheet
_LONGEST = 32_767  # not tunable: characters of a cell
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")  # XlsxWriter escapes the control characters


def write_xlsx(file: IO[bytes], columns: Sequence[str], lines: Iterable[Sequence[Cell]]) -> None:
    """Write one sheet, row by row: no more than one is in memory."""
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        formats = {
            "text": book.add_format({"quote_prefix": True}),
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "time": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        for column, name in enumerate(columns):
            sheet.write_string(0, column, name, bold)
        for row, line in enumerate(lines, start=1):
            for column, cell in enumerate(line):
                _write(sheet, row, column, cell, formats)


def _write(sheet: Any, row: int, column: int, cell: Cell, formats: Mapping[str, Any]) -> None:
    if cell is None or cell == "":
        return
    if isinstance(cell, bool):
        sheet.write_boolean(row, column, cell)
    elif isinstance(cell, datetime) and cell.year > _FIRST_YEAR:
        local = cell.astimezone(timezone.get_current_timezone()).replace(tzinfo=None)
        sheet.write_datetime(row, column, local, formats["time"])
    elif isinstance(cell, date) and cell.year > _FIRST_YEAR:
        sheet.write_datetime(row, column, cell, formats["date"])
    elif isinstance(cell, int | float | Decimal) and -_EXACT <= cell <= _EXACT:
        sheet.write_number(row, column, cell)
    else:
        text = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", str(cell))[:_LONGEST]
        sheet.write_string(row, column, text, formats["text"] if _FORMULA.match(text) else None)


RENDERERS: dict[str, type[BaseRenderer]] = {each.format: each for each in (CsvRenderer, XlsxRenderer)}
WRITERS: dict[str, Write] = {CsvRenderer.format: write_csv, XlsxRenderer.format: write_xlsx}
