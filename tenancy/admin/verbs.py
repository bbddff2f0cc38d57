"""How a list shows the events of the journals: in words, and by the name that people search and subscribe by."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import DropdownFilter

from tenancy.deliveries import ANY
from tenancy.services import words_of


def event_name(verb: str) -> SafeString:
    """`verb` in words, and below them as it is written."""
    return format_html('<span class="hc-what">{}<small><code>{}</code></small></span>', _said(verb), verb)


def event_names(verbs: Sequence[str], *, most: int | None = None) -> SafeString:
    """`verbs` one below the other, and how many more than `most` there are."""
    named = format_html_join("", "{}", ((event_name(verb),) for verb in verbs[:most]))
    more = len(verbs[most:]) if most else 0
    if not more:
        return named
    said = ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more}
    return format_html("{}<small>{}</small>", named, said)


def _said(verb: str) -> Any:
    return _("Every event") if verb == ANY else words_of(verb)


class VerbFilter(DropdownFilter):
    """One of the events that the journal has, by its words."""

    title = _("event")
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        verbs = model_admin.model.objects.order_by().values_list("verb", flat=True).distinct()
        return sorted(((verb, words_of(verb)) for verb in verbs), key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(verb=self.value()) if self.value() else queryset
