"""What hypercare's API takes and gives, by the names of the source (FDD-B03)."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from hypercare.models import Incident, Program, Project, ProjectMember
from hypercare.services import Metrics, public_data
from hypercare.states import ClockKind, IncidentState, IncidentType, RootCauseCategory, Severity, SupportLevel
from tenancy.actors import Actor
from tenancy.journal.models import Event
from tenancy.states import ActorKind, Role
from tenancy.web.serializers import StrictSerializer, TextField

LONG_TEXT = 20_000
MOST_USERS = 10_000_000
# Wide enough for any go-live, narrow enough that every zone can show it.
_YEARS = [
    MinValueValidator(datetime(2000, 1, 1, tzinfo=UTC)),
    MaxValueValidator(datetime(2100, 1, 1, tzinfo=UTC)),
]
_ZONES = available_timezones()


class SeverityField(serializers.ChoiceField):
    """P1..P4 in either case."""

    def __init__(self, **kwargs: Any):
        super().__init__(choices=Severity.choices, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.upper() if isinstance(data, str) else data)


class ZoneField(serializers.CharField):
    """A time zone by its name in the tz database."""

    default_error_messages = {"unknown_zone": _("There is no such time zone.")}

    def to_internal_value(self, data: Any) -> ZoneInfo:  # type: ignore[override]  # text outside, a zone inside
        if not isinstance(data, str) or data not in _ZONES:
            self.fail("unknown_zone")
        return ZoneInfo(data)

    def to_representation(self, value: Any) -> str:
        return str(value)


class Moment(serializers.DateTimeField):
    """A time as everybody's clock reads it: in UTC, whatever the reader's zone."""

    def __init__(self, **kwargs: Any):
        super().__init__(default_timezone=UTC, **kwargs)


# ---- programs, projects, members -----------------------------------------------------------------------------


class ProgramSerializer(serializers.Serializer[Program]):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    created_at = Moment()


class ProgramInput(StrictSerializer):
    code = TextField(max_length=20)
    name = TextField(max_length=120)


class ProjectSerializer(serializers.Serializer[Project]):
    id = serializers.UUIDField()
    program_id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    go_live_at = Moment(allow_null=True)
    hypercare_ends_on = serializers.DateField(allow_null=True)
    time_zone = serializers.CharField()
    is_operations = serializers.BooleanField()
    created_at = Moment()


class ProjectInput(StrictSerializer):
    program_id = serializers.UUIDField()
    code = TextField(max_length=20)
    name = TextField(max_length=120)
    go_live_at = Moment(required=False, allow_null=True, validators=_YEARS)
    hypercare_ends_on = serializers.DateField(required=False, allow_null=True)
    time_zone = ZoneField(required=False)


class MemberSerializer(serializers.Serializer[ProjectMember]):
    """Names, never addresses."""

    id = serializers.UUIDField()
    user_id = serializers.IntegerField()
    user_name = serializers.CharField(source="user.name")
    support_level = serializers.ChoiceField(choices=SupportLevel.choices, allow_blank=True)
    is_board_member = serializers.BooleanField()
    created_at = Moment()


class MemberChange(StrictSerializer):
    support_level = serializers.ChoiceField(choices=SupportLevel.choices, required=False, allow_blank=True)
    is_board_member = serializers.BooleanField(required=False)


class MemberInput(MemberChange):
    user_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


# ---- incidents --------------------------------------------------------------------------------------------------


class IncidentSerializer(serializers.Serializer[Incident]):
    """An incident as `context["actor"]` may see it at `context["now"]`.

    Breaches are those of now, recorded or not. A customer sees no support level, and the root cause once resolved.
    """

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    key = serializers.CharField()
    project_id = serializers.UUIDField()
    title = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(choices=IncidentState.choices, source="state")
    severity = serializers.ChoiceField(choices=Severity.choices)
    incident_type = serializers.ChoiceField(choices=IncidentType.choices, allow_blank=True)
    affected_module = serializers.CharField()
    affected_users_count = serializers.IntegerField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]  # the source's name; DRF lifts fields out of the class
    reported_by_id = serializers.IntegerField(allow_null=True)
    reported_by_name = serializers.CharField(source="reported_by.name", allow_null=True, default=None)
    assigned_to_id = serializers.IntegerField(allow_null=True)
    assigned_to_name = serializers.CharField(source="assigned_to.name", allow_null=True, default=None)
    support_level = serializers.ChoiceField(choices=SupportLevel.choices, allow_blank=True, required=False)
    created_at = Moment()
    sla_response_deadline = Moment()
    sla_response_breached = serializers.SerializerMethodField()
    sla_resolution_deadline = Moment()
    sla_resolution_breached = serializers.SerializerMethodField()
    first_response_at = Moment(allow_null=True)
    first_response_by_id = serializers.IntegerField(allow_null=True)
    resolved_at = Moment(allow_null=True)
    resolved_by_id = serializers.IntegerField(allow_null=True)
    root_cause = serializers.CharField(required=False)
    root_cause_category = serializers.ChoiceField(
        choices=RootCauseCategory.choices, allow_blank=True, required=False
    )
    resolution_notes = serializers.CharField(required=False)

    ours = ("support_level",)
    once_resolved = ("root_cause", "root_cause_category", "resolution_notes")

    def get_sla_response_breached(self, incident: Incident) -> bool:
        return incident.is_breached(ClockKind.RESPONSE, self.context["now"])

    def get_sla_resolution_breached(self, incident: Incident) -> bool:
        return incident.is_breached(ClockKind.RESOLUTION, self.context["now"])

    def to_representation(self, instance: Incident) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        actor: Actor = self.context["actor"]
        if not actor.at_least(Role.AGENT):
            for name in self.ours if instance.resolved_at else (*self.ours, *self.once_resolved):
                del shown[name]
        return shown


class IncidentInput(StrictSerializer):
    title = TextField(max_length=255)
    description = TextField(max_length=LONG_TEXT, required=False, allow_blank=True)
    severity = SeverityField(required=False)
    incident_type = serializers.ChoiceField(choices=IncidentType.choices, required=False, allow_blank=True)
    affected_module = TextField(max_length=20, required=False, allow_blank=True)
    affected_users_count = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=MOST_USERS
    )


class Nothing(StrictSerializer):
    """For verbs that take nothing."""


class AssignInput(StrictSerializer):
    assigned_to_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, allow_null=True)
    support_level = serializers.ChoiceField(choices=SupportLevel.choices, required=False)


class ResolveInput(StrictSerializer):
    root_cause = TextField(max_length=LONG_TEXT)
    resolution_notes = TextField(max_length=LONG_TEXT)
    root_cause_category = serializers.ChoiceField(choices=RootCauseCategory.choices, required=False)


class WhoSerializer(serializers.Serializer[Any]):
    """Who did something: a name for people, what it is for the system; never an address."""

    kind = serializers.ChoiceField(choices=ActorKind.choices)
    user_id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()


class TimelineSerializer(serializers.Serializer[Event]):
    """One line of the journal; `context["names"]` are the names of its people by id."""

    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    at = Moment()
    verb = serializers.CharField()
    by = WhoSerializer(source="*")
    details = serializers.DictField()

    def to_representation(self, instance: Event) -> dict[str, Any]:
        actor: Actor = self.context["actor"]
        names: dict[int, str] = self.context["names"]
        is_ours = actor.at_least(Role.AGENT)
        person = instance.actor_id if is_ours or instance.actor_kind == ActorKind.MEMBER else None
        name = instance.actor_name if person is None else names.get(person, "")
        return {
            "id": str(instance.id),
            "seq": instance.seq,
            "at": self.fields["at"].to_representation(instance.at),
            "verb": instance.verb,
            "by": {"kind": instance.actor_kind, "user_id": person, "name": name},
            "details": instance.data if is_ours else public_data(instance.verb, instance.data),
        }


class OpenByPriority(serializers.Serializer[Any]):
    p1 = serializers.IntegerField()
    p2 = serializers.IntegerField()
    p3 = serializers.IntegerField()
    p4 = serializers.IntegerField()


class MetricsSerializer(serializers.Serializer[Metrics]):
    open_by_priority = OpenByPriority()
    sla_breached = serializers.IntegerField()
    avg_resolution_hours = serializers.FloatField(allow_null=True)
    resolved_this_week = serializers.IntegerField()
