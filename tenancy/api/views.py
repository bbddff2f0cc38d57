"""What both hosts answer."""

from typing import Any, cast
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import services
from tenancy.api.serializers import LevelInput, MeChange, MeSerializer, NoticeInput, NotificationsSerializer
from tenancy.context import current_tenant, in_tenant
from tenancy.models import Preference, SupportGrant, Tenant, User
from tenancy.states import NoticeLevel
from tenancy.web.authentication import Scoped, actor_of


class MeView(APIView):
    """Who you are here, and until when."""

    actions = {"GET": "me.read", "PATCH": "me.change"}

    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who you are here, and until when."""
        return self._me(request, cast(User, request.user))

    @extend_schema(operation_id="change_me", request=MeChange, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        """Choose your language and time zone. They hold wherever you have access."""
        form = MeChange(data=request.data)
        form.is_valid(raise_exception=True)
        user, by = cast(User, request.user), actor_of(request)
        changed = services.change_own_settings(user=user, **form.validated_data, by=by, now=timezone.now())
        return self._me(request, changed)

    def _me(self, request: Request, user: User) -> Response:
        actor = actor_of(request)
        grant = SupportGrant.objects.filter(pk=actor.grant_id).first() if actor.grant_id else None
        me = {
            "user": user,
            "tenant": current_tenant() if in_tenant() else None,
            "role": actor.role,
            "staff_role": actor.staff_role,
            "read_only": actor.read_only,
            "grant": grant,
        }
        return Response(MeSerializer(me).data)


class _Notifications(APIView):
    def answer(self, request: Request) -> Response:
        user = cast(User, request.user)
        return Response(NotificationsSerializer(_notices(user, self.tenant, request)).data)

    @property
    def tenant(self) -> Tenant:
        return cast(Scoped, self.request._request).tenant

    def put_as(self, kind: type[LevelInput], request: Request, scope: UUID | None) -> Response:
        form = kind(data=request.data)
        form.is_valid(raise_exception=True)
        user, by = cast(User, request.user), actor_of(request)
        services.set_preference(
            user=user, tenant=self.tenant, scope=scope, **form.validated_data, by=by, now=timezone.now()
        )
        return self.answer(request)

    def clear(self, request: Request, scope: UUID | None) -> Response:
        user, by = cast(User, request.user), actor_of(request)
        services.clear_preference(user=user, tenant=self.tenant, scope=scope, by=by, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class NotificationsView(_Notifications):
    """What you are told, and when not: by default, and for each project that you see."""

    actions = {"GET": "me.read", "PUT": "me.change", "DELETE": "me.change"}

    @extend_schema(operation_id="my_notifications", responses=NotificationsSerializer)
    def get(self, request: Request) -> Response:
        """What you are told, and when not: by default, and for each project that you see."""
        return self.answer(request)

    @extend_schema(
        operation_id="set_my_notifications", request=NoticeInput, responses=NotificationsSerializer
    )
    def put(self, request: Request) -> Response:
        """Set what holds for every project without a setting of its own, and your quiet hours."""
        return self.put_as(NoticeInput, request, None)

    @extend_schema(operation_id="clear_my_notifications", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Forget your default: you are told everything, at any hour."""
        return self.clear(request, None)


class ScopeNotificationsView(_Notifications):
    """What you are told about one project."""

    actions = {"PUT": "me.change", "DELETE": "me.change"}

    @extend_schema(
        operation_id="set_my_notifications_of", request=LevelInput, responses=NotificationsSerializer
    )
    def put(self, request: Request, scope: UUID) -> Response:
        """Set what you are told about one project. Quiet hours stay those of the default."""
        return self.put_as(LevelInput, request, scope)

    @extend_schema(operation_id="clear_my_notifications_of", responses={204: None})
    def delete(self, request: Request, scope: UUID) -> Response:
        """Forget what you set for one project: the default holds."""
        return self.clear(request, scope)


def _notices(user: User, tenant: Tenant, request: Request) -> dict[str, Any]:
    own = services.preferences_of(user, tenant)
    default = own.get(None)
    hours = {
        "quiet_from": default.quiet_from if default else None,
        "quiet_until": default.quiet_until if default else None,
        "time_zone": user.time_zone,
    }

    def notice(row: Preference | None) -> dict[str, Any]:
        holds = row or default
        return {"level": holds.level if holds else NoticeLevel.ALL, "is_set": row is not None, **hours}

    seen = services.scopes_for(actor_of(request))
    scopes = [{"scope": scope, "name": name, **notice(own.get(scope))} for scope, name in seen.items()]
    return {"default": notice(default), "scopes": scopes}
