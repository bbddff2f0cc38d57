"""What clocks run on: calendars, policies, and the events of each clock."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hypercare.models.incidents import Incident
from hypercare.models.projects import Project
from hypercare.states import ClockEventKind, ClockKind, Severity
from tenancy.fields import UserRef
from tenancy.rows import TenantManager, TenantModel


class Calendar(TenantModel):
    """The hours in which clocks of a project run, by name. What it says is in its newest version."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="calendars", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=120)
    created_at = models.DateTimeField(_("created at"))

    objects: ClassVar["TenantManager[Calendar]"] = TenantManager()

    class Meta:
        verbose_name = _("calendar")
        verbose_name_plural = _("calendars")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="calendar_once"),
            models.CheckConstraint(name="calendar_has_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name


class CalendarVersion(TenantModel):
    """What a calendar said from `created_at` on. Never changed, so that clocks can be replayed and explained.

    `definition` is what people wrote (`rules.calendars`), `closed_on` the public holidays that followed from it
    then, as ISO dates: a newer list of holidays must not move a clock that was read before.
    """

    calendar = models.ForeignKey(
        Calendar, on_delete=models.CASCADE, related_name="versions", verbose_name=_("calendar")
    )
    number = models.PositiveIntegerField(_("version"))
    definition = models.JSONField(_("definition"))
    closed_on = models.JSONField(_("public holidays"), default=list)
    created_by = UserRef(verbose_name=_("changed by"), null=True, blank=True)
    created_at = models.DateTimeField(_("changed at"))

    objects: ClassVar["TenantManager[CalendarVersion]"] = TenantManager()

    class Meta:
        verbose_name = _("calendar version")
        verbose_name_plural = _("calendar versions")
        ordering = ["calendar", "number"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "number"], name="calendarversion_once"),
        ]

    def __str__(self) -> str:
        return f"{self.calendar} {self.number}"


class Policy(TenantModel):
    """The SLA of a project from a moment on: targets of all four severities. Never changed; a newer one follows."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="policies", verbose_name=_("project")
    )
    valid_from = models.DateTimeField(_("valid from"))
    created_by = UserRef(verbose_name=_("created by"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"))

    objects: ClassVar["TenantManager[Policy]"] = TenantManager()

    class Meta:
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        ordering = ["-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["project", "valid_from"], name="policy_one_a_moment"),
            models.CheckConstraint(
                name="policy_not_backdated", condition=Q(valid_from__gte=models.F("created_at"))
            ),
        ]

    def __str__(self) -> str:
        begins = self.valid_from.astimezone(self.project.time_zone)
        return f"{self.project} · {begins:%Y-%m-%d %H:%M}"


class PolicyTarget(TenantModel):
    """The targets of one severity under a policy, in minutes of its calendar; without one, round the clock."""

    policy = models.ForeignKey(
        Policy, on_delete=models.CASCADE, related_name="targets", verbose_name=_("policy")
    )
    severity = models.CharField(_("severity"), max_length=2, choices=Severity)
    response_minutes = models.PositiveIntegerField(_("first response, minutes"))
    resolution_minutes = models.PositiveIntegerField(_("resolution, minutes"))
    calendar = models.ForeignKey(
        Calendar,
        on_delete=models.PROTECT,
        related_name="targets",
        verbose_name=_("calendar"),
        null=True,
        blank=True,
    )

    objects: ClassVar["TenantManager[PolicyTarget]"] = TenantManager()

    class Meta:
        verbose_name = _("policy target")
        verbose_name_plural = _("policy targets")
        ordering = ["policy", "severity"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "severity"], name="policytarget_once"),
            models.CheckConstraint(
                name="policytarget_severity_known", condition=Q(severity__in=Severity.values)
            ),
            models.CheckConstraint(
                name="policytarget_positive", condition=Q(response_minutes__gt=0, resolution_minutes__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} {self.severity}"


class ClockEvent(TenantModel):
    """One step of one clock of one incident. Only ever appended; `rules.replay` turns the list into a state.

    A start and a new target say the target in minutes, and the calendar (None: round the clock) from here on.
    """

    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, related_name="clock_events", verbose_name=_("incident")
    )
    clock = models.CharField(_("clock"), max_length=16, choices=ClockKind)
    seq = models.PositiveIntegerField(_("sequence"))
    kind = models.CharField(_("kind"), max_length=16, choices=ClockEventKind)
    at = models.DateTimeField(_("at"))
    target_minutes = models.PositiveIntegerField(_("target in minutes"), null=True, blank=True)
    calendar_version = models.ForeignKey(
        CalendarVersion,
        on_delete=models.PROTECT,
        related_name="clock_events",
        verbose_name=_("calendar version"),
        null=True,
        blank=True,
    )
    data = models.JSONField(_("why"), default=dict, blank=True)

    objects: ClassVar["TenantManager[ClockEvent]"] = TenantManager()

    class Meta:
        verbose_name = _("clock event")
        verbose_name_plural = _("clock events")
        ordering = ["incident", "clock", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "clock", "seq"], name="clockevent_once"),
            models.CheckConstraint(name="clockevent_clock_known", condition=Q(clock__in=ClockKind.values)),
            models.CheckConstraint(name="clockevent_kind_known", condition=Q(kind__in=ClockEventKind.values)),
            models.CheckConstraint(
                name="clockevent_target_where_it_counts",
                condition=Q(
                    kind__in=[ClockEventKind.START, ClockEventKind.RETARGET],
                    target_minutes__isnull=False,
                    target_minutes__gt=0,
                )
                | (
                    ~Q(kind__in=[ClockEventKind.START, ClockEventKind.RETARGET])
                    & Q(target_minutes__isnull=True, calendar_version__isnull=True)
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.clock} {self.seq} {self.kind}"
