"""What is switched on for whom."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin import display, register
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from tenancy import services
from tenancy.actors import Actor
from tenancy.admin.sections import RELEASE, Cleaned
from tenancy.context import PUBLIC
from tenancy.forms import SegmentFlagForm, TenantFlagForm
from tenancy.models import Flag, Segment, Tenant, TenantFlag
from tenancy.states import TenantState
from tenancy.web.admin import Inline, ModelAdmin, Page, Verb, moment, public_site
from tenancy.web.admin.who import allowed


def _set_flag(row: Flag, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    tenant, enabled = cleaned["tenant"], cleaned["enabled"]
    services.set_flag(
        flag_key=row.key, tenant=tenant, enabled=enabled, reason=cleaned["reason"], by=by, now=now
    )
    said = {"flag": row.key, "tenant": tenant.name}
    return (_("%(flag)s is on for %(tenant)s.") if enabled else _("%(flag)s is off for %(tenant)s.")) % said


def _set_segment_flag(row: Flag, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    segment, enabled = cleaned["segment"], cleaned["enabled"]
    count = services.set_flag_for_segment(
        flag_key=row.key, segment=segment, enabled=enabled, reason=cleaned["reason"], by=by, now=now
    )
    said = {"flag": row.key, "segment": segment.name, "count": count}
    on = ngettext(
        "%(flag)s is on for %(segment)s: %(count)d tenant.",
        "%(flag)s is on for %(segment)s: %(count)d tenants.",
        count,
    )
    off = ngettext(
        "%(flag)s is off for %(segment)s: %(count)d tenant.",
        "%(flag)s is off for %(segment)s: %(count)d tenants.",
        count,
    )
    return (on if enabled else off) % said


class TenantFlagInline(Inline):
    model = TenantFlag
    read_action = "flag.read"
    fields = readonly_fields = ["tenant", "enabled", "since"]
    ordering = ["tenant__name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TenantFlag]:
        return super().get_queryset(request).select_related("flag", "tenant")

    @display(description=_("changed at"))
    def since(self, row: TenantFlag) -> Any:
        return moment(row.changed_at)


@register(Flag, site=public_site)
class FlagAdmin(ModelAdmin):
    title = _("Flags")
    icon = "flag"
    section = RELEASE
    read_action = "flag.read"
    list_display = ["key", "description", "default", "on", "off"]
    search_fields = ["key", "description"]
    ordering = ["key"]
    empty = _("No flag is declared by the code that runs here.")
    fields = ["key", "description", "default"]
    inlines = [TenantFlagInline]
    verbs = [
        Verb("set-tenant", _("Set for a tenant…"), "flag.change", _set_flag, TenantFlagForm, "toggle_on"),
        Verb(
            "set-segment",
            _("Set for a segment…"),
            "flag.change",
            _set_segment_flag,
            SegmentFlagForm,
            "category",
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Flag]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                on_count=Count("settings", filter=Q(settings__enabled=True)),
                off_count=Count("settings", filter=Q(settings__enabled=False)),
            )
        )

    @display(description=_("set on"), ordering="on_count")
    def on(self, row: Any) -> int:
        count: int = row.on_count
        return count

    @display(description=_("set off"), ordering="off_count")
    def off(self, row: Any) -> int:
        count: int = row.off_count
        return count


# ---- flag x segment -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """How a flag stands in the tenants of one segment: how many have it on and off, and how many by a setting."""

    on: int
    off: int
    set_apart: int
    set_url: str

    @property
    def says(self) -> Any:
        if self.on and self.off:
            return _("mixed")
        if self.on:
            return _("on")
        return _("off") if self.off else "–"

    @property
    def tone(self) -> str:
        return "" if not self.on else "soon" if self.off else "ok"


def by_segment(*, settable: bool) -> tuple[list[Any], list[tuple[Flag, list[Cell]]]]:
    """The segments, then None for tenants in none; and each flag with a cell for each of them. Four queries."""
    segments: list[Any] = [*Segment.objects.order_by("name", "pk"), None]
    live = Tenant.objects.exclude(schema_name=PUBLIC).exclude(state=TenantState.PURGED)
    sizes = dict(live.values_list("segment").annotate(count=Count("pk")).order_by())
    switched: dict[tuple[int, Any, bool], int] = defaultdict(int)
    rows = TenantFlag.objects.filter(tenant__in=live).values_list("flag", "tenant__segment", "enabled")
    for flag, segment, enabled, count in rows.annotate(count=Count("pk")).order_by():
        switched[flag, segment, enabled] = count
    flags = Flag.objects.order_by("key")
    return segments, [
        (flag, [_cell(flag, each, sizes, switched, settable) for each in segments]) for flag in flags
    ]


def _cell(flag: Flag, segment: Any, sizes: Any, switched: Any, settable: bool) -> Cell:
    key = segment.pk if segment else None
    on, off = switched[flag.pk, key, True], switched[flag.pk, key, False]
    rest = sizes.get(key, 0) - on - off
    page = reverse("admin:tenancy_flag_changelist")
    url = f"{page}{flag.pk}/do/set-segment/?segment={key}" if segment and settable else ""
    return Cell(on + (rest if flag.default else 0), off + (0 if flag.default else rest), on + off, url)


def show_by_segment(request: HttpRequest) -> TemplateResponse:
    segments, flags = by_segment(settable=allowed(request, "flag.change"))
    context = {"segments": segments, "flags": flags}
    return TemplateResponse(request, "console/flags_by_segment.html", context)


public_site.add_page(
    Page(
        path="flags-by-segment",
        title=_("Flags by segment"),
        icon="grid_on",
        section=RELEASE,
        place=50,
        action="flag.read",
        view=show_by_segment,
    )
)
