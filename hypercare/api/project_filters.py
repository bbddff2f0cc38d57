"""By what programs, projects and members can be listed."""

import django_filters

from hypercare.api.filters import MOST
from hypercare.api.search_filters import SearchFilter
from hypercare.models import Program, Project, ProjectMember
from hypercare.states import SupportLevel

LONGEST_CODE = 20  # not tunable: the column's width


class ProgramFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """`search` finds every word in code and name without case and accents."""

    search = SearchFilter("code", "name")
    code = django_filters.CharFilter(lookup_expr="iexact", max_length=LONGEST_CODE)

    class Meta:
        model = Program
        fields: list[str] = []


class ProjectFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """`search` as of programs; the days on which hypercare ends are inclusive."""

    search = SearchFilter("code", "name")
    code = django_filters.CharFilter(lookup_expr="iexact", max_length=LONGEST_CODE)
    program = django_filters.UUIDFilter(field_name="program_id")
    is_operations = django_filters.BooleanFilter()
    go_live_after = django_filters.IsoDateTimeFilter(field_name="go_live_at", lookup_expr="gte")
    go_live_before = django_filters.IsoDateTimeFilter(field_name="go_live_at", lookup_expr="lt")
    hypercare_ends_from = django_filters.DateFilter(field_name="hypercare_ends_on", lookup_expr="gte")
    hypercare_ends_to = django_filters.DateFilter(field_name="hypercare_ends_on", lookup_expr="lte")

    class Meta:
        model = Project
        fields: list[str] = []


class MemberFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """`search` finds every word in the person's name without case and accents."""

    search = SearchFilter("user__name")
    user = django_filters.NumberFilter(field_name="user_id", decimal_places=0, min_value=1, max_value=MOST)
    support_level = django_filters.MultipleChoiceFilter(choices=SupportLevel.choices)
    is_board_member = django_filters.BooleanFilter()

    class Meta:
        model = ProjectMember
        fields: list[str] = []
