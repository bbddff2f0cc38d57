"""The customers: tenants and the segments they are in."""

from datetime import datetime
from typing import Any

from django.contrib.admin import display, register
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from tenancy import deliveries, services
from tenancy.actors import Actor
from tenancy.admin.sections import CUSTOMERS, Cleaned
from tenancy.context import PUBLIC
from tenancy.forms import MoveForm, PurgeForm, SegmentForm, TenantForm
from tenancy.models import Domain, Segment, Tenant
from tenancy.states import TenantState
from tenancy.web.admin import Inline, Made, ModelAdmin, Verb, moment, pill, public_site
from tenancy.web.forms import ReasonForm


def _create_tenant(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    tenant = services.create_tenant(
        slug=cleaned["slug"],
        name=cleaned["name"],
        time_zone=str(cleaned["time_zone"]),
        language=cleaned["language"],
        segment=cleaned["segment"],
        by=by,
        now=now,
    )
    said = _("%(name)s is ready at %(url)s.") % {"name": tenant.name, "url": deliveries.base_url(tenant)}
    return Made(said, tenant)


def _suspend(row: Tenant, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.suspend_tenant(tenant=row, reason=cleaned["reason"], by=by, now=now)
    return _("%(name)s is suspended: its host is closed, its data stays.") % {"name": row.name}


def _resume(row: Tenant, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.resume_tenant(tenant=row, reason=cleaned["reason"], by=by, now=now)
    return _("%(name)s is open again.") % {"name": row.name}


def _purge(row: Tenant, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.purge_tenant(tenant=row, typed_slug=cleaned["typed_slug"], by=by, now=now)
    return _("%(name)s is purged.") % {"name": row.name}


def _create_segment(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    segment = services.create_segment(key=cleaned["key"], name=cleaned["name"], by=by, now=now)
    return Made(_("%(name)s is there; it holds no tenant yet.") % {"name": segment.name}, segment)


def _move(row: Tenant, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.move_to_segment(tenant=row, segment=cleaned["segment"], by=by, now=now)
    said = {"name": row.name, "segment": cleaned["segment"] or _("no segment")}
    return _("%(name)s is in %(segment)s now.") % said


TENANT_TONES = {TenantState.ACTIVE: "ok", TenantState.SUSPENDED: "soon", TenantState.PURGED: ""}


class DomainInline(Inline):
    model = Domain
    read_action = "tenant.read"
    fields = readonly_fields = ["host", "primary"]

    @display(description=_("domain"))
    def host(self, row: Domain) -> str:
        return str(row.domain)

    @display(description=_("primary"), boolean=True)
    def primary(self, row: Domain) -> bool:
        return bool(row.is_primary)


@register(Tenant, site=public_site)
class TenantAdmin(ModelAdmin):
    title = _("Tenants")
    icon = "apartment"
    section = CUSTOMERS
    read_action = "tenant.read"
    list_display = ["name", "slug", "standing", "segment", "members", "created"]
    list_filter = ["state", "segment"]
    list_select_related = ["segment"]
    search_fields = ["name", "slug"]
    fields = [
        ("name", "slug"),
        ("standing", "segment"),
        ("time_zone", "language"),
        ("created_at", "suspended_at", "purged_at"),
    ]
    inlines = [DomainInline]
    list_verbs = [
        Verb(
            "create",
            _("New tenant…"),
            "tenant.change",
            _create_tenant,
            TenantForm,
            "add",
            ActionVariant.PRIMARY,
        )
    ]
    verbs = [
        Verb("move", _("Move to segment…"), "segment.change", _move, MoveForm, "category"),
        Verb(
            "suspend",
            _("Suspend…"),
            "tenant.change",
            _suspend,
            ReasonForm,
            "pause",
            ActionVariant.WARNING,
            _("Its host answers nobody, nothing is swept or sent. Its data stays, and it can be resumed."),
            lambda row: row.state == TenantState.ACTIVE,
        ),
        Verb(
            "resume",
            _("Resume…"),
            "tenant.change",
            _resume,
            ReasonForm,
            "play_arrow",
            ActionVariant.PRIMARY,
            "",
            lambda row: row.state == TenantState.SUSPENDED,
        ),
        Verb(
            "purge",
            _("Purge…"),
            "tenant.change",
            _purge,
            PurgeForm,
            "delete_forever",
            ActionVariant.DANGER,
            _(
                "Its schema is dropped and people who belong nowhere else are erased. Only a backup brings it back."
            ),
            lambda row: row.state == TenantState.SUSPENDED,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        counted = super().get_queryset(request).exclude(schema_name=PUBLIC)
        return counted.annotate(member_count=Count("memberships"))

    @display(description=_("state"), ordering="state")
    def standing(self, row: Tenant) -> SafeString:
        return pill(row.get_state_display(), TENANT_TONES[TenantState(row.state)])

    @display(description=_("members"), ordering="member_count")
    def members(self, row: Any) -> int:
        count: int = row.member_count
        return count

    @display(description=_("created at"), ordering="created_at")
    def created(self, row: Tenant) -> SafeString | str:
        return moment(row.created_at)


@register(Segment, site=public_site)
class SegmentAdmin(ModelAdmin):
    title = _("Segments")
    icon = "category"
    section = CUSTOMERS
    read_action = "tenant.read"
    list_display = ["name", "key", "tenants"]
    search_fields = ["name", "key"]
    fields = ["key", "name"]
    list_verbs = [
        Verb(
            "create",
            _("New segment…"),
            "segment.change",
            _create_segment,
            SegmentForm,
            "add",
            ActionVariant.PRIMARY,
        )
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        return super().get_queryset(request).annotate(tenant_count=Count("tenants"))

    @display(description=_("tenants"), ordering="tenant_count")
    def tenants(self, row: Any) -> int:
        count: int = row.tenant_count
        return count
