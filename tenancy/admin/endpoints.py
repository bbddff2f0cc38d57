"""Endpoints: a tenant's own for its admins, the operators' for the platform's staff."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import CharField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.enums import ActionVariant

from tenancy import services
from tenancy.actors import Actor
from tenancy.admin.scopes import scope_name
from tenancy.admin.secrets import Shown, ShowsSecrets
from tenancy.admin.sections import INTEGRATIONS, MACHINERY, Cleaned
from tenancy.admin.verbs import event_names
from tenancy.forms import (
    EndpointChangeForm,
    EndpointForm,
    PagerDutyForm,
    RotateForm,
    SlackForm,
    SlackWebhookForm,
    WebhookForm,
)
from tenancy.models import Delivery, Endpoint
from tenancy.states import DeliveryState
from tenancy.web.admin import Made, Verb, moment, pill, public_site, tenant_site
from tenancy.web.forms import ReasonForm

CHANNELS = {
    services.WEBHOOK: _("Webhook"),
    services.SLACK: _("Slack channel"),
    services.SLACK_WEBHOOK: _("Slack incoming webhook"),
    services.PAGERDUTY: _("PagerDuty"),
}


def _add(channel: str) -> Callable[..., Made]:
    def add(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
        endpoint, secret = services.create_endpoint(
            tenant=services.tenant_here(),
            channel=channel,
            name=cleaned["name"],
            address=cleaned.get("address", ""),
            secret=cleaned.get("secret", ""),
            verbs=cleaned["verbs"],
            urgent_only=cleaned["urgent_only"],
            scope=cleaned.get("scope"),
            language=cleaned["language"],
            time_zone=str(cleaned["time_zone"]),
            by=by,
            now=now,
        )
        said = _("%(name)s is there and hears of what happens from now on.") % {"name": endpoint.name}
        return Shown(said, endpoint, secret) if secret else Made(said, endpoint)

    return add


def _change(row: Endpoint, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.change_endpoint(
        endpoint=row,
        name=cleaned["name"],
        address=cleaned.get("address", ""),
        verbs=cleaned["verbs"],
        urgent_only=cleaned["urgent_only"],
        scope=cleaned.get("scope", row.scope),
        language=cleaned["language"],
        time_zone=str(cleaned["time_zone"]),
        by=by,
        now=now,
    )
    return _("%(name)s is changed.") % {"name": cleaned["name"]}


def _rotate(row: Endpoint, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    secret = services.rotate_secret(endpoint=row, secret=cleaned.get("secret", ""), by=by, now=now)
    said = _("%(name)s has a new secret.") % {"name": row.name}
    if not secret:
        return Made(said, row)
    hours = settings.THRESHOLDS.delivery.SECRET_OVERLAP_HOURS
    note = ngettext(
        "The old one signs beside it for %(count)d hour.",
        "The old one signs beside it for %(count)d hours.",
        hours,
    )
    return Shown(said, row, secret, note % {"count": hours})


def _test(row: Endpoint, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.send_test(endpoint=row, by=by, now=now)
    return _("A test for %(name)s goes out with the next dispatch.") % {"name": row.name}


def _disable(row: Endpoint, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.disable_endpoint(endpoint=row, reason=cleaned["reason"], by=by, now=now)
    return _("%(name)s is disabled: it hears of nothing.") % {"name": row.name}


def _enable(row: Endpoint, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.enable_endpoint(endpoint=row, by=by, now=now)
    return _("%(name)s hears of what happens from now on.") % {"name": row.name}


def _remove(row: Endpoint, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    services.remove_endpoint(endpoint=row, by=by, now=now)
    return Made(_("%(name)s is removed.") % {"name": row.name}, None)


def _adding(name: str, channel: str, label: Any, form: type[EndpointForm]) -> Verb:
    return Verb(name, label, "endpoint.change", _add(channel), form, "add", button=_("Add"))


class StandingFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", _("live")), ("failing", _("failing")), ("disabled", _("disabled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {
            "live": Q(disabled_at__isnull=True, failing_since__isnull=True),
            "failing": Q(disabled_at__isnull=True, failing_since__isnull=False),
            "disabled": Q(disabled_at__isnull=False),
        }
        return queryset.filter(wanted[self.value() or ""]) if self.value() in wanted else queryset


class AnyEndpointAdmin(ShowsSecrets):
    """The endpoints of this host: a tenant's, or on the public host the operators'."""

    title = _("Endpoints")
    icon = "hub"
    read_action = "endpoint.read"
    list_display = ["name", "kind", "place_of", "events", "project", "standing", "delivered"]
    list_filter = [StandingFilter]
    search_fields = ["name", "address"]
    ordering = ["name", "id"]
    fields = [
        ("name", "kind"),
        ("place_of", "all_events"),
        ("urgent_only", "project"),
        "standing",
        ("language", "time_zone"),
        ("created_at", "delivered"),
        ("disabled_at", "disabled_because"),
        "overlap",
    ]
    list_verbs = [
        _adding("add-webhook", services.WEBHOOK, _("Webhook…"), WebhookForm),
        _adding("add-slack", services.SLACK, _("Slack channel…"), SlackForm),
        _adding("add-slack-webhook", services.SLACK_WEBHOOK, _("Slack webhook…"), SlackWebhookForm),
        _adding("add-pagerduty", services.PAGERDUTY, _("PagerDuty…"), PagerDutyForm),
    ]
    verbs = [
        Verb(
            "test",
            _("Send a test…"),
            "endpoint.change",
            _test,
            icon="send",
            variant=ActionVariant.PRIMARY,
            explain=_("One message that says that it is a test, to this endpoint alone."),
            available=lambda row: row.disabled_at is None,
        ),
        Verb(
            "change", _("Change…"), "endpoint.change", _change, EndpointChangeForm, "edit", button=_("Save")
        ),
        Verb(
            "rotate",
            _("Rotate secret…"),
            "endpoint.change",
            _rotate,
            RotateForm,
            "key",
            explain=_("A webhook's old secret signs beside the new one for a while; any other ends at once."),
        ),
        Verb(
            "disable",
            _("Disable…"),
            "endpoint.change",
            _disable,
            ReasonForm,
            "pause",
            ActionVariant.WARNING,
            _("It hears of nothing until it is enabled, and later neither of what happens meanwhile."),
            lambda row: row.disabled_at is None,
        ),
        Verb(
            "enable",
            _("Enable…"),
            "endpoint.change",
            _enable,
            icon="play_arrow",
            variant=ActionVariant.PRIMARY,
            available=lambda row: row.disabled_at is not None,
        ),
        Verb(
            "remove",
            _("Remove…"),
            "endpoint.change",
            _remove,
            icon="delete",
            variant=ActionVariant.DANGER,
            explain=_("Its secret is forgotten, and what it has not been sent yet is not sent."),
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        # Endpoints are shared rows: the schema does not keep other tenants' out, this does.
        own = super().get_queryset(request).filter(tenant=services.tenant_here()).select_related("tenant")
        sent = Delivery.objects.filter(
            tenant=OuterRef("tenant"), recipient=OuterRef("recipient"), state=DeliveryState.SENT
        )
        return (
            own.defer("secret", "previous_secret")
            .annotate(recipient=Concat(Value("endpoint:"), Cast("pk", CharField())))
            .annotate(scope_name=scope_name(request))
            .annotate(last_sent=Subquery(sent.order_by("-created_at").values("sent_at")[:1]))
        )

    @display(description=_("channel"), ordering="channel")
    def kind(self, row: Endpoint) -> Any:
        return CHANNELS.get(row.channel, row.channel)

    @display(description=_("where"))
    def place_of(self, row: Endpoint) -> str:
        return services.where(row) or "–"

    @display(description=_("events"))
    def events(self, row: Endpoint) -> SafeString:
        return event_names(row.verbs, most=settings.THRESHOLDS.console.EVENTS)

    @display(description=_("events"))
    def all_events(self, row: Endpoint) -> SafeString:
        return event_names(row.verbs)

    @display(description=_("project"))
    def project(self, row: Any) -> str:
        name: str = row.scope_name
        return name

    @display(description=_("state"))
    def standing(self, row: Endpoint) -> SafeString:
        if row.disabled_at:
            return pill(_("disabled"), "late")
        if row.failing_since:
            return pill(
                _("failing since %(at)s") % {"at": f"{timezone.localtime(row.failing_since):%Y-%m-%d %H:%M}"},
                "soon",
            )
        return pill(_("live"), "ok")

    @display(description=_("old secret signs until"))
    def overlap(self, row: Endpoint) -> SafeString | str:
        return moment(row.previous_until)

    @display(description=_("last delivered"))
    def delivered(self, row: Any) -> SafeString | str:
        return moment(row.last_sent)


@register(Endpoint, site=tenant_site)
class TenantEndpointAdmin(AnyEndpointAdmin):
    section = INTEGRATIONS


@register(Endpoint, site=public_site)
class OperatorEndpointAdmin(AnyEndpointAdmin):
    section = MACHINERY
