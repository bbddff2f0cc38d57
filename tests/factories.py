"""Rows for tests. People and tokens go straight to their tables; incidents go through services, as in life."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import factory
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client
from django.utils import timezone

from tenancy import services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import ApiToken, Membership, SupportGrant, Tenant, User
from tenancy.rules import secret_digest

PASSWORD = "correct horse battery"  # every test user's
LONG_AGO = datetime(2026, 10, 1, tzinfo=UTC)


class QuickHasher(PBKDF2PasswordHasher):
    """The product's way to keep passwords, in one round: in tests nobody has to be slowed down."""

    iterations = 1


_HASH = QuickHasher().encode(PASSWORD, QuickHasher().salt())


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


def signed_in(tenant: Tenant, user: User, *, second_factor: bool = True, **headers: str) -> Client:
    """A browser on the tenant's host in which `user` gave a password, and a code unless said otherwise."""
    client = Client(headers={"host": host_of(tenant), **headers})
    with entering(tenant):
        client.force_login(user)
        session = client.session
        methods = {"password": {}, "mfa": {"type": "totp"}} if second_factor else {"password": {}}
        for method, about in methods.items():
            record_authentication(SimpleNamespace(session=session), user, method, **about)
        session.save()
    return client


def second_factor(user: User) -> str:
    """Switch a second factor on for `user` and give its secret."""
    secret = generate_totp_secret()
    services.enrol_second_factor(user=user, secret=secret, by=Actor.system("tests"), now=LONG_AGO)
    return secret


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
        last_used_on=fields.get("last_used_on", timezone.now().date()),
    )
    return secret
