"""Is the process alive, and may it take traffic? Answers within `health.READY_BUDGET_MS`, whatever hangs.

Each part is asked in a daemon thread of its own, and one that hangs is not asked again until it came back. Nothing
here uses a request's connection, needs a tenant or shows a secret: an error's text goes to the log.
"""

import atexit
import json
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from kombu import Connection as Broker
from kombu.exceptions import ChannelError

from observability.rules import health as rules

logger = logging.getLogger(__name__)

LIVE, READY = "/health", "/health/ready"
PATHS = (LIVE, READY)
METHODS = ("GET", "HEAD")

T = TypeVar("T")
Section = Mapping[str, object]
_NOT_FOUND = 404  # not tunable: AMQP


class Probe(Generic[T]):
    """Asks one thing in a daemon thread, once at a time: who asks while it runs shares its answer."""

    def __init__(self, name: str, read: Callable[[], T]):
        self.name = name
        self._read = read
        self._lock = threading.Lock()
        self._running: Future[T] | None = None

    def ask(self) -> Future[T]:
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                self._running.set_running_or_notify_cancel()  # so that no waiter can cancel it for the others
                threading.Thread(
                    target=self._run, args=(self._running,), name=f"health-{self.name}", daemon=True
                ).start()
            return self._running

    def _run(self, answer: Future[T]) -> None:
        try:
            result = self._read()
        except Exception as error:  # whatever it is, it is the answer
            logger.warning("health: %s failed: %s: %s", self.name, type(error).__name__, error)
            answer.set_exception(error)
        else:
            answer.set_result(result)


# ---- sections that higher apps fill ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Contribution:
    section: str
    keys: frozenset[str]
    probe: Probe[Section]


_contributions: list[_Contribution] = []
SECTIONS = ("pilot", "last_activity")


def register_section(section: str, keys: Collection[str], read: Callable[[], Section]) -> None:
    """Let `read` fill `keys` of the section "pilot" or "last_activity"; for AppConfig.ready().

    `read` runs in a thread that starts in public; what it raises or takes too long for becomes a warning.
    Raises ValueError for an unknown section or a key that somebody fills already.
    """
    taken = {key for one in _contributions if one.section == section for key in one.keys}
    if section not in SECTIONS or taken & set(keys):
        raise ValueError(f"section {section!r} is unknown or has {sorted(taken & set(keys))} already")

    def reading() -> Section:
        try:
            return read()
        finally:
            connections.close_all()  # this thread's own

    _contributions.append(_Contribution(section, frozenset(keys), Probe(section, reading)))


def _defaults() -> dict[str, dict[str, object]]:
    limits = settings.THRESHOLDS.pilot
    rate = {
        "current": 0,
        "limit": limits.MAX_INVOICES_PER_HOUR,
        "remaining": limits.MAX_INVOICES_PER_HOUR,
        "window_seconds": limits.WINDOW_SECONDS,
    }
    return {
        "pilot": {"enabled": False, "tenant_id": "pilot", "rate_limit": rate},
        "last_activity": {"last_incident_at": None, "last_extraction_at": None},
    }


# ---- the two servers -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DatabaseFacts:
    """How long SELECT 1 took, in ms, and the pulses by name."""

    latency_ms: float
    pulses: dict[str, datetime]


def database_params() -> dict[str, Any]:
    """libpq's parameters for the product's database."""
    given = connections[DEFAULT_DB_ALIAS].settings_dict
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    django_only = {"pool", "isolation_level", "server_side_binding", "assume_role", "service"}
    options = {key: value for key, value in given["OPTIONS"].items() if key not in django_only}
    return options | {name: given[key] for name, key in names.items() if given[key]}


class Asking(ABC, Generic[T]):
    """Asks the database on a connection of its own, kept between calls; one thread at a time."""

    def __init__(self, params: Callable[[], dict[str, Any]] = database_params):
        self._params = params
        self._connection: psycopg.Connection[Any] | None = None

    def __call__(self) -> T:
        """Raises psycopg.Error when it does not answer, or is not migrated."""
        if self._connection is not None:
            try:
                return self._ask(self._connection)
            except psycopg.Error:  # it may have been restarted: a new connection decides
                self.close()
        limits = settings.THRESHOLDS.health
        self._connection = psycopg.connect(
            **self._params()
            | {
                "application_name": "hypercare-health",
                "autocommit": True,
                # a peer that vanished without a word is given up in seconds, not in hours
                "keepalives_idle": limits.KEEPALIVE_IDLE_SECONDS,
                "keepalives_interval": limits.KEEPALIVE_EVERY_SECONDS,
                "keepalives_count": limits.KEEPALIVE_TRIES,
                "tcp_user_timeout": limits.LOST_AFTER_MS,
            }
        )
        return self._ask(self._connection)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @abstractmethod
    def _ask(self, connection: psycopg.Connection[Any]) -> T: ...


class Database(Asking[DatabaseFacts]):
    """How fast it answers, and the pulses."""

    def _ask(self, connection: psycopg.Connection[Any]) -> DatabaseFacts:
        start = time.perf_counter()
        connection.execute("SELECT 1")
        latency_ms = (time.perf_counter() - start) * 1000
        pulses = connection.execute("SELECT name, at FROM public.observability_pulse").fetchall()
        return DatabaseFacts(latency_ms, dict(pulses))


def broker_url() -> str:
    return str(settings.BROKER_URL)


