"""What hypercare writes to people: rendered inside the tenant, in the recipient's language and zone."""

from datetime import datetime, timedelta

from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from hypercare.models import Incident
from hypercare.services.clocks import read
from hypercare.states import ClockKind, Severity
from observability.mail import render
from tenancy.access import Denied, resolve
from tenancy.deliveries import Content, Moot, Outgoing
from tenancy.journal.models import Event


def write_breach(outgoing: Outgoing, *, now: datetime) -> Content:
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
        "link": f"{outgoing.base_url}/admin/hypercare/incident/{incident.pk}/change/",
        "base_url": outgoing.base_url,
    }
    return render("incident_breached", context)


def _incident(outgoing: Outgoing, now: datetime) -> Incident:
    actor = resolve(outgoing.user, outgoing.tenant, now=now)
    if isinstance(actor, Denied):
        raise Moot(f"user:{outgoing.user.pk} has no access: {actor.code}")
    seen = Incident.objects.visible_to(actor, outgoing.tenant).select_related("project", "assigned_to")
    incident = seen.filter(pk=outgoing.subject.partition(":")[2]).first()
    if incident is None:
        raise Moot(f"user:{outgoing.user.pk} does not see {outgoing.subject}")
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
