"""Who may do what in hypercare: product.md's table. Rows that it does not name need at least an agent."""

from tenancy.permissions import Rule
from tenancy.states import Role

RULES: dict[str, Rule] = {
    "program.read": Rule(member=Role.CUSTOMER, writes=False),
    "program.change": Rule(member=Role.AGENT),
    "project.read": Rule(member=Role.CUSTOMER, writes=False),
    "project.change": Rule(member=Role.AGENT),
    "project_member.read": Rule(member=Role.AGENT, writes=False),
    "project_member.change": Rule(member=Role.ADMIN),
    "incident.read": Rule(member=Role.CUSTOMER, writes=False),
    "incident.report": Rule(member=Role.CUSTOMER),
    "incident.respond": Rule(member=Role.AGENT),
    "incident.assign": Rule(member=Role.AGENT),
    "incident.resolve": Rule(member=Role.AGENT),
    # For a selection of incidents in the console, besides the verb's own action.
    "incident.bulk_change": Rule(member=Role.MANAGER),
    # Recording a breach that is there is idempotent and allowed to read-only access too.
    "incident.check_breaches": Rule(member=Role.CUSTOMER, writes=False),
    "metrics.read": Rule(member=Role.AGENT, writes=False),
}
