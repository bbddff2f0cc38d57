"""Lists whose rows are read as plain columns and written as they are, where the declared serializer does no more.

A list that is not filtered is one statement, compiled once for each order; in any other the queryset chooses the page
as always, and its rows are read by their keys. No model, no field and no relation is made for them. What a column
alone does not say (a property of the model, a method of the serializer) is asked of the very same code, so the
serializer stays what is true, and what the schema is made of.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import cache, cached_property, lru_cache
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, TypeVar, cast

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Field, Model, QuerySet
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from tenancy.postgresql.statements import Statement, one_of
from tenancy.web.filters import Filters
from tenancy.web.pagination import CursorPagination, Order, Start, Window

M = TypeVar("M", bound=Model)
Bind = Callable[[serializers.Serializer[Any]], Callable[[Any], Any]]
Source = Callable[..., QuerySet[Any, Any]]
_AS_THEY_ARE: tuple[tuple[type[Any], Any], ...] = (
    (serializers.CharField, (models.CharField, models.TextField)),
    (serializers.ChoiceField, models.CharField),
    (serializers.IntegerField, models.IntegerField),
    (serializers.BooleanField, models.BooleanField),
    (serializers.UUIDField, models.UUIDField),
    (serializers.DateTimeField, models.DateTimeField),
)


class PlainSerializer(serializers.Serializer[M]):
    """A serializer of `model` whose rows a `PlainList` shows.

    `columns` are those that its methods and the model's properties read besides the fields' own. A row of a plain list
    is an instance without its state: a column that was not read raises AttributeError, and asks the database nothing.
    """

    model: ClassVar[type[Model]]
    columns: ClassVar[tuple[str, ...]] = ()

    def to_representation(self, instance: M) -> dict[str, Any]:
        values = vars(instance)
        if "_state" in values:
            whole: dict[str, Any] = super().to_representation(instance)
            return whole
        for name, read in self._asked:
            values[name] = read(instance)
        plan = self._plan
        return dict(zip(plan.names, plan.pick(values), strict=True))

    @cached_property
    def _plan(self) -> "_Plan":
        return _plan_of(type(self))

    @cached_property
    def _asked(self) -> list[tuple[str, Callable[[M], Any]]]:
        return [(name, bind(self)) for name, bind in self._plan.asked]


class PlainList(ListModelMixin, GenericAPIView[Any]):
    """A list of a `PlainSerializer`: one query, or two when it is filtered, whatever the number of rows.

    `source` makes the list without a filter of `source_values`, and says the same as `get_queryset`. A view without
    it has every page chosen by `get_queryset`.
    """

    @property
    def source(self) -> Source | None:
        """The same function whenever the same statement is meant: it is compiled once for each."""
        return None

    def source_values(self) -> Mapping[str, Any]:
        """What `source` takes."""
        return {}

    def nothing_found(self) -> None:
        """A page is empty. Raises Http404 where `source` leaves rows out because the actor sees none of the list."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        paginator = cast(CursorPagination, self.paginator)
        kind = cast(type[PlainSerializer[Any]], self.get_serializer_class())
        source = self.source
        if source is None or Filters.are_asked(request, self):
            chosen = self.filter_queryset(self.get_queryset())
            window = paginator.window(kind.model, request, self)
            key = window.order.key.attname
            page = paginator.cut(window, window.of(chosen).values(key, window.order.column.attname))
            rows = _rows_of(kind, [each[key] for each in page])
        else:
            self.filter_queryset(
                cast(Any, None)
            )  # there is nothing to filter by: refuses what the list does not know
            window = paginator.window(kind.model, request, self)
            rows = paginator.cut(window, _page_of(kind, source, window, self.source_values()))
            if not rows:
                self.nothing_found()
        show = kind(context=self.get_serializer_context()).to_representation
        return self.get_paginated_response([show(row) for row in rows])


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the rows of a serializer are read: the columns, what is asked besides, and from where each name comes."""

    columns: tuple[str, ...]
    asked: tuple[tuple[str, Bind], ...]
    names: tuple[str, ...]
    pick: Callable[[dict[str, Any]], tuple[Any, ...]]


def _rows_of(kind: type[PlainSerializer[Any]], keys: Iterable[Any]) -> list[Any]:
    """The rows with `keys`, in their order; one that is gone since is left out."""
    wanted = list(keys)
    columns, statement = _by_keys(kind)
    found = {row.pk: row for row in _bare(kind.model, columns, statement(keys=wanted))}
    return [found[key] for key in wanted if key in found]


def _page_of(
    kind: type[PlainSerializer[Any]], source: Source, window: Window, given: Mapping[str, Any]
) -> list[Any]:
    start = window.start
    shape = (start.backward, start.value is not None) if start else None
    columns, statement = _of_window(kind, source, tuple(given), window.order, window.size, shape)
    values = {"value": start.value, "key": start.key} if start else {}
    return _bare(kind.model, columns, statement(**given, **values))


@cache
def _by_keys(kind: type[PlainSerializer[Any]]) -> tuple[tuple[str, ...], Statement]:
    columns = _plan_of(kind).columns
    rows = kind.model._default_manager.order_by()
    return columns, Statement(lambda keys: rows.filter(pk__in=one_of(keys)).values_list(*columns), "keys")


@lru_cache(
    maxsize=settings.THRESHOLDS.api.LISTS_REMEMBERED
)  # of each list: its orders, sizes and directions that were asked for
def _of_window(  # noqa: PLR0917  # all of it is the key of the cache
    kind: type[PlainSerializer[Any]],
    source: Source,
    names: tuple[str, ...],
    order: Order,
    size: int,
    shape: tuple[bool, bool] | None,
) -> tuple[tuple[str, ...], Statement]:
    columns = tuple(dict.fromkeys([*_plan_of(kind).columns, order.column.attname]))

    def build(value: Any = None, key: Any = None, **given: Any) -> QuerySet[Any, Any]:
        start = Start(shape[0], value if shape[1] else None, key) if shape else None
        return Window(order, size, start).of(source(**given)).values_list(*columns)

    return columns, Statement(build, *names, *(("value", "key") if shape else ()))


@cache
def _plan_of(kind: type[PlainSerializer[Any]]) -> _Plan:
    model, declared = kind.model, kind._declared_fields
    sources: dict[str, str] = {}
    asked: list[tuple[str, Bind]] = []
    for name, field in declared.items():
        source = (field.source or name).replace(".", "__")
        column = _column(model, source)
        if column is None or isinstance(field, serializers.SerializerMethodField):
            sources[name] = f"{name}()"
            asked.append((sources[name], _reader(name, field)))
        elif _is_plain(field, column):
            sources[name] = source
        else:
            raise TypeError(f"{kind.__name__}.{name} does more than show a column")
    read = [source for source in sources.values() if not source.endswith("()")]
    columns = tuple(dict.fromkeys([_key(model), *read, *kind.columns]))
    return _Plan(columns, tuple(asked), tuple(declared), itemgetter(*sources.values()))


def _key(model: type[Model]) -> str:
    meta: Any = model._meta
    name: str = meta.pk.attname
    return name


def _column(model: type[Model], path: str) -> "Field[Any, Any] | None":
    """The column that `path` leads to, or None where it is something else."""
    step, _rest, further = path.partition("__")
    try:
        field: Any = model._meta.get_field(step)
    except FieldDoesNotExist:
        return None
    return _column(field.related_model, further) if further else field


def _is_plain(field: Any, column: Any) -> bool:
    """Whether `field` shows what psycopg reads from `column`, once it is JSON."""
    if column.is_relation:
        column = column.target_field
    if hasattr(column, "from_db_value"):
        return False
    if isinstance(field, serializers.DateTimeField) and not _is_utc(field):
        return False
    if isinstance(field, serializers.UUIDField) and field.uuid_format != "hex_verbose":
        return False
    return any(
        type(field).to_representation is kind.to_representation and isinstance(column, columns)
        for kind, columns in _AS_THEY_ARE
    )


def _is_utc(field: serializers.DateTimeField) -> bool:
    return getattr(field, "timezone", None) is UTC and not hasattr(field, "format")


def _reader(name: str, field: Any) -> Bind:
    if isinstance(field, serializers.SerializerMethodField):
        return attrgetter(field.method_name or f"get_{name}")
    read = attrgetter(field.source or name)
    return lambda serializer: lambda row: field.to_representation(read(row))


def _bare(model: type[M], columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> list[M]:
    """Instances that hold `columns` and nothing else."""
    made = []
    for values in rows:
        row = object.__new__(model)
        row.__dict__ = dict(zip(columns, values, strict=True))
        made.append(row)
    return made
