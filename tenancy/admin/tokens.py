"""The keys of scripts: everybody's own, and those of the people whom one looks after."""

from datetime import datetime
from typing import Any

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from tenancy import services
from tenancy.actors import Actor
from tenancy.admin.secrets import Shown, ShowsSecrets
from tenancy.admin.sections import INTEGRATIONS, PEOPLE, Cleaned
from tenancy.context import connection
from tenancy.forms import MembersTokenForm, StaffTokenForm
from tenancy.models import ApiToken
from tenancy.permissions import may
from tenancy.web.admin import Verb, actor_in, moment, pill, public_site, tenant_site
from tenancy.web.forms import VerbForm


def _issue(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Shown:
    token, secret = services.issue_token(
        user=cleaned["user"],
        tenant=cleaned.get("tenant") or connection.tenant,
        name=cleaned["name"],
        days=cleaned["days"],
        read_only=cleaned["read_only"],
        by=by,
        now=now,
    )
    said = _("%(name)s is issued.") % {"name": token.name}
    return Shown(
        said, token, secret, intro=str(_("Copy this token to the script now: it is shown this once."))
    )


def _revoke(row: ApiToken, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.revoke_token(token=row, by=by, now=now)
    return _("%(name)s opens nothing any more.") % {"name": row.name}


def _issuing(form: type[VerbForm]) -> Verb:
    return Verb(
        "issue",
        _("New token…"),
        "token.change",
        _issue,
        form,
        "add",
        ActionVariant.PRIMARY,
        _("A script that has it may do what the person may do. No second factor is asked of scripts."),
        button=_("Create"),
    )


REVOKE = Verb(
    "revoke",
    _("Revoke…"),
    "token.revoke",
    _revoke,
    icon="block",
    variant=ActionVariant.DANGER,
    explain=_("Scripts that use it are refused from their next request on."),
    available=lambda row: row.revoked_at is None,
)


class StandingFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", _("live")), ("ended", _("ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        live = Q(revoked_at__isnull=True, expires_at__gt=timezone.now())
        return {"live": queryset.filter(live), "ended": queryset.exclude(live)}.get(
            self.value() or "", queryset
        )


class AnyTokenAdmin(ShowsSecrets):
    title = _("API tokens")
    icon = "key"
    place = 60
    read_action = "token.read"
    list_display = ["name", "person", "prefix", "rights", "standing", "created", "expires", "last_used_on"]
    list_filter = [StandingFilter]
    list_select_related = ["user", "tenant"]
    search_fields = ["name", "prefix", "user__name"]
    ordering = ["-created_at", "-id"]
    fields: Any = [
        ("name", "prefix"),
        ("person", "rights"),
        ("created", "expires"),
        ("standing", "last_used_on"),
    ]
    verbs = [REVOKE]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        # Tokens are shared rows: the schema does not keep other tenants' out, this does.
        actor = actor_in(request)
        seen = Q(user=actor.user_id if actor else None, tenant=connection.tenant)
        if actor and may(actor, "token.change"):
            seen |= self.others()
        return super().get_queryset(request).filter(seen).select_related("user", "tenant").defer("digest")

    def others(self) -> Q:
        """Which tokens those see who issue them here."""
        raise NotImplementedError

    @display(description=_("person"), ordering="user__name")
    def person(self, row: ApiToken) -> str:
        return str(row.user)

    @display(description=_("rights"), ordering="read_only")
    def rights(self, row: ApiToken) -> Any:
        return _("reads") if row.read_only else _("reads and writes")

    @display(description=_("state"), ordering="expires_at")
    def standing(self, row: ApiToken) -> SafeString:
        if row.revoked_at:
            return pill(_("revoked"))
        return pill(_("live"), "ok") if row.expires_at > timezone.now() else pill(_("ended"))

    @display(description=_("created at"), ordering="created_at")
    def created(self, row: ApiToken) -> SafeString | str:
        return moment(row.created_at)

    @display(description=_("expires at"), ordering="expires_at")
    def expires(self, row: ApiToken) -> SafeString | str:
        return moment(row.expires_at)


@register(ApiToken, site=tenant_site)
class TenantTokenAdmin(AnyTokenAdmin):
    section = INTEGRATIONS
    list_verbs = [_issuing(MembersTokenForm)]

    def others(self) -> Q:
        return Q(tenant=connection.tenant, user__staff_role="")


@register(ApiToken, site=public_site)
class StaffTokenAdmin(AnyTokenAdmin):
    section = PEOPLE
    list_display = [*AnyTokenAdmin.list_display[:2], "tenant", *AnyTokenAdmin.list_display[2:]]
    fields = [
        ("name", "prefix"),
        ("person", "tenant"),
        ("rights", "standing"),
        ("created", "expires"),
        "last_used_on",
    ]
    list_verbs = [_issuing(StaffTokenForm)]

    def others(self) -> Q:
        return ~Q(user__staff_role="")
