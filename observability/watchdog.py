"""The process that watches the others, and needs none of them to say what it sees.

Every `watchdog.EVERY_SECONDS` it looks: it notes levels, evaluates the platform's alarms, sends what is queued if
nobody else does, and tells the outside that all goes on. When it does not, the outside hears nothing.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.db import Error, close_old_connections, connection

from observability import services
from observability.health import Readiness
from observability.rules import progress as rules
from observability.rules.progress import Progress
from tenancy import deliveries
from tenancy.tasks import server_clock

logger = logging.getLogger(__name__)

LOOKED, BEAT, DISPATCH = "watchdog", "heartbeat", "dispatch"
GRACE_SECONDS = 1  # not tunable: who stops us waits two
"""How long a stop waits for the look that is going on."""


class Heartbeat:
    """POSTs to settings.HEARTBEAT_URL; not longer than `watchdog.TIMEOUT_SECONDS`, whatever the receiver does."""

    def __init__(self) -> None:
        self._sending: threading.Thread | None = None

    def __call__(self, *, now: datetime) -> bool:
        """Whether the receiver took it. While it has not let go of the last one it gets no further one."""
        if self._sending is not None and self._sending.is_alive():
            logger.warning("the last heartbeat is still being sent to %s", _host())
            return False
        taken = threading.Event()
        self._sending = threading.Thread(target=_post, args=(now, taken), name="heartbeat", daemon=True)
        self._sending.start()
        self._sending.join(settings.THRESHOLDS.watchdog.TIMEOUT_SECONDS)
        return taken.is_set()


def _post(now: datetime, taken: threading.Event) -> None:
    """Log what goes wrong without the path and the query of the address: they may be secret."""
    said = {"at": now.isoformat(timespec="milliseconds"), "build_id": settings.BUILD_ID}
    limit = settings.THRESHOLDS.watchdog.TIMEOUT_SECONDS
    try:
        with requests.post(
            settings.HEARTBEAT_URL, json=said, timeout=limit, allow_redirects=False, stream=True
        ) as answer:
            status = answer.status_code
    except (requests.RequestException, ValueError) as error:  # ValueError: a name that DNS cannot carry
        logger.warning("no heartbeat was taken by %s: %s", _host(), type(error).__name__)
        return
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        taken.set()
    else:
        logger.warning("no heartbeat was taken by %s: it answered %s", _host(), status)


def _host() -> str:
    return urlsplit(settings.HEARTBEAT_URL).hostname or "nobody"


class Ready(Protocol):
    def __call__(self, *, now: datetime) -> tuple[int, dict[str, Any]]: ...


class Beats(Protocol):
    def __call__(self, *, now: datetime) -> bool: ...


@dataclass(slots=True)
class Outage:
    """For how long it has not been ready, in seconds of a monotonic clock.

    After a start and after a pause an outage is believed once it has lasted for `watchdog.STALE_SECONDS`: the others
    may only just have begun, or have been paused too.
    """

    doubted_since: float | None
    since: float | None = None

    def look(self, *, ready: bool, at: float) -> float | None:
        """Its length, also at the look that finds it over; 0: none, or only now. None: not believed yet."""
        patience = settings.THRESHOLDS.watchdog.STALE_SECONDS
        if not ready and self.doubted_since is not None and at - self.doubted_since < patience:
            return None
        self.doubted_since = None
        if not ready and self.since is None:
            self.since = at
        length = 0.0 if self.since is None else at - self.since
        if ready:
            self.since = None
        return length


class Watchdog:
    """One look after the other, in one thread. `clock` is this machine's; what is stored has the database's time."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        ready: Ready | None = None,
        beats: Beats | None = None,
    ):
        self._clock, self._monotonic = clock, monotonic
        self._ready: Ready = ready or Readiness()
        self._beats: Beats = beats or Heartbeat()
        self._outage = Outage(doubted_since=monotonic())
        self._said: frozenset[str] = frozenset()
        self._failed = False

    def run(self, stop: threading.Event) -> None:
        """Look until `stop`. Nothing that a look meets ends this."""
        while not stop.is_set():
            self.rest(stop.wait)
            if not stop.is_set():
                self._failed |= not _done(self.look)

    def rest(self, sleep: Callable[[float], object]) -> None:
        """Wait until the next look; whoever sleeps far longer was paused, or its clock was moved."""
        every = settings.THRESHOLDS.watchdog.EVERY_SECONDS
        at, wall = self._monotonic(), self._clock()
        sleep(every)
        slept = self._monotonic() - at, (self._clock() - wall).total_seconds()
        if any(not 0 <= seconds <= 2 * every for seconds in slept):
            self._paused(max(slept, key=abs))

    def _paused(self, seconds: float) -> None:
        logger.warning("paused for %.0f s: what this process did not see is no outage", seconds)
        self._outage = Outage(doubted_since=self._monotonic())

    def look(self) -> None:
        """See how things are, and do what follows from it."""
        began = self._monotonic()
        _status, body = self._ready(now=self._clock())
        took = self._monotonic() - began
        if took > settings.THRESHOLDS.watchdog.EVERY_SECONDS:  # readiness keeps within its budget
            self._paused(took)
            return
        checks, failing = body["checks"], body["failing_checks"]
        length = self._outage.look(ready=not failing, at=self._monotonic())
        if "latency_ms" not in checks["database"]:
            self._say(rules.refusals(None, failing, **self._limits(), now=self._clock()))
            return
        clock = server_clock()
        now = clock()
        # One second less: looks that should be so far apart are sometimes a little nearer.
        if not services.take_turn(name=LOOKED, every=_seconds("EVERY_SECONDS", less=1), now=now):
            return  # another watchdog has just looked
        progress = services.read_progress(now=now)
        refused = rules.refusals(progress, failing, now=now, **self._limits())
        if self._failed:
            refused["watchdog"] = "the watchdog's own last look failed"
        self._say(refused)
        if length is None:
            return
        steps: list[Callable[[], object]] = [
            partial(self._note, checks, progress, length, now=now),
            partial(services.watch, scope="platform", now=now),
        ]
        if not refused:
            steps.insert(0, partial(self._beat, progress, now=now))
        if rules.stale(progress.pulses.get(DISPATCH), now=now, after=_seconds("STALE_SECONDS")):
            steps.append(partial(self._dispatch, clock))
        self._failed = [_done(step) for step in steps].count(False) > 0

    @staticmethod
    def _limits() -> dict[str, timedelta]:
        return {
            "stale_after": _seconds("STALE_SECONDS"),
            "backlog": _seconds("BACKLOG_SECONDS"),
            "judged_within": services.judged_within(),
        }

    def _say(self, refused: dict[str, str]) -> None:
        """Log when other things are wrong than at the last look."""
        if refused.keys() != self._said:
            if refused:
                logger.warning("no heartbeat: %s", "; ".join(refused.values()))
            else:
                logger.info("all goes on")
        self._said = frozenset(refused)

    @staticmethod
    def _note(checks: dict[str, Any], progress: Progress, length: float, *, now: datetime) -> None:
        levels = {
            "not_ready_seconds": length,
            "queue_stuck": int(checks["queue"]["stuck_detected"]),
            "database_ms": checks["database"]["latency_ms"],
            "due_deadlines": progress.deadlines,
            "pending_deliveries": progress.deliveries,
        }
        if "depth" in checks["queue"]:  # the broker answered
            levels["queue_depth"] = checks["queue"]["depth"]
        for name, value in levels.items():
            services.note_level(name=name, value=float(value), now=now)

    def _beat(self, progress: Progress, *, now: datetime) -> None:
        last = progress.pulses.get(BEAT)
        due = rules.stale(last, now=now, after=_seconds("HEARTBEAT_SECONDS", less=1))
        if settings.HEARTBEAT_URL and due and self._beats(now=now):
            services.beat(name=BEAT, now=now)

    @staticmethod
    def _dispatch(clock: Callable[[], datetime]) -> None:
        """Send what is queued, so that people hear of it although every worker is dead. Yields to no sweep."""
        dispatched = deliveries.dispatch(clock=clock)
        if dispatched != deliveries.Dispatched():
            logger.warning("nobody else dispatches: %s", dispatched)


def _done(step: Callable[[], object]) -> bool:
    """Whether `step` came to its end. What it meets keeps neither the other steps nor the next look from theirs."""
    if not connection.in_atomic_block:  # somebody who looks inside their transaction keeps it
        close_old_connections()
    try:
        step()
    except Exception as error:
        why = None if isinstance(error, Error) else error
        logger.error("the watchdog met %s: %s", type(error).__name__, error, exc_info=why)
        return False
    return True


def _seconds(name: str, *, less: int = 0) -> timedelta:
    return timedelta(seconds=getattr(settings.THRESHOLDS.watchdog, name) - less)


def watch(stop: threading.Event, *, clock: Callable[[], datetime]) -> None:
    """Look until `stop` is set, and a second longer at most: a hung server may hold the last look."""
    looking = threading.Thread(target=Watchdog(clock=clock).run, args=(stop,), name="watchdog", daemon=True)
    looking.start()
    stop.wait()
    looking.join(GRACE_SECONDS)
