"""Sending: in order to each receiver, none waiting for another, and what becomes of each answer."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import DataError
from django.utils import timezone, translation

from tenancy import deliveries
from tenancy.context import PUBLIC, current_schema, entering
from tenancy.deliveries import (
    ANY,
    Busy,
    Card,
    Chat,
    Data,
    Dispatched,
    Form,
    Moot,
    Rejected,
    Unsure,
    claim,
    each,
    mark,
    messages,
    tell_endpoint,
)
from tenancy.deliveries.lanes import Result
from tenancy.journal.models import Event
from tenancy.models import Delivery, Endpoint, OperatorEvent
from tenancy.states import DeliveryState
from tenancy.transactions import atomic, emit
from tests import factories
from tests.servers import WebhookServer

pytestmark = pytest.mark.django_db

LIMITS = settings.THRESHOLDS.delivery


class Wire:
    """A channel that keeps what it was given and answers as its plan for the receiver says."""

    def __init__(self, name, form=Form.DATA, *, repeats=True):
        self.name, self.form, self.repeats_when_unsure = name, form, repeats
        self.sent, self.threads, self.plans, self.hung_up = [], [], {}, 0
        self._lock = threading.Lock()

    def send(self, delivery, audience, content, *, now):
        with self._lock:
            plan = self.plans.get(audience.endpoint.name, [])
            step = plan.pop(0) if plan else None
        if isinstance(step, threading.Event):
            assert step.wait(10)
        elif step is not None:
            raise step
        with self._lock:
            self.sent.append((audience.endpoint.name, delivery.subject))
            self.threads.append(audience.thread)
        return f"ref-{delivery.subject}"

    def hang_up(self):
        self.hung_up += 1


@pytest.fixture
def wire(monkeypatch):
    monkeypatch.setattr(messages, "_channels", dict(messages._channels))
    monkeypatch.setattr(messages, "_renderers", dict(messages._renderers))
    channel = Wire("wire")
    deliveries.register_channel(channel)
    deliveries.register_channel(Wire("once", repeats=False))
    deliveries.register_channel(Wire("chat", Form.CHAT))
    if (ANY, Form.DATA) in messages._renderers:
        del messages._renderers[ANY, Form.DATA]
    deliveries.register_message(
        ANY, Form.DATA, each(lambda outgoing: Data(outgoing.message, outgoing.now, {}))
    )
    card = Card("news")
    deliveries.register_message("test.said", Form.CHAT, each(lambda outgoing: Chat(card, card)))
    return channel


@pytest.fixture
def endpoint(acme, now, wire):
    def make(name, channel="wire", **fields):
        given = {"secret": "s", "verbs": ["none"], "created_at": now}
        return Endpoint.objects.create(tenant=acme, name=name, channel=channel, **given | fields)

    return make


def say(endpoint, now, *subjects):
    for subject in subjects:
        with atomic():
            tell_endpoint(endpoint=endpoint, message="test.said", subject=subject, event=uuid4(), now=now)


def dispatch(now):
    return deliveries.dispatch(clock=lambda: now)


def row(subject):
    return Delivery.objects.get(subject=subject)


# ---- order and independence ---------------------------------------------------------------------------------------


def test_one_receiver_gets_its_messages_in_order(endpoint, wire, now):
    place = endpoint("a")
    subjects = [f"thing:{number}" for number in range(30)]
    say(place, now, *subjects)
    assert dispatch(now).sent == 30
    assert wire.sent == [("a", subject) for subject in subjects]
    assert wire.hung_up == 1


def test_a_receiver_that_hangs_delays_nobody_else(endpoint, wire, now):
    hangs, works = endpoint("hangs"), endpoint("works")
    gate = threading.Event()
    wire.plans["hangs"] = [gate]
    say(hangs, now, "thing:1", "thing:2")
    say(works, now, "thing:3", "thing:4")
    done = threading.Thread(target=lambda: (works_done(), gate.set()))

    def works_done():
        while sum(name == "works" for name, _ in wire.sent) < 2:
            threading.Event().wait(0.01)

    done.start()
    assert dispatch(now).sent == 4
    done.join()
    assert [name for name, _ in wire.sent] == ["works", "works", "hangs", "hangs"]


def test_a_receiver_that_fails_twice_in_a_row_is_left_alone_for_a_while(endpoint, wire, now):
    wire.plans["a"] = [ConnectionRefusedError("down")] * 2
    say(endpoint("a"), now, "thing:1", "thing:2", "thing:3", "thing:4")
    counts = dispatch(now)
    assert (counts.sent, counts.failed) == (0, 2)
    assert [row(f"thing:{number}").attempts for number in (1, 2, 3, 4)] == [1, 1, 0, 0]
    later = now + timedelta(seconds=LIMITS.BACKOFF_SECONDS)
    assert dispatch(later).sent == 4


def test_one_that_loses_an_answer_now_and_then_goes_on(endpoint, wire, now):
    wire.plans["a"] = [Unsure("no answer"), None, Unsure("no answer"), None]
    say(endpoint("a"), now, *(f"thing:{number}" for number in range(6)))
    counts = dispatch(now)
    assert (counts.sent, counts.failed) == (4, 2)


def test_a_message_at_fault_does_not_hold_up_the_next(endpoint, wire, now):
    wire.plans["a"] = [Rejected("not valid")]
    say(endpoint("a"), now, "thing:1", "thing:2")
    counts = dispatch(now)
    assert (counts.sent, counts.dead) == (1, 1)


def test_while_one_process_talks_to_an_endpoint_no_other_does(endpoint, wire, now):
    place, other = endpoint("a"), endpoint("b")
    say(place, now, "thing:1")
    assert [row.subject for row in claim(now=now)] == ["thing:1"]
    say(place, now, "thing:2")
    say(other, now, "thing:3")
    assert [row.subject for row in claim(now=now)] == ["thing:3"]


def test_a_chat_keeps_one_thread_a_subject(endpoint, wire, now):
    place = endpoint("a", channel="chat")
    chat = messages.channel_named("chat")
    say(place, now, "thing:1", "thing:2", "thing:1")
    dispatch(now)
    assert chat.threads == ["", "", "ref-thing:1"]
    say(place, now, "thing:2")
    dispatch(now)
    assert chat.threads[-1] == "ref-thing:2"


def test_telling_waits_for_what_is_recorded_but_not_for_long(endpoint, wire, now):
    say(endpoint("a"), now, "thing:1")
    patience = timedelta(seconds=LIMITS.YIELD_SECONDS)
    for at, sent in ((now, 0), (now + patience - timedelta(seconds=1), 0), (now + patience, 1)):
        assert deliveries.dispatch(clock=lambda at=at: at, yields=lambda *, now: True).sent == sent


# ---- answers ------------------------------------------------------------------------------------------------------


def test_no_answer_is_tried_again_where_repeats_are_known(endpoint, wire, now):
    wire.plans["a"] = [Unsure("no answer")]
    say(endpoint("a"), now, "thing:1")
    assert dispatch(now).failed == 1
    assert row("thing:1").state == DeliveryState.PENDING


def test_no_answer_is_a_persons_decision_where_they_are_not(endpoint, wire, now, users):
    messages.channel_named("once").plans["a"] = [Unsure("no answer")]
    say(endpoint("a", channel="once"), now, "thing:1")
    assert dispatch(now).ambiguous == 1
    assert row("thing:1").state == DeliveryState.AMBIGUOUS
    assert OperatorEvent.objects.filter(verb="delivery.ambiguous").exists()
    assert Delivery.objects.filter(message=deliveries.ALARM).count() == 1


def test_a_receiver_that_names_a_time_is_asked_again_then(endpoint, wire, now):
    wire.plans["a"] = [Busy("slow down", timedelta(seconds=42))]
    say(endpoint("a"), now, "thing:1")
    Delivery.objects.update(attempts=LIMITS.MAX_ATTEMPTS - 1)  # a rate limit uses no try up
    dispatch(now)
    assert (row("thing:1").state, row("thing:1").attempts) == (DeliveryState.PENDING, LIMITS.MAX_ATTEMPTS - 1)
    assert row("thing:1").next_try_at == now + timedelta(seconds=42)


def test_what_is_moot_is_neither_dead_nor_an_alarm(endpoint, wire, now, users):
    place = endpoint("a")
    say(place, now, "thing:1")
    place.delete()
    told = dispatch(now)
    assert (told.moot, told.dead, told.failed) == (1, 0, 0)
    assert (row("thing:1").state, row("thing:1").moot_at) == (DeliveryState.MOOT, now)
    assert row("thing:1").last_error == f"{row('thing:1').recipient} is not there"
    assert (row("thing:1").dead_at, row("thing:1").leased_until) == (None, None)
    assert OperatorEvent.objects.filter(verb="delivery.moot").exists()
    assert not OperatorEvent.objects.filter(verb="delivery.dead").exists()
    assert not Delivery.objects.filter(message=deliveries.ALARM).exists()
    assert dispatch(now + timedelta(days=1)) == Dispatched()


def test_what_is_moot_does_not_count_against_its_endpoint(endpoint, wire, now, monkeypatch):
    place = endpoint("a")
    say(place, now, "thing:1")
    monkeypatch.setitem(messages._renderers, (ANY, Form.DATA), each(nothing_to_say))
    assert dispatch(now).moot == 1
    place.refresh_from_db()
    assert place.failing_since is None


def nothing_to_say(outgoing):
    raise Moot("it was closed")


def test_what_waited_for_a_disabled_endpoint_goes_out_when_it_is_back(endpoint, wire, now, system):
    place = endpoint("a")
    say(place, now, "thing:1")
    Endpoint.objects.filter(pk=place.pk).update(disabled_at=now, disabled_because="Moved")
    assert dispatch(now).moot == 1
    assert deliveries.replay(delivery=row("thing:1"), reason="Is it?", by=system, now=now)
    assert dispatch(now).moot == 1  # not yet
    Endpoint.objects.filter(pk=place.pk).update(disabled_at=None, disabled_because="")
    assert deliveries.replay(delivery=row("thing:1"), reason="Back", by=system, now=now)
    assert dispatch(now).sent == 1
    assert (row("thing:1").state, row("thing:1").moot_at) == (DeliveryState.SENT, None)
    assert row("thing:1").last_error == ""


def test_a_renderer_that_fails_is_tried_again(endpoint, wire, now, monkeypatch):
    say(endpoint("a"), now, "thing:1")
    monkeypatch.setitem(messages._renderers, (ANY, Form.DATA), lambda batch: 1 / 0)
    assert dispatch(now).failed == 1
    assert "ZeroDivisionError" in row("thing:1").last_error


def test_a_message_that_cannot_be_written_fails_alone(endpoint, wire, now, monkeypatch):
    say(endpoint("a"), now, "thing:1", "thing:bad", "thing:2", "thing:3")
    asked = []

    def write(batch):
        asked.append([outgoing.subject for outgoing in batch])
        if "thing:bad" in asked[-1]:
            raise LookupError("bad")  # as a query does that all of them share
        return [Data(outgoing.message, None, {}) for outgoing in batch]

    monkeypatch.setitem(messages._renderers, (ANY, Form.DATA), write)
    counts = dispatch(now)
    assert (counts.sent, counts.failed) == (3, 1)
    assert "LookupError: bad" in row("thing:bad").last_error
    assert [len(batch) for batch in asked] == [4, 1, 1, 1, 1]
    assert [subject for _, subject in wire.sent] == ["thing:1", "thing:2", "thing:3"]


def test_an_answer_for_each_or_none(endpoint, wire, now, monkeypatch):
    say(endpoint("a"), now, "thing:1", "thing:2")
    monkeypatch.setitem(messages._renderers, (ANY, Form.DATA), lambda batch: [])
    assert dispatch(now).failed == 2
    assert "answered 0 of 1" in row("thing:1").last_error


def test_what_the_database_refuses_is_logged_and_tried_again(endpoint, wire, now, monkeypatch, caplog):
    say(endpoint("a"), now, "thing:1", "thing:2")

    def write(outgoing):
        if outgoing.subject == "thing:1":
            raise DataError("secret of a row")
        return Data(outgoing.message, None, {})

    monkeypatch.setitem(messages._renderers, (ANY, Form.DATA), each(write))
    counts = dispatch(now)
    assert (counts.sent, counts.failed) == (1, 1)
    assert "secret" not in row("thing:1").last_error
    assert "secret of a row" in caplog.text


# ---- batches and the clock ----------------------------------------------------------------------------------------


def test_who_reads_alike_is_written_to_together_in_their_language_and_zone(
    endpoint, globex, wire, now, monkeypatch
):
    batches = []

    def write(batch):
        where = current_schema(), translation.get_language(), timezone.get_current_timezone_name()
        batches.append((where, [(outgoing.subject, outgoing.now) for outgoing in batch]))
        return [Data(outgoing.message, None, {}) for outgoing in batch]

    monkeypatch.setitem(messages._renderers, (ANY, Form.DATA), write)
    places = [
        endpoint("a"),
        endpoint("b", language="tr"),
        endpoint("c"),
        endpoint("d", time_zone="Asia/Tokyo"),
    ]
    for number, place in enumerate([*places, places[0]]):
        say(place, now, f"thing:{number}")
    given = {"secret": "s", "verbs": ["none"], "created_at": now}
    say(Endpoint.objects.create(tenant=globex, name="e", channel="wire", **given), now, "thing:5")
    assert dispatch(now).sent == 6
    assert batches == [
        (("t_acme", "en", "UTC"), [("thing:0", now), ("thing:2", now), ("thing:4", now)]),
        (("t_acme", "tr", "UTC"), [("thing:1", now)]),
        (("t_acme", "en", "Asia/Tokyo"), [("thing:3", now)]),
        (("t_globex", "en", "UTC"), [("thing:5", now)]),
    ]


def test_one_receivers_messages_stay_in_order_whoever_writes_them(endpoint, wire, now, monkeypatch):
    place = endpoint("a")
    monkeypatch.setitem(
        messages._renderers, ("test.other", Form.DATA), each(lambda outgoing: Data("other", None, {}))
    )
    for number in range(6):
        with atomic():
            message = "test.other" if number % 2 else "test.said"
            tell_endpoint(endpoint=place, message=message, subject=f"thing:{number}", event=uuid4(), now=now)
    assert dispatch(now).sent == 6
    assert [subject for _, subject in wire.sent] == [f"thing:{number}" for number in range(6)]


@pytest.mark.parametrize(("off", "sent"), [(timedelta(0), 1), (timedelta(minutes=10), 0)])
def test_a_webhook_is_signed_with_the_dispatchers_time_and_not_the_machines(endpoint, settings, off, sent):
    settings.EGRESS_ALLOW_LOOPBACK = True
    at = timezone.now().replace(microsecond=0) + off  # the receiver's clock is the machine's
    with WebhookServer() as server:
        say(endpoint("a", channel="webhook", address=server.url, secret=server.secret), at, "thing:1")
        assert dispatch(at).sent == sent
    [(_path, headers, _body)] = server.requests
    assert int(headers["webhook-timestamp"]) == at.timestamp()
    assert ("401" in row("thing:1").last_error) == (not sent)


def test_an_endpoint_of_another_tenant_is_sent_nothing(endpoint, globex, wire, now):
    place = endpoint("a")
    say(place, now, "thing:1")
    Endpoint.objects.update(tenant=globex)
    assert dispatch(now).moot == 1
    assert wire.sent == []


def test_an_old_fence_marks_nothing(endpoint, wire, now):
    say(endpoint("a"), now, "thing:1")
    (lost,) = claim(now=now)
    later = now + timedelta(seconds=LIMITS.LEASE_SECONDS + 1)
    assert dispatch(later).sent == 1
    for result in (
        Result(lost, later, "late"),
        Result(lost, later, error=Moot("late")),
        Result(lost, later, tried=False),
    ):
        counts = Dispatched()
        mark([result], total=counts)
        assert (counts.sent, counts.dead, counts.moot) == (0, 0, 0)
    assert (row("thing:1").state, row("thing:1").provider_ref) == (DeliveryState.SENT, "ref-thing:1")


def test_a_send_that_could_outlive_its_lease_is_not_begun(endpoint, wire, now):
    say(endpoint("a"), now, "thing:1")
    clock = iter([now, now, now, *[now + timedelta(seconds=LIMITS.LEASE_SECONDS)] * 20])
    deliveries.dispatch(clock=lambda: next(clock))
    assert wire.sent == []
    assert (row("thing:1").state, row("thing:1").attempts) == (DeliveryState.PENDING, 0)


# ---- endpoints that fail ------------------------------------------------------------------------------------------


def test_since_when_an_endpoint_fails_is_noted_and_forgotten_when_it_works(endpoint, wire, now):
    place = endpoint("a")
    wire.plans["a"] = [OSError("down"), OSError("down")]
    say(place, now, "thing:1")
    dispatch(now)
    hour = now + timedelta(hours=1)
    dispatch(hour)
    place.refresh_from_db()
    assert place.failing_since == now
    dispatch(hour + timedelta(hours=1))
    place.refresh_from_db()
    assert place.failing_since is None


def test_after_days_of_failure_it_is_disabled_and_its_admins_are_told(endpoint, acme, users, wire, now):
    place = endpoint("a", failing_since=now - timedelta(days=LIMITS.DISABLE_AFTER_DAYS))
    wire.plans["a"] = [OSError("down"), OSError("down")]
    say(place, now, "thing:1", "thing:2")
    dispatch(now)
    place.refresh_from_db()
    assert place.disabled_at == now
    assert "days" in place.disabled_because
    with entering(acme):
        assert Event.objects.get(verb="endpoint.disabled").subject == f"endpoint:{place.pk}"
    told = Delivery.objects.filter(message="endpoint.disabled")
    assert [one.recipient for one in told] == [f"user:{users['admin'].pk}"]
    later = now + timedelta(hours=2)
    assert dispatch(later).moot == 2  # what was still waiting for it
    assert wire.sent == []


def test_the_operators_own_endpoint_is_disabled_in_their_journal(public, users, wire, now, system):
    since = now - timedelta(days=LIMITS.DISABLE_AFTER_DAYS)
    given = {"secret": "s", "verbs": ["*"], "created_at": now, "failing_since": since}
    place = Endpoint.objects.create(tenant=public, name="ours", channel="wire", **given)
    wire.plans["ours"] = [OSError("down")]
    with atomic():
        emit("deadline.dead", "deadline:1", by=system, now=now, schema=PUBLIC)
    dispatch(now)
    assert OperatorEvent.objects.filter(verb="endpoint.disabled", subject=f"endpoint:{place.pk}").exists()
    told = Delivery.objects.get(message="endpoint.disabled")
    assert told.recipient == f"user:{users['platform'].pk}"


def test_a_person_is_no_endpoint(acme, now, wire):
    gone = factories.member(acme, "agent", is_active=False)
    with entering(acme), atomic():
        deliveries.tell(
            deliveries.Notice("incident.breached", "thing:1", uuid4(), [gone.pk], urgent=True), now=now
        )
    assert dispatch(now).moot == 1
    assert not Endpoint.objects.exists()
