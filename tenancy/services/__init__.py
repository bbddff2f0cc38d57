"""The only writers of tenants, segments, people, grants, flags and tokens."""

from tenancy.services.flags import set_flag, set_flag_for_segment
from tenancy.services.grants import end_grant, open_grant
from tenancy.services.people import (
    add_member,
    anonymise_user,
    change_role,
    create_user,
    deactivate_user,
    remove_member,
    set_password,
)
from tenancy.services.segments import create_segment, move_to_segment
from tenancy.services.tenants import (
    create_tenant,
    ensure_public_tenant,
    purge_tenant,
    resume_tenant,
    suspend_tenant,
)
from tenancy.services.tokens import issue_token, revoke_token

__all__ = [
    "add_member",
    "anonymise_user",
    "change_role",
    "create_segment",
    "create_tenant",
    "create_user",
    "deactivate_user",
    "end_grant",
    "ensure_public_tenant",
    "issue_token",
    "move_to_segment",
    "open_grant",
    "purge_tenant",
    "remove_member",
    "resume_tenant",
    "revoke_token",
    "set_flag",
    "set_flag_for_segment",
    "set_password",
    "suspend_tenant",
]
