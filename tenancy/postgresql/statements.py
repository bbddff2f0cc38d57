"""Statements that Django compiles once, and that run ever after with other values.

For what nearly every request runs, where compiling costs more than running: Django writes the SQL, from the same
models and lookups as everywhere, and only the values are put in by us. A table's name has no schema in it, so one
text serves every tenant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import DEFAULT_DB_ALIAS, NotSupportedError, connection
from django.db.models import QuerySet, Value
from django.db.models.expressions import RawSQL


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the value `name` stands in the parameters of a statement."""

    name: str


class Statement:
    """A query with `values_list`, whose `names` come anew with each call.

        newer = Statement(lambda since: Row.objects.filter(at__gt=since).values_list("id"), "since")
        rows = newer(since=yesterday)

    `build` gets an expression for each name, which may be compared with and no more; what it decides in Python is
    decided for good. The values go to PostgreSQL as they are, so they have their column's own type. The guard of
    querysets (tenancy.rows) is not asked: rows of a tenant are read by whoever is in it.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], *names: str):
        self._build, self._names = build, names

    def __call__(self, **values: Any) -> list[tuple[Any, ...]]:
        """The rows for `values`. Raises KeyError when one is missing."""
        sql, params, converters = self._compiled
        given = [values[each.name] if isinstance(each, Slot) else each for each in params]
        try:
            rows = _run(sql, given)
        except NotSupportedError:
            # A prepared statement does not outlive a change of its columns' types; a new session has none.
            if connection.in_atomic_block:
                raise
            connection.close()
            rows = _run(sql, given)
        return [self._converted(row, converters) for row in rows] if converters else rows

    @cached_property
    def _compiled(self) -> tuple[str, tuple[Any, ...], dict[int, Any]]:
        given = {name: Value(Slot(name)) for name in self._names}
        compiler = self._build(**given).query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        return sql, tuple(params), compiler.get_converters(column for column, *_ in compiler.select)

    @staticmethod
    def _converted(row: tuple[Any, ...], converters: dict[int, Any]) -> tuple[Any, ...]:
        values = list(row)
        for position, (functions, expression) in converters.items():
            for function in functions:
                values[position] = function(values[position], expression, connection)
        return tuple(values)


def _run(sql: str, given: list[Any]) -> list[tuple[Any, ...]]:
    with connection.binary_cursor() as cursor:  # type: ignore[attr-defined]  # our backend's
        cursor.execute(sql, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def one_of(keys: Any) -> RawSQL:
    """For `filter(pk__in=one_of(keys))` in a statement: `keys` is a list of UUIDs, however long."""
    return RawSQL("SELECT unnest(%s::uuid[])", [keys.value])
