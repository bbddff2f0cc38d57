"""An incident is reported, changed, assigned; and what its other verbs share."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypedDict, Unpack
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from hypercare.models import BacklogItem, ChangeRequest, Incident, Project
from hypercare.rules import LONG_TEXT, fold, legal_moves, may_reopen
from hypercare.services import clocks
from hypercare.services.notices import tell_people
from hypercare.services.people import project_roles
from hypercare.states import (
    OPEN_STATES,
    URGENT,
    ClockKind,
    IncidentState,
    IncidentType,
    RootCauseCategory,
    Severity,
    Source,
    SupportLevel,
)
from tenancy.actors import Actor
from tenancy.errors import Conflict, Invalid, NotAllowed, Stale
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.states import Role
from tenancy.transactions import atomic, emit

TEXTS = ("title", "description")
"""What people wrote: may name somebody, so the journal keeps it where it can be erased."""
LONGEST = {"title": 255, "description": LONG_TEXT, "affected_module": 20}


class IncidentChanges(TypedDict, total=False):
    """What `change_incident` may be given."""

    title: str
    description: str
    severity: str
    incident_type: str
    affected_module: str
    affected_users_count: int | None
    backlog_item_id: UUID | None
    requires_change_request: bool
    change_request_id: UUID | None


API_NAMES = {"backlog_item_id": "linked_backlog_item_id"}
"""What the API and the journal call a column that has another name."""


def report_incident(
    *,
    project: Project,
    title: str,
    description: str = "",
    severity: str = Severity.P3,
    incident_type: str = "",
    affected_module: str = "",
    affected_users_count: int | None = None,
    source: str = Source.PERSON,
    by: Actor,
    now: datetime,
) -> Incident:
    """Open an incident; its two clocks start at `now` with the targets of its severity.

    Raises NotAllowed, Invalid without a title and for what is too long or unknown.
    """
    require(by, "incident.report")
    given = _checked(
        {
            "title": title,
            "description": description,
            "severity": severity,
            "incident_type": incident_type,
            "affected_module": affected_module,
        }
    )
    with atomic():
        starts = clocks.starts(project, severity, now)
        incident = Incident.objects.create(
            project=project,
            affected_users_count=affected_users_count,
            source=source,
            reported_by_id=by.user_id,
            created_at=now,
            sla_response_deadline=starts[ClockKind.RESPONSE].due_at,
            sla_resolution_deadline=starts[ClockKind.RESOLUTION].due_at,
            search_text=_search_text(given),
            **given,
        )
        data = {"number": incident.number, "project": project.pk, "severity": severity, "source": source}
        journal("incident.reported", incident, by=by, now=now, data=data)
        clocks.start(incident, starts)
    return incident


def change_incident(
    *,
    incident: Incident,
    version: int | None = None,
    by: Actor,
    now: datetime,
    **changes: Unpack[IncidentChanges],
) -> Incident:
    """Change what is given and differs. A new severity gives both clocks new targets and keeps what has elapsed.

    Raises NotAllowed, Stale, Conflict when the incident is closed (for its severity: resolved), Invalid by field.
    """
    require(by, "incident.change")
    given = _checked(changes)
    with atomic():
        row = held(incident, version)
        before = {name: getattr(row, name) for name in given}
        given = {name: value for name, value in given.items() if value != before[name]}
        if row.state == IncidentState.CLOSED:
            raise conflict(row, _("A closed incident is not changed."), now)
        if "severity" in given and not row.is_open:
            raise conflict(row, _("A resolved incident keeps its severity."), now)
        if not given:
            return row
        _check_links(row, given)
        for name, value in given.items():
            setattr(row, name, value)
        words = {name: getattr(row, name) for name in (*TEXTS, "affected_module")}
        rows = Incident.objects.filter(pk=row.pk)
        rows.update(version=F("version") + 1, search_text=_search_text(words), **given)
        pairs = {API_NAMES.get(name, name): [before[name], value] for name, value in given.items()}
        data = {name: pair for name, pair in pairs.items() if name not in TEXTS}
        texts = {name: pair for name, pair in pairs.items() if name in TEXTS}
        # The journal's line itself says that the texts changed; what they said lies beside it.
        told = {**data, "texts": sorted(texts)} if texts else data
        journal("incident.changed", row, by=by, now=now, data=told, personal=texts)
        if "severity" in given:
            clocks.retarget(again(row), by=by, now=now, why={"severity": data["severity"]})
        return again(row)


def change_cause(
    *,
    incident: Incident,
    root_cause: str,
    resolution_notes: str,
    root_cause_category: str = "",
    version: int | None = None,
    by: Actor,
    now: datetime,
) -> Incident:
    """Write down what is known of the cause and the cure, before or after the incident is resolved.

    A customer reads it while it is resolved, and never what it said before.
    Raises NotAllowed, Stale, Conflict when it is closed, Invalid by field: a resolved one keeps cause and notes.
    """
    require(by, "incident.change")
    given = {"root_cause": root_cause, "resolution_notes": resolution_notes}
    given = {name: optional_text(text, name, longest=LONG_TEXT) for name, text in given.items()}
    guards.choice(root_cause_category, "root_cause_category", ["", *RootCauseCategory.values])
    with atomic():
        row = held(incident, version)
        if row.state == IncidentState.CLOSED:
            raise conflict(row, _("A closed incident is not changed."), now)
        missing = [name for name, text in given.items() if not text]
        if missing and not row.is_open:
            text = _("A resolved incident says its root cause and what was done.")
            raise Invalid(text, fields={name: [text] for name in missing})
        given["root_cause_category"] = root_cause_category
        changed = {name: value for name, value in given.items() if value != getattr(row, name)}
        if not changed:
            return row
        Incident.objects.filter(pk=row.pk).update(version=F("version") + 1, **changed)
        pairs = {name: [getattr(row, name), value] for name, value in changed.items()}
        texts = {name: pair for name, pair in pairs.items() if name != "root_cause_category"}
        data: dict[str, object] = {name: pair for name, pair in pairs.items() if name not in texts}
        told = {**data, "texts": sorted(texts)} if texts else data
        journal("incident.cause_changed", row, by=by, now=now, data=told, personal=texts or None)
        return again(row)


def assign(
    *,
    incident: Incident,
    assigned_to_id: int | None,
    support_level: SupportLevel | None = None,
    version: int | None = None,
    by: Actor,
    now: datetime,
) -> Incident:
    """Give an open incident to somebody of its project (None: to nobody), and move it to `support_level` if given.

    Whoever gets it is told. Raises NotAllowed, Stale, Conflict when it is resolved, Invalid when the person is no
    agent of the project.
    """
    require(by, "incident.assign")
    with atomic():
        row = held(incident, version)
        if not row.is_open:
            raise conflict(row, _("A resolved incident is not assigned."), now)
        if assigned_to_id is not None and project_roles(row.project).get(assigned_to_id) in (
            None,
            Role.CUSTOMER,
        ):
            text = _("Not an agent of this project.")
            raise Invalid(text, fields={"assigned_to_id": [text]})
        level = row.support_level if support_level is None else support_level
        if (assigned_to_id, level) == (row.assigned_to_id, row.support_level):
            return row
        rows = Incident.objects.filter(pk=row.pk, state__in=OPEN_STATES)
        rows.update(version=F("version") + 1, assigned_to_id=assigned_to_id, support_level=level)
        data = {
            "assigned_to": [row.assigned_to_id, assigned_to_id],
            "support_level": [row.support_level, level],
        }
        event = journal("incident.assigned", row, by=by, now=now, data=data)
        if assigned_to_id not in (None, row.assigned_to_id):
            tell_people("incident.assigned", row, event, {assigned_to_id}, by=by, now=now)
        return again(row)


# ---- what the verbs share -----------------------------------------------------------------------------------------


def held(incident: Incident, version: int | None = None) -> Incident:
    """The row, locked until the transaction ends. Raises Stale when it is not at `version` any more."""
    rows = Incident.objects.select_for_update(of=("self",)).select_related("project")
    row = rows.get(pk=incident.pk)
    if version is not None and row.version != version:
        raise Stale(_("Somebody changed this since you read it."), version=row.version)
    return row


def again(incident: Incident) -> Incident:
    """The row as this transaction sees it now."""
    return Incident.objects.select_related("project").get(pk=incident.pk)


def move(
    row: Incident, *, leaving: tuple[str, ...], refusal: object, now: datetime, **columns: object
) -> Incident:
    """`row` in its new state, if it was in one of `leaving`. Raises Conflict with `refusal` otherwise."""
    rows = Incident.objects.filter(pk=row.pk, state__in=leaving)
    if not rows.update(version=F("version") + 1, **columns):
        raise conflict(row, refusal, now)
    return again(row)


def conflict(row: Incident, message: object, now: datetime) -> Conflict:
    """That the state of `row` does not allow something, with the moves that it does."""
    moves = legal_moves(
        row.state, answered=row.first_response_at is not None, reopenable=is_reopenable(row, now)
    )
    return Conflict(message, state=row.state, legal_moves=moves)


def is_reopenable(row: Incident, now: datetime) -> bool:
    """Whether it was not closed longer than hypercare.REOPEN_DAYS ago."""
    return may_reopen(row.closed_at, now, timedelta(days=settings.THRESHOLDS.hypercare.REOPEN_DAYS))


def journal(
    verb: str,
    incident: Incident,
    *,
    by: Actor,
    now: datetime,
    data: Mapping[str, object],
    personal: Mapping[str, object] | None = None,
) -> UUID:
    """Write a line of the incident's story and return its id."""
    urgent = incident.severity in URGENT
    scope = incident.project_id
    return emit(verb, incident, by=by, now=now, data=data, personal=personal, scope=scope, urgent=urgent)


