"""Where the time went."""

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hypercare import services
from hypercare.api.serializers.clocks import ClocksSerializer
from hypercare.api.views.incidents import IncidentView


class Clocks(IncidentView):
    actions = {"GET": "incident.read"}

    @extend_schema(responses=ClocksSerializer)
    def get(self, request: Request, project: UUID, incident: UUID) -> Response:
        """Both clocks, every moment since the report accounted for: what counted, what did not, and why."""
        row, now = self.incident, timezone.now()
        clocks = services.explain(incident=row, by=self.actor, now=now)
        shown = {"incident_id": row.pk, "at": now, "clocks": clocks}
        return Response(ClocksSerializer(shown, context=self.get_serializer_context()).data)
