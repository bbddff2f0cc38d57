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
from tenancy.services.factors import (
    current_code,
    enrol_second_factor,
    has_totp,
    incorrect,
    recovery_codes_left,
    remove_second_factor,
    renew_recovery_codes,
    reseal_second_factors,
    reset_second_factor,
    spend_code,
    totp_secret,
)
from tenancy.services.flags import set_flag, set_flag_for_segment
from tenancy.services.grants import end_grant, open_grant
from tenancy.services.journal import erase_personal
from tenancy.services.links import Purpose, ask_for_link, holder_of, home_of, make_link
from tenancy.services.members import add_member, change_role, invite_member, remove_member
from tenancy.services.outbox import retry_delivery
from tenancy.services.people import (
    CODE_OF,
    anonymise_user,
    create_user,
    deactivate_user,
    set_password,
    set_password_by_link,
    unlock,
)
from tenancy.services.preferences import clear_preference, preferences_of, set_preference
from tenancy.services.retention import retain
from tenancy.services.schedules import switch_task
from tenancy.services.scopes import offer_scopes, scopes_for
from tenancy.services.security import count_signal, security_counts
from tenancy.services.segments import create_segment, move_to_segment, rename_segment
from tenancy.services.sessions import end_other_sessions, end_session
from tenancy.services.staff import change_staff_role, change_user, reactivate_user
from tenancy.services.tenants import (
    change_tenant,
    create_tenant,
    ensure_public_tenant,
    purge_tenant,
    resume_tenant,
    suspend_tenant,
)
from tenancy.services.tokens import issue_token, note_use, revoke_token
from tenancy.services.verbs import VERBS, name_verbs, named_verbs, words_of

__all__ = [
    "CODE_OF",
    "PAGERDUTY",
    "SLACK",
    "SLACK_WEBHOOK",
    "VERBS",
    "WEBHOOK",
    "Purpose",
    "add_member",
    "anonymise_user",
    "ask_for_link",
    "change_endpoint",
    "change_role",
    "change_staff_role",
    "change_tenant",
    "change_user",
    "clear_preference",
    "count_signal",
    "create_endpoint",
    "create_segment",
    "create_tenant",
    "create_user",
    "current_code",
    "deactivate_user",
    "disable_endpoint",
    "enable_endpoint",
    "end_grant",
    "end_other_sessions",
    "end_session",
    "endpoint_channels",
    "enrol_second_factor",
    "ensure_public_tenant",
    "erase_personal",
    "events_of",
    "has_totp",
    "holder_of",
    "home_of",
    "incorrect",
    "invite_member",
    "issue_token",
    "make_link",
    "move_to_segment",
    "name_verbs",
    "named_verbs",
    "note_use",
    "offer_scopes",
    "open_grant",
    "preferences_of",
    "purge_tenant",
    "reactivate_user",
    "recovery_codes_left",
    "remove_endpoint",
    "remove_member",
    "remove_second_factor",
    "rename_segment",
    "renew_recovery_codes",
    "reseal_second_factors",
    "reset_second_factor",
    "resume_tenant",
    "retain",
    "retry_delivery",
    "revoke_token",
    "rotate_secret",
    "scopes_for",
    "security_counts",
    "send_test",
    "set_flag",
    "set_flag_for_segment",
    "set_password",
    "set_password_by_link",
    "set_preference",
    "spend_code",
    "suspend_tenant",
    "switch_task",
    "takes_any_event",
    "tenant_here",
    "totp_secret",
    "unlock",
    "where",
    "words_of",
]
