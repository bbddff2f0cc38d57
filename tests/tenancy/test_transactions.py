"""The end of a transaction: the journal's last statement takes COMMIT along, or nothing of it is there."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tenancy.chains import verify
from tenancy.context import PUBLIC, entering
from tenancy.journal.models import Event, EventPersonal
from tenancy.models import OperatorEvent
from tenancy.transactions import atomic, emit


def write(verb, now, system):
    emit(verb, "thing:1", by=system, now=now, personal={"name": "Ayşe"})


def sent(queries):
    return [query["sql"] for query in queries.captured_queries]


def test_the_last_statement_commits_and_what_waits_for_that_runs(committed, now, system):
    ran = []
    with committed() as tenant, entering(tenant):
        with CaptureQueriesContext(connection) as queries, atomic():
            transaction.on_commit(lambda: ran.append(Event.objects.filter(verb="thing.done").exists()))
            write("thing.done", now, system)
        *_, appended, django, hook = sent(queries)
        assert appended.startswith("WITH lines AS")
        assert appended.endswith("; COMMIT")
        assert (django, hook.split()[0]) == ("COMMIT", "SELECT")
        connection.close()  # nothing of it waits in this session
        assert Event.objects.get(verb="thing.done").personal_hash
        assert EventPersonal.objects.filter(data={"name": "Ayşe"}).exists()
        verify(tenant.schema_name)
    assert ran == [True]


def test_with_two_journals_the_second_commits_both(committed, now, system):
    with committed() as tenant:
        before = OperatorEvent.objects.count()
        with entering(tenant), CaptureQueriesContext(connection) as queries, atomic():
            emit("thing.told", "thing:1", by=system, now=now, schema=PUBLIC)
            write("thing.done", now, system)
        appended = [sql for sql in sent(queries) if sql.startswith("WITH lines AS")]
        assert ["COMMIT" in sql for sql in appended] == [False, True]
        assert ["tenancy_operatorevent" in sql for sql in appended] == [False, True]
        assert OperatorEvent.objects.count() == before + 1
        assert verify(PUBLIC)
        assert verify(tenant.schema_name)


def test_inside_somebody_elses_transaction_nothing_is_committed(committed, now, system):
    with committed() as tenant, entering(tenant):
        links = verify(tenant.schema_name)
        with transaction.atomic():
            with atomic():
                write("thing.undone", now, system)
            transaction.set_rollback(True)
        assert not Event.objects.filter(verb="thing.undone").exists()
        assert verify(tenant.schema_name) == links


def test_what_fails_at_commit_leaves_nothing(committed, now, system):
    ran = []
    with committed() as tenant, entering(tenant):
        links = verify(tenant.schema_name)
        with pytest.raises(IntegrityError), atomic():
            transaction.on_commit(lambda: ran.append("committed"))
            with connection.cursor() as cursor:  # its foreign key is looked at when the transaction ends
                cursor.execute(
                    "INSERT INTO tenancy_tenantflag (tenant_id, flag_id, enabled)"
                    " SELECT %s, coalesce(max(id), 0) + 1, true FROM tenancy_flag",
                    [tenant.pk],
                )
            write("thing.undone", now, system)
        assert not Event.objects.filter(verb="thing.undone").exists()
        with atomic():
            write("thing.done", now, system)
        assert verify(tenant.schema_name) == links + 1
    assert ran == []
