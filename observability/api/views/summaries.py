"""Run summaries: a tenant's own on its host, everybody's for us on the public one."""

from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from observability import services
from observability.api.filters import AnyTenantsRunSummaryFilter, RunSummaryFilter
from observability.api.serializers.summaries import (
    DaysQuery,
    RunSummarySerializer,
    RunSummaryTrendSerializer,
    SummariseInput,
    TenantQuery,
)
from observability.messages import day_of
from observability.models import RunSummary
from observability.rules.figures import rates
from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_tenant
from tenancy.models import Tenant
from tenancy.web.authentication import actor_of
from tenancy.web.idempotency import Idempotent


class _View(GenericAPIView[Any]):
    """Summaries are shared rows: the schema does not keep other tenants' out, this does."""

    serializer_class: Any = RunSummarySerializer
    queryset: QuerySet[Any] = RunSummary.objects.none()

    @cached_property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def get_queryset(self) -> QuerySet[RunSummary]:
        return RunSummary.objects.filter(tenant=current_tenant()).select_related("tenant")

    def shown(self, row: RunSummary, **answer: Any) -> Response:
        return Response(RunSummarySerializer(row).data, **answer)

    def newest(self, tenant: Tenant) -> Response:
        """The newest day of `tenant`; Http404 before the first."""
        found = services.trend(tenant=tenant, days=1)  # not tunable: one day
        if not found:
            raise Http404
        return self.shown(found[-1])


class _List(_View, ListAPIView[RunSummary]):
    orderings = {"start": "start", "generated_at": "generated_at"}
    ordering = "-start"


class RunSummaries(Idempotent, _List):
    """How the days of this tenant went, the newest first."""

    actions = {"GET": "run_summary.read", "POST": "run_summary.make"}
    filterset_class = RunSummaryFilter

    @extend_schema(
        operation_id="run_summaries_make", request=SummariseInput, responses={201: RunSummarySerializer}
    )
    def post(self, request: Request) -> Response:
        """Summarise a day. One that is summarised already is answered as it is, and nothing is told again."""
        form = SummariseInput(data=request.data)
        form.is_valid(raise_exception=True)
        row = services.summarise_day(
            tenant=current_tenant(), day=form.validated_data["day"], by=self.actor, now=timezone.now()
        )
        headers = {"Location": f"{request.path}/{row.pk}"}
        return self.shown(row, status=status.HTTP_201_CREATED, headers=headers)


class OneRunSummary(_View):
    """One run summary."""

    actions = {"GET": "run_summary.read"}

    @extend_schema(operation_id="run_summary")
    def get(self, request: Request, summary: int) -> Response:
        """One run summary."""
        return self.shown(get_object_or_404(self.get_queryset(), pk=summary))


class LatestRunSummary(_View):
    """The newest day that is summarised."""

    actions = {"GET": "run_summary.read"}

    @extend_schema(operation_id="run_summaries_latest")
    def get(self, request: Request) -> Response:
        """The newest day that is summarised; 404 before the first."""
        return self.newest(current_tenant())


class RunSummaryTrend(_View):
    """The last days side by side."""

    actions = {"GET": "run_summary.read"}
    serializer_class = RunSummaryTrendSerializer

    @extend_schema(
        operation_id="run_summaries_trend", parameters=[DaysQuery], responses=RunSummaryTrendSerializer
    )
    def get(self, request: Request) -> Response:
        """The last days that are summarised, the oldest first, and their sums."""
        form = DaysQuery(data=request.query_params)
        form.is_valid(raise_exception=True)
        days = services.trend(tenant=current_tenant(), days=form.validated_data["days"])
        counts = services.sums(days)
        found = {"days": [_day(row) for row in days], "counts": counts, "rates": rates(counts)}
        return Response(RunSummaryTrendSerializer(found).data)


class AnyTenantsRunSummaries(_List):
    """How the days of all tenants went, the newest first; on the public host."""

    actions = {"GET": "run_summary.read"}
    filterset_class = AnyTenantsRunSummaryFilter

    def get_queryset(self) -> QuerySet[RunSummary]:
        return RunSummary.objects.select_related("tenant")


class AnyTenantsLatestRunSummary(_View):
    """The newest day of a tenant that is summarised; on the public host."""

    actions = {"GET": "run_summary.read"}

    @extend_schema(
        operation_id="run_summaries_latest_of", parameters=[TenantQuery], responses=RunSummarySerializer
    )
    def get(self, request: Request) -> Response:
        """The newest day of `tenant` that is summarised; 404 before the first, and for a tenant that there is not."""
        form = TenantQuery(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        customers = Tenant.objects.exclude(schema_name=PUBLIC)
        return self.newest(get_object_or_404(customers, slug=form.validated_data["tenant"]))


class AnyTenantsRunSummary(OneRunSummary):
    """One run summary of any tenant; on the public host."""

    def get_queryset(self) -> QuerySet[RunSummary]:
        return RunSummary.objects.select_related("tenant")


def _day(row: RunSummary) -> dict[str, Any]:
    body = row.body
    return {
        "id": row.pk,
        "day": day_of(row),
        "counts": body["counts"],
        "rates": body["rates"],
        "total_5xx": body["errors"]["total_5xx"],
        "p95_request_ms": body["latency"]["request_ms"]["p95"],
    }