class QueueDepth:
    """Counts the messages that wait, over a passive declaration: Redis, Valkey and RabbitMQ alike."""

    def __init__(self, url: Callable[[], str] = broker_url):
        self._url = url

    def __call__(self) -> int:
        """Raises what kombu raises when the broker does not answer."""
        # py-amqp's names for what socket_timeout is to Redis; each ignores the other's
        limits = settings.THRESHOLDS.broker
        options = {"read_timeout": limits.ANSWER_SECONDS, "write_timeout": limits.ANSWER_SECONDS}
        options |= settings.CELERY_BROKER_TRANSPORT_OPTIONS
        with Broker(self._url(), connect_timeout=limits.CONNECT_SECONDS, transport_options=options) as broker:
            broker.ensure_connection(
                max_retries=1,  # not tunable: who asks again tries again
                interval_start=0,
                interval_step=0,
            )
            channel: Any = broker.channel()  # the stubs know only what all transports share
            try:
                declared = channel.queue_declare(settings.CELERY_TASK_DEFAULT_QUEUE, passive=True)
            except ChannelError as error:
                if int(error.reply_code or 0) == _NOT_FOUND:  # never used, or on Redis: empty
                    return 0
                raise
            return int(declared.message_count)


# ---- readiness ------------------------------------------------------------------------------------------------


@dataclass
class Readiness:
    """Gathers and judges. One per process; `health.READY_BUDGET_MS` is the longest it takes."""

    database: Callable[[], DatabaseFacts] = field(default_factory=Database)
    depth: Callable[[], int] = field(default_factory=QueueDepth)

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._database = Probe("database", self.database)
        self._depth = Probe("queue", self.depth)

    def __call__(self, *, now: datetime) -> tuple[int, dict[str, object]]:
        """The HTTP status, 200 or 503, and the body of ready.schema.json."""
        limits = settings.THRESHOLDS.health
        deadline = time.monotonic() + limits.READY_BUDGET_MS / 1000
        asked = [(one, one.probe.ask()) for one in _contributions]
        database, depth = self._database.ask(), self._depth.ask()

        checks = self._judge(database, depth, now=now, deadline=deadline)
        sections = _defaults()
        for one, answer in asked:
            try:
                given = _wait(answer, deadline)
            except Exception as error:  # logged by the probe; the section keeps its defaults
                checks[one.section] = rules.check("warning", f"unknown: {type(error).__name__}")
            else:
                sections[one.section] |= {key: given[key] for key in one.keys & given.keys()}
        failing = rules.failing(checks)
        body: dict[str, object] = {
            "status": "not_ready" if failing else "ready",
            "timestamp": rules.stamp(now),
            "build_id": settings.BUILD_ID,
            "config_hash": settings.CONFIG_HASH,
            "checks": checks,
            "failing_checks": failing,
            **sections,
        }
        return (HTTPStatus.SERVICE_UNAVAILABLE if failing else HTTPStatus.OK), body

    def _judge(
        self, database: Future[DatabaseFacts], depth: Future[int], *, now: datetime, deadline: float
    ) -> dict[str, rules.Check]:
        limits = settings.THRESHOLDS.health
        uptime = timedelta(seconds=time.monotonic() - self._started)
        checks: dict[str, rules.Check] = {
            "config": rules.check("ok", validated=True),  # a process with a bad one does not start
            "openai_api": rules.check("ok", enabled=False, key_configured=False),
        }
        pulses: dict[str, datetime] | None = None
        try:
            facts = _wait(database, deadline)
        except TimeoutError:
            checks["database"] = rules.timed_out(limits.READY_BUDGET_MS)
        except psycopg.errors.UndefinedTable:
            checks["database"] = rules.check("error", "not migrated")
        except Exception as error:  # its text may name hosts and users: that is for the log
            checks["database"] = rules.check("error", f"does not answer: {type(error).__name__}")
        else:
            pulses = facts.pulses
            checks["database"] = rules.database(
                facts.latency_ms, warn_ms=limits.DATABASE_WARN_MS, error_ms=limits.DATABASE_ERROR_MS
            )
        stale_after = timedelta(seconds=limits.BEAT_STALE_SECONDS)
        if pulses is None:
            checks["beat"] = rules.beat_unknown()
        else:
            checks["beat"] = rules.beat(pulses.get("beat"), now=now, uptime=uptime, stale_after=stale_after)
        watched = (pulses or {}).get("watchdog")
        if watched is not None:
            stale_after = timedelta(seconds=settings.THRESHOLDS.watchdog.STALE_SECONDS)
            checks["watchdog"] = rules.watchdog(watched, now=now, stale_after=stale_after)
        try:
            waiting = _wait(depth, deadline)
        except TimeoutError:
            checks["queue"] = rules.queue_unknown("timed out")
        except Exception as error:  # as above
            checks["queue"] = rules.queue_unknown(f"does not answer ({type(error).__name__})")
        else:
            checks["queue"] = rules.queue(
                waiting,
                consumed=(pulses or {}).get("consumed"),
                known=pulses is not None,
                now=now,
                uptime=uptime,
                stuck_after=timedelta(minutes=limits.QUEUE_STUCK_MINUTES),
            )
        return checks


def _wait(answer: Future[T], deadline: float) -> T:
    return answer.result(timeout=max(0.0, deadline - time.monotonic()))


_database = Database()
atexit.register(_database.close)
readiness = Readiness(_database)


def liveness() -> dict[str, object]:
    """That the process answers; touches nothing."""
    return {"status": "alive", "build_id": settings.BUILD_ID}


# ---- HTTP, for both edges ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


def answer(method: str, status: int, said: dict[str, object]) -> Answer:
    """What goes over the wire for `said`; a 405 for a method that is none of METHODS."""
    headers = [("Cache-Control", "no-store")]
    if method not in METHODS:
        refusal = (*headers, ("Allow", ", ".join(METHODS)), ("Content-Length", "0"))
        return Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"", refusal)
    body = json.dumps(said, separators=(",", ":")).encode()
    headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return Answer(status, body if method == "GET" else b"", tuple(headers))
