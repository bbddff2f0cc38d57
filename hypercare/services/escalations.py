"""An incident goes up a support level, and those who are there are told."""

from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from hypercare.models import Incident, Project
from hypercare.rules import levels_above
from hypercare.services.incidents import again, conflict, held, journal
from hypercare.services.moves import REASON
from hypercare.services.notices import tell_people
from hypercare.services.people import managers, of_level
from hypercare.states import OPEN_STATES, SupportLevel
from tenancy.actors import Actor
from tenancy.errors import Invalid
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.transactions import atomic


def escalate(
    *,
    incident: Incident,
    reason: str,
    support_level: SupportLevel | None = None,
    assigned_to_id: int | None = None,
    version: int | None = None,
    by: Actor,
    now: datetime,
) -> Incident:
    """Take an open incident one support level up, or to `support_level`; one without a level goes to L2.

    Told: those of the new level on the project; its managers too when that is L3, or nobody else has the level.
    Whoever had the incident keeps it, unless `assigned_to_id` names somebody of the new level.
    Raises NotAllowed, Stale, Conflict when it is resolved or at L3, Invalid without a reason, for a level that is not
    above its own, and for an assignee who is not of the new level.
    """
    require(by, "incident.escalate")
    why = guards.text(reason, "reason", longest=REASON)
    with atomic():
        row = held(incident, version)
        if not row.is_open:
            raise conflict(row, _("A resolved incident is not escalated."), now)
        above = levels_above(row.support_level)
        if not above:
            raise conflict(row, _("This incident is at the highest support level already."), now)
        level = support_level or above[0]
        if level not in above:
            raise _wrong("support_level", _("This level is not above the incident's own."))
        people = of_level(row.project, level)
        if assigned_to_id is not None and assigned_to_id not in people:
            raise _wrong("assigned_to_id", _("Not an agent of this level on this project."))
        assignee = row.assigned_to_id if assigned_to_id is None else assigned_to_id
        Incident.objects.filter(pk=row.pk, state__in=OPEN_STATES).update(
            version=F("version") + 1, support_level=level, assigned_to_id=assignee
        )
        data: dict[str, object] = {"support_level": [row.support_level, level]}
        if assignee != row.assigned_to_id:
            data["assigned_to"] = [row.assigned_to_id, assignee]
        event = journal("incident.escalated", row, by=by, now=now, data=data, personal={"reason": why})
        concerned = _concerned(row.project, level, people - {by.user_id})
        tell_people("incident.escalated", row, event, concerned, by=by, now=now)
        return again(row)


def _concerned(project: Project, level: str, people: set[int]) -> set[int]:
    """Those of the new level; the managers too when there is no level above it, or nobody else at it."""
    if people and level != SupportLevel.L3:
        return people
    return people | managers(project)


def _wrong(field: str, text: object) -> Invalid:
    return Invalid(text, fields={field: [text]})
