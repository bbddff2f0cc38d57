"""The tenant's console: incidents with their clocks, what is said about them, and their verbs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Case, DateTimeField, F, Q, QuerySet, Value, When
from django.db.models.functions import Least
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from hypercare import services
from hypercare.admin.looks import clock_view, duration, read_clocks, severity_badge
from hypercare.admin.stories import story_of
from hypercare.forms import (
    AssignForm,
    CommentForm,
    ReopenForm,
    ReportForm,
    ResolveForm,
    SeverityForm,
    WaitForm,
)
from hypercare.models import Incident, IncidentQuerySet, Project
from hypercare.states import DONE_STATES, OPEN_STATES, ClockKind, IncidentState, Severity
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.models import User
from tenancy.web.admin import Made, MemberFilter, ModelAdmin, Verb, pill, tenant_site
from tenancy.web.authentication import actor_of

WORK = _("Work")

Cleaned = Mapping[str, Any]


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


# ---- verbs ------------------------------------------------------------------------------------------------------


def _report(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    incident = services.report_incident(**cleaned, by=by, now=now)
    return Made(_("%(key)s is open; its clocks run.") % {"key": incident.key}, incident)


def _respond(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.respond_first(incident=row, by=by, now=now)
    return _("%(key)s has its first response and is in progress.") % {"key": row.key}


def _assign(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    who: User | None = cleaned["assigned_to_id"]
    services.assign(
        incident=row,
        assigned_to_id=who.pk if who else None,
        support_level=cleaned["support_level"] or None,
        by=by,
        now=now,
    )
    if who is None:
        return _("%(key)s is nobody's now.") % {"key": row.key}
    return _("%(key)s is assigned to %(name)s.") % {"key": row.key, "name": who.name}


def _resolve(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.resolve(
        incident=row,
        root_cause=cleaned["root_cause"],
        resolution_notes=cleaned["resolution_notes"],
        root_cause_category=cleaned["root_cause_category"] or None,
        by=by,
        now=now,
    )
    return _("%(key)s is resolved.") % {"key": row.key}


def _comment(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    internal = cleaned["audience"] == CommentForm.INTERNAL
    services.add_comment(incident=row, content=cleaned["content"], is_internal=internal, by=by, now=now)
    if internal:
        return _("Said about %(key)s, internally.") % {"key": row.key}
    return _("Said about %(key)s; the customer sees it.") % {"key": row.key}


def _wait(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    owner: User = cleaned["owner_id"]
    services.wait(incident=row, reason=cleaned["reason"], owner_id=owner.pk, by=by, now=now)
    return _("%(key)s waits for %(name)s.") % {"key": row.key, "name": owner.name}


def _resume(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.resume(incident=row, by=by, now=now)
    return _("%(key)s goes on, and its clock with it.") % {"key": row.key}


def _close(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.close(incident=row, by=by, now=now)
    return _("%(key)s is closed.") % {"key": row.key}


def _reopen(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.reopen(incident=row, reason=cleaned["reason"], by=by, now=now)
    return _("%(key)s is in progress again.") % {"key": row.key}


def _change_severity(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    changed = services.change_incident(incident=row, severity=cleaned["severity"], by=by, now=now)
    said = {"key": row.key, "severity": Severity(changed.severity).label}
    return _("%(key)s is %(severity)s now.") % said


# ---- incidents --------------------------------------------------------------------------------------------------


class BreachFilter(SimpleListFilter):
    """Computed from deadlines and now, not from what the sweep has recorded."""

    title = _("breached")
    parameter_name = "breached"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("now", _("open and breached")), ("ever", _("breached, open or not")), ("no", _("in time"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        breached = Incident.objects.all().is_breached(timezone.now())
        wanted = {"now": breached & Q(state__in=OPEN_STATES), "ever": breached, "no": ~breached}
        return queryset.filter(wanted[self.value() or ""]) if self.value() in wanted else queryset


class ProjectFilter(SimpleListFilter):
    """One of the projects that the actor sees."""

    title = _("project")
    parameter_name = "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        seen = Project.objects.visible_to(actor_of(request), current_tenant())
        return [(str(pk), name) for pk, name in seen.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        known = self.value() in dict(self.lookup_choices)
        return queryset.filter(project=self.value()) if known else queryset.none()


class ReopenedFilter(SimpleListFilter):
    """Whether it came back."""

    title = _("reopened")
    parameter_name = "reopened"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("reopened")), ("no", _("never reopened"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        again = Q(reopened_count__gt=0)
        wanted = {"yes": again, "no": ~again}
        return queryset.filter(wanted[self.value() or ""]) if self.value() in wanted else queryset


class AssigneeFilter(MemberFilter):
    title = _("assigned to")
    parameter_name = "assigned_to"


BULK = "incident.bulk_change"


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
    list_filter = [BreachFilter, "state", "severity", ProjectFilter, AssigneeFilter, ReopenedFilter]
    list_select_related = ["project", "assigned_to", "waiting_owner"]
    search_fields = ["title", "number", "affected_module"]
    search_help_text = _("A number, or words of the title")
    date_hierarchy = "created_at"
    change_form_before_template = "console/incident_clocks.html"
    change_form_outer_after_template = "console/incident_story.html"
    list_verbs = [
        Verb(
            "report",
            _("Report incident…"),
            "incident.report",
            _report,
            ReportForm,
            "add",
            ActionVariant.PRIMARY,
            _("Its clocks start at once, with the times of its severity."),
        )
    ]
    verbs = [
        Verb(
            "respond",
            _("Respond first"),
            "incident.respond",
            _respond,
            icon="reply",
            variant=ActionVariant.PRIMARY,
            explain=_("Says that somebody is on it: the response clock stops and work is in progress."),
            available=lambda row: row.is_open and row.first_response_at is None,
            bulk=BULK,
        ),
        Verb(
            "assign",
            _("Assign…"),
            "incident.assign",
            _assign,
            AssignForm,
            "person_add",
            available=lambda row: row.is_open,
            bulk=BULK,
        ),
        Verb(
            "resolve",
            _("Resolve…"),
            "incident.resolve",
            _resolve,
            ResolveForm,
            "task_alt",
            ActionVariant.SUCCESS,
            available=lambda row: row.is_open,
            bulk=BULK,
        ),
        Verb(
            "comment",
            _("Comment…"),
            "incident.comment",
            _comment,
            CommentForm,
            "chat",
        ),
        Verb(
            "wait",
            _("Wait for somebody…"),
            "incident.wait",
            _wait,
            WaitForm,
            "hourglass_empty",
            explain=_(
                "The resolution clock is paused until work goes on. Who has to answer is told by mail."
            ),
            available=lambda row: row.state in (IncidentState.OPEN, IncidentState.IN_PROGRESS),
        ),
        Verb(
            "resume",
            _("Go on"),
            "incident.resume",
            _resume,
            icon="play_arrow",
            variant=ActionVariant.PRIMARY,
            explain=_("The answer is there: the resolution clock runs on from where it was paused."),
            available=lambda row: row.state == IncidentState.WAITING,
            bulk=BULK,
        ),
        Verb(
            "severity",
            _("Change severity…"),
            "incident.change",
            _change_severity,
            SeverityForm,
            "priority_high",
            explain=_("Both clocks get the times of the new severity; what has elapsed stays elapsed."),
            available=lambda row: row.is_open,
        ),
        Verb(
            "close",
            _("Close"),
            "incident.close",
            _close,
            icon="done_all",
            variant=ActionVariant.SUCCESS,
            explain=_("Ends the story. Who reported it is told by mail."),
            available=lambda row: row.state == IncidentState.RESOLVED,
            bulk=BULK,
        ),
        Verb(
            "reopen",
            _("Reopen…"),
            "incident.reopen",
            _reopen,
            ReopenForm,
            "replay",
            explain=_("Work goes on, and the resolution clock runs on from where it stopped."),
            available=lambda row: row.state in DONE_STATES,
        ),
    ]

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

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        page = super().get_changelist_instance(request)
        read_clocks(page.result_list, timezone.now())
        return page

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
        said = list(services.comments(incident=row, by=by))
        return {
            "title": row.key,
            "subtitle": row.title,
            "clocks": [(clock_view(row, clock, now), row) for clock in ClockKind],
            "comments": said,
            "comment_url": reverse("admin:hypercare_incident_change", args=[row.pk]).replace(
                "change/", "do/comment/"
            ),
            "timeline": story_of(list(services.timeline(incident=row, by=by)), by=by),
        }

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
