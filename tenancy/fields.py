"""Fields that know about schemas, and the shapes that constraints share."""

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
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


class SecretField(models.TextField):  # type: ignore[type-arg]  # takes parameters in its stubs alone
    """Text that is needed back in the clear (a signing secret, a bot token) and lies encrypted in the table.

    Under settings.CREDENTIAL_KEYS: the first encrypts, all decrypt, so keys rotate by putting a new one in front and
    saving (`manage.py rotate_credentials`). Reading what none of the keys wrote raises InvalidToken. It cannot be
    searched for: each encryption of the same text differs.
    """

    def get_prep_value(self, value: Any) -> Any:
        return sealed(value) if value else ""

    def from_db_value(self, value: str, *_given: object) -> str:
        return opened(value) if value else ""


def sealed(text: str) -> str:
    """`text` encrypted under the first of settings.CREDENTIAL_KEYS."""
    return _vault().encrypt(text.encode()).decode()


def opened(token: str) -> str:
    """What was `sealed` under any of settings.CREDENTIAL_KEYS. Raises InvalidToken for anything else."""
    return _vault().decrypt(token.encode()).decode()


def sealed_now(token: str) -> bool:
    """Whether the first of settings.CREDENTIAL_KEYS opens `token`, so that older keys are not needed for it."""
    try:
        return bool(Fernet(settings.CREDENTIAL_KEYS[0]).decrypt(token.encode()))
    except InvalidToken:
        return False


def _vault() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])


def together(first: Q, second: Q) -> Q:
    """The condition of a CHECK that holds when both hold or neither does."""
    return (first & second) | (~first & ~second)
