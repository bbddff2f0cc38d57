"""The tenant's console: programs, projects and the people on them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.admin import display, register
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from hypercare import services
from hypercare.forms import JoinForm, NewProgramForm, NewProjectForm
from hypercare.models import Program, Project, ProjectMember
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.models import User
from tenancy.web.admin import Inline, Made, ModelAdmin, Verb, moment, pill, tenant_site
from tenancy.web.authentication import actor_of

SETUP = _("Set-up")

Cleaned = Mapping[str, Any]


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
