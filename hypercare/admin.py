"""The tenant's console: incidents with their clocks, and the programs, projects and people around them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Case, Count, DateTimeField, F, Q, QuerySet, Value, When
from django.db.models.functions import Least
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from hypercare import services
from hypercare.forms import AssignForm, JoinForm, NewProgramForm, NewProjectForm, ReportForm, ResolveForm
from hypercare.models import Incident, Program, Project, ProjectMember
from hypercare.rules import ClockState, Tick, replay
from hypercare.states import (
    OPEN_STATES,
    ClockEventKind,
    ClockKind,
    IncidentState,
    RootCauseCategory,
    Severity,
    Source,
)
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.models import User
from tenancy.states import ActorKind
from tenancy.web.admin import (
    Inline,
    Made,
    MemberFilter,
    ModelAdmin,
    Verb,
    actor_in,
    moment,
    pill,
    tenant_site,
)
from tenancy.web.authentication import actor_of

WORK = _("Work")
SETUP = _("Set-up")
SOON_PERCENT = 80
MINUTE, HOUR, COUNTED_IN_HOURS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=2)
NEEDS_FIRST = 10

Cleaned = Mapping[str, Any]


# ---- how incidents look -----------------------------------------------------------------------------------------


def severity_badge(value: str) -> SafeString:
    """◆ P1 system down: a shape and words before a colour."""
    severity = Severity(value)
    return format_html(
        '<span class="hc-sev hc-{}"><span aria-hidden="true">{}</span> {}</span>',
        severity.value,
        severity.shape,
        severity.label,
    )


def duration(length: timedelta) -> str:
    """48 min, 7 h 20 min, 3 d 4 h: the two largest units, rounded down."""
    length = abs(length)
    minutes = length // MINUTE % 60
    if length < HOUR:
        return gettext("%(m)d min") % {"m": minutes}
    days, hours = divmod(length // HOUR, 24)
    if length < COUNTED_IN_HOURS:
        hours += 24 * days
        whole = gettext("%(h)d h") % {"h": hours}
        return whole if not minutes else gettext("%(h)d h %(m)d min") % {"h": hours, "m": minutes}
    whole = gettext("%(d)d d") % {"d": days}
    return whole if not hours else gettext("%(d)d d %(h)d h") % {"d": days, "h": hours}


@dataclass(frozen=True, slots=True)
class ClockView:
    """One clock in words: what is left or late, of how much."""

    label: Any
    state: ClockState

    @property
    def tone(self) -> str:
        if self.state.breached:
            return "late"
        if self.state.fulfilled_at:
            return "ok"
        return "soon" if self.state.percent >= SOON_PERCENT else ""

    @property
    def value(self) -> int:
        """Used share of the target in percent, at most 100, for a meter."""
        return min(100, self.state.percent)

    @property
    def words(self) -> tuple[str, str]:
        """What counts, and of what: ("48 min left", "of 8 h")."""
        late = self.state.remaining < timedelta(0) or self.state.breached
        amount = duration(self.state.remaining)
        target = gettext("of %(target)s") % {"target": duration(self.state.target)}
        if self.state.fulfilled_at and not late:
            return gettext("met in %(time)s") % {"time": duration(self.state.elapsed)}, target
        if self.state.fulfilled_at:
            return gettext("met %(time)s late") % {"time": amount}, target
        text = gettext("%(time)s late") if late else gettext("%(time)s left")
        return text % {"time": amount}, target

    def html(self) -> SafeString:
        what, target = self.words
        tone = f"hc-{self.tone}" if self.tone else ""
        due = gettext("due %(at)s") % {
            "at": timezone.localtime(self.state.due_at).strftime("%Y-%m-%d %H:%M %Z")
        }
        return format_html(
            '<span class="hc-clock {}" title="{}"><b>{}</b> {}</span>', tone, due, what, target
        )


def clock_view(row: Incident, clock: ClockKind, now: datetime) -> ClockView:
    """What `clock` says at `now`, from the incident's columns: a clock that runs from the report, without pauses."""
    target = (row.deadline(clock) - row.created_at) // timedelta(minutes=1)
    ticks = [Tick(ClockEventKind.START, row.created_at, target)]
    fulfilled_at = row.fulfilled_at(clock)
    if fulfilled_at:
        ticks.append(Tick(ClockEventKind.FULFIL, fulfilled_at))
    return ClockView(clock.label, replay(ticks, now))


