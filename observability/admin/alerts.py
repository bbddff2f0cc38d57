"""Alerts: all of them for us, a tenant's own for its managers. The worst come first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from observability import services
from observability.admin.alert_stories import story_of
from observability.forms.alerts import ANY, THIS, AcknowledgeForm, RaiseForm, SilenceAlertForm
from observability.messages import SHAPES, say, whose
from observability.models import Alert, Silence
from observability.rules.alerts import RANKS
from observability.states import AlertSeverity, AlertState
from tenancy.actors import Actor
from tenancy.admin.board import ALARM, WARN, Tile, watch
from tenancy.admin.filters import OfTenant
from tenancy.admin.sections import MACHINERY, Cleaned
from tenancy.context import PUBLIC, current_tenant
from tenancy.deliveries import base_url
from tenancy.models import SupportGrant
from tenancy.web.admin import ModelAdmin, Verb, allowed, moment, pill, public_site, tenant_site
from tenancy.web.authentication import actor_of

STATE_TONES = {AlertState.OPEN: "late", AlertState.ACKNOWLEDGED: "soon", AlertState.RECOVERED: "ok"}
SEVERITY_TONES = {AlertSeverity.CRITICAL: "late", AlertSeverity.HIGH: "soon", AlertSeverity.MEDIUM: ""}
STATES = {state: rank for rank, state in enumerate(AlertState.values)}
WORST_FIRST = ("state_rank", "severity_rank", "-last_seen_at", "-id")


def ranked(alerts: "QuerySet[Alert]") -> "QuerySet[Alert]":
    """With what WORST_FIRST sorts by: open ones first, then the worse."""
    return alerts.annotate(state_rank=_rank("state", STATES), severity_rank=_rank("severity", RANKS))


def _rank(column: str, ranks: Mapping[str, int]) -> Case:
    whens = [When(**{column: name, "then": Value(rank)}) for name, rank in ranks.items()]
    return Case(*whens, default=Value(len(ranks)), output_field=IntegerField())


def _acknowledge(row: Alert, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.acknowledge(alert=row, note=cleaned["note"], by=by, now=now)
    return _("%(rule)s is acknowledged: it is yours, and nobody is called for it.") % {"rule": row.rule}


def _silence(row: Alert, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    made = services.silence(
        rule=row.rule if cleaned["which"] == THIS else "",
        tenant=None if cleaned["where"] == ANY else row.tenant,
        ends_at=cleaned["ends_at"],
        reason=cleaned["reason"],
        by=by,
        now=now,
    )
    until = timezone.localtime(made.ends_at).strftime("%Y-%m-%d %H:%M")
    return _("Nobody is told until %(until)s. It goes on being counted.") % {"until": until}


def _raise(row: Alert, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    _row, raised = services.raise_incident(
        alert=row,
        project=UUID(cleaned["project"]),
        title=cleaned["title"],
        severity=cleaned["severity"],
        by=by,
        now=now,
    )
    return _("%(name)s is reported, and its clocks run.") % {"name": raised.name}


ACKNOWLEDGE = Verb(
    "acknowledge",
    _("Acknowledge…"),
    "alert.acknowledge",
    _acknowledge,
    AcknowledgeForm,
    "check_circle",
    ActionVariant.PRIMARY,
    _("The pagers stop. It recovers by itself once its rule is well again for its whole window."),
    lambda row: row.state == AlertState.OPEN,
    "alert.acknowledge",
)
RAISES = _(
    "An incident is reported in the tenant, and its clocks start. The alert and the incident name each other."
)


class RuleFilter(SimpleListFilter):
    """One of the rules that are watched."""

    title = _("rule")
    parameter_name = "rule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(alarm.name, alarm.name) for alarm in settings.THRESHOLDS.watched()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(rule=self.value()) if self.value() else queryset


class AnyAlertAdmin(ModelAdmin):
    """What both lists of alerts show."""

    title = _("Alerts")
    icon = "notifications_active"
    section = MACHINERY
    read_action = "alert.read"
    list_filter_submit = True
    list_select_related = ["tenant", "acknowledged_by"]
    list_display_links = ["what"]
    search_fields = ["rule"]
    date_hierarchy = "opened_at"
    empty = _("Nothing was in breach yet. Rules without data raise no alert: see the system's health.")
    change_form_outer_after_template = "console/timeline.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        rows = Alert.objects.select_related("tenant", "acknowledged_by")
        return ranked(rows).order_by(*WORST_FIRST)

    def get_ordering(self, request: HttpRequest) -> Any:
        return WORST_FIRST

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            return super().change_view(request, object_id, form_url, extra_context)
        extra = {"title": row.rule, "subtitle": whose(row.tenant), "timeline": story_of(row)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **extra})

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        row = super().get_object(request, *args, **kwargs)
        if row is not None:
            row.may_open_grants = allowed(request, "grant.open")
        return row

    @display(description=_("severity"), ordering="severity_rank")
    def badge(self, row: Alert) -> SafeString:
        severity = AlertSeverity(row.severity)
        return pill(f"{SHAPES[severity]} {severity.label}", SEVERITY_TONES[severity])

    @display(description=_("rule"), ordering="rule")
    def what(self, row: Alert) -> str:
        return row.rule

    @display(description=_("tenant"), ordering="tenant__name")
    def whose(self, row: Alert) -> str:
        return whose(row.tenant)

    @display(description=_("what was measured"))
    def measured(self, row: Alert) -> str:
        return say(row.verdict)

    @display(description=_("state"), ordering="state_rank")
    def standing(self, row: Alert) -> SafeString:
        return pill(row.get_state_display(), STATE_TONES[AlertState(row.state)])

    @display(description=_("since"), ordering="opened_at")
    def began(self, row: Alert) -> SafeString | str:
        return moment(row.since)

    @display(description=_("last seen at"), ordering="last_seen_at")
    def last_seen(self, row: Alert) -> SafeString | str:
        return moment(row.last_seen_at)

    @display(description=_("opened at"))
    def opened(self, row: Alert) -> SafeString | str:
        return moment(row.opened_at)

    @display(description=_("recovered at"))
    def recovered(self, row: Alert) -> SafeString | str:
        return moment(row.recovered_at)

    @display(description=_("ok since"))
    def healing(self, row: Alert) -> SafeString | str:
        return moment(row.ok_since)

    @display(description=_("acknowledged"))
    def taken(self, row: Alert) -> SafeString | str:
        return moment(row.acknowledged_at)

    @display(description=_("runbook"))
    def manual(self, row: Alert) -> SafeString | str:
        if not row.runbook:
            return "–"
        url = reverse("admin:runbooks_key", args=[row.runbook])
        return format_html('<a class="hc-link" href="{}">{}</a>', url, row.runbook)

    @display(description=_("incident"))
    def became(self, row: Any) -> SafeString | str:
        if not row.incident:
            return "–"
        url = services.raiser().page(row.incident, base_url(row.tenant))
        return format_html('<a class="hc-link" href="{}">{}</a>', url, gettext("Open the incident"))


def _quiet(row: Alert) -> Silence | None:
    """What keeps this alert from being told now, and for how long."""
    if row.state == AlertState.RECOVERED:
        return None
    about = Q(tenant=row.tenant_id) | Q(tenant__isnull=True)
    live = Silence.objects.filter(about, services.is_live(timezone.now()), rule__in=("", row.rule))
    return live.order_by("-ends_at").first()


@register(Alert, site=public_site)
class AlertAdmin(AnyAlertAdmin):
    list_display = ["badge", "what", "whose", "measured", "standing", "count", "began", "last_seen", "manual"]
    list_filter = ["state", "severity", RuleFilter, ("tenant", OfTenant)]
    fields = [
        ("badge", "standing"),
        ("whose", "measured"),
        ("began", "last_seen"),
        ("count", "reopened_count"),
        ("owner", "manual"),
        ("told", "escalated"),
        ("taken", "acknowledged_by"),
        ("healing", "recovered"),
        ("became", "config_hash"),
    ]
    verbs = [
        ACKNOWLEDGE,
        Verb(
            "silence",
            _("Silence…"),
            "alert.silence",
            _silence,
            SilenceAlertForm,
            "notifications_off",
            explain=_("Nobody is told until the end that you give. It goes on being counted."),
            available=lambda row: row.state != AlertState.RECOVERED,
        ),
        Verb(
            "raise",
            _("Turn into an incident…"),
            "alert.acknowledge",  # the tenant's own right comes with the grant: the service asks for it
            _raise,
            RaiseForm,
            "emergency_home",
            explain=RAISES,
            available=lambda row: row.may_raise and not row.incident,
            button=_("Report the incident"),
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        live = SupportGrant.objects.filter(
            user=actor_of(request).user_id,
            tenant=OuterRef("tenant"),
            writes=True,
            ended_at__isnull=True,
            expires_at__gt=timezone.now(),
        )
        return super().get_queryset(request).annotate(may_raise=Exists(live))

    @display(description=_("told at"))
    def told(self, row: Alert) -> SafeString | str:
        quiet = _quiet(row)
        if quiet is None:
            return moment(row.told_at)
        url = reverse("admin:observability_silence_change", args=[quiet.pk])
        until = format_html(gettext("silenced until {}"), moment(quiet.ends_at))
        return format_html('{} · <a class="hc-link" href="{}">{}</a>', moment(row.told_at), url, until)

    @display(description=_("escalated at"))
    def escalated(self, row: Alert) -> SafeString | str:
        return moment(row.escalated_at)

    @display(description=_("incident"))
    def became(self, row: Any) -> SafeString | str:
        if row.incident or row.tenant.schema_name == PUBLIC or row.may_raise:
            return super().became(row)
        needs = gettext("none: that needs a support grant that writes")
        if not row.may_open_grants:
            return needs
        url = f"{reverse('admin:tenancy_supportgrant_changelist')}do/open/?tenant={row.tenant_id}"
        return format_html('{}. <a class="hc-link" href="{}">{}</a>', needs, url, gettext("Open a grant…"))


@register(Alert, site=tenant_site)
class TenantAlertAdmin(AnyAlertAdmin):
    list_display = ["badge", "what", "measured", "standing", "count", "began", "last_seen", "manual"]
    list_filter = ["state", "severity", RuleFilter]
    fields = [
        ("badge", "standing"),
        "measured",
        ("began", "last_seen"),
        ("count", "reopened_count"),
        ("taken", "healing"),
        ("recovered", "manual"),
        "became",
    ]
    verbs = [
        ACKNOWLEDGE,
        Verb(
            "raise",
            _("Turn into an incident…"),
            "alert.raise_incident",
            _raise,
            RaiseForm,
            "emergency_home",
            explain=RAISES,
            available=lambda row: not row.incident,
            button=_("Report the incident"),
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        # Alerts are shared rows: the schema does not keep other tenants' out, this does.
        return super().get_queryset(request).filter(tenant=current_tenant())


def alerts_to_look_at(request: HttpRequest, now: datetime) -> list[Tile]:
    """What the operators' board says of alerts: those that nobody has taken, and routes that lead nowhere."""
    if not allowed(request, "alert.read"):
        return []
    waiting = Alert.objects.filter(state=AlertState.OPEN).count()
    url = reverse("admin:observability_alert_changelist")
    hint = _("Nobody has taken them: open the worst, follow its runbook, acknowledge it.")
    lost = services.routes_to_nowhere(settings.THRESHOLDS.watched())
    return [
        Tile(_("Open alerts"), waiting, f"{url}?state__exact=open", ALARM, hint),
        Tile(
            _("Alert routes that lead nowhere"),
            len(lost),
            reverse("admin:observability_duty_changelist"),
            WARN,
            _("Platform staff are mailed instead. Give the duty to somebody, or add the endpoint."),
        ),
    ]


watch(alerts_to_look_at)
