"""Search for words in lists whose rows have no folded column: projects, members, calendars, backlog items."""

from typing import Any

import django_filters
from django.db.models import Func, QuerySet, TextField

from hypercare.rules import fold

LONGEST_SEARCH = 200  # not tunable: of the API, as its schema says


class Folded(Func):
    """Columns as `rules.fold` makes texts, for the letters of Latin script."""

    arg_joiner = " || ' ' || "
    template = (
        "lower(replace(regexp_replace(normalize(translate(%(expressions)s, 'İIıẞ', 'iiiß'), NFKD),"
        " '[\\u0300-\\u036f]', '', 'g'), 'ß', 'ss'))"
    )
    output_field = TextField()


class SearchFilter(django_filters.CharFilter):  # type: ignore[misc]  # django_filters has no types
    """Rows that hold every word of what is asked in one of `columns`, whatever its case and accents."""

    def __init__(self, *columns: str, **kwargs: Any):
        super().__init__(max_length=LONGEST_SEARCH, **kwargs)
        self.columns = columns

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        found: QuerySet[Any] = qs.alias(searched=Folded(*self.columns))
        for word in fold(value).split():
            found = found.filter(searched__contains=word)
        return found
