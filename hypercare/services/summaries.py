"""What hypercare contributes to a tenant's run summaries: counts of incidents and change requests, and words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hypercare.models import ChangeRequest, ClockEvent, Incident
from hypercare.states import ClockEventKind, ClockKind, Severity
from observability.services import number
from tenancy.journal.models import Event
from tenancy.transactions import ref

REPORTED, OPEN = "hypercare_reported", "hypercare_open"
COUNTED: dict[str, Any] = {
    REPORTED: gettext_lazy("Incidents reported"),
    "hypercare_p1": gettext_lazy("of them P1"),
    "hypercare_p2": gettext_lazy("of them P2"),
    "hypercare_p3": gettext_lazy("of them P3"),
    "hypercare_p4": gettext_lazy("of them P4"),
    "hypercare_breached": gettext_lazy("Incidents that breached their SLA"),
    "hypercare_resolved": gettext_lazy("Incidents resolved"),
    "hypercare_reopened": gettext_lazy("Incidents reopened"),
    OPEN: gettext_lazy("Incidents open at the end"),
    "hypercare_changes_approved": gettext_lazy("Change requests approved"),
    "hypercare_changes_rejected": gettext_lazy("Change requests rejected"),
    "hypercare_changes_implemented": gettext_lazy("Changes implemented"),
}


def count_for_summary(start: datetime, end: datetime) -> dict[str, int]:
    """What happened in the current tenant from `start` until before `end`, and what was open then: five queries.

    Each resolution and each reopening counts. By severity is as of now. `hypercare_breached` are the incidents of
    which a breach was recorded.
    """
    reported = Incident.objects.filter(created_at__gte=start, created_at__lt=end).aggregate(
        reported=Count("pk"),
        **{level.lower(): Count("pk", filter=Q(severity=level)) for level in Severity.values},
    )
    return {
        **{f"hypercare_{name}": count for name, count in reported.items()},
        "hypercare_breached": _breached(start, end),
        **_resolved(start, end),
        **_changes(start, end),
    }


def _breached(start: datetime, end: datetime) -> int:
    """By the incidents, and by the journal for those whose clock began anew since.

    The journal alone would do neither within the transaction that records a breach, for it is written at its end, nor
    once it is pruned.
    """
    now_so = Q()
    for clock in ClockKind:
        at = f"sla_{clock}_breached_at"
        now_so |= Q(**{f"{at}__gte": start, f"{at}__lt": end})
    recorded = {ref(incident) for incident in Incident.objects.filter(now_so).only("pk").order_by()}
    told = Event.objects.filter(verb="incident.breached", at__gte=start, at__lt=end)
    return len(recorded.union(told.values_list("subject", flat=True)))


def _resolved(start: datetime, end: datetime) -> dict[str, int]:
    """By the events of the resolution clocks: unlike the incidents' columns, they keep what was undone since."""
    events = ClockEvent.objects.filter(clock=ClockKind.RESOLUTION, at__lt=end)
    recent = Q(at__gte=start)
    found = events.aggregate(
        came=Count("pk", filter=Q(kind__in=[ClockEventKind.START, ClockEventKind.REOPEN])),
        went=Count("pk", filter=Q(kind=ClockEventKind.FULFIL)),
        resolved=Count("pk", filter=recent & Q(kind=ClockEventKind.FULFIL)),
        reopened=Count("pk", filter=recent & Q(kind=ClockEventKind.REOPEN)),
    )
    return {
        OPEN: found["came"] - found["went"],
        "hypercare_resolved": found["resolved"],
        "hypercare_reopened": found["reopened"],
    }


def _changes(start: datetime, end: datetime) -> dict[str, int]:
    def when(column: str) -> Count:
        return Count("pk", filter=Q(**{f"{column}__gte": start, f"{column}__lt": end}))

    return ChangeRequest.objects.aggregate(
        hypercare_changes_approved=when("approved_at"),
        hypercare_changes_rejected=when("rejected_at"),
        hypercare_changes_implemented=when("implemented_at"),
    )


def words_for_summary(counts: Mapping[str, int]) -> list[str]:
    """The counts of `count_for_summary` in two sentences of the active language."""
    reported, breached = counts.get(REPORTED, 0), counts.get("hypercare_breached", 0)
    resolved, still_open = counts.get("hypercare_resolved", 0), counts.get(OPEN, 0)
    new = ngettext("%(count)s incident reported", "%(count)s incidents reported", reported)
    late = ngettext("%(count)s breached its SLA", "%(count)s breached their SLA", breached)
    done = ngettext("%(count)s incident resolved", "%(count)s incidents resolved", resolved)
    left = ngettext("%(count)s is open", "%(count)s are open", still_open)
    first = new % {"count": number(reported)} if reported else _("No incident reported")
    second = late % {"count": number(breached)} if breached else _("none breached its SLA")
    third = done % {"count": number(resolved)} if resolved else _("None resolved")
    last = left % {"count": number(still_open)} if still_open else _("none is open")
    return [f"{first}, {second}.", f"{third}, {last}."]
