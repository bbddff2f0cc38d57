"""By what incidents can be listed."""

from typing import Any

import django_filters
from django.utils import timezone
from django_filters.fields import MultipleChoiceField

from hypercare.models import Incident, IncidentQuerySet
from hypercare.states import IncidentState, Severity


class _AnyCaseField(MultipleChoiceField):  # type: ignore[misc]  # django_filters has no types
    def to_python(self, value: Any) -> list[str]:
        return [choice.upper() for choice in super().to_python(value)]


class _AnyCaseFilter(django_filters.MultipleChoiceFilter):  # type: ignore[misc]  # django_filters has no types
    field_class = _AnyCaseField


class IncidentFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """state and severity may be given several times; `breached` is as of now, recorded or not."""

    state = django_filters.MultipleChoiceFilter(choices=IncidentState.choices)
    severity = _AnyCaseFilter(choices=Severity.choices)
    module = django_filters.CharFilter(field_name="affected_module", lookup_expr="iexact", max_length=20)
    assignee = django_filters.NumberFilter(
        field_name="assigned_to_id", decimal_places=0, min_value=1, max_value=2**63 - 1
    )
    breached = django_filters.BooleanFilter(method="by_breach")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Incident
        fields: list[str] = []

    def by_breach(self, queryset: IncidentQuerySet, name: str, value: bool) -> IncidentQuerySet:
        breached = IncidentQuerySet.is_breached(timezone.now())
        return queryset.filter(breached) if value else queryset.exclude(breached)
