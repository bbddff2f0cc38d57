"""Change requests and their verbs."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from hypercare import services
from hypercare.api.change_filters import ChangeFilter
from hypercare.api.filters import TimelineFilter
from hypercare.api.serializers.changes import (
    ChangeDraft,
    ChangeEdit,
    ChangeSerializer,
    ChangeTimelineSerializer,
    ImplementInput,
    RejectInput,
)
from hypercare.api.serializers.incidents import Nothing
from hypercare.api.views.base import ProjectView
from hypercare.models import ChangeRequest, ChangeRequestQuerySet, ChangeVote, Incident
from tenancy.context import current_tenant
from tenancy.journal.models import Event
from tenancy.web.etags import Versioned
from tenancy.web.exports import Exported


class ChangeView(Versioned, ProjectView):
    queryset: QuerySet[Any] = ChangeRequest.objects.none()
    serializer_class: type[BaseSerializer[Any]] = ChangeSerializer

    @cached_property
    def change(self) -> ChangeRequest:
        """The change request that the address names. Raises Http404."""
        return self.row()

    @cached_property
    def on_board(self) -> bool:
        return self.actor.user_id in services.board_of(self.project)

    def row(self) -> ChangeRequest:
        return get_object_or_404(self._changes(), pk=self.kwargs["change"])

    def _changes(self) -> ChangeRequestQuerySet:
        mine = ChangeRequest.objects.filter(project=self.project)
        return mine.visible_to(self.actor, current_tenant()).select_related(
            "project", "requested_by", "approved_by", "rejected_by"
        )

    def _shown_whole(self) -> ChangeRequestQuerySet:
        """With all that is shown of each: a few queries however many there are."""
        votes: Prefetch[Any] = Prefetch("votes", ChangeVote.objects.select_related("user"))
        incidents: Prefetch[Any] = Prefetch("incidents", Incident.objects.order_by("number"))
        return self._changes().prefetch_related(votes, incidents)

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        seen = {"actor": self.actor, "on_board": self.on_board} if not self.is_described else {}
        return {**context, **seen}

    def shown(self, row: ChangeRequest) -> Mapping[str, Any]:
        whole = self._shown_whole().get(pk=row.pk)
        return dict(ChangeSerializer(whole, context=self.get_serializer_context()).data)


class Changes(Exported, ChangeView, ListAPIView[ChangeRequest]):
    """The project's change requests, the newest first; for a customer who is not on its board, their own."""

    actions = {"GET": "change.read", "POST": "change.draft"}
    filterset_class = ChangeFilter
    orderings = {
        "number": "number",
        "created_at": "created_at",
        "priority": "severity",
        "status": "state",
        "change_type": "change_type",
        "affected_module": "affected_module",
        "planned_implementation_date": "planned_implementation_date",
    }
    ordering = "-number"

    def get_queryset(self) -> QuerySet[ChangeRequest]:
        return self._shown_whole()

    @extend_schema(request=ChangeDraft, responses={201: ChangeSerializer})
    def post(self, request: Request, project: UUID) -> Response:
        """Draft a change request; with `incident_id`, linked to that incident."""
        row = self.project
        given = self.given(ChangeDraft)
        change = services.draft_change(project=row, **given, by=self.actor, now=timezone.now())
        headers = {"Location": f"{request.path}/{change.pk}"}
        return self.answer(change, status=status.HTTP_201_CREATED, headers=headers)


class OneChange(ChangeView):
    """One change request."""

    actions = {"GET": "change.read", "PUT": "change.change", "PATCH": "change.change"}

    def get(self, request: Request, project: UUID, change: UUID) -> Response:
        return self.answer(self.change)

    @extend_schema(request=ChangeEdit, responses=ChangeSerializer)
    def put(self, request: Request, project: UUID, change: UUID) -> Response:
        """Change it: all that can be edited is given. The votes given are void then."""
        return self._edit(partial=False)

    @extend_schema(request=ChangeEdit, responses=ChangeSerializer)
    def patch(self, request: Request, project: UUID, change: UUID) -> Response:
        """Change what is given. The votes given are void then; an approved one goes back to the board."""
        return self._edit(partial=True)

    def _edit(self, *, partial: bool) -> Response:
        row = self.change
        given = self.given(ChangeEdit, partial=partial)
        version = self.version_wanted(row)
        edited = services.edit_change(change=row, version=version, by=self.actor, now=timezone.now(), **given)
        return self.answer(edited)


