"""What was done: the journals."""

from typing import Any

from django.contrib.admin import display, register
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tenancy.admin.filters import SinceFilter
from tenancy.admin.sections import RECORDS
from tenancy.admin.verbs import VerbFilter, event_name
from tenancy.journal.models import Event
from tenancy.models import OperatorEvent, User
from tenancy.web.admin import ModelAdmin, moment, public_site, tenant_site


class JournalAdmin(ModelAdmin):
    """A journal, newest first. Names are looked up in the same query; ids are all that the journal holds."""

    icon = "menu_book"
    section = RECORDS
    list_display = ["number", "when", "who", "event", "subject", "what"]
    list_filter = [SinceFilter, VerbFilter, "actor_kind", "result"]
    list_filter_submit = True
    search_fields = ["verb", "subject", "actor_name"]
    date_hierarchy = "at"
    ordering = ["-seq"]
    fields = [
        ("number", "when"),
        ("who", "grant_id"),
        ("event", "subject"),
        "what",
        ("result", "log_ref"),
        ("request_id", "key"),
        "proof",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        names = User.objects.filter(pk=OuterRef("actor_id")).values("name")[:1]
        queryset: QuerySet[Any] = super().get_queryset(request)
        return queryset.annotate(person=Subquery(names))

    @display(description=_("sequence"), ordering="seq")
    def number(self, row: Any) -> int:
        seq: int = row.seq
        return seq

    @display(description=_("hash"))
    def proof(self, row: Any) -> str:
        return str(row.hash)

    @display(description=_("journal key"))
    def key(self, row: Any) -> str:
        return str(row.key_id)

    @display(description=_("at"), ordering="at")
    def when(self, row: Any) -> SafeString | str:
        return moment(row.at)

    @display(description=_("who"))
    def who(self, row: Any) -> str:
        if row.actor_id is None:
            return row.actor_name or row.get_actor_kind_display()
        name = row.person or f"#{row.actor_id}"
        return f"{name} ({row.get_actor_kind_display()})"

    @display(description=_("event"), ordering="verb")
    def event(self, row: Any) -> SafeString:
        return event_name(row.verb)

    @display(description=_("what changed"))
    def what(self, row: Any) -> SafeString | str:
        facts = [(key, value) for key, value in row.data.items() if value not in ("", None, [], {})]
        return format_html_join(", ", "{}: {}", facts) if facts else "–"


@register(OperatorEvent, site=public_site)
class OperatorJournalAdmin(JournalAdmin):
    title = _("Operators' journal")
    empty = _("Nothing was done in the operations console yet.")
    read_action = "operator_journal.read"


@register(Event, site=tenant_site)
class TenantJournalAdmin(JournalAdmin):
    title = _("Journal")
    read_action = "journal.read"
