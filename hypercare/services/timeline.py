"""An incident's story, as the journal tells it."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from hypercare.models import Incident
from tenancy.actors import Actor
from tenancy.journal.models import Event
from tenancy.permissions import require
from tenancy.states import Role
from tenancy.transactions import ref

PUBLIC: dict[str, tuple[str, ...]] = {
    "incident.reported": ("number", "severity"),
    "incident.first_response": ("from", "to"),
    "incident.resolved": ("from", "to", "root_cause_category"),
    "incident.breached": ("clock", "due_at", "target_minutes"),
}
"""The events that a customer sees, and what of their data."""


def timeline(*, incident: Incident, by: Actor) -> "QuerySet[Event]":
    """The incident's events in order; for a customer the public ones. Raises NotAllowed."""
    require(by, "incident.read")
    events = Event.objects.filter(subject=ref(incident)).order_by("seq")
    return events if by.at_least(Role.AGENT) else events.filter(verb__in=PUBLIC)


def public_data(verb: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What of an event's data a customer sees."""
    return {name: data[name] for name in PUBLIC.get(verb, ()) if name in data}
