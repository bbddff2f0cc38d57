"""Pages by cursor: stable while rows come in, `page_size` up to 200."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import F, Field, Model, Q, QuerySet
from django.utils.encoding import escape_uri_path
from django.utils.timezone import is_naive
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, pagination
from rest_framework.request import Request

from tenancy.web.filters import ordering_of

if TYPE_CHECKING:
    from rest_framework.views import (
        APIView,
    )  # which itself imports the defaults of settings, this one among them

_LONGEST = 2000  # not tunable: characters of a cursor, which is ours


@dataclass(frozen=True)
class Order:
    """A column of the list's own rows, which way, and the key that tells equal ones apart."""

    column: "Field[Any, Any]"
    key: "Field[Any, Any]"
    descending: bool

    @classmethod
    def of(cls, model: type[Model], ordering: str) -> "Order":
        """From `name` or `-name`."""
        meta: Any = model._meta
        name = ordering.removeprefix("-")
        key = meta.get_field(meta.pk.name)
        column = key if name == "pk" else meta.get_field(name)
        return cls(column, key, descending=ordering.startswith("-"))

    @property
    def is_exact(self) -> bool:
        """Whether no two rows are equal by the column alone."""
        return bool(self.column.unique and not self.column.null)

    def sorted(self, rows: "QuerySet[Any]", *, backward: bool = False) -> "QuerySet[Any]":
        """`rows` in this order, those without a value last; backward from the last to the first."""
        descending = self.descending != backward
        sign = "-" if descending else ""
        if self.is_exact:
            return rows.order_by(f"{sign}{self.column.attname}")
        if not self.column.null:
            return rows.order_by(f"{sign}{self.column.attname}", f"{sign}{self.key.attname}")
        value = F(self.column.attname)
        nulls = {"nulls_first": True} if backward else {"nulls_last": True}
        return rows.order_by(
            value.desc(**nulls) if descending else value.asc(**nulls), f"{sign}{self.key.attname}"
        )

    def beyond(self, value: Any, key: Any, *, backward: bool) -> Q:
        """The rows that come after the one with `value` and `key` in this order; backward, before it."""
        column, way = self.column.attname, "lt" if self.descending != backward else "gt"
        if self.is_exact:
            return Q(**{f"{column}__{way}": value})
        later = Q(**{f"{self.key.attname}__{way}": key})
        if value is None:
            equal = Q(**{f"{column}__isnull": True}) & later
            return equal | Q(**{f"{column}__isnull": False}) if backward else equal
        there = Q(**{f"{column}__{way}": value}) | (Q(**{column: value}) & later)
        if self.column.null and not backward:
            return there | Q(**{f"{column}__isnull": True})
        return Q(**{f"{column}__{way}e": value}) & there  # said twice so that an index starts there


class Start(NamedTuple):
    """Where a page begins: beyond the row with `value` and `key`; backward, before it."""

    backward: bool
    value: Any
    key: Any


@dataclass(frozen=True)
class Window:
    """One page of an ordered list, and one row more that tells whether there is another."""

    order: Order
    size: int
    start: Start | None

    @property
    def is_backward(self) -> bool:
        return self.start is not None and self.start.backward

    def of(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """Those of `rows`, from the last to the first when it goes backward."""
        found = self.order.sorted(rows, backward=self.is_backward)
        if self.start:
            backward, value, key = self.start
            found = found.filter(self.order.beyond(value, key, backward=backward))
        return found[: self.size + 1]


class CursorPagination(pagination.CursorPagination):
    """Ordered by `ordering_of` the view, ties by key, rows without a value last.

    The cursor holds the value and the key of the row where a page ends, never an offset: no page grows dear, and
    none repeats or loses a row because many are equal. Raises 400 for a `page_size` that is none, 404 for a cursor
    that is none or belongs to another ordering.
    """

    page_size = settings.THRESHOLDS.api.PAGE_ROWS
    page_size_query_param = "page_size"
    max_page_size = settings.THRESHOLDS.api.MOST_PAGE_ROWS

    def paginate_queryset(
        self, queryset: Any, request: Request, view: "APIView | None" = None
    ) -> list[Any] | None:
        window = self.window(queryset.model, request, view)
        return self.cut(window, window.of(queryset))

    def window(self, model: type[Model], request: Request, view: "APIView | None") -> Window:
        """Which rows of a list of `model` are asked for. Raises ValidationError, NotFound."""
        size = self.get_page_size(request)
        self.request = request
        self.asked = ordering_of(request, view)
        self.order = Order.of(model, self.asked)
        return Window(self.order, size, self._read(request))

    def cut(self, window: Window, rows: Iterable[Any]) -> list[Any]:
        """The page that is made of what `window` found."""
        page = list(rows)
        more, self.shown = len(page) > window.size, page[: window.size]
        if window.is_backward:
            self.shown.reverse()
        self.has_next = bool(self.shown) and (more or window.is_backward)
        has_start = window.start is not None
        self.has_previous = bool(self.shown) and (more if window.is_backward else has_start)
        return self.shown

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not (asked.isascii() and asked.isdigit()) or not 0 < int(asked[:9]) <= self.max_page_size:
            why = _("From 1 to %(most)d.") % {"most": self.max_page_size}
            raise exceptions.ValidationError({self.page_size_query_param: [why]})
        return int(asked)

    def get_next_link(self) -> str | None:
        return self._link(self.shown[-1], backward=False) if self.has_next else None

    def get_previous_link(self) -> str | None:
        return self._link(self.shown[0], backward=True) if self.has_previous else None

    def _link(self, row: Any, *, backward: bool) -> str:
        value = _of(row, self.order.column.attname)
        words = [
            self.asked,
            int(backward),
            None if value is None else str(value),
            str(_of(row, self.order.key.attname)),
        ]
        cursor = urlsafe_b64encode(json.dumps(words).encode()).decode().rstrip("=")
        asked = [
            (name, value)
            for name, values in self.request.query_params.lists()
            for value in values
            if name != self.cursor_query_param
        ]
        query = urlencode([*asked, (self.cursor_query_param, cursor)])
        http = self.request._request
        return f"{http.scheme}://{http.get_host()}{escape_uri_path(http.path)}?{query}"

    def _read(self, request: Request) -> Start | None:
        cursor = request.query_params.get(self.cursor_query_param)
        if cursor is None:
            return None
        try:
            if len(cursor) > _LONGEST:
                raise ValueError("too long")
            asked, backward, value, key = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if asked != self.asked or (value is None and not self.order.column.null):
                raise ValueError("of another list")
            return Start(backward == 1, _parsed(self.order.column, value), _parsed(self.order.key, key))
        except (DjangoValidationError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise exceptions.NotFound(self.invalid_cursor_message) from error


def _of(row: Any, name: str) -> Any:
    return row[name] if isinstance(row, dict) else getattr(row, name)


def _parsed(column: "Field[Any, Any]", text: object) -> Any:
    if text is None and column.null:
        return None
    if not isinstance(text, str) or "\0" in text or not text.isprintable():
        raise ValueError("no text")
    value = column.to_python(text)
    if value is None or (isinstance(value, datetime) and is_naive(value)):
        raise ValueError("no value")
    # PostgreSQL takes fewer offsets than Python does.
    return value.astimezone(UTC) if isinstance(value, datetime) else value
