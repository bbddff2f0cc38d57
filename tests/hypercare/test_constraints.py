"""Each constraint is there in the database, proven by a row that breaks it and nothing else."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from hypercare.models import (
    BacklogItem,
    Calendar,
    CalendarVersion,
    ChangeCounter,
    ChangeRequest,
    ChangeVote,
    ClockEvent,
    Comment,
    Incident,
    Policy,
    PolicyTarget,
    Program,
    Project,
    ProjectMember,
    SavedView,
)
from tenancy.models import Tenant, User

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
APPROVED = {"approved_at": AT, "approved_by": 1}
CAUSE = {"root_cause": "x", "resolution_notes": "y"}
DONE = {"implemented_at": AT, "actual_implementation_date": AT.date(), "test_evidence": "x"}

# constraint -> a change of one valid row that breaks it
CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "program_code_shape": (Program, {"code": "no"}),
    "program_has_name": (Program, {"name": ""}),
    "project_code_shape": (Project, {"code": "1X"}),
    "project_has_name": (Project, {"name": ""}),
    "project_end_needs_go_live": (Project, {"hypercare_ends_on": date(2026, 12, 1)}),
    "projectmember_level_known": (ProjectMember, {"support_level": "L9"}),
    "incident_has_title": (Incident, {"title": ""}),
    "incident_source_known": (Incident, {"source": "fax"}),
    "incident_state_known": (Incident, {"state": "lost"}),
    "incident_severity_known": (Incident, {"severity": "p1"}),
    "incident_type_known": (Incident, {"incident_type": "magic"}),
    "incident_level_known": (Incident, {"support_level": "L4"}),
    "incident_cause_known": (Incident, {"root_cause_category": "moon"}),
    "incident_first_response_pair": (Incident, {"state": "in_progress", "first_response_at": AT}),
    "incident_open_is_unanswered": (Incident, {"first_response_at": AT, "first_response_by": 1}),
    "incident_resolved_pair": (
        Incident,
        {"state": "resolved", "resolved_at": AT, "root_cause": "x", "resolution_notes": "y"},
    ),
    "incident_resolved_has_time": (
        Incident,
        {"state": "resolved", "root_cause": "x", "resolution_notes": "y"},
    ),
    "incident_resolved_has_reason": (
        Incident,
        {"state": "resolved", "resolved_at": AT, "resolved_by": 1, "root_cause": "x"},
    ),
    "incident_closed_pair": (
        Incident,
        {"state": "closed", "resolved_at": AT, "resolved_by": 1, "closed_at": AT, **CAUSE},
    ),
    "incident_closed_has_time": (Incident, {"closed_at": AT, "closed_by": 1}),
    "incident_waiting_has_owner": (Incident, {"state": "waiting", "waiting_since": AT, "waiting_owner": 1}),
    "backlogitem_kind_known": (BacklogItem, {"kind": "X"}),
    "backlogitem_named": (BacklogItem, {"key": ""}),
    "comment_has_content": (Comment, {"content": ""}),
    "incident_response_breach_pair": (Incident, {"sla_response_breached": True}),
    "incident_resolution_breach_pair": (Incident, {"sla_resolution_breached_at": AT}),
    "incident_due_after_report": (Incident, {"sla_response_deadline": AT - timedelta(days=1)}),
    "project_quorum_positive": (Project, {"change_quorum": 0}),
    "changerequest_has_title": (ChangeRequest, {"title": ""}),
    "changerequest_numbered": (ChangeRequest, {"number": 0}),
    "changerequest_type_known": (ChangeRequest, {"change_type": "magic"}),
    "changerequest_severity_known": (ChangeRequest, {"severity": "p1"}),
    "changerequest_state_known": (ChangeRequest, {"state": "lost", **APPROVED}),
    "changerequest_submitted_pair": (ChangeRequest, {"submitted_at": AT}),
    "changerequest_approved_pair": (ChangeRequest, {"state": "approved", "approved_at": AT}),
    "changerequest_rejected_pair": (
        ChangeRequest,
        {"state": "rejected", "rejected_at": AT, "rejection_reason": "x"},
    ),
    "changerequest_started_pair": (ChangeRequest, {"started_by": 1}),
    "changerequest_implemented_pair": (ChangeRequest, {"state": "implemented", **APPROVED, **DONE}),
    "changerequest_closed_pair": (
        ChangeRequest,
        {"state": "closed", **APPROVED, **DONE, "implemented_by": 1, "closed_at": AT},
    ),
    "changerequest_approved_has_time": (ChangeRequest, APPROVED),
    "changerequest_rejected_has_reason": (
        ChangeRequest,
        {"state": "rejected", "rejected_at": AT, "rejected_by": 1},
    ),
    "changerequest_implemented_has_date": (
        ChangeRequest,
        {"state": "implemented", **APPROVED, **DONE, "implemented_by": 1, "actual_implementation_date": None},
    ),
    "changerequest_implemented_is_tested": (
        ChangeRequest,
        {"state": "implemented", **APPROVED, **DONE, "implemented_by": 1, "test_evidence": ""},
    ),
    "changerequest_closed_has_time": (ChangeRequest, {"closed_at": AT, "closed_by": 1}),
    "changerequest_can_be_rolled_back": (ChangeRequest, {"state": "pending_approval", "rollback_plan": ""}),
    "changevote_known": (ChangeVote, {"vote": "maybe"}),
    "changevote_rejection_has_reason": (ChangeVote, {"vote": "reject"}),
    "changecounter_one_row": (ChangeCounter, {"id": 2}),
    "clockevent_clock_known": (ClockEvent, {"clock": "cuckoo"}),
    "clockevent_kind_known": (ClockEvent, {"kind": "stop", "target_minutes": None}),
    "clockevent_target_where_it_counts": (ClockEvent, {"target_minutes": None}),
    "calendar_has_name": (Calendar, {"name": ""}),
    "policy_not_backdated": (Policy, {"valid_from": AT - timedelta(days=1)}),
    "policytarget_severity_known": (PolicyTarget, {"severity": "P5"}),
    "policytarget_positive": (PolicyTarget, {"response_minutes": 0}),
    "savedview_list_shape": (SavedView, {"list": "Incidents"}),
    "savedview_has_name": (SavedView, {"name": ""}),
}


VIEW = {"owner_id": 1, "list": "hypercare.incident", "name": "Mine", "created_at": AT}


@pytest.fixture
def policy(in_acme: Tenant, project: Project) -> Policy:
    """A policy of P1 alone, on a calendar."""
    calendar = Calendar.objects.create(project=project, name="Office", created_at=AT)
    CalendarVersion.objects.create(calendar=calendar, number=1, definition={}, created_at=AT)
    row = Policy.objects.create(project=project, valid_from=AT, created_at=AT)
    PolicyTarget.objects.create(
        policy=row, severity="P1", response_minutes=1, resolution_minutes=1, calendar=calendar
    )
    return row


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("name", CHANGES)
def test_the_database_refuses(
    name: str, in_acme: Tenant, report: Callable[..., Incident], draft: Callable[..., ChangeRequest]
) -> None:
    incident = report()
    item = {"project": incident.project, "kind": "F", "key": "F-1", "title": "Form"}
    BacklogItem.objects.create(**item, created_at=AT)
    Comment.objects.create(incident=incident, author_id=1, content="x", created_at=AT)
    ChangeVote.objects.create(change_request=draft(), user_id=1, vote="approve", created_at=AT)
    SavedView.objects.create(**VIEW)
    model, change = CHANGES[name]
    row = model.objects.first()
    with pytest.raises(IntegrityError, match=f'constraint "{name}"'), transaction.atomic():
        model.objects.filter(pk=row.pk).update(**change)


def test_only_starts_and_new_targets_have_a_target_and_a_calendar(
    in_acme: Tenant, report: Callable[..., Incident], policy: Policy
) -> None:
    report()
    version = CalendarVersion.objects.get()
    row = ClockEvent.objects.get(clock="response")
    for change in (
        {"kind": "pause"},
        {"kind": "pause", "target_minutes": None, "calendar_version": version},
        {"kind": "retarget", "target_minutes": 0},
    ):
        with pytest.raises(IntegrityError, match="clockevent_target_where_it_counts"), transaction.atomic():
            ClockEvent.objects.filter(pk=row.pk).update(**change)
    ClockEvent.objects.filter(pk=row.pk).update(kind="retarget", calendar_version=version)


def _twice(
    name: str, project: Project, users: dict[str, User], incident: Incident, change: ChangeRequest
) -> Callable[[], object]:
    member = ProjectMember(project=project, user=users["agent"], created_at=AT)
    event = ClockEvent(incident=incident, clock="response", seq=1, kind="start", at=AT, target_minutes=5)
    Project.objects.filter(pk=project.pk).update(is_operations=True)
    second = Project(program=project.program, code="OPS-2", name="Second", is_operations=True, created_at=AT)
    given = {"change_request": change, "user": users["agent"], "vote": "approve", "created_at": AT}
    ChangeVote.objects.create(**given, voided_at=AT)  # one that is void stands in nobody's way
    ChangeVote.objects.create(**given)
    item = {"project": project, "kind": "F", "key": "F-1", "title": "Form", "created_at": AT}
    BacklogItem.objects.create(**item)
    SavedView.objects.create(**VIEW)
    return {
        "savedview_name_once": SavedView(**VIEW).save,
        "projectmember_once": member.save,
        "backlogitem_once": BacklogItem(**item).save,
        "changevote_one_valid": ChangeVote(**given).save,
        "hypercare_changerequest_number": ChangeRequest(
            number=change.number, project=project, title="Again", change_type="data", created_at=AT
        ).save,
        "clockevent_once": event.save,
        "calendar_once": Calendar(project=project, name="Office", created_at=AT).save,
        "calendarversion_once": CalendarVersion(
            calendar=Calendar.objects.get(), number=1, definition={}, created_at=AT
        ).save,
        "policy_one_a_moment": Policy(project=project, valid_from=AT, created_at=AT).save,
        "policytarget_once": PolicyTarget(
            policy=Policy.objects.get(), severity="P1", response_minutes=2, resolution_minutes=2
        ).save,
        "project_one_operations": second.save,
        "hypercare_program_code": Program(code="ERP", name="Again", created_at=AT).save,
        "hypercare_project_code": Project(
            program=project.program, code="FI-1", name="Again", created_at=AT
        ).save,
        "hypercare_incident_number": lambda: Incident.objects.create(
            number=incident.number,
            project=project,
            title="Again",
            created_at=AT,
            sla_response_deadline=AT + timedelta(hours=1),
            sla_resolution_deadline=AT + timedelta(hours=4),
        ),
    }[name]


ONCE = (
    "savedview_name_once",
    "projectmember_once",
    "backlogitem_once",
    "changevote_one_valid",
    "hypercare_changerequest_number",
    "clockevent_once",
    "calendar_once",
    "calendarversion_once",
    "policy_one_a_moment",
    "policytarget_once",
    "project_one_operations",
    "hypercare_program_code",
    "hypercare_project_code",
    "hypercare_incident_number",
)


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("name", ONCE)
def test_the_database_keeps_one(
    name: str,
    in_acme: Tenant,
    project: Project,
    users: dict[str, User],
    report: Callable[..., Incident],
    draft: Callable[..., ChangeRequest],
) -> None:
    again = _twice(name, project, users, report(), draft())
    with pytest.raises(IntegrityError, match=f'constraint "{name}'), transaction.atomic():
        again()


def test_every_constraint_is_proven_here() -> None:
    models = apps.get_app_config("hypercare").get_models()
    declared = {constraint.name for model in models for constraint in model._meta.constraints}
    assert declared == {name for name in (*CHANGES, *ONCE) if not name.startswith("hypercare_")}
