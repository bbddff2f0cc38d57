"""Each constraint is there in the database, proven by a row that breaks it and nothing else."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from hypercare.models import ClockEvent, Incident, Program, Project, ProjectMember
from tenancy.models import Tenant, User

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)

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
    "incident_state_known": (Incident, {"state": "waiting"}),
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
    "incident_response_breach_pair": (Incident, {"sla_response_breached": True}),
    "incident_resolution_breach_pair": (Incident, {"sla_resolution_breached_at": AT}),
    "incident_due_after_report": (Incident, {"sla_response_deadline": AT - timedelta(days=1)}),
    "clockevent_clock_known": (ClockEvent, {"clock": "cuckoo"}),
    "clockevent_kind_known": (ClockEvent, {"kind": "stop", "target_minutes": None}),
    "clockevent_start_has_target": (ClockEvent, {"target_minutes": None}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_database_refuses(name: str, in_acme: Tenant, report: Callable[..., Incident]) -> None:
    report()
    model, change = CHANGES[name]
    row = model.objects.first()
    with pytest.raises(IntegrityError, match=f'constraint "{name}"'), transaction.atomic():
        model.objects.filter(pk=row.pk).update(**change)


def _twice(name: str, project: Project, users: dict[str, User], incident: Incident) -> Callable[[], object]:
    member = ProjectMember(project=project, user=users["agent"], created_at=AT)
    event = ClockEvent(incident=incident, clock="response", seq=1, kind="start", at=AT, target_minutes=5)
    Project.objects.filter(pk=project.pk).update(is_operations=True)
    second = Project(program=project.program, code="OPS-2", name="Second", is_operations=True, created_at=AT)
    return {
        "projectmember_once": member.save,
        "clockevent_once": event.save,
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
    "projectmember_once",
    "clockevent_once",
    "project_one_operations",
    "hypercare_program_code",
    "hypercare_project_code",
    "hypercare_incident_number",
)


@pytest.mark.parametrize("name", ONCE)
def test_the_database_keeps_one(
    name: str, in_acme: Tenant, project: Project, users: dict[str, User], report: Callable[..., Incident]
) -> None:
    again = _twice(name, project, users, report())
    with pytest.raises(IntegrityError, match=f'constraint "{name}'), transaction.atomic():
        again()


def test_every_constraint_is_proven_here() -> None:
    models = apps.get_app_config("hypercare").get_models()
    declared = {constraint.name for model in models for constraint in model._meta.constraints}
    assert declared == {name for name in (*CHANGES, *ONCE) if not name.startswith("hypercare_")}
