"""Who hears of a change request, and the mails they get: rendered in the recipient's language and zone."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from hypercare.models import ChangeRequest, ChangeVote
from hypercare.services.links import change_page
from hypercare.states import URGENT, ChangeState, ChangeType, Severity, Vote
from observability.mail import render
from tenancy.access import Denied, resolve
from tenancy.actors import Actor
from tenancy.deliveries import Mail, Moot, Notice, Outgoing, tell
from tenancy.journal.models import Event
from tenancy.models import User
from tenancy.transactions import ref

TO_THE_BOARD = ("change.submitted", "change.voided")
TO_WHO_ASKED = ("change.approved", "change.rejected", "change.implemented")
CHANGE_MAILS = (*TO_THE_BOARD, *TO_WHO_ASKED)


def tell_board(
    message: str, change: ChangeRequest, event: UUID, users: Iterable[int], *, now: datetime
) -> None:
    """Tell `users` of the board that the change request waits for their vote; never the one who asks for it."""
    _tell(message, change, event, set(users) - {change.requested_by_id}, now=now)


def tell_asker(message: str, change: ChangeRequest, event: UUID, *, by: Actor, now: datetime) -> None:
    """Tell the requester, and of the board's decision the submitter too, what `by` did; never `by` themselves."""
    told = {change.requested_by_id}
    if message != "change.implemented":
        told.add(change.submitted_by_id)
    _tell(message, change, event, told - {by.user_id}, now=now)


def _tell(
    message: str, change: ChangeRequest, event: UUID, users: Iterable[int | None], *, now: datetime
) -> None:
    known = sorted(user for user in users if user is not None)
    if known:
        urgent = change.severity in URGENT
        tell(Notice(message, ref(change), event, known, urgent=urgent, scope=change.project_id), now=now)


def write_change(outgoing: Outgoing, *, now: datetime) -> Mail:
    """The mails of CHANGE_MAILS.

    Raises Moot when the recipient does not see the change request (any more), or has no vote left to give.
    """
    event = Event.objects.get(pk=outgoing.event)
    change = _change(outgoing, now)
    title, said = _news(outgoing.message, event, change)
    context = {
        "change": change,
        "severity": Severity(change.severity),
        "change_type": ChangeType(change.change_type).label,
        "title": title,
        "said": said,
        "to_the_board": outgoing.message in TO_THE_BOARD,
        "excerpt": settings.THRESHOLDS.hypercare.EXCERPT,
        "link": change_page(outgoing.base_url, change),
        "base_url": outgoing.base_url,
    }
    return render("change_request", context)


def _news(message: str, event: Event, change: ChangeRequest) -> tuple[str, str]:
    """What happened, in a few words and in a sentence of the active language."""
    match message:
        case "change.submitted":
            return _("waits for your vote"), _("This change needs the approval of the change board.")
        case "change.voided":
            said = _("This change was edited after your vote, which is void now. Please vote again.")
            return _("waits for your vote again"), said
        case "change.approved":
            return _("approved"), _("The change board has approved this change.")
        case "change.rejected":
            votes = change.votes.filter(vote=Vote.REJECT, created_at=event.at).select_related("user")
            vote = votes.latest("id")
            values = {"name": vote.user.name, "reason": vote.reason}
            return _("rejected"), _("%(name)s rejected this change: %(reason)s") % values
        case "change.implemented":
            day = date.fromisoformat(event.data["actual_implementation_date"])
            values = {"day": date_format(day, "j F Y")}
            return _("implemented"), _("This change was implemented on %(day)s.") % values
    raise LookupError(message)


def _change(outgoing: Outgoing, now: datetime) -> ChangeRequest:
    """The change request, as its reader sees it. Raises Moot."""
    user = outgoing.audience.user
    if user is None:
        raise Moot(f"{outgoing.message} is for people")
    actor = resolve(user, outgoing.tenant, now=now)
    if isinstance(actor, Denied):
        raise Moot(f"user:{user.pk} has no access: {actor.code}")
    seen = ChangeRequest.objects.visible_to(actor, outgoing.tenant).select_related("project", "requested_by")
    change = seen.filter(pk=outgoing.subject.partition(":")[2]).first()
    if change is None:
        raise Moot(f"{outgoing.subject} is not there for its reader")
    if outgoing.message in TO_THE_BOARD and not _waits_for(user, change):
        raise Moot(f"{outgoing.subject} does not wait for user:{user.pk}")
    return change


def _waits_for(user: User, change: ChangeRequest) -> bool:
    voted = ChangeVote.objects.filter(change_request=change, user=user, voided_at=None)
    return change.state == ChangeState.PENDING_APPROVAL and not voted.exists()
