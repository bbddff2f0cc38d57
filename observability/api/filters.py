"""By what alerts can be listed."""

import django_filters

from observability.models import Alert, RunSummary
from observability.states import AlertSeverity, AlertState, SummaryKind

LONGEST = 60  # not tunable: characters, the columns' width


class AlertFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """state and severity may be given several times."""

    state = django_filters.MultipleChoiceFilter(choices=AlertState.choices)
    severity = django_filters.MultipleChoiceFilter(choices=AlertSeverity.choices)
    rule = django_filters.CharFilter(max_length=LONGEST)
    opened_after = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="gte")
    opened_before = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="lt")

    class Meta:
        model = Alert
        fields: list[str] = []


class AnyTenantsAlertFilter(AlertFilter):
    """On the public host also by `tenant`, a slug."""

    tenant = django_filters.CharFilter(field_name="tenant__slug", max_length=LONGEST)


class RunSummaryFilter(django_filters.FilterSet):  # type: ignore[misc]  # as above
    """kind may be given several times."""

    kind = django_filters.MultipleChoiceFilter(choices=SummaryKind.choices)
    start_after = django_filters.IsoDateTimeFilter(field_name="start", lookup_expr="gte")
    start_before = django_filters.IsoDateTimeFilter(field_name="start", lookup_expr="lt")

    class Meta:
        model = RunSummary
        fields: list[str] = []


class AnyTenantsRunSummaryFilter(RunSummaryFilter):
    """On the public host also by `tenant`, a slug."""

    tenant = django_filters.CharFilter(field_name="tenant__slug", max_length=LONGEST)
