"""The first page of the tenant's console: what needs whoever looks first, and how all is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, CharField, Count, OuterRef, Q, Subquery, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from hypercare import services
from hypercare.admin.incidents import WORST_FIRST, by_urgency
from hypercare.admin.looks import ClockView, clock_view, read_clocks, severity_badge, verb_url
from hypercare.models import ChangeRequest, Comment, Incident, IncidentQuerySet
from hypercare.rules import levels_above
from hypercare.states import ClockKind, IncidentState, Severity
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.models import Membership
from tenancy.permissions import may, may_ever
from tenancy.states import Role
from tenancy.web.admin import actor_in, tenant_site

WORKED_ON = (IncidentState.OPEN, IncidentState.IN_PROGRESS)
LATE, DUE_SOON, ANSWERED, NOBODYS, OTHERS = "late", "soon", "answered", "nobodys", "others"
WHY: Mapping[str, tuple[Any, str]] = {
    LATE: (_("yours, late"), "late"),
    DUE_SOON: (_("yours, due soon"), "soon"),
    ANSWERED: (_("yours, the customer answered"), ""),
    NOBODYS: (_("nobody's"), ""),
    OTHERS: (_("somebody's, late"), "late"),
}
"""Why an incident needs whoever looks, and how that looks."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Open incidents of one severity, and how many of them are breached now."""

    severity: str
    badge: SafeString
    count: int
    breached: str
    url: str


@dataclass(frozen=True, slots=True)
class Need:
    """An incident that needs whoever looks: why, how long still, and what to do next."""

    row: Incident
    badge: SafeString
    why: Any
    tone: str
    clock: ClockView
    next: Any
    url: str


def needs_you_first(request: HttpRequest) -> dict[str, Any]:
    """Open incidents by severity, and what needs the actor: incidents by time to breach, votes. Five queries at most.

    For managers what is late with somebody else counts too.
    """
    actor = actor_in(request)
    if actor is None:
        return {}
    now = timezone.now()
    incidents = Incident.objects.visible_to(actor, current_tenant()).open()
    most = settings.THRESHOLDS.console.NEEDS
    rows = list(_needed(incidents, actor, now)[: most + 1])
    read_clocks(rows[:most], now)
    votes = _votes(actor)
    return {
        **_tiles(incidents, now),
        "needs": [_need(row, actor, now) for row in rows[:most]],
        "has_more": len(rows) > most,
        "votes": [(change, severity_badge(change.severity)) for change in votes[:most]],
        "votes_url": f"{reverse('admin:hypercare_changerequest_changelist')}?my_vote=due",
    }


def _tiles(incidents: IncidentQuerySet, now: datetime) -> dict[str, Any]:
    late = incidents.is_breached(now)
    counts = incidents.aggregate(
        **{f"open_{level}": Count("pk", filter=Q(severity=level)) for level in Severity.values},
        **{f"late_{level}": Count("pk", filter=Q(severity=level) & late) for level in Severity.values},
    )
    url = reverse("admin:hypercare_incident_changelist")
    breached = sum(counts[f"late_{level}"] for level in Severity.values)
    return {
        "tiles": [
            Tile(
                level,
                severity_badge(level),
                counts[f"open_{level}"],
                _breached_now(counts[f"late_{level}"]),
                f"{url}?severity__exact={level}",
            )
            for level in Severity.values
        ],
        "open": sum(counts[f"open_{level}"] for level in Severity.values),
        "all_url": url,
        "breached": _breached_now(breached) if breached else "",
        "breached_url": f"{url}?breached=now",
    }


def _needed(incidents: IncidentQuerySet, actor: Actor, now: datetime) -> Any:
    """Those that need the actor, with `why`, by time to breach.

    Late is what a running clock is: a first response that came late needs nobody any more.
    """
    mine = Q(assigned_to=actor.user_id) if actor.user_id is not None else Q(pk__isnull=True)
    urgent = settings.THRESHOLDS.console.SOON_HOURS[0]
    late, soon = Q(next_due__lte=now), Q(next_due__lte=now + timedelta(hours=urgent))
    customers = Membership.objects.filter(tenant=current_tenant(), role=Role.CUSTOMER).values("user")
    answered = Q(last_word__in=customers, state__in=WORKED_ON)
    said = Comment.objects.filter(incident=OuterRef("pk"), is_internal=False).order_by("-pk")
    reasons = [
        When(mine & late, then=Value(LATE)),
        When(mine & soon, then=Value(DUE_SOON)),
        When(mine & answered, then=Value(ANSWERED)),
        When(assigned_to__isnull=True, then=Value(NOBODYS)),
    ]
    if actor.at_least(Role.MANAGER):
        reasons.append(When(late, then=Value(OTHERS)))
    rows = by_urgency(incidents).annotate(last_word=Subquery(said.values("author")[:1]))
    why = Case(*reasons, default=Value(""), output_field=CharField())
    needed = rows.annotate(why=why).exclude(why="")
    return needed.select_related("project", "assigned_to").order_by(*WORST_FIRST)


def _need(row: Any, actor: Actor, now: datetime) -> Need:
    why, tone = WHY[row.why]
    views = [clock_view(row, clock, now) for clock in ClockKind]
    running = [view for view in views if view.state.fulfilled_at is None and view.state.due_at]
    clock = min(running, key=lambda view: view.state.due_at or now, default=views[-1])
    label, url = _next(row, actor)
    return Need(row, severity_badge(row.severity), why, tone, clock, label, url)


def _next(row: Any, actor: Actor) -> tuple[Any, str]:
    """What to do next, and where; to look at it for those who may only read."""
    page = reverse("admin:hypercare_incident_change", args=[row.pk])
    if not may(actor, "incident.assign"):
        return _("Open"), page
    if row.why == ANSWERED:
        return _("Read and answer"), f"{page}#comments"
    verb, label = _step(row)
    return label, verb_url(row, verb)


def _step(row: Any) -> tuple[str, Any]:
    """The verb that moves the incident on."""
    if row.why == OTHERS and levels_above(row.support_level):
        return "escalate", _("Escalate…")
    if row.why in (NOBODYS, OTHERS):
        return "assign", _("Assign…")
    return ("resolve", _("Resolve…")) if row.first_response_at else ("respond", _("Respond first"))


def _votes(actor: Actor) -> list[ChangeRequest]:
    """The change requests that wait for the actor's vote, the worst and oldest first; one more than is shown."""
    if actor.user_id is None or not may_ever(actor, "change.decide"):
        return []
    seen = ChangeRequest.objects.visible_to(actor, current_tenant())
    due = seen.filter(services.waits_for_vote_of(actor.user_id)).select_related("project")
    return list(due.order_by("severity", "submitted_at", "number")[: settings.THRESHOLDS.console.NEEDS])


def _breached_now(count: int) -> str:
    if not count:
        return gettext("none breached")
    return ngettext("%(count)d breached now", "%(count)d breached now", count) % {"count": count}


tenant_site.show_first("console/needs_first.html", needs_you_first)
