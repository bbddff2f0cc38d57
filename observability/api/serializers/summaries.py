"""The shape of run summaries and their trend."""

from datetime import date
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from observability import services
from observability.messages import day_of
from observability.models import RunSummary
from observability.states import SummaryKind
from tenancy.web.serializers import StrictSerializer

_COUNTS = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}
_RATES = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}
_PERCENTILES = {
    "type": "object",
    "required": ["p50", "p95", "p99"],
    "properties": {name: {"type": ["number", "null"]} for name in ("p50", "p95", "p99")},
}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


_TEXT, _TIME, _NUMBER = {"type": "string"}, {"type": "string", "format": "date-time"}, {"type": "integer"}
_BODY = {
    **_object(
        event={"type": "string", "enum": ["run_summary"]},
        generated_at=_TIME,
        build_id=_TEXT,
        config_hash=_TEXT,
        tenant_id=_TEXT,
        period=_object(start=_TIME, end=_TIME, day={"type": "string", "format": "date"}, time_zone=_TEXT),
        counts=_COUNTS,
        rates=_RATES,
        latency=_object(pipeline_total_ms=_PERCENTILES, request_ms=_PERCENTILES),
        errors=_object(by_code=_COUNTS, total_4xx=_NUMBER, total_5xx=_NUMBER),
        requests=_object(count=_NUMBER),
        queue=_object(
            current_depth=_NUMBER,
            max_depth_in_period=_NUMBER,
            stuck_detected={"type": "boolean"},
            minutes_measured=_NUMBER,
        ),
        missing={"type": "array", "items": _TEXT},
    ),
    "description": "The summary as it is stored, logged and sent. `missing` names what could not be counted.",
}


@extend_schema_field(_BODY)
class BodyField(serializers.JSONField):
    """A run summary as it is stored."""


@extend_schema_field(_COUNTS)
class CountsField(serializers.JSONField):
    """Counts by name."""


@extend_schema_field(_RATES)
class RatesField(serializers.JSONField):
    """Rates by name."""


class RunSummarySerializer(serializers.Serializer[Any]):
    """`words` says in your language how it went. `kind`: `day` for a whole day, `demand` for a part of one."""

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.slug")
    kind = serializers.ChoiceField(SummaryKind.choices)
    day = serializers.SerializerMethodField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    generated_at = serializers.DateTimeField()
    words = serializers.SerializerMethodField()
    summary = BodyField(source="body")

    def get_day(self, row: RunSummary) -> date:
        return day_of(row)

    def get_words(self, row: RunSummary) -> list[str]:
        return services.sentences(row.body)


class SummarisedDaySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    day = serializers.DateField()
    counts = CountsField()
    rates = RatesField()
    total_5xx = serializers.IntegerField()
    p95_request_ms = serializers.FloatField(allow_null=True)


class RunSummaryTrendSerializer(serializers.Serializer[Any]):
    """The last days that are summarised, the oldest first, and their counts and rates together."""

    days = SummarisedDaySerializer(many=True)
    counts = CountsField()
    rates = RatesField()


class DaysQuery(StrictSerializer):
    """How many days."""

    days = serializers.IntegerField(
        required=False,
        default=settings.THRESHOLDS.summary.TREND_DAYS,
        min_value=1,
        max_value=settings.THRESHOLDS.summary.MOST_DAYS_BACK,
    )


class TenantQuery(StrictSerializer):
    """Whose, by slug."""

    tenant = serializers.SlugField(max_length=40)


class SummariseInput(StrictSerializer):
    """`day` is a day of the tenant's time zone. Of today, what is over of it is summarised."""

    day = serializers.DateField()
