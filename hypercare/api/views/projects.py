"""Programs, projects and their members."""

from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from hypercare import services
from hypercare.api.project_filters import MemberFilter, ProgramFilter, ProjectFilter
from hypercare.api.serializers.projects import (
    MemberChange,
    MemberInput,
    MemberSerializer,
    MyProjectSerializer,
    ProgramInput,
    ProgramSerializer,
    ProjectChange,
    ProjectInput,
    ProjectSerializer,
)
from hypercare.api.views.base import ProjectView, View
from hypercare.models import Program, Project, ProjectMember
from tenancy.context import current_tenant
from tenancy.errors import Invalid
from tenancy.web.exports import Exported

PROGRAM_ORDERINGS = {"code": "code", "name": "name", "created_at": "created_at"}
PROJECT_ORDERINGS = {
    **PROGRAM_ORDERINGS,
    "go_live_at": "go_live_at",
    "hypercare_ends_on": "hypercare_ends_on",
}


class ProgramView(View):
    queryset = Program.objects.none()
    serializer_class = ProgramSerializer

    def get_queryset(self) -> QuerySet[Program]:
        return Program.objects.visible_to(self.actor, current_tenant())


class Programs(Exported, ProgramView, ListAPIView[Program]):
    """The programs that the actor sees."""

    actions = {"GET": "program.read", "POST": "program.change"}
    filterset_class = ProgramFilter
    orderings = PROGRAM_ORDERINGS

    @extend_schema(request=ProgramInput, responses={201: ProgramSerializer})
    def post(self, request: Request) -> Response:
        """Make a program."""
        given = self.given(ProgramInput)
        program = services.create_program(**given, by=self.actor, now=timezone.now())
        headers = {"Location": f"{request.path}/{program.pk}"}
        return Response(ProgramSerializer(program).data, status=status.HTTP_201_CREATED, headers=headers)


class OneProgram(ProgramView):
    """One program."""

    actions = {"GET": "program.read", "PATCH": "program.change", "DELETE": "program.change"}

    @cached_property
    def program(self) -> Program:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["program"])

    def get(self, request: Request, program: UUID) -> Response:
        return Response(ProgramSerializer(self.program).data)

    @extend_schema(request=ProgramInput, responses=ProgramSerializer)
    def patch(self, request: Request, program: UUID) -> Response:
        """Change what is given."""
        row = self.program
        given = self.given(ProgramInput, partial=True)
        changed = services.change_program(program=row, **given, by=self.actor, now=timezone.now())
        return Response(ProgramSerializer(changed).data)

    def delete(self, request: Request, program: UUID) -> Response:
        """Delete a program that holds no projects."""
        services.delete_program(program=self.program, by=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class _ProjectInput(View):
    def project_given(self, kind: type[ProjectInput], *, partial: bool = False) -> dict[str, Any]:
        given = self.given(kind, partial=partial)
        if "program_id" in given:
            seen = Program.objects.visible_to(self.actor, current_tenant())
            given["program"] = seen.filter(pk=given.pop("program_id")).first()
            if given["program"] is None:
                text = _("There is no such program.")
                raise Invalid(text, fields={"program_id": [text]})
        return given


class Projects(Exported, _ProjectInput, ListAPIView[Project]):
    """The projects that the actor sees."""

    actions = {"GET": "project.read", "POST": "project.change"}
    filterset_class = ProjectFilter
    orderings = PROJECT_ORDERINGS
    queryset = Project.objects.none()
    serializer_class = ProjectSerializer

    def get_queryset(self) -> QuerySet[Project]:
        return Project.objects.visible_to(self.actor, current_tenant())

    @extend_schema(request=ProjectInput, responses={201: ProjectSerializer})
    def post(self, request: Request) -> Response:
        """Make a project; who makes it is its first member."""
        given = self.project_given(ProjectInput)
        project = services.create_project(**given, by=self.actor, now=timezone.now())
        headers = {"Location": f"{request.path}/{project.pk}"}
        return Response(ProjectSerializer(project).data, status=status.HTTP_201_CREATED, headers=headers)


class MyProjects(Exported, View, ListAPIView[Project]):
    """The projects that the actor sees, and what they are there."""

    actions = {"GET": "project.read"}
    queryset = Project.objects.none()
    serializer_class = MyProjectSerializer
    filterset_class = ProjectFilter
    orderings = PROJECT_ORDERINGS
    ordering = "code"

    def get_queryset(self) -> QuerySet[Project]:
        mine = Prefetch("members", ProjectMember.objects.filter(user=self.actor.user_id), to_attr="mine")
        seen = Project.objects.visible_to(self.actor, current_tenant())
        return seen.select_related("program").prefetch_related(mine)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "now": timezone.now()}


class OneProject(_ProjectInput, ProjectView):
    """One project."""

    actions = {"GET": "project.read", "PATCH": "project.change", "DELETE": "project.change"}
    queryset = Project.objects.none()
    serializer_class = ProjectSerializer

    def get(self, request: Request, project: UUID) -> Response:
        return Response(ProjectSerializer(self.project).data)

    @extend_schema(request=ProjectChange, responses=ProjectSerializer)
    def patch(self, request: Request, project: UUID) -> Response:
        """Change what is given."""
        row = self.project
        given = self.project_given(ProjectChange, partial=True)
        changed = services.change_project(project=row, **given, by=self.actor, now=timezone.now())
        return Response(ProjectSerializer(changed).data)

    def delete(self, request: Request, project: UUID) -> Response:
        """Delete a project that holds nothing."""
        services.delete_project(project=self.project, by=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Members(Exported, ProjectView, ListAPIView[ProjectMember]):
    """The members of a project."""

    actions = {"GET": "project_member.read", "POST": "project_member.change"}
    filterset_class = MemberFilter
    orderings = {"created_at": "created_at", "support_level": "support_level"}
    queryset = ProjectMember.objects.none()
    serializer_class = MemberSerializer

    def get_queryset(self) -> QuerySet[ProjectMember]:
        return services.members_of(self.project)

    @extend_schema(request=MemberInput, responses={201: MemberSerializer})
    def post(self, request: Request, project: UUID) -> Response:
        """Make a member of the tenant a member of the project."""
        row = self.project
        given = self.given(MemberInput)
        member = services.add_member(project=row, **given, by=self.actor, now=timezone.now())
        headers = {"Location": f"{request.path}/{member.pk}"}
        shown = MemberSerializer(services.members_of(row).get(pk=member.pk)).data
        return Response(shown, status=status.HTTP_201_CREATED, headers=headers)


class OneMember(ProjectView):
    """One member of a project."""

    actions = {
        "GET": "project_member.read",
        "PATCH": "project_member.change",
        "DELETE": "project_member.change",
    }
    queryset = ProjectMember.objects.none()
    serializer_class = MemberSerializer

    @cached_property
    def member(self) -> ProjectMember:
        row: ProjectMember = get_object_or_404(services.members_of(self.project), pk=self.kwargs["member"])
        return row

    def get(self, request: Request, project: UUID, member: UUID) -> Response:
        return Response(MemberSerializer(self.member).data)

    @extend_schema(request=MemberChange, responses=MemberSerializer)
    def patch(self, request: Request, project: UUID, member: UUID) -> Response:
        """Change support level or seat on the change board."""
        row = self.member
        given = self.given(MemberChange, partial=True)
        services.change_member(member=row, **given, by=self.actor, now=timezone.now())
        del self.member
        return Response(MemberSerializer(self.member).data)

    def delete(self, request: Request, project: UUID, member: UUID) -> Response:
        """Take somebody off the project."""
        services.remove_member(member=self.member, by=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
