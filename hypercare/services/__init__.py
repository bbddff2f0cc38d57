"""The verbs of hypercare: the only writers of its tables."""

from hypercare.services.breaches import check_breaches, on_resolution_due, on_response_due, record_breaches
from hypercare.services.clocks import waiting
from hypercare.services.incidents import assign, report_incident, resolve, respond_first
from hypercare.services.messages import CHATS, PAGES, write_breach, write_chat, write_page
from hypercare.services.metrics import Metrics, metrics
from hypercare.services.projects import (
    add_member,
    change_member,
    change_project,
    create_program,
    create_project,
    delete_project,
    remove_member,
)
from hypercare.services.timeline import public_data, timeline

__all__ = [
    "CHATS",
    "PAGES",
    "Metrics",
    "add_member",
    "assign",
    "change_member",
    "change_project",
    "check_breaches",
    "create_program",
    "create_project",
    "delete_project",
    "metrics",
    "on_resolution_due",
    "on_response_due",
    "public_data",
    "record_breaches",
    "remove_member",
    "report_incident",
    "resolve",
    "respond_first",
    "timeline",
    "waiting",
    "write_breach",
    "write_chat",
    "write_page",
]
