"""Declarations: which verb each address is, who may ask, what goes in and out. Times are taken here."""

from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from hypercare import services
from hypercare.api import serializers
from hypercare.api.filters import IncidentFilter
from hypercare.models import Incident, IncidentQuerySet, Program, Project, ProjectMember
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import Invalid
from tenancy.journal.models import Event
from tenancy.models import User
from tenancy.web.authentication import actor_of
from tenancy.web.idempotency import Idempotent


class View(Idempotent, GenericAPIView[Any]):
    """What the views below share: who asks, when, input that is checked before anything else, POSTs done once."""

    actions: dict[str, str]

    @cached_property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def given(self, kind: type[BaseSerializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """The request's body as `kind` reads it. Raises ValidationError naming every field at fault."""
        form = kind(data=self.request.data, partial=partial)
        form.is_valid(raise_exception=True)
        values: dict[str, Any] = form.validated_data
        return values


class ProjectView(View):
    """A view under one project: a project that the actor does not see is a 404."""

    @cached_property
    def project(self) -> Project:
        seen = Project.objects.visible_to(self.actor, current_tenant())
        return get_object_or_404(seen, pk=self.kwargs["project"])

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        _row = self.project  # before anything else, so also before a stored answer is given again


# ---- programs and projects ----------------------------------------------------------------------------------------


class Programs(View, ListAPIView[Program]):
    """The programs that the actor sees."""

    actions = {"GET": "program.read", "POST": "program.change"}
    queryset = Program.objects.none()
    serializer_class = serializers.ProgramSerializer

    def get_queryset(self) -> QuerySet[Program]:
        return Program.objects.visible_to(self.actor, current_tenant())

    @extend_schema(request=serializers.ProgramInput, responses={201: serializers.ProgramSerializer})
    def post(self, request: Request) -> Response:
        """Make a program."""
        given = self.given(serializers.ProgramInput)
        program = services.create_program(**given, by=self.actor, now=timezone.now())
        return Response(serializers.ProgramSerializer(program).data, status=status.HTTP_201_CREATED)


class _ProjectInput(View):
    def project_given(self, *, partial: bool) -> dict[str, Any]:
        given = self.given(serializers.ProjectInput, partial=partial)
        if "program_id" in given:
            seen = Program.objects.visible_to(self.actor, current_tenant())
            given["program"] = seen.filter(pk=given.pop("program_id")).first()
            if given["program"] is None:
                text = _("There is no such program.")
                raise Invalid(text, fields={"program_id": [text]})
        return given


class Projects(_ProjectInput, ListAPIView[Project]):
    """The projects that the actor sees."""

    actions = {"GET": "project.read", "POST": "project.change"}
    queryset = Project.objects.none()
    serializer_class = serializers.ProjectSerializer

    def get_queryset(self) -> QuerySet[Project]:
        return Project.objects.visible_to(self.actor, current_tenant())

    @extend_schema(request=serializers.ProjectInput, responses={201: serializers.ProjectSerializer})
    def post(self, request: Request) -> Response:
        """Make a project; who makes it is its first member."""
        given = self.project_given(partial=False)
        project = services.create_project(**given, by=self.actor, now=timezone.now())
        return Response(serializers.ProjectSerializer(project).data, status=status.HTTP_201_CREATED)


class OneProject(_ProjectInput, ProjectView):
    """One project."""

    actions = {"GET": "project.read", "PATCH": "project.change", "DELETE": "project.change"}
    queryset = Project.objects.none()
    serializer_class = serializers.ProjectSerializer

    def get(self, request: Request, project: UUID) -> Response:
        return Response(serializers.ProjectSerializer(self.project).data)

    @extend_schema(request=serializers.ProjectInput, responses=serializers.ProjectSerializer)
    def patch(self, request: Request, project: UUID) -> Response:
        """Change what is given."""
        row = self.project
        given = self.project_given(partial=True)
        changed = services.change_project(project=row, **given, by=self.actor, now=timezone.now())
        return Response(serializers.ProjectSerializer(changed).data)

    def delete(self, request: Request, project: UUID) -> Response:
        """Delete a project that holds no incidents."""
        services.delete_project(project=self.project, by=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Members(ProjectView, ListAPIView[ProjectMember]):
    """The members of a project."""

    actions = {"GET": "project_member.read", "POST": "project_member.change"}
    queryset = ProjectMember.objects.none()
    serializer_class = serializers.MemberSerializer

    def get_queryset(self) -> QuerySet[ProjectMember]:
        return ProjectMember.objects.filter(project=self.project).select_related("user")

    @extend_schema(request=serializers.MemberInput, responses={201: serializers.MemberSerializer})
    def post(self, request: Request, project: UUID) -> Response:
        """Make a member of the tenant a member of the project."""
        row = self.project
        given = self.given(serializers.MemberInput)
        member = services.add_member(project=row, **given, by=self.actor, now=timezone.now())
        return Response(serializers.MemberSerializer(member).data, status=status.HTTP_201_CREATED)


class OneMember(ProjectView):
    """One member of a project."""

    actions = {"PATCH": "project_member.change", "DELETE": "project_member.change"}
    queryset = ProjectMember.objects.none()
    serializer_class = serializers.MemberSerializer

    @cached_property
    def member(self) -> ProjectMember:
        members = ProjectMember.objects.filter(project=self.project).select_related("user")
        return get_object_or_404(members, pk=self.kwargs["member"])

    @extend_schema(request=serializers.MemberChange, responses=serializers.MemberSerializer)
    def patch(self, request: Request, project: UUID, member: UUID) -> Response:
        """Change support level or seat on the change board."""
        row = self.member
        given = self.given(serializers.MemberChange, partial=True)
        changed = services.change_member(member=row, **given, by=self.actor, now=timezone.now())
        return Response(serializers.MemberSerializer(changed).data)

    def delete(self, request: Request, project: UUID, member: UUID) -> Response:
        """Take somebody off the project."""
        services.remove_member(member=self.member, by=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


# ---- incidents --------------------------------------------------------------------------------------------------


class _IncidentView(ProjectView):
    queryset: QuerySet[Any] = Incident.objects.none()
    serializer_class: type[BaseSerializer[Any]] = serializers.IncidentSerializer

    @cached_property
    def incident(self) -> Incident:
        return get_object_or_404(self._incidents(), pk=self.kwargs["incident"])

    def _incidents(self) -> IncidentQuerySet:
        mine = Incident.objects.filter(project=self.project)
        return mine.select_related("project", "assigned_to", "reported_by")

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        # Without a request there is nobody: the schema is being written.
        seen = {"actor": self.actor, "now": timezone.now()} if self.request else {}
        return {**context, **seen}

    def shown(self, incident: Incident) -> dict[str, Any]:
        """The incident as the actor may see it."""
        return dict(serializers.IncidentSerializer(incident, context=self.get_serializer_context()).data)


class Incidents(_IncidentView, ListAPIView[Incident]):
    """The project's incidents, the newest first."""

    actions = {"GET": "incident.read", "POST": "incident.report"}
    filterset_class = IncidentFilter
    ordering = "-number"

    def get_queryset(self) -> QuerySet[Incident]:
        return self._incidents()

    @extend_schema(request=serializers.IncidentInput, responses={201: serializers.IncidentSerializer})
    def post(self, request: Request, project: UUID) -> Response:
        """Report an incident; its clocks start now."""
        row = self.project
        given = self.given(serializers.IncidentInput)
        incident = services.report_incident(project=row, **given, by=self.actor, now=timezone.now())
        headers = {"Location": f"{request.path}/{incident.pk}"}
        return Response(self.shown(incident), status=status.HTTP_201_CREATED, headers=headers)


class OneIncident(_IncidentView):
    """One incident."""

    actions = {"GET": "incident.read"}

    def get(self, request: Request, project: UUID, incident: UUID) -> Response:
        return Response(self.shown(self.incident))


class FirstResponse(_IncidentView):
    actions = {"POST": "incident.respond"}

    @extend_schema(request=serializers.Nothing, responses=serializers.IncidentSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Answer first: the response clock is fulfilled. A second time is a conflict."""
        row = self.incident
        self.given(serializers.Nothing)
        answered = services.respond_first(incident=row, by=self.actor, now=timezone.now())
        return Response(self.shown(answered))


class Assign(_IncidentView):
    actions = {"POST": "incident.assign"}

    @extend_schema(request=serializers.AssignInput, responses=serializers.IncidentSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Give the incident to an agent of the project, or with null to nobody."""
        row = self.incident
        given = self.given(serializers.AssignInput)
        assigned = services.assign(incident=row, **given, by=self.actor, now=timezone.now())
        return Response(self.shown(assigned))


class Resolve(_IncidentView):
    actions = {"POST": "incident.resolve"}

    @extend_schema(request=serializers.ResolveInput, responses=serializers.IncidentSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Resolve the incident: root cause and notes are needed."""
        row = self.incident
        given = self.given(serializers.ResolveInput)
        resolved = services.resolve(incident=row, **given, by=self.actor, now=timezone.now())
        return Response(self.shown(resolved))


class Timeline(_IncidentView, ListAPIView[Event]):
    """What happened to the incident, in order; for a customer the public part."""

    actions = {"GET": "incident.read"}
    queryset = Event.objects.none()
    serializer_class = serializers.TimelineSerializer
    ordering = "seq"

    def get_queryset(self) -> QuerySet[Event]:
        return services.timeline(incident=self.incident, by=self.actor)

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        ids = {event.actor_id for event in page or ()} - {None}
        self.names = dict(User.objects.filter(pk__in=ids).values_list("pk", "name"))
        return page

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "names": getattr(self, "names", {})}


class SlaBreaches(_IncidentView, ListAPIView[Incident]):
    """The open incidents with a clock that is breached now, recorded or not; asking records them."""

    actions = {"GET": "incident.check_breaches"}
    ordering = "-number"

    def get_queryset(self) -> QuerySet[Incident]:
        found = services.check_breaches(project=self.project, by=self.actor, now=timezone.now())
        return found.select_related("project", "assigned_to", "reported_by")


class ProjectMetrics(ProjectView):
    """The project's figures now."""

    actions = {"GET": "metrics.read"}
    serializer_class = serializers.MetricsSerializer

    @extend_schema(responses=serializers.MetricsSerializer)
    def get(self, request: Request, project: UUID) -> Response:
        figures = services.metrics(project=self.project, by=self.actor, now=timezone.now())
        return Response(serializers.MetricsSerializer(figures).data)
