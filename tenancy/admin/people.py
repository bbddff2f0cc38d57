"""Who there is: users, what they may open, and a tenant's own members."""

from datetime import datetime
from typing import Any

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.enums import ActionVariant

from tenancy import deliveries, services
from tenancy.actors import Actor
from tenancy.admin.filters import OfTenant
from tenancy.admin.sections import PEOPLE, Cleaned
from tenancy.context import current_tenant
from tenancy.forms import (
    AnonymiseForm,
    GrantForm,
    InviteForm,
    LeaveForm,
    MembershipForm,
    PasswordForm,
    PersonChangeForm,
    PersonForm,
    RoleForm,
    StaffRoleForm,
    StaffsRoleForm,
)
from tenancy.models import Membership, SupportGrant, User
from tenancy.states import Role, StaffRole
from tenancy.web.admin import Inline, Made, ModelAdmin, Verb, moment, pill, public_site, tenant_site
from tenancy.web.authentication import actor_of
from tenancy.web.forms import ReasonForm, VerbForm

# ---- users --------------------------------------------------------------------------------------------------------


def _create_user(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    user = services.create_user(
        email=cleaned["email"],
        name=cleaned["name"],
        password=cleaned["password"] or None,
        language=cleaned["language"],
        time_zone=str(cleaned["time_zone"]),
        staff_role=cleaned["staff_role"],
        by=by,
        now=now,
    )
    return Made(_("%(name)s is here.") % {"name": user.name}, user)


def _change_user(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    changed = services.change_user(
        user=row,
        name=cleaned["name"],
        language=cleaned["language"],
        time_zone=str(cleaned["time_zone"]),
        by=by,
        now=now,
    )
    said = _("%(name)s is changed.") if changed else _("%(name)s is as it was.")
    return said % {"name": cleaned["name"]}


def _change_staff_role(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    role = cleaned["staff_role"]
    services.change_staff_role(user=row, staff_role=role, reason=cleaned["reason"], by=by, now=now)
    if not role:
        return _("%(name)s is one of us no more; sessions, tokens and grants have ended.") % {
            "name": row.name
        }
    said = {"name": row.name, "role": StaffRole(role).label}
    return _("%(name)s works as %(role)s from now on; open grants have ended.") % said


def _set_password(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.set_password(user=row, password=cleaned["password"], by=by, now=now)
    return _("%(name)s has the new password; all sessions have ended.") % {"name": row.name}


def _reset_factor(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.reset_second_factor(user=row, reason=cleaned["reason"], by=by, now=now)
    return _("%(name)s sets up a new second factor with the next sign-in.") % {"name": row.name}


def _unlock(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.unlock(email=row.email, by=by, now=now)
    return _("%(name)s may try to sign in again.") % {"name": row.name}


def _reactivate(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.reactivate_user(user=row, reason=cleaned["reason"], by=by, now=now)
    return _("%(name)s may sign in again.") % {"name": row.name}


def _anonymise(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.anonymise_user(user=row, by=by, now=now)
    return _("Nothing here says any more who user %(number)s was.") % {"number": row.pk}


def _add_member(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.add_member(tenant=cleaned["tenant"], user=row, role=cleaned["role"], by=by, now=now)
    said = {"name": row.name, "role": Role(cleaned["role"]).label, "tenant": cleaned["tenant"]}
    return _("%(name)s is %(role)s in %(tenant)s now.") % said


def _deactivate(row: User, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.deactivate_user(user=row, reason=cleaned["reason"], by=by, now=now)
    return _("%(name)s cannot sign in any more; sessions, tokens and grants have ended.") % {"name": row.name}


RESETS = _(
    "For somebody who lost their telephone and their codes. Make sure that it is them: all sessions end, the journals "
    "say so."
)


class MembershipInline(Inline):
    """Where a person is a member; each leads to its page, where the role is changed."""

    model = Membership
    read_action = "user.read"
    fields = readonly_fields = ["place", "role", "since"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("tenant", "user").order_by("tenant__name")

    @display(description=_("tenant"))
    def place(self, row: Membership) -> SafeString:
        url = reverse("admin:tenancy_membership_change", args=[row.pk])
        return format_html('<a class="hc-link" href="{}">{}</a>', url, row.tenant)

    @display(description=_("since"))
    def since(self, row: Membership) -> SafeString | str:
        return moment(row.created_at)


@register(User, site=public_site)
class UserAdmin(ModelAdmin):
    title = _("Users")
    icon = "group"
    section = PEOPLE
    read_action = "user.read"
    list_display = ["name", "email", "staff", "standing", "created"]
    list_filter = ["staff_role", "is_active"]
    search_fields = ["name", "email"]
    empty = _("Nobody is here yet.")
    fields = [
        ("name", "email"),
        ("staff", "standing"),
        ("language", "time_zone"),
        ("created", "signed_in"),
        "anonymised",
    ]
    inlines = [MembershipInline]
    list_verbs = [
        Verb(
            "create",
            _("New user…"),
            "user.change",
            _create_user,
            PersonForm,
            "add",
            ActionVariant.PRIMARY,
            button=_("Create"),
        )
    ]
    verbs = [
        Verb(
            "edit",
            _("Edit…"),
            "user.change",
            _change_user,
            PersonChangeForm,
            "edit",
            available=lambda row: row.anonymised_at is None,
            button=_("Save"),
        ),
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
            "staff-role",
            _("Staff role…"),
            "user.change",
            _change_staff_role,
            StaffRoleForm,
            "badge",
            explain=_("Open grants end. Without a role, sessions and tokens end too."),
            available=lambda row: row.is_active,
            button=_("Save"),
        ),
        Verb(
            "set-password",
            _("Set password…"),
            "user.change",
            _set_password,
            PasswordForm,
            "password",
            explain=_("All of the person's sessions end. The journals of their tenants say so."),
            available=lambda row: row.is_active,
        ),
        Verb(
            "reset-factor",
            _("Reset second factor…"),
            "second_factor.reset",
            _reset_factor,
            ReasonForm,
            "phonelink_erase",
            ActionVariant.WARNING,
            RESETS,
            lambda row: row.is_active,
        ),
        Verb(
            "unlock",
            _("Unlock sign-in"),
            "user.change",
            _unlock,
            icon="lock_open",
            explain=_("After too many wrong passwords or codes: the count begins anew."),
            available=lambda row: row.is_active,
        ),
        Verb(
            "reactivate",
            _("Switch on again…"),
            "user.change",
            _reactivate,
            ReasonForm,
            "person_check",
            ActionVariant.PRIMARY,
            _("The person may sign in again. Tokens and grants that ended stay ended."),
            lambda row: not row.is_active and row.anonymised_at is None,
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
        Verb(
            "anonymise",
            _("Make anonymous…"),
            "user.change",
            _anonymise,
            AnonymiseForm,
            "no_accounts",
            ActionVariant.DANGER,
            _(
                "Email and name are erased, here and in the journals, and every door closes. Nothing brings them back."
            ),
            lambda row: row.anonymised_at is None,
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

    @display(description=_("last login"))
    def signed_in(self, row: User) -> SafeString | str:
        return moment(row.last_login)

    @display(description=_("anonymised at"))
    def anonymised(self, row: User) -> SafeString | str:
        return moment(row.anonymised_at)


# ---- who is where -------------------------------------------------------------------------------------------------


def _change_role(row: Membership, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.change_role(
        tenant=row.tenant,
        user=row.user,
        role=cleaned["role"],
        leave_without_admin=cleaned.get("leave_without_admin", False),
        by=by,
        now=now,
    )
    return _("%(name)s is %(role)s now.") % {"name": row.user.name, "role": Role(cleaned["role"]).label}


def _remove(row: Membership, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    leave = cleaned.get("leave_without_admin", False)
    services.remove_member(tenant=row.tenant, user=row.user, leave_without_admin=leave, by=by, now=now)
    said = {"name": row.user.name, "tenant": row.tenant}
    return Made(_("%(name)s is out of %(tenant)s; sessions and tokens there have ended.") % said, None)


def _membership_verbs(role_form: type[VerbForm], leave_form: type[VerbForm]) -> list[Verb]:
    return [
        Verb("change-role", _("Change role…"), "member.change", _change_role, role_form, "manage_accounts"),
        Verb(
            "remove",
            _("Remove…"),
            "member.change",
            _remove,
            leave_form,
            "person_remove",
            ActionVariant.DANGER,
            _("The person is out with their next click; sessions and tokens in this tenant end."),
        ),
    ]


class AnyMembershipAdmin(ModelAdmin):
    """What both lists of members show."""

    icon = "group"
    section = PEOPLE
    list_select_related = ["user", "tenant"]
    search_fields = ["user__name", "user__email"]
    ordering = ["user__name", "id"]

    @display(description=_("name"), ordering="user__name")
    def person(self, row: Membership) -> str:
        return str(row.user)

    @display(description=_("email"), ordering="user__email")
    def email(self, row: Membership) -> str:
        return row.user.email

    @display(description=_("since"), ordering="created_at")
    def since(self, row: Membership) -> SafeString | str:
        return moment(row.created_at)


@register(Membership, site=public_site)
class MembershipAdmin(AnyMembershipAdmin):
    title = _("Memberships")
    icon = "diversity_3"
    read_action = "user.read"
    list_display = ["person", "email", "tenant", "role", "since"]
    list_filter = ["role", ("tenant", OfTenant)]
    list_filter_submit = True
    fields = [("user", "email"), ("tenant", "role"), "since"]
    empty = _("Nobody is a member of a tenant. A tenant's page brings people in.")
    verbs = _membership_verbs(StaffsRoleForm, LeaveForm)


# ---- grants -------------------------------------------------------------------------------------------------------


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
    list_filter = [LiveFilter, "writes", ("tenant", OfTenant)]
    list_filter_submit = True
    list_select_related = ["user", "tenant"]
    search_fields = ["ticket", "reason", "user__name", "tenant__slug"]
    date_hierarchy = "opened_at"
    ordering = ["-opened_at"]
    empty = _("No support grant was opened yet.")
    fields = [
        ("user", "tenant"),
        ("standing", "rights"),
        ("ticket", "reason"),
        ("opened_by", "opened"),
        ("expires_at", "ended_at"),
        "door",
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

    @display(description=_("where"))
    def door(self, row: SupportGrant) -> SafeString | str:
        if not _is_live(row, timezone.now()):
            return "–"
        return format_html(
            '<a class="hc-link" href="{0}/admin/">{0}/admin/</a><br><small class="hc-muted">{1}</small>',
            deliveries.base_url(row.tenant),
            _("One signs in there again: sessions are for one host."),
        )

    @display(description=_("rights"), ordering="writes")
    def rights(self, row: SupportGrant) -> Any:
        return _("reads and writes") if row.writes else _("reads")

    @display(description=_("opened at"), ordering="opened_at")
    def opened(self, row: SupportGrant) -> SafeString | str:
        return moment(row.opened_at)


def _is_live(row: SupportGrant, now: datetime) -> bool:
    return row.ended_at is None and row.expires_at > now


# ---- the tenant's own people --------------------------------------------------------------------------------------


def welcome(member: Membership, now: datetime) -> str:
    """That somebody is a member since `now`, and whether a mail tells them: only whom nobody knew gets one."""
    said = {"name": member.user.name, "role": Role(member.role).label, "tenant": member.tenant}
    text = _("%(name)s is %(role)s in %(tenant)s now.") % said
    if member.user.created_at < now:
        return f"{text} {_('They have an account already and get no mail: tell them yourself.')}"
    return f"{text} {_('A mail with a link to set a password is on its way.')}"


def _invite(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    member = services.invite_member(
        tenant=current_tenant(),
        email=cleaned["email"],
        name=cleaned["name"],
        role=cleaned["role"],
        by=by,
        now=now,
    )
    return Made(welcome(member, now), member)


def _reset_members_factor(row: Membership, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    return _reset_factor(row.user, cleaned, by=by, now=now)


@register(Membership, site=tenant_site)
class MemberAdmin(AnyMembershipAdmin):
    title = _("Members")
    read_action = "member.read"
    list_display = ["person", "email", "role", "since"]
    list_filter = ["role"]
    fields = [("person", "email"), ("role", "since"), "projects"]
    list_verbs = [
        Verb("invite", _("Add a member…"), "member.change", _invite, InviteForm, "add", ActionVariant.PRIMARY)
    ]
    verbs = [
        *_membership_verbs(RoleForm, VerbForm),
        Verb(
            "reset-factor",
            _("Reset second factor…"),
            "second_factor.reset",
            _reset_members_factor,
            ReasonForm,
            "phonelink_erase",
            ActionVariant.WARNING,
            RESETS,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        # Memberships are shared rows: the schema does not keep other tenants' out, this does.
        return super().get_queryset(request).filter(tenant=current_tenant())

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        row = super().get_object(request, *args, **kwargs)
        if row is not None:
            row.seen_by_reader = services.scopes_for(actor_of(request))
        return row

    @display(description=_("projects"))
    def projects(self, row: Any) -> str:
        """Those of the member that the reader is on too: others are nothing to them, not even a name."""
        theirs = services.scopes_for(Actor.member(row.user_id, Role(row.role)))
        shared = sorted(name for scope, name in theirs.items() if scope in row.seen_by_reader)
        return ", ".join(shared) or "–"
