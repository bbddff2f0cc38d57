"""The only writers of tenants, segments, people, grants, flags, tokens, endpoints and preferences."""

from tenancy.services.endpoints import (
    PAGERDUTY,
    SLACK,
    SLACK_WEBHOOK,
    WEBHOOK,
    change_endpoint,
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    endpoint_channels,
    events_of,
    remove_endpoint,
    rotate_secret,
    send_test,
    takes_any_event,
    tenant_here,
    where,
)
from tenancy.services.flags import set_flag, set_flag_for_segment
from tenancy.services.grants import end_grant, open_grant
from tenancy.services.journal import erase_personal
from tenancy.services.people import (
    add_member,
    anonymise_user,
    change_role,
    create_user,
    deactivate_user,
    remove_member,
    set_password,
)
from tenancy.services.preferences import clear_preference, preferences_of, set_preference
from tenancy.services.retention import retain
from tenancy.services.scopes import offer_scopes, scopes_for
from tenancy.services.security import count_signal, security_counts
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
    "PAGERDUTY",
    "SLACK",
    "SLACK_WEBHOOK",
    "WEBHOOK",
    "add_member",
    "anonymise_user",
    "change_endpoint",
    "change_role",
    "clear_preference",
    "count_signal",
    "create_endpoint",
    "create_segment",
    "create_tenant",
    "create_user",
    "deactivate_user",
    "disable_endpoint",
    "enable_endpoint",
    "end_grant",
    "endpoint_channels",
    "ensure_public_tenant",
    "erase_personal",
    "events_of",
    "issue_token",
    "move_to_segment",
    "offer_scopes",
    "open_grant",
    "preferences_of",
    "purge_tenant",
    "remove_endpoint",
    "remove_member",
    "resume_tenant",
    "retain",
    "revoke_token",
    "rotate_secret",
    "scopes_for",
    "security_counts",
    "send_test",
    "set_flag",
    "set_flag_for_segment",
    "set_password",
    "set_preference",
    "suspend_tenant",
    "takes_any_event",
    "tenant_here",
    "where",
]
