"""A tenant's day and week, in words and with a small chart that nothing has to be loaded for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from observability import services
from observability.mail import render
from observability.models import RunSummary
from observability.rules.figures import blocks, heights, rates
from observability.states import SummaryKind
from tenancy.access import Denied, resolve
from tenancy.context import PUBLIC
from tenancy.deliveries import Card, Chat, Mail, Moot, Outgoing, each
from tenancy.permissions import may

BAR_SIGNS = 20  # not tunable: units of a drawing
"""Characters of the longest bar in plain text."""
MOST_FACTS = 5  # not tunable: what a card shows in two columns
"""Numbers that a chat shows beside the bars."""
_WELL = {True: "●", False: "▲", None: "○"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart: `percent` of the longest bar, and the bar in plain text."""

    day: date
    count: int
    shown: str
    percent: int
    text: str


@each
def write_summary_mail(outgoing: Outgoing) -> Mail:
    """Mails `run_summary.made` and `run_summary.weekly`. Moot for whoever may not read it (any more)."""
    row = _row(outgoing)
    days = services.trend(tenant=row.tenant, days=settings.THRESHOLDS.summary.TREND_DAYS, until=row)
    weekly = outgoing.message == services.WEEKLY
    whole = _together(row, days) if weekly else row.body
    context = {
        "tenant": row.tenant,
        "day": day_of(row),
        "first_day": day_of(days[0]) if days else day_of(row),
        "weekly": weekly,
        "shape": _WELL[services.ran_well(whole)],
        "headline": services.sentences(whole)[0],
        "sentences": services.sentences(whole)[1:],
        "last_day": services.sentences(row.body) if weekly else [],
        "counts": services.shown_counts(whole, zeros=False),
        "rates": services.shown_rates(whole),
        "bars": bars(days),
        "charted": services.label_of(services.charted()),
        "link": page_of(row, outgoing.base_url),
        "base_url": outgoing.base_url,
    }
    return render("run_summary", context)


@each
def write_summary_chat(outgoing: Outgoing) -> Chat:
    """The same for a chat: a sentence, the numbers, and the last days as one row of bars."""
    row = _row(outgoing)
    days = services.trend(tenant=row.tenant, days=settings.THRESHOLDS.summary.TREND_DAYS, until=row)
    weekly = outgoing.message == services.WEEKLY
    title = _title(row, days, weekly=weekly)
    drawn = blocks([bar.count for bar in bars(days)])
    whole = _together(row, days) if weekly else row.body
    numbers = services.shown_counts(whole, zeros=False)[:MOST_FACTS]
    card = Card(
        headline=f"{_WELL[services.ran_well(whole)]} {title}",
        text=" ".join(services.sentences(whole)),
        facts=((_("The last days"), drawn), *numbers),
        link=page_of(row, outgoing.base_url),
    )
    return Chat(news=card, standing=card)


def headline(row: RunSummary, days: Sequence[RunSummary] | None = None) -> str:
    """What happened, in the sentence that says most: on the day of `row`, or on all of `days`."""
    return services.sentences(row.body if days is None else _together(row, days))[0]


def bars(days: Sequence[RunSummary]) -> list[Bar]:
    """The chart of `days`."""
    counts = [int(row.body["counts"].get(services.charted(), 0)) for row in days]
    signs = heights(counts, BAR_SIGNS)
    percents = heights(counts, 100)
    return [
        Bar(day_of(row), count, services.number(count), percent, "█" * length)
        for row, count, percent, length in zip(days, counts, percents, signs, strict=True)
    ]


def day_of(row: RunSummary) -> date:
    """The day of the tenant that `row` is about."""
    return date.fromisoformat(row.body["period"]["day"])


def page_of(row: RunSummary, base_url: str) -> str:
    return f"{base_url}/admin/observability/runsummary/{row.pk}/change/"


def _together(row: RunSummary, days: Sequence[RunSummary]) -> dict[str, Any]:
    """The body of `row` with what happened on all of `days`; percentiles of several days are not known."""
    counts, bodies = services.sums(days), [each.body for each in days]
    return {
        **row.body,
        "counts": counts,
        "rates": rates(counts),
        "latency": {"request_ms": dict.fromkeys(("p50", "p95", "p99"))},
        "errors": {"total_5xx": sum(body["errors"]["total_5xx"] for body in bodies)},
        "requests": {"count": sum(body["requests"]["count"] for body in bodies)},
        "queue": {
            "stuck_detected": any(body["queue"]["stuck_detected"] for body in bodies),
            "minutes_measured": sum(body["queue"]["minutes_measured"] for body in bodies),
        },
        "missing": sorted({name for body in bodies for name in body["missing"]}),
    }


def _title(row: RunSummary, days: Sequence[RunSummary], *, weekly: bool) -> str:
    until = date_format(day_of(row), "j F Y")
    if row.kind == SummaryKind.DEMAND:  # part of a day must not pass for the whole
        zone = row.tenant.time_zone
        hours = f"{row.start.astimezone(zone):%H:%M}–{row.end.astimezone(zone):%H:%M}"
        return f"{row.tenant.name} · {until}, {hours}"
    if not weekly:
        return f"{row.tenant.name} · {until}"
    return f"{row.tenant.name} · {date_format(day_of(days[0]), 'j F')} – {until}"


def _row(outgoing: Outgoing) -> RunSummary:
    """The summary that `outgoing` is about. Raises Moot where it is gone, or its reader may not see it."""
    pk = outgoing.subject.partition(":")[2]
    rows = RunSummary.objects.select_related("tenant")
    if outgoing.tenant.schema_name != PUBLIC:
        rows = rows.filter(tenant=outgoing.tenant)
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Moot(f"{outgoing.subject} is gone")
    user: Any = outgoing.audience.user
    if user is not None:
        actor = resolve(user, outgoing.tenant, now=outgoing.now)
        if isinstance(actor, Denied) or not may(actor, "run_summary.read"):
            raise Moot("its reader may not see run summaries (any more)")
    return row
