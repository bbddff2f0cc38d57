"""What hypercare writes to people: rendered inside the tenant, in the recipient's language and zone."""

from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from hypercare.models import Incident
from hypercare.services.clocks import read
from hypercare.states import ClockKind, IncidentState, Severity
from observability.mail import render
from tenancy.access import Denied, resolve
from tenancy.deliveries import Card, Chat, Mail, Moot, Outgoing, Page, PageAction
from tenancy.journal.models import Event
from tenancy.models import User

PAGES = {
    "incident.reported": PageAction.TRIGGER,
    "incident.breached": PageAction.TRIGGER,
    "incident.first_response": PageAction.ACKNOWLEDGE,
    "incident.resolved": PageAction.RESOLVE,
}
"""What each event does to the incident's page."""
CHATS = (*PAGES, "incident.assigned")
_PAGE_SEVERITIES = {
    Severity.P1: "critical",
    Severity.P2: "error",
    Severity.P3: "warning",
    Severity.P4: "info",
}


def write_breach(outgoing: Outgoing, *, now: datetime) -> Mail:
    """The mail `incident.breached`. Says how late the clock is at `now`, or was when it was fulfilled.

    Raises Moot when the recipient does not see the incident (any more).
    """
    event = Event.objects.get(pk=outgoing.event)
    incident = _incident(outgoing, now)
    clock = ClockKind(event.data["clock"])
    state = read(incident, clock, now)
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
        "link": _link(outgoing, incident),
        "base_url": outgoing.base_url,
    }
    return render("incident_breached", context)


def write_chat(outgoing: Outgoing, *, now: datetime) -> Chat:
    """An incident's event for a chat, and how the incident stands at `now`. Raises Moot without the incident."""
    event = Event.objects.get(pk=outgoing.event)
    incident = _incident(outgoing, now)
    said = _news(event)
    headline = _headline(incident)
    link = _link(outgoing, incident)
    facts: list[tuple[str, str]] = [
        (_("State"), str(IncidentState(incident.state).label)),
        (_("Project"), incident.project.name),
        (_("Assigned to"), incident.assigned_to.name if incident.assigned_to else _("nobody yet")),
    ]
    for clock in ClockKind:
        if incident.fulfilled_at(clock) is None:
            due = date_format(localtime(incident.deadline(clock)), "j F H:i")
            late = " · " + _("overdue") if incident.is_breached(clock, now) else ""
            facts.append((f"{_('Due')}: {clock.label}", f"{due} ({get_current_timezone()}){late}"))
    return Chat(
        news=Card(headline=headline, text=said, link=link),
        standing=Card(headline=headline, text=said, facts=tuple(facts), link=link),
    )


def write_page(outgoing: Outgoing, *, now: datetime) -> Page:
    """An incident's event for those on call. Raises Moot without the incident."""
    event = Event.objects.get(pk=outgoing.event)
    incident = _incident(outgoing, now)
    return Page(
        action=PAGES[outgoing.message],
        summary=f"{_headline(incident)} · {_news(event)}",
        severity=_PAGE_SEVERITIES[Severity(incident.severity)],
        details={_("Project"): incident.project.name, _("Severity"): incident.severity},
        link=_link(outgoing, incident),
    )


def _news(event: Event) -> str:
    """What happened, in a few words of the active language."""
    match event.verb:
        case "incident.reported":
            return _("Reported")
        case "incident.first_response":
            return _("First response given")
        case "incident.resolved":
            return _("Resolved")
        case "incident.breached" if event.data["clock"] == ClockKind.RESPONSE:
            return _("First response overdue")
        case "incident.breached":
            return _("Resolution overdue")
        case "incident.assigned":
            user_id = event.data["assigned_to"][1]
            name = User.objects.filter(pk=user_id).values_list("name", flat=True).first()
            return _("Assigned to %(name)s") % {"name": name} if name else _("Assigned to nobody")
    raise LookupError(event.verb)


def _headline(incident: Incident) -> str:
    return f"{Severity(incident.severity).shape} {incident.severity} {incident.key} {incident.title}"


def _link(outgoing: Outgoing, incident: Incident) -> str:
    return f"{outgoing.base_url}/admin/hypercare/incident/{incident.pk}/change/"


def _incident(outgoing: Outgoing, now: datetime) -> Incident:
    """The incident, if the audience may see it: a person by their rights, an endpoint by its tenant's trust."""
    incidents = Incident.objects.all()
    user = outgoing.audience.user
    if user is not None:
        actor = resolve(user, outgoing.tenant, now=now)
        if isinstance(actor, Denied):
            raise Moot(f"user:{user.pk} has no access: {actor.code}")
        incidents = incidents.visible_to(actor, outgoing.tenant)
    seen = incidents.select_related("project", "assigned_to")
    incident = seen.filter(pk=outgoing.subject.partition(":")[2]).first()
    if incident is None:
        raise Moot(f"{outgoing.subject} is not there for its reader")
    return incident


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
