"""All streams of one process: what they follow is read once and handed to each in memory.

Runs in one event loop. Journals are read by one thread (`Reader`), asked by one task: a journal is looked at when
Valkey says that it went on, when somebody joins, and every stream.POLL_SECONDS whatever Valkey says.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import redis.asyncio
from django.conf import settings
from django.db import Error as DatabaseAway
from redis.exceptions import RedisError

from tenancy.live.changes import Change, event
from tenancy.live.publishing import CHANNEL
from tenancy.live.reading import Gone, Reader
from tenancy.live.tickets import Ticket

logger = logging.getLogger(__name__)

DATABASE, VALKEY = "the database", "Valkey"

T = TypeVar("T")
Hello = Callable[[int], bytes]


class Full(Exception):
    """This process holds as many streams as it may, or is going down."""


class Stream:
    """What waits for one reader, in bounded memory: one that is too slow is told to load all anew.

    `ended` says why it is over, once it is. All methods are for the hub's loop.
    """

    def __init__(self, ticket: Ticket, after: int | None, hello: Hello, most: int):
        self.ticket, self.after, self.hello = ticket, after, hello
        self.ended = ""
        self._most = most
        self._waiting: list[bytes] = []
        self._something = asyncio.Event()

    async def take(self) -> bytes:
        """All that waits, as soon as something does; empty once the stream has `ended` and nothing is left."""
        if not self.ended:
            await self._something.wait()
        taken, self._waiting = b"".join(self._waiting), []
        self._something.clear()
        return taken

    def hears(self, change: Change) -> bool:
        """Whether its reader is told of it."""
        ticket = self.ticket
        return change.scope in ticket.scopes and change.is_for(ticket.user_id, is_ours=ticket.is_ours)

    def tell(self, change: Change) -> None:
        """Have it told, if its reader hears of it."""
        if self.hears(change):
            if len(self._waiting) >= self._most:
                self._waiting = [reset(change.seq)]
            else:
                self._waiting.append(change.text)
            self._something.set()

    def say(self, text: bytes) -> None:
        """Have anything else said."""
        self._waiting.append(text)
        self._something.set()

    def end(self, why: str) -> None:
        """Wake its reader for the last time."""
        self.ended = why
        self._something.set()


class Topic:
    """One tenant's journal as far as this process has read it: the newest lines, and who follows."""

    def __init__(self, most: int):
        self.seq: int | None = None  # the last line read; None before the first reading
        self.streams: set[Stream] = set()
        self.waiting: set[Stream] = set()  # have joined, and are let in by the next reading
        self.read_at = float("-inf")  # by the loop's clock
        self._begins = 0  # the line before the oldest that is remembered
        self._newest: deque[Change] = deque()
        self._most = most

    def begin(self, begins: int, seq: int, changes: Iterable[Change]) -> None:
        """What a first reading found."""
        self._begins, self.seq = begins, seq
        self._newest.extend(changes)

    def go_on(self, seq: int, changes: Iterable[Change]) -> None:
        """What a further reading found; told to all who follow."""
        self.seq = seq
        for change in changes:
            self._newest.append(change)
            for stream in self.streams:
                stream.tell(change)
        self._begins = max(self._begins, seq - self._most)
        while self._newest and self._newest[0].seq <= self._begins:
            self._newest.popleft()

    def let_in(self, joined: Iterable[Stream]) -> None:
        """Greet those of `joined` who still wait: with what they missed, or a reset where that is not remembered."""
        assert self.seq is not None
        greeted = self.waiting.intersection(joined)
        for stream in greeted:
            after = self.seq if stream.after is None else stream.after
            known = self._begins <= after <= self.seq
            missed = [one.text for one in self._newest if one.seq > after and stream.hears(one)]
            stream.say(stream.hello(after if known else self.seq) + b"".join(missed if known else ()))
            if not known:
                stream.say(reset(self.seq))
        self.streams |= greeted
        self.waiting -= greeted


def reset(seq: int) -> bytes:
    """What was missed is not known any more: load all anew; what comes is after `seq`."""
    return event("reset", {"seq": seq}, seq=seq)


