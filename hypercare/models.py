"""The tables of a hypercare phase: programs, projects, their people, incidents and their clocks."""

from datetime import datetime
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q, Value
from django.utils.translation import gettext_lazy as _
from timezone_field import TimeZoneField

from hypercare.states import (
    OPEN_STATES,
    ClockEventKind,
    ClockKind,
    IncidentState,
    IncidentType,
    RootCauseCategory,
    Severity,
    Source,
    SupportLevel,
)
from tenancy.actors import Actor
from tenancy.fields import UserRef, together
from tenancy.flags import PROJECT_SCOPE, flag_is_enabled
from tenancy.models import Tenant
from tenancy.rows import TenantManager, TenantModel, TenantQuerySet
from tenancy.states import ActorKind, Role

CODE = r"^[A-Z][A-Z0-9-]{1,19}$"
_code_validator = RegexValidator(
    CODE, _("Two to twenty capital letters, digits and hyphens, a letter first.")
)


def _sees_all(actor: Actor, tenant: Tenant) -> bool:
    """Whether `actor` is not held to the projects they are a member of (product.md, Tenancy)."""
    return actor.kind in (ActorKind.SUPPORT, ActorKind.SYSTEM) or not flag_is_enabled(PROJECT_SCOPE, tenant)


class ProgramQuerySet(TenantQuerySet["Program"]):
    def visible_to(self, actor: Actor, tenant: Tenant) -> "ProgramQuerySet":
        """The programs that hold a project which `actor` sees; for agents and above also those that hold none."""
        if _sees_all(actor, tenant):
            return self
        seen = Q(pk__in=Project.objects.visible_to(actor, tenant).values("program"))
        empty = ~Exists(Project.objects.filter(program=OuterRef("pk")))
        return self.filter(seen | empty) if actor.at_least(Role.AGENT) else self.filter(seen)


ProgramManager = models.Manager.from_queryset(ProgramQuerySet)


