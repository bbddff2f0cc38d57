"""Who there is: users, what they may open, and a tenant's own members."""

from datetime import datetime
from typing import Any

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.enums import ActionVariant

from tenancy import services
from tenancy.actors import Actor
from tenancy.admin.sections import PEOPLE, Cleaned
from tenancy.context import current_tenant
from tenancy.forms import GrantForm, MembershipForm, PersonForm, RoleForm
from tenancy.models import Membership, SupportGrant, User
from tenancy.states import Role
from tenancy.web.admin import Inline, Made, ModelAdmin, Verb, moment, pill, public_site, tenant_site
from tenancy.web.forms import ReasonForm


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