class _Move(ChangeView):
    """A POST that moves the change request by one of the services. If-Match is honoured, and never needed."""

    def move(self, service: Any, kind: type[BaseSerializer[Any]]) -> Response:
        row = self.change
        given = self.given(kind)
        version = self.version_wanted(row)
        moved = service(change=row, version=version, by=self.actor, now=timezone.now(), **given)
        return self.answer(moved)


class Submit(_Move):
    actions = {"POST": "change.submit"}

    @extend_schema(request=Nothing, responses=ChangeSerializer)
    def post(self, request: Request, project: UUID, change: UUID) -> Response:
        """Put a draft before the change board. It needs a rollback plan."""
        return self.move(services.submit_change, Nothing)


class Approve(_Move):
    actions = {"POST": "change.decide"}

    @extend_schema(request=Nothing, responses=ChangeSerializer)
    def post(self, request: Request, project: UUID, change: UUID) -> Response:
        """Vote for it, as a member of its board. With If-Match the vote is for that version and no other."""
        return self.move(services.approve_change, Nothing)


class Reject(_Move):
    actions = {"POST": "change.decide"}

    @extend_schema(request=RejectInput, responses=ChangeSerializer)
    def post(self, request: Request, project: UUID, change: UUID) -> Response:
        """Vote against it, as a member of its board, with a reason: that rejects it."""
        return self.move(services.reject_change, RejectInput)


class Redraft(_Move):
    actions = {"POST": "change.change"}

    @extend_schema(request=Nothing, responses=ChangeSerializer)
    def post(self, request: Request, project: UUID, change: UUID) -> Response:
        """Make a draft of a rejected one."""
        return self.move(services.redraft_change, Nothing)


class Start(_Move):
    actions = {"POST": "change.start"}

    @extend_schema(request=Nothing, responses=ChangeSerializer)
    def post(self, request: Request, project: UUID, change: UUID) -> Response:
        """Begin with what the board approved."""
        return self.move(services.start_change, Nothing)


class Implement(_Move):
    actions = {"POST": "change.implement"}

    @extend_schema(request=ImplementInput, responses=ChangeSerializer)
    def post(self, request: Request, project: UUID, change: UUID) -> Response:
        """Say that it is in the productive system: since today, if no day is given. A test may be required."""
        return self.move(services.implement_change, ImplementInput)


class Close(_Move):
    actions = {"POST": "change.close"}

    @extend_schema(request=Nothing, responses=ChangeSerializer)
    def post(self, request: Request, project: UUID, change: UUID) -> Response:
        """End the story of an implemented one."""
        return self.move(services.close_change, Nothing)


class ChangeTimeline(Exported, ChangeView, ListAPIView[Event]):
    """What happened to the change request, in order; for a customer without what is internal."""

    actions = {"GET": "change.read"}
    queryset = Event.objects.none()
    serializer_class = ChangeTimelineSerializer
    filterset_class = TimelineFilter
    orderings = {"seq": "seq"}
    ordering = "seq"

    def get_queryset(self) -> QuerySet[Event]:
        return services.change_timeline(change=self.change, by=self.actor)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        events: Sequence[Event] = args[0] if args else ()
        people = {event.actor_id for event in events if event.actor_id is not None}
        known = services.people_by_id(people) if events else {}
        texts = services.texts_of(events, by=self.actor) if events else {}
        context = {**self.get_serializer_context(), "people": known, "texts": texts}
        return ChangeTimelineSerializer(*args, **{"context": context, **kwargs})
