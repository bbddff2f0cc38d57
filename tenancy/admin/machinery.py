"""What waits for its time, and what runs regularly."""

from datetime import datetime, timedelta
from typing import Any

from celery.schedules import crontab
from django.conf import settings
from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask
from unfold.enums import ActionVariant

from tenancy import deadlines, provisioning, services
from tenancy.actors import Actor
from tenancy.admin.filters import OfTenant
from tenancy.admin.sections import MACHINERY, Cleaned
from tenancy.admin.verbs import event_name
from tenancy.context import PUBLIC
from tenancy.errors import Conflict
from tenancy.models import Deadline, SpareSchema, Tenant
from tenancy.states import DeliveryState, TenantState
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


@register(Deadline, site=public_site)
class DeadlineAdmin(ModelAdmin):
    title = _("Deadlines")
    icon = "schedule"
    section = MACHINERY
    read_action = "deadline.read"
    list_display = ["due", "tenant", "what", "subject", "standing", "attempts", "error"]
    list_filter = [DeadlineFilter, ("tenant", OfTenant)]
    list_filter_submit = True
    list_select_related = ["tenant"]
    search_fields = ["kind", "subject", "tenant__slug"]
    date_hierarchy = "due_at"
    ordering = ["wake_at", "id"]
    empty = _("Nothing waits for its time.")
    fields = [
        ("tenant", "standing"),
        ("what", "subject"),
        ("due", "wake_at"),
        ("attempts", "dead_at"),
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

    @display(description=_("kind"), ordering="kind")
    def what(self, row: Deadline) -> SafeString:
        return event_name(row.kind)

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


# ---- what runs regularly ------------------------------------------------------------------------------------------


def _next_after(task: PeriodicTask, at: datetime) -> datetime | None:
    """When `task` is due after it ran at `at`; None for a schedule that does not repeat."""
    repeats = task.schedule
    if isinstance(repeats, crontab):
        begin, wait, _now = repeats.remaining_delta(at)
        return begin + wait
    every: timedelta | None = getattr(repeats, "run_every", None)
    return at + every if every else None


def late_since(task: PeriodicTask, now: datetime) -> datetime | None:
    """When `task` should have run, if it is on and has missed console.LATE_PERIODS; else None."""
    if not task.enabled:
        return None
    ran = max(filter(None, [task.last_run_at, task.date_changed]), default=None)
    due = first = _next_after(task, ran) if ran else None
    for _period in range(settings.THRESHOLDS.console.LATE_PERIODS - 1):
        due = _next_after(task, due) if due else None
    return (
        first
        if due and now > due + timedelta(minutes=settings.THRESHOLDS.console.WRITTEN_AFTER_MINUTES)
        else None
    )


def late_tasks(now: datetime) -> list[int]:
    """The periodic tasks that are late, by their keys. One query: there are a handful of tasks."""
    tasks = PeriodicTask.objects.filter(enabled=True).select_related(*SCHEDULES)
    return [task.pk for task in tasks if late_since(task, now)]


SCHEDULES = ("interval", "crontab", "solar", "clocked")


class LateFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("late", _("late")), ("off", _("switched off"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "late":
            return queryset.filter(pk__in=late_tasks(timezone.now()))
        return queryset.filter(enabled=False) if self.value() == "off" else queryset


def _switch_on(row: PeriodicTask, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.switch_task(task=row, enabled=True, reason=cleaned["reason"], by=by, now=now)
    return _("%(task)s runs again.") % {"task": row.name}


def _switch_off(row: PeriodicTask, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.switch_task(task=row, enabled=False, reason=cleaned["reason"], by=by, now=now)
    return _("%(task)s is off: it does not run until somebody switches it on.") % {"task": row.name}


@register(PeriodicTask, site=public_site)
class PeriodicTaskAdmin(ModelAdmin):
    title = _("Periodic tasks")
    icon = "update"
    section = MACHINERY
    read_action = "deadline.read"
    list_display = ["name", "calls", "standing", "rhythm", "last_run", "next_run"]
    list_filter = [LateFilter]
    list_select_related = SCHEDULES
    search_fields = ["name", "task"]
    ordering = ["name"]
    fields = [
        ("name", "calls"),
        ("standing", "rhythm"),
        ("last_run", "next_run"),
        "total_run_count",
        ("args", "kwargs"),
        "description",
    ]
    empty = _("Beat has not started yet: it writes its tasks here.")
    verbs = [
        Verb(
            "switch-off",
            _("Switch off…"),
            "schedule.change",
            _switch_off,
            ReasonForm,
            "pause",
            ActionVariant.DANGER,
            _("What it does is not done until it is on again: without the sweep no breach is told."),
            lambda row: row.enabled,
        ),
        Verb(
            "switch-on",
            _("Switch on…"),
            "schedule.change",
            _switch_on,
            ReasonForm,
            "play_arrow",
            ActionVariant.PRIMARY,
            "",
            lambda row: not row.enabled,
        ),
    ]

    @display(description=_("task"), ordering="task")
    def calls(self, row: PeriodicTask) -> str:
        return str(row.task)

    @display(description=_("schedule"))
    def rhythm(self, row: PeriodicTask) -> str:
        return str(row.scheduler)

    @display(description=_("state"), ordering="enabled")
    def standing(self, row: PeriodicTask) -> SafeString:
        if not row.enabled:
            return pill(_("switched off"), "soon")
        now = timezone.now()
        if since := late_since(row, now):
            return pill(_("late: was due %(time)s ago") % {"time": timesince(since, now, depth=1)}, "late")
        return pill(
            _("in time") if row.last_run_at else _("has not run yet"), "ok" if row.last_run_at else ""
        )

    @display(description=_("last run"), ordering="last_run_at")
    def last_run(self, row: PeriodicTask) -> SafeString | str:
        return moment(row.last_run_at)

    @display(description=_("next run"))
    def next_run(self, row: PeriodicTask) -> Any:
        if not row.enabled:
            return "–"
        now = timezone.now()
        due = _next_after(row, row.last_run_at) if row.last_run_at else None
        if due is None or due <= now:
            return _("any moment")
        return _("in %(time)s") % {"time": timeuntil(due, now, depth=1)}


def lease_ended(now: datetime) -> Q:
    """Deliveries whose dispatcher did not come back, and that no other has taken up for a few of its runs."""
    grace = settings.THRESHOLDS.console.LATE_PERIODS * timedelta(
        seconds=settings.THRESHOLDS.delivery.EVERY_SECONDS
    )
    return Q(state=DeliveryState.LEASED, leased_until__lt=now - grace)


class LeaseFilter(SimpleListFilter):
    title = _("dispatcher")
    parameter_name = "lease"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("ended", _("did not come back"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(lease_ended(timezone.now())) if self.value() == "ended" else queryset


# ---- schemas that wait for a tenant -------------------------------------------------------------------------------


def missing_spares(now: datetime) -> int:
    """How many spare schemas should have been made and were not."""
    customers = Tenant.objects.exclude(schema_name=PUBLIC)
    refilled_after = timedelta(minutes=settings.THRESHOLDS.console.REFILLED_AFTER_MINUTES)
    if customers.filter(created_at__gt=now - refilled_after).exists():
        return 0
    ready = SpareSchema.objects.filter(leaf_hash=provisioning.leaf_hash(shared=False)).count()
    return max(0, settings.THRESHOLDS.provisioning.SPARE_SCHEMAS - ready)


@register(SpareSchema, site=public_site)
class SpareSchemaAdmin(ModelAdmin):
    title = _("Spare schemas")
    icon = "inventory_2"
    section = MACHINERY
    read_action = "deadline.read"
    list_display = ["name", "standing", "created"]
    ordering = ["created_at", "id"]
    fields = ["name", "standing", "created"]
    empty = _("No schema is ready: a new tenant waits until one is built. Look at the task refill-spares.")

    @display(description=_("state"))
    def standing(self, row: SpareSchema) -> SafeString:
        if row.leaf_hash == provisioning.leaf_hash(shared=False):
            return pill(_("ready"), "ok")
        return pill(_("of other migrations"))

    @display(description=_("created at"), ordering="created_at")
    def created(self, row: SpareSchema) -> SafeString | str:
        return moment(row.created_at)