class Hub:
    """The streams of this process. All methods are for one event loop, in which it works from the first stream on."""

    def __init__(self, reader: Reader, *, url: str) -> None:
        self._reader, self._url = reader, url
        self._limits = settings.THRESHOLDS.stream
        self._topics: dict[str, Topic] = {}
        self._asked: set[str] = set()
        self._something = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._tasks: list[asyncio.Task[None]] = []
        self._count = 0
        self._is_open = True
        self._away: set[str] = set()

    # ---- for the edge -------------------------------------------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Whether one more may join."""
        return self._is_open and self._count < self._limits.MOST_STREAMS

    def join(self, ticket: Ticket, after: int | None, hello: Hello) -> Stream:
        """A stream of what happens after line `after`, or from now on. Raises Full.

        `hello(seq)` makes what it begins with, once the journal was read; `seq` is the line that it goes on from.
        """
        if not self.has_room:
            raise Full
        if not self._tasks:
            begin = (self._look, self._poll, self._listen)
            self._tasks = [asyncio.create_task(work(), name=f"live{work.__name__}") for work in begin]
        stream = Stream(ticket, after, hello, self._limits.QUEUE)
        self._topics.setdefault(ticket.schema, Topic(self._limits.MOST_MISSED)).waiting.add(stream)
        self._count += 1
        self._ask(ticket.schema)
        return stream

    def leave(self, stream: Stream) -> None:
        """Forget a stream, and with the last one of a tenant what was remembered of its journal."""
        self._count -= 1
        schema = stream.ticket.schema
        topic = self._topics[schema]
        topic.streams.discard(stream)
        topic.waiting.discard(stream)
        if not topic.streams and not topic.waiting:
            del self._topics[schema]

    def is_fresh(self, stream: Stream) -> bool:
        """Whether the journal was read so lately that silence means that nothing happened."""
        longest = max(self._limits.BEAT_SECONDS, 2 * self._limits.POLL_SECONDS)
        return self._now() - self._topics[stream.ticket.schema].read_at <= longest

    def end(self) -> None:
        """End all streams and take no more: this process goes down."""
        self._is_open = False
        for topic in self._topics.values():
            self._end(topic, "restart")

    async def close(self) -> None:
        """End all, and let go of Valkey and of the database."""
        self.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            self._thread.submit(self._reader.close)
        self._thread.shutdown(wait=False)

    # ---- what it does meanwhile ---------------------------------------------------------------------------------

    def _ask(self, *schemas: str) -> None:
        self._asked.update(schemas)
        self._something.set()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._limits.POLL_SECONDS)
            self._ask(*self._topics)

    async def _look(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            asked, self._asked = self._asked, set()
            for schema in asked:
                if topic := self._topics.get(schema):
                    await self._careful(DATABASE, self._read(schema, topic))

    async def _read(self, schema: str, topic: Topic) -> None:
        # Who joins meanwhile may know more than this reading finds.
        most, at, joined = self._limits.MOST_MISSED, self._now(), list(topic.waiting)
        try:
            if topic.seq is None:
                topic.begin(*await self._in_thread(self._reader.newest, schema, most))
            else:
                before = topic.seq
                topic.go_on(*await self._in_thread(self._reader.since, schema, before, most))
                if topic.seq - before >= most:
                    self._ask(schema)  # there is more
        except Gone:
            self._end(topic, "gone")
            return
        topic.read_at = at
        topic.let_in(joined)
        self._is_back(DATABASE)

    async def _listen(self) -> None:
        while True:
            await self._careful(VALKEY, self._hear())
            await asyncio.sleep(self._limits.POLL_SECONDS)

    async def _hear(self) -> None:
        client = redis.asyncio.Redis.from_url(
            self._url,
            socket_connect_timeout=settings.THRESHOLDS.stream.PUBLISH_TIMEOUT_SECONDS,
            socket_timeout=None,
            socket_keepalive=True,
        )
        async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(CHANNEL)
            self._is_back(VALKEY)
            async for message in subscription.listen():
                self._heard(message["data"])

    def _heard(self, said: bytes) -> None:
        """Numbers are hints: what is read already is not looked at again."""
        with suppress(ValueError, AttributeError):
            for schema, seq in json.loads(said).items():
                topic = self._topics.get(schema)
                if topic and (topic.seq is None or topic.seq < seq):
                    self._ask(schema)

    async def _careful(self, whom: str, work: Awaitable[None]) -> None:
        """Whatever fails is tried again later, and said once."""
        try:
            await work
        except Exception as error:
            if whom not in self._away:
                expected = isinstance(error, RedisError | OSError | DatabaseAway)
                logger.warning("live streams do without %s: %s", whom, error, exc_info=not expected)
            self._away.add(whom)

    def _is_back(self, whom: str) -> None:
        if whom in self._away:
            logger.info("live streams have %s again", whom)
        self._away.discard(whom)

    async def _in_thread(self, work: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def _end(self, topic: Topic, why: str) -> None:
        for stream in [*topic.streams, *topic.waiting]:
            stream.end(why)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
