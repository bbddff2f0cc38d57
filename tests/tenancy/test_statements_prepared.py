"""What is prepared does not outlive a change of its columns, and nobody notices."""

from contextlib import closing
from datetime import UTC, datetime

import pytest
from django.db import NotSupportedError, connection

from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.postgresql.statements import Statement
from tenancy.transactions import atomic

SINCE = datetime(2000, 1, 1, tzinfo=UTC)


def alter(schema, kind):
    """In a session of its own: psycopg forgets what it prepared when it alters a table itself."""
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{schema}".journal_event ALTER COLUMN verb TYPE {kind}')


def test_a_plan_is_made_anew_when_a_column_has_changed_its_type(committed):
    read = Statement(lambda at: Event.objects.filter(at__gt=at).values_list("verb"), "at")
    with committed() as tenant, entering(tenant):
        for _ in range(5):
            assert read(at=SINCE) == []
        alter(tenant.schema_name, "text")
        assert read(at=SINCE) == []
        for _ in range(5):
            assert read(at=SINCE) == []
        alter(tenant.schema_name, "varchar(300)")
        with pytest.raises(NotSupportedError), atomic():  # what was done in it would be lost
            read(at=SINCE)
        assert read(at=SINCE) == []