def by_urgency(incidents: "QuerySet[Incident]") -> "QuerySet[Incident]":
    """With `next_due`: when the next running clock of an open incident is, or was, due; none for resolved ones."""
    next_due = Case(
        When(~Q(state__in=OPEN_STATES), then=Value(None)),
        When(first_response_at__isnull=True, then=Least("sla_response_deadline", "sla_resolution_deadline")),
        default=F("sla_resolution_deadline"),
        output_field=DateTimeField(),
    )
    return incidents.annotate(next_due=next_due)


WORST_FIRST = (F("next_due").asc(nulls_last=True), "-number")
STATE_TONES = {IncidentState.OPEN: "soon", IncidentState.IN_PROGRESS: "", IncidentState.RESOLVED: "ok"}


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
    list_filter = [BreachFilter, "state", "severity", ProjectFilter, AssigneeFilter]
    list_select_related = ["project", "assigned_to"]
    search_fields = ["title", "number", "affected_module"]
    search_help_text = _("A number, or words of the title")
    date_hierarchy = "created_at"
    change_form_before_template = "console/incident_clocks.html"
    change_form_outer_after_template = "console/timeline.html"
    fields = [
        ("badge", "standing"),
        ("project", "affected_module"),
        ("incident_type", "affected_users_count"),
        ("assignee", "support_level"),
        ("reporter", "source"),
        "description",
        ("root_cause_category", "root_cause"),
        "resolution_notes",
    ]
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
            available=lambda row: row.state == IncidentState.OPEN,
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
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        seen = Incident.objects.visible_to(actor_of(request), current_tenant())
        return by_urgency(seen).select_related("project", "assigned_to", "reported_by").order_by(*WORST_FIRST)

    def get_ordering(self, request: HttpRequest) -> Any:
        return WORST_FIRST

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """As everywhere; INC-12 means number 12 and nothing else."""
        kind, _dash, number = search_term.strip().upper().partition("-")
        if kind == "INC" and number.isascii() and number.isdigit():
            return queryset.filter(number=number), False
        return super().get_search_results(request, queryset, search_term)

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
        now = timezone.now()
        events = list(services.timeline(incident=row, by=actor_of(request)))
        known = {event.actor_id for event in events if event.actor_id}
        known |= {who for event in events for key in PEOPLE for who in event.data.get(key, []) if who}
        people = User.objects.filter(pk__in=known)
        names = dict(people.values_list("pk", "name"))
        return {
            "title": row.key,
            "subtitle": row.title,
            "clocks": [(clock_view(row, clock, now), row) for clock in ClockKind],
            "timeline": [_line(event, names) for event in events],
        }

    @display(description=_("severity"), ordering="severity")
    def badge(self, row: Incident) -> SafeString:
        return severity_badge(row.severity)

    @display(description=_("incident"), ordering="number")
    def what(self, row: Incident) -> SafeString:
        return format_html('<span class="hc-what">{}<small>{}</small></span>', row.title, row.key)

    @display(description=_("state"), ordering="state")
    def standing(self, row: Incident) -> SafeString:
        return pill(row.get_state_display(), STATE_TONES[IncidentState(row.state)])

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


