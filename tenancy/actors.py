"""Who does something: a member, one of us under a grant, one of us on the public host, or the system."""

from dataclasses import dataclass
from typing import Self

from tenancy.states import ActorKind, Role, StaffRole

RANK = {role: rank for rank, role in enumerate(Role.values)}


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor as the journal names it: ids only, never a person's name or address.

    `role` is the role in the current tenant, `staff_role` the one on the public host; `name` is set
    for the system alone ("sweep"). `read_only` holds for a grant without writing.
    """

    kind: ActorKind
    user_id: int | None = None
    role: Role | None = None
    staff_role: StaffRole | None = None
    name: str = ""
    grant_id: int | None = None
    read_only: bool = False

    @classmethod
    def system(cls, name: str) -> Self:
        return cls(kind=ActorKind.SYSTEM, name=name)

    @classmethod
    def member(cls, user_id: int, role: Role) -> Self:
        return cls(kind=ActorKind.MEMBER, user_id=user_id, role=role)

    @classmethod
    def support(cls, user_id: int, *, grant_id: int, writes: bool) -> Self:
        """A grant reads like an agent; a write grant acts like a manager (product.md)."""
        role = Role.MANAGER if writes else Role.AGENT
        return cls(
            kind=ActorKind.SUPPORT, user_id=user_id, role=role, grant_id=grant_id, read_only=not writes
        )

    @classmethod
    def staff(cls, user_id: int, staff_role: StaffRole) -> Self:
        return cls(kind=ActorKind.STAFF, user_id=user_id, staff_role=staff_role)

    @property
    def is_system(self) -> bool:
        return self.kind == ActorKind.SYSTEM

    def at_least(self, role: Role) -> bool:
        """Whether the actor's role in this tenant is `role` or above; the system is above all."""
        return self.is_system or (self.role is not None and RANK[self.role] >= RANK[role])
