"""What hypercare writes to people: rendered inside the tenant, in the recipient's language and zone."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from hypercare.models import Comment, Incident
from hypercare.rules import ClockState
from hypercare.services.clocks import read_all
from hypercare.services.links import incident_page
from hypercare.states import ClockKind, IncidentState, Severity
from observability.mail import render
from tenancy.access import Denied, resolve
from tenancy.deliveries import Card, Chat, Content, Mail, Moot, Outgoing, Page, PageAction, each
from tenancy.journal.models import Event
from tenancy.models import User

PAGES = {
    "incident.reported": PageAction.TRIGGER,
    "incident.warned": PageAction.TRIGGER,
    "incident.breached": PageAction.TRIGGER,
    "incident.first_response": PageAction.ACKNOWLEDGE,
    "incident.waiting": PageAction.ACKNOWLEDGE,
    "incident.resumed": PageAction.TRIGGER,
    "incident.resolved": PageAction.RESOLVE,
    "incident.closed": PageAction.RESOLVE,
    "incident.reopened": PageAction.TRIGGER,
}
"""What each event does to the incident's page."""
CHATS = (*PAGES, "incident.assigned", "incident.escalated", "incident.commented", "incident.changed")
_NEWS = {
    "incident.reported": gettext_lazy("Reported"),
    "incident.first_response": gettext_lazy("First response given"),
    "incident.waiting": gettext_lazy("Waits for the customer"),
    "incident.resumed": gettext_lazy("Goes on after waiting"),
    "incident.resolved": gettext_lazy("Resolved"),
    "incident.closed": gettext_lazy("Closed"),
    "incident.reopened": gettext_lazy("Reopened"),
}
_PAGE_SEVERITIES = {
    Severity.P1: "critical",
    Severity.P2: "error",
    Severity.P3: "warning",
    Severity.P4: "info",
}


def write_breach(batch: Sequence[Outgoing]) -> Sequence[Content | Exception]:
    """Mails `incident.breached`. Say how late the clock is now, or was when it was fulfilled.

    Moot when the recipient does not see the incident (any more).
    """
    read = _Read(batch)
    clocks = {ClockKind(event.data["clock"]) for event in read.events.values()}
    states = {clock: read_all(read.incidents(), clock, batch[0].now) for clock in clocks}
    mails: dict[UUID, Mail] = {}  # by event: nothing in them is about their reader

    def write(outgoing: Outgoing) -> Mail:
        event, incident = read.events[outgoing.event], read.incident(outgoing)
        if event.pk not in mails:
            clock = ClockKind(event.data["clock"])
            mails[event.pk] = _breach(outgoing, incident, clock, states[clock][incident.pk])
        return mails[event.pk]

    return each(write)(batch)


def _breach(outgoing: Outgoing, incident: Incident, clock: ClockKind, state: ClockState) -> Mail:
    zone = incident.project.time_zone
    context = {
        "incident": incident,
        "severity": Severity(incident.severity),
        "clock": clock,
        "target": duration(state.target),
        "late": duration(state.elapsed - state.target),
        "fulfilled": state.fulfilled_at is not None,
        "due_at": state.due_at,
        "zone": get_current_timezone(),
        "customer_zone": zone if str(zone) != str(get_current_timezone()) else None,
        "link": incident_page(outgoing.base_url, incident),
        "base_url": outgoing.base_url,
    }
    return render("incident_breached", context)


def write_chat(batch: Sequence[Outgoing]) -> Sequence[Content | Exception]:
    """Incidents' events for a chat, and how each incident stands now. Moot without the incident."""
    read = _Read(batch)
    return each(lambda outgoing: _chat(outgoing, read.events[outgoing.event], read.incident(outgoing)))(batch)


def _chat(outgoing: Outgoing, event: Event, incident: Incident) -> Chat:
    said = _news(event)
    headline = _headline(incident)
    link = incident_page(outgoing.base_url, incident)
    facts: list[tuple[str, str]] = [
        (_("State"), str(IncidentState(incident.state).label)),
        (_("Project"), incident.project.name),
        (_("Assigned to"), incident.assigned_to.name if incident.assigned_to else _("nobody yet")),
    ]
    for clock in ClockKind:
        due_at = incident.deadline(clock)
        if incident.fulfilled_at(clock) is None:
            late = " · " + _("overdue") if incident.is_breached(clock, outgoing.now) else ""
            at = (
                f"{date_format(localtime(due_at), 'j F H:i')} ({get_current_timezone()})"
                if due_at
                else _("paused")
            )
            facts.append((f"{_('Due')}: {clock.label}", f"{at}{late}"))
    return Chat(
        news=Card(headline=headline, text=said, link=link),
        standing=Card(headline=headline, text=said, facts=tuple(facts), link=link),
    )


