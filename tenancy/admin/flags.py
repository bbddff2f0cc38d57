"""What is switched on for whom."""

from datetime import datetime
from typing import Any

from django.contrib.admin import display, register
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from tenancy import services
from tenancy.actors import Actor
from tenancy.admin.sections import RELEASE, Cleaned
from tenancy.forms import SegmentFlagForm, TenantFlagForm
from tenancy.models import Flag, TenantFlag
from tenancy.web.admin import Inline, ModelAdmin, Verb, public_site


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
    fields = ["tenant", "enabled", "changed_at"]
    ordering = ["tenant__slug"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TenantFlag]:
        return super().get_queryset(request).select_related("flag", "tenant")


@register(Flag, site=public_site)
class FlagAdmin(ModelAdmin):
    title = _("Flags")
    icon = "flag"
    section = RELEASE
    read_action = "flag.read"
    list_display = ["key", "description", "default", "on", "off"]
    search_fields = ["key", "description"]
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
