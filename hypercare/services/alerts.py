"""What is said when a clock nears its target, and when it passes it: one journal line and one notice each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypercare.models import Incident
from hypercare.rules import ClockState
from hypercare.services.people import handlers, roles_by_project
from hypercare.states import URGENT, ClockKind
from tenancy.actors import Actor
from tenancy.deliveries import Notice, tell
from tenancy.states import Role
from tenancy.transactions import emit, ref

BREACHED = "incident.breached"
WARNED = "incident.warned"


@dataclass(frozen=True, slots=True)
class Alert:
    """A clock that people are to be told of. `passed`: the marks that it is warned of; none is a breach."""

    incident: Incident
    clock: ClockKind
    state: ClockState
    passed: tuple[int, ...] = ()


def sound(alerts: Sequence[Alert], *, by: Actor, now: datetime) -> None:
    """Journal each alert and tell those whom it concerns. The caller has recorded it with the incident.

    A warning is for those who work on the incident, a breach for the project's managers too (hypercare.md, SLA).
    """
    if not alerts:
        return
    roles = roles_by_project({alert.incident.project_id for alert in alerts})
    notices = []
    for alert in alerts:
        incident, state = alert.incident, alert.state
        its = roles[incident.project_id]
        concerned = handlers(incident, its)
        if alert.passed:
            verb, also = WARNED, {"percent": alert.passed[-1], "passed": alert.passed}
        else:
            verb, also = BREACHED, {}
            concerned |= {user for user, role in its.items() if role == Role.MANAGER}
        data = {
            "clock": alert.clock,
            "cycle": state.cycle,
            "severity": incident.severity,
            "target_minutes": minutes(state.target),
            "elapsed_minutes": minutes(state.elapsed),
            "due_at": state.due_at,
            "concerned": sorted(concerned),
            **also,
        }
        urgent = incident.severity in URGENT
        scope = incident.project_id
        event = emit(verb, incident, by=by, now=now, data=data, scope=scope, urgent=urgent)
        notices.append(Notice(verb, ref(incident), event, sorted(concerned), urgent=urgent, scope=scope))
    tell(*notices, now=now)


def minutes(duration: timedelta) -> int:
    """Whole minutes of `duration`."""
    return duration // timedelta(minutes=1)
