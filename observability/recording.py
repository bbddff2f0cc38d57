"""Counts and times the requests that this process answers, in memory, and hands the figures on every few seconds.

A request costs a few look-ups and additions under a lock that nobody holds for longer, and never a query. A process
that is killed loses what it has not handed on: at most `metrics.FLUSH_SECONDS` of requests. A write whose answer got
lost is repeated, so its requests may count twice.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ddsketch.mapping import LogarithmicMapping
from django.conf import settings
from django.db import close_old_connections, connections

logger = logging.getLogger(__name__)

OTHER = "(other)"
"""The route of requests beyond `metrics.MOST_SERIES`."""
_ROUTE_LENGTH = 200  # not tunable: the column's width
_SHORTEST_MS = 0.001  # not tunable: a sketch has no bin for 0


@dataclass(frozen=True, slots=True)
class Counted:
    """The requests of one minute to one route of a tenant (None: of the public one), as this process saw them.

    `codes` counts them by HTTP status; `bins` by duration in ms, each key the middle of a DDSketch bin.
    """

    tenant: int | None
    route: str
    method: str
    minute: datetime
    codes: Mapping[str, int]
    bins: Mapping[str, int]
    total_ms: float


Write = Callable[[Sequence[Counted]], None]
_Key = tuple[int, int | None, str, str]  # minute since the epoch, tenant, route, method


@dataclass(slots=True)
class _Series:
    codes: dict[int, int] = field(default_factory=dict)
    bins: dict[int, int] = field(default_factory=dict)
    total_ms: float = 0.0

    def add(self, other: "_Series") -> None:
        for mine, theirs in ((self.codes, other.codes), (self.bins, other.bins)):
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count
        self.total_ms += other.total_ms


class RequestRecorder:
    """Gathers from any thread, once started, and writes in a thread of its own, which starts with the first request.

    A forked child begins empty, with a thread of its own.
    """

    def __init__(self) -> None:
        self._write: Write | None = None
        self._bin = LogarithmicMapping(float(settings.THRESHOLDS.metrics.SKETCH_ERROR))
        self._start_over()
        os.register_at_fork(after_in_child=self._start_over)

    def _start_over(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[_Key, _Series] = {}
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._away = False

    def start(self, write: Write) -> None:
        """Gather from now on, and hand on to `write`, which may raise: then it gets the same and more later."""
        self._write = write
        self._ending.clear()

    def note(
        self, *, tenant: int | None, route: str, method: str, status: int, seconds: float, minute: int
    ) -> None:
        """Count one answered request. `minute` since the epoch; nothing before `start`."""
        if self._write is None:
            return
        milliseconds = max(seconds * 1000, _SHORTEST_MS)
        index = self._bin.key(milliseconds)
        key = (minute, tenant, route[:_ROUTE_LENGTH], method)
        with self._lock:
            series = self._series.get(key) or self._series_of(key)
            series.codes[status] = series.codes.get(status, 0) + 1
            series.bins[index] = series.bins.get(index, 0) + 1
            series.total_ms += milliseconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_writing, name="requests", daemon=True)
                self._thread.start()

    def _series_of(self, key: _Key) -> _Series:
        minute, tenant, _route, method = key
        if tenant is not None and len(self._series) >= settings.THRESHOLDS.metrics.MOST_SERIES:
            key = (minute, tenant, OTHER, method)  # a tenant's; without one there are few routes
        return self._series.setdefault(key, _Series())

    def flush(self) -> None:
        """Hand on what was gathered. What cannot be written now is kept, for `metrics.MOST_KEPT_MINUTES`."""
        with self._lock:
            taken, self._series = self._series, {}
        if not taken or self._write is None:
            return
        try:
            self._write([self._counted(key, series) for key, series in sorted(taken.items(), key=_order)])
        except Exception as error:  # whatever a database raises: the figures are worth another try
            if not self._away:
                logger.warning("requests are not recorded for now: %s", error)
            self._away = True
            self._put_back(taken)
        else:
            if self._away:
                logger.info("requests are recorded again")
            self._away = False

    def stop(self, *, timeout: float) -> None:
        """Write what is left, waiting for `timeout` seconds at most, and gather nothing any more."""
        self._ending.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        self._write, self._thread = None, None

    def _keep_writing(self) -> None:
        try:
            while not self._ending.wait(settings.THRESHOLDS.metrics.FLUSH_SECONDS):
                close_old_connections()  # between two requests Django does this
                self.flush()
            self.flush()
        finally:
            connections.close_all()  # this thread's own

    def _put_back(self, taken: dict[_Key, _Series]) -> None:
        kept_minutes = settings.THRESHOLDS.metrics.MOST_KEPT_MINUTES
        newest = sorted({minute for minute, *_ in taken})[
            -kept_minutes:
        ]  # of a clock that was ahead it is one
        lost = 0
        with self._lock:
            for key, series in taken.items():
                if key[0] >= newest[0]:
                    (self._series.get(key) or self._series_of(key)).add(series)
                else:
                    lost += sum(series.codes.values())
        if lost:
            logger.warning("%s requests before the last %s minutes are not recorded", lost, kept_minutes)

    def _counted(self, key: _Key, series: _Series) -> Counted:
        minute, tenant, route, method = key
        return Counted(
            tenant=tenant,
            route=route,
            method=method,
            minute=datetime.fromtimestamp(minute * 60, tz=UTC),
            codes={str(status): count for status, count in series.codes.items()},
            bins={f"{self._bin.value(index):.6g}": count for index, count in series.bins.items()},
            total_ms=series.total_ms,
        )


def _order(item: tuple[_Key, _Series]) -> tuple[int, int, str, str]:
    """All processes write in one order, so that none waits for another that waits for it."""
    minute, tenant, route, method = item[0]
    return tenant or 0, minute, route, method


requests = RequestRecorder()
"""This process's."""
