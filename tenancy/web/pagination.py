"""Pages by cursor: stable while rows come in, `page_size` up to 200."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, pagination
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import (
        APIView,
    )  # which itself imports the defaults of settings, this one among them


class CursorPagination(pagination.CursorPagination):
    """Ordered by the view's filter, by its `ordering`, or newest first (keys are UUIDv7); ties by key.

    Raises 400 for a `page_size` that is none, 404 for a cursor that is none.
    """

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def paginate_queryset(
        self, queryset: Any, request: Request, view: "APIView | None" = None
    ) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (
            DjangoValidationError,
            ValueError,
        ) as error:  # a cursor whose position is no value of the field
            raise exceptions.NotFound(self.invalid_cursor_message) from error

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not (asked.isascii() and asked.isdigit()) or not 0 < int(asked[:9]) <= self.max_page_size:
            why = _("From 1 to %(most)d.") % {"most": self.max_page_size}
            raise exceptions.ValidationError({self.page_size_query_param: [why]})
        return int(asked)

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        self.ordering = getattr(view, "ordering", None) or type(self).ordering
        ordering = super().get_ordering(request, queryset, view)
        if ordering[-1].lstrip("-") in ("id", "pk"):
            return ordering
        return (*ordering, "-id" if ordering[0].startswith("-") else "id")

    def decode_cursor(self, request: Request) -> Any:
        cursor = super().decode_cursor(request)
        if cursor and "\0" in str(cursor.position):
            raise exceptions.NotFound(self.invalid_cursor_message)
        return cursor
