"""The board of a project."""

from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hypercare import services
from hypercare.api.serializers.war_room import WarRoomSerializer
from hypercare.api.views.base import PROGRAM, ProjectView


class WarRoom(ProjectView):
    """All that the war room shows."""

    actions = {"GET": "incident.read"}
    serializer_class = WarRoomSerializer

    def enter(self, request: Request) -> None:
        """Whether the project is seen is asked with all the rest."""
        if PROGRAM in request.query_params:
            super().enter(request)

    @extend_schema(responses=WarRoomSerializer)
    def get(self, request: Request, project: UUID) -> Response:
        """The light, the open incidents with their clocks, unfinished changes, trends, and what just happened."""
        board = services.war_room(project=project, by=self.actor, now=timezone.now())
        if board is None:
            raise Http404
        return Response(board)
