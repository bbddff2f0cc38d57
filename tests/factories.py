"""Rows for tests. People and tokens go straight to their tables; incidents go through services, as in life."""

from datetime import UTC, datetime, timedelta
from typing import Any

import factory
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from tenancy.models import ApiToken, Membership, SupportGrant, Tenant, User
from tenancy.rules import secret_digest

PASSWORD = "correct horse battery"  # every test user's
LONG_AGO = datetime(2026, 10, 1, tzinfo=UTC)
_HASH = make_password(PASSWORD)


def host_of(tenant: Tenant) -> str:
    return settings.BASE_HOST if tenant.schema_name == "public" else f"{tenant.slug}.{settings.BASE_HOST}"


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")
    language = "en"
    password = _HASH
    created_at = LONG_AGO


class MembershipFactory(factory.django.DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    role = "agent"
    created_at = LONG_AGO


class GrantFactory(factory.django.DjangoModelFactory[SupportGrant]):
    class Meta:
        model = SupportGrant

    user = factory.SubFactory(UserFactory, staff_role="support")
    reason = "Customer cannot sign in"
    ticket = "OPS-1"
    opened_by = factory.SelfAttribute("user")
    opened_at = factory.LazyFunction(timezone.now)
    expires_at = factory.LazyAttribute(lambda grant: grant.opened_at + timedelta(minutes=30))


def member(tenant: Tenant, role: str, **fields: Any) -> User:
    user: User = UserFactory(**fields)
    MembershipFactory(user=user, tenant=tenant, role=role)
    return user


def token(user: User, tenant: Tenant, *, read_only: bool = False, **fields: Any) -> str:
    """A working token of `user` in `tenant`, as a script would send it."""
    count = ApiToken.objects.count()
    secret = f"hc_test{count:06}_{'x' * 43}"
    ApiToken.objects.create(
        user=user,
        tenant=tenant,
        name="test",
        prefix=secret.split("_")[1],
        digest=secret_digest(secret),
        read_only=read_only,
        created_at=fields.get("created_at", LONG_AGO),
        expires_at=fields.get("expires_at", timezone.now() + timedelta(days=30)),
        revoked_at=fields.get("revoked_at"),
    )
    return secret
