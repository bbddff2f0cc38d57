"""A token, its user and their role in one query: what opens, what does not, and that nothing is remembered."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenancy import services
from tenancy.access import Denied, bearer, resolve
from tenancy.actors import Actor
from tenancy.models import ApiToken, Membership, SupportGrant, User
from tenancy.rules import secret_digest
from tenancy.states import Role
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(acme):
    """What the secret opens in a tenant (acme), and how many queries that took."""

    def found(secret, tenant=None, now=None):
        given = {"digest": secret_digest(secret), "now": now or timezone.now()}
        with CaptureQueriesContext(connection) as seen:
            answer = bearer(secret.split("_")[1], tenant or acme, **given)
        found.queries = sum("SET search_path" not in query["sql"] for query in seen)
        return answer

    return found


@pytest.mark.parametrize("role", ["customer", "agent", "manager", "admin"])
def test_a_member_is_found_whole_in_one_query(acme, users, ask, role):
    answer = ask(factories.token(users[role], acme, read_only=role == "agent"))
    assert ask.queries == 1
    assert answer.access == Actor.member(users[role].pk, Role(role))
    assert answer.access == resolve(users[role], acme, now=timezone.now())
    for made, row in ((answer.token, ApiToken.objects.get()), (answer.token.user, users[role])):
        row.refresh_from_db()
        columns = [field.attname for field in row._meta.concrete_fields]
        assert {name: getattr(made, name) for name in columns} == {
            name: getattr(row, name) for name in columns
        }
        assert made.get_deferred_fields() == set()
        assert made._state.db == "default"
        assert not made._state.adding


def test_a_role_elsewhere_is_none_here(acme, globex, users, ask):
    stranger = factories.member(globex, "admin")
    assert ask(factories.token(stranger, acme)).access == Denied("no_membership")
    factories.MembershipFactory(user=users["customer"], tenant=globex, role="admin")
    assert ask(factories.token(users["customer"], acme)).access == Actor.member(
        users["customer"].pk, Role.CUSTOMER
    )


def test_another_tenants_token_a_wrong_secret_and_a_prefix_alone_open_nothing(acme, globex, users, ask):
    secret = factories.token(users["support"], acme)
    factories.GrantFactory(user=users["support"], tenant=acme)
    assert ask(secret, globex) is None
    assert ask(secret[:-1] + "y") is None
    assert ask.queries == 1, "what the user may is not asked before the secret is known to be right"


def test_the_moment_a_token_ends_it_is_none(acme, users, ask, now):
    secret = factories.token(users["agent"], acme, expires_at=now + timedelta(hours=1))
    assert ask(secret, now=now + timedelta(hours=1, microseconds=-1))
    assert ask(secret, now=now + timedelta(hours=1)) is None


def test_every_change_holds_from_the_next_request_on(acme, users, ask):
    user = users["agent"]
    secret = factories.token(user, acme)
    assert ask(secret).access == Actor.member(user.pk, Role.AGENT)
    Membership.objects.filter(user=user).update(role="manager")
    assert ask(secret).access == Actor.member(user.pk, Role.MANAGER)
    Membership.objects.filter(user=user).delete()
    assert ask(secret).access == Denied("no_membership")
    factories.MembershipFactory(user=user, tenant=acme, role="customer")
    assert ask(secret).access == Actor.member(user.pk, Role.CUSTOMER)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert ask(secret) is None
    User.objects.filter(pk=user.pk).update(is_active=True)
    ApiToken.objects.update(revoked_at=timezone.now())
    assert ask(secret) is None


def test_one_of_us_needs_a_live_grant(acme, users, ask):
    user = users["support"]
    secret = factories.token(user, acme)
    assert ask(secret).access == Denied("no_grant")
    grant = factories.GrantFactory(user=user, tenant=acme)
    assert ask(secret).access == Actor.support(user.pk, grant_id=grant.pk, writes=False)
    SupportGrant.objects.update(writes=True)
    assert ask(secret).access == Actor.support(user.pk, grant_id=grant.pk, writes=True)
    assert ask(secret, now=grant.expires_at).access == Denied("grant_expired")
    SupportGrant.objects.update(ended_at=timezone.now())
    assert ask(secret).access == Denied("grant_expired")


def test_on_the_public_host_staff_are_staff_and_members_nobody(public, acme, users, ask):
    factories.GrantFactory(user=users["release"], tenant=acme)
    secret = factories.token(users["release"], public)
    assert ask(secret, public).access == resolve(users["release"], public, now=timezone.now())
    assert ask.queries == 1
    assert ask(factories.token(users["admin"], public), public).access == Denied("not_staff")


def test_a_suspended_tenant_answers_no_token(acme, users, api, system, now):
    client = api(acme, users["admin"])
    assert client.get("/api/v1/me").status_code == 200
    services.suspend_tenant(tenant=acme, reason="r", by=system, now=now)
    with CaptureQueriesContext(connection) as seen:
        assert client.get("/api/v1/me").status_code == 503
    assert not any("tenancy_apitoken" in query["sql"] for query in seen)
