"""What the console offers to do with incidents."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from hypercare import services
from hypercare.admin.sheets import IMPORT_INCIDENTS
from hypercare.forms.incidents import (
    AssignForm,
    CauseForm,
    CommentForm,
    DraftChangeForm,
    EditForm,
    EscalateForm,
    LinksForm,
    ReopenForm,
    ReportForm,
    ResolveForm,
    SeverityForm,
    WaitForm,
)
from hypercare.models import BacklogItem, ChangeRequest, Incident
from hypercare.rules import levels_above
from hypercare.states import DONE_STATES, IncidentState, Severity
from tenancy.actors import Actor
from tenancy.models import User
from tenancy.web.admin import Made, Verb

Cleaned = Mapping[str, Any]
BULK = "incident.bulk_change"


def _report(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    incident = services.report_incident(**cleaned, by=by, now=now)
    return Made(_("%(key)s is open; its clocks run.") % {"key": incident.key}, incident)


def _respond(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.respond_first(incident=row, by=by, now=now)
    return _("%(key)s has its first response and is in progress.") % {"key": row.key}


def _assign(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    who: User | None = cleaned["assigned_to_id"]
    services.assign(
        incident=row,
        assigned_to_id=who.pk if who else None,
        support_level=cleaned["support_level"] or None,
        by=by,
        now=now,
    )
    if who is None:
        return _("%(key)s is nobody's now.") % {"key": row.key}
    return _("%(key)s is assigned to %(name)s.") % {"key": row.key, "name": who.name}


def _escalate(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    who: User | None = cleaned["assigned_to_id"]
    moved = services.escalate(
        incident=row,
        reason=cleaned["reason"],
        support_level=cleaned["support_level"] or None,
        assigned_to_id=who.pk if who else None,
        by=by,
        now=now,
    )
    return _("%(key)s is with %(level)s now; they are told.") % {"key": row.key, "level": moved.support_level}


def _resolve(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.resolve(
        incident=row,
        root_cause=cleaned["root_cause"],
        resolution_notes=cleaned["resolution_notes"],
        root_cause_category=cleaned["root_cause_category"] or None,
        by=by,
        now=now,
    )
    return _("%(key)s is resolved.") % {"key": row.key}


def _comment(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    internal = cleaned["audience"] == CommentForm.INTERNAL
    services.add_comment(incident=row, content=cleaned["content"], is_internal=internal, by=by, now=now)
    if internal:
        return _("Said about %(key)s, internally.") % {"key": row.key}
    return _("Said about %(key)s; the customer sees it.") % {"key": row.key}


def _wait(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    owner: User = cleaned["owner_id"]
    services.wait(incident=row, reason=cleaned["reason"], owner_id=owner.pk, by=by, now=now)
    return _("%(key)s waits for %(name)s.") % {"key": row.key, "name": owner.name}


def _resume(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.resume(incident=row, by=by, now=now)
    return _("%(key)s goes on, and its clock with it.") % {"key": row.key}


def _close(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.close(incident=row, by=by, now=now)
    return _("%(key)s is closed.") % {"key": row.key}


def _reopen(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.reopen(incident=row, reason=cleaned["reason"], by=by, now=now)
    return _("%(key)s is in progress again.") % {"key": row.key}


def _change_severity(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    changed = services.change_incident(incident=row, severity=cleaned["severity"], by=by, now=now)
    said = {"key": row.key, "severity": Severity(changed.severity).label}
    return _("%(key)s is %(severity)s now.") % said


def _edit(row: Incident, cleaned: Cleaned, *, version: int, by: Actor, now: datetime) -> str:
    services.change_incident(incident=row, version=version, **cleaned, by=by, now=now)
    return _("%(key)s is changed.") % {"key": row.key}


def _explain(row: Incident, cleaned: Cleaned, *, version: int, by: Actor, now: datetime) -> str:
    services.change_cause(incident=row, version=version, **cleaned, by=by, now=now)
    return _("The cause of %(key)s is written down.") % {"key": row.key}


def _link(row: Incident, cleaned: Cleaned, *, version: int, by: Actor, now: datetime) -> str:
    item: BacklogItem | None = cleaned["backlog_item_id"]
    change: ChangeRequest | None = cleaned["change_request_id"]
    services.change_incident(
        incident=row,
        version=version,
        backlog_item_id=item.pk if item else None,
        change_request_id=change.pk if change else None,
        requires_change_request=cleaned["requires_change_request"],
        by=by,
        now=now,
    )
    return _("%(key)s is linked as you said.") % {"key": row.key}


def _draft(row: Incident, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    change = services.draft_change(project=row.project, incident_id=row.pk, **cleaned, by=by, now=now)
    said = _("%(change)s is drafted and linked to %(key)s.") % {"change": change.key, "key": row.key}
    return Made(said, None, to=reverse("admin:hypercare_changerequest_change", args=[change.pk]))


AT_HAND = frozenset({"respond", "resume", "assign", "escalate", "resolve", "close", "reopen"})
"""What an incident's page offers as buttons; all else is in a menu beside them."""
LIST_VERBS = [
    Verb(
        "report",
        _("Report incident…"),
        "incident.report",
        _report,
        ReportForm,
        "add",
        ActionVariant.PRIMARY,
        _("Its clocks start at once, with the times of its severity."),
    ),
    IMPORT_INCIDENTS,
]
VERBS = [
    Verb(
        "respond",
        _("Respond first"),
        "incident.respond",
        _respond,
        icon="reply",
        variant=ActionVariant.PRIMARY,
        explain=_("Says that somebody is on it: the response clock stops and work is in progress."),
        available=lambda row: row.is_open and row.first_response_at is None,
        bulk=BULK,
    ),
    Verb(
        "resume",
        _("Go on"),
        "incident.resume",
        _resume,
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        explain=_("The answer is there: the resolution clock runs on from where it was paused."),
        available=lambda row: row.state == IncidentState.WAITING,
        bulk=BULK,
    ),
    Verb(
        "assign",
        _("Assign…"),
        "incident.assign",
        _assign,
        AssignForm,
        "person_add",
        available=lambda row: row.is_open,
        bulk=BULK,
    ),
    Verb(
        "escalate",
        _("Escalate…"),
        "incident.escalate",
        _escalate,
        EscalateForm,
        "arrow_upward",
        explain=_(
            "One support level up. Those of the new level are told by mail; at L3, or when nobody has the level, "
            "the project's managers too."
        ),
        available=lambda row: row.is_open and bool(levels_above(row.support_level)),
        bulk=BULK,
    ),
    Verb(
        "resolve",
        _("Resolve…"),
        "incident.resolve",
        _resolve,
        ResolveForm,
        "task_alt",
        ActionVariant.SUCCESS,
        available=lambda row: row.is_open,
        bulk=BULK,
    ),
    Verb("comment", _("Comment…"), "incident.comment", _comment, CommentForm, "chat"),
    Verb(
        "wait",
        _("Wait for somebody…"),
        "incident.wait",
        _wait,
        WaitForm,
        "hourglass_empty",
        explain=_("The resolution clock is paused until work goes on. Who has to answer is told by mail."),
        available=lambda row: row.state in (IncidentState.OPEN, IncidentState.IN_PROGRESS),
    ),
    Verb(
        "severity",
        _("Change severity…"),
        "incident.change",
        _change_severity,
        SeverityForm,
        "priority_high",
        explain=_("Both clocks get the times of the new severity; what has elapsed stays elapsed."),
        available=lambda row: row.is_open,
    ),
    Verb(
        "edit",
        _("Edit…"),
        "incident.change",
        _edit,
        EditForm,
        "edit",
        explain=_("The customer sees all of this."),
        available=lambda row: row.state != IncidentState.CLOSED,
        versioned=True,
    ),
    Verb(
        "cause",
        _("Root cause…"),
        "incident.change",
        _explain,
        CauseForm,
        "troubleshoot",
        explain=_("The customer reads it while the incident is resolved, not before."),
        available=lambda row: row.state != IncidentState.CLOSED,
        versioned=True,
    ),
    Verb(
        "link",
        _("Links…"),
        "incident.change",
        _link,
        LinksForm,
        "link",
        explain=_("What it comes from, and the change request that mends it. Empty takes the link away."),
        available=lambda row: row.state != IncidentState.CLOSED,
        versioned=True,
    ),
    Verb(
        "draft-change",
        _("Draft a change request…"),
        "change.draft",
        _draft,
        DraftChangeForm,
        "published_with_changes",
        explain=_("A draft, linked to this incident: the board sees it when it is submitted."),
        available=lambda row: row.state != IncidentState.CLOSED and row.change_request_id is None,
    ),
    Verb(
        "close",
        _("Close"),
        "incident.close",
        _close,
        icon="done_all",
        variant=ActionVariant.SUCCESS,
        explain=_("Ends the story. Who reported it is told by mail."),
        available=lambda row: row.state == IncidentState.RESOLVED,
        bulk=BULK,
    ),
    Verb(
        "reopen",
        _("Reopen…"),
        "incident.reopen",
        _reopen,
        ReopenForm,
        "replay",
        explain=_("Work goes on, and the resolution clock runs on from where it stopped."),
        available=lambda row: row.state in DONE_STATES,
    ),
]
