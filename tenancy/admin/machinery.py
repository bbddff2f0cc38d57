"""What waits for its time, and what runs regularly."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from tenancy import deadlines
from tenancy.actors import Actor
from tenancy.admin.sections import MACHINERY, Cleaned
from tenancy.errors import Conflict
from tenancy.models import Deadline
from tenancy.states import TenantState
from tenancy.web.admin import ModelAdmin, Verb, moment, pill, public_site
from tenancy.web.forms import ReasonForm


def _late_since(now: datetime) -> datetime:
    """What was due before this should have been carried out: two sweeps ago."""
    return now - timedelta(seconds=2 * settings.THRESHOLDS.sweep.EVERY_SECONDS)


def overdue(now: datetime) -> Q:
    return Q(dead_at__isnull=True, wake_at__lt=_late_since(now), tenant__state=TenantState.ACTIVE)


def _replay_deadline(row: Deadline, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    if not deadlines.replay(deadline=row, reason=cleaned["reason"], by=by, now=now):
        raise Conflict(_("This deadline is not dead: there is nothing to replay."), state="waiting")
    return str(_("It has all its tries again and is due now."))


class DeadlineFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("waiting", _("waiting")), ("overdue", _("overdue")), ("dead", _("dead"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {
            "waiting": Q(dead_at__isnull=True) & ~overdue(timezone.now()),
            "overdue": overdue(timezone.now()),
            "dead": Q(dead_at__isnull=False),
        }
        return queryset.filter(wanted[self.value() or ""]) if self.value() in wanted else queryset


class OfTenant(AutocompleteSelectFilter):
    """A tenant, found by typing: a list of a thousand is no choice."""

    title = _("tenant")


@register(Deadline, site=public_site)
class DeadlineAdmin(ModelAdmin):
    title = _("Deadlines")
    icon = "schedule"
    section = MACHINERY
    read_action = "deadline.read"
    list_display = ["due", "tenant", "kind", "subject", "standing", "attempts", "error"]
    list_filter = [DeadlineFilter, ("tenant", OfTenant)]
    list_filter_submit = True
    list_select_related = ["tenant"]
    search_fields = ["kind", "subject", "tenant__slug"]
    ordering = ["wake_at", "id"]
    fields = [
        ("tenant", "standing"),
        ("kind", "subject"),
        ("due_at", "wake_at", "dead_at"),
        "attempts",
        "last_error",
    ]
    verbs = [
        Verb(
            "replay",
            _("Replay…"),
            "deadline.replay",
            _replay_deadline,
            ReasonForm,
            "replay",
            ActionVariant.PRIMARY,
            _("A dead deadline gets all its tries again; the next sweep carries it out."),
            lambda row: row.dead_at is not None,
            "deadline.replay",
        )
    ]

    @display(description=_("due at"), ordering="due_at")
    def due(self, row: Deadline) -> SafeString | str:
        return moment(row.due_at)

    @display(description=_("state"))
    def standing(self, row: Deadline) -> SafeString:
        if row.dead_at:
            return pill(_("dead"), "late")
        if row.tenant.state != TenantState.ACTIVE:
            return pill(_("asleep: tenant suspended"))
        if row.wake_at < _late_since(timezone.now()):
            return pill(_("overdue"), "soon")
        return pill(_("waiting"))

    @display(description=_("last error"))
    def error(self, row: Deadline) -> str:
        return Truncator(row.last_error).chars(80)


@register(PeriodicTask, site=public_site)
class PeriodicTaskAdmin(ModelAdmin):
    title = _("Periodic tasks")
    icon = "update"
    section = MACHINERY
    read_action = "deadline.read"
    list_display = ["name", "calls", "enabled", "schedule", "last_run", "total_run_count"]
    list_filter = ["enabled"]
    list_select_related = ["interval", "crontab", "solar", "clocked"]
    search_fields = ["name", "task"]
    fields = [
        ("name", "calls"),
        ("enabled", "schedule"),
        ("last_run_at", "total_run_count", "date_changed"),
        ("args", "kwargs"),
        "description",
    ]

    @display(description=_("task"), ordering="task")
    def calls(self, row: PeriodicTask) -> str:
        return str(row.task)

    @display(description=_("schedule"))
    def schedule(self, row: PeriodicTask) -> str:
        return str(row.scheduler)

    @display(description=_("last run"), ordering="last_run_at")
    def last_run(self, row: PeriodicTask) -> SafeString | str:
        return moment(row.last_run_at)
