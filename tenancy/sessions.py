"""Sessions in the database, each bound to the tenant whose host made it: elsewhere there is no such session."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import models
from django.utils import timezone

from tenancy.context import connection
from tenancy.models import Session
from tenancy.rules import secret_digest

RECORDS = "account_authentication_methods"
"""Where allauth keeps how somebody signed in."""


@dataclass(frozen=True, slots=True)
class Client:
    """Whom a request comes from, as its owner will recognise it."""

    address: str | None = None
    user_agent: str = ""


def key_digest(key: str) -> str:
    """What the table calls the session whose cookie is `key`."""
    return secret_digest(key)[:40]


class SessionStore(DatabaseStore):
    """Finds a session by the digest of its key, in the current tenant only."""

    client = Client()
    _began: datetime | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    @property
    def digest(self) -> str:
        """What the table calls this session; empty before there is one."""
        return key_digest(self.session_key) if self.session_key else ""

    def _here(self) -> models.QuerySet[Session]:
        return Session.objects.filter(session_key=self.digest, tenant_id=connection.tenant.pk)

    def _get_session_from_db(self) -> Session | None:
        # The store is an edge of its own: Django gives it no clock.
        now = timezone.now()
        session = self._here().filter(expire_date__gt=now).first()
        if session is None:
            self._session_key = None
            return None
        self._began = session.created_at
        if now - session.seen_at >= timedelta(minutes=settings.THRESHOLDS.access.SEEN_EVERY_MINUTES):
            self._here().update(seen_at=now, **self._seen())
        return session

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(session_key=key_digest(session_key)).exists()

    def create(self) -> None:
        self._began = None  # signing in makes a session of its own
        super().create()

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            Session.objects.filter(session_key=key_digest(key)).delete()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        session = cast(Session, super().create_model_instance(data))
        now = timezone.now()
        self._began = self._began or now
        session.session_key = key_digest(session.session_key)
        session.tenant_id = connection.tenant.pk
        session.user_id = data.get(SESSION_KEY)
        session.created_at, session.seen_at = self._began, now
        session.methods = _methods(data)
        for name, value in self._seen().items():
            setattr(session, name, value)
        return session

    def _seen(self) -> dict[str, str | None]:
        return {"address": self.client.address, "user_agent": self.client.user_agent}


def _methods(data: dict[str, Any]) -> str:
    """How the session's user signed in, each way once: `password totp`."""
    records = data.get(RECORDS) or []
    return " ".join(dict.fromkeys(str(each.get("type") or each["method"]) for each in records))[:80]
