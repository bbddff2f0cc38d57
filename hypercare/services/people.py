"""Who in a tenant or project counts for what. Reads only."""

from collections.abc import Iterable

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
    members = ProjectMember.objects.filter(project=project).values_list("user_id", flat=True)
    return roles_of(list(members))
