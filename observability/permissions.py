"""Who may see and answer what the system says about itself: staff on the public host, members about their tenant."""

from tenancy.permissions import ANY_STAFF, PLATFORM, Rule
from tenancy.states import Role, StaffRole

_OPERATORS = frozenset({StaffRole.RELEASE, StaffRole.PLATFORM})

RULES: dict[str, Rule] = {
    "health.read": Rule(member=Role.AGENT, staff=ANY_STAFF, writes=False),
    "alert.read": Rule(member=Role.MANAGER, staff=ANY_STAFF, writes=False),
    "alert.acknowledge": Rule(member=Role.MANAGER, staff=ANY_STAFF),
    "alert.silence": Rule(staff=_OPERATORS),
    "alert.raise_incident": Rule(member=Role.MANAGER),
    "duty.read": Rule(staff=ANY_STAFF, writes=False),
    "duty.change": Rule(staff=PLATFORM),
    "security_event.read": Rule(member=Role.ADMIN, staff=ANY_STAFF, writes=False),
    "run_summary.read": Rule(member=Role.AGENT, staff=ANY_STAFF, writes=False),
    "run_summary.make": Rule(member=Role.MANAGER, staff=_OPERATORS),
    "request_metric.read": Rule(staff=ANY_STAFF, writes=False),
    "runbook.read": Rule(member=Role.AGENT, staff=ANY_STAFF, writes=False),
}
