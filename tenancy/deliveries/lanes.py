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

    A receiver that fails twice in a row is left alone: the rest of its lane is put back. So one that hangs costs one
    thread two timeouts, and one that loses an answer now and then goes on.
    """

    def __init__(self, clock: Callable[[], datetime]):
        self._clock = clock
        self._pool = ThreadPoolExecutor(settings.THRESHOLDS.delivery.THREADS, thread_name_prefix="lane")
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Job]] = {}
        self._results: SimpleQueue[Result] = SimpleQueue()
        self._due = 0
        self._failures: dict[
            str, list[datetime]
        ] = {}  # recipient -> ends of the leases of what failed in a row
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

    def blocked(self, row: Delivery) -> bool:
        """Whether the recipient fails; what is claimed after that has waited, and is tried."""
        failed = self._failures.get(row.recipient, [])
        return (
            len(failed) >= settings.THRESHOLDS.delivery.STRIKES
            and row.leased_until is not None
            and row.leased_until <= failed[-1]
        )

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
            if self.blocked(job.row) or not self._in_time(job.row):
                self._results.put(Result(job.row, self._clock(), tried=False))
            else:
                self._results.put(self._send(job))

    def _in_time(self, row: Delivery) -> bool:
        """Whether a send that begins now ends before somebody else may take the row."""
        longest = timedelta(seconds=settings.THRESHOLDS.delivery.SEND_TIMEOUT_SECONDS)
        return row.leased_until is not None and self._clock() + longest <= row.leased_until

    def _send(self, job: Job) -> Result:
        subject = job.row.recipient, job.row.subject
        if job.channel.form == Form.CHAT and not job.audience.thread:
            audience = replace(job.audience, thread=self._threads.get(subject, ""))
            job = replace(job, audience=audience)
        try:
            provider_ref = job.channel.send(job.row, job.audience, job.content, now=self._clock())
        except Exception as error:  # whatever a provider raises is stored and, mostly, tried again
            if job.row.leased_until is not None and not isinstance(error, Rejected | Moot):
                self._failures.setdefault(job.row.recipient, []).append(job.row.leased_until)
            return Result(job.row, self._clock(), error=error)
        self._failures.pop(job.row.recipient, None)
        if job.channel.form == Form.CHAT:
            self._threads.setdefault(subject, provider_ref)
        return Result(job.row, self._clock(), provider_ref=provider_ref)
