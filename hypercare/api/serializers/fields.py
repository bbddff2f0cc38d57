"""Fields that the shapes share."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from hypercare.states import Severity

# Wide enough for any go-live, narrow enough that every zone can show it.
YEARS = [
    MinValueValidator(datetime(2000, 1, 1, tzinfo=UTC)),
    MaxValueValidator(datetime(2100, 1, 1, tzinfo=UTC)),
]
DAYS = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2099, 12, 31))]
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
