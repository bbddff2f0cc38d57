"""Sheets that people bring: read as rows of text, and brought in as a whole or not at all."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from hypercare.rules import fold
from tenancy.errors import Invalid, Refusal
from tenancy.transactions import atomic

T = TypeVar("T")

ZIP, OLD_EXCEL, UTF_16 = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", (b"\xff\xfe", b"\xfe\xff")
DELIMITERS = ";,\t"
LAST_ROW = 1_048_576  # not tunable: of a workbook


@dataclass(frozen=True, slots=True)
class Column:
    """What a sheet says of each row. It is known by `label` in any of our languages, and by `headings`."""

    name: str
    label: Any
    headings: tuple[str, ...] = ()
    required: bool = False

    def spellings(self) -> set[str]:
        known = {*self.headings, self.name}
        for code, _name in settings.LANGUAGES:
            with translation.override(code):
                known.add(str(self.label))
        return {fold(heading) for heading in known}


class Line(NamedTuple):
    """A row of a sheet: its number there (the headings' is 1, mostly), and its text by column."""

    number: int
    cells: dict[str, str]


class Sheet(NamedTuple):
    """The rows that are not empty, and the headings that nobody asked for."""

    lines: list[Line]
    left_out: list[str]


def read_sheet(content: bytes, columns: Sequence[Column]) -> Sheet:
    """Read CSV (commas, semicolons or tabs; UTF-8, UTF-16 or Windows' Turkish) or the first sheet of an XLSX.

    Raises Invalid when it cannot be read, is larger than sheets.MOST_BYTES, has more than sheets.MOST_ROWS rows, or
    lacks a heading.
    """
    limits = settings.THRESHOLDS.sheets
    if len(content) > limits.MOST_BYTES:
        raise _refused(_("The file is larger than %(most)d bytes.") % {"most": limits.MOST_BYTES})
    if content.startswith(OLD_EXCEL):
        raise _refused(_("This is an old Excel file. Save it as XLSX or CSV first."))
    rows = _of_workbook(content) if content.startswith(ZIP) else _of_text(content)
    numbered = ((number, row) for number, row in enumerate(rows, start=1) if any(row))
    _heads_at, heads = next(numbered, (0, []))
    if not heads:
        raise _refused(_("The file is empty."))
    where, left_out = _placed(heads, columns)
    lines = [
        Line(number, {name: row[at] if at < len(row) else "" for name, at in where.items()})
        for number, row in islice(numbered, limits.MOST_ROWS + 1)
    ]
    if len(lines) > limits.MOST_ROWS:
        raise _refused(_("More than %(most)d rows. Bring them in parts.") % {"most": limits.MOST_ROWS})
    if not lines:
        raise _refused(_("There are headings and no rows."))
    return Sheet(lines, left_out)


def bring_in(
    lines: Iterable[tuple[int, T]],
    write: Callable[[T], object],
    *,
    columns: Sequence[Column],
    only_check: bool,
) -> int:
    """Have `write` write each of the numbered `lines` in one transaction; how many those were.

    With `only_check` all is done and then undone. Raises Invalid that tells every refused row; then nothing is
    written, nor its journal.
    """
    refused: list[object] = []
    count = 0
    try:
        with atomic(savepoint=True):
            for number, line in lines:
                count += 1
                try:
                    with atomic(savepoint=True):
                        write(line)
                except Refusal as refusal:
                    refused += told(number, refusal.fields or {"": [str(refusal)]}, columns)
            if refused or only_check:
                raise _Undone
    except _Undone:
        if refused:
            raise _refused(*refused) from None
    return count


class _Undone(Exception):
    """Undoes what a sheet wrote."""


def told(number: int, fields: Any, columns: Sequence[Column]) -> list[object]:
    """What is wrong with a row, by line and column."""
    labels = {column.name: column.label for column in columns}
    return [
        _("Line %(number)d, %(column)s: %(why)s")
        % {"number": number, "column": labels.get(name, name), "why": why}
        if name in labels
        else _("Line %(number)d: %(why)s") % {"number": number, "why": why}
        for name, whys in fields.items()
        for why in whys
    ]


def refuse_lines(refused: Sequence[object]) -> Invalid:
    """A refusal of these rows, of which the first are told."""
    return _refused(*refused)


def _refused(*why: object) -> Invalid:
    told = settings.THRESHOLDS.sheets.MOST_FAULTS
    more = len(why) - told
    rest = [_("And %(count)d more.") % {"count": more}] if more > 0 else []
    return Invalid(_("Nothing is brought in."), fields={"file": [*why[:told], *rest]})


def _placed(heads: Sequence[str], columns: Sequence[Column]) -> tuple[dict[str, int], list[str]]:
    """Where each column stands, and the headings of those that are none. Raises Invalid."""
    where: dict[str, int] = {}
    left_out = []
    known = {spelling: column.name for column in columns for spelling in column.spellings()}
    for at, head in enumerate(heads):
        name = known.get(fold(head.rstrip("*: ")))
        if name is None:
            left_out += [head] if head else []
        elif name in where:
            raise _refused(_("Two columns say %(heading)s.") % {"heading": head})
        else:
            where[name] = at
    missing = ", ".join(
        str(column.label) for column in columns if column.required and column.name not in where
    )
    if missing:
        raise _refused(_("These columns are missing: %(columns)s.") % {"columns": missing})
    return where, left_out


# ---- text ---------------------------------------------------------------------------------------------------------


def _of_text(content: bytes) -> Iterator[list[str]]:
    text = _decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            yield [cell.strip() for cell in row[: settings.THRESHOLDS.sheets.MOST_COLUMNS]]
    except csv.Error as error:
        raise _refused(_("This is neither CSV nor XLSX.")) from error


def _decoded(content: bytes) -> str:
    encodings = ["utf-16"] if content.startswith(UTF_16) else ["utf-8-sig", "cp1254"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise _refused(_("This is neither CSV nor XLSX."))


# ---- workbooks ----------------------------------------------------------------------------------------------------


def _of_workbook(content: bytes) -> Iterator[list[str]]:
    from openpyxl import load_workbook  # noqa: PLC0415 - with numpy a tenth of every process's start, for uploads

    limits = settings.THRESHOLDS.sheets
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(member.file_size for member in packed.infolist())
        if unpacked > settings.THRESHOLDS.sheets.UNPACKED * limits.MOST_BYTES:
            raise _refused(_("The workbook is too large once unpacked."))
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        # A workbook numbers its rows, and may lie: no row is beyond the last that there can be.
        rows = book.worksheets[0].iter_rows(
            max_row=LAST_ROW, max_col=settings.THRESHOLDS.sheets.MOST_COLUMNS, values_only=True
        )
        for row in rows:
            yield [_text(cell) for cell in row] if any(cell is not None for cell in row) else []
    except Refusal:
        raise
    except Exception as error:  # whatever is wrong with a stranger's file, in whichever library
        raise _refused(_("This workbook cannot be read.")) from error


def _text(cell: object) -> str:
    """A cell as one would write it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d}" if cell.time() == time() else f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
