"""The figures of a project."""

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hypercare import services
from hypercare.api.serializers.metrics import MetricsSerializer
from hypercare.api.views.base import ProjectView


class ProjectMetrics(ProjectView):
    """The project's figures now."""

    actions = {"GET": "metrics.read"}
    serializer_class = MetricsSerializer

    @extend_schema(responses=MetricsSerializer)
    def get(self, request: Request, project: UUID) -> Response:
        figures = services.metrics(project=self.project, by=self.actor, now=timezone.now())
        return Response(MetricsSerializer(figures).data)
