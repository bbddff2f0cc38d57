"""What is said about an incident: to everybody, or among those who work on it."""

from copy import copy
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone, translation

from hypercare.models import Comment, Incident
from hypercare.rules import LONG_TEXT
from hypercare.services import moves
from hypercare.services.incidents import held, journal, person
from hypercare.services.notices import COMMENTED, tell_people, write_comment
from hypercare.services.people import customer_who_reported, handlers, project_roles
from hypercare.states import IncidentState
from tenancy.access import Denied, resolve
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.deliveries import Mail, base_url
from tenancy.models import User
from tenancy.permissions import require
from tenancy.rows import TenantQuerySet
from tenancy.services import guards
from tenancy.states import Role
from tenancy.transactions import atomic


def add_comment(
    *, incident: Incident, content: str, is_internal: bool = False, by: Actor, now: datetime
) -> Comment:
    """Say something about an incident, in whatever state it is.

    Our first public comment is the first response; a customer's public one ends the waiting. Told: of ours the
    customer who reported it, of a customer's who works on it, of an internal one its assignee.
    Raises NotAllowed, Invalid for an empty or too long text.
    """
    require(by, "incident.comment_internally" if is_internal else "incident.comment")
    author = person(by)
    text = guards.text(content, "content", longest=LONG_TEXT)
    with atomic():
        row = held(incident)
        comment = Comment.objects.create(
            incident=row, author_id=author, content=text, is_internal=is_internal, created_at=now
        )
        verb = "incident.noted" if is_internal else COMMENTED
        event = journal(verb, row, by=by, now=now, data={"comment": comment.pk})
        is_ours = by.at_least(Role.AGENT)
        if not is_internal and is_ours and row.first_response_at is None:
            moves.answer(row, by=by, now=now)
        elif not is_ours and row.state == IncidentState.WAITING:
            moves.go_on(row, by=by, now=now)
        roles = project_roles(row.project)
        if not is_internal:
            readers = customer_who_reported(row, roles) if is_ours else handlers(row, roles)
        else:
            readers = handlers(row, roles) if row.assigned_to_id else set()
        tell_people(verb, row, event, readers, by=by, now=now)
    return comment


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The mail that somebody will get of a comment, as it is before it is sent."""

    name: str
    language: str
    mail: Mail


def foresee_comment(*, incident: Incident, content: str, by: Actor, now: datetime) -> list[Foreseen]:
    """What the customer is mailed if `by` says `content` in public, in the language and zone of who gets it.

    None when nobody of the customer reported it. Writes nothing. Raises NotAllowed, Invalid as `add_comment`.
    """
    require(by, "incident.comment")
    person(by)
    text = guards.text(content, "content", longest=LONG_TEXT)
    after = copy(incident)
    if after.state == IncidentState.OPEN:
        after.state = IncidentState.IN_PROGRESS  # our first public comment is the first response
    tenant = current_tenant()
    users = customer_who_reported(incident, project_roles(incident.project)) - {by.user_id}
    foreseen = []
    for user in User.objects.filter(pk__in=users):
        reader = resolve(user, tenant, now=now)
        if not isinstance(reader, Denied):
            with translation.override(user.language), timezone.override(user.time_zone):
                mail = write_comment(after, reader, text, by=by, base_url=base_url(tenant))
            foreseen.append(Foreseen(user.name, user.language, mail))
    return foreseen


def comments(*, incident: Incident, by: Actor) -> TenantQuerySet[Comment]:
    """What was said about the incident, the oldest first; for a customer the public part. Raises NotAllowed."""
    require(by, "incident.read")
    said = Comment.objects.filter(incident=incident).select_related("author").order_by("pk")
    return said if by.at_least(Role.AGENT) else said.filter(is_internal=False)
