"""What may be done to an incident now."""

from datetime import datetime

from hypercare.models import Incident
from hypercare.rules import INCIDENT_STEPS, levels_above
from hypercare.services.incidents import is_reopenable
from tenancy.actors import Actor
from tenancy.permissions import may


def incident_actions(incident: Incident, *, by: Actor, now: datetime) -> list[str]:
    """The INCIDENT_STEPS that `by`, a person, may take with the incident as it is; asks the database nothing."""
    own = by.user_id is not None and incident.reported_by_id == by.user_id
    return [
        step
        for step, states in INCIDENT_STEPS.items()
        if incident.state in states
        and may(by, _ACTIONS.get(step, f"incident.{step}"), own=own)
        and _is_possible(step, incident, now)
    ]


_ACTIONS = {"edit": "incident.change"}
"""The action of the table of permissions that a step is, where it has another name."""


def _is_possible(step: str, incident: Incident, now: datetime) -> bool:
    match step:
        case "respond":
            return incident.first_response_at is None
        case "escalate":
            return bool(levels_above(incident.support_level))
        case "reopen":
            return is_reopenable(incident, now)
    return True