class Program(TenantModel):
    """What several projects of a customer belong to."""

    code = models.CharField(_("code"), max_length=20, unique=True, validators=[_code_validator])
    name = models.CharField(_("name"), max_length=120)
    created_at = models.DateTimeField(_("created at"))

    objects: ClassVar["ProgramManager[Program]"] = ProgramManager()

    class Meta:
        verbose_name = _("program")
        verbose_name_plural = _("programs")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(name="program_code_shape", condition=Q(code__regex=CODE)),
            models.CheckConstraint(name="program_has_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name


class ProjectQuerySet(TenantQuerySet["Project"]):
    def visible_to(self, actor: Actor, tenant: Tenant) -> "ProjectQuerySet":
        """The projects that `actor` is a member of; all for support, the system, and with the scope flag off."""
        return self if _sees_all(actor, tenant) else self.filter(members__user=actor.user_id)


ProjectManager = models.Manager.from_queryset(ProjectQuerySet)


class Project(TenantModel):
    """One go-live and the weeks after it. `is_operations` marks the one that the system's own incidents go to."""

    program = models.ForeignKey(
        Program, on_delete=models.PROTECT, related_name="projects", verbose_name=_("program")
    )
    code = models.CharField(_("code"), max_length=20, unique=True, validators=[_code_validator])
    name = models.CharField(_("name"), max_length=120)
    go_live_at = models.DateTimeField(_("go-live"), null=True, blank=True)
    hypercare_ends_on = models.DateField(_("hypercare ends on"), null=True, blank=True)
    time_zone = TimeZoneField(_("time zone"), default="Europe/Istanbul")
    is_operations = models.BooleanField(_("operations project"), default=False)
    created_at = models.DateTimeField(_("created at"))

    objects: ClassVar["ProjectManager[Project]"] = ProjectManager()

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(name="project_code_shape", condition=Q(code__regex=CODE)),
            models.CheckConstraint(name="project_has_name", condition=~Q(name="")),
            models.CheckConstraint(
                name="project_end_needs_go_live",
                condition=Q(hypercare_ends_on__isnull=True) | Q(go_live_at__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["is_operations"], name="project_one_operations", condition=Q(is_operations=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProjectMember(TenantModel):
    """That a user of the tenant works on or for a project, at which support level, and on the change board."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="members", verbose_name=_("project")
    )
    user = UserRef(verbose_name=_("user"))
    support_level = models.CharField(_("support level"), max_length=2, choices=SupportLevel, blank=True)
    is_board_member = models.BooleanField(_("on the change board"), default=False)
    created_at = models.DateTimeField(_("created at"))

    objects: ClassVar["TenantManager[ProjectMember]"] = TenantManager()

    class Meta:
        verbose_name = _("project member")
        verbose_name_plural = _("project members")
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="projectmember_once"),
            models.CheckConstraint(
                name="projectmember_level_known", condition=Q(support_level__in=["", *SupportLevel.values])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.project}"


FULFILLED_AT = {ClockKind.RESPONSE: "first_response_at", ClockKind.RESOLUTION: "resolved_at"}
"""The column that says when a clock was fulfilled."""


def _breached(clock: ClockKind, now: datetime) -> Q:
    """That `clock` is breached at `now`: recorded as such, or still running at or past its deadline."""
    late = Q(**{f"{FULFILLED_AT[clock]}__isnull": True, f"sla_{clock}_deadline__lte": now})
    return Q(**{f"sla_{clock}_breached": True}) | late


class IncidentQuerySet(TenantQuerySet["Incident"]):
    def visible_to(self, actor: Actor, tenant: Tenant) -> "IncidentQuerySet":
        """The incidents of the projects that `actor` sees."""
        return self if _sees_all(actor, tenant) else self.filter(project__members__user=actor.user_id)

    def open(self) -> "IncidentQuerySet":
        """Those not resolved."""
        return self.filter(state__in=OPEN_STATES)

    def breached(self, now: datetime) -> "IncidentQuerySet":
        """Those with a clock breached at `now`, recorded or not: reads do not wait for sweeps."""
        return self.filter(self.is_breached(now))

    @staticmethod
    def is_breached(now: datetime) -> Q:
        """The condition of `breached`, for filters and aggregates."""
        return _breached(ClockKind.RESPONSE, now) | _breached(ClockKind.RESOLUTION, now)

    def unrecorded(self, clock: ClockKind, now: datetime) -> "IncidentQuerySet":
        """Those whose `clock` runs, is breached at `now`, and is not recorded so."""
        fulfilled = FULFILLED_AT[clock]
        late = {
            f"{fulfilled}__isnull": True,
            f"sla_{clock}_deadline__lte": now,
            f"sla_{clock}_breached": False,
        }
        return self.open().filter(**late)


IncidentManager = models.Manager.from_queryset(IncidentQuerySet)


class Incident(TenantModel):
    """Something that went wrong at a customer. People call it INC-12.

    The `sla_*` columns are the projection of its two clocks (see ClockEvent), written in the same transaction;
    `sla_*_breached` is the record that the breach was told, made at `sla_*_breached_at`. Whether a clock is
    breached now is asked of `is_breached`.
    """

    number = models.PositiveBigIntegerField(
        _("number"),
        unique=True,
        editable=False,
        # A sequence of this schema: creating does not serialise, and a rolled-back one leaves a gap.
        db_default=Func(
            Value("hypercare_incident_number"), function="nextval", output_field=models.BigIntegerField()
        ),
    )
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="incidents", verbose_name=_("project")
    )
    title = models.CharField(_("title"), max_length=255)
    description = models.TextField(_("description"), blank=True)
    source = models.CharField(_("source"), max_length=16, choices=Source, default=Source.PERSON)
    state = models.CharField(_("state"), max_length=16, choices=IncidentState, default=IncidentState.OPEN)
    severity = models.CharField(_("severity"), max_length=2, choices=Severity, default=Severity.P3)
    incident_type = models.CharField(_("type"), max_length=16, choices=IncidentType, blank=True)
    affected_module = models.CharField(_("module"), max_length=20, blank=True)
    affected_users_count = models.PositiveIntegerField(_("affected users"), null=True, blank=True)
    reported_by = UserRef(verbose_name=_("reported by"), null=True, blank=True)
    created_at = models.DateTimeField(_("reported at"))
    assigned_to = UserRef(verbose_name=_("assigned to"), null=True, blank=True)
    support_level = models.CharField(_("support level"), max_length=2, choices=SupportLevel, blank=True)

    sla_response_deadline = models.DateTimeField(_("response due at"), editable=False)
    sla_response_breached = models.BooleanField(_("response breached"), default=False, editable=False)
    sla_response_breached_at = models.DateTimeField(
        _("response breach recorded at"), null=True, blank=True, editable=False
    )
    sla_resolution_deadline = models.DateTimeField(_("resolution due at"), editable=False)
    sla_resolution_breached = models.BooleanField(_("resolution breached"), default=False, editable=False)
    sla_resolution_breached_at = models.DateTimeField(
        _("resolution breach recorded at"), null=True, blank=True, editable=False
    )

    first_response_at = models.DateTimeField(_("first response at"), null=True, blank=True)
    first_response_by = UserRef(verbose_name=_("first response by"), null=True, blank=True)
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)
    resolved_by = UserRef(verbose_name=_("resolved by"), null=True, blank=True)
    root_cause = models.TextField(_("root cause"), blank=True)
    root_cause_category = models.CharField(
        _("root cause category"), max_length=16, choices=RootCauseCategory, blank=True
    )
    resolution_notes = models.TextField(_("resolution notes"), blank=True)

    objects: ClassVar["IncidentManager[Incident]"] = IncidentManager()

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["project", "-number"], name="incident_by_project"),
            models.Index(
                fields=["project", "severity"], name="incident_open", condition=Q(state__in=OPEN_STATES)
            ),
            models.Index(fields=["project", "resolved_at"], name="incident_by_resolution"),
        ]
        constraints = [
            models.CheckConstraint(name="incident_has_title", condition=~Q(title="")),
            models.CheckConstraint(name="incident_source_known", condition=Q(source__in=Source.values)),
            models.CheckConstraint(name="incident_state_known", condition=Q(state__in=IncidentState.values)),
            models.CheckConstraint(name="incident_severity_known", condition=Q(severity__in=Severity.values)),
            models.CheckConstraint(
                name="incident_type_known", condition=Q(incident_type__in=["", *IncidentType.values])
            ),
            models.CheckConstraint(
                name="incident_level_known", condition=Q(support_level__in=["", *SupportLevel.values])
            ),
            models.CheckConstraint(
                name="incident_cause_known",
                condition=Q(root_cause_category__in=["", *RootCauseCategory.values]),
            ),
            models.CheckConstraint(
                name="incident_first_response_pair",
                condition=together(Q(first_response_at__isnull=True), Q(first_response_by__isnull=True)),
            ),
            models.CheckConstraint(
                name="incident_open_is_unanswered",
                condition=~Q(state=IncidentState.OPEN) | Q(first_response_at__isnull=True),
            ),
            models.CheckConstraint(
                name="incident_resolved_pair",
                condition=together(Q(resolved_at__isnull=True), Q(resolved_by__isnull=True)),
            ),
            models.CheckConstraint(
                name="incident_resolved_has_time",
                condition=together(Q(state=IncidentState.RESOLVED), Q(resolved_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="incident_resolved_has_reason",
                condition=~Q(state=IncidentState.RESOLVED) | (~Q(root_cause="") & ~Q(resolution_notes="")),
            ),
            models.CheckConstraint(
                name="incident_response_breach_pair",
                condition=together(Q(sla_response_breached=True), Q(sla_response_breached_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="incident_resolution_breach_pair",
                condition=together(
                    Q(sla_resolution_breached=True), Q(sla_resolution_breached_at__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="incident_due_after_report",
                condition=Q(sla_response_deadline__gt=F("created_at"))
                & Q(sla_resolution_deadline__gt=F("created_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.title}"

    @property
    def key(self) -> str:
        """The number as people say it: INC-12."""
        return f"INC-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    def deadline(self, clock: ClockKind) -> datetime:
        """When `clock` is, or was, due."""
        due_at: datetime = getattr(self, f"sla_{clock}_deadline")
        return due_at

    def fulfilled_at(self, clock: ClockKind) -> datetime | None:
        """When `clock` was fulfilled, or None while it runs."""
        at: datetime | None = getattr(self, FULFILLED_AT[clock])
        return at

    def is_breached(self, clock: ClockKind, now: datetime) -> bool:
        """Whether `clock` is breached at `now`, recorded or not; the same answer as `replay`."""
        recorded: bool = getattr(self, f"sla_{clock}_breached")
        return recorded or (self.fulfilled_at(clock) is None and self.deadline(clock) <= now)


class ClockEvent(TenantModel):
    """One step of one clock of one incident. Only ever appended; `rules.replay` turns the list into a state."""

    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, related_name="clock_events", verbose_name=_("incident")
    )
    clock = models.CharField(_("clock"), max_length=16, choices=ClockKind)
    seq = models.PositiveIntegerField(_("sequence"))
    kind = models.CharField(_("kind"), max_length=16, choices=ClockEventKind)
    at = models.DateTimeField(_("at"))
    target_minutes = models.PositiveIntegerField(_("target in minutes"), null=True, blank=True)
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
                name="clockevent_start_has_target",
                condition=Q(kind=ClockEventKind.START, target_minutes__isnull=False, target_minutes__gt=0)
                | (~Q(kind=ClockEventKind.START) & Q(target_minutes__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.clock} {self.seq} {self.kind}"
