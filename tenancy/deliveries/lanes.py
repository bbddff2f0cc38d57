"""Sending in threads: what one receiver gets is sent in order, receivers do not wait for each other."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from django.conf import settings

from tenancy.deliveries.messages import Audience, Channel, Content, Form, Moot, Rejected
from tenancy.models import Delivery


@dataclass(frozen=True, slots=True)
class Job:
    """One rendered delivery."""

    row: Delivery
    channel: Channel
    audience: Audience
    content: Content


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a delivery: sent with the provider's reference, failed, or put back untried (neither)."""

    row: Delivery
    at: datetime
    provider_ref: str = ""
    error: Exception | None = None
    tried: bool = True


class Lanes:
    """A lane per recipient, `delivery.THREADS` of them at once. Threads touch no database.

    After a failure that is not the message's own, the rest of the lane is put back: a receiver that hangs costs one
    thread one timeout, and order is kept.
    """

    def __init__(self, clock: Callable[[], datetime]):
        self._clock = clock
        self._pool = ThreadPoolExecutor(settings.THRESHOLDS.delivery.THREADS, thread_name_prefix="lane")
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Job]] = {}
        self._results: SimpleQueue[Result] = SimpleQueue()
        self._due = 0
        self._blocked: dict[str, datetime] = {}  # recipient -> end of the lease of what failed
        self._threads: dict[tuple[str, str], str] = {}  # recipient, subject -> reference of the first message

    def put(self, job: Job) -> None:
        self._due += 1
        with self._lock:
            lane = self._waiting.get(job.row.recipient)
            if lane is not None:
                lane.append(job)
                return
            self._waiting[job.row.recipient] = deque([job])
        self._pool.submit(self._drive, job.row.recipient)

    def busy(self) -> list[str]:
        """The recipients that are being sent to."""
        with self._lock:
            return list(self._waiting)

    def results(self) -> list[Result]:
        """What comes within delivery.LOOK_AGAIN_MS, or until nothing is to come: marked together, it costs little."""
        found: list[Result] = []
        ends = time.monotonic() + settings.THRESHOLDS.delivery.LOOK_AGAIN_MS / 1000
        while self._due and (left := ends - time.monotonic()) > 0:
            with suppress(Empty):
                found.append(self._results.get(timeout=left))
                self._due -= 1
        return found

    def close(self) -> None:
        self._pool.shutdown()

    def _drive(self, recipient: str) -> None:
        while True:
            with self._lock:
                lane = self._waiting[recipient]
                if not lane:
                    del self._waiting[recipient]
                    return
                job = lane.popleft()
            self._results.put(self._send(job) if self._may_send(job) else _untried(job, self._clock()))

    def _may_send(self, job: Job) -> bool:
        """Whether a send that begins now ends before somebody else may take the row, and nothing before it failed."""
        ends = job.row.leased_until
        longest = timedelta(seconds=settings.THRESHOLDS.delivery.SEND_TIMEOUT_SECONDS)
        if ends is None or self._clock() + longest > ends:
            return False
        failed = self._blocked.get(job.row.recipient)
        return failed is None or ends > failed  # one that was claimed later has waited

    def _send(self, job: Job) -> Result:
        subject = job.row.recipient, job.row.subject
        if job.channel.form == Form.CHAT and not job.audience.thread:
            audience = replace(job.audience, thread=self._threads.get(subject, ""))
            job = replace(job, audience=audience)
        try:
            provider_ref = job.channel.send(job.row, job.audience, job.content)
        except Exception as error:  # whatever a provider raises is stored and, mostly, tried again
            if job.row.leased_until is not None and not isinstance(error, Rejected | Moot):
                self._blocked[job.row.recipient] = job.row.leased_until
            return Result(job.row, self._clock(), error=error)
        if job.channel.form == Form.CHAT:
            self._threads.setdefault(subject, provider_ref)
        return Result(job.row, self._clock(), provider_ref=provider_ref)


def _untried(job: Job, at: datetime) -> Result:
    return Result(job.row, at, tried=False)
