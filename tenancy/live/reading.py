"""Reads journals for the streams of this process: on one thread, so on one connection, whatever their number."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, InterfaceError, ProgrammingError, connection

from tenancy.context import entering_schema
from tenancy.journal.models import Event, EventHead
from tenancy.live.changes import Change, changes_of

_LINES = f"SELECT seq, at, actor_id, verb, subject, scope, data FROM {Event._meta.db_table}"  # noqa: S608 - ours
_SINCE = f"{_LINES} WHERE seq > %s ORDER BY seq LIMIT %s"
_NEWEST = f"{_LINES} ORDER BY seq DESC LIMIT %s"
_HEAD = f"SELECT seq FROM {EventHead._meta.db_table} WHERE id = 1"  # noqa: S608 - ours


class Gone(Exception):
    """The tenant has no journal any more."""


class Reader:
    """The two questions that streams have. Every method is for one thread, which nobody else uses.

    Each raises Gone, and Django's errors while the database is away; the next one connects anew.
    """

    def newest(self, schema: str, most: int) -> tuple[int, int, list[Change]]:
        """The last `most` lines: the number of the line before them, that of the last one, and what they tell."""
        with _reading(schema) as cursor:
            cursor.execute(_NEWEST, [most])
            rows = cursor.fetchall()[::-1]
            if not rows:  # nothing was ever written here, or all of it was pruned
                cursor.execute(_HEAD)
                head: int = cursor.fetchone()[0]
                return head, head, []
            return rows[0][0] - 1, rows[-1][0], changes_of(rows)

    def since(self, schema: str, after: int, most: int) -> tuple[int, list[Change]]:
        """The next `most` lines after `after`: the number of the last one, and what they tell."""
        with _reading(schema) as cursor:
            cursor.execute(_SINCE, [after, most])
            rows = cursor.fetchall()
            return (rows[-1][0] if rows else after), changes_of(rows)

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        connection.close()


@contextmanager
def _reading(schema: str) -> Iterator[Any]:
    """A cursor in the tenant; a connection that failed is closed, so that the next one is new."""
    try:
        with entering_schema(schema), connection.cursor() as cursor:
            yield cursor
    except ProgrammingError as error:
        raise Gone(schema) from error
    except (DatabaseError, InterfaceError):
        connection.close()
        raise
