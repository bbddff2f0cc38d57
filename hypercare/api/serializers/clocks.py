"""The clocks of an incident, explained."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from hypercare.api.serializers.fields import Moment
from hypercare.permissions import HIDDEN_FROM_CUSTOMERS
from hypercare.rules import Why
from hypercare.services import Explanation
from hypercare.states import ClockEventKind, ClockKind, ClockPhase
from tenancy.states import Role


class Seconds(serializers.FloatField):
    """A duration in seconds, exact to the microsecond."""

    def to_representation(self, value: timedelta) -> float:  # type: ignore[override]  # a duration inside
        return value.total_seconds()


class _Shown(serializers.Serializer[Any]):
    """What `context["actor"]` may see: how a project's policies are made is not for customers."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if not self.context["actor"].at_least(Role.AGENT):
            for name in HIDDEN_FROM_CUSTOMERS["clock"] & shown.keys():
                del shown[name]
        return shown


class StretchSerializer(_Shown):
    """A Passage: `reason` is what a pause waited for, `calendar` whose hours it was read by; both may be empty."""

    begin = Moment(source="stretch.begin")
    end = Moment(source="stretch.end")
    seconds = Seconds(source="stretch.duration")
    counts = serializers.BooleanField(source="stretch.counts")
    why = serializers.ChoiceField(choices=[why.value for why in Why], source="stretch.why")
    reason = serializers.CharField()
    calendar = serializers.CharField(required=False)


class ClockEventSerializer(_Shown):
    """One step of a clock. A start and a new target say the target, and what it follows from."""

    seq = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ClockEventKind.choices)
    at = Moment()
    target_minutes = serializers.IntegerField(allow_null=True)
    target_minutes_before = serializers.IntegerField(
        source="data.before.target_minutes", default=None, allow_null=True
    )
    severity = serializers.CharField(source="data.severity", default=None, allow_null=True)
    policy_id = serializers.UUIDField(source="data.policy", default=None, allow_null=True)
    config_hash = serializers.CharField(source="data.config_hash", default=None, allow_null=True)
    calendar = serializers.CharField(source="calendar_version.calendar.name", default="")
    calendar_version = serializers.IntegerField(
        source="calendar_version.number", default=None, allow_null=True
    )


class ClockSerializer(serializers.Serializer[Explanation]):
    """A clock at one moment. `wall_seconds` is the time since its start: `counted_seconds` + `uncounted_seconds`."""

    clock = serializers.ChoiceField(choices=ClockKind.choices)
    phase = serializers.ChoiceField(choices=[phase.value for phase in ClockPhase], source="state.phase")
    cycle = serializers.IntegerField(source="state.cycle")
    target_seconds = Seconds(source="state.target")
    elapsed_seconds = Seconds(source="state.elapsed")
    remaining_seconds = Seconds(source="state.remaining")
    percent = serializers.IntegerField(source="state.percent")
    breached = serializers.BooleanField(source="state.breached")
    due_at = Moment(source="state.due_at", allow_null=True)
    fulfilled_at = Moment(source="state.fulfilled_at", allow_null=True)
    wall_seconds = Seconds(source="wall")
    counted_seconds = Seconds(source="counted")
    uncounted_seconds = Seconds(source="uncounted")
    stretches = StretchSerializer(many=True, source="passages")
    events = ClockEventSerializer(many=True)


class ClocksSerializer(serializers.Serializer[Any]):
    """Both clocks of an incident at `at`."""

    incident_id = serializers.UUIDField()
    at = Moment()
    clocks = ClockSerializer(many=True)
