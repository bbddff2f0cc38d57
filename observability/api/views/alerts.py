"""Alerts and security events: a tenant's own on its host, everybody's for us on the public one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from observability import services
from observability.api.filters import AlertFilter, AnyTenantsAlertFilter
from observability.api.serializers.alerts import (
    AcknowledgeInput,
    AlertSerializer,
    PlatformSecurityEventsSerializer,
    SecurityEventsSerializer,
    WindowQuery,
)
from observability.models import Alert
from observability.services import SecurityEvent
from tenancy.context import PUBLIC, current_tenant, in_tenant
from tenancy.models import Tenant
from tenancy.states import TenantState
from tenancy.web.authentication import actor_of
from tenancy.web.idempotency import Idempotent


def seen_alerts() -> "QuerySet[Alert]":
    """Alerts are shared rows: the schema does not keep other tenants' out, this does."""
    rows = Alert.objects.select_related("tenant")
    return rows.filter(tenant=current_tenant()) if in_tenant() else rows


class Alerts(ListAPIView[Alert]):
    """Alerts, the newest first."""

    actions = {"GET": "alert.read"}
    queryset = Alert.objects.none()
    serializer_class = AlertSerializer
    filterset_class: type[AlertFilter] = AlertFilter
    orderings = {"opened_at": "opened_at", "last_seen_at": "last_seen_at", "count": "count"}
    ordering = "-id"

    def get_queryset(self) -> QuerySet[Alert]:
        return seen_alerts()


class AnyTenantsAlerts(Alerts):
    filterset_class = AnyTenantsAlertFilter


class Acknowledge(Idempotent, GenericAPIView[Alert]):
    actions = {"POST": "alert.acknowledge"}
    queryset = Alert.objects.none()
    serializer_class = AlertSerializer

    @extend_schema(
        operation_id="acknowledge_alert", request=AcknowledgeInput, responses={200: AlertSerializer}
    )
    def post(self, request: Request, alert: int) -> Response:
        """Take an open alert: the pagers stop, and it goes on being counted. In another state it is a conflict."""
        row = get_object_or_404(seen_alerts(), pk=alert)
        form = AcknowledgeInput(data=request.data)
        form.is_valid(raise_exception=True)
        taken = services.acknowledge(
            alert=row, **form.validated_data, by=actor_of(request), now=timezone.now()
        )
        return Response(AlertSerializer(taken).data)


class _Windowed(GenericAPIView[Any]):
    """What was seen over `?window=` seconds."""

    actions = {"GET": "security_event.read"}

    def window(self, request: Request) -> timedelta:
        """Raises ValidationError for what is no window, and for a parameter that there is not."""
        form = WindowQuery(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        return timedelta(seconds=form.validated_data["window"])


class SecurityEvents(_Windowed):
    """Signals of somebody trying doors."""

    serializer_class = SecurityEventsSerializer

    @extend_schema(
        operation_id="security_events", parameters=[WindowQuery], responses=SecurityEventsSerializer
    )
    def get(self, request: Request) -> Response:
        """How often somebody asked for what is not theirs, over the last `window` seconds, and what that means."""
        window, now = self.window(request), timezone.now()
        events = services.security_events(
            tenants=[current_tenant()], window=window, by=actor_of(request), now=now
        )
        told = {**_span(window, now), "events": [_told(event) for event in events]}
        return Response(SecurityEventsSerializer(told).data)


class PlatformSecurityEvents(_Windowed):
    """Signals of somebody trying doors, by tenant."""

    serializer_class = PlatformSecurityEventsSerializer

    @extend_schema(
        operation_id="platform_security_events",
        parameters=[WindowQuery],
        responses=PlatformSecurityEventsSerializer,
    )
    def get(self, request: Request) -> Response:
        """The tenants in which something was seen over the last `window` seconds, or whose alert has not recovered."""
        window, now = self.window(request), timezone.now()
        active = Tenant.objects.filter(state=TenantState.ACTIVE).exclude(schema_name=PUBLIC)
        events = services.security_events(tenants=list(active), window=window, by=actor_of(request), now=now)
        told = {**_span(window, now), "tenants": _by_tenant(events)}
        return Response(PlatformSecurityEventsSerializer(told).data)


def _span(window: timedelta, now: datetime) -> dict[str, Any]:
    since = services.counted_since(now, window)
    return {"window_seconds": window // timedelta(seconds=1), "since": since, "until": now}


def _told(event: SecurityEvent) -> dict[str, Any]:
    names = ("signal", "count", "threshold", "status", "alert")
    return {name: getattr(event, name) for name in names}


def _by_tenant(events: Sequence[SecurityEvent]) -> list[dict[str, Any]]:
    ordered = sorted(events, key=lambda event: (event.tenant.slug, event.signal))
    grouped = [(slug, list(own)) for slug, own in groupby(ordered, key=lambda event: event.tenant.slug)]
    return [
        {"tenant": slug, "events": [_told(event) for event in own]}
        for slug, own in grouped
        if any(event.count or event.alert for event in own)
    ]
