"""What happened to an alert, in words: the lines of the operators' journal, and a tenant's own about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from observability.messages import part_of_route, say
from observability.models import Alert
from tenancy.context import in_tenant
from tenancy.journal.models import Event
from tenancy.models import ChainedEvent, OperatorEvent, User
from tenancy.states import ActorKind
from tenancy.transactions import ref

WORDS = {
    "alert.opened": _("opened it"),
    "alert.reopened": _("opened it again"),
    "alert.acknowledged": _("acknowledged it"),
    "alert.recovered": _("saw it recover"),
    "alert.silence_ended": _("told it: its silence has ended"),
    "alert.escalated": _("told others of it too"),
    "alert.incident_raised": _("turned it into an incident"),
}
TONES = {"alert.opened": "late", "alert.reopened": "late", "alert.escalated": "soon"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story, for people (console/timeline.html)."""

    at: datetime
    who: str
    what: Any
    facts: str
    tone: str = ""
    text: str = ""


def story_of(alert: Alert) -> list[Line]:
    """Its lines, the oldest first. In the tenant what we noted is not shown, and what its people noted is: that
    stands in their journal alone. Three queries at most."""
    events: list[ChainedEvent] = list(OperatorEvent.objects.filter(subject=ref(alert)).order_by("seq"))
    inside = in_tenant()
    if inside:
        own = list(Event.objects.filter(subject=ref(alert)).order_by("seq"))
        told = {(event.verb, event.at) for event in own}
        events = sorted(
            [*(event for event in events if (event.verb, event.at) not in told), *own],
            key=lambda event: event.at,
        )
    people = {event.actor_id for event in events if event.actor_id}
    names = dict(User.objects.filter(pk__in=people).values_list("pk", "name"))
    return [_line(event, names, inside=inside) for event in events]


def _line(event: ChainedEvent, names: Mapping[int, str], *, inside: bool) -> Line:
    ours = event.actor_kind == ActorKind.STAFF
    if event.actor_id is None:
        who = gettext("the system")
    elif inside and ours:
        who = gettext("operations")
    else:
        who = names.get(event.actor_id, f"#{event.actor_id}")
    note = "" if inside and ours else str(event.data.get("note", ""))
    facts = " · ".join(_facts(event))
    return Line(event.at, who, WORDS.get(event.verb, event.verb), facts, TONES.get(event.verb, ""), note)


def _facts(event: ChainedEvent) -> list[str]:
    data, found = event.data, []
    if event.verb in ("alert.opened", "alert.reopened", "alert.recovered", "alert.escalated"):
        found.append(say(data["verdict"]))
    if event.verb == "alert.escalated":
        days = data["days"]
        found.append(ngettext("after %(count)d day", "after %(count)d days", days) % {"count": days})
    if data.get("silenced"):
        found.append(gettext("silenced: nobody was told"))
    if data.get("nowhere"):
        found.append(
            gettext("platform staff were told instead")
            + ": "
            + ", ".join(map(part_of_route, data["nowhere"]))
        )
    if data.get("name"):
        found.append(str(data["name"]))
    return found
