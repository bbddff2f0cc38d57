"""The filters of incidents and change requests."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hypercare import services
from hypercare.forms.fields import ANSWERING
from hypercare.models import Incident, Program, Project
from hypercare.states import OPEN_STATES
from tenancy.context import current_tenant
from tenancy.web.admin import MemberFilter
from tenancy.web.authentication import actor_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


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


class DueFilter(SimpleListFilter):
    """Open ones whose next running clock is due soon and not over; reads `next_due`."""

    title = _("due soon")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            (str(hours), _("within %(hours)d h") % {"hours": hours})
            for hours in settings.THRESHOLDS.console.SOON_HOURS
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in set(map(str, settings.THRESHOLDS.console.SOON_HOURS)):
            return queryset
        now = timezone.now()
        return queryset.filter(next_due__gt=now, next_due__lte=now + int(self.value() or 0) * HOUR)


class _SeenFilter(SimpleListFilter):
    """One of the rows of `model` that the actor sees: a filter of Django's would name them all."""

    model: type[Program] | type[Project]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        seen = self.model.objects.visible_to(actor_of(request), current_tenant())
        return [(str(pk), name) for pk, name in seen.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        known = self.value() in dict(self.lookup_choices)
        return queryset.filter(**{str(self.parameter_name): self.value()}) if known else queryset.none()


class ProjectFilter(_SeenFilter):
    title = _("project")
    parameter_name = "project"
    model = Project


class ProgramFilter(_SeenFilter):
    title = _("program")
    parameter_name = "program"
    model = Program


class ModuleFilter(SimpleListFilter):
    """One of the modules that the list names, of the projects that the actor sees."""

    title = _("module")
    parameter_name = "module"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = model_admin.model.objects.visible_to(actor_of(request), current_tenant())
        named = rows.exclude(affected_module="").order_by("affected_module")
        return [(name, name) for name in named.values_list("affected_module", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(affected_module=self.value()) if self.value() is not None else queryset


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


class ReportedFilter(SimpleListFilter):
    """Since when: a number of the viewer's days, today included."""

    title = _("reported")
    parameter_name = "reported"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        since = {1: _("today"), 2: _("since yesterday")}
        return [
            (str(days), since.get(days, _("in %(days)d days") % {"days": days}))
            for days in settings.THRESHOLDS.console.REPORTED_DAYS
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in set(map(str, settings.THRESHOLDS.console.REPORTED_DAYS)):
            return queryset
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        return queryset.filter(created_at__gte=midnight - (int(self.value() or 1) - 1) * DAY)


class AssigneeFilter(MemberFilter):
    """Mine, nobody's, or somebody's."""

    title = _("assigned to")
    parameter_name = "assigned_to"
    roles = ANSWERING

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("me", _("me")), *super().lookups(request, model_admin)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "me":
            return queryset.filter(assigned_to=actor_of(request).user_id)
        return super().queryset(request, queryset)


class WaitingFilter(SimpleListFilter):
    """Whom an incident waits for: anybody, or one of those whom some wait for now."""

    title = _("waiting for")
    parameter_name = "waiting_for"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        seen = Incident.objects.visible_to(actor_of(request), current_tenant())
        owners = seen.filter(waiting_owner__isnull=False).order_by("waiting_owner__name", "waiting_owner")
        named = owners.values_list("waiting_owner", "waiting_owner__name").distinct()
        return [("anybody", _("anybody")), *((str(pk), name) for pk, name in named)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        if value == "anybody":
            return queryset.filter(waiting_owner__isnull=False)
        known = value in dict(self.lookup_choices)
        return queryset.filter(waiting_owner=value) if known else queryset.none()


class VoteFilter(SimpleListFilter):
    """What waits for the actor's own vote."""

    title = _("my vote")
    parameter_name = "my_vote"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("due", _("waits for my vote"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        user_id = actor_of(request).user_id
        if self.value() != "due":
            return queryset
        return queryset.filter(services.waits_for_vote_of(user_id)) if user_id else queryset.none()


class RequesterFilter(MemberFilter):
    title = _("requested by")
    parameter_name = "requested_by"
