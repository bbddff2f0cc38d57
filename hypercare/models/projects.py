"""Programs, their projects, and who is on them."""

from typing import Any, ClassVar
from uuid import UUID

from django.core.validators import RegexValidator
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from timezone_field import TimeZoneField

from hypercare.rules import fingerprint
from hypercare.states import SupportLevel
from tenancy.actors import Actor
from tenancy.fields import UserRef
from tenancy.flags import PROJECT_SCOPE, flag_is_enabled
from tenancy.models import Tenant
from tenancy.postgresql.statements import Statement
from tenancy.rows import TenantManager, TenantModel, TenantQuerySet
from tenancy.states import ActorKind, Role

CODE = r"^[A-Z][A-Z0-9-]{1,19}$"
_code_validator = RegexValidator(
    CODE, _("Two to twenty capital letters, digits and hyphens, a letter first.")
)


def sees_all(actor: Actor, tenant: Tenant) -> bool:
    """Whether `actor` is not held to the projects they are a member of (product.md, Tenancy)."""
    return actor.kind in (ActorKind.SUPPORT, ActorKind.SYSTEM) or not flag_is_enabled(PROJECT_SCOPE, tenant)


class ProgramQuerySet(TenantQuerySet["Program"]):
    def visible_to(self, actor: Actor, tenant: Tenant) -> "ProgramQuerySet":
        """The programs that hold a project which `actor` sees; for agents and above also those that hold none."""
        if sees_all(actor, tenant):
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

    @property
    def version(self) -> int:
        """Another number once somebody has changed what is edited, for those who edit together."""
        return fingerprint(self.code, self.name)


class ProjectQuerySet(TenantQuerySet["Project"]):
    def visible_to(self, actor: Actor, tenant: Tenant) -> "ProjectQuerySet":
        """The projects that `actor` is a member of; all for support, the system, and with the scope flag off."""
        return self if sees_all(actor, tenant) else self.of_member(actor.user_id)

    def of_member(self, user_id: Any) -> "ProjectQuerySet":
        """The projects that a user is a member of; `user_id` may be an expression."""
        return self.filter(members__user=user_id)


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
    change_quorum = models.PositiveSmallIntegerField(_("approvals that a change request needs"), default=1)
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
            models.CheckConstraint(name="project_quorum_positive", condition=Q(change_quorum__gte=1)),
            models.UniqueConstraint(
                fields=["is_operations"], name="project_one_operations", condition=Q(is_operations=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def version(self) -> int:
        """Another number once somebody has changed what is edited, for those who edit together."""
        edited = (self.code, self.name, self.program_id, self.go_live_at, self.hypercare_ends_on)
        return fingerprint(*edited, self.time_zone, self.change_quorum)


def seen_project(pk: UUID, actor: Actor, tenant: Tenant) -> Project | None:
    """The one of `visible_to` with this key: what every request under a project asks, so compiled once."""
    rows = _any(pk=pk) if sees_all(actor, tenant) else _of_member(pk=pk, user=actor.user_id)
    return Project.from_db(DEFAULT_DB_ALIAS, _COLUMNS, rows[0]) if rows else None


_COLUMNS = [field.attname for field in Project._meta.concrete_fields]
_any = Statement(lambda pk: Project.objects.filter(pk=pk).values_list(*_COLUMNS), "pk")
_of_member = Statement(
    lambda pk, user: Project.objects.of_member(user).filter(pk=pk).values_list(*_COLUMNS), "pk", "user"
)


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
