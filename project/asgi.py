"""One port: health is answered here, everything else by Django's WSGI application on a few lasting threads.

Django's own ASGI handler takes a new thread and database connection per request; a2wsgi keeps both. Health never
waits for one of those threads, so it answers while they all hang; nor does the live stream, which would hold one.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from types import FrameType
from typing import Any
from urllib.parse import quote

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.utils import timezone

from observability import exposition, health
from project.startup import finish, serve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
_wsgi: Any = get_wsgi_application()  # Django's stubs and a2wsgi's differ about what WSGI is

from tenancy.live import Hub, Reader  # noqa: E402 - models load after django.setup()
from tenancy.web.live import PATH, Events  # noqa: E402 - as above

logger = logging.getLogger(__name__)
_ASCII = "".join(map(chr, range(128)))
Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_django: Any = WSGIMiddleware(_wsgi, workers=settings.THRESHOLDS.process.WEB_THREADS)
_readiness = health.Probe("ready", lambda: health.readiness(now=timezone.now()))
_metrics = health.Probe("metrics", lambda: exposition.expose(now=timezone.now()))
_events = Events(Hub(Reader(), url=settings.CACHE_URL), clock=timezone.now)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The callable for granian (`--interface asgi`)."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http" and scope["path"] in health.PATHS:
        await _answer_health(scope, send)
    elif scope["type"] == "http" and scope["path"] == exposition.PATH:
        await _answer_metrics(scope, send)
    elif scope["type"] == "http" and scope["path"] == PATH:
        await _events(scope, receive, send)
    elif scope["type"] == "http":
        await _answer_django(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1000})


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    try:
        serve()
    except Exception as fault:  # one that is raised here is logged by the server, which goes on without
        logger.exception("the web process does not start")
        await send({"type": "lifespan.startup.failed", "message": str(fault)})
        return
    _readiness.ask()  # ahead of the first who asks: it loads the broker's library
    _when_asked_to_end(_events.end)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _events.close()
    await asyncio.to_thread(finish)
    await send({"type": "lifespan.shutdown.complete"})


def _when_asked_to_end(then: Callable[[], None]) -> None:
    """Have `then` done in this loop at SIGTERM and SIGINT, besides what the server does.

    It waits until every answer is complete before it says that it goes down, and a stream's would not be for minutes.
    The loop learns of signals by a file descriptor and leaves Python's handler to others.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)

        def both(signum: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(then)
            if callable(before):
                before(signum, frame)

        signal.signal(number, both)
        signal.siginterrupt(number, False)


async def _answer_health(scope: Scope, send: Send) -> None:
    method, status, said = scope["method"], int(HTTPStatus.OK), health.liveness()
    if scope["path"] == health.READY and method in health.METHODS:
        status, said = await asyncio.wrap_future(_readiness.ask())  # who asks meanwhile shares the answer
    await _send_whole(health.answer(method, status, said), send)


async def _answer_metrics(scope: Scope, send: Send) -> None:
    method = scope["method"]
    given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    answer = exposition.refusal(method, given)
    if answer is None:
        answer = exposition.answer(method, await asyncio.wrap_future(_metrics.ask()))
    await _send_whole(answer, send)


async def _send_whole(answer: health.Answer, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _answer_django(scope: Scope, receive: Receive, send: Send) -> None:
    body = await _read_ahead(receive)
    if body is None:
        return
    # WSGI spells X_Real_Ip like X-Real-Ip: a header with an underscore could pass for one that a proxy sets.
    headers = [header for header in scope["headers"] if b"_" not in header[0]]
    query = scope["query_string"]
    if not query.isascii():  # a2wsgi could not read it: percent-encode what should have come so
        query = quote(query, safe=_ASCII).encode()
    await _django({**scope, "headers": headers, "query_string": query}, body, send)


async def _read_ahead(receive: Receive) -> Receive | None:
    """Read the body before a thread is taken, as much of it as is kept in memory.

    A slow sender then holds no thread, and a request that broke off (None) does nothing.
    """
    body, more = bytearray(), True
    while more and len(body) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    read: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": more}]

    async def rest() -> Message:
        if read:
            return read.pop()
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client broke off its request")
        return message

    return rest
