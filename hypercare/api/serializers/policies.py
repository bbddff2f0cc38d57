"""Policies and the calendars that they name."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from hypercare.api.serializers.fields import YEARS, Moment
from hypercare.models import CalendarVersion, Policy
from hypercare.rules import LONGEST_MINUTES, Target
from hypercare.states import Severity
from tenancy.web.serializers import StrictSerializer, TextField

LONGEST_NAME = 120  # not tunable: the column's width


class TargetSerializer(serializers.Serializer[Any]):
    """Minutes of the calendar; without one, round the clock."""

    response_minutes = serializers.IntegerField()
    resolution_minutes = serializers.IntegerField()
    calendar_id = serializers.UUIDField(allow_null=True)


class TargetsSerializer(serializers.Serializer[Any]):
    P1 = TargetSerializer()
    P2 = TargetSerializer()
    P3 = TargetSerializer()
    P4 = TargetSerializer()


class PolicySerializer(serializers.Serializer[Policy]):
    """`in_force`: it is the one that counts now, `context["in_force"]`."""

    id = serializers.UUIDField()
    valid_from = Moment()
    in_force = serializers.SerializerMethodField()
    targets = TargetsSerializer()
    created_at = Moment()
    created_by_id = serializers.IntegerField(allow_null=True)

    def get_in_force(self, policy: Policy) -> bool:
        return bool(policy.pk == self.context["in_force"])

    def to_representation(self, instance: Policy) -> dict[str, Any]:
        targets = {row.severity: TargetSerializer(row).data for row in instance.targets.all()}
        return {
            "id": str(instance.pk),
            "valid_from": self.fields["valid_from"].to_representation(instance.valid_from),
            "in_force": self.get_in_force(instance),
            "targets": {severity: targets[severity] for severity in Severity.values},
            "created_at": self.fields["created_at"].to_representation(instance.created_at),
            "created_by_id": instance.created_by_id,
        }


class TargetInput(StrictSerializer):
    response_minutes = serializers.IntegerField(min_value=1, max_value=LONGEST_MINUTES)
    resolution_minutes = serializers.IntegerField(min_value=1, max_value=LONGEST_MINUTES)
    calendar_id = serializers.UUIDField(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Target:
        return Target(**super().to_internal_value(data))


class TargetsInput(StrictSerializer):
    """By severity, in either case; those left out get the defaults."""

    P1 = TargetInput(required=False)
    P2 = TargetInput(required=False)
    P3 = TargetInput(required=False)
    P4 = TargetInput(required=False)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            data = {name.upper() if isinstance(name, str) else name: each for name, each in data.items()}
        return super().to_internal_value(data)


class PolicyInput(StrictSerializer):
    """Without `valid_from` it begins at once."""

    valid_from = Moment(required=False, allow_null=True, validators=YEARS)
    targets = TargetsInput()


class CalendarSerializer(serializers.Serializer[CalendarVersion]):
    """What a calendar says now. `public_holidays` are those of the country, as they were looked up when it was
    changed last."""

    id = serializers.UUIDField(source="calendar_id")
    name = serializers.CharField(source="calendar.name")
    version = serializers.IntegerField(source="number")
    time_zone = serializers.CharField(source="definition.time_zone")
    weekly = serializers.JSONField(source="definition.weekly")
    country = serializers.CharField(source="definition.country")
    subdivision = serializers.CharField(source="definition.subdivision")
    closed = serializers.JSONField(source="definition.closed")
    names = serializers.JSONField(source="definition.names", default=dict)
    special = serializers.JSONField(source="definition.special")
    public_holidays = serializers.JSONField(source="closed_on")
    created_at = Moment(source="calendar.created_at")
    changed_at = Moment(source="created_at")
    changed_by_id = serializers.IntegerField(source="created_by_id", allow_null=True)


class CalendarInput(StrictSerializer):
    """`weekly` has intervals such as ["09:00", "12:30"] by weekday, `closed` days, `names` those of closed days by
    day, `special` intervals by day."""

    name = TextField(max_length=LONGEST_NAME)
    time_zone = TextField(max_length=60)
    weekly = serializers.JSONField()
    country = TextField(max_length=8, required=False, allow_blank=True)
    subdivision = TextField(max_length=40, required=False, allow_blank=True)
    closed = serializers.JSONField(required=False)
    names = serializers.JSONField(required=False)
    special = serializers.JSONField(required=False)
