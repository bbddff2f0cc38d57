"""The mail that warns of a clock before it is over."""

from datetime import datetime

from django.utils.timezone import get_current_timezone

from hypercare.rules import ClockState
from hypercare.services.clocks import read
from hypercare.services.links import incident_page
from hypercare.services.messages import duration
from hypercare.services.notices import seen
from hypercare.states import ClockKind, ClockPhase, Severity
from observability.mail import render
from tenancy.deliveries import Mail, Moot, Outgoing
from tenancy.journal.models import Event


def write_warning(outgoing: Outgoing, *, now: datetime) -> Mail:
    """The mail `incident.warned`. Says how much of the target was used then, and how much is left at `now`.

    Raises Moot when the recipient does not see the incident (any more), and when there is nothing left to warn of:
    the clock is fulfilled, over (which is told by itself), or in a new cycle.
    """
    event = Event.objects.get(pk=outgoing.event)
    incident, _reader = seen(outgoing)
    clock = ClockKind(event.data["clock"])
    state = read(incident, clock, now)
    if _is_past(state, event):
        raise Moot(f"{outgoing.subject} has moved on since {event.data['percent']} % of its {clock} clock")
    zone = incident.project.time_zone
    context = {
        "incident": incident,
        "severity": Severity(incident.severity),
        "clock": clock,
        "percent": event.data["percent"],
        "target": duration(state.target),
        "left": duration(state.remaining),
        "due_at": state.due_at,
        "zone": get_current_timezone(),
        "customer_zone": zone if str(zone) != str(get_current_timezone()) else None,
        "link": incident_page(outgoing.base_url, incident),
        "base_url": outgoing.base_url,
    }
    return render("incident_warned", context)


def _is_past(state: ClockState, event: Event) -> bool:
    return state.breached or state.phase is ClockPhase.FULFILLED or state.cycle != event.data["cycle"]
