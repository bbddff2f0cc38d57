"""Run summaries: how each day went, in words and as charts, and the trend above the list."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from observability import services
from observability.forms.summaries import SummariseForm, SummariseTenantForm
from observability.messages import bars, day_of, headline
from observability.models import RunSummary
from observability.states import SummaryKind
from tenancy.actors import Actor
from tenancy.admin.filters import OfTenant
from tenancy.admin.sections import MACHINERY, RECORDS, Cleaned
from tenancy.context import current_tenant
from tenancy.models import Tenant
from tenancy.web.admin import Made, ModelAdmin, Verb, moment, pill, public_site, tenant_site

_BAR = {"backgroundColor": "var(--color-primary-600)", "maxBarThickness": 28, "displayYAxis": True}


def _summarise(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    tenant: Tenant = cleaned.get("tenant") or current_tenant()
    day: date = cleaned["day"] or now.astimezone(tenant.time_zone).date()
    made = services.summarise_day(tenant=tenant, day=day, by=by, now=now)
    return Made(gettext("Summarised until %(time)s.") % {"time": _local(made.end, tenant)}, made)


def _local(at: datetime, tenant: Tenant) -> str:
    return f"{at.astimezone(tenant.time_zone):%Y-%m-%d %H:%M}"


def _verb(form: type[SummariseForm]) -> Verb:
    return Verb(
        "now",
        _("Summarise now…"),
        "run_summary.make",
        _summarise,
        form,
        "summarize",
        ActionVariant.PRIMARY,
        _(
            "Counts what is over of today, or a whole earlier day. The day's own summary comes at midnight anyway."
        ),
    )


class AnyRunSummaryAdmin(ModelAdmin):
    """What both lists of run summaries show."""

    title = _("Run summaries")
    icon = "summarize"
    read_action = "run_summary.read"
    list_filter: Sequence[Any] = ["kind"]
    list_filter_submit = True
    list_select_related = ["tenant"]
    date_hierarchy = "start"
    ordering = ["-start", "-id"]
    empty = _("No day is over yet: the first summary is made at midnight.")
    fields: Sequence[Any] = [("of_day", "kind"), ("since", "until"), ("generated", "build")]
    change_form_before_template = "console/run_summary.html"

    @display(description=_("day"), ordering="start")
    def of_day(self, row: RunSummary) -> str:
        return date_format(day_of(row), "D j M Y")

    @display(description=_("it ran"))
    def ran(self, row: RunSummary) -> SafeString:
        well = services.ran_well(row.body)
        if well is None:
            return pill(_("not measured"))
        return pill(_("well"), "ok") if well else pill(_("with faults"), "late")

    @display(description=_("what happened"))
    def said(self, row: RunSummary) -> str:
        return headline(row)

    @display(description=_("requests"))
    def requests(self, row: RunSummary) -> str:
        return services.number(row.body["requests"]["count"])

    @display(description=_("failed on our side"))
    def failed(self, row: RunSummary) -> str:
        return services.number(row.body["errors"]["total_5xx"])

    @display(description=_("from"))
    def since(self, row: RunSummary) -> SafeString | str:
        return moment(row.start)

    @display(description=_("until"))
    def until(self, row: RunSummary) -> SafeString | str:
        return moment(row.end)

    @display(description=_("generated at"), ordering="generated_at")
    def generated(self, row: RunSummary) -> SafeString | str:
        return moment(row.generated_at)

    @display(description=_("build and configuration"))
    def build(self, row: RunSummary) -> str:
        return f"{row.body['build_id']} · {row.body['config_hash']}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        extra = {} if row is None else _page(row)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **extra})


@register(RunSummary, site=tenant_site)
class TenantRunSummaryAdmin(AnyRunSummaryAdmin):
    section = RECORDS
    place = 70
    list_display = ["of_day", "ran", "said", "requests", "failed", "kind"]
    list_verbs = [_verb(SummariseForm)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunSummary]:
        # Summaries are shared rows: the schema does not keep other tenants' out, this does.
        return super().get_queryset(request).filter(tenant=current_tenant())


@register(RunSummary, site=public_site)
class RunSummaryAdmin(AnyRunSummaryAdmin):
    section = MACHINERY
    list_display = ["of_day", "tenant", "ran", "said", "requests", "failed", "kind"]
    list_filter = ["kind", ("tenant", OfTenant)]
    search_fields = ["tenant__slug", "tenant__name"]
    fields = ["tenant", *AnyRunSummaryAdmin.fields]
    list_verbs = [_verb(SummariseTenantForm)]


def _page(row: RunSummary) -> dict[str, Any]:
    """One summary for its page: words, charts, and the same numbers as tables."""
    days = services.trend(tenant=row.tenant, days=settings.THRESHOLDS.summary.TREND_DAYS, until=row)
    latency = row.body["latency"]
    return {
        "title": date_format(day_of(row), "l, j F Y"),
        "subtitle": row.tenant.name,
        "said": services.sentences(row.body),
        "counts": services.shown_counts(row.body),
        "rates": services.shown_rates(row.body),
        "speeds": [
            (label, latency[name])
            for name, label in _SPEEDS.items()
            if name in latency and latency[name]["p50"] is not None
        ],
        "codes": sorted(row.body["errors"]["by_code"].items()),
        "queue": row.body["queue"],
        "trend": _trend(days) if row.kind == SummaryKind.DAY else None,
    }


_SPEEDS = {
    "request_ms": _("Answering a request"),
    "pipeline_total_ms": _("An invoice, from end to end"),
    "extraction_ms": _("Extracting an invoice"),
}


def _trend(days: Sequence[RunSummary]) -> dict[str, Any] | None:
    """The chart of `days` and its table; None when there is nothing to compare."""
    if not days:
        return None
    drawn = bars(days)
    label = services.label_of(services.charted())
    data = {
        "labels": [date_format(bar.day, "D j") for bar in drawn],
        "datasets": [{"label": label, "data": [bar.count for bar in drawn], **_BAR}],
    }
    return {
        "label": label,
        "chart": json.dumps(data),
        "days": [
            {"row": row, "day": bar.day, "count": bar.shown, "errors": row.body["errors"]["total_5xx"]}
            for row, bar in zip(days, drawn, strict=True)
        ],
        "said": headline(days[-1], days),
    }


def trend_above(request: HttpRequest, admin: ModelAdmin, page: Any) -> dict[str, Any] | None:
    """The last days above the list: of this tenant, or on the public host of the one that is filtered for."""
    if not isinstance(admin, AnyRunSummaryAdmin):
        return None
    tenant = current_tenant() if isinstance(admin, TenantRunSummaryAdmin) else _filtered(page)
    if tenant is None:
        return None
    return _trend(services.trend(tenant=tenant, days=settings.THRESHOLDS.summary.TREND_DAYS))


def _filtered(page: Any) -> Tenant | None:
    """The tenant for which the list of the public host is filtered."""
    wanted = page.params.get("tenant__id__exact")
    pk = wanted[0] if isinstance(wanted, list) else wanted
    return Tenant.objects.filter(pk=pk).first() if str(pk or "").isdigit() else None


for site in (tenant_site, public_site):
    site.show_above_lists("console/run_trend.html", trend_above)
