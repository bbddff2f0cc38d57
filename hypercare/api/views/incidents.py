"""Incidents and their verbs."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Exists, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from hypercare import services
from hypercare.api.filters import BacklogItemFilter, CommentFilter, IncidentFilter, TimelineFilter
from hypercare.api.serializers.incidents import (
    AssignInput,
    BacklogItemInput,
    BacklogItemSerializer,
    CommentInput,
    CommentSerializer,
    EscalateInput,
    IncidentChange,
    IncidentDetailSerializer,
    IncidentInput,
    IncidentSerializer,
    Nothing,
    PreviewInput,
    PreviewSerializer,
    ReopenInput,
    ResolveInput,
    TimelineSerializer,
    WaitInput,
)
from hypercare.api.views.base import PROGRAM, ProjectView
from hypercare.models import BacklogItem, Comment, Incident, IncidentQuerySet, ProjectMember, sees_all
from tenancy.context import current_tenant
from tenancy.journal.models import Event
from tenancy.web.etags import Versioned
from tenancy.web.exports import Exported
from tenancy.web.filters import Filters
from tenancy.web.plain import PlainList, Source

ORDERINGS = {
    "number": "number",
    "created_at": "created_at",
    "severity": "severity",
    "status": "state",
    "affected_module": "affected_module",
    "sla_response_deadline": "sla_response_deadline",
    "sla_resolution_deadline": "sla_resolution_deadline",
    "resolved_at": "resolved_at",
}


class IncidentView(Versioned, ProjectView):
    queryset: QuerySet[Any] = Incident.objects.none()
    serializer_class: type[BaseSerializer[Any]] = IncidentSerializer

    @cached_property
    def incident(self) -> Incident:
        """The incident that the address names. Raises Http404."""
        return self.row()

    def row(self) -> Incident:
        return get_object_or_404(self._incidents(), pk=self.kwargs["incident"])

    def _incidents(self) -> IncidentQuerySet:
        mine = Incident.objects.filter(project=self.project)
        return mine.select_related("project", "assigned_to", "reported_by", "waiting_owner")

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        seen = {"actor": self.actor, "now": timezone.now()} if not self.is_described else {}
        return {**context, **seen}

    def shown(self, row: Incident) -> Mapping[str, Any]:
        return dict(IncidentDetailSerializer(row, context=self.get_serializer_context()).data)


def _of_project(project: Any) -> IncidentQuerySet:
    return Incident.objects.filter(project=project)


def _of_project_of_member(project: Any, user: Any) -> IncidentQuerySet:
    member = ProjectMember.objects.filter(project=project, user=user)
    return _of_project(project).filter(Exists(member))


class Incidents(Exported, PlainList, IncidentView, ListAPIView[Incident]):
    """The project's incidents, the newest first."""

    actions = {"GET": "incident.read", "POST": "incident.report"}
    filterset_class = IncidentFilter
    orderings = ORDERINGS
    ordering = "-number"

    def enter(self, request: Request) -> None:
        """A plain page asks whether the project is seen in its own statement, and says so when it is empty."""
        plain = request.method == "GET" and not Filters.are_asked(request, self)
        if not plain or PROGRAM in request.query_params:
            super().enter(request)

    @property
    def source(self) -> Source:
        return _of_project if sees_all(self.actor, current_tenant()) else _of_project_of_member

    def source_values(self) -> Mapping[str, Any]:
        project = {"project": self.kwargs["project"]}
        return project if self.source is _of_project else {**project, "user": self.actor.user_id}

    def nothing_found(self) -> None:
        self.project  # noqa: B018  # raises Http404 unless it is seen

    def get_queryset(self) -> QuerySet[Incident]:
        return self._incidents()

    @extend_schema(request=IncidentInput, responses={201: IncidentDetailSerializer})
    def post(self, request: Request, project: UUID) -> Response:
        """Report an incident; its clocks start now."""
        row = self.project
        given = self.given(IncidentInput)
        incident = services.report_incident(project=row, **given, by=self.actor, now=timezone.now())
        headers = {"Location": f"{request.path}/{incident.pk}"}
        return self.answer(incident, status=status.HTTP_201_CREATED, headers=headers)


