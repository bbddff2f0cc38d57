"""Who in a tenant or project counts for what. Reads only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from hypercare.models import Incident, Project, ProjectMember
from tenancy.context import current_tenant
from tenancy.models import Membership, User
from tenancy.rows import TenantQuerySet
from tenancy.states import Role


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by name; `role` is theirs in the tenant, None if they are no member of it (any more)."""

    name: str
    role: Role | None

    @property
    def is_ours(self) -> bool | None:
        """Whether they are not one of the customer's people; None if it is not known (any more)."""
        return None if self.role is None else self.role != Role.CUSTOMER


def people_by_id(user_ids: Iterable[int]) -> dict[int, Person]:
    """Who `user_ids` are, in one query."""
    rows = User.objects.filter(pk__in=user_ids).annotate(role=Subquery(_role_of(OuterRef("pk"))))
    return {
        pk: Person(name, role and Role(role)) for pk, name, role in rows.values_list("pk", "name", "role")
    }


def _role_of(user: OuterRef) -> QuerySet[Membership, str]:
    return Membership.objects.filter(tenant=current_tenant(), user=user).values_list("role", flat=True)


def roles_of(user_ids: Iterable[int]) -> dict[int, Role]:
    """The roles of those of `user_ids` who are active members of the current tenant."""
    rows = Membership.objects.filter(tenant=current_tenant(), user_id__in=user_ids, user__is_active=True)
    return {user_id: Role(role) for user_id, role in rows.values_list("user_id", "role")}


def members_of(project: Project) -> TenantQuerySet[Any]:
    """The project's members with their users; `role` is theirs in the tenant, None once they left it."""
    rows: TenantQuerySet[Any] = ProjectMember.objects.filter(project=project)
    return rows.select_related("user").annotate(role=Subquery(_role_of(OuterRef("user"))))


def project_roles(project: Project) -> dict[int, Role]:
    """The roles of the project's members who are active members of the tenant."""
    return roles_by_project([project.pk])[project.pk]


def roles_by_project(projects: Iterable[UUID]) -> dict[UUID, dict[int, Role]]:
    """`project_roles` of each of `projects`, in one query."""
    found: dict[UUID, dict[int, Role]] = defaultdict(dict)
    members = ProjectMember.objects.filter(
        project__in=projects, user__is_active=True, user__memberships__tenant=current_tenant()
    )
    for project, user, role in members.values_list("project_id", "user_id", "user__memberships__role"):
        found[project][user] = Role(role)
    return found


def of_level(project: Project, level: str) -> set[int]:
    """The project's people of a support level who handle incidents: agents and above."""
    roles = project_roles(project)
    users = ProjectMember.objects.filter(project=project, support_level=level).values_list(
        "user_id", flat=True
    )
    return {user for user in users if roles.get(user, Role.CUSTOMER) != Role.CUSTOMER}


def managers(project: Project) -> set[int]:
    """The project's managers."""
    return {user for user, role in project_roles(project).items() if role == Role.MANAGER}


def handlers(incident: Incident, roles: Mapping[int, Role]) -> set[int]:
    """Who works on the incident: its assignee if that is still one of us, else the project's agents."""
    assignee = incident.assigned_to_id
    if assignee is not None and roles.get(assignee, Role.CUSTOMER) != Role.CUSTOMER:
        return {assignee}
    return {user for user, role in roles.items() if role == Role.AGENT}


def reporter(incident: Incident, roles: Mapping[int, Role]) -> set[int]:
    """Who reported it, if that is a person who is still on the project; nobody otherwise."""
    who = incident.reported_by_id
    return {who} if who is not None and who in roles else set()


def customer_who_reported(incident: Incident, roles: Mapping[int, Role]) -> set[int]:
    """Its `reporter` if that is a customer; nobody otherwise."""
    return {user for user in reporter(incident, roles) if roles[user] == Role.CUSTOMER}
