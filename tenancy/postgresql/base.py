"""The database backend (DATABASES ENGINE): sets the search path when it has to be set, and never works on a wrong one.

django_tenants sends `SET search_path` before every statement, which doubles the round trips; its switch to limit
that trusts any path once set, and a SET that fails is passed over, so that a statement could run in the tenant
before. Here the path is sent when it differs from what this session is known to have, what is known is forgotten
with every rollback and reconnect (django_tenants does that since 4.0), and a failing SET raises (ADR 9).
"""

from types import SimpleNamespace
from typing import Any, Self, cast

from django.db import OperationalError
from django.db.backends.utils import CursorWrapper
from django_tenants.postgresql_backend.base import DatabaseWrapper as TenantDatabaseWrapper
from psycopg import Cursor
from psycopg.pq import Format, TransactionStatus


class PreparingCursor(Cursor[Any]):
    """psycopg's cursor. It prepares what comes often, and then does not say any more what it ran; Django logs that."""

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Self:
        super().execute(query, *args, **kwargs)
        if self._query is None:
            self._query = cast(Any, SimpleNamespace(query=query.encode()))
        return self


class DatabaseWrapper(TenantDatabaseWrapper):  # type: ignore[misc]  # django_tenants has no types
    def _handle_search_path(self, cursor: Any = None) -> None:
        if self._setting_search_path:
            return
        if self.search_path_set_schemas == self._get_cursor_search_paths():
            return
        super()._handle_search_path(cursor)
        if self.search_path_set_schemas is None and not self._is_aborted():
            raise OperationalError(f"the search path could not be set to {self.schema_name}")

    def _is_aborted(self) -> bool:
        """Whether the transaction has failed already: then nothing can run but a rollback, which sets it anew."""
        status: TransactionStatus = self.connection.info.transaction_status
        return status == TransactionStatus.INERROR

    def binary_cursor(self) -> CursorWrapper:
        """A cursor with values bound by PostgreSQL and rows in binary: times and keys are read several times faster.

        Binding leaves types less to guess than Django's own cursor does, so it is for statements written for it.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        self._handle_search_path()
        with self.wrap_database_errors:
            cursor = PreparingCursor(self.connection)
            cursor.format = Format.BINARY
            prepared: CursorWrapper = self._prepare_cursor(cursor)
            return prepared
