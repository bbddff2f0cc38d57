"""Sessions in the database, each bound to the tenant whose host made it: elsewhere there is no such session."""

from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import models
from django.utils import timezone

from tenancy.context import connection
from tenancy.models import Session


class SessionStore(DatabaseStore):
    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _here(self) -> models.QuerySet[Session]:
        return Session.objects.filter(session_key=self.session_key, tenant_id=connection.tenant.pk)

    def _get_session_from_db(self) -> Session | None:
        # The store is an edge of its own: Django gives it no clock.
        session = self._here().filter(expire_date__gt=timezone.now()).first()
        if session is None:
            self._session_key = None
        return session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        session = cast(Session, super().create_model_instance(data))
        session.tenant_id = connection.tenant.pk
        session.user_id = data.get(SESSION_KEY)
        return session
