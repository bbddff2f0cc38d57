"""What was told to whom: all of it for us, a tenant's own for its admins."""

from datetime import datetime
from typing import Any

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import BigIntegerField, Case, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Cast, Substr
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from tenancy import deliveries, services
from tenancy.actors import Actor
from tenancy.admin.filters import MadeSince, OfTenant
from tenancy.admin.machinery import LeaseFilter
from tenancy.admin.sections import INTEGRATIONS, MACHINERY, Cleaned
from tenancy.admin.verbs import event_name
from tenancy.context import current_tenant
from tenancy.errors import Conflict
from tenancy.models import Delivery, Endpoint, User
from tenancy.states import DeliveryState
from tenancy.web.admin import ModelAdmin, Verb, moment, pill, public_site, tenant_site
from tenancy.web.forms import ReasonForm

DELIVERY_TONES = {
    DeliveryState.PENDING: "",
    DeliveryState.LEASED: "",
    DeliveryState.SENT: "ok",
    DeliveryState.AMBIGUOUS: "soon",
    DeliveryState.DEAD: "late",
    DeliveryState.MOOT: "",
}
_LONG_KEY = 12  # not tunable: characters; numbers are shorter, UUIDs are longer
STUCK = (DeliveryState.DEAD, DeliveryState.AMBIGUOUS)  # somebody may not have been told


def _replay_delivery(row: Delivery, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    if not deliveries.replay(delivery=row, reason=cleaned["reason"], by=by, now=now):
        raise Conflict(
            _("This delivery is neither dead nor ambiguous: there is nothing to replay."), state=row.state
        )
    return str(_("It has all its tries again and goes out with the next dispatch."))


def _replay_verb(action: str) -> Verb:
    return Verb(
        "replay",
        _("Replay…"),
        action,
        _replay_delivery,
        ReasonForm,
        "replay",
        ActionVariant.PRIMARY,
        _("It gets all its tries again. An ambiguous one may reach its receiver twice."),
        lambda row: row.state in deliveries.replayable_from(row.recipient),
        action,
    )


def _retry_delivery(row: Delivery, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.retry_delivery(delivery=row, reason=cleaned["reason"], by=by, now=now)
    return str(_("It goes out with the next dispatch; its tries so far count."))


class AnyDeliveryAdmin(ModelAdmin):
    """What both lists of deliveries show."""

    title = _("Deliveries")
    icon = "outgoing_mail"
    list_filter_submit = True
    date_hierarchy = "created_at"
    ordering = ["-created_at", "-id"]

    @display(description=_("created at"), ordering="created_at")
    def created(self, row: Delivery) -> SafeString | str:
        return moment(row.created_at)

    @display(description=_("message"), ordering="message")
    def told(self, row: Delivery) -> SafeString:
        return event_name(row.message)

    @display(description=_("subject"), ordering="subject")
    def about(self, row: Delivery) -> SafeString:
        """What the row is about, short enough for a line; the whole of it when pointed at."""
        kind, _sep, key = row.subject.partition(":")
        short = f"{kind} …{key[-6:]}" if len(key) > _LONG_KEY else f"{kind} {key}".strip()
        return format_html('<span title="{}">{}</span>', row.subject, short)

    @display(description=_("sent at"), ordering="sent_at")
    def sent(self, row: Delivery) -> SafeString | str:
        return moment(row.sent_at)

    @display(description=_("state"), ordering="state")
    def standing(self, row: Delivery) -> SafeString:
        return pill(row.get_state_display(), DELIVERY_TONES[DeliveryState(row.state)])


@register(Delivery, site=public_site)
class DeliveryAdmin(AnyDeliveryAdmin):
    section = MACHINERY
    read_action = "delivery.read"
    list_display = [
        "created",
        "tenant",
        "told",
        "about",
        "recipient",
        "channel",
        "standing",
        "attempts",
        "sent",
    ]
    list_filter = ["state", "channel", MadeSince, LeaseFilter, ("tenant", OfTenant)]
    empty = _("Nothing was told to anybody yet.")
    list_select_related = ["tenant"]
    search_fields = ["message", "recipient", "subject", "tenant__slug"]
    fields = [
        ("tenant", "standing"),
        ("told", "subject"),
        ("recipient", "channel"),
        ("created", "sent"),
        ("next_try_at", "dead_at", "moot_at"),
        ("attempts", "dedupe_key"),
        "provider_ref",
        "last_error",
        "event",
    ]
    verbs = [
        _replay_verb("delivery.replay"),
        Verb(
            "retry",
            _("Try now…"),
            "delivery.replay",
            _retry_delivery,
            ReasonForm,
            "bolt",
            explain=_("It does not wait for its next try. For when the receiver is back."),
            available=lambda row: row.state == DeliveryState.PENDING,
            bulk="delivery.replay",
        ),
    ]


class EndpointFilter(SimpleListFilter):
    """One of the tenant's endpoints."""

    title = _("endpoint")
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = Endpoint.objects.filter(tenant=current_tenant()).values_list("pk", "name")
        return [(str(pk), name) for pk, name in own]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(recipient=f"endpoint:{value}")


@register(Delivery, site=tenant_site)
class TenantDeliveryAdmin(AnyDeliveryAdmin):
    section = INTEGRATIONS
    read_action = "delivery.own"
    list_display = [
        "created",
        "told",
        "about",
        "receiver",
        "channel",
        "standing",
        "attempts",
        "sent",
        "error",
    ]
    list_filter = ["state", "channel", MadeSince, EndpointFilter]
    search_fields = ["message", "subject"]
    fields = [
        ("told", "subject"),
        ("receiver", "channel"),
        ("standing", "attempts"),
        ("created", "sent"),
        ("next_try_at", "dead_at", "moot_at"),
        "provider_ref",
        "last_error",
        "key",
        "event",
    ]
    verbs = [_replay_verb("delivery.own.replay")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        # Deliveries are shared rows: the schema does not keep other tenants' out, this does.
        own = super().get_queryset(request).filter(tenant=current_tenant())
        numbered = own.annotate(user_id=_number_after("user:"), endpoint_id=_number_after("endpoint:"))
        users = User.objects.filter(pk=OuterRef("user_id"))
        endpoints = Endpoint.objects.filter(pk=OuterRef("endpoint_id"), tenant=OuterRef("tenant"))
        return numbered.annotate(
            person=Subquery(users.values("name")[:1]), endpoint=Subquery(endpoints.values("name")[:1])
        )

    @display(description=_("recipient"), ordering="recipient")
    def receiver(self, row: Any) -> str:
        return row.person or row.endpoint or row.recipient

    @display(description=_("key of its repeats"))
    def key(self, row: Delivery) -> str:
        return row.key

    @display(description=_("last error"))
    def error(self, row: Delivery) -> str:
        return Truncator(row.last_error).chars(80)


def _number_after(prefix: str) -> Case:
    """The number in a recipient that begins with `prefix`, else NULL."""
    number = Cast(Substr("recipient", len(prefix) + 1), BigIntegerField())
    return Case(When(recipient__startswith=prefix, then=number))
