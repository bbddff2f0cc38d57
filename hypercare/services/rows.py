"""Rows that are saved as their model and the database say, or refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from tenancy.errors import Invalid
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
