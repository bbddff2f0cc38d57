"""`GET /api/v1/events?ticket=…`: the live stream, answered in the server's event loop without Django's handler.

A stream may be open for minutes, so it holds neither a thread nor a connection. Refusals and headers are made by the
middlewares of every other answer, those of them that ask nobody anything.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from tenancy.live import Full, Hub, Refused, Stream, Ticket, check, event, stamp
from tenancy.web.middleware import RequestIdMiddleware
from tenancy.web.policies import PoliciesMiddleware
from tenancy.web.problems import problem

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PATH: Final = "/api/v1/events"
MEDIA_TYPE: Final = "text/event-stream"
_HEADERS = {
    "Content-Type": MEDIA_TYPE,
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would collect what is to arrive at once
}
_ALIVE = b":\n\n"
"""A comment: keeps the connection open, and finds out that it is not. It promises nothing."""


class Events:
    """The ASGI application of `PATH`."""

    def __init__(self, hub: Hub, *, clock: Callable[[], datetime]):
        self._hub, self._clock = hub, clock
        self._limits = settings.THRESHOLDS.stream
        inside = PoliciesMiddleware(XFrameOptionsMiddleware(_of_a_known_host(self._decide)))
        self._answer = RequestIdMiddleware(_of_a_known_host(SecurityMiddleware(inside)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = ASGIRequest(scope, BytesIO())
        with translation.override(translation.get_language_from_request(request)):
            answer = self._answer(request)
        stream: Stream | None = getattr(request, "stream", None)
        try:
            headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.items()]
            start = {"type": "http.response.start", "status": answer.status_code, "headers": headers}
            await send(start)
            if stream is None:
                body = b"" if request.method == "HEAD" else getattr(answer, "content", b"")
                await send({"type": "http.response.body", "body": body})
            else:
                await self._serve(stream, receive, send)
        finally:
            if stream is not None:
                self._hub.leave(stream)

    def end(self) -> None:
        """Say goodbye to everybody: the process goes down."""
        self._hub.end()

    async def close(self) -> None:
        """Let go of everything."""
        await self._hub.close()

    # ---- refusals -----------------------------------------------------------------------------------------------

    def _decide(self, request: HttpRequest) -> HttpResponse:
        """The answer; with `request.stream` if it is one that goes on."""
        if request.method != "GET":
            detail = _("Streams are read with GET.")
            return problem(request, 405, "method_not_allowed", detail, headers={"Allow": "GET"})
        try:
            ticket, after = _ticket(request, now=self._clock()), _after(request)
            request.stream = self._hub.join(ticket, after, self._hello)  # type: ignore[attr-defined]  # ours
        except Refused:
            detail = _("This ticket opens nothing here; ask for another one.")
            return problem(
                request, 401, "ticket_refused", detail, headers={"WWW-Authenticate": 'Bearer realm="api"'}
            )
        except ValueError:
            return problem(request, 400, "invalid", _("What you had last has to be the number of an event."))
        except Full:
            detail = _("Too many streams are open. Please try again in a moment.")
            return problem(
                request,
                503,
                "too_many_streams",
                detail,
                headers={"Retry-After": str(settings.THRESHOLDS.stream.RETRY_SECONDS)},
            )
        return HttpResponse(headers=_HEADERS)

    # ---- the stream ---------------------------------------------------------------------------------------------

    def _hello(self, seq: int) -> bytes:
        now = self._clock()
        about = {
            "at": stamp(now),
            "seq": seq,
            "beat_seconds": self._limits.BEAT_SECONDS,
            "ends_at": stamp(now + timedelta(seconds=self._limits.LIFE_SECONDS)),
        }
        return event("hello", about, seq=seq)

    async def _serve(self, stream: Stream, receive: Receive, send: Send) -> None:
        """Send until the client goes, its time is over, or it has not read for longer than we wait."""
        gone = asyncio.create_task(_gone(receive))
        sending = asyncio.create_task(self._send_all(stream, send))
        try:
            await asyncio.wait((gone, sending), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            gone.cancel()
            sending.cancel()
            await asyncio.gather(gone, sending, return_exceptions=True)

    async def _send_all(self, stream: Stream, send: Send) -> None:
        loop = asyncio.get_running_loop()
        beat = self._limits.BEAT_SECONDS
        ends = loop.time() + self._limits.LIFE_SECONDS
        next_beat = loop.time() + beat
        while not stream.ended:
            text = b""
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(next_beat, ends)):
                    text = await stream.take()
            if loop.time() >= ends:
                stream.end("life")
            elif loop.time() >= next_beat:
                next_beat = loop.time() + beat
                text += self._beat() if self._hub.is_fresh(stream) else _ALIVE
            if text:
                try:
                    async with asyncio.timeout(3 * beat):
                        await send({"type": "http.response.body", "body": text, "more_body": True})
                except TimeoutError:  # a client that reads nothing is none
                    return
        text = await stream.take() + event("bye", {"why": stream.ended})
        await send({"type": "http.response.body", "body": text})

    def _beat(self) -> bytes:
        return event("beat", {"at": stamp(self._clock())})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _of_a_known_host(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], HttpResponse]:
    def answer(request: HttpRequest) -> HttpResponse:
        try:
            response: HttpResponse = get_response(request)
            return response
        except DisallowedHost:
            return problem(request, 404, "not_found", _("There is nothing here."))

    return answer


def host_of(request: HttpRequest) -> str:
    """The host of a request as tickets name it. Raises DisallowedHost."""
    return request.get_host().rsplit(":", 1)[0].lower().rstrip(".")


def _ticket(request: HttpRequest, *, now: datetime) -> Ticket:
    return check(request.GET.get("ticket", ""), host=host_of(request), now=now)


def _after(request: HttpRequest) -> int | None:
    """The number of the last event that the client has. Raises ValueError."""
    given = request.headers.get("Last-Event-ID") or request.GET.get("after")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 18):  # noqa: PLR2004 - what a bigint holds
        raise ValueError(given)
    return int(given)
