"""Rows that are saved as their model and the database say, or refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from tenancy.errors import Invalid, Stale
from tenancy.rows import TenantModel
from tenancy.transactions import atomic


def insert(row: TenantModel) -> None:
    """Insert `row`. Raises Invalid naming the fields at fault."""
    with refusing(row):
        row.save(force_insert=True)


@contextmanager
def refusing(row: TenantModel) -> Iterator[None]:
    """Turn what the model or the database refuses about `row` into Invalid."""
    try:
        row.full_clean()
        with atomic():
            yield
    except ValidationError as error:
        fields: dict[str, Any] = error.message_dict
        fields.pop(NON_FIELD_ERRORS, None)
        raise Invalid(" ".join(error.messages), fields=fields) from error
    except IntegrityError as error:  # somebody else was faster with the same
        raise Invalid(_("This exists already.")) from error


class HasVersion(Protocol):
    """A row of which one can tell that somebody changed it."""

    @property
    def version(self) -> int: ...


def check_version(row: HasVersion, version: int | None) -> None:
    """Raise Stale when `row`, which the caller holds, is not at `version` any more. None takes any."""
    if version is not None and version != row.version:
        raise Stale(_("Somebody changed this since you read it."), version=row.version)
