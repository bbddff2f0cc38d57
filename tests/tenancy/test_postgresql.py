"""The search path is sent once and is right after anything that may have reverted it."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from tenancy.context import entering, entering_schema
from tenancy.postgresql.base import TenantDatabaseWrapper

pytestmark = pytest.mark.django_db


def ask():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def actual():
    """What the server has, asked behind Django's back."""
    return connection.connection.execute("SHOW search_path").fetchone()[0]


def wanted():
    schema = connection.schema_name
    return "public" if schema == "public" else f"{schema}, public"


def test_it_is_sent_once_for_many_statements(acme):
    with entering(acme), CaptureQueriesContext(connection) as asked:
        for _ in range(5):
            ask()
    assert [query["sql"].split(" = ")[0] for query in asked].count("SET search_path") == 1


@how(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["acme", "globex", "public", "keep", "undo", "fail"]), max_size=12))
def test_after_any_sequence_the_server_has_the_path_that_django_thinks(tenants, steps):
    def walk(left):
        ask()
        assert actual() == wanted()
        for at, step in enumerate(left):
            rest = left[at + 1 :]
            if step in tenants:
                with entering(tenants[step]):
                    walk(rest)
            elif step == "public":
                with entering_schema("public"):
                    walk(rest)
            elif step in ("keep", "undo"):
                with transaction.atomic():
                    walk(rest)
                    if step == "undo":
                        transaction.set_rollback(True)
            elif step == "fail":
                with pytest.raises(DatabaseError), transaction.atomic():
                    ask()
                    with connection.cursor() as cursor:
                        cursor.execute("SELECT 1 / 0")
                continue
            break
        ask()
        assert actual() == wanted()

    walk(steps)


def test_a_path_that_cannot_be_set_stops_the_statement(acme, monkeypatch):
    ask()

    def refuse(self, cursor=None):
        self.search_path_set_schemas = None

    monkeypatch.setattr(TenantDatabaseWrapper, "_handle_search_path", refuse)
    with entering(acme), pytest.raises(DatabaseError, match="search path"):
        ask()
