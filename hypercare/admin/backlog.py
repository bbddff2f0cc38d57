"""The tenant's console: what was built before the go-live, as far as incidents come from it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.admin import display, register
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from hypercare import services
from hypercare.admin.filters import ProjectFilter
from hypercare.admin.incidents import WORK
from hypercare.admin.sheets import IMPORT_BACKLOG_ITEMS
from hypercare.forms.projects import BacklogItemForm, NewBacklogItemForm
from hypercare.models import BacklogItem, Project
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.web.admin import Made, ModelAdmin, Verb, tenant_site
from tenancy.web.authentication import actor_of

Cleaned = Mapping[str, Any]


def _create(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    item = services.create_backlog_item(**cleaned, by=by, now=now)
    return Made(_("%(key)s is in the backlog.") % {"key": item.key}, item)


def _edit(row: BacklogItem, cleaned: Cleaned, *, version: int, by: Actor, now: datetime) -> str:
    item = services.change_backlog_item(item=row, version=version, **cleaned, by=by, now=now)
    return _("%(key)s is changed.") % {"key": item.key}


def _delete(row: BacklogItem, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    services.delete_backlog_item(item=row, by=by, now=now)
    return Made(_("%(key)s is deleted.") % {"key": row.key}, None)


@register(BacklogItem, site=tenant_site)
class BacklogItemAdmin(ModelAdmin):
    title = _("Backlog items")
    icon = "inventory_2"
    section = WORK
    place = 1
    read_action = "backlog_item.read"
    list_display = ["key", "title", "kind", "project", "incident_count"]
    list_filter = ["kind", ProjectFilter]
    list_select_related = ["project"]
    search_fields = ["key", "title"]
    search_help_text = _("A key, or words of the title")
    fields = [("key", "kind"), "title", ("project", "created_at"), "link", "incidents"]
    readonly_fields = ["key", "kind", "title", "project", "created_at", "link", "incidents"]
    empty = _("No backlog item yet: write down what was built, and incidents can name it.")
    list_verbs = [
        Verb(
            "create",
            _("New backlog item…"),
            "backlog_item.change",
            _create,
            NewBacklogItemForm,
            "add",
            ActionVariant.PRIMARY,
            button=_("Create"),
        ),
        IMPORT_BACKLOG_ITEMS,
    ]
    verbs = [
        Verb("edit", _("Edit…"), "backlog_item.change", _edit, BacklogItemForm, "edit", versioned=True),
        Verb(
            "delete",
            _("Delete"),
            "backlog_item.change",
            _delete,
            icon="delete",
            variant=ActionVariant.DANGER,
            explain=_("Only an item that no incident comes from can be deleted."),
            available=lambda row: row.held == 0,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BacklogItem]:
        seen = Project.objects.visible_to(actor_of(request), current_tenant())
        rows = BacklogItem.objects.filter(project__in=seen.values("pk"))
        return rows.annotate(held=Count("incidents")).select_related("project").order_by("key", "pk")

    @display(description=_("incidents"), ordering="held")
    def incident_count(self, row: Any) -> int:
        count: int = row.held
        return count

    @display(description=_("address"))
    def link(self, row: BacklogItem) -> SafeString | str:
        if not row.url:
            return "–"
        return format_html('<a class="hc-what" href="{}" rel="noopener noreferrer">{}</a>', row.url, row.url)

    @display(description=_("incidents"))
    def incidents(self, row: BacklogItem) -> SafeString | str:
        links = (
            (reverse("admin:hypercare_incident_change", args=[one.pk]), one)
            for one in row.incidents.order_by("number")
        )
        return format_html_join(", ", '<a class="hc-what" href="{}">{}</a>', links) or "–"
