"""What the hub keeps and hands out, without a server: welcome, filters, bounds."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

from tenancy.live import EVERYBODY, NOBODY, Stream, Ticket
from tenancy.live.changes import Change, event
from tenancy.live.hub import Topic

SCOPE, OTHER = UUID(int=1), UUID(int=2)
AGENT = Ticket("t_acme", "acme.localhost", 12, frozenset({SCOPE}), is_ours=True)
CUSTOMER = Ticket("t_acme", "acme.localhost", 7, frozenset({SCOPE}), is_ours=False)
MOST_MISSED = 5


def change(seq: int, scope: UUID = SCOPE, customers: Iterable[int] | None = EVERYBODY) -> Change:
    told = customers if customers is None else frozenset(customers)
    return Change(seq, scope, told, f"{seq} ".encode())


def hello(seq: int) -> bytes:
    return f"hello {seq} ".encode()


def reset(seq: int) -> bytes:
    return event("reset", {"seq": seq}, seq=seq)


def topic_at(seq: int) -> Topic:
    """A topic that remembers lines 11 to `seq`."""
    topic = Topic(MOST_MISSED)
    topic.begin(10, seq, [change(each) for each in range(11, seq + 1)])
    return topic


def joined(topic: Topic, ticket: Ticket = AGENT, after: int | None = None, most: int = 100) -> Stream:
    stream = Stream(ticket, after, hello, most)
    topic.waiting.add(stream)
    topic.let_in([stream])
    return stream


def taken(stream: Stream) -> bytes:
    return asyncio.run(asyncio.wait_for(stream.take(), 30))


def test_without_a_number_a_stream_begins_now() -> None:
    topic = topic_at(13)
    stream = joined(topic)
    assert taken(stream) == b"hello 13 "
    topic.go_on(15, [change(14), change(15)])
    assert taken(stream) == b"14 15 "


def test_who_comes_back_gets_what_was_missed_and_nothing_twice() -> None:
    topic = topic_at(13)
    assert taken(joined(topic, after=11)) == b"hello 11 12 13 "
    assert taken(joined(topic, after=10)) == b"hello 10 11 12 13 "
    assert taken(joined(topic, after=13)) == b"hello 13 "


def test_what_is_not_remembered_any_more_is_a_reset() -> None:
    topic = topic_at(13)
    assert taken(joined(topic, after=9)) == b"hello 13 " + reset(13)
    topic.go_on(
        17, [change(each) for each in range(14, 18)]
    )  # more than MOST_MISSED behind: 11 and 12 are forgotten
    assert taken(joined(topic, after=11)) == b"hello 17 " + reset(17)
    assert taken(joined(topic, after=12)) == b"hello 12 13 14 15 16 17 "


def test_a_number_from_the_future_is_a_reset() -> None:
    assert taken(joined(topic_at(13), after=14)) == b"hello 13 " + reset(13)


def test_who_joins_during_a_reading_waits_for_the_next() -> None:
    topic = topic_at(13)
    late = Stream(AGENT, 14, hello, 100)
    topic.waiting.add(late)
    topic.let_in([])
    assert topic.waiting == {late}
    topic.go_on(14, [change(14)])
    topic.let_in([late])
    assert taken(late) == b"hello 14 "


def test_a_reader_hears_of_the_projects_they_see() -> None:
    topic = topic_at(10)
    ours, theirs = joined(topic), joined(topic, CUSTOMER)
    assert (taken(ours), taken(theirs)) == (b"hello 10 ", b"hello 10 ")
    topic.go_on(12, [change(11, OTHER), change(12)])
    assert (taken(ours), taken(theirs)) == (b"12 ", b"12 ")


def test_a_customer_hears_what_is_theirs_and_what_is_public() -> None:
    topic = topic_at(10)
    stream, ours = joined(topic, CUSTOMER), joined(topic)
    topic.go_on(
        14, [change(11, customers=NOBODY), change(12), change(13, customers={7}), change(14, customers={8})]
    )
    assert taken(stream) == b"hello 10 12 13 "
    assert taken(ours) == b"hello 10 11 12 13 14 "
    again = joined(topic, CUSTOMER, after=10)
    assert taken(again) == b"hello 10 12 13 "


def test_a_slow_reader_costs_no_more_than_the_queue_and_loads_anew() -> None:
    topic = topic_at(10)
    stream, quick = joined(topic, most=3), joined(topic)
    assert (taken(stream), taken(quick)) == (b"hello 10 ", b"hello 10 ")
    for seq in range(11, 211):
        topic.go_on(seq, [change(seq)])
        assert len(stream._waiting) <= 3
    assert taken(quick).endswith(b" 209 210 ")
    said = taken(stream)
    assert said.startswith(b"event: reset\n")
    assert said.count(b"event: reset\n") == 1
    topic.go_on(211, [change(211)])
    assert taken(stream) == b"211 "


def test_a_stream_that_ended_gives_what_is_left_and_then_nothing() -> None:
    stream = joined(topic_at(13))
    stream.end("life")
    assert taken(stream) == b"hello 13 "
    assert taken(stream) == b""
