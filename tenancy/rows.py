"""The row guard: a tenant's rows and querysets know the schema they were made in, and refuse any other."""

from collections.abc import Iterable
from typing import Any, Self, TypeVar

from django.db import models
from uuid_utils.compat import uuid7

from tenancy.context import PUBLIC, current_schema
from tenancy.errors import ForeignRow

M = TypeVar("M", bound=models.Model)


def check(stamp: str, what: str) -> None:
    """Raise ForeignRow unless the thread works in the schema `stamp`."""
    here = current_schema()
    if stamp != here:
        raise ForeignRow(f"{what} of schema {stamp!r} used in {here!r}")


class TenantQuerySet(models.QuerySet[M]):
    """A queryset that belongs to the schema it was built in and raises when evaluated in another.

    One built in public (a class attribute, a form field at import time) belongs to nobody yet: the first clone
    made inside a tenant binds it. Evaluated in public it raises, for there is nothing to read there.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._schema = current_schema()

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]  # private in the stubs
        if self._schema != PUBLIC:
            clone._schema = self._schema
        return clone

    def _guard(self) -> None:
        if self._schema == PUBLIC:
            self._schema = current_schema()
        if self._schema == PUBLIC:
            raise ForeignRow(f"rows of {self.model.__name__} live in a tenant; this thread works in public")
        check(self._schema, f"a queryset of {self.model.__name__}")

    def _fetch_all(self) -> None:
        self._guard()
        super()._fetch_all()

    def iterator(self, *args: Any, **kwargs: Any) -> Any:
        self._guard()
        return super().iterator(*args, **kwargs)

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._guard()
        return super().aggregate(*args, **kwargs)

    def count(self) -> int:
        self._guard()
        return super().count()

    def exists(self) -> bool:
        self._guard()
        return super().exists()

    def explain(self, *args: Any, **kwargs: Any) -> str:
        self._guard()
        return super().explain(*args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        self._guard()
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]  # Django's own marker for templates

    def _update(self, values: Any) -> int:
        self._guard()
        rows: int = super()._update(values)  # type: ignore[misc]  # private in the stubs
        return rows

    def _raw_delete(self, using: str | None) -> int:
        self._guard()
        return super()._raw_delete(using)

    def delete(self) -> tuple[int, dict[str, int]]:
        self._guard()
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def create(self, **kwargs: Any) -> M:
        self._guard()
        return super().create(**kwargs)

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        return super().bulk_create(self._own(objs), *args, **kwargs)

    def bulk_update(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> int:
        return super().bulk_update(self._own(objs), *args, **kwargs)

    def _own(self, objs: Iterable[M]) -> list[M]:
        self._guard()
        rows = list(objs)
        for row in rows:
            check(getattr(row._state, "schema", self._schema), f"{type(row).__name__} {row.pk}")
        return rows

    def _insert(self, *args: Any, **kwargs: Any) -> Any:
        self._guard()
        return super()._insert(*args, **kwargs)  # type: ignore[misc]


TenantManager = models.Manager.from_queryset(TenantQuerySet)


class TenantModel(models.Model):
    """Base of every row that lives in a tenant's schema. Key: UUIDv7.

    Raises ForeignRow on save, delete or refresh in another schema than it was made or loaded in.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._state.schema = current_schema()  # type: ignore[attr-defined]

    def _guard(self) -> None:
        check(self._state.schema, f"{type(self).__name__} {self.pk}")  # type: ignore[attr-defined]

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        self._guard()
        super().save_base(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self._guard()
        return super().delete(*args, **kwargs)

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        self._guard()
        super().refresh_from_db(*args, **kwargs)
