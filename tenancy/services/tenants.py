"""A tenant's life: created, suspended, resumed, purged. All of it is in the operators' journal."""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from tenancy import flags, hosts, provisioning
from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict, Invalid, NotFound
from tenancy.models import (
    ApiToken,
    Deadline,
    Delivery,
    Domain,
    Membership,
    Segment,
    Session,
    SupportGrant,
    Tenant,
    TenantFlag,
    User,
)
from tenancy.permissions import require
from tenancy.rules import SLUG, schema_of
from tenancy.services import guards
from tenancy.services.people import erase
from tenancy.states import TENANT_MOVES, Language, TenantState
from tenancy.transactions import atomic, emit

RESERVED = frozenset({"public", "www", "admin", "api", "static", "localhost"})
# What names a purged tenant; its journal of what happened to it lives on in the operators'.
_LEFTOVERS: list[type[Model]] = [
    *(Domain, Membership, ApiToken, Session, SupportGrant, TenantFlag, Deadline, Delivery)
]


def register_leftovers(*models: type[Model]) -> None:
    """Have `purge_tenant` delete a tenant's rows of `models`, by their `tenant`, too; for AppConfig.ready()."""
    _LEFTOVERS.extend(models)


def create_tenant(
    *,
    slug: str,
    name: str,
    by: Actor,
    now: datetime,
    time_zone: str = "Europe/Istanbul",
    language: str = Language.TURKISH,
    segment: Segment | None = None,
) -> Tenant:
    """Make a tenant with a schema of its own and the host `<slug>.<BASE_HOST>`, in one transaction.

    Raises NotAllowed, Invalid for a slug, name, zone or language that cannot be, Conflict for a slug in use.
    """
    require(by, "tenant.change")
    if not SLUG.fullmatch(slug) or slug in RESERVED:
        why = _("3 to 40 of a-z, 0-9 and hyphen, starting with a letter; not a reserved name.")
        raise Invalid(_("This slug cannot be used."), fields={"slug": [why]})
    tenant = Tenant(
        slug=slug,
        schema_name=schema_of(slug),
        name=guards.text(name, "name", longest=120),
        time_zone=guards.zone(time_zone),
        language=guards.choice(language, "language", Language.values),
        segment=segment,
        created_at=now,
    )
    with atomic():
        try:
            with atomic():
                tenant.save_base(force_insert=True)
                Domain.objects.bulk_create([Domain(tenant=tenant, domain=f"{slug}.{settings.BASE_HOST}")])
        except IntegrityError as error:
            raise Conflict(_("There is a tenant with this slug already."), code="slug_taken") from error
        tenant.leaf_hash = provisioning.claim(tenant.schema_name)
        Tenant.objects.filter(pk=tenant.pk).update(leaf_hash=tenant.leaf_hash)
        emit("tenant.created", tenant, by=by, now=now, data={"slug": slug}, schema=PUBLIC)
        hosts.forget()
    return tenant


def change_tenant(
    *, tenant: Tenant, name: str, time_zone: str, language: str, by: Actor, now: datetime
) -> bool:
    """Give a tenant another name, time zone or language; slug and host stay. False when it has all of these already.

    Raises NotAllowed, Invalid for what cannot be, Conflict when it is purged, or not as `tenant` says any more.
    """
    require(by, "tenant.change")
    guards.customer(tenant)
    wanted = {
        "name": guards.text(name, "name", longest=120),
        "time_zone": guards.zone(time_zone),
        "language": guards.choice(language, "language", Language.values),
    }
    with atomic():
        old = Tenant.objects.select_for_update().get(pk=tenant.pk)
        if old.state == TenantState.PURGED:
            raise _elsewhere(tenant)
        changed = guards.changes(old, tenant, wanted)
        if not changed:
            return False
        Tenant.objects.filter(pk=old.pk).update(**changed)
        data = {name: [str(getattr(old, name)), value] for name, value in changed.items()}
        emit("tenant.changed", old, by=by, now=now, data=data, schema=PUBLIC)
        hosts.forget()
    return True