WORDS = {
    "incident.reported": _("reported it"),
    "incident.first_response": _("gave the first response"),
    "incident.assigned": _("assigned it"),
    "incident.resolved": _("resolved it"),
    "incident.breached": _("recorded a breach"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the timeline, for people."""

    at: datetime
    who: str
    what: Any
    facts: str
    tone: str = ""


FACTS = {
    "severity": _("severity"),
    "source": _("source"),
    "state": _("state"),
    "clock": _("clock"),
    "target_minutes": _("target"),
    "elapsed_minutes": _("elapsed"),
    "due_at": _("due at"),
    "root_cause_category": _("root cause category"),
    "assigned_to": _("assigned to"),
    "support_level": _("support level"),
    "told": _("told"),
    "concerned": _("concerned"),
}
CHOICES: dict[str, dict[str, Any]] = {
    "severity": dict(Severity.choices),
    "source": dict(Source.choices),
    "state": dict(IncidentState.choices),
    "clock": dict(ClockKind.choices),
    "root_cause_category": dict(RootCauseCategory.choices),
}
PEOPLE = ("assigned_to", "told", "concerned")
PAIRS = ("assigned_to", "support_level", "state")


def _facts(data: Mapping[str, Any], names: dict[int, str]) -> Iterator[str]:
    """What an event says besides its verb, in words; a pair is from and to."""
    told = dict(data)
    if "from" in told:
        told["state"] = [told["from"], told.get("to")]
    for key, label in FACTS.items():
        values = told.get(key)
        items = values if isinstance(values, list) else [values]
        if any(items):
            words = [_in_words(key, item, names) for item in items]
            yield f"{label}: {(' → ' if key in PAIRS else ', ').join(words)}"


def _in_words(key: str, value: Any, names: dict[int, str]) -> str:
    if value in ("", None):
        return "–"
    if key in PEOPLE:
        return names.get(value, f"#{value}")
    if key == "due_at":
        return timezone.localtime(datetime.fromisoformat(value)).strftime("%Y-%m-%d %H:%M")
    if key in ("target_minutes", "elapsed_minutes"):
        return duration(timedelta(minutes=value))
    return str(CHOICES.get(key, {}).get(value, value))


def _line(event: Any, names: dict[int, str]) -> Line:
    who = names.get(event.actor_id, f"#{event.actor_id}") if event.actor_id else gettext("the system")
    if event.actor_kind == ActorKind.SUPPORT:
        who = f"{who} ({event.get_actor_kind_display()})"
    facts = ", ".join(_facts(event.data, names))
    tone = "late" if event.verb == "incident.breached" else ""
    return Line(event.at, who, WORDS.get(event.verb, event.verb), facts, tone)


# ---- programs, projects, people -----------------------------------------------------------------------------------


def _new_program(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    program = services.create_program(**cleaned, by=by, now=now)
    return Made(_("Program %(name)s is here.") % {"name": program.name}, program)


def _new_project(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    project = services.create_project(**cleaned, by=by, now=now)
    return Made(_("Project %(name)s is here.") % {"name": project.name}, project)


def _join(row: Project, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    user: User = cleaned["user_id"]
    services.add_member(
        project=row,
        user_id=user.pk,
        support_level=cleaned["support_level"] or None,
        is_board_member=cleaned["is_board_member"],
        by=by,
        now=now,
    )
    return _("%(name)s is on %(project)s now.") % {"name": user.name, "project": row.name}


class ProjectMemberInline(Inline):
    model = ProjectMember
    read_action = "project_member.read"
    fields = ["user", "support_level", "is_board_member", "created_at"]
    ordering = ["user__name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProjectMember]:
        return super().get_queryset(request).select_related("user", "project")


@register(Program, site=tenant_site)
class ProgramAdmin(ModelAdmin):
    title = _("Programs")
    icon = "account_tree"
    section = SETUP
    place = 2
    read_action = "program.read"
    list_display = ["name", "code", "projects"]
    search_fields = ["name", "code"]
    fields = [("code", "name"), "created_at"]
    list_verbs = [
        Verb(
            "create",
            _("New program…"),
            "program.change",
            _new_program,
            NewProgramForm,
            "add",
            ActionVariant.PRIMARY,
        )
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Program]:
        seen = Program.objects.visible_to(actor_of(request), current_tenant())
        return seen.annotate(project_count=Count("projects", distinct=True)).order_by("code")

    @display(description=_("projects"), ordering="project_count")
    def projects(self, row: Any) -> int:
        count: int = row.project_count
        return count


@register(Project, site=tenant_site)
class ProjectAdmin(ModelAdmin):
    title = _("Projects")
    icon = "rocket_launch"
    section = SETUP
    place = 2
    read_action = "project.read"
    list_display = ["name", "code", "program", "day", "go_live", "hypercare_ends_on"]
    list_select_related = ["program"]
    search_fields = ["name", "code", "program__name"]
    fields = [
        ("code", "name"),
        ("program", "is_operations"),
        ("go_live_at", "hypercare_ends_on"),
        ("time_zone", "created_at"),
    ]
    inlines = [ProjectMemberInline]
    list_verbs = [
        Verb(
            "create",
            _("New project…"),
            "project.change",
            _new_project,
            NewProjectForm,
            "add",
            ActionVariant.PRIMARY,
        )
    ]
    verbs = [Verb("join", _("Add a member…"), "project_member.change", _join, JoinForm, "person_add")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        seen = Project.objects.visible_to(actor_of(request), current_tenant())
        return seen.select_related("program").order_by("code")

    @display(description=_("go-live"), ordering="go_live_at")
    def go_live(self, row: Project) -> SafeString | str:
        return moment(row.go_live_at)

    @display(description=_("day"))
    def day(self, row: Project) -> SafeString | str:
        if row.go_live_at is None:
            return "–"
        today = timezone.now().astimezone(row.time_zone).date()
        days = (today - row.go_live_at.astimezone(row.time_zone).date()).days
        return pill(f"{days:+d}")


# ---- the first page -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """Open incidents of one severity, and how many of them are breached now."""

    severity: str
    badge: SafeString
    count: int
    breached: str
    url: str


def needs_you_first(request: HttpRequest) -> dict[str, Any]:
    """Open incidents by severity, and the ten that come first by time to breach. Two queries."""
    actor = actor_in(request)
    if actor is None:
        return {}
    now = timezone.now()
    incidents = Incident.objects.visible_to(actor, current_tenant()).open()
    late = incidents.is_breached(now)
    counts = incidents.aggregate(
        **{f"open_{level}": Count("pk", filter=Q(severity=level)) for level in Severity.values},
        **{f"late_{level}": Count("pk", filter=Q(severity=level) & late) for level in Severity.values},
    )
    first = (
        by_urgency(incidents).select_related("project", "assigned_to").order_by(*WORST_FIRST)[:NEEDS_FIRST]
    )
    url = reverse("admin:hypercare_incident_changelist")
    return {
        "tiles": [
            Tile(
                level,
                severity_badge(level),
                counts[f"open_{level}"],
                _breached_now(counts[f"late_{level}"]),
                f"{url}?severity__exact={level}",
            )
            for level in Severity.values
        ],
        "rows": [
            (
                row,
                severity_badge(row.severity),
                clock_view(row, ClockKind.RESPONSE, now),
                _resolution(row, now),
            )
            for row in first
        ],
        "all_url": url,
        "breached": _breached_now(sum(counts[f"late_{level}"] for level in Severity.values)),
        "breached_url": f"{url}?breached=now",
        "any_breached": any(counts[f"late_{level}"] for level in Severity.values),
    }


def _resolution(row: Incident, now: datetime) -> ClockView:
    return clock_view(row, ClockKind.RESOLUTION, now)


def _breached_now(count: int) -> str:
    if not count:
        return gettext("none breached")
    return ngettext("%(count)d breached now", "%(count)d breached now", count) % {"count": count}


tenant_site.show_first("console/needs_first.html", needs_you_first)
