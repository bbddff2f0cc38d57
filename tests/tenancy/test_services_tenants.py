"""A tenant's life."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection

from tenancy import hosts, services
from tenancy.actors import Actor
from tenancy.chains import verify
from tenancy.context import PUBLIC, entering
from tenancy.errors import Conflict, Invalid, NotAllowed
from tenancy.models import (
    ApiToken,
    Deadline,
    Delivery,
    Domain,
    Membership,
    OperatorEvent,
    Segment,
    Session,
    SpareSchema,
    SupportGrant,
    Tenant,
    TenantFlag,
    User,
)
from tenancy.states import Role, StaffRole, TenantState
from tests import factories

pytestmark = pytest.mark.django_db


def schema_exists(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [name])
        return bool(cursor.fetchone()[0])


def verbs_of(tenant):
    return list(OperatorEvent.objects.filter(subject=f"tenant:{tenant.pk}").values_list("verb", flat=True))


def test_a_new_tenant_has_a_schema_a_host_and_a_line_in_the_operators_journal(tenants, system, now):
    segment = Segment.objects.create(key="early", name="Early")
    made = services.create_tenant(
        slug="new-one", name="  New One ", by=system, now=now, time_zone="UTC", language="en", segment=segment
    )
    stored = Tenant.objects.get(pk=made.pk)
    assert (stored.schema_name, stored.name, stored.state) == ("t_new_one", "New One", TenantState.ACTIVE)
    assert stored.leaf_hash
    assert stored.leaf_hash == tenants["acme"].leaf_hash
    assert stored.segment == segment
    assert schema_exists("t_new_one")
    assert hosts.find(f"new-one.{settings.BASE_HOST}") == stored
    assert verbs_of(made) == ["tenant.created"]
    with entering(stored):
        assert verify("t_new_one") == 0


@pytest.mark.parametrize(
    "slug", ["public", "www", "admin", "api", "static", "localhost", "ab", "Acme", "a_b", "1ab", "a-", ""]
)
def test_a_slug_that_cannot_be_is_refused_and_named(db, system, now, slug):
    before = Tenant.objects.count()
    with pytest.raises(Invalid) as refused:
        services.create_tenant(slug=slug, name="X", by=system, now=now)
    assert list(refused.value.fields) == ["slug"]
    assert Tenant.objects.count() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", " "), ("name", "x" * 121), ("name", "a\0b"), ("time_zone", "Mars/Base"), ("language", "de")],
)
def test_a_wrong_field_of_a_new_tenant_is_named(db, system, now, field, value):
    given = {"slug": "fine", "name": "Fine"} | {field: value}
    with pytest.raises(Invalid) as refused:
        services.create_tenant(**given, by=system, now=now)
    assert list(refused.value.fields) == [field]


def test_a_slug_in_use_is_a_conflict_that_spends_no_spare(tenants, system, now):
    spares = SpareSchema.objects.count()
    with pytest.raises(Conflict, match="slug"):
        services.create_tenant(slug="acme", name="Another", by=system, now=now)
    assert SpareSchema.objects.count() == spares
    assert Domain.objects.filter(domain=f"acme.{settings.BASE_HOST}").count() == 1


@pytest.mark.parametrize(
    "by", [Actor.staff(1, StaffRole.SUPPORT), Actor.staff(1, StaffRole.RELEASE), Actor.member(1, Role.ADMIN)]
)
def test_only_the_platform_changes_tenants(acme, now, by):
    verbs = [
        lambda: services.create_tenant(slug="mine", name="Mine", by=by, now=now),
        lambda: services.suspend_tenant(tenant=acme, reason="r", by=by, now=now),
        lambda: services.resume_tenant(tenant=acme, reason="r", by=by, now=now),
        lambda: services.purge_tenant(tenant=acme, typed_slug="acme", by=by, now=now),
    ]
    for verb in verbs:
        with pytest.raises(NotAllowed):
            verb()
    acme.refresh_from_db()
    assert acme.state == TenantState.ACTIVE


def test_suspending_and_resuming(acme, now):
    by = Actor.staff(factories.UserFactory(staff_role="platform").pk, StaffRole.PLATFORM)
    services.suspend_tenant(tenant=acme, reason="unpaid", by=by, now=now)
    acme.refresh_from_db()
    assert (acme.state, acme.suspended_at) == (TenantState.SUSPENDED, now)
    with pytest.raises(Conflict) as again:
        services.suspend_tenant(tenant=acme, reason="unpaid", by=by, now=now)
    assert (again.value.state, again.value.legal_moves) == ("suspended", ("active", "purged"))
    services.resume_tenant(tenant=acme, reason="paid", by=by, now=now)
    acme.refresh_from_db()
    assert (acme.state, acme.suspended_at) == (TenantState.ACTIVE, None)
    with pytest.raises(Conflict):
        services.resume_tenant(tenant=acme, reason="paid", by=by, now=now)
    assert verbs_of(acme)[-2:] == ["tenant.suspended", "tenant.resumed"]


def test_a_reason_is_due(acme, system, now):
    with pytest.raises(Invalid) as refused:
        services.suspend_tenant(tenant=acme, reason="  ", by=system, now=now)
    assert list(refused.value.fields) == ["reason"]


def test_the_operations_console_is_neither_suspended_nor_purged(public, system, now):
    with pytest.raises(Invalid):
        services.suspend_tenant(tenant=public, reason="r", by=system, now=now)
    with pytest.raises(Invalid):
        services.purge_tenant(tenant=public, typed_slug="public", by=system, now=now)


def test_the_public_tenant_is_made_once(public, now):
    assert services.ensure_public_tenant(now) == public
    assert Domain.objects.filter(tenant=public).count() == 1


def test_purging_takes_everything_but_a_tombstone(acme, globex, system, now):
    lonely = factories.member(acme, "agent", email="lonely@example.com", name="Lonely")
    both = factories.member(acme, "agent")
    factories.MembershipFactory(user=both, tenant=globex, role="agent")
    one_of_us = factories.UserFactory(staff_role="support")
    factories.GrantFactory(user=one_of_us, tenant=acme)
    factories.token(lonely, acme)
    services.set_flag(
        flag_key="project_scope_enabled", tenant=acme, enabled=False, reason="r", by=system, now=now
    )
    Session.objects.create(session_key="k" * 32, session_data="", expire_date=now + timedelta(1), tenant=acme)
    Deadline.objects.create(tenant=acme, kind="k", subject="s:1", due_at=now, wake_at=now)
    services.suspend_tenant(tenant=acme, reason="over", by=system, now=now)

    services.purge_tenant(tenant=acme, typed_slug="acme", by=system, now=now)

    stone = Tenant.objects.get(pk=acme.pk)
    assert (stone.state, stone.purged_at) == (TenantState.PURGED, now)
    assert stone.slug.startswith(f"purged-{acme.pk}-acme")
    assert not schema_exists("t_acme")
    for model in (Domain, Membership, ApiToken, Session, SupportGrant, TenantFlag, Deadline, Delivery):
        assert not model.objects.filter(tenant=stone).exists(), model
    lonely.refresh_from_db()
    assert (lonely.is_active, lonely.name, lonely.anonymised_at) == (False, "", now)
    assert "lonely" not in lonely.email
    both.refresh_from_db()
    one_of_us.refresh_from_db()
    assert both.is_active
    assert one_of_us.is_active
    assert hosts.find(f"acme.{settings.BASE_HOST}") is None
    assert verbs_of(acme)[-1] == "tenant.purged"
    assert OperatorEvent.objects.filter(verb="user.anonymised", subject=f"user:{lonely.pk}").exists()
    again = services.create_tenant(slug="acme", name="Acme again", by=system, now=now)
    assert again.pk != stone.pk
    assert not User.objects.filter(memberships__tenant=again).exists()
    verify(PUBLIC)


def test_purging_needs_the_slug_typed_and_a_suspended_tenant(acme, system, now):
    with pytest.raises(Conflict) as refused:
        services.purge_tenant(tenant=acme, typed_slug="acme", by=system, now=now)
    assert refused.value.legal_moves == ("suspended",)
    services.suspend_tenant(tenant=acme, reason="over", by=system, now=now)
    with pytest.raises(Invalid) as mistyped:
        services.purge_tenant(tenant=acme, typed_slug="Acme", by=system, now=now)
    assert list(mistyped.value.fields) == ["typed_slug"]
    assert schema_exists("t_acme")
    assert Domain.objects.filter(tenant=acme).exists()


def test_a_purged_tenant_stays_purged(acme, system, now):
    services.suspend_tenant(tenant=acme, reason="over", by=system, now=now)
    services.purge_tenant(tenant=acme, typed_slug="acme", by=system, now=now)
    stone = Tenant.objects.get(pk=acme.pk)
    for verb in (services.resume_tenant, services.suspend_tenant):
        with pytest.raises(Conflict):
            verb(tenant=stone, reason="r", by=system, now=now)
    with pytest.raises(Conflict):
        services.purge_tenant(tenant=stone, typed_slug=stone.slug, by=system, now=now)


def test_a_segment_is_made_once_and_tenants_move_between_segments(acme, system, now):
    early = services.create_segment(key="early", name="Early adopters", by=system, now=now)
    services.move_to_segment(tenant=acme, segment=early, by=system, now=now)
    acme.refresh_from_db()
    assert acme.segment == early
    assert OperatorEvent.objects.get(verb="tenant.moved").data == {"segment": [None, "early"]}
    services.move_to_segment(tenant=acme, segment=None, by=system, now=now)
    acme.refresh_from_db()
    assert acme.segment is None


@pytest.mark.parametrize(
    ("key", "name", "field"), [("", "x", "key"), ("a b", "x", "key"), ("ok", " ", "name")]
)
def test_a_segment_needs_a_key_and_a_name(db, system, now, key, name, field):
    with pytest.raises(Invalid) as refused:
        services.create_segment(key=key, name=name, by=system, now=now)
    assert field in refused.value.fields


def test_segments_are_refused_twice_in_the_same_place_and_to_others(acme, public, users, system, now):
    early = services.create_segment(key="early", name="Early adopters", by=system, now=now)
    services.move_to_segment(tenant=acme, segment=early, by=system, now=now)
    with pytest.raises(Conflict):
        services.create_segment(key="early", name="Again", by=system, now=now)
    with pytest.raises(Conflict):
        services.move_to_segment(tenant=acme, segment=early, by=system, now=now)
    with pytest.raises(Invalid):
        services.move_to_segment(tenant=public, segment=early, by=system, now=now)
    for role in (StaffRole.SUPPORT, StaffRole.RELEASE):
        by = Actor.staff(users[role].pk, role)
        with pytest.raises(NotAllowed):
            services.create_segment(key="mine", name="Mine", by=by, now=now)
        with pytest.raises(NotAllowed):
            services.move_to_segment(tenant=acme, segment=None, by=by, now=now)