def write_page(batch: Sequence[Outgoing]) -> Sequence[Content | Exception]:
    """Incidents' events for those on call. Moot without the incident."""
    read = _Read(batch)
    return each(lambda outgoing: _page(outgoing, read.events[outgoing.event], read.incident(outgoing)))(batch)


def _page(outgoing: Outgoing, event: Event, incident: Incident) -> Page:
    return Page(
        action=PAGES[outgoing.message],
        summary=f"{_headline(incident)} · {_news(event)}",
        severity=_PAGE_SEVERITIES[Severity(incident.severity)],
        details={_("Project"): incident.project.name, _("Severity"): incident.severity},
        link=incident_page(outgoing.base_url, incident),
    )


def _news(event: Event) -> str:
    """What happened, in a few words of the active language."""
    if event.verb in _NEWS:
        return str(_NEWS[event.verb])
    match event.verb:
        case "incident.warned" | "incident.breached":
            return _news_of_clock(event)
        case "incident.assigned":
            user_id = event.data["assigned_to"][1]
            name = User.objects.filter(pk=user_id).values_list("name", flat=True).first()
            return _("Assigned to %(name)s") % {"name": name} if name else _("Assigned to nobody")
        case "incident.escalated":
            return _("Escalated to %(level)s") % {"level": event.data["support_level"][1]}
        case "incident.changed":
            severity = event.data.get("severity")
            return _("Severity: %(change)s") % {"change": " → ".join(severity)} if severity else _("Changed")
        case "incident.commented":
            comment = Comment.objects.get(pk=event.data["comment"])
            return _("Comment: %(text)s") % {
                "text": Truncator(comment.content).chars(settings.THRESHOLDS.hypercare.EXCERPT)
            }
    raise LookupError(event.verb)


def _news_of_clock(event: Event) -> str:
    is_response = event.data["clock"] == ClockKind.RESPONSE
    if event.verb == "incident.breached":
        return _("First response overdue") if is_response else _("Resolution overdue")
    text = _("First response: %(percent)d %% used") if is_response else _("Resolution: %(percent)d %% used")
    return text % {"percent": event.data["percent"]}


def _headline(incident: Incident) -> str:
    return f"{Severity(incident.severity).shape} {incident.severity} {incident.key} {incident.title}"


class _Read:
    """What a batch is about: its events, and its incidents as each reader sees them."""

    def __init__(self, batch: Sequence[Outgoing]):
        self.events = Event.objects.in_bulk({outgoing.event for outgoing in batch})
        about: dict[User | None, list[Outgoing]] = defaultdict(list)
        for outgoing in batch:
            about[outgoing.audience.user].append(outgoing)
        self._seen = {user: _seen(user, theirs) for user, theirs in about.items()}

    def incident(self, outgoing: Outgoing) -> Incident:
        """Raises Moot unless its reader sees it."""
        seen = self._seen[outgoing.audience.user]
        if isinstance(seen, Denied):
            raise Moot(f"its reader has no access: {seen.code}")
        incident = seen.get(_pk(outgoing))
        if incident is None:
            raise Moot(f"{outgoing.subject} is not there for its reader")
        return incident

    def incidents(self) -> list[Incident]:
        """Of all readers; some may be there several times."""
        return [one for seen in self._seen.values() if not isinstance(seen, Denied) for one in seen.values()]


def _seen(user: User | None, theirs: Sequence[Outgoing]) -> dict[UUID, Incident] | Denied:
    """The incidents that the reader may see: a person by their rights, an endpoint by its tenant's trust."""
    incidents = Incident.objects.all()
    if user is not None:
        actor = resolve(user, theirs[0].tenant, now=theirs[0].now)
        if isinstance(actor, Denied):
            return actor
        incidents = incidents.visible_to(actor, theirs[0].tenant)
    return incidents.select_related("project", "assigned_to").in_bulk({_pk(one) for one in theirs})


def _pk(outgoing: Outgoing) -> UUID:
    return UUID(outgoing.subject.partition(":")[2])


def duration(span: timedelta) -> str:
    """`span` as people say it, in whole minutes and in the active language: "18 min", "4 h", "1 d 2 h".

    The two largest units; less than a minute is "less than a minute".
    """
    minutes = span // timedelta(minutes=1)
    if minutes < 1:
        return _("less than a minute")
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [
        (days, pgettext("days, short", "%d d")),
        (hours, pgettext("hours, short", "%d h")),
        (minutes, pgettext("minutes, short", "%d min")),
    ]
    while not parts[0][0]:
        parts.pop(0)
    return " ".join(text % count for count, text in parts[:2] if count)
