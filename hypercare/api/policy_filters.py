"""By what policies and calendars can be listed."""

from datetime import datetime
from uuid import UUID

import django_filters
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT

from hypercare.api.search_filters import SearchFilter
from hypercare.models import Calendar, CalendarVersion, Policy, PolicyTarget

LONGEST_ZONE = 60  # not tunable: the column's width


class PolicyFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """`in_force_at` finds the one that counts at that moment; `calendar` those with a target in its hours."""

    in_force_at = django_filters.IsoDateTimeFilter(method="by_force")
    valid_from_after = django_filters.IsoDateTimeFilter(field_name="valid_from", lookup_expr="gte")
    valid_from_before = django_filters.IsoDateTimeFilter(field_name="valid_from", lookup_expr="lt")
    calendar = django_filters.UUIDFilter(method="by_calendar")

    class Meta:
        model = Policy
        fields: list[str] = []

    def by_force(self, queryset: QuerySet[Policy], name: str, value: datetime) -> QuerySet[Policy]:
        begun = Policy.objects.filter(project=OuterRef("project"), valid_from__lte=value)
        newer = begun.filter(valid_from__gt=OuterRef("valid_from"))
        return queryset.filter(~Exists(newer), valid_from__lte=value)

    def by_calendar(self, queryset: QuerySet[Policy], name: str, value: UUID) -> QuerySet[Policy]:
        return queryset.filter(Exists(PolicyTarget.objects.filter(policy=OuterRef("pk"), calendar=value)))


class CalendarFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """`search` finds every word in the name without case and accents; `time_zone` is the one that it has now."""

    search = SearchFilter("name")
    time_zone = django_filters.CharFilter(method="by_zone", max_length=LONGEST_ZONE)

    class Meta:
        model = Calendar
        fields: list[str] = []

    def by_zone(self, queryset: QuerySet[Calendar], name: str, value: str) -> QuerySet[Calendar]:
        versions = CalendarVersion.objects.filter(calendar=OuterRef("pk")).order_by("-number")
        zone = Subquery(versions.values(zone=KT("definition__time_zone"))[:1])
        return queryset.alias(zone=zone).filter(zone__iexact=value)
