"""What several lists are narrowed by: a tenant, and what happened lately."""

from datetime import timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

SPANS = {
    "hour": (_("the last hour"), timedelta(hours=1)),
    "day": (_("the last 24 hours"), timedelta(days=1)),
    "week": (_("the last 7 days"), timedelta(days=7)),  # not tunable: as it says
}


class OfTenant(AutocompleteSelectFilter):
    """A tenant, found by typing: a list of a thousand is no choice."""

    title = _("tenant")


class SinceFilter(SimpleListFilter):
    """Rows whose `column` is within the last hour, day or week."""

    title = _("when")
    parameter_name = "since"
    column = "at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(key, label) for key, (label, _span) in SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in SPANS:
            return queryset
        _label, span = SPANS[self.value() or ""]
        return queryset.filter(**{f"{self.column}__gt": timezone.now() - span})


class MadeSince(SinceFilter):
    column = "created_at"
