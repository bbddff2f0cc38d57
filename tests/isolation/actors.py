"""Everybody who may come to a tenant's host or to the public one, with a session or a token each.

Nobody signs in during the walk: sessions and tokens are made once, as sign-in makes them.
"""

from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from tenancy import services
from tenancy.models import Tenant, User
from tests import factories
from tests.isolation.asking import Visitor
from tests.isolation.world import ROLES, SYSTEM, Part, session_cookie

UNKNOWN = "nobody.localhost"
STAFF_ROLES = ("support", "release", "platform")


def own(part: Part, *kinds: str) -> tuple[str, ...]:
    """What somebody of the tenant sees: the shown project, names, and shared rows of their own."""
    return tuple(f"{part.tenant.slug}-{kind}" for kind in (*kinds, "shown", "name", "person", "shared"))


def both(visitor: Visitor, tenant: Tenant, user: User) -> list[Visitor]:
    """By token and by session."""
    return [
        replace(visitor, name=f"{visitor.name} by token", token=factories.token(user, tenant)),
        replace(visitor, name=f"{visitor.name} by session", cookie=session_cookie(tenant, user)),
    ]


def insiders(part: Part) -> list[Visitor]:
    """The members of the shown project, and who is a member of other tenants too, as another role."""
    here = Visitor("", part.host, may_see=own(part), inside=True)
    found = []
    for role in ROLES:
        who = replace(here, name=role, internal=role != "customer")
        found += both(who, part.tenant, part.people[role])
    shared = User.objects.get(email="shared@everywhere.example")
    return found + both(replace(here, name="member of three"), part.tenant, shared)


def granted(part: Part) -> list[Visitor]:
    """Staff whose grant opens the tenant: all of its projects."""
    here = Visitor("", part.host, may_see=own(part, "hidden"), inside=True)
    return [
        visitor
        for name, writes in (("read grant", False), ("write grant", True))
        for visitor in both(replace(here, name=name), part.tenant, _under_grant(part.tenant, writes=writes))
    ]


def _under_grant(tenant: Tenant, *, writes: bool, minutes_ago: int = 0) -> User:
    user: User = factories.UserFactory(staff_role="support")
    begun = timezone.now() - timedelta(minutes=minutes_ago)
    services.open_grant(
        user=user,
        tenant=tenant,
        reason="walk",
        ticket="OPS-1",
        minutes=60,
        writes=writes,
        by=SYSTEM,
        now=begun,
    )
    return user


def strangers(part: Part, other: Part, public: Tenant) -> list[Visitor]:
    """Those whom this tenant tells nothing but its name."""
    tenant = part.tenant
    here = Visitor("", part.host, may_see=(f"{tenant.slug}-name",))
    shared = User.objects.get(email="shared@everywhere.example")
    admin, foreign = part.people["admin"], other.people["admin"]
    staff = factories.UserFactory(staff_role="platform")
    ended = factories.token(admin, tenant, expires_at=timezone.now() - timedelta(days=1))
    revoked = factories.token(admin, tenant, revoked_at=timezone.now())
    nobody = replace(here, host=UNKNOWN, may_see=())
    leaver = factories.member(tenant, "admin")
    gone = both(replace(here, name="deactivated admin"), tenant, leaver)
    services.deactivate_user(user=leaver, reason="walk", by=SYSTEM, now=timezone.now())
    return [
        replace(here, name="anonymous"),
        replace(here, name="garbage token", token="hc_nothing_here"),
        replace(here, name="ended token", token=ended),
        replace(here, name="revoked token", token=revoked),
        *gone,
        *both(replace(here, name="other tenant's admin"), other.tenant, foreign),
        *both(replace(here, name="member of three, of another one"), other.tenant, shared),
        replace(nobody, name="anonymous on an unknown host"),
        *both(replace(nobody, name="own admin on an unknown host"), tenant, admin),
        *both(replace(here, name="staff, of the public host"), public, staff),
        *both(
            replace(here, name="staff without a grant"), tenant, factories.UserFactory(staff_role="support")
        ),
        replace(
            here,
            name="read grant, without a second factor",
            cookie=session_cookie(tenant, _under_grant(tenant, writes=False), second_factor=False),
        ),
        *both(replace(here, name="platform staff without a grant"), tenant, staff),
        *both(
            replace(here, name="expired grant"), tenant, _under_grant(tenant, writes=True, minutes_ago=120)
        ),
    ]


def on_public(parts: dict[str, Part], public: Tenant) -> list[Visitor]:
    """Who comes to the public host: staff by role, and those to whom it tells nothing."""
    here = Visitor("", factories.host_of(public))
    part = parts["acme"]
    found = [
        replace(here, name="anonymous"),
        *both(replace(here, name="a tenant's admin"), part.tenant, part.people["admin"]),
        # The sign-in page says who one is.
        *both(
            replace(here, name="a tenant's admin, signed in here", may_see=("acme-person",)),
            public,
            part.people["admin"],
        ),
    ]
    one_factor = factories.UserFactory(staff_role="platform")
    cookie = session_cookie(public, one_factor, second_factor=False)
    found.append(replace(here, name="platform staff without a second factor", cookie=cookie))
    for role in STAFF_ROLES:
        kinds = ("name", "shared", "person") if role == "platform" else ("name", "shared")
        see = (*(f"{slug}-{kind}" for slug in parts for kind in kinds), "public-shared")
        staff = factories.UserFactory(staff_role=role)
        found += both(replace(here, name=f"{role} staff", may_see=see, inside=True), public, staff)
    return found
