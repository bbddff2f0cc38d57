"""What may stand in the address of a list: the view's filters, its orderings, and the page."""

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import exceptions, filters
from rest_framework.request import Request

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.views import APIView  # which itself imports the default backends, these

ORDERING = "ordering"
ALWAYS = frozenset({"format", "page_size", "cursor"})


class KnownParameters(filters.BaseFilterBackend):
    """A parameter that the list does not know is a 400 that names it: a filter misspelt would show everything.

    Known are the filterset's, those of the view's `query_parameters`, and the common ones.
    """

    def filter_queryset(
        self, request: Request, queryset: "QuerySet[Any]", view: "APIView"
    ) -> "QuerySet[Any]":
        known = _known(cast(Any, type(view)))
        faults = {
            name: [exceptions.ErrorDetail(str(_("There is no such parameter.")), "unknown_parameter")]
            for name in request.query_params
            if name not in known
        }
        if faults:
            raise exceptions.ValidationError(faults)
        return queryset


@cache
def _known(view: type[Any]) -> frozenset[str]:
    """The names of what may stand in the address of a `view`."""
    filterset = getattr(view, "filterset_class", None)
    known = ALWAYS | set(getattr(view, "query_parameters", ()))
    known |= set(filterset.get_filters()) if filterset else set()
    return known | ({ORDERING} if getattr(view, "orderings", None) else set())


class Filters(DjangoFilterBackend):  # type: ignore[misc]  # django_filters has no types
    """The view's `filterset_class`, whose form is not made when the address has none of its parameters."""

    def filter_queryset(
        self, request: Request, queryset: "QuerySet[Any]", view: "APIView"
    ) -> "QuerySet[Any]":
        if not self.are_asked(request, view):
            return queryset
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered

    @staticmethod
    def are_asked(request: Request, view: "APIView") -> bool:
        """Whether the address has a parameter of the view's filterset."""
        filterset = getattr(view, "filterset_class", None)
        return filterset is not None and not filterset.base_filters.keys().isdisjoint(request.query_params)


class Ordering(filters.BaseFilterBackend):
    """`?ordering=name`, `-name` for the other way round, by the view's `orderings`: API name -> column.

    The column is one of the list's own rows and may be nullable; rows without a value come last. The pages and the
    exports ask `ordering_of`; here a name that the list does not have is refused, and the schema is told.
    """

    def filter_queryset(
        self, request: Request, queryset: "QuerySet[Any]", view: "APIView"
    ) -> "QuerySet[Any]":
        ordering_of(request, view)
        return queryset

    def get_schema_operation_parameters(self, view: "APIView") -> list[dict[str, Any]]:
        names = getattr(view, "orderings", None)
        if not names:
            return []
        schema = {"type": "string", "enum": [f"{sign}{name}" for name in names for sign in ("", "-")]}
        text = "Sorts the list; `-` in front for the other way round. Rows without a value come last."
        return [{"name": ORDERING, "in": "query", "required": False, "description": text, "schema": schema}]


def ordering_of(request: Request, view: Any) -> str:
    """The column by which the list is sorted, `-` in front for descending: as asked, else the view's `ordering`,
    else newest first (keys are UUIDv7). Raises ValidationError naming the legal ones."""
    asked = request.query_params.get(ORDERING)
    names = getattr(view, "orderings", None) or {}
    default: str = getattr(view, "ordering", None) or "-id"
    if asked is None or not names:
        return default
    name = asked.removeprefix("-")
    if name not in names:
        why = _("One of: %(legal)s; - in front for the other way round.") % {"legal": ", ".join(names)}
        raise exceptions.ValidationError({ORDERING: [exceptions.ErrorDetail(why, "unknown_ordering")]})
    column: str = names[name]
    return f"-{column}" if asked.startswith("-") else column
