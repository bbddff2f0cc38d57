"""What comes in is what was asked for: an unknown field is an error that names it."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


class _Strict(serializers.Serializer[Any]):
    def to_internal_value(self, data: Any) -> Any:
        faults = self._unknown(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if faults and isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **faults}) from error
            raise
        if faults:
            raise serializers.ValidationError(faults)
        return value

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, Any]:
        faults: dict[str, Any] = {}
        for name in data:
            field = self.fields.get(str(name))
            if field is None:
                faults[str(name)] = [
                    serializers.ErrorDetail(str(_("There is no such field.")), code="unknown_field")
                ]
            elif field.read_only:
                faults[str(name)] = [
                    serializers.ErrorDetail(str(_("This field cannot be set.")), code="read_only_field")
                ]
        return faults


class StrictSerializer(_Strict):
    """A serializer that refuses fields it does not know or does not take."""


class StrictModelSerializer(_Strict, serializers.ModelSerializer[Any]):
    """The same for a model."""


class TextField(serializers.CharField):
    """Text, and nothing that is turned into text: a number is an error. NUL and half surrogates are refused by DRF.

    `max_length` is in characters.
    """

    def __init__(self, *, max_length: int = 10_000, **kwargs: Any):
        super().__init__(max_length=max_length, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)
