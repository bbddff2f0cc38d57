"""Who may do what: the table of role x action, filled by each app for its own actions, read by everybody.

An action that is in no table is denied.
"""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.errors import NotAllowed
from tenancy.states import ActorKind, Role, StaffRole


@dataclass(frozen=True, slots=True)
class Rule:
    """The lowest member role (None: no member), the staff roles on the public host, and whether it writes.

    `own` and `board` are the lowest roles of members who may because the subject is their own, or because they sit
    on its change board: whoever calls says which of these holds.
    """

    member: Role | None = None
    own: Role | None = None
    board: Role | None = None
    staff: frozenset[StaffRole] = frozenset()
    writes: bool = True


_table: dict[str, Rule] = {}


def declare(rules: dict[str, Rule]) -> None:
    """Add an app's rows; for AppConfig.ready(). Raises ValueError on an action declared twice."""
    doubles = _table.keys() & rules.keys()
    if doubles:
        raise ValueError(f"declared twice: {sorted(doubles)}")
    _table.update(rules)


def table() -> dict[str, Rule]:
    """A copy of the whole table, for tests and documentation."""
    return dict(_table)


def may(actor: Actor, action: str, *, own: bool = False, board: bool = False) -> bool:
    """Whether `actor` may do `action` to a subject that is their `own`, or whose `board` they sit on.

    Unknown actions: nobody.
    """
    rule = _table.get(action)
    if rule is None:
        return False
    if actor.is_system:
        return True
    if rule.writes and actor.read_only:
        return False
    if actor.kind == ActorKind.STAFF:
        return actor.staff_role in rule.staff
    ways = (rule.member, rule.own if own else None, rule.board if board else None)
    return any(lowest is not None and actor.at_least(lowest) for lowest in ways)


def may_ever(actor: Actor, action: str) -> bool:
    """Whether there may be a subject to which `actor` may do `action`: what a door can ask before it is read."""
    return may(actor, action, own=True, board=True)


def require(actor: Actor, action: str, *, own: bool = False, board: bool = False) -> None:
    """Raise NotAllowed unless `actor` `may` do `action`."""
    if not may(actor, action, own=own, board=board):
        raise NotAllowed(_("You may not do this."), code="not_allowed")


ANY_STAFF = frozenset(StaffRole)
PLATFORM = frozenset({StaffRole.PLATFORM})

RULES: dict[str, Rule] = {
    "me.read": Rule(member=Role.CUSTOMER, staff=ANY_STAFF, writes=False),
    "me.change": Rule(member=Role.CUSTOMER),
    "events.read": Rule(member=Role.CUSTOMER, writes=False),
    "tenant.read": Rule(staff=ANY_STAFF, writes=False),
    "tenant.change": Rule(staff=PLATFORM),
    "segment.change": Rule(staff=PLATFORM),
    "user.read": Rule(staff=PLATFORM, writes=False),
    "user.change": Rule(staff=PLATFORM),
    "grant.read": Rule(staff=frozenset({StaffRole.SUPPORT, StaffRole.PLATFORM}), writes=False),
    "grant.open": Rule(staff=frozenset({StaffRole.SUPPORT, StaffRole.PLATFORM})),
    "flag.read": Rule(staff=frozenset({StaffRole.RELEASE, StaffRole.PLATFORM}), writes=False),
    "flag.change": Rule(staff=frozenset({StaffRole.RELEASE, StaffRole.PLATFORM})),
    "deadline.read": Rule(staff=ANY_STAFF, writes=False),
    "deadline.replay": Rule(staff=PLATFORM),
    "schedule.change": Rule(staff=PLATFORM),
    "threshold.read": Rule(staff=frozenset({StaffRole.RELEASE, StaffRole.PLATFORM}), writes=False),
    "delivery.read": Rule(staff=ANY_STAFF, writes=False),
    "delivery.replay": Rule(staff=PLATFORM),
    "delivery.own": Rule(member=Role.ADMIN, writes=False),
    "delivery.own.replay": Rule(member=Role.ADMIN),
    "endpoint.read": Rule(member=Role.ADMIN, staff=PLATFORM, writes=False),
    "endpoint.change": Rule(member=Role.ADMIN, staff=PLATFORM),
    "operator_journal.read": Rule(staff=PLATFORM, writes=False),
    "journal.read": Rule(member=Role.ADMIN, writes=False),
    "journal.erase": Rule(member=Role.ADMIN, staff=PLATFORM),
    "journal.prune": Rule(staff=PLATFORM),
    "member.read": Rule(member=Role.AGENT, writes=False),
    "member.change": Rule(member=Role.ADMIN, staff=PLATFORM),
    "second_factor.reset": Rule(member=Role.ADMIN, staff=PLATFORM),
    "session.read": Rule(member=Role.CUSTOMER, staff=ANY_STAFF, writes=False),
    "session.end": Rule(member=Role.CUSTOMER, staff=ANY_STAFF, writes=False),
    "session.end.any": Rule(member=Role.ADMIN, staff=PLATFORM),
    "token.read": Rule(member=Role.CUSTOMER, staff=ANY_STAFF, writes=False),
    "token.revoke": Rule(member=Role.CUSTOMER, staff=ANY_STAFF),
    "token.change": Rule(member=Role.ADMIN, staff=PLATFORM),
}
