"""What the system says about itself, and every event for programs."""

from collections.abc import Sequence

from django.conf import settings
from django.db.models import Count
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from observability.mail import render
from tenancy.context import PUBLIC
from tenancy.deliveries import (
    Card,
    Chat,
    Content,
    Data,
    Mail,
    Moot,
    Outgoing,
    Page,
    PageAction,
    base_url,
    each,
)
from tenancy.journal.models import Event
from tenancy.models import ChainedEvent, Deadline, Delivery, Endpoint, OperatorEvent, Tenant
from tenancy.services import Purpose, home_of, make_link
from tenancy.states import DeliveryState

MACHINERY = ("deadline.dead", "delivery.dead", "delivery.ambiguous")
"""What the operators' chats and pagers can subscribe to."""


def write_event(batch: Sequence[Outgoing]) -> Sequence[Content | Exception]:
    """Events as the journal holds them, without personal parts: what webhooks get."""
    chain = OperatorEvent if batch[0].tenant.schema_name == PUBLIC else Event
    events = chain._default_manager.in_bulk({outgoing.event for outgoing in batch})
    return each(lambda outgoing: _data(events[outgoing.event], outgoing.tenant))(batch)


@each
def write_test(outgoing: Outgoing) -> Chat:
    """That an endpoint works, for its chat."""
    card = Card(headline=_("Test"), text=_test_text(outgoing))
    return Chat(news=card, standing=card)


@each
def write_test_page(outgoing: Outgoing) -> Page:
    """That an endpoint works, for its pager; resolved by hand, so that somebody sees it."""
    return Page(action=PageAction.TRIGGER, summary=_test_text(outgoing), severity="info")


@each
def write_alarm(outgoing: Outgoing) -> Mail:
    """To platform staff: how many deadlines and deliveries are dead now, and where to look."""
    return render("machinery_alarm", _stuck() | {"base_url": outgoing.base_url})


@each
def write_machinery(outgoing: Outgoing) -> Chat:
    """One dead or ambiguous row, for the operators' chat."""
    card = Card(
        headline=f"◆ {_machinery_text(outgoing)}",
        text=_("%(deadlines)d dead deadlines, %(dead)d dead and %(ambiguous)d ambiguous deliveries.")
        % _stuck(),
        link=f"{outgoing.base_url}/admin/",
    )
    return Chat(news=card, standing=card)


@each
def write_machinery_page(outgoing: Outgoing) -> Page:
    """One dead or ambiguous row, for whoever is on call."""
    return Page(
        action=PageAction.TRIGGER, summary=_machinery_text(outgoing), link=f"{outgoing.base_url}/admin/"
    )


@each
def write_disabled(outgoing: Outgoing) -> Mail:
    """To admins: an endpoint failed for so long that it is disabled. Raises Moot when it is gone or back."""
    pk = outgoing.subject.partition(":")[2]
    endpoint = Endpoint.objects.filter(pk=pk, tenant=outgoing.tenant, disabled_at__isnull=False).first()
    if endpoint is None:
        raise Moot(f"{outgoing.subject} is gone or works again")
    since = endpoint.failing_since
    context = {
        "endpoint": endpoint,
        "since": date_format(localtime(since), "j F Y H:i") if since else "",
        "link": f"{outgoing.base_url}/admin/tenancy/endpoint/{endpoint.pk}/change/",
        "base_url": outgoing.base_url,
    }
    return render("endpoint_disabled", context)


@each
def write_link(outgoing: Outgoing) -> Mail:
    """To one person: the link that sets their password. It is made here and stored nowhere.

    Raises Moot when they have set one since they were invited.
    """
    user, purpose = outgoing.audience.user, Purpose(outgoing.message)
    if user is None or (purpose is Purpose.INVITATION and user.has_usable_password()):
        raise Moot(f"{outgoing.subject} needs no link")
    home = home_of(user) if outgoing.tenant.schema_name == PUBLIC else None
    where = base_url(home) if home else outgoing.base_url
    access = settings.THRESHOLDS.access
    context = {
        "name": user.name,
        "link": f"{where}/account/password/{make_link(user=user, purpose=purpose, now=outgoing.now)}/",
        "minutes": access.RESET_MINUTES,
        "days": access.INVITATION_DAYS,
        "base_url": where,
    }
    return render(outgoing.message.replace(".", "_"), context)


def _data(event: ChainedEvent, tenant: Tenant) -> Data:
    return Data(
        type=event.verb,
        at=event.at,
        data={
            "id": str(event.pk),
            "seq": event.seq,
            "tenant": tenant.slug,
            "subject": event.subject,
            "project": str(event.scope) if event.scope else None,
            "actor": {"kind": event.actor_kind, "user": event.actor_id, "name": event.actor_name},
            "result": event.result or None,
            "changed": event.data,
        },
    )


def _test_text(outgoing: Outgoing) -> str:
    return _("Messages of %(tenant)s arrive here.") % {"tenant": outgoing.tenant.name}


def _machinery_text(outgoing: Outgoing) -> str:
    match outgoing.message:
        case "deadline.dead":
            return _("A deadline is dead")
        case "delivery.dead":
            return _("A delivery is dead")
    return _("A delivery is ambiguous")


def _stuck() -> dict[str, object]:
    stuck = Delivery.objects.filter(state__in=[DeliveryState.DEAD, DeliveryState.AMBIGUOUS])
    counts = dict(stuck.values_list("state").annotate(count=Count("pk")).order_by())
    return {
        "deadlines": Deadline.objects.filter(dead_at__isnull=False).count(),
        "dead": counts.get(DeliveryState.DEAD, 0),
        "ambiguous": counts.get(DeliveryState.AMBIGUOUS, 0),
    }
