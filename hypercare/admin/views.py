"""Views that people keep: above every list of the tenant's console, and as a list of their own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import display, register
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from hypercare import services
from hypercare.forms.views import RenameViewForm, SaveViewForm, list_named
from hypercare.models import SavedView
from tenancy.actors import Actor
from tenancy.errors import Invalid
from tenancy.web.admin import Made, ModelAdmin, Verb, actor_in, allowed, pill, tenant_site
from tenancy.web.authentication import actor_of

Cleaned = Mapping[str, Any]


def address_of(view: SavedView) -> str:
    """The list with the view's filters; the first page where the list is gone."""
    if list_named(view.list) is None:
        return reverse("admin:index")
    return f"{reverse('admin:' + view.list.replace('.', '_') + '_changelist')}?{view.query}"


def _save(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    view = services.save_view(**cleaned, by=by, now=now)
    return Made(_("%(name)s is above the list now.") % {"name": view.name}, None, to=address_of(view))


def _change(row: SavedView, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    view = services.change_view(view=row, **cleaned, by=by, now=now)
    return Made(_("%(name)s is changed.") % {"name": view.name}, None, to=address_of(view))


def _remove(row: SavedView, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    services.delete_view(view=row, by=by, now=now)
    return Made(_("%(name)s is removed.") % {"name": row.name}, None, to=address_of(row))


@register(SavedView, site=tenant_site)
class SavedViewAdmin(ModelAdmin):
    title = _("Saved views")
    icon = "bookmarks"
    read_action = "saved_view.read"
    list_display = ["what", "of_list", "whose"]
    list_display_links = None
    list_select_related = ["owner"]
    search_fields = ["name"]
    fields = [("name", "of_list"), ("whose", "query"), "created_at"]
    empty = _("Nobody has kept a view yet: filter a list, and save what you see.")
    list_verbs = [
        Verb(
            "save",
            _("Save this view…"),
            "saved_view.change",
            _save,
            SaveViewForm,
            "bookmark_add",
            explain=_(
                "Keeps the search, the filters and the order of the list under a name, above the list."
            ),
            button=_("Save"),
        )
    ]
    verbs = [
        Verb(
            "change",
            _("Change…"),
            "saved_view.change",
            _change,
            RenameViewForm,
            "edit",
            available=lambda row: row.is_own,
            button=_("Save"),
        ),
        Verb(
            "remove",
            _("Remove…"),
            "saved_view.change",
            _remove,
            icon="delete",
            variant=ActionVariant.DANGER,
            explain=_("The list and its rows stay."),
        ),
    ]

    def get_actions_list(self, request: HttpRequest) -> list[Any]:
        """None: a view is saved from the list that it is of."""
        return []

    def get_queryset(self, request: HttpRequest) -> QuerySet[SavedView]:
        actor = actor_of(request)
        own = ExpressionWrapper(Q(owner=actor.user_id), output_field=BooleanField())
        return SavedView.objects.visible_to(actor).annotate(is_own=own).select_related("owner")

    @display(description=_("view"), ordering="name")
    def what(self, row: SavedView) -> SafeString:
        return format_html('<a class="hc-what" href="{}">{}</a>', address_of(row), row.name)

    @display(description=_("list"), ordering="list")
    def of_list(self, row: SavedView) -> str:
        admin = list_named(row.list)
        return str(admin.title or admin.opts.verbose_name_plural) if admin else "–"

    @display(description=_("for"), ordering="is_shared")
    def whose(self, row: SavedView) -> SafeString:
        return pill(
            _("everybody, by %(name)s") % {"name": row.owner.name} if row.is_shared else row.owner.name
        )


def _above(request: HttpRequest, admin: ModelAdmin, page: Any) -> dict[str, Any] | None:
    """The list's views with the present one marked, and a way to keep what is shown now. One query."""
    actor = actor_in(request)
    if actor is None or not allowed(request, "saved_view.read") or admin.model is SavedView:
        return None
    try:
        here = services.canonical_query(request.GET.urlencode())
    except Invalid:
        return None
    label = admin.opts.label_lower
    views = list(SavedView.objects.visible_to(actor).filter(list=label).select_related("owner"))
    shown = [
        {
            "name": view.name,
            "url": f"?{view.query}",
            "is_here": view.query == here,
            "by": "" if view.owner_id == actor.user_id else view.owner.name,
        }
        for view in views
    ]
    present = next((view for view in views if view.query == here and view.owner_id == actor.user_id), None)
    may_change = allowed(request, "saved_view.change")
    part: dict[str, Any] = {"views": shown}
    if present and may_change:
        part["change"] = reverse("admin:hypercare_savedview_do_change", args=[present.pk])
        part["remove"] = reverse("admin:hypercare_savedview_do_remove", args=[present.pk])
    elif here and may_change:
        part["save"] = (
            f"{reverse('admin:hypercare_savedview_do_save')}?{urlencode({'list': label, 'query': here})}"
        )
    return part if views or "save" in part else None


tenant_site.show_above_lists("console/views.html", _above)
