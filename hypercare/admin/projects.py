"""The tenant's console: programs, projects and the people on them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import display, register
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from hypercare import services
from hypercare.admin.filters import ProgramFilter
from hypercare.admin.looks import verb_url
from hypercare.admin.sheets import IMPORT_MEMBERS
from hypercare.forms.projects import (
    ChangeMemberForm,
    JoinForm,
    NewProjectForm,
    ProgramForm,
    ProjectForm,
    QuorumForm,
    RemoveMemberForm,
)
from hypercare.models import ChangeRequest, Incident, Program, Project, ProjectMember
from hypercare.rules import day_of
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.models import User
from tenancy.permissions import may
from tenancy.web.admin import Inline, Made, ModelAdmin, Verb, moment, pill, tenant_site
from tenancy.web.authentication import actor_of

SETUP = _("Set-up")

Cleaned = Mapping[str, Any]


# ---- verbs ------------------------------------------------------------------------------------------------------


def _new_program(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    program = services.create_program(**cleaned, by=by, now=now)
    return Made(_("Program %(name)s is here.") % {"name": program.name}, program)


def _edit_program(row: Program, cleaned: Cleaned, *, version: int, by: Actor, now: datetime) -> str:
    program = services.change_program(program=row, version=version, **cleaned, by=by, now=now)
    return _("Program %(name)s is changed.") % {"name": program.name}


def _delete_program(row: Program, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    services.delete_program(program=row, by=by, now=now)
    return Made(_("Program %(name)s is deleted.") % {"name": row.name}, None)


def _new_project(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    project = services.create_project(**cleaned, by=by, now=now)
    return Made(_("Project %(name)s is here.") % {"name": project.name}, project)


def _edit_project(row: Project, cleaned: Cleaned, *, version: int, by: Actor, now: datetime) -> str:
    project = services.change_project(project=row, version=version, **cleaned, by=by, now=now)
    return _("Project %(name)s is changed.") % {"name": project.name}


def _delete_project(row: Project, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    services.delete_project(project=row, by=by, now=now)
    return Made(_("Project %(name)s is deleted.") % {"name": row.name}, None)


def _change_quorum(row: Project, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    quorum: int = cleaned["quorum"]
    services.set_quorum(project=row, quorum=quorum, by=by, now=now)
    said = ngettext(
        "%(project)s asks for %(count)d approval now.",
        "%(project)s asks for %(count)d approvals now.",
        quorum,
    )
    return said % {"project": row.name, "count": quorum}


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


def _change_member(row: Project, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    member: ProjectMember = cleaned["member"]
    services.change_member(
        member=member,
        support_level=cleaned["support_level"],
        is_board_member=cleaned["is_board_member"],
        by=by,
        now=now,
    )
    return _("%(name)s is changed on %(project)s.") % {"name": member.user.name, "project": row.name}


def _remove_member(row: Project, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    member: ProjectMember = cleaned["member"]
    services.remove_member(member=member, by=by, now=now)
    return _("%(name)s is not on %(project)s any more.") % {"name": member.user.name, "project": row.name}


def _from_the_members_row(row: Project) -> bool:
    """No button beside the project's own: every member's row has one."""
    return False


# ---- programs ---------------------------------------------------------------------------------------------------


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
    empty = _("No program yet: it is what several projects of a customer belong to.")
    list_verbs = [
        Verb(
            "create",
            _("New program…"),
            "program.change",
            _new_program,
            ProgramForm,
            "add",
            ActionVariant.PRIMARY,
            button=_("Create"),
        )
    ]
    verbs = [
        Verb("edit", _("Edit…"), "program.change", _edit_program, ProgramForm, "edit", versioned=True),
        Verb(
            "delete",
            _("Delete"),
            "program.change",
            _delete_program,
            icon="delete",
            variant=ActionVariant.DANGER,
            explain=_("Only a program without projects can be deleted."),
            available=lambda row: row.project_count == 0,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Program]:
        seen = Program.objects.visible_to(actor_of(request), current_tenant())
        return seen.annotate(project_count=Count("projects", distinct=True)).order_by("code")

    @display(description=_("projects"), ordering="project_count")
    def projects(self, row: Any) -> int:
        count: int = row.project_count
        return count


# ---- projects ---------------------------------------------------------------------------------------------------


class ProjectMemberInline(Inline):
    """The people of a project, each with what can be done about their place."""

    model = ProjectMember
    read_action = "project_member.read"
    verbose_name_plural = _("members")
    fields = ["user", "support_level", "is_board_member", "created_at"]
    ordering = ["user__name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProjectMember]:
        return super().get_queryset(request).select_related("user", "project")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        more = ["verbs"] if may(actor_of(request), "project_member.change") else []
        return ["user", "support_level", "is_board_member", "created_at", *more]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj)

    @display(description=_("Next"))
    def verbs(self, row: ProjectMember) -> SafeString:
        who = {"member": str(row.pk)}
        seat = {"support_level": row.support_level} | (
            {"is_board_member": "on"} if row.is_board_member else {}
        )
        change = f"{verb_url(row.project, 'change-member')}?{urlencode(who | seat)}"
        remove = f"{verb_url(row.project, 'remove-member')}?{urlencode(who)}"
        return format_html(
            '<span class="hc-nowrap"><a class="hc-pill" href="{}">{}</a> <a class="hc-pill" href="{}">{}</a></span>',
            change,
            gettext("Change…"),
            remove,
            gettext("Remove…"),
        )


@register(Project, site=tenant_site)
class ProjectAdmin(ModelAdmin):
    title = _("Projects")
    icon = "rocket_launch"
    section = SETUP
    place = 2
    read_action = "project.read"
    list_display = ["name", "code", "program", "day", "go_live", "hypercare_ends_on", "people"]
    list_select_related = ["program"]
    list_filter = [ProgramFilter, "is_operations"]
    search_fields = ["name", "code", "program__name"]
    empty = _("No project yet: incidents and change requests belong to one.")
    fields = [
        ("code", "name"),
        ("program", "is_operations"),
        ("go_live", "hypercare_ends_on"),
        ("time_zone", "change_quorum"),
        "created_at",
    ]
    readonly_fields = [
        *("code", "name", "program", "is_operations", "go_live", "hypercare_ends_on"),
        *("time_zone", "change_quorum", "created_at"),
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
            button=_("Create"),
        ),
        IMPORT_MEMBERS,
    ]
    verbs = [
        Verb("edit", _("Edit…"), "project.change", _edit_project, ProjectForm, "edit", versioned=True),
        Verb("join", _("Add a member…"), "project_member.change", _join, JoinForm, "person_add"),
        Verb(
            "change-member",
            _("Change a member…"),
            "project_member.change",
            _change_member,
            ChangeMemberForm,
            "manage_accounts",
            available=_from_the_members_row,
        ),
        Verb(
            "remove-member",
            _("Remove a member…"),
            "project_member.change",
            _remove_member,
            RemoveMemberForm,
            "person_remove",
            ActionVariant.DANGER,
            _("What they are assigned stays theirs until somebody else gets it."),
            available=_from_the_members_row,
        ),
        Verb(
            "quorum",
            _("Change the quorum…"),
            "change.quorum",
            _change_quorum,
            QuorumForm,
            "how_to_vote",
            explain=_("Change requests that have enough approvals then are approved at once."),
        ),
        Verb(
            "delete",
            _("Delete"),
            "project.change",
            _delete_project,
            icon="delete",
            variant=ActionVariant.DANGER,
            explain=_("Only a project that holds nothing can be deleted. Its members go with it."),
            available=lambda row: not row.is_operations and not row.is_held,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        seen = Project.objects.visible_to(actor_of(request), current_tenant())
        members = ProjectMember.objects.filter(project=OuterRef("pk")).order_by()
        count = Subquery(members.values("project").annotate(count=Count("pk")).values("count"))
        held = Exists(Incident.objects.filter(project=OuterRef("pk"))) | Exists(
            ChangeRequest.objects.filter(project=OuterRef("pk"))
        )
        counted = seen.annotate(member_count=Coalesce(count, 0), is_held=held)
        return counted.select_related("program").order_by("code")

    @display(description=_("go-live"), ordering="go_live_at")
    def go_live(self, row: Project) -> SafeString | str:
        return moment(row.go_live_at)

    @display(description=_("people"), ordering="member_count")
    def people(self, row: Any) -> int:
        count: int = row.member_count
        return count

    @display(description=_("day"), ordering="go_live_at")
    def day(self, row: Project) -> SafeString | str:
        if row.go_live_at is None:
            return "–"
        today = day_of(timezone.now(), row.time_zone)
        return pill(f"{(today - day_of(row.go_live_at, row.time_zone)).days:+d}")
