"""Who in a tenant or project counts for what. Reads only."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from hypercare.models import Project, ProjectMember
from tenancy.context import current_tenant
from tenancy.models import Membership
from tenancy.states import Role


def roles_of(user_ids: Iterable[int]) -> dict[int, Role]:
    """The roles of those of `user_ids` who are active members of the current tenant."""
    rows = Membership.objects.filter(tenant=current_tenant(), user_id__in=user_ids, user__is_active=True)
    return {user_id: Role(role) for user_id, role in rows.values_list("user_id", "role")}


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
