"""By what programs, projects and members can be listed."""

import django_filters

from hypercare.models import Program, Project, ProjectMember
from hypercare.states import SupportLevel

LONGEST_CODE = 20


class ProgramFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    code = django_filters.CharFilter(lookup_expr="iexact", max_length=LONGEST_CODE)

    class Meta:
        model = Program
        fields: list[str] = []


class ProjectFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    code = django_filters.CharFilter(lookup_expr="iexact", max_length=LONGEST_CODE)
    program = django_filters.UUIDFilter(field_name="program_id")
    is_operations = django_filters.BooleanFilter()

    class Meta:
        model = Project
        fields: list[str] = []


class MemberFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    support_level = django_filters.MultipleChoiceFilter(choices=SupportLevel.choices)
    is_board_member = django_filters.BooleanFilter()

    class Meta:
        model = ProjectMember
        fields: list[str] = []
