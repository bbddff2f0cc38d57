"""How lists are searched and filtered."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Func, QuerySet, TextField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.templatetags import unfold_list

from tenancy.context import current_tenant
from tenancy.models import User
from tenancy.states import Role


def _once(headings: Callable[[Any], Iterable[Any]]) -> Callable[[Any], Iterable[Any]]:
    """`headings` of a list, made once. Unfold makes them again for every row, which costs more than the row."""

    def made(page: Any) -> Iterable[Any]:
        if not hasattr(page, "headings"):
            page.headings = tuple(headings(page))
        return page.headings

    return made


unfold_list.result_headers = _once(unfold_list.result_headers)


class Fold(Func):
    """A text as it is searched: lower case, and all four Turkish letters i the same. `fold` is its twin."""

    function = "translate"
    template = "lower(translate(%(expressions)s::text, 'İIı', 'iii'))"
    output_field = TextField()


def fold(text: str) -> str:
    return text.translate(str.maketrans("İIı", "iii")).lower()


class MemberFilter(SimpleListFilter):
    """One of the current tenant's members. Subclasses name the UserRef in `parameter_name`."""

    roles: Collection[str] = Role.values
    """Whose names are offered."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        members = User.objects.filter(memberships__tenant=current_tenant(), memberships__role__in=self.roles)
        return [("none", _("nobody")), *((str(user.pk), user.name) for user in members)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        assert self.parameter_name
        if value == "none":
            return queryset.filter(**{f"{self.parameter_name}__isnull": True})
        if value is None:
            return queryset
        known = value in dict(self.lookup_choices)
        return queryset.filter(**{self.parameter_name: value}) if known else queryset.none()
