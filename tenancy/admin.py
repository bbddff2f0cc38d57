"""The consoles' pages about tenants and people, flags, and what waits, is told and is recorded."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_celery_beat.models import PeriodicTask
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from tenancy import deadlines, deliveries, services
from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_tenant
from tenancy.errors import Conflict
from tenancy.forms import (
    GrantForm,
    MembershipForm,
    MoveForm,
    PersonForm,
    PurgeForm,
    RoleForm,
    SegmentFlagForm,
    SegmentForm,
    TenantFlagForm,
    TenantForm,
)
from tenancy.journal.models import Event
from tenancy.models import (
    Deadline,
    Delivery,
    Domain,
    Flag,
    Membership,
    OperatorEvent,
    Segment,
    SupportGrant,
    Tenant,
    TenantFlag,
    User,
)
from tenancy.states import DeliveryState, Role, TenantState
from tenancy.web.admin import (
    Inline,
    Made,
    ModelAdmin,
    Verb,
    moment,
    pill,
    public_site,
    tenant_site,
)
from tenancy.web.forms import ReasonForm

CUSTOMERS = _("Customers")
MACHINERY = _("Machinery")
PEOPLE = _("People")
RECORDS = _("Records")
RELEASE = _("Release")

Cleaned = Mapping[str, Any]


# ---- tenants --------------------------------------------------------------------------------------------------


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


# ---- people ---------------------------------------------------------------------------------------------------


def _create_user(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    user = services.create_user(
        email=cleaned["email"],
        name=cleaned["name"],
        password=cleaned["password"],
        language=cleaned["language"],
        time_zone=str(cleaned["time_zone"]),
        staff_role=cleaned["staff_role"],
        by=by,
        now=now,
    )
    return Made(_("%(name)s is here.") % {"name": user.name}, user)


def _add_member(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.add_member(tenant=cleaned["tenant"], user=row, role=cleaned["role"], by=by, now=now)
    said = {"name": row.name, "role": Role(cleaned["role"]).label, "tenant": cleaned["tenant"]}
    return _("%(name)s is %(role)s in %(tenant)s now.") % said


def _deactivate(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.deactivate_user(user=row, reason=cleaned["reason"], by=by, now=now)
    return _("%(name)s cannot sign in any more; sessions, tokens and grants have ended.") % {"name": row.name}


class MembershipInline(Inline):
    model = Membership
    read_action = "user.read"
    fields = ["tenant", "role", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("tenant", "user")


@register(User, site=public_site)
class UserAdmin(ModelAdmin):
    title = _("Users")
    icon = "group"
    section = PEOPLE
    read_action = "user.read"
    list_display = ["name", "email", "staff", "standing", "created"]
    list_filter = ["staff_role", "is_active"]
    search_fields = ["name", "email"]
    fields = [
        ("name", "email"),
        ("staff", "standing"),
        ("language", "time_zone"),
        ("created_at", "last_login", "anonymised_at"),
    ]
    inlines = [MembershipInline]
    list_verbs = [
        Verb("create", _("New user…"), "user.change", _create_user, PersonForm, "add", ActionVariant.PRIMARY)
    ]
    verbs = [
        Verb(
            "add-member",
            _("Add to a tenant…"),
            "member.change",
            _add_member,
            MembershipForm,
            "person_add",
            available=lambda row: row.is_active and not row.staff_role,
        ),
        Verb(
            "deactivate",
            _("Deactivate…"),
            "user.change",
            _deactivate,
            ReasonForm,
            "person_off",
            ActionVariant.DANGER,
            _("Every door closes at once: sessions, tokens and support grants end."),
            lambda row: row.is_active,
        ),
    ]

    @display(description=_("staff role"), ordering="staff_role")
    def staff(self, row: User) -> str:
        return row.get_staff_role_display() or "–"

    @display(description=_("state"), ordering="is_active")
    def standing(self, row: User) -> SafeString:
        if row.anonymised_at:
            return pill(_("anonymous"))
        return pill(_("active"), "ok") if row.is_active else pill(_("switched off"))

    @display(description=_("created at"), ordering="created_at")
    def created(self, row: User) -> SafeString | str:
        return moment(row.created_at)


def _open_grant(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    grant = services.open_grant(
        user=cleaned["user"],
        tenant=cleaned["tenant"],
        reason=cleaned["reason"],
        ticket=cleaned["ticket"],
        minutes=cleaned["minutes"],
        writes=cleaned["writes"],
        by=by,
        now=now,
    )
    said = {"name": grant.user, "tenant": grant.tenant, "minutes": cleaned["minutes"]}
    return Made(
        _("%(name)s may enter %(tenant)s for %(minutes)s minutes. Both journals say so.") % said, grant
    )


def _end_grant(row: SupportGrant, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.end_grant(grant=row, by=by, now=now)
    return str(_("The grant has ended."))


class LiveFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("open")), ("no", _("ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        live = Q(ended_at__isnull=True, expires_at__gt=timezone.now())
        return {"yes": queryset.filter(live), "no": queryset.exclude(live)}.get(self.value() or "", queryset)


@register(SupportGrant, site=public_site)
class SupportGrantAdmin(ModelAdmin):
    title = _("Support grants")
    icon = "vpn_key"
    section = PEOPLE
    read_action = "grant.read"
    list_display = ["user", "tenant", "standing", "rights", "ticket", "reason", "opened"]
    list_filter = [LiveFilter, "writes"]
    list_select_related = ["user", "tenant"]
    search_fields = ["ticket", "reason", "user__name", "tenant__slug"]
    ordering = ["-opened_at"]
    fields = [
        ("user", "tenant"),
        ("standing", "rights"),
        ("ticket", "reason"),
        ("opened_by", "opened_at", "expires_at", "ended_at"),
    ]
    list_verbs = [
        Verb("open", _("Open a grant…"), "grant.open", _open_grant, GrantForm, "add", ActionVariant.PRIMARY)
    ]
    verbs = [
        Verb(
            "end",
            _("End now…"),
            "grant.open",
            _end_grant,
            icon="block",
            variant=ActionVariant.WARNING,
            explain=_("The person is out of the tenant with their next click."),
            available=lambda row: _is_live(row, timezone.now()),
        )
    ]

    @display(description=_("state"), ordering="expires_at")
    def standing(self, row: SupportGrant) -> SafeString:
        now = timezone.now()
        if not _is_live(row, now):
            return pill(_("ended"))
        minutes = max(1, int((row.expires_at - now).total_seconds() // 60))
        return pill(
            ngettext("%(count)d min left", "%(count)d min left", minutes) % {"count": minutes}, "soon"
        )

    @display(description=_("rights"), ordering="writes")
    def rights(self, row: SupportGrant) -> Any:
        return _("reads and writes") if row.writes else _("reads")

    @display(description=_("opened at"), ordering="opened_at")
    def opened(self, row: SupportGrant) -> SafeString | str:
        return moment(row.opened_at)


def _is_live(row: SupportGrant, now: datetime) -> bool:
    return row.ended_at is None and row.expires_at > now


# ---- the tenant's own people ------------------------------------------------------------------------------------


def _change_role(row: Membership, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.change_role(tenant=row.tenant, user=row.user, role=cleaned["role"], by=by, now=now)
    return _("%(name)s is %(role)s now.") % {"name": row.user.name, "role": Role(cleaned["role"]).label}


@register(Membership, site=tenant_site)
class MemberAdmin(ModelAdmin):
    title = _("Members")
    icon = "group"
    section = PEOPLE
    read_action = "member.read"
    list_display = ["person", "email", "role", "since"]
    list_filter = ["role"]
    list_select_related = ["user", "tenant"]
    search_fields = ["user__name", "user__email"]
    ordering = ["user__name", "id"]
    fields = [("person", "email"), ("role", "since")]
    verbs = [
        Verb("change-role", _("Change role…"), "member.change", _change_role, RoleForm, "manage_accounts"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        # Memberships are shared rows: the schema does not keep other tenants' out, this does.
        return super().get_queryset(request).filter(tenant=current_tenant())

    @display(description=_("name"), ordering="user__name")
    def person(self, row: Membership) -> str:
        return str(row.user)

    @display(description=_("email"), ordering="user__email")
    def email(self, row: Membership) -> str:
        return row.user.email

    @display(description=_("since"), ordering="created_at")
    def since(self, row: Membership) -> SafeString | str:
        return moment(row.created_at)


# ---- flags ----------------------------------------------------------------------------------------------------


def _set_flag(row: Flag, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    tenant, enabled = cleaned["tenant"], cleaned["enabled"]
    services.set_flag(
        flag_key=row.key, tenant=tenant, enabled=enabled, reason=cleaned["reason"], by=by, now=now
    )
    said = {"flag": row.key, "tenant": tenant.name}
    return (_("%(flag)s is on for %(tenant)s.") if enabled else _("%(flag)s is off for %(tenant)s.")) % said


def _set_segment_flag(row: Flag, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    segment, enabled = cleaned["segment"], cleaned["enabled"]
    count = services.set_flag_for_segment(
        flag_key=row.key, segment=segment, enabled=enabled, reason=cleaned["reason"], by=by, now=now
    )
    said = {"flag": row.key, "segment": segment.name, "count": count}
    on = ngettext(
        "%(flag)s is on for %(segment)s: %(count)d tenant.",
        "%(flag)s is on for %(segment)s: %(count)d tenants.",
        count,
    )
    off = ngettext(
        "%(flag)s is off for %(segment)s: %(count)d tenant.",
        "%(flag)s is off for %(segment)s: %(count)d tenants.",
        count,
    )
    return (on if enabled else off) % said


class TenantFlagInline(Inline):
    model = TenantFlag
    read_action = "flag.read"
    fields = ["tenant", "enabled", "changed_at"]
    ordering = ["tenant__slug"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TenantFlag]:
        return super().get_queryset(request).select_related("flag", "tenant")


@register(Flag, site=public_site)
class FlagAdmin(ModelAdmin):
    title = _("Flags")
    icon = "flag"
    section = RELEASE
    read_action = "flag.read"
    list_display = ["key", "description", "default", "on", "off"]
    search_fields = ["key", "description"]
    fields = ["key", "description", "default"]
    inlines = [TenantFlagInline]
    verbs = [
        Verb("set-tenant", _("Set for a tenant…"), "flag.change", _set_flag, TenantFlagForm, "toggle_on"),
        Verb(
            "set-segment",
            _("Set for a segment…"),
            "flag.change",
            _set_segment_flag,
            SegmentFlagForm,
            "category",
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Flag]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                on_count=Count("settings", filter=Q(settings__enabled=True)),
                off_count=Count("settings", filter=Q(settings__enabled=False)),
            )
        )

    @display(description=_("set on"), ordering="on_count")
    def on(self, row: Any) -> int:
        count: int = row.on_count
        return count

    @display(description=_("set off"), ordering="off_count")
    def off(self, row: Any) -> int:
        count: int = row.off_count
        return count


# ---- machinery --------------------------------------------------------------------------------------------------


def _late_since(now: datetime) -> datetime:
    """What was due before this should have been carried out: two sweeps ago."""
    return now - timedelta(seconds=2 * settings.THRESHOLDS.sweep.EVERY_SECONDS)


def _overdue(now: datetime) -> Q:
    return Q(dead_at__isnull=True, wake_at__lt=_late_since(now), tenant__state=TenantState.ACTIVE)


def _replay_deadline(row: Deadline, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    if not deadlines.replay(deadline=row, reason=cleaned["reason"], by=by, now=now):
        raise Conflict(_("This deadline is not dead: there is nothing to replay."), state="waiting")
    return str(_("It has all its tries again and is due now."))


class DeadlineFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("waiting", _("waiting")), ("overdue", _("overdue")), ("dead", _("dead"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {
            "waiting": Q(dead_at__isnull=True) & ~_overdue(timezone.now()),
            "overdue": _overdue(timezone.now()),
            "dead": Q(dead_at__isnull=False),
        }
        return queryset.filter(wanted[self.value() or ""]) if self.value() in wanted else queryset


class OfTenant(AutocompleteSelectFilter):
    """A tenant, found by typing: a list of a thousand is no choice."""

    title = _("tenant")


@register(Deadline, site=public_site)
class DeadlineAdmin(ModelAdmin):
    title = _("Deadlines")
    icon = "schedule"
    section = MACHINERY
    read_action = "deadline.read"
    list_display = ["due", "tenant", "kind", "subject", "standing", "attempts", "error"]
    list_filter = [DeadlineFilter, ("tenant", OfTenant)]
    list_filter_submit = True
    list_select_related = ["tenant"]
    search_fields = ["kind", "subject", "tenant__slug"]
    ordering = ["wake_at", "id"]
    fields = [
        ("tenant", "standing"),
        ("kind", "subject"),
        ("due_at", "wake_at", "dead_at"),
        "attempts",
        "last_error",
    ]
    verbs = [
        Verb(
            "replay",
            _("Replay…"),
            "deadline.replay",
            _replay_deadline,
            ReasonForm,
            "replay",
            ActionVariant.PRIMARY,
            _("A dead deadline gets all its tries again; the next sweep carries it out."),
            lambda row: row.dead_at is not None,
            "deadline.replay",
        )
    ]

    @display(description=_("due at"), ordering="due_at")
    def due(self, row: Deadline) -> SafeString | str:
        return moment(row.due_at)

    @display(description=_("state"))
    def standing(self, row: Deadline) -> SafeString:
        if row.dead_at:
            return pill(_("dead"), "late")
        if row.tenant.state != TenantState.ACTIVE:
            return pill(_("asleep: tenant suspended"))
        if row.wake_at < _late_since(timezone.now()):
            return pill(_("overdue"), "soon")
        return pill(_("waiting"))

    @display(description=_("last error"))
    def error(self, row: Deadline) -> str:
        return Truncator(row.last_error).chars(80)


def _replay_delivery(row: Delivery, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    if not deliveries.replay(delivery=row, reason=cleaned["reason"], by=by, now=now):
        raise Conflict(
            _("This delivery is neither dead nor ambiguous: there is nothing to replay."), state=row.state
        )
    return str(_("It has all its tries again and goes out with the next dispatch."))


DELIVERY_TONES = {
    DeliveryState.PENDING: "",
    DeliveryState.LEASED: "",
    DeliveryState.SENT: "ok",
    DeliveryState.AMBIGUOUS: "soon",
    DeliveryState.DEAD: "late",
}
STUCK_DELIVERIES = (DeliveryState.DEAD, DeliveryState.AMBIGUOUS)


@register(Delivery, site=public_site)
class DeliveryAdmin(ModelAdmin):
    title = _("Deliveries")
    icon = "outgoing_mail"
    section = MACHINERY
    read_action = "delivery.read"
    list_display = [
        "created",
        "tenant",
        "message",
        "subject",
        "recipient",
        "channel",
        "standing",
        "attempts",
        "sent",
    ]
    list_filter = ["state", "channel", ("tenant", OfTenant)]
    list_filter_submit = True
    list_select_related = ["tenant"]
    search_fields = ["message", "recipient", "subject", "tenant__slug"]
    date_hierarchy = "created_at"
    ordering = ["-created_at", "-id"]
    fields = [
        ("tenant", "standing"),
        ("message", "subject"),
        ("recipient", "channel", "dedupe_key"),
        ("created_at", "next_try_at", "sent_at", "dead_at"),
        ("attempts", "provider_ref"),
        "last_error",
        "event",
    ]
    verbs = [
        Verb(
            "replay",
            _("Replay…"),
            "delivery.replay",
            _replay_delivery,
            ReasonForm,
            "replay",
            ActionVariant.PRIMARY,
            _("It gets all its tries again. An ambiguous one may reach its receiver twice."),
            lambda row: row.state in STUCK_DELIVERIES,
            "delivery.replay",
        )
    ]

    @display(description=_("created at"), ordering="created_at")
    def created(self, row: Delivery) -> SafeString | str:
        return moment(row.created_at)

    @display(description=_("sent at"), ordering="sent_at")
    def sent(self, row: Delivery) -> SafeString | str:
        return moment(row.sent_at)

    @display(description=_("state"), ordering="state")
    def standing(self, row: Delivery) -> SafeString:
        return pill(row.get_state_display(), DELIVERY_TONES[DeliveryState(row.state)])


@register(PeriodicTask, site=public_site)
class PeriodicTaskAdmin(ModelAdmin):
    title = _("Periodic tasks")
    icon = "update"
    section = MACHINERY
    read_action = "deadline.read"
    list_display = ["name", "calls", "enabled", "schedule", "last_run", "total_run_count"]
    list_filter = ["enabled"]
    list_select_related = ["interval", "crontab", "solar", "clocked"]
    search_fields = ["name", "task"]
    fields = [
        ("name", "calls"),
        ("enabled", "schedule"),
        ("last_run_at", "total_run_count", "date_changed"),
        ("args", "kwargs"),
        "description",
    ]

    @display(description=_("task"), ordering="task")
    def calls(self, row: PeriodicTask) -> str:
        return str(row.task)

    @display(description=_("schedule"))
    def schedule(self, row: PeriodicTask) -> str:
        return str(row.scheduler)

    @display(description=_("last run"), ordering="last_run_at")
    def last_run(self, row: PeriodicTask) -> SafeString | str:
        return moment(row.last_run_at)


# ---- journals ---------------------------------------------------------------------------------------------------


class JournalAdmin(ModelAdmin):
    """A journal, newest first. Names are looked up in the same query; ids are all that the journal holds."""

    icon = "menu_book"
    section = RECORDS
    list_display = ["number", "when", "who", "verb", "subject", "what"]
    list_filter = ["verb", "actor_kind", "result"]
    search_fields = ["verb", "subject", "actor_name"]
    date_hierarchy = "at"
    ordering = ["-seq"]
    fields = [
        ("number", "at"),
        ("who", "grant_id"),
        ("verb", "subject"),
        "what",
        ("result", "log_ref"),
        ("request_id", "key"),
        "hash",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        names = User.objects.filter(pk=OuterRef("actor_id")).values("name")[:1]
        queryset: QuerySet[Any] = super().get_queryset(request)
        return queryset.annotate(person=Subquery(names))

    @display(description=_("sequence"), ordering="seq")
    def number(self, row: Any) -> int:
        seq: int = row.seq
        return seq

    @display(description=_("journal key"))
    def key(self, row: Any) -> str:
        return str(row.key_id)

    @display(description=_("at"), ordering="at")
    def when(self, row: Any) -> SafeString | str:
        return moment(row.at)

    @display(description=_("who"))
    def who(self, row: Any) -> str:
        if row.actor_id is None:
            return row.actor_name or row.get_actor_kind_display()
        name = row.person or f"#{row.actor_id}"
        return f"{name} ({row.get_actor_kind_display()})"

    @display(description=_("what changed"))
    def what(self, row: Any) -> SafeString | str:
        facts = [(key, value) for key, value in row.data.items() if value not in ("", None, [], {})]
        return format_html_join(", ", "{}: {}", facts) if facts else "–"


@register(OperatorEvent, site=public_site)
class OperatorJournalAdmin(JournalAdmin):
    title = _("Operators' journal")
    read_action = "operator_journal.read"


@register(Event, site=tenant_site)
class TenantJournalAdmin(JournalAdmin):
    title = _("Journal")
    read_action = "journal.read"


# ---- the public host's first page ---------------------------------------------------------------------------------


def _tile(count: int, label: Any, url: str, *, tone: str = "", note: Any = "") -> SafeString:
    """A count that links to its list; its tone shows only when there is something."""
    shade = f"hc-{tone}" if tone and count else ""
    return format_html(
        '<a class="hc-tile {}" href="{}"><header>{}</header><span class="hc-n">{}</span><small>{}</small></a>',
        shade,
        url,
        label,
        count,
        note,
    )


def board(request: HttpRequest) -> dict[str, Any]:
    """Counts of what stands and what is stuck, each leading to its list. Four queries."""
    now = timezone.now()
    customers = Tenant.objects.exclude(schema_name=PUBLIC)
    states = dict(customers.values_list("state").annotate(count=Count("pk")).order_by())
    waits = Deadline.objects.aggregate(
        overdue=Count("pk", filter=_overdue(now)), dead=Count("pk", filter=Q(dead_at__isnull=False))
    )
    stuck = Delivery.objects.filter(state__in=STUCK_DELIVERIES).aggregate(
        dead=Count("pk", filter=Q(state=DeliveryState.DEAD)),
        ambiguous=Count("pk", filter=Q(state=DeliveryState.AMBIGUOUS)),
    )
    grants = SupportGrant.objects.filter(ended_at__isnull=True, expires_at__gt=now).count()
    tenants_url = reverse("admin:tenancy_tenant_changelist")
    deadlines_url = reverse("admin:tenancy_deadline_changelist")
    deliveries_url = reverse("admin:tenancy_delivery_changelist")
    grants_url = reverse("admin:tenancy_supportgrant_changelist")
    return {
        "now": now,
        "tenants": [
            _tile(states.get(state, 0), label, f"{tenants_url}?state__exact={state}")
            for state, label in TenantState.choices
        ],
        "stuck": [
            _tile(waits["overdue"], _("Overdue deadlines"), f"{deadlines_url}?standing=overdue", tone="warn"),
            _tile(waits["dead"], _("Dead deadlines"), f"{deadlines_url}?standing=dead", tone="alarm"),
            _tile(stuck["dead"], _("Dead deliveries"), f"{deliveries_url}?state__exact=dead", tone="alarm"),
            _tile(
                stuck["ambiguous"],
                _("Ambiguous deliveries"),
                f"{deliveries_url}?state__exact=ambiguous",
                tone="warn",
            ),
            _tile(grants, _("Open support grants"), f"{grants_url}?live=yes", tone="warn"),
        ],
        "quiet": not any([waits["overdue"], waits["dead"], stuck["dead"], stuck["ambiguous"]]),
    }


public_site.show_first("console/board.html", board)