def person(by: Actor) -> int:
    """The user behind `by`. Raises NotAllowed for the system: this is a person's deed."""
    if by.user_id is None:
        raise NotAllowed(_("Only a person may do this."))
    return by.user_id


def _checked(given: Mapping[str, object]) -> dict[str, object]:
    """`given` as it is stored. Raises Invalid naming the first field at fault."""
    checked = dict(given)
    if "title" in given:
        checked["title"] = guards.text(str(given["title"]), "title", longest=LONGEST["title"])
    for name in ("description", "affected_module"):
        if given.get(name):
            checked[name] = optional_text(str(given[name]), name, longest=LONGEST[name])
    if "affected_module" in checked:
        checked["affected_module"] = str(checked["affected_module"]).upper()
    for name, allowed in (("severity", Severity.values), ("incident_type", ["", *IncidentType.values])):
        if name in given:
            guards.choice(str(given[name]), name, allowed)
    return checked


def optional_text(value: str, field: str, *, longest: int) -> str:
    """`value` without spaces around it, perhaps empty. Raises Invalid when it is too long or has a NUL character."""
    return guards.text(value, field, longest=longest) if value.strip() else ""


def _check_links(row: Incident, given: Mapping[str, object]) -> None:
    """Raise Invalid when `given` links to a backlog item or change request that is not of the row's project."""
    for name, model in (("backlog_item_id", BacklogItem), ("change_request_id", ChangeRequest)):
        pk = given.get(name)
        if pk is not None and not model.objects.filter(project=row.project_id, pk=pk).exists():
            text = _("There is no such thing in this project.")
            raise Invalid(text, fields={API_NAMES.get(name, name): [text]})


def _search_text(given: Mapping[str, object]) -> str:
    # Never empty: not every text folds to something, and an empty one is one that was not folded yet.
    return fold(*(str(given.get(name, "")) for name in (*TEXTS, "affected_module"))) or "-"