def ensure_public_tenant(now: datetime) -> Tenant:
    """The row and the host that stand for the operations console; made if missing."""
    with atomic():
        tenant: Tenant = Tenant.objects.get_or_create(
            schema_name=PUBLIC,
            defaults={"slug": PUBLIC, "name": "Operations", "language": Language.ENGLISH, "created_at": now},
        )[0]
        Domain.objects.get_or_create(domain=settings.BASE_HOST, defaults={"tenant": tenant})
        hosts.forget()
    return tenant


def suspend_tenant(*, tenant: Tenant, reason: str, by: Actor, now: datetime) -> None:
    """Close the tenant's host: nobody signs in, nothing is swept or sent. Its data stays.

    Raises NotAllowed, Invalid without a reason or for the operations console, Conflict unless it is active.
    """
    require(by, "tenant.change")
    guards.customer(tenant)
    data = {"reason": guards.text(reason, "reason", longest=500)}
    with atomic():
        active = Tenant.objects.filter(pk=tenant.pk, state=TenantState.ACTIVE)
        if not active.update(state=TenantState.SUSPENDED, suspended_at=now):
            raise _elsewhere(tenant)
        emit("tenant.suspended", tenant, by=by, now=now, data=data, schema=PUBLIC)
        hosts.forget()


def resume_tenant(*, tenant: Tenant, reason: str, by: Actor, now: datetime) -> None:
    """Open a suspended tenant again.

    Raises NotAllowed, Invalid without a reason, Conflict unless it is suspended.
    """
    require(by, "tenant.change")
    data = {"reason": guards.text(reason, "reason", longest=500)}
    with atomic():
        suspended = Tenant.objects.filter(pk=tenant.pk, state=TenantState.SUSPENDED)
        if not suspended.update(state=TenantState.ACTIVE, suspended_at=None):
            raise _elsewhere(tenant)
        emit("tenant.resumed", tenant, by=by, now=now, data=data, schema=PUBLIC)
        hosts.forget()


def purge_tenant(*, tenant: Tenant, typed_slug: str, by: Actor, now: datetime) -> None:
    """Drop a suspended tenant's schema and everything that names it; people who were nowhere else are erased.

    The row stays as a tombstone and frees its slug. Nothing brings the data back but a backup.
    Raises NotAllowed, Invalid when `typed_slug` is not the tenant's, Conflict unless it is suspended.
    """
    require(by, "tenant.change")
    guards.customer(tenant)
    with atomic():
        old = Tenant.objects.select_for_update().filter(pk=tenant.pk).first()
        if old is None or old.state != TenantState.SUSPENDED:
            raise _elsewhere(tenant)
        if typed_slug != old.slug:
            why = _("Type the slug of the tenant that is to be purged.")
            raise Invalid(_("The slug does not match."), fields={"typed_slug": [why]})
        here = Membership.objects.filter(tenant=old).values("user")
        elsewhere = Membership.objects.exclude(tenant=old).values("user")
        lost = User.objects.filter(pk__in=here, staff_role="").exclude(pk__in=elsewhere)
        lost_ids = sorted(lost.values_list("pk", flat=True))
        for model in _LEFTOVERS:
            model._default_manager.filter(tenant=old).delete()
        provisioning.drop_schema(old.schema_name)
        Tenant.objects.filter(pk=old.pk, state=TenantState.SUSPENDED).update(
            state=TenantState.PURGED,
            purged_at=now,
            slug=f"purged-{old.pk}-{old.slug}"[:40],
            schema_name=f"purged_{old.pk}",
            leaf_hash="",
        )
        erase(lost_ids, by=by, now=now)
        data = {"slug": old.slug, "people_erased": len(lost_ids)}
        emit("tenant.purged", old, by=by, now=now, data=data, schema=PUBLIC)
        hosts.forget()
        transaction.on_commit(flags.refresh, robust=True)


def _elsewhere(tenant: Tenant) -> Conflict | NotFound:
    """What to raise when a tenant is not in the state that a verb leaves."""
    state = Tenant.objects.filter(pk=tenant.pk).values_list("state", flat=True).first()
    if state is None:
        return NotFound(_("There is no such tenant."))
    message = _("The tenant is %(state)s.") % {"state": TenantState(state).label}
    return Conflict(message, state=state, legal_moves=TENANT_MOVES[state])
