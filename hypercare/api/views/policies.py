"""Policies and calendars: what a project's clocks run by."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from hypercare import services
from hypercare.api.policy_filters import CalendarFilter, PolicyFilter
from hypercare.api.serializers.policies import (
    CalendarInput,
    CalendarSerializer,
    PolicyInput,
    PolicySerializer,
)
from hypercare.api.views.base import ProjectView
from hypercare.models import Calendar, CalendarVersion, Policy
from tenancy.web.etags import Versioned
from tenancy.web.exports import Exported


class Policies(Exported, ProjectView, ListAPIView[Policy]):
    """The project's policies, the latest first."""

    actions = {"GET": "policy.read", "POST": "policy.change"}
    queryset = Policy.objects.none()
    serializer_class = PolicySerializer
    filterset_class = PolicyFilter
    orderings = {"valid_from": "valid_from", "created_at": "created_at"}
    ordering = "-valid_from"

    def get_queryset(self) -> QuerySet[Policy]:
        return Policy.objects.filter(project=self.project).prefetch_related("targets")

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        in_force = services.policy_in_force(self.project, timezone.now()) if self.request else None
        return {**context, "in_force": in_force}

    @extend_schema(request=PolicyInput, responses={201: PolicySerializer})
    def post(self, request: Request, project: UUID) -> Response:
        """Set the project's targets from `valid_from` on; running clocks get them then."""
        row = self.project
        given = self.given(PolicyInput)
        policy = services.create_policy(project=row, **given, by=self.actor, now=timezone.now())
        shown = PolicySerializer(policy, context=self.get_serializer_context()).data
        return Response(shown, status=status.HTTP_201_CREATED)


class OnePolicy(ProjectView):
    """One policy."""

    actions = {"DELETE": "policy.change"}
    queryset = Policy.objects.none()
    serializer_class = PolicySerializer

    def delete(self, request: Request, project: UUID, policy: UUID) -> Response:
        """Take back a policy that has not begun."""
        rows = Policy.objects.filter(project=self.project).select_related("project")
        row = get_object_or_404(rows, pk=policy)
        services.delete_policy(policy=row, by=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _parts(given: dict[str, Any]) -> dict[str, Any]:
    """The name, and the definition of the rest."""
    return {"name": given.pop("name"), "definition": given}


class Calendars(Exported, ProjectView, ListAPIView[Calendar]):
    """The project's calendars by name, each as its newest version has it."""

    actions = {"GET": "calendar.read", "POST": "calendar.change"}
    queryset = Calendar.objects.none()
    serializer_class = CalendarSerializer
    filterset_class = CalendarFilter
    orderings = {"name": "name", "created_at": "created_at"}
    ordering = "name"

    def get_queryset(self) -> QuerySet[Calendar]:
        return Calendar.objects.filter(project=self.project)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        if not args:
            return super().get_serializer(**kwargs)
        shown = [calendar.pk for calendar in args[0]]
        found = services.newest_versions(self.project).filter(calendar__in=shown)
        newest = {version.calendar_id: version for version in found}
        return super().get_serializer([newest[calendar] for calendar in shown], **kwargs)

    @extend_schema(request=CalendarInput, responses={201: CalendarSerializer})
    def post(self, request: Request, project: UUID) -> Response:
        """Make a calendar."""
        row = self.project
        given = _parts(self.given(CalendarInput))
        made = services.create_calendar(project=row, **given, by=self.actor, now=timezone.now())
        headers = {"Location": f"{request.path}/{made.calendar_id}"}
        return Response(CalendarSerializer(made).data, status=status.HTTP_201_CREATED, headers=headers)


class OneCalendar(Versioned, ProjectView):
    """One calendar."""

    actions = {"GET": "calendar.read", "PUT": "calendar.change"}
    queryset = CalendarVersion.objects.none()
    serializer_class = CalendarSerializer

    def row(self) -> Any:
        rows = services.newest_versions(self.project).annotate(version=F("number"))
        return get_object_or_404(rows, calendar=self.kwargs["calendar"])

    def shown(self, row: CalendarVersion) -> Mapping[str, Any]:
        return CalendarSerializer(row).data

    def get(self, request: Request, project: UUID, calendar: UUID) -> Response:
        return self.answer(self.row())

    @extend_schema(request=CalendarInput, responses=CalendarSerializer)
    def put(self, request: Request, project: UUID, calendar: UUID) -> Response:
        """Give the calendar this name and these hours; running clocks follow. What is left out is empty."""
        row = self.row()
        version = self.version_wanted(row)
        given = _parts(self.given(CalendarInput))
        services.change_calendar(
            calendar=row.calendar, **given, version=version, by=self.actor, now=timezone.now()
        )
        return self.answer(self.row())
