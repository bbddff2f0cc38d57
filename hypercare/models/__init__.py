"""The tables of a hypercare phase."""

from hypercare.models.changes import ChangeCounter, ChangeRequest, ChangeRequestQuerySet, ChangeVote
from hypercare.models.clocks import Calendar, CalendarVersion, ClockEvent, Policy, PolicyTarget
from hypercare.models.incidents import (
    BREACHED,
    DEADLINE,
    FULFILLED_AT,
    BacklogItem,
    Comment,
    Incident,
    IncidentQuerySet,
)
from hypercare.models.projects import (
    CODE,
    Program,
    ProgramQuerySet,
    Project,
    ProjectMember,
    ProjectQuerySet,
    seen_project,
    sees_all,
)
from hypercare.models.views import SavedView, SavedViewQuerySet

__all__ = [
    "BREACHED",
    "CODE",
    "DEADLINE",
    "FULFILLED_AT",
    "BacklogItem",
    "Calendar",
    "CalendarVersion",
    "ChangeCounter",
    "ChangeRequest",
    "ChangeRequestQuerySet",
    "ChangeVote",
    "ClockEvent",
    "Comment",
    "Incident",
    "IncidentQuerySet",
    "Policy",
    "PolicyTarget",
    "Program",
    "ProgramQuerySet",
    "Project",
    "ProjectMember",
    "ProjectQuerySet",
    "SavedView",
    "SavedViewQuerySet",
    "seen_project",
    "sees_all",
]
