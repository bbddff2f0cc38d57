"""By what change requests can be listed."""

import django_filters

from hypercare.api.filters import AnyCaseFilter
from hypercare.api.search_filters import LONGEST_SEARCH
from hypercare.models import ChangeRequest, ChangeRequestQuerySet
from hypercare.services import waits_for_vote_of
from hypercare.states import ChangeState, ChangeType, Severity
from tenancy.web.authentication import actor_of

MOST = 2**31 - 1  # not tunable: an integer


class ChangeFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """status, priority and type may be given several times; days of the plan are inclusive.

    `search` finds every word in title, description and module without case and accents, and CR-003 by its number.
    """

    number = django_filters.NumberFilter(decimal_places=0, min_value=1, max_value=MOST)
    status = django_filters.MultipleChoiceFilter(field_name="state", choices=ChangeState.choices)
    priority = AnyCaseFilter(field_name="severity", choices=Severity.choices)
    change_type = django_filters.MultipleChoiceFilter(choices=ChangeType.choices)
    module = django_filters.CharFilter(field_name="affected_module", lookup_expr="iexact", max_length=20)
    requested_by_me = django_filters.BooleanFilter(method="by_requester")
    waiting_for_my_vote = django_filters.BooleanFilter(method="by_vote")
    planned_from = django_filters.DateFilter(field_name="planned_implementation_date", lookup_expr="gte")
    planned_to = django_filters.DateFilter(field_name="planned_implementation_date", lookup_expr="lte")
    search = django_filters.CharFilter(method="by_text", max_length=LONGEST_SEARCH)

    class Meta:
        model = ChangeRequest
        fields: list[str] = []

    def by_requester(self, queryset: ChangeRequestQuerySet, name: str, value: bool) -> ChangeRequestQuerySet:
        mine = {"requested_by": actor_of(self.request).user_id}
        return queryset.filter(**mine) if value else queryset.exclude(**mine)

    def by_vote(self, queryset: ChangeRequestQuerySet, name: str, value: bool) -> ChangeRequestQuerySet:
        user_id = actor_of(self.request).user_id
        if user_id is None:
            return queryset.none() if value else queryset
        waits = waits_for_vote_of(user_id)
        return queryset.filter(waits) if value else queryset.exclude(waits)

    def by_text(self, queryset: ChangeRequestQuerySet, name: str, value: str) -> ChangeRequestQuerySet:
        return queryset.search(value)
