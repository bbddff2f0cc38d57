"""Who may do what in hypercare: product.md's table. Rows that it does not name need at least an agent.

The tests of roles are generated from this file, and so is what a customer never sees of a row.
"""

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
    "incident.change": Rule(member=Role.AGENT),
    "incident.respond": Rule(member=Role.AGENT),
    "incident.assign": Rule(member=Role.AGENT),
    "incident.escalate": Rule(member=Role.AGENT),
    "incident.wait": Rule(member=Role.AGENT),
    "incident.resume": Rule(member=Role.AGENT),
    "incident.resolve": Rule(member=Role.AGENT),
    "incident.close": Rule(member=Role.AGENT, own=Role.CUSTOMER),
    "incident.reopen": Rule(member=Role.AGENT, own=Role.CUSTOMER),
    "incident.comment": Rule(member=Role.CUSTOMER),
    "incident.comment_internally": Rule(member=Role.AGENT),
    # For a selection of incidents in the console, besides the verb's own action.
    "incident.bulk_change": Rule(member=Role.MANAGER),
    # Recording a breach that is there is idempotent and allowed to read-only access too.
    "incident.check_breaches": Rule(member=Role.CUSTOMER, writes=False),
    "backlog_item.read": Rule(member=Role.AGENT, writes=False),
    "backlog_item.change": Rule(member=Role.AGENT),
    "saved_view.read": Rule(member=Role.AGENT, writes=False),
    "saved_view.change": Rule(member=Role.AGENT),
    "saved_view.share": Rule(member=Role.MANAGER),
    "metrics.read": Rule(member=Role.AGENT, writes=False),
    "export": Rule(member=Role.AGENT, writes=False),
    "policy.read": Rule(member=Role.MANAGER, writes=False),
    "policy.change": Rule(member=Role.MANAGER),
    "calendar.read": Rule(member=Role.MANAGER, writes=False),
    "calendar.change": Rule(member=Role.MANAGER),
    "change.read": Rule(member=Role.AGENT, own=Role.CUSTOMER, board=Role.CUSTOMER, writes=False),
    "change.draft": Rule(member=Role.CUSTOMER),
    "change.change": Rule(member=Role.AGENT, own=Role.CUSTOMER),
    "change.submit": Rule(member=Role.AGENT),
    "change.decide": Rule(board=Role.CUSTOMER),
    "change.start": Rule(member=Role.AGENT),
    "change.implement": Rule(member=Role.AGENT),
    "change.close": Rule(member=Role.AGENT),
    "change.quorum": Rule(member=Role.MANAGER),
}

HIDDEN_FROM_CUSTOMERS: dict[str, frozenset[str]] = {
    "incident": frozenset({"support_level", "linked_backlog_item_id", "requires_change_request"}),
    "clock": frozenset({"policy_id", "config_hash", "calendar", "calendar_version"}),
    "comment": frozenset(),
    "change_request": frozenset(),
}
"""Fields of the API that a customer never sees, by the kind of row."""

HIDDEN_UNTIL_RESOLVED = frozenset({"root_cause", "root_cause_category", "resolution_notes"})
"""Fields of an incident that a customer sees once it is resolved."""
