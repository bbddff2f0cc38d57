"""The tenant's console: what a project's clocks run by, and what they would do."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import dateformat, timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from hypercare import rules, services
from hypercare.admin.filters import ProjectFilter
from hypercare.admin.looks import duration, severity_badge
from hypercare.admin.previews import asked, foreseen, in_short, shown
from hypercare.admin.projects import SETUP
from hypercare.forms.hours import written
from hypercare.forms.policies import CalendarForm, NewCalendarForm, PolicyForm, SeenFirst, Unseen
from hypercare.models import Calendar, CalendarVersion, Policy, PolicyTarget, Project
from hypercare.services import Plan
from hypercare.states import Severity
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.web.admin import Made, ModelAdmin, Verb, moment, pill, tenant_site
from tenancy.web.authentication import actor_of
from tenancy.web.forms import VerbForm

Cleaned = Mapping[str, Any]

# ---- verbs ------------------------------------------------------------------------------------------------------


def _new_policy(row: Policy | None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    project: Project = cleaned["project"]
    begins: datetime | None = cleaned["valid_from"]
    given = {"project": project, "targets": cleaned["targets"], "valid_from": begins, "by": by, "now": now}
    if not cleaned["seen"]:
        plans, effect = services.foresee_policy(**given)
        at, zone, later = begins or now, project.time_zone, begins is not None
        raise Unseen(foreseen(plans, effect, begins=at, zone=zone, later=later, by=by))
    policy = services.create_policy(**given)
    said = {"project": project.name, "at": _local(policy.valid_from, project)}
    if begins is None:
        return Made(_("The new policy of %(project)s is in force.") % said, policy)
    return Made(_("The new policy of %(project)s begins at %(at)s.") % said, policy)


def _take_back(row: Policy, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    services.delete_policy(policy=row, by=by, now=now)
    said = {"project": row.project.name, "at": _local(row.valid_from, row.project)}
    return Made(_("The policy of %(project)s that was to begin at %(at)s is taken back.") % said, None)


def _new_calendar(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    project: Project = cleaned["project"]
    if not cleaned["seen"]:
        sketch = services.sketch(definition=cleaned["definition"], now=now)
        plans = _plans_on(sketch, project, now)
        raise Unseen(foreseen(plans, None, begins=now, zone=project.time_zone, by=by))
    given = {"name": cleaned["name"], "definition": cleaned["definition"]}
    made = services.create_calendar(project=project, **given, by=by, now=now)
    text = _("Calendar %(name)s is here. No clock runs in it until a policy names it.")
    return Made(text % {"name": made.calendar.name}, made.calendar)


def _change_calendar(
    row: Calendar, cleaned: Cleaned, *, by: Actor, now: datetime, version: int | None = None
) -> str:
    definition = cleaned["definition"]
    if not cleaned["seen"]:
        sketch, effect = services.foresee_calendar(
            calendar=row, definition=definition, version=version, by=by, now=now
        )
        plans = _plans_on(sketch, row.project, now)
        raise Unseen(foreseen(plans, effect, begins=now, zone=row.project.time_zone, by=by))
    made = services.change_calendar(
        calendar=row, name=cleaned["name"], definition=definition, version=version, by=by, now=now
    )
    return _("Calendar %(name)s is at version %(version)d.") % {
        "name": cleaned["name"],
        "version": made.number,
    }


def _plans_on(version: CalendarVersion, project: Project, now: datetime) -> dict[str, Plan]:
    """The targets in force in `project`, in the hours of `version`."""
    return {
        severity: Plan(services.plan_in_force(project, severity, now).minutes, version)
        for severity in Severity.values
    }


def _local(at: datetime, project: Project) -> str:
    return f"{timezone.localtime(at, project.time_zone):%Y-%m-%d %H:%M}"


class Previewing(ModelAdmin):
    """Rows of projects, with forms whose effect is shown first."""

    def _page(self, verb: Verb, request: HttpRequest, form: VerbForm, **about: Any) -> TemplateResponse:
        answer = super()._page(verb, request, form, **about)
        if isinstance(form, SeenFirst) and answer.context_data is not None:
            seen = form.foreseen is not None
            answer.context_data["button"] = _("Save it so") if seen else _("See what it does")
        return answer

    def _seen(self, request: HttpRequest) -> QuerySet[Project]:
        return Project.objects.visible_to(actor_of(request), current_tenant())

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id) if self.has_view_permission(request) else None
        extra = {} if row is None else self._about(request, row, actor_of(request))
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **extra})

    def _about(self, request: HttpRequest, row: Any, by: Actor) -> dict[str, Any]:
        """What the page of `row` shows besides its fields."""
        raise NotImplementedError


# ---- policies -----------------------------------------------------------------------------------------------------

FUTURE, IN_FORCE, PAST = "future", "in_force", "past"
STANDINGS = {FUTURE: _("begins later"), IN_FORCE: _("in force"), PAST: _("past")}
STANDING_TONES = {FUTURE: "soon", IN_FORCE: "ok"}


def _standing(row: Any, now: datetime) -> str:
    if row.valid_from > now:
        return FUTURE
    return PAST if row.is_followed else IN_FORCE


class StandingFilter(SimpleListFilter):
    """Whether it counts now."""

    title = _("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(STANDINGS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        begun = Q(valid_from__lte=timezone.now())
        wanted = {FUTURE: ~begun, IN_FORCE: begun & Q(is_followed=False), PAST: begun & Q(is_followed=True)}
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(wanted[value]) if value in wanted else queryset.none()


class TargetRow(NamedTuple):
    """What a policy says for one severity, in words."""

    badge: SafeString
    response: str
    resolution: str
    calendar: Calendar | None


@register(Policy, site=tenant_site)
class PolicyAdmin(Previewing):
    title = _("Policies")
    icon = "timer"
    section = SETUP
    place = 2
    read_action = "policy.read"
    list_display = ["what", "standing", "begins", "P1", "P2", "P3", "P4"]
    list_display_links = ["what"]
    list_filter = [StandingFilter, ProjectFilter]
    search_fields = ["project__name", "project__code"]
    search_help_text = _("A project's name or code")
    date_hierarchy = "valid_from"
    change_form_outer_after_template = "console/preview_policy.html"
    list_verbs = [
        Verb(
            "create",
            _("New policy…"),
            "policy.change",
            _new_policy,
            PolicyForm,
            "add",
            ActionVariant.PRIMARY,
            _(
                "Targets of a project from a moment on. What clocks would do is shown before anything is saved."
            ),
        )
    ]
    verbs = [
        Verb(
            "follow",
            _("New policy like this…"),
            "policy.change",
            _new_policy,
            PolicyForm,
            "content_copy",
            explain=_("A policy is never changed: a newer one follows it. This one's targets are filled in."),
        ),
        Verb(
            "take_back",
            _("Take back…"),
            "policy.change",
            _take_back,
            icon="undo",
            variant=ActionVariant.DANGER,
            explain=_("It has not begun, so no clock has run by it. The journal keeps that it was there."),
            available=lambda row: row.valid_from > timezone.now(),
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        newer = Policy.objects.filter(
            project=OuterRef("project"), valid_from__gt=OuterRef("valid_from"), valid_from__lte=timezone.now()
        )
        rows = Policy.objects.filter(project__in=self._seen(request)).annotate(is_followed=Exists(newer))
        rows = rows.select_related("project", "created_by").prefetch_related("targets__calendar")
        return rows.order_by("project__code", "-valid_from")

    fields = [("project", "standing"), ("begins", "made")]
    readonly_fields = ["project", "standing", "begins", "made"]

    def _about(self, request: HttpRequest, row: Policy, by: Actor) -> dict[str, Any]:
        now = timezone.now()
        form = asked(request, row, by, now)
        clocks = []
        if form.is_valid():
            clocks = shown(form, services.plans_of(row)[form.cleaned_data["severity"]], by)
        return {
            "title": gettext("Policy"),
            "subtitle": f"{row.project} · {_local(row.valid_from, row.project)}",
            "targets": [self._target(target) for target in sorted(row.targets.all(), key=_severity)],
            "question": form,
            "clocks": clocks,
        }

    def _target(self, row: PolicyTarget) -> TargetRow:
        response, resolution = (timedelta(minutes=n) for n in (row.response_minutes, row.resolution_minutes))
        return TargetRow(severity_badge(row.severity), duration(response), duration(resolution), row.calendar)

    # -- columns

    @display(description=_("policy"), ordering="project__code")
    def what(self, row: Policy) -> SafeString:
        return format_html('{}<br><small class="hc-muted">{}</small>', row.project.name, row.project.code)

    @display(description=_("standing"))
    def standing(self, row: Any) -> SafeString:
        standing = _standing(row, timezone.now())
        return pill(STANDINGS[standing], STANDING_TONES.get(standing, ""))

    @display(description=_("begins"), ordering="valid_from")
    def begins(self, row: Policy) -> SafeString:
        return in_short(row.valid_from, row.project.time_zone)

    @display(description=_("made"))
    def made(self, row: Policy) -> SafeString:
        who = row.created_by.name if row.created_by else gettext("the system")
        return format_html("{} · {}", who, moment(row.created_at))

    @display(description="◆ P1")
    def P1(self, row: Policy) -> SafeString | str:
        return _in_short(row, Severity.P1)

    @display(description="▲ P2")
    def P2(self, row: Policy) -> SafeString | str:
        return _in_short(row, Severity.P2)

    @display(description="■ P3")
    def P3(self, row: Policy) -> SafeString | str:
        return _in_short(row, Severity.P3)

    @display(description="● P4")
    def P4(self, row: Policy) -> SafeString | str:
        return _in_short(row, Severity.P4)


def _severity(row: PolicyTarget) -> str:
    return row.severity


def _in_short(policy: Policy, severity: str) -> SafeString | str:
    """First response and resolution, and the calendar below."""
    for row in policy.targets.all():
        if row.severity == severity:
            response, resolution = (
                timedelta(minutes=n) for n in (row.response_minutes, row.resolution_minutes)
            )
            return format_html(
                '<span class="hc-clock"><b>{} / {}</b> <small>{}</small></span>',
                duration(response),
                duration(resolution),
                row.calendar.name if row.calendar else gettext("round the clock"),
            )
    return "–"


# ---- calendars ----------------------------------------------------------------------------------------------------


class Day(NamedTuple):
    """A day that is not as its weekday is."""

    day: str
    what: str
    hours: str


@register(Calendar, site=tenant_site)
class CalendarAdmin(Previewing):
    title = _("Calendars")
    icon = "calendar_month"
    section = SETUP
    place = 2
    read_action = "calendar.read"
    list_display = ["what", "week", "zone", "holidays_of", "changed"]
    list_display_links = ["what"]
    list_filter = [ProjectFilter]
    search_fields = ["name", "project__name", "project__code"]
    search_help_text = _("A name, or a project's")
    change_form_outer_after_template = "console/calendar.html"
    fields = [("project", "zone"), ("holidays_of", "changed")]
    readonly_fields = ["project", "zone", "holidays_of", "changed"]
    list_verbs = [
        Verb(
            "create",
            _("New calendar…"),
            "calendar.change",
            _new_calendar,
            NewCalendarForm,
            "add",
            ActionVariant.PRIMARY,
            _("Hours that clocks run in. A policy names it for the severities that it is for."),
            button=_("Create"),
        )
    ]
    verbs = [
        Verb(
            "change",
            _("Change…"),
            "calendar.change",
            _change_calendar,
            CalendarForm,
            "edit",
            ActionVariant.PRIMARY,
            _("Makes a new version. Clocks that run in it keep the time they used, and get a new target."),
            versioned=True,
        )
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Calendar]:
        newest = CalendarVersion.objects.filter(calendar=OuterRef("pk")).order_by("-number")
        rows = Calendar.objects.filter(project__in=self._seen(request)).annotate(
            version=Subquery(newest.values("number")[:1]),
            says=Subquery(newest.values("definition")[:1]),
            changed_at=Subquery(newest.values("created_at")[:1]),
        )
        return rows.select_related("project").order_by("project__code", "name")

    def _about(self, request: HttpRequest, row: Any, by: Actor) -> dict[str, Any]:
        now = timezone.now()
        version = services.newest_versions(row.project).get(calendar=row)
        form = asked(request, row, by, now)
        clocks = []
        if form.is_valid():
            in_force = services.plan_in_force(row.project, form.cleaned_data["severity"], now)
            clocks = shown(form, Plan(in_force.minutes, version), by)
        today = timezone.localtime(now, rules.hours_of(version.definition, ()).zone).date()
        until = today + timedelta(days=settings.THRESHOLDS.console.UPCOMING_DAYS)
        weekly = version.definition["weekly"]
        return {
            "title": row.name,
            "subtitle": str(row.project),
            "week": [(WEEKDAYS[at], written(weekly.get(day, ()))) for at, day in enumerate(rules.WEEKDAYS)],
            "upcoming": _upcoming(version, today, until),
            "until": until.isoformat(),
            "question": form,
            "clocks": clocks,
        }

    # -- columns

    @display(description=_("calendar"), ordering="name")
    def what(self, row: Calendar) -> SafeString:
        return format_html('<span class="hc-what">{}<small>{}</small></span>', row.name, row.project)

    @display(description=_("week"))
    def week(self, row: Any) -> SafeString:
        return format_html_join("", "{}<br>", ((line,) for line in _week_in_short(row.says["weekly"])))

    @display(description=_("time zone"))
    def zone(self, row: Any) -> str:
        return str(row.says["time_zone"])

    @display(description=_("public holidays of"))
    def holidays_of(self, row: Any) -> str:
        country, region = row.says["country"], row.says["subdivision"]
        if not country:
            return "–"
        names = services.countries(get_language() or "en")
        return " · ".join(filter(None, [names.get(country, country), region]))

    @display(description=_("changed"), ordering="changed_at")
    def changed(self, row: Any) -> SafeString:
        version = gettext("version %(number)d") % {"number": row.version}
        return format_html("{} <small>{}</small>", moment(row.changed_at), version)


def _week_in_short(weekly: Mapping[str, Sequence[Sequence[str]]]) -> list[str]:
    """Days in a row that have the same hours, on one line."""
    found = []
    days = [(at, written(weekly.get(day, ()))) for at, day in enumerate(rules.WEEKDAYS)]
    for hours, same in groupby(days, key=lambda each: each[1]):
        ats = [at for at, _hours in same]
        names = [str(WEEKDAYS_ABBR[at]) for at in dict.fromkeys((ats[0], ats[-1]))]
        if hours:
            found.append(f"{'–'.join(names)} {hours}")
    return found


def _upcoming(version: CalendarVersion, first: date, last: date) -> list[Day]:
    """Holidays and exceptions from `first` to `last`, in order. An exception counts in place of a holiday."""
    language = (get_language() or "en").partition("-")[0]
    names = services.holiday_names(version, first, last, language)
    special = {date.fromisoformat(day): hours for day, hours in version.definition["special"].items()}
    found = {day: (name or gettext("holiday"), gettext("no hours")) for day, name in names.items()}
    found |= {
        day: (gettext("exception"), written(hours) or gettext("no hours"))
        for day, hours in special.items()
        if first <= day <= last
    }
    return [Day(dateformat.format(day, "D Y-m-d"), *found[day]) for day in sorted(found)]
