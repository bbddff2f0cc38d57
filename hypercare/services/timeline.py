"""An incident's story, as the journal tells it."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from hypercare.models import Comment, Incident
from hypercare.permissions import HIDDEN_FROM_CUSTOMERS
from tenancy.actors import Actor
from tenancy.journal.models import Event, EventPersonal
from tenancy.permissions import require
from tenancy.states import Role
from tenancy.transactions import ref

CHANGED = "incident.changed"
PUBLIC: dict[str, frozenset[str]] = {
    "incident.reported": frozenset({"number", "severity"}),
    CHANGED: frozenset(
        {
            *("severity", "incident_type", "affected_module", "affected_users_count"),
            *("texts", "linked_backlog_item_id", "requires_change_request", "change_request_id"),
        }
    )
    - HIDDEN_FROM_CUSTOMERS["incident"],
    "incident.first_response": frozenset({"from", "to"}),
    "incident.commented": frozenset({"comment"}),
    "incident.waiting": frozenset({"from", "to", "owner"}),
    "incident.resumed": frozenset({"from", "to"}),
    # Not its category: once it is reopened, that is open again.
    "incident.resolved": frozenset({"from", "to"}),
    "incident.closed": frozenset({"from", "to"}),
    "incident.reopened": frozenset({"from", "to", "count"}),
    "incident.breached": frozenset({"clock", "due_at", "target_minutes"}),
}
"""The events that a customer sees, and what of their data. Internal comments (`incident.noted`) are none of them."""


def timeline(*, incident: Incident, by: Actor) -> "QuerySet[Event]":
    """The incident's events in order; for a customer the public ones. Raises NotAllowed.

    A change of nothing but what a customer does not see is no event to them.
    """
    require(by, "incident.read")
    events = Event.objects.filter(subject=ref(incident)).order_by("seq")
    return events if by.at_least(Role.AGENT) else only_public(events)


def only_public(events: "QuerySet[Event]") -> "QuerySet[Event]":
    """Those of `events`, which are of incidents, that a customer sees."""
    seen = ~Q(verb=CHANGED) | Q(data__has_any_keys=sorted(PUBLIC[CHANGED]))
    return events.filter(seen, verb__in=PUBLIC)


def public_data(verb: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What of an event's data a customer sees."""
    return {name: data[name] for name in data if name in PUBLIC.get(verb, ())}


def texts_of(events: Iterable[Event], *, by: Actor) -> dict[UUID, dict[str, Any]]:
    """What people wrote, of those of `events` with which they wrote something, by the event. Two queries.

    Comments as they are stored, `content`; reasons and former titles as they lie beside the journal, unless erased.
    `events` are ones that `timeline` gave to `by`.
    """
    shown = list(events)
    written = {event.pk: UUID(event.data["comment"]) for event in shown if "comment" in event.data}
    said = Comment.objects.filter(pk__in=written.values())
    if not by.at_least(Role.AGENT):
        said = said.filter(is_internal=False)
    contents = dict(said.values_list("pk", "content"))
    texts = {pk: {"content": contents[comment]} for pk, comment in written.items() if comment in contents}
    beside = [event.pk for event in shown if event.personal_hash]
    return texts | dict(EventPersonal.objects.filter(pk__in=beside).values_list("pk", "data"))
