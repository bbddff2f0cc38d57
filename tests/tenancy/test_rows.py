"""The row guard, on a tenant's real rows."""

import pytest
from django.db import models

from hypercare.models import Program
from tenancy.context import current_tenant, entering
from tenancy.errors import ForeignRow, NoTenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(acme, now):
    with entering(acme):
        return Program.objects.create(code="ATLAS", name="S/4HANA", created_at=now)


@pytest.mark.parametrize("use", ["save", "delete", "refresh_from_db"])
def test_a_row_of_one_tenant_is_refused_in_another(program, globex, use):
    with entering(globex), pytest.raises(ForeignRow, match=r"t_acme.*t_globex"):
        getattr(program, use)()


def test_a_row_made_in_one_tenant_is_not_saved_in_another(acme, globex):
    with entering(acme):
        fresh = Program(name="S/4HANA")
    with entering(globex), pytest.raises(ForeignRow):
        fresh.save()


@pytest.mark.parametrize(
    "many",
    [
        lambda row: Program.objects.bulk_create([row]),
        lambda row: Program.objects.bulk_update([row], ["name"]),
    ],
)
def test_nor_are_many_rows_of_one_tenant_written_into_another(program, globex, many):
    with entering(globex), pytest.raises(ForeignRow, match=r"t_acme.*t_globex"):
        many(program)


@pytest.mark.parametrize(
    "evaluate",
    [
        list,
        len,
        bool,
        lambda rows: rows.first(),
        lambda rows: rows.count(),
        lambda rows: rows.exists(),
        lambda rows: rows.get(name="S/4HANA"),
        lambda rows: list(rows.iterator()),
        lambda rows: rows.update(name="x"),
        lambda rows: rows.delete(),
        lambda rows: rows.aggregate(n=models.Count("pk")),
        lambda rows: list(rows.filter(name="S/4HANA").values_list("pk")),
        lambda rows: rows.in_bulk(),
        lambda rows: rows.create(name="x"),
        lambda rows: rows.bulk_create([Program(name="x")]),
        lambda rows: rows.bulk_update([Program(name="x")], ["name"]),
        lambda rows: rows.explain(),
    ],
)
def test_a_lazy_queryset_of_one_tenant_is_not_evaluated_in_another(program, acme, globex, evaluate):
    with entering(acme):
        rows = Program.objects.all()
        list(rows.all())
    with entering(globex), pytest.raises(ForeignRow):
        evaluate(rows)


def test_the_same_queryset_reads_at_home(program, acme):
    with entering(acme):
        assert list(Program.objects.all()) == [program]


def test_one_declared_outside_binds_where_it_is_used_and_never_reads_public(program, acme):
    declared = Program.objects.all()
    with entering(acme):
        assert list(declared.all()) == [program]
    with pytest.raises(ForeignRow, match="public"):
        list(declared.all())


def test_without_a_tenant_there_is_no_tenant(db):
    with pytest.raises(NoTenant):
        current_tenant()
