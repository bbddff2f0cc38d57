"""What both hosts answer."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.api.serializers import MeSerializer
from tenancy.context import current_tenant, in_tenant
from tenancy.models import SupportGrant
from tenancy.web.authentication import actor_of


class MeView(APIView):
    """Who you are here, and until when."""

    actions = {"GET": "me.read"}

    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        grant = SupportGrant.objects.filter(pk=actor.grant_id).first() if actor.grant_id else None
        me = {
            "user": request.user,
            "tenant": current_tenant() if in_tenant() else None,
            "role": actor.role,
            "staff_role": actor.staff_role,
            "read_only": actor.read_only,
            "grant": grant,
        }
        return Response(MeSerializer(me).data)
