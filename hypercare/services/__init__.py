"""The verbs of hypercare: the only writers of its tables."""

from hypercare.services.backlog import change_backlog_item, create_backlog_item, delete_backlog_item
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
from hypercare.services.calendars import (
    change_calendar,
    countries,
    create_calendar,
    holiday_names,
    newest_versions,
    sketch,
)
from hypercare.services.change_moves import (
    approve_change,
    close_change,
    implement_change,
    redraft_change,
    reject_change,
    start_change,
    submit_change,
)
from hypercare.services.change_notices import CHANGE_MAILS, write_change
from hypercare.services.changes import (
    allowed_actions,
    change_timeline,
    draft_change,
    edit_change,
    public_change_data,
)
from hypercare.services.clocks import waiting, waiting_for_marks
from hypercare.services.comments import Foreseen, add_comment, comments, foresee_comment
from hypercare.services.escalations import escalate
from hypercare.services.explanations import Explanation, Passage, explain
from hypercare.services.incident_actions import incident_actions
from hypercare.services.incidents import assign, change_cause, change_incident, report_incident
from hypercare.services.landscape import Breaches, Landscape, Load, landscape, load_of, loads
from hypercare.services.live import TOLD_TO_US, tell_of_changes, tell_of_incidents, tell_us
from hypercare.services.messages import CHATS, PAGES, write_breach, write_chat, write_page
from hypercare.services.metrics import Metrics, metrics
from hypercare.services.moves import close, reopen, resolve, respond_first, resume, wait
from hypercare.services.notices import NOTICES, write_notice
from hypercare.services.people import Person, members_of, people_by_id
from hypercare.services.policies import (
    create_policy,
    delete_policy,
    on_policy_begins,
    policy_in_force,
    waiting_to_begin,
)
from hypercare.services.previews import (
    FAR_YEARS,
    Effect,
    Plan,
    Preview,
    foresee_calendar,
    foresee_policy,
    names_on,
    plan_in_force,
    plans_of,
    preview,
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
from hypercare.services.raising import AlertsRaiser
from hypercare.services.sheets import Column, Line, Sheet, bring_in, read_sheet, refuse_lines, told
from hypercare.services.timeline import public_data, texts_of, timeline
from hypercare.services.verbs import VERBS
from hypercare.services.views import (
    LONGEST_VIEW_NAME,
    canonical_query,
    change_view,
    delete_view,
    save_view,
)
from hypercare.services.war_room import WarRoom, war_room
from hypercare.services.warnings import write_warning

__all__ = [
    "CHANGE_MAILS",
    "CHATS",
    "FAR_YEARS",
    "LONGEST_VIEW_NAME",
    "NOTICES",
    "PAGES",
    "TOLD_TO_US",
    "VERBS",
    "AlertsRaiser",
    "Breaches",
    "Column",
    "Effect",
    "Explanation",
    "Foreseen",
    "Landscape",
    "Line",
    "Load",
    "Metrics",
    "Passage",
    "Person",
    "Plan",
    "Preview",
    "Sheet",
    "WarRoom",
    "add_comment",
    "add_member",
    "allowed_actions",
    "approve_change",
    "assign",
    "board_of",
    "bring_in",
    "canonical_query",
    "change_backlog_item",
    "change_calendar",
    "change_cause",
    "change_incident",
    "change_member",
    "change_program",
    "change_project",
    "change_timeline",
    "change_view",
    "check_breaches",
    "close",
    "close_change",
    "comments",
    "countries",
    "create_backlog_item",
    "create_calendar",
    "create_policy",
    "create_program",
    "create_project",
    "delete_backlog_item",
    "delete_policy",
    "delete_program",
    "delete_project",
    "delete_view",
    "draft_change",
    "edit_change",
    "escalate",
    "explain",
    "foresee_calendar",
    "foresee_comment",
    "foresee_policy",
    "holiday_names",
    "implement_change",
    "incident_actions",
    "landscape",
    "load_of",
    "loads",
    "members_of",
    "metrics",
    "names_on",
    "newest_versions",
    "on_policy_begins",
    "on_resolution_due",
    "on_resolution_warning",
    "on_response_due",
    "on_response_warning",
    "people_by_id",
    "plan_in_force",
    "plans_of",
    "policy_in_force",
    "preview",
    "public_change_data",
    "public_data",
    "read_sheet",
    "record_breaches",
    "redraft_change",
    "refuse_lines",
    "reject_change",
    "remove_member",
    "reopen",
    "report_incident",
    "resolve",
    "respond_first",
    "resume",
    "save_view",
    "set_quorum",
    "sketch",
    "start_change",
    "submit_change",
    "tell_of_changes",
    "tell_of_incidents",
    "tell_us",
    "texts_of",
    "timeline",
    "told",
    "wait",
    "waiting",
    "waiting_for_marks",
    "waiting_to_begin",
    "waits_for_vote_of",
    "war_room",
    "warn",
    "write_breach",
    "write_change",
    "write_chat",
    "write_notice",
    "write_page",
    "write_warning",
]
