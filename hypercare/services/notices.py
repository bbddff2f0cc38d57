"""What people are mailed about their incidents: who said or did what, and what is theirs to do."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hypercare.models import Comment, Incident
from hypercare.services.links import incident_page
from hypercare.states import URGENT, Severity
from observability.mail import render
from tenancy.access import Denied, resolve
from tenancy.actors import Actor
from tenancy.deliveries import Mail, Moot, Notice, Outgoing, tell
from tenancy.journal.models import Event, EventPersonal
from tenancy.models import User
from tenancy.states import ActorKind, Role
from tenancy.transactions import ref

COMMENTED = "incident.commented"
_SHORT = {
    "incident.assigned": gettext_lazy("assigned to you"),
    "incident.escalated": gettext_lazy("escalated to you"),
    COMMENTED: gettext_lazy("new comment"),
    "incident.noted": gettext_lazy("new internal comment"),
    "incident.waiting": gettext_lazy("waiting for you"),
    "incident.resolved": gettext_lazy("resolved"),
    "incident.closed": gettext_lazy("closed"),
    "incident.reopened": gettext_lazy("reopened"),
}
_SENTENCES = {
    "incident.assigned": gettext_lazy("%(name)s assigned this incident to you."),
    "incident.escalated": gettext_lazy("%(name)s escalated this incident to %(level)s."),
    COMMENTED: gettext_lazy("%(name)s wrote:"),
    "incident.noted": gettext_lazy("%(name)s wrote internally, customers do not see it:"),
    "incident.waiting": gettext_lazy("%(name)s waits for your answer."),
    "incident.resolved": gettext_lazy("%(name)s resolved this incident."),
    "incident.closed": gettext_lazy("%(name)s closed this incident."),
    "incident.reopened": gettext_lazy("%(name)s reopened this incident."),
}
NOTICES = tuple(_SENTENCES)
"""The events of an incident that people are mailed about, besides those of its clocks."""


def tell_people(
    verb: str, incident: Incident, event: UUID, people: Iterable[int], *, by: Actor, now: datetime
) -> None:
    """Queue the mail `verb` to `people`, but for who did it."""
    readers = sorted(set(people) - {by.user_id})
    if readers:
        urgent = incident.severity in URGENT
        tell(Notice(verb, ref(incident), event, readers, urgent=urgent, scope=incident.project_id), now=now)


def write_notice(outgoing: Outgoing) -> Mail:
    """A mail of `NOTICES`, with what its reader may see now; a link for those whom the console is for.

    Raises Moot when the recipient does not see the incident (any more), or not what was said.
    """
    event = Event.objects.get(pk=outgoing.event)
    incident, reader = seen(outgoing)
    is_ours = reader.at_least(Role.AGENT)
    who = _who(event.actor_id, event.actor_kind, is_ours=is_ours)
    level = str(event.data.get("support_level", [""])[-1])
    news = _SENTENCES[event.verb] % {"name": who, "level": level}
    texts = _texts(event, incident, is_ours=is_ours)
    return _mail(event.verb, incident, reader, news, texts, base_url=outgoing.base_url)


def write_comment(incident: Incident, reader: Actor, content: str, *, by: Actor, base_url: str) -> Mail:
    """The mail that `reader` would get if `by` said `content` in public; nothing of it is stored."""
    is_ours = reader.at_least(Role.AGENT)
    news = _SENTENCES[COMMENTED] % {"name": _who(by.user_id, by.kind, is_ours=is_ours)}
    return _mail(COMMENTED, incident, reader, news, (("", content),), base_url=base_url)


def _mail(
    verb: str,
    incident: Incident,
    reader: Actor,
    news: str,
    texts: tuple[tuple[str, str], ...],
    *,
    base_url: str,
) -> Mail:
    is_ours = reader.at_least(Role.AGENT)
    context = {
        "incident": incident,
        "severity": Severity(incident.severity),
        "short": _SHORT[verb],
        "sentence": news,
        "texts": texts,
        "why": _why(verb, incident, reader),
        "due_at": incident.sla_resolution_deadline if is_ours and incident.is_open else None,
        "zone": get_current_timezone(),
        "link": incident_page(base_url, incident),
        "base_url": base_url,
    }
    return render("incident_notice", context)


def seen(outgoing: Outgoing) -> tuple[Incident, Actor]:
    """The incident, and what its reader is here. Raises Moot."""
    user = outgoing.audience.user
    reader = Denied("no_person") if user is None else resolve(user, outgoing.tenant, now=outgoing.now)
    if isinstance(reader, Denied):
        raise Moot(f"{outgoing.subject}: its reader has no access: {reader.code}")
    incidents = Incident.objects.visible_to(reader, outgoing.tenant).select_related("project")
    incident = incidents.filter(pk=outgoing.subject.partition(":")[2]).first()
    if incident is None:
        raise Moot(f"{outgoing.subject} is not there for its reader")
    return incident, reader


def _who(user_id: int | None, kind: str, *, is_ours: bool) -> str:
    """Who did it; customers are not told the names of those who are here under a grant."""
    if user_id is None:
        return _("The system")
    if kind == ActorKind.SUPPORT and not is_ours:
        return _("Support")
    return User.objects.filter(pk=user_id).values_list("name", flat=True).first() or _("Somebody")


def _why(verb: str, incident: Incident, reader: Actor) -> str:
    """Why the reader gets the mail."""
    if verb == "incident.waiting":
        return _("You get this because somebody waits for you. Answers to this mail are not read.")
    if verb == "incident.escalated":
        return _(
            "You get this because it was escalated to those of your role. Answers to this mail are not read."
        )
    if reader.user_id == incident.reported_by_id:
        return _("You get this because you reported this incident. Answers to this mail are not read.")
    return _("You get this because you work on this incident. Answers to this mail are not read.")


def _texts(event: Event, incident: Incident, *, is_ours: bool) -> tuple[tuple[str, str], ...]:
    """What was said, each text under its name. Raises Moot when it is not for this reader."""
    if event.verb in (COMMENTED, "incident.noted"):
        return (("", _comment(event, is_ours=is_ours)),)
    if event.verb == "incident.waiting":
        return ((_("Waiting for"), _reason(event)),)
    if event.verb in ("incident.reopened", "incident.escalated"):
        return ((_("Reason"), _reason(event)),)
    # Reopened since then, its cause is open again.
    if event.verb == "incident.resolved" and incident.resolved_at:
        return ((_("Root cause"), incident.root_cause), (_("What was done"), incident.resolution_notes))
    return ()


def _comment(event: Event, *, is_ours: bool) -> str:
    """Raises Moot when the comment is not for this reader."""
    comment = Comment.objects.filter(pk=event.data["comment"]).first()
    if comment is None or (comment.is_internal and not is_ours):
        raise Moot(f"comment:{event.data['comment']} is not there for its reader")
    return comment.content


def _reason(event: Event) -> str:
    """What was given as the reason; empty if none was, or if it was erased."""
    personal = EventPersonal.objects.filter(pk=event.pk).first()
    return str(personal.data.get("reason", "")) if personal else ""
