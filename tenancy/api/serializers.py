"""The shape of `/me`."""

from typing import Any

from rest_framework import serializers

from tenancy.states import Language, Role, StaffRole


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
