from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import translation

from tenancy import deliveries, services
from tenancy.context import current_schema, entering
from tenancy.deliveries import Dispatched, Form, Mail, Moot, Notice, Rejected, mark, messages
from tenancy.deliveries.lanes import Result
from tenancy.errors import Conflict
from tenancy.models import Delivery, OperatorEvent, User
from tenancy.states import DeliveryState, TenantState
from tenancy.transactions import atomic
from tests import factories

pytestmark = pytest.mark.django_db


class Wire:
    """A channel that keeps what it was given, and fails as it is told."""

    repeats_when_unsure = True
    form = Form.MAIL

    def __init__(self, name="wire"):
        self.name = name
        self.sent = []
        self.fails = []

    def send(self, delivery, audience, content, *, now):
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append((audience.user.email, content.subject, content.text))
        return f"ref-{delivery.pk}"

    def hang_up(self):
        pass


@pytest.fixture
def wire(monkeypatch):
    channel = Wire()
    monkeypatch.setattr(messages, "_channels", dict(messages._channels))
    monkeypatch.setattr(messages, "_renderers", dict(messages._renderers))
    deliveries.register_channel(channel)

    @deliveries.each
    def render(outgoing):
        if outgoing.subject == "thing:moot":
            raise Moot("the thing is gone")
        return Mail(f"{translation.get_language()} {current_schema()}", outgoing.base_url, "<p></p>")

    deliveries.register_message("test.message", Form.MAIL, render)
    return channel


def tell(tenant, user, now, *, event=None, subject="thing:1", channel="wire", urgent=False, scope=None):
    notice = Notice("test.message", subject, event or uuid4(), [user.pk], urgent=urgent, scope=scope)
    with entering(tenant), atomic():
        deliveries.tell(notice, channel=channel, now=now)


def dispatch(now):
    return deliveries.dispatch(clock=lambda: now)


def test_it_is_sent_once_in_the_recipients_language_from_inside_the_tenant(acme, now, wire):
    user = factories.member(acme, "agent", language="tr")
    tell(acme, user, now)
    assert dispatch(now).sent == 1
    assert dispatch(now).sent == 0
    assert wire.sent == [(user.email, "tr t_acme", f"http://acme.{settings.BASE_HOST}:8000")]
    row = Delivery.objects.get()
    assert (row.state, row.provider_ref, row.sent_at) == (DeliveryState.SENT, f"ref-{row.pk}", now)


def test_the_same_event_told_twice_is_one(acme, now, wire):
    user, event = factories.member(acme, "agent"), uuid4()
    tell(acme, user, now, event=event)
    tell(acme, user, now, event=event)
    assert Delivery.objects.count() == 1


def test_a_failure_backs_off_with_its_reason_and_is_tried_again(acme, now, wire):
    tell(acme, factories.member(acme, "agent"), now)
    wire.fails = [ConnectionRefusedError("no mail server")]
    assert dispatch(now).failed == 1
    row = Delivery.objects.get()
    assert row.state == DeliveryState.PENDING
    assert "no mail server" in row.last_error
    assert now <= row.next_try_at <= now + timedelta(seconds=settings.THRESHOLDS.delivery.BACKOFF_SECONDS)
    assert dispatch(row.next_try_at).sent == 1


def test_what_the_receiver_refuses_for_good_is_dead_at_once_and_alarms(acme, now, wire, system):
    tell(acme, factories.member(acme, "agent"), now)
    wire.fails = [Rejected("550 no such mailbox")]
    assert dispatch(now).dead == 1
    dead = Delivery.objects.get()
    assert dead.state == DeliveryState.DEAD
    assert OperatorEvent.objects.filter(verb="delivery.dead", subject=f"delivery:{dead.pk}").exists()
    assert deliveries.replay(delivery=dead, reason="mailbox is back", by=system, now=now)
    assert dispatch(now).sent == 1
    assert not deliveries.replay(delivery=dead, reason="again", by=system, now=now)


def test_after_all_its_tries_it_is_dead(acme, now, wire):
    tell(acme, factories.member(acme, "agent"), now)
    moment = now
    for _ in range(settings.THRESHOLDS.delivery.MAX_ATTEMPTS):
        wire.fails = [TimeoutError("slow")]
        dispatch(moment)
        moment += timedelta(hours=2)
    assert Delivery.objects.get().state == DeliveryState.DEAD
    assert wire.sent == []


