"""Alerts, and signals of somebody trying doors."""

from datetime import UTC
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from observability.messages import say
from observability.models import Alert
from observability.services import LONGEST_NOTE
from observability.states import AlertSeverity, AlertState, Owner, VerdictStatus
from tenancy.context import PUBLIC
from tenancy.states import Signal
from tenancy.web.serializers import StrictSerializer, TextField


def _moment(**kwargs: Any) -> serializers.DateTimeField:
    return serializers.DateTimeField(default_timezone=UTC, **kwargs)


class MeasuredSerializer(serializers.Serializer[Any]):
    """What was measured last in breach: `value` against `limit`, both in `unit`, over the window from `since`.

    `events` out of `samples` say a rate exactly.
    """

    status = serializers.ChoiceField(VerdictStatus.choices)
    reason = serializers.CharField()
    metric = serializers.CharField()
    unit = serializers.CharField()
    comparison = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    limit = serializers.FloatField(allow_null=True)
    samples = serializers.IntegerField(allow_null=True)
    events = serializers.IntegerField(allow_null=True)
    min_samples = serializers.IntegerField()
    window_seconds = serializers.FloatField()
    since = serializers.CharField()
    until = serializers.CharField()


class AlertSerializer(serializers.Serializer[Alert]):
    """A rule that was in breach until it recovered. `tenant` is null for the platform; `said` is in your language.

    `count` says in how many looks it was in breach. `incident` refers to what it was turned into,
    `incident:<id>` in its tenant.
    """

    id = serializers.IntegerField()
    rule = serializers.CharField()
    tenant = serializers.SerializerMethodField()
    state = serializers.ChoiceField(AlertState.choices)
    severity = serializers.ChoiceField(AlertSeverity.choices)
    owner = serializers.ChoiceField(Owner.choices)
    runbook = serializers.CharField()
    said = serializers.SerializerMethodField()
    verdict = MeasuredSerializer()
    config_hash = serializers.CharField()
    opened_at = _moment()
    last_seen_at = _moment()
    count = serializers.IntegerField()
    reopened_count = serializers.IntegerField()
    reopened_at = _moment(allow_null=True)
    acknowledged_at = _moment(allow_null=True)
    acknowledged_by_id = serializers.IntegerField(allow_null=True)
    recovered_at = _moment(allow_null=True)
    incident = serializers.CharField()

    def get_tenant(self, alert: Alert) -> str | None:
        return None if alert.tenant.schema_name == PUBLIC else alert.tenant.slug

    def get_said(self, alert: Alert) -> str:
        return str(say(alert.verdict))


class AcknowledgeInput(StrictSerializer):
    note = TextField(required=False, allow_blank=True, default="", max_length=LONGEST_NOTE)


class WindowQuery(StrictSerializer):
    """`window` in seconds; left out, that of the alarms."""

    window = serializers.IntegerField(
        min_value=1,
        max_value=settings.THRESHOLDS.security.MOST_WINDOW_SECONDS,
        default=settings.THRESHOLDS.security.WINDOW_SECONDS,
        help_text=_("Seconds that are looked back; left out, those of the alarms."),
    )


class SignalAlertSerializer(serializers.Serializer[Any]):
    rule = serializers.CharField()
    state = serializers.ChoiceField(AlertState.choices)


class SignalSerializer(serializers.Serializer[Any]):
    """How often a signal was seen, what that means against the alarm's threshold, and its alert until it recovered."""

    signal = serializers.ChoiceField(Signal.choices)
    count = serializers.IntegerField()
    threshold = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(VerdictStatus.choices)
    alert = SignalAlertSerializer(allow_null=True)


class WindowSerializer(serializers.Serializer[Any]):
    """Signals are kept by the minute: those of the minutes that began between `since` and `until`."""

    window_seconds = serializers.IntegerField()
    since = _moment()
    until = _moment()


class SecurityEventsSerializer(WindowSerializer):
    events = SignalSerializer(many=True)


class TenantSignalsSerializer(serializers.Serializer[Any]):
    tenant = serializers.CharField()
    events = SignalSerializer(many=True)


class PlatformSecurityEventsSerializer(WindowSerializer):
    """The active tenants in which something was seen, or whose alert has not recovered."""

    tenants = TenantSignalsSerializer(many=True)