class OneIncident(IncidentView):
    """One incident."""

    actions = {"GET": "incident.read", "PUT": "incident.change", "PATCH": "incident.change"}

    @extend_schema(responses=IncidentDetailSerializer)
    def get(self, request: Request, project: UUID, incident: UUID) -> Response:
        return self.answer(self.incident)

    @extend_schema(request=IncidentChange, responses=IncidentDetailSerializer)
    def put(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Change the incident: all that can be edited is given. A new severity retargets its clocks."""
        return self._change(partial=False)

    @extend_schema(request=IncidentChange, responses=IncidentDetailSerializer)
    def patch(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Change what is given. A new severity retargets the clocks."""
        return self._change(partial=True)

    def _change(self, *, partial: bool) -> Response:
        row = self.incident
        given = self.given(IncidentChange, partial=partial)
        version = self.version_wanted(row)
        changed = services.change_incident(
            incident=row, version=version, by=self.actor, now=timezone.now(), **given
        )
        return self.answer(changed)


class _Move(IncidentView):
    """A POST that moves the incident by one of the services."""

    def move(self, service: Any, kind: type[BaseSerializer[Any]]) -> Response:
        row = self.incident
        given = self.given(kind)
        version = self.version_wanted(row)
        moved = service(incident=row, version=version, by=self.actor, now=timezone.now(), **given)
        return self.answer(moved)


class FirstResponse(_Move):
    actions = {"POST": "incident.respond"}

    @extend_schema(request=Nothing, responses=IncidentDetailSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Answer first: the response clock is fulfilled. A second time is a conflict."""
        return self.move(services.respond_first, Nothing)


class Assign(_Move):
    actions = {"POST": "incident.assign"}

    @extend_schema(request=AssignInput, responses=IncidentDetailSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Give the incident to an agent of the project, or with null to nobody."""
        return self.move(services.assign, AssignInput)


class Escalate(_Move):
    actions = {"POST": "incident.escalate"}

    @extend_schema(request=EscalateInput, responses=IncidentDetailSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Take the incident one support level up, or to the one given; those of that level are told why."""
        return self.move(services.escalate, EscalateInput)


class Wait(_Move):
    actions = {"POST": "incident.wait"}

    @extend_schema(request=WaitInput, responses=IncidentDetailSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Wait for somebody, who is told; the resolution clock pauses."""
        return self.move(services.wait, WaitInput)


class Resume(_Move):
    actions = {"POST": "incident.resume"}

    @extend_schema(request=Nothing, responses=IncidentDetailSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Go on after waiting; so does the resolution clock."""
        return self.move(services.resume, Nothing)


class Resolve(_Move):
    actions = {"POST": "incident.resolve"}

    @extend_schema(request=ResolveInput, responses=IncidentDetailSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Resolve the incident: root cause and notes are needed."""
        return self.move(services.resolve, ResolveInput)


class Close(_Move):
    actions = {"POST": "incident.close"}

    @extend_schema(request=Nothing, responses=IncidentDetailSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Close a resolved incident. Who reported it may, too."""
        return self.move(services.close, Nothing)


class Reopen(_Move):
    actions = {"POST": "incident.reopen"}

    @extend_schema(request=ReopenInput, responses=IncidentDetailSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Work on a resolved incident again, or on one closed a few days ago. Who reported it may, too."""
        return self.move(services.reopen, ReopenInput)


class Comments(Exported, IncidentView, ListAPIView[Comment]):
    """What was said about the incident, the oldest first; for a customer the public part."""

    actions = {"GET": "incident.read", "POST": "incident.comment"}
    queryset = Comment.objects.none()
    serializer_class = CommentSerializer
    filterset_class = CommentFilter
    orderings = {"created_at": "created_at"}
    ordering = "id"

    def get_queryset(self) -> QuerySet[Comment]:
        return services.comments(incident=self.incident, by=self.actor)

    @extend_schema(request=CommentInput, responses={201: CommentSerializer})
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Say something, to the customer too unless it is internal.

        Our first public comment is the first response; a customer's ends the waiting.
        """
        row = self.incident
        given = self.given(CommentInput)
        made = services.add_comment(incident=row, **given, by=self.actor, now=timezone.now())
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)


class CommentPreview(IncidentView):
    """What the customer will be mailed."""

    actions = {"POST": "incident.comment"}

    @extend_schema(request=PreviewInput, responses=PreviewSerializer)
    def post(self, request: Request, project: UUID, incident: UUID) -> Response:
        """The mails that this text will cause if it is said in public. Nothing is written."""
        row = self.incident
        given = self.given(PreviewInput)
        mails = services.foresee_comment(incident=row, **given, by=self.actor, now=timezone.now())
        return Response(PreviewSerializer({"mails": mails}).data)


class Timeline(Exported, IncidentView, ListAPIView[Event]):
    """What happened to the incident, in order; for a customer the public part."""

    actions = {"GET": "incident.read"}
    queryset = Event.objects.none()
    serializer_class = TimelineSerializer
    filterset_class = TimelineFilter
    orderings = {"seq": "seq"}
    ordering = "seq"

    def get_queryset(self) -> QuerySet[Event]:
        return services.timeline(incident=self.incident, by=self.actor)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        events: Sequence[Event] = args[0] if args else ()
        people = {event.actor_id for event in events if event.actor_id is not None}
        known = services.people_by_id(people) if events else {}
        texts = services.texts_of(events, by=self.actor) if events else {}
        kwargs.setdefault("context", {**self.get_serializer_context(), "people": known, "texts": texts})
        return TimelineSerializer(*args, **kwargs)


class SlaBreaches(Exported, PlainList, IncidentView, ListAPIView[Incident]):
    """The open incidents with a clock that is breached now, recorded or not; asking records them."""

    actions = {"GET": "incident.check_breaches"}
    filterset_class = IncidentFilter
    orderings = ORDERINGS
    ordering = "-number"

    def get_queryset(self) -> QuerySet[Incident]:
        found = services.check_breaches(project=self.project, by=self.actor, now=timezone.now())
        return found.select_related("project", "assigned_to", "reported_by", "waiting_owner")


class BacklogItems(Exported, ProjectView, ListAPIView[BacklogItem]):
    """What was built for the project's customer, as far as incidents come from it."""

    actions = {"GET": "backlog_item.read", "POST": "backlog_item.change"}
    queryset = BacklogItem.objects.none()
    serializer_class = BacklogItemSerializer
    filterset_class = BacklogItemFilter
    orderings = {"key": "key", "kind": "kind", "created_at": "created_at"}
    ordering = "key"

    def get_queryset(self) -> QuerySet[BacklogItem]:
        return BacklogItem.objects.filter(project=self.project)

    @extend_schema(request=BacklogItemInput, responses={201: BacklogItemSerializer})
    def post(self, request: Request, project: UUID) -> Response:
        """Write down a WRICEF object, so that incidents can name it."""
        row = self.project
        given = self.given(BacklogItemInput)
        made = services.create_backlog_item(project=row, **given, by=self.actor, now=timezone.now())
        return Response(BacklogItemSerializer(made).data, status=status.HTTP_201_CREATED)
