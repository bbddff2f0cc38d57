"""What live streams tell of hypercare's rows: their numbers, and which customers hear of what."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from hypercare.models import ChangeRequest, Incident, ProjectMember
from hypercare.services.timeline import CHANGED, PUBLIC
from tenancy.live import EVERYBODY, NOBODY, Line, Told
from tenancy.postgresql.statements import Statement, one_of

TOLD_TO_US = {"project": "project", "policy": "policy", "calendar": "calendar", "backlogitem": "backlog_item"}
"""Kinds of rows that customers do not hear of, as streams call them."""


def tell_of_incidents(lines: Sequence[Line]) -> dict[int, Told]:
    """As the timeline: a customer hears of public events, and of no change of nothing but what they do not see."""
    numbers = dict(_incidents(keys=_keys(lines)))
    return {
        line.seq: Told(numbers.get(UUID(line.key)), EVERYBODY if _is_public(line) else NOBODY)
        for line in lines
    }


def tell_of_changes(lines: Sequence[Line]) -> dict[int, Told]:
    """Of a change request its requester hears, and who is on its project's board now."""
    rows = {pk: (number, requested_by) for pk, number, requested_by in _changes(keys=_keys(lines))}
    boards: dict[UUID, set[int]] = {}
    for project, user in _board_members(projects=list({line.scope for line in lines})):
        boards.setdefault(project, set()).add(user)
    told = {}
    for line in lines:
        number, requested_by = rows.get(UUID(line.key), (None, None))
        theirs = set() if requested_by is None else {requested_by}
        told[line.seq] = Told(number, boards.get(line.scope, set()) | theirs)
    return told


def tell_us(lines: Sequence[Line]) -> dict[int, Told]:
    """Of what customers do not see."""
    return {}


def _is_public(line: Line) -> bool:
    return line.verb in PUBLIC and (line.verb != CHANGED or not PUBLIC[CHANGED].isdisjoint(line.data))


def _keys(lines: Iterable[Line]) -> list[UUID]:
    return list({UUID(line.key) for line in lines})


_incidents = Statement(
    lambda keys: Incident.objects.filter(pk__in=one_of(keys)).values_list("pk", "number"), "keys"
)
_changes = Statement(
    lambda keys: ChangeRequest.objects.filter(pk__in=one_of(keys)).values_list(
        "pk", "number", "requested_by_id"
    ),
    "keys",
)
_board_members = Statement(
    lambda projects: ProjectMember.objects.filter(
        project__in=one_of(projects), is_board_member=True
    ).values_list("project_id", "user_id"),
    "projects",
)
