"""The one authentication backend: email and password, and what a user may do here."""

from typing import Any

from axes.backends import AxesStandaloneBackend
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest
from django.utils import timezone

from tenancy.access import Denied, resolve
from tenancy.context import connection
from tenancy.models import User
from tenancy.permissions import may, table


class TenantBackend(AxesStandaloneBackend, BaseBackend):  # type: ignore[misc]  # axes is untyped
    """Signs in a user who has access to the tenant of this host; answers `has_perm` by role x action.

    Whoever failed too often is refused before anything is looked up (axes).
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if request is not None:
            super().authenticate(request, username=username, password=password, **kwargs)
        email = username or kwargs.get("email")
        if not email or password is None or "\0" in email:
            return None
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            User().set_password(password)  # as slow as a wrong password, so that addresses cannot be guessed
            return None
        if not user.check_password(password) or not user.is_active:
            return None
        here = resolve(user, connection.tenant, now=timezone.now())
        return None if isinstance(here, Denied) else user

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if not user_obj.is_active or perm not in table():
            return False
        actor = resolve(user_obj, connection.tenant, now=timezone.now())
        return not isinstance(actor, Denied) and may(actor, perm)
