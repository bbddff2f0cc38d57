"""The ASGI application without a server: clients that do not read, go away, or outlive what they follow."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from tenancy.live import Hub, Reader, Ticket, seal
from tenancy.web.live import PATH, Events
from tests import factories
from tests.live.conftest import World

Message = MutableMapping[str, Any]
NOWHERE = "redis://127.0.0.1:1/0"
PATIENCE = 30  # seconds


class Client:
    """One request; `reads` says whether what is sent is ever taken."""

    def __init__(self, world: World, *, schema: str = "", reads: bool = True) -> None:
        host = factories.host_of(world.tenant)
        agent = world.people["agent"].pk
        ticket = Ticket(
            schema or world.tenant.schema_name, host, agent, frozenset({world.project.pk}), is_ours=True
        )
        text = seal(ticket, expires_at=timezone.now() + timedelta(minutes=1))
        self.scope = {
            "type": "http",
            "method": "GET",
            "path": PATH,
            "query_string": f"ticket={text}".encode(),
            "headers": [(b"host", host.encode())],
            "scheme": "http",
        }
        self.goes, self.heard, self.status, self.sent = asyncio.Event(), b"", 0, 0
        self._reads = reads

    async def receive(self) -> Message:
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.heard += message["body"]
        self.sent += 1
        if not self._reads:
            await asyncio.Event().wait()

    async def hears(self, text: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            while text not in self.heard:
                await asyncio.sleep(0.01)


def report(world: World) -> None:
    """Report an incident from a thread that lends its connection to nobody."""
    try:
        world.report()
    finally:
        connections.close_all()


def live(work: Callable[[Events, Hub], Awaitable[None]], **limits: float) -> None:
    """Do `work` in a loop with a hub of its own, which then holds nothing any more."""

    async def run() -> None:
        hub = Hub(Reader(), url=NOWHERE)
        events = Events(hub, clock=timezone.now)
        try:
            await work(events, hub)
            assert (hub._count, hub._topics) == (0, {})
        finally:
            await events.close()
            await asyncio.to_thread(hub._thread.shutdown)
        assert len(asyncio.all_tasks()) == 1

    quick = replace(settings.THRESHOLDS.stream, **{"BEAT_SECONDS": 0.1, "POLL_SECONDS": 0.1, **limits})
    with override_settings(THRESHOLDS=replace(settings.THRESHOLDS, stream=quick)):
        asyncio.run(run())


def test_a_client_that_does_not_read_is_cut_off(world: World) -> None:
    async def work(events: Events, hub: Hub) -> None:
        client = Client(world, reads=False)
        async with asyncio.timeout(PATIENCE):
            await events(client.scope, client.receive, client.send)
        # the hello, or a sign of life where the journal was slow to read: what is not taken is the last
        assert (client.status, client.sent) == (200, 1)
        assert client.heard

    live(work)


def test_a_client_that_goes_frees_everything(world: World) -> None:
    async def work(events: Events, hub: Hub) -> None:
        clients = [Client(world) for _ in range(3)]
        served = [asyncio.create_task(events(one.scope, one.receive, one.send)) for one in clients]
        for one in clients:
            await one.hears(b"event: beat")
        assert hub._count == 3
        clients[0].goes.set()
        await served[0]
        assert hub._count == 2
        served[1].cancel()  # what a server may do instead
        await asyncio.wait(served[1:2])
        clients[2].goes.set()
        await served[2]

    live(work)


def test_a_tenant_that_is_no_more_ends_its_streams(world: World) -> None:
    async def work(events: Events, hub: Hub) -> None:
        client = Client(world, schema="t_never_was")
        async with asyncio.timeout(PATIENCE):
            await events(client.scope, client.receive, client.send)
        assert b'event: bye\ndata: {"why":"gone"}' in client.heard

    live(work)


def test_while_the_journal_cannot_be_read_nothing_pretends_to_be_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reader.since

    def away(*given: Any) -> Any:
        raise OSError("the database is away")

    async def work(events: Events, hub: Hub) -> None:
        client = Client(world)
        served = asyncio.create_task(events(client.scope, client.receive, client.send))
        await client.hears(b"event: beat")
        monkeypatch.setattr(Reader, "since", away)
        await client.hears(b"\n\n:\n\n:\n\n")
        monkeypatch.setattr(Reader, "since", reads)
        client.heard = b""
        await asyncio.to_thread(report, world)
        await client.hears(b"event: change")
        await client.hears(b"event: beat")
        client.goes.set()
        await served

    live(work)


def test_one_whose_time_is_over_ends_and_says_so(world: World) -> None:
    async def work(events: Events, hub: Hub) -> None:
        client = Client(world)
        async with asyncio.timeout(PATIENCE):
            await events(client.scope, client.receive, client.send)
        assert client.heard.endswith(b'event: bye\ndata: {"why":"life"}\n\n')

    live(work, LIFE_SECONDS=0.3)


def test_a_process_that_ends_says_so_and_lets_nobody_in(world: World) -> None:
    async def work(events: Events, hub: Hub) -> None:
        going = Client(world)
        served = asyncio.create_task(events(going.scope, going.receive, going.send))
        await going.hears(b"event: hello")
        events.end()
        await served
        assert going.heard.endswith(b'event: bye\ndata: {"why":"restart"}\n\n')
        late = Client(world)
        await events(late.scope, late.receive, late.send)
        assert late.status == 503

    live(work)
