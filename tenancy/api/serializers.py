"""The shape of `/me` and what is below it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tenancy.states import Language, NoticeLevel, Role, StaffRole
from tenancy.web.serializers import StrictSerializer, TextField


class UserSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    email = serializers.EmailField()
    name = serializers.CharField()
    language = serializers.ChoiceField(Language.choices)
    time_zone = serializers.CharField()


class TenantSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    language = serializers.ChoiceField(Language.choices)
    time_zone = serializers.CharField()


class GrantSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    writes = serializers.BooleanField()
    expires_at = serializers.DateTimeField()


class MeSerializer(serializers.Serializer[Any]):
    """`tenant` and `role` are null on the operations console, `grant` unless one opened this tenant."""

    user = UserSerializer()
    tenant = TenantSerializer(allow_null=True)
    role = serializers.ChoiceField(Role.choices, allow_null=True)
    staff_role = serializers.ChoiceField(StaffRole.choices, allow_null=True)
    read_only = serializers.BooleanField()  # type: ignore[assignment]  # DRF takes declared fields off the class
    grant = GrantSerializer(allow_null=True)


class MeChange(StrictSerializer):
    """What is left out stays as it is. `time_zone` is a name of the tz database."""

    language = serializers.ChoiceField(Language.choices, required=False)
    time_zone = TextField(max_length=63, required=False)


@extend_schema_field({"type": "string", "pattern": r"^([01]?\d|2[0-3]):[0-5]?\d$", "examples": ["22:00"]})
class TimeOfDay(serializers.TimeField):
    """Hours and minutes, without a zone."""

    def __init__(self, **kwargs: Any):
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **kwargs)


class HoursSerializer(serializers.Serializer[Any]):
    """Quiet hours as times of day in `time_zone`, the user's own; null when there are none."""

    quiet_from = TimeOfDay(allow_null=True)
    quiet_until = TimeOfDay(allow_null=True)
    time_zone = serializers.CharField()


class DefaultNoticeSerializer(HoursSerializer):
    """What holds for every project without a setting of its own. `is_set` is false for what holds by itself."""

    level = serializers.ChoiceField(NoticeLevel.choices)
    is_set = serializers.BooleanField()


class ScopeNoticeSerializer(DefaultNoticeSerializer):
    """What holds for one project, quiet hours included. `is_set` is false when the default holds."""

    scope = serializers.UUIDField()
    name = serializers.CharField()


class NotificationsSerializer(serializers.Serializer[Any]):
    """`scopes` are the projects that you see."""

    default = DefaultNoticeSerializer()
    scopes = ScopeNoticeSerializer(many=True)


class LevelInput(StrictSerializer):
    level = serializers.ChoiceField(NoticeLevel.choices)


class NoticeInput(LevelInput):
    """Quiet hours that are left out are none: this replaces what was set."""

    quiet_from = TimeOfDay(required=False, allow_null=True, default=None)
    quiet_until = TimeOfDay(required=False, allow_null=True, default=None)
