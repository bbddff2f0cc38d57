"""The verbs of hypercare: the only writers of its tables."""

from hypercare.services.backlog import create_backlog_item
from hypercare.services.boards import board_of, set_quorum, waits_for_vote_of
from hypercare.services.breaches import (
    check_breaches,
    on_resolution_due,
    on_resolution_warning,
    on_response_due,
    on_response_warning,
    record_breaches,
    warn,
)
from hypercare.services.calendars import change_calendar, create_calendar, newest_versions
from hypercare.services.change_notices import CHANGE_MAILS, write_change
from hypercare.services.changes import (
    allowed_actions,
    approve_change,
    change_timeline,
    close_change,
    draft_change,
    edit_change,
    implement_change,
    public_change_data,
    redraft_change,
    reject_change,
    start_change,
    submit_change,
)
from hypercare.services.clocks import waiting, waiting_for_marks
from hypercare.services.comments import add_comment, comments
from hypercare.services.explanations import Explanation, Passage, explain
from hypercare.services.incidents import assign, change_incident, report_incident
from hypercare.services.messages import CHATS, PAGES, write_breach, write_chat, write_page
from hypercare.services.metrics import Metrics, metrics
from hypercare.services.moves import close, reopen, resolve, respond_first, resume, wait
from hypercare.services.notices import NOTICES, write_notice
from hypercare.services.policies import (
    create_policy,
    delete_policy,
    on_policy_begins,
    policy_in_force,
    waiting_to_begin,
)
from hypercare.services.projects import (
    add_member,
    change_member,
    change_program,
    change_project,
    create_program,
    create_project,
    delete_program,
    delete_project,
    remove_member,
)
from hypercare.services.timeline import public_data, texts_of, timeline
from hypercare.services.warnings import write_warning

__all__ = [
    "CHANGE_MAILS",
    "CHATS",
    "NOTICES",
    "PAGES",
    "Explanation",
    "Metrics",
    "Passage",
    "add_comment",
    "add_member",
    "allowed_actions",
    "approve_change",
    "assign",
    "board_of",
    "change_calendar",
    "change_incident",
    "change_member",
    "change_program",
    "change_project",
    "change_timeline",
    "check_breaches",
    "close",
    "close_change",
    "comments",
    "create_backlog_item",
    "create_calendar",
    "create_policy",
    "create_program",
    "create_project",
    "delete_policy",
    "delete_program",
    "delete_project",
    "draft_change",
    "edit_change",
    "explain",
    "implement_change",
    "metrics",
    "newest_versions",
    "on_policy_begins",
    "on_resolution_due",
    "on_resolution_warning",
    "on_response_due",
    "on_response_warning",
    "policy_in_force",
    "public_change_data",
    "public_data",
    "record_breaches",
    "redraft_change",
    "reject_change",
    "remove_member",
    "reopen",
    "report_incident",
    "resolve",
    "respond_first",
    "resume",
    "set_quorum",
    "start_change",
    "submit_change",
    "texts_of",
    "timeline",
    "wait",
    "waiting",
    "waiting_for_marks",
    "waiting_to_begin",
    "waits_for_vote_of",
    "warn",
    "write_breach",
    "write_change",
    "write_chat",
    "write_notice",
    "write_page",
    "write_warning",
]
