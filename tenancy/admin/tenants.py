"""The customers: tenants and the segments they are in."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from tenancy import deliveries, provisioning, services
from tenancy.actors import Actor
from tenancy.admin.people import welcome
from tenancy.admin.sections import CUSTOMERS, Cleaned
from tenancy.context import PUBLIC
from tenancy.forms import (
    InviteForm,
    MoveForm,
    PurgeForm,
    SegmentChangeForm,
    SegmentForm,
    TenantChangeForm,
    TenantForm,
)
from tenancy.models import (
    Deadline,
    Delivery,
    Domain,
    Endpoint,
    Membership,
    Segment,
    SupportGrant,
    Tenant,
    TenantFlag,
)
from tenancy.states import DeliveryState, Role, TenantState
from tenancy.web.admin import Inline, Made, ModelAdmin, Verb, moment, pill, public_site
from tenancy.web.admin.who import allowed
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


def _change(row: Tenant, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    changed = services.change_tenant(
        tenant=row,
        name=cleaned["name"],
        time_zone=str(cleaned["time_zone"]),
        language=cleaned["language"],
        by=by,
        now=now,
    )
    said = _("%(name)s is changed.") if changed else _("%(name)s is as it was.")
    return said % {"name": cleaned["name"]}


def _invite(row: Tenant, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    member = services.invite_member(
        tenant=row, email=cleaned["email"], name=cleaned["name"], role=cleaned["role"], by=by, now=now
    )
    return welcome(member, now)


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


def _rename_segment(row: Segment, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    changed = services.rename_segment(segment=row, name=cleaned["name"], by=by, now=now)
    said = _("%(name)s is changed.") if changed else _("%(name)s is as it was.")
    return said % {"name": cleaned["name"]}


def _move(row: Tenant, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.move_to_segment(tenant=row, segment=cleaned["segment"], by=by, now=now)
    said = {"name": row.name, "segment": cleaned["segment"] or _("no segment")}
    return _("%(name)s is in %(segment)s now.") % said


TENANT_TONES = {TenantState.ACTIVE: "ok", TenantState.SUSPENDED: "soon", TenantState.PURGED: ""}


def _linked(what: str, query: str, text: object) -> SafeString:
    """`text` that leads to the list of `what`, filtered."""
    url = reverse(f"admin:tenancy_{what}_changelist")
    return format_html('<a class="hc-link" href="{}?{}">{}</a>', url, query, text)


def _counted(counts: Iterable[tuple[object, int]], none: object) -> SafeString | str:
    """What of it there is: "2 dead, 1 pending"; zero is not said."""
    said = [(count, label) for label, count in counts if count]
    return format_html_join(", ", "{} {}", said) if said else str(none)


class SchemaFilter(SimpleListFilter):
    """Whether a tenant's schema has the migrations of the code that runs here."""

    title = _("schema")
    parameter_name = "schema"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("behind", _("behind the code")), ("current", _("up to date"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {
            "behind": behind(),
            "current": ~behind() & ~Q(state=TenantState.PURGED),
        }
        return queryset.filter(wanted[self.value() or ""]) if self.value() in wanted else queryset


def behind() -> Q:
    """Tenants whose migrations did not end, or did not begin."""
    return ~Q(leaf_hash=provisioning.leaf_hash(shared=False)) & ~Q(state=TenantState.PURGED)


class EndpointsFilter(SimpleListFilter):
    title = _("endpoints")
    parameter_name = "endpoints"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("disabled", _("one was disabled after failing"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(deafened()) if self.value() == "disabled" else queryset


def deafened() -> Q:
    """Active tenants with an endpoint that was disabled because it failed; what people disable is their choice."""
    failed = Endpoint.objects.filter(disabled_at__isnull=False, failing_since__isnull=False)
    return Q(state=TenantState.ACTIVE, pk__in=failed.values("tenant"))


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
    list_filter = ["state", "segment", SchemaFilter, EndpointsFilter]
    list_select_related = ["segment"]
    search_fields = ["name", "slug"]
    ordering = ["name", "id"]
    fields = [
        ("name", "slug"),
        ("standing", "segment"),
        ("time_zone", "language"),
        ("people", "grants"),
        ("told", "waiting"),
        "overrides",
        ("created", "closed"),
    ]
    needs = {"people": "user.read", "grants": "grant.read", "overrides": "flag.read"}
    """The right that a field's link needs, and so the field."""
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
            button=_("Create"),
        )
    ]
    verbs = [
        Verb(
            "edit",
            _("Edit…"),
            "tenant.change",
            _change,
            TenantChangeForm,
            "edit",
            available=lambda row: row.state != TenantState.PURGED,
            button=_("Save"),
        ),
        Verb(
            "invite",
            _("Add a member…"),
            "member.change",
            _invite,
            InviteForm,
            "person_add",
            available=lambda row: row.state != TenantState.PURGED,
        ),
        Verb(
            "move",
            _("Move to segment…"),
            "segment.change",
            _move,
            MoveForm,
            "category",
            available=lambda row: row.state != TenantState.PURGED,
        ),
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

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        hidden = {name for name, action in self.needs.items() if not allowed(request, action)}
        lines = [(line,) if isinstance(line, str) else line for line in self.fields]
        seen = [tuple(name for name in line if name not in hidden) for line in lines]
        return [line for line in seen if line]

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

    @display(description=_("suspended or purged at"))
    def closed(self, row: Tenant) -> SafeString | str:
        return moment(row.purged_at or row.suspended_at)

    @display(description=_("members"))
    def people(self, row: Tenant) -> SafeString:
        roles = Membership.objects.filter(tenant=row).values_list("role").annotate(count=Count("pk"))
        counts = dict(roles.order_by())
        text = _counted(((Role(role).label, counts.get(role, 0)) for role in Role.values), _("none"))
        return _linked("membership", f"tenant__id__exact={row.pk}", text)

    @display(description=_("open support grants"))
    def grants(self, row: Tenant) -> SafeString:
        live = SupportGrant.objects.filter(tenant=row, ended_at__isnull=True, expires_at__gt=timezone.now())
        count = live.count()
        text = (
            ngettext("%(count)d open", "%(count)d open", count) % {"count": count}
            if count
            else gettext("none")
        )
        return _linked("supportgrant", f"tenant__id__exact={row.pk}", text)

    @display(description=_("deliveries"))
    def told(self, row: Tenant) -> SafeString:
        over = (DeliveryState.SENT, DeliveryState.MOOT)
        unsent = Delivery.objects.filter(tenant=row).exclude(state__in=over)
        counts = dict(unsent.values_list("state").annotate(count=Count("pk")).order_by())
        states = ((label, counts.get(state, 0)) for state, label in DeliveryState.choices)
        return _linked("delivery", f"tenant__id__exact={row.pk}", _counted(states, _("all sent")))

    @display(description=_("deadlines"))
    def waiting(self, row: Tenant) -> SafeString:
        dead = Q(dead_at__isnull=False)
        counts = Deadline.objects.filter(tenant=row).aggregate(
            waiting=Count("pk", filter=~dead), dead=Count("pk", filter=dead)
        )
        text = _counted([(_("waiting"), counts["waiting"]), (_("dead"), counts["dead"])], _("none"))
        return _linked("deadline", f"tenant__id__exact={row.pk}", text)

    @display(description=_("flags set for it"))
    def overrides(self, row: Tenant) -> SafeString | str:
        own = TenantFlag.objects.filter(tenant=row).select_related("flag").order_by("flag__key")
        switched = [
            (
                reverse("admin:tenancy_flag_change", args=[setting.flag_id]),
                setting.flag.key,
                _("on") if setting.enabled else _("off"),
            )
            for setting in own
        ]
        if not switched:
            return gettext("none: the defaults hold")
        return format_html_join(", ", '<a class="hc-link" href="{}">{}: {}</a>', switched)


class SegmentTenants(Inline):
    """The tenants of a segment."""

    model = Tenant
    verbose_name_plural = _("tenants")
    read_action = "tenant.read"
    fields = readonly_fields = ["called", "slug", "state"]
    ordering = ["name"]

    @display(description=_("name"))
    def called(self, row: Tenant) -> SafeString:
        url = reverse("admin:tenancy_tenant_change", args=[row.pk])
        return format_html('<a class="hc-link" href="{}">{}</a>', url, row.name)


@register(Segment, site=public_site)
class SegmentAdmin(ModelAdmin):
    title = _("Segments")
    icon = "category"
    section = CUSTOMERS
    read_action = "tenant.read"
    list_display = ["name", "key", "tenants"]
    search_fields = ["name", "key"]
    fields = ["key", "name"]
    inlines = [SegmentTenants]
    verbs = [Verb("edit", _("Rename…"), "segment.change", _rename_segment, SegmentChangeForm, "edit")]
    list_verbs = [
        Verb(
            "create",
            _("New segment…"),
            "segment.change",
            _create_segment,
            SegmentForm,
            "add",
            ActionVariant.PRIMARY,
            button=_("Create"),
        )
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        return super().get_queryset(request).annotate(tenant_count=Count("tenants"))

    @display(description=_("tenants"), ordering="tenant_count")
    def tenants(self, row: Any) -> SafeString:
        return _linked("tenant", f"segment__id__exact={row.pk}", row.tenant_count)
