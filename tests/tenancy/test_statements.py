"""Statements that are compiled once: other values, other tenants, times and converted columns."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import ProgrammingError
from django.db.models import Value

from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.models import ApiToken, User
from tenancy.postgresql.statements import Statement, one_of
from tenancy.transactions import atomic, emit
from tests import factories

pytestmark = pytest.mark.django_db


def test_it_runs_with_other_values_each_time(users):
    named = Statement(lambda name: User.objects.filter(name=name).order_by("id").values_list("id"), "name")
    for role in ("agent", "customer", "agent"):
        assert named(name=users[role].name) == [(users[role].pk,)]
    assert named(name="nobody") == []
    assert named(name="' OR true --") == []
    with pytest.raises(KeyError):
        named()


def test_values_arrive_as_the_orm_gives_them(users, acme, now):
    ends = now + timedelta(days=1, microseconds=7)
    factories.token(users["agent"], acme, expires_at=ends)
    columns = ("expires_at", "revoked_at", "read_only", "user__time_zone", "digest")
    rows = ApiToken.objects.order_by("id").values_list(*columns)
    after = Statement(lambda at: ApiToken.objects.filter(expires_at__gt=at).values_list(*columns), "at")
    assert after(at=now) == list(rows)
    assert after(at=now)[0][0].utcoffset() == timedelta(0)
    assert after(at=ends) == []


def test_one_text_serves_every_tenant(acme, globex, system, now):
    verbs = Statement(
        lambda keys: Event.objects.filter(pk__in=one_of(keys)).values_list("id", "verb"), "keys"
    )
    keys = []
    for tenant in (acme, globex):
        with entering(tenant), atomic():
            emit(f"thing.{tenant.slug}", "thing:1", by=system, now=now, data={})
        with entering(tenant):
            keys.append(Event.objects.get(verb=f"thing.{tenant.slug}").pk)
    for tenant, key in zip((acme, globex) * 4, keys * 4, strict=True):
        with entering(tenant):
            assert verbs(keys=[*keys, uuid4()]) == [(key, f"thing.{tenant.slug}")]
            assert verbs(keys=[]) == []
    with pytest.raises(ProgrammingError):  # public has no journal of a tenant
        verbs(keys=keys)


def test_it_is_seen_by_whoever_counts_queries(users, django_assert_num_queries):
    everybody = Statement(lambda: User.objects.values_list("id"))
    everybody()
    for _ in range(5):  # prepared from the third on
        with django_assert_num_queries(1) as seen:
            everybody()
        assert "tenancy_user" in seen[0]["sql"]


def test_a_percent_sign_and_constants_stay_what_they_are(users):
    found = Statement(
        lambda name: User.objects.filter(email__contains="%", name=name).values_list(Value("100 %")), "name"
    )
    users["agent"].email = "50%@example.com"
    users["agent"].save()
    assert found(name=users["agent"].name) == [("100 %",)]
    assert found(name=users["admin"].name) == []
