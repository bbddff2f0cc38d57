"""Fields that know about schemas, and the shapes that constraints share."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q


class UserRef(models.ForeignKey[Any, Any]):
    """A reference from a tenant's schema to a user in public, without a database constraint.

    A real one makes every UPDATE of a user look into every tenant (ADR 3). Users are
    deactivated and anonymised, never deleted, so nothing can dangle; `manage.py doctor` looks for orphans.
    """

    def __init__(self, **kwargs: Any):
        kwargs["to"] = settings.AUTH_USER_MODEL
        kwargs["db_constraint"] = False
        kwargs["on_delete"] = models.DO_NOTHING
        kwargs["related_name"] = "+"
        super().__init__(**kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("to", "db_constraint", "on_delete", "related_name"):
            kwargs.pop(fixed, None)
        return name, path, args, kwargs


def together(first: Q, second: Q) -> Q:
    """The condition of a CHECK that holds when both hold or neither does."""
    return (first & second) | (~first & ~second)
