"""The tenant's console: incidents, worst first, with their clocks and what is said about them."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast

from django.contrib.admin import display, register
from django.db.models import Case, DateTimeField, F, Q, QuerySet, Value, When
from django.db.models.functions import Least
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hypercare import services
from hypercare.admin.filters import (
    AssigneeFilter,
    BreachFilter,
    DueFilter,
    ModuleFilter,
    ProjectFilter,
    ReopenedFilter,
    ReportedFilter,
    WaitingFilter,
)
from hypercare.admin.incident_verbs import AT_HAND, LIST_VERBS, VERBS
from hypercare.admin.looks import clock_view, duration, read_clocks, severity_badge, verb_url
from hypercare.admin.stories import story_of
from hypercare.forms.incidents import CommentForm
from hypercare.models import Incident, IncidentQuerySet
from hypercare.rules import LONG_TEXT
from hypercare.states import OPEN_STATES, ClockKind, IncidentState
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.permissions import may
from tenancy.web.admin import ModelAdmin, Verb, edits, pill, tenant_site
from tenancy.web.authentication import actor_of
from tenancy.web.forms import VerbForm

WORK = _("Work")


def by_urgency(incidents: "QuerySet[Incident]") -> "QuerySet[Incident]":
    """With `next_due`: when the next running clock of an open incident is, or was, due; none for resolved ones."""
    next_due = Case(
        When(~Q(state__in=OPEN_STATES), then=Value(None)),
        When(first_response_at__isnull=True, then=Least("sla_response_deadline", "sla_resolution_deadline")),
        default=F("sla_resolution_deadline"),
        output_field=DateTimeField(),
    )
    return incidents.annotate(next_due=next_due)


# Without a clock that runs: first those that wait, then the resolved ones.
WORST_FIRST = (F("next_due").asc(nulls_last=True), F("resolved_at").desc(nulls_first=True), "-number")
STATE_TONES = {
    IncidentState.OPEN: "",
    IncidentState.IN_PROGRESS: "",
    IncidentState.WAITING: "soon",
    IncidentState.RESOLVED: "ok",
    IncidentState.CLOSED: "ok",
}


@register(Incident, site=tenant_site)
class IncidentAdmin(ModelAdmin):
    title = _("Incidents")
    icon = "emergency_home"
    section = WORK
    place = 1
    read_action = "incident.read"
    list_display = [
        "badge",
        "what",
        "standing",
        "affected_module",
        "assignee",
        "response_clock",
        "resolution_clock",
    ]
    list_display_links = ["what"]
    list_filter = [
        AssigneeFilter,
        BreachFilter,
        DueFilter,
        "state",
        "severity",
        "support_level",
        ProjectFilter,
        ModuleFilter,
        WaitingFilter,
        ReopenedFilter,
        ReportedFilter,
    ]
    empty = _("No incident has been reported yet. A quiet start.")
    list_select_related = ["project", "assigned_to", "waiting_owner"]
    search_fields = ["title", "number", "affected_module"]
    search_help_text = _("A number, or words of the title")
    date_hierarchy = "created_at"
    change_form_before_template = "console/incident_clocks.html"
    change_form_outer_after_template = "console/incident_story.html"
    list_verbs = LIST_VERBS
    verbs = VERBS

    class Media:
        css = {"all": ["hypercare/work.css"]}

    def __init__(self, model: type[Incident], admin_site: Any):
        super().__init__(model, admin_site)
        buttons = [f"do_{verb.name}" for verb in self.verbs if verb.name in AT_HAND]
        others = [f"do_{verb.name}" for verb in self.verbs if verb.name not in AT_HAND]
        menu: Any = {"title": _("More"), "icon": "more_horiz", "items": others}
        self.actions_detail = (*buttons, menu)

    def get_fields(self, request: HttpRequest, obj: Incident | None = None) -> list[Any]:
        """What says something about this incident: no empty rows for what has not happened."""
        if obj is None:
            return ["title"]
        fields: list[Any] = [
            ("badge", "standing"),
            ("project", "affected_module"),
            ("incident_type", "affected_users_count"),
            ("assignee", "support_level"),
            ("reporter", "source"),
        ]
        if obj.state == IncidentState.WAITING:
            fields += [("waiting_reason", "waiting_owner")]
        if obj.reopened_count or obj.closed_at:
            fields += [("reopened_count", "closed_at")]
        if obj.backlog_item_id or obj.change_request_id:
            fields += [("backlog_item", "change")]
        fields.append("description")
        if obj.root_cause:
            fields += [("root_cause_category", "root_cause"), "resolution_notes"]
        return fields

    def get_readonly_fields(self, request: HttpRequest, obj: Incident | None = None) -> list[str]:
        shown = self.get_fields(request, obj)
        return [name for field in shown for name in ([field] if isinstance(field, str) else field)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        seen = Incident.objects.visible_to(actor_of(request), current_tenant())
        people = ("assigned_to", "reported_by", "waiting_owner")
        rows = seen.select_related("project", "backlog_item", "change_request", *people)
        return by_urgency(rows).order_by(*WORST_FIRST)

    def get_ordering(self, request: HttpRequest) -> Any:
        return WORST_FIRST

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """As the API searches: every word, and INC-12 by its number."""
        return cast("IncidentQuerySet", queryset).search(search_term), False

    def prepare(self, rows: Sequence[Any]) -> None:
        read_clocks(rows, timezone.now())

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        extra = {} if row is None else self._story(row, request)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **extra})

    def _story(self, row: Incident, request: HttpRequest) -> dict[str, Any]:
        now, by = timezone.now(), actor_of(request)
        return {
            "title": row.key,
            "subtitle": row.title,
            "clocks": [clock_view(row, clock, now) for clock in ClockKind],
            "comments": list(services.comments(incident=row, by=by)),
            "customer": current_tenant().name,
            "composer": self._composer(row, by),
            "timeline": story_of(list(services.timeline(incident=row, by=by)), by=by),
        }

    def _composer(self, row: Incident, by: Actor) -> dict[str, Any] | None:
        """What the form for a comment on the page needs; None for those who may only read."""
        if not may(by, "incident.comment_internally"):
            return None
        url = verb_url(row, "comment")
        return {"url": url, "once": edits.ONCE, "key": edits.new_key(), "longest": LONG_TEXT}

    def _page(self, verb: Verb, request: HttpRequest, form: VerbForm, **about: Any) -> TemplateResponse:
        """A comment that waits to be sent is no mistake: its page says what the button does."""
        page = super()._page(verb, request, form, **about)
        if isinstance(form, CommentForm) and form.is_shown_only and page.context_data is not None:
            page.status_code = HTTPStatus.OK
            page.context_data["button"] = _("Send to the customer")
        return page

    @display(description=_("severity"), ordering="severity")
    def badge(self, row: Incident) -> SafeString:
        return severity_badge(row.severity)

    @display(description=_("incident"), ordering="number")
    def what(self, row: Incident) -> SafeString:
        return format_html('<span class="hc-what">{}<small>{}</small></span>', row.title, row.key)

    @display(description=_("state"), ordering="state")
    def standing(self, row: Incident) -> SafeString:
        state = pill(row.get_state_display(), STATE_TONES[IncidentState(row.state)])
        if row.waiting_since is not None:
            time = duration(timezone.now() - row.waiting_since)
            said = gettext("for %(name)s, %(time)s") % {"name": row.waiting_owner, "time": time}
        elif row.reopened_count and row.is_open:
            said = gettext("reopened")
        else:
            return state
        return format_html("{}<small>{}</small>", state, said)

    @display(description=_("change request"))
    def change(self, row: Incident) -> SafeString | str:
        if row.change_request is None:
            return "–"
        url = reverse("admin:hypercare_changerequest_change", args=[row.change_request.pk])
        return format_html('<a class="hc-what" href="{}">{}</a>', url, row.change_request)

    @display(description=_("assigned to"), ordering="assigned_to__name")
    def assignee(self, row: Incident) -> Any:
        return str(row.assigned_to) if row.assigned_to else _("nobody")

    @display(description=_("reported by"))
    def reporter(self, row: Incident) -> Any:
        return str(row.reported_by) if row.reported_by else _("the system")

    @display(description=_("first response"), ordering="sla_response_deadline")
    def response_clock(self, row: Incident) -> SafeString:
        return clock_view(row, ClockKind.RESPONSE, timezone.now()).html()

    @display(description=_("resolution"), ordering="sla_resolution_deadline")
    def resolution_clock(self, row: Incident) -> SafeString:
        return clock_view(row, ClockKind.RESOLUTION, timezone.now()).html()