def test_nothing_to_say_or_nobody_to_tell_is_not_tried_again(acme, now, wire):
    gone = factories.member(acme, "agent")
    tell(acme, gone, now)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    tell(acme, factories.member(acme, "agent"), now, subject="thing:moot")
    assert dispatch(now).moot == 2
    assert wire.sent == []
    assert set(Delivery.objects.values_list("state", "moot_at", "dead_at")) == {
        (DeliveryState.MOOT, now, None)
    }
    assert set(Delivery.objects.values_list("last_error", flat=True)) == {
        f"user:{gone.pk} is not an active user",
        "the thing is gone",
    }


def test_what_was_moot_for_a_person_is_neither_retried_nor_replayed(acme, now, wire, system):
    tell(acme, factories.member(acme, "agent"), now, subject="thing:moot")
    dispatch(now)
    moot = Delivery.objects.get()
    assert not deliveries.replay(delivery=moot, reason="again", by=system, now=now)
    with pytest.raises(Conflict):
        services.retry_delivery(delivery=moot, reason="again", by=system, now=now)
    moot.refresh_from_db()
    assert moot.state == DeliveryState.MOOT
    assert not OperatorEvent.objects.filter(verb__in=["delivery.replayed", "delivery.retried"]).exists()


@pytest.mark.parametrize(
    "wrong", [{"state": "moot"}, {"moot_at": True}, {"state": "dead", "moot_at": True}, {"state": "needless"}]
)
def test_what_is_moot_says_since_when_and_nothing_else_does(acme, now, wire, wrong):
    tell(acme, factories.member(acme, "agent"), now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.update(**{name: now if value is True else value for name, value in wrong.items()})


def test_a_dead_senders_lease_ends_and_a_repeating_channel_sends_again(acme, now, wire):
    tell(acme, factories.member(acme, "agent"), now)
    (lost,) = deliveries.claim(now=now)
    assert dispatch(now).sent == 0
    later = now + timedelta(seconds=settings.THRESHOLDS.delivery.LEASE_SECONDS + 1)
    assert dispatch(later).sent == 1
    # The one that was thought dead comes back: its fence is old, so it marks nothing.
    mark([Result(lost, later, "late")], total=(late := Dispatched()))
    assert (late.sent, late.lost_lease) == (0, 1)
    assert Delivery.objects.get().provider_ref != "late"


def test_a_channel_that_must_not_repeat_leaves_it_ambiguous_for_a_person(acme, now, wire, system):
    once = Wire("once")
    once.repeats_when_unsure = False
    deliveries.register_channel(once)
    tell(acme, factories.member(acme, "agent"), now, channel="once")
    deliveries.claim(now=now)
    later = now + timedelta(seconds=settings.THRESHOLDS.delivery.LEASE_SECONDS + 1)
    assert dispatch(later).sent == 0
    row = Delivery.objects.get()
    assert row.state == DeliveryState.AMBIGUOUS
    assert deliveries.replay(delivery=row, reason="not there", by=system, now=later)
    assert dispatch(later).sent == 1


def test_a_suspended_tenant_is_told_nothing_until_it_is_back(acme, now, wire):
    tell(acme, factories.member(acme, "agent"), now)
    type(acme).objects.filter(pk=acme.pk).update(state=TenantState.SUSPENDED, suspended_at=now)
    assert dispatch(now).sent == 0
    type(acme).objects.filter(pk=acme.pk).update(state=TenantState.ACTIVE, suspended_at=None)
    assert dispatch(now).sent == 1


def test_unknown_messages_and_channels_are_refused_when_told(acme, now, wire):
    with entering(acme), atomic(), pytest.raises(LookupError):
        deliveries.tell(Notice("x", "x:1", uuid4(), [1], urgent=False), channel="wire", now=now)
    with pytest.raises(ValueError, match="wire"):
        deliveries.register_channel(Wire())


def test_a_row_carries_no_content(acme, now, wire):
    tell(acme, factories.member(acme, "agent"), now)
    dispatch(now)
    text = " ".join(str(value) for value in Delivery.objects.values().get().values())
    assert "t_acme" not in text
    assert "@" not in text
