"""Choices that several forms offer."""

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.utils.translation import gettext_lazy as _

from hypercare.models import BacklogItem, ChangeRequest, Program, Project, ProjectMember
from hypercare.states import SupportLevel
from tenancy.context import current_tenant
from tenancy.models import User
from tenancy.states import Role
from tenancy.web.forms import LateChoices, MemberField, VerbForm

ANSWERING = (Role.AGENT, Role.MANAGER, Role.ADMIN)
CODE_HELP = _("Capital letters, digits and hyphens, a letter first.")


class ProgramField(LateChoices):
    model = Program

    def rows(self, form: VerbForm) -> "QuerySet[Program]":
        return Program.objects.visible_to(form.actor, current_tenant())


class ProjectField(LateChoices):
    model = Project

    def rows(self, form: VerbForm) -> "QuerySet[Project]":
        return Project.objects.visible_to(form.actor, current_tenant())


class AgentField(MemberField):
    """Agents and above who are on the projects of all the chosen incidents."""

    def rows(self, form: VerbForm) -> "QuerySet[User]":
        here = {"memberships__tenant": current_tenant(), "memberships__role__in": ANSWERING}
        agents = User.objects.filter(**here, is_active=True).order_by("name", "id")
        for project in {incident.project for incident in form.subjects}:
            agents = agents.filter(pk__in=list(project.members.values_list("user_id", flat=True)))
        return agents


class ProjectMemberField(LateChoices):
    """Anybody who is on the projects of all the chosen incidents, customers too."""

    model = User

    def rows(self, form: VerbForm) -> "QuerySet[User]":
        people = User.objects.filter(memberships__tenant=current_tenant(), is_active=True).order_by(
            "name", "id"
        )
        for project in {incident.project for incident in form.subjects}:
            people = people.filter(pk__in=list(project.members.values_list("user_id", flat=True)))
        return people


class UpperLevelField(LateChoices):
    """Agents and above of a support level that is above L1, on the projects of all the chosen incidents."""

    model = User

    def rows(self, form: VerbForm) -> "QuerySet[User]":
        here = {"memberships__tenant": current_tenant(), "memberships__role__in": ANSWERING}
        people = User.objects.filter(**here, is_active=True).order_by("name", "id")
        level: Any = Value("")
        for project in {incident.project for incident in form.subjects}:
            of_level = project.members.filter(support_level__in=[SupportLevel.L2, SupportLevel.L3])
            people = people.filter(pk__in=list(of_level.values_list("user_id", flat=True)))
            level = Subquery(of_level.filter(user=OuterRef("pk")).values("support_level")[:1])
        return people.annotate(level=level)

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} · {obj.level}"


class BacklogItemField(LateChoices):
    """A backlog item of the one chosen incident's project."""

    model = BacklogItem

    def rows(self, form: VerbForm) -> "QuerySet[BacklogItem]":
        return BacklogItem.objects.filter(project__in=[incident.project_id for incident in form.subjects])


class ChangeRequestField(LateChoices):
    """A change request of the one chosen incident's project, the newest first."""

    model = ChangeRequest

    def rows(self, form: VerbForm) -> "QuerySet[ChangeRequest]":
        projects = [incident.project_id for incident in form.subjects]
        return ChangeRequest.objects.filter(project__in=projects).order_by("-number")

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.key} {obj.title} ({obj.get_state_display()})"


class ProjectsMemberField(LateChoices):
    """One of the people of the one chosen project."""

    model = ProjectMember

    def rows(self, form: VerbForm) -> "QuerySet[ProjectMember]":
        members = ProjectMember.objects.filter(project__in=[project.pk for project in form.subjects])
        return members.select_related("user", "project").order_by("user__name", "pk")

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.user)


class NewMemberField(MemberField):
    """A member of the tenant who is not on the one chosen project yet."""

    def rows(self, form: VerbForm) -> "QuerySet[User]":
        there = ProjectMember.objects.filter(project__in=[project.pk for project in form.subjects])
        return super().rows(form).exclude(pk__in=list(there.values_list("user_id", flat=True)))
