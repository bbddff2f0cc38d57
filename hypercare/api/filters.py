"""By what incidents, comments and backlog items can be listed."""

from typing import Any

import django_filters
from django.utils import timezone
from django_filters.fields import MultipleChoiceField

from hypercare.api.search_filters import LONGEST_SEARCH, SearchFilter
from hypercare.models import BacklogItem, Comment, Incident, IncidentQuerySet
from hypercare.states import IncidentState, IncidentType, Severity, WorkItemKind
from tenancy.journal.models import Event
from tenancy.web.authentication import actor_of

MOST = 2**63 - 1  # not tunable: a bigint


class _AnyCaseField(MultipleChoiceField):  # type: ignore[misc]  # django_filters has no types
    def to_python(self, value: Any) -> list[str]:
        return [choice.upper() for choice in super().to_python(value)]


class AnyCaseFilter(django_filters.MultipleChoiceFilter):  # type: ignore[misc]  # django_filters has no types
    field_class = _AnyCaseField


class IncidentFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """state, severity and type may be given several times; `breached` is as of now, recorded or not.

    `search` finds every word in title, description and module without case and accents, and INC-12 by its number.
    """

    number = django_filters.NumberFilter(decimal_places=0, min_value=1, max_value=MOST)
    state = django_filters.MultipleChoiceFilter(choices=IncidentState.choices)
    severity = AnyCaseFilter(choices=Severity.choices)
    incident_type = django_filters.MultipleChoiceFilter(choices=IncidentType.choices)
    module = django_filters.CharFilter(field_name="affected_module", lookup_expr="iexact", max_length=20)
    assignee = django_filters.NumberFilter(
        field_name="assigned_to_id", decimal_places=0, min_value=1, max_value=MOST
    )
    reported_by_me = django_filters.BooleanFilter(method="by_reporter")
    breached = django_filters.BooleanFilter(method="by_breach")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    resolved_after = django_filters.IsoDateTimeFilter(field_name="resolved_at", lookup_expr="gte")
    resolved_before = django_filters.IsoDateTimeFilter(field_name="resolved_at", lookup_expr="lt")
    search = django_filters.CharFilter(method="by_text", max_length=LONGEST_SEARCH)

    class Meta:
        model = Incident
        fields: list[str] = []

    def by_reporter(self, queryset: IncidentQuerySet, name: str, value: bool) -> IncidentQuerySet:
        mine = {"reported_by": actor_of(self.request).user_id}
        return queryset.filter(**mine) if value else queryset.exclude(**mine)

    def by_breach(self, queryset: IncidentQuerySet, name: str, value: bool) -> IncidentQuerySet:
        breached = IncidentQuerySet.is_breached(timezone.now())
        return queryset.filter(breached) if value else queryset.exclude(breached)

    def by_text(self, queryset: IncidentQuerySet, name: str, value: str) -> IncidentQuerySet:
        return queryset.search(value)


class CommentFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    is_internal = django_filters.BooleanFilter()
    author = django_filters.NumberFilter(
        field_name="author_id", decimal_places=0, min_value=1, max_value=MOST
    )
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Comment
        fields: list[str] = []


class TimelineFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    verb = django_filters.CharFilter(max_length=LONGEST_SEARCH)
    at_after = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    at_before = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = Event
        fields: list[str] = []


class BacklogItemFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """kind may be given several times; `search` finds every word in key and title without case and accents."""

    search = SearchFilter("key", "title")
    kind = django_filters.MultipleChoiceFilter(choices=WorkItemKind.choices)
    key = django_filters.CharFilter(lookup_expr="iexact", max_length=40)

    class Meta:
        model = BacklogItem
        fields: list[str] = []
