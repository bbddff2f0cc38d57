"""A part that hangs or stays dead: what /health and /health/ready say, who hears of it, and when the heartbeat stops.

In the long form everything takes its time, with the product's numbers but for the minutes after which a queue is
stuck. In the short form the watchdog is quick, and pulses are made as old as they would become.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.db.models import F

from observability.models import Alert, Gauge, Pulse
from tenancy.models import Delivery
from tenancy.transactions import ref
from tests.chaos import world
from tests.chaos.ledger import Row, known_as
from tests.chaos.stack import TooLong

if TYPE_CHECKING:
    from tests.chaos.scenarios import Run
    from tests.chaos.world import Report

NOT_READY_WITHIN, NO_HEARTBEAT_WITHIN = 30.0, 90.0  # seconds; what is promised
ANSWERS_WITHIN = 1.0
PULSES = 5.0  # a pulse is recorded that often
OK, ILL = 200, 503
QUICK = {
    "THRESHOLD_WATCHDOG_EVERY_SECONDS": "1",
    "THRESHOLD_WATCHDOG_HEARTBEAT_SECONDS": "2",
    "THRESHOLD_WATCHDOG_STALE_SECONDS": "4",
    "THRESHOLD_WATCHDOG_TIMEOUT_SECONDS": "1",
}
STUCK = {"THRESHOLD_HEALTH_QUEUE_STUCK_MINUTES": "1"}
STUCK_AFTER = 60.0  # seconds, so


@dataclass
class Course:
    """The course of an illness: what was said meanwhile, how soon, and what of it was wrong."""

    run: "Run"
    name: str
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    slowest: float = 0.0
    times: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def heartbeat_seconds(self) -> float:
        limits = settings.THRESHOLDS.watchdog
        return (
            limits.HEARTBEAT_SECONDS
            if self.run.long
            else float(QUICK["THRESHOLD_WATCHDOG_HEARTBEAT_SECONDS"])
        )

    def strikes(self) -> None:
        """What is measured from now on begins now."""
        self.began = datetime.now(UTC)

    def asked(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body of a health page; one that takes too long or does not answer is a fault."""
        began = time.monotonic()
        answer = world.ask(self.run.stack.port, path, timeout=5)
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        if (
            answer is None or took >= self.run.size(2, 1) * ANSWERS_WITHIN
        ):  # beside the suite it gets twice as long
            self.faults.append(f"{self.name}: {path} took {took:.1f} s")
        body = answer.body if answer and isinstance(answer.body, dict) else {}
        return (answer.status if answer else 0), body

    def until(self, what: str, condition: Callable[[], object], *, within: float) -> None:
        """Wait, and note how long it took since the blow; too long is a fault."""
        try:
            self.run.stack.until(f"{self.name}: {what}", condition, within=within)
        except TooLong as problem:
            self.faults.append(str(problem))
        self.times[what] = (datetime.now(UTC) - self.began).total_seconds()

    def not_ready(self, *checks: str, within: float = NOT_READY_WITHIN) -> None:
        """Wait until it is not ready because of `checks`, and alive."""

        def fails() -> bool:
            status, body = self.asked("/health/ready")
            return status == ILL and body.get("failing_checks") == [*checks]

        self.until(f"not ready ({', '.join(checks)})", fails, within=within)
        if self.asked("/health")[0] != OK:
            self.faults.append(f"{self.name}: it is not alive")

    def warns(self, check: str) -> None:
        """Wait until it warns of `check`, and is ready."""

        def warned() -> bool:
            status, body = self.asked("/health/ready")
            return status == OK and body["checks"][check]["status"] == "warning"

        self.until(f"warning ({check})", warned, within=NOT_READY_WITHIN + PULSES)

    def no_heartbeat(self, status: int) -> None:
        """Wait until a heartbeat is missing, for as long again; readiness has to say `status` all the time."""
        said, every = set(), self.heartbeat_seconds

        def silent() -> bool:
            said.add(self.asked("/health/ready")[0])
            return (datetime.now(UTC) - self._last_heartbeat()).total_seconds() >= 2 * every

        try:
            self.run.stack.until(f"{self.name}: no heartbeat", silent, within=2 * NO_HEARTBEAT_WITHIN)
        except TooLong as problem:
            self.faults.append(str(problem))
        missing = (self._last_heartbeat() - self.began).total_seconds() + every
        self.times["no heartbeat"] = missing
        if missing > NO_HEARTBEAT_WITHIN:
            self.faults.append(f"{self.name}: the heartbeat was missing after {missing:.0f} s only")
        if said != {status}:
            self.faults.append(f"{self.name}: readiness said {sorted(said)} meanwhile, not {status}")

    def _last_heartbeat(self) -> datetime:
        return max([self.began, *self.run.stack.heartbeats()])

    def well(self) -> None:
        """Wait until it is ready and the heartbeat is there again, counted from now."""
        self.strikes()
        self.until("ready again", lambda: self.asked("/health/ready")[0] == OK, within=90)
        self.until("heartbeat again", lambda: self._last_heartbeat() > self.began, within=120)

    def row(self, reports: "list[Report]") -> Row:
        """Its line of the table, once all is told."""
        row = self.run.told(self.name, reports)
        row.notes |= {f"{what} s": took for what, took in self.times.items()}
        row.notes["slowest answer s"] = self.slowest
        row.faults += self.faults
        return row


@contextmanager
def _watched(run: "Run", **env: str) -> "Iterator[None]":
    """With a watchdog, and web, as this form has them; the next scenario finds the usual ones."""
    changed = {**({} if run.long else QUICK), **env}
    for name in ("web", "watchdog"):
        run.stack.stop(name)
        run.stack.start(name, env=changed)
    run.stack.until("web serves", run.web_is_back)
    beats = len(run.stack.heartbeats())
    run.stack.until("a heartbeat", lambda: len(run.stack.heartbeats()) > beats, within=120)
    try:
        yield
    finally:
        run.stack.stop("web", "watchdog")


def _age(seconds: float, *names: str) -> None:
    """Make these pulses older: as they were after so many seconds in which nobody renewed them."""
    Pulse.objects.filter(name__in=names).update(at=F("at") - timedelta(seconds=seconds))


# ---- one by one: the long form ------------------------------------------------------------------------------------


def postgres_hangs(run: "Run") -> Row:
    """PostgreSQL accepts and never answers."""
    with _watched(run):
        reports = run.stream(4)
        course = Course(run, "PostgreSQL hangs")
        with run.stack.postgres().frozen():
            course.strikes()
            course.not_ready("database")
            course.no_heartbeat(ILL)
        connection.close()
        course.well()
        return course.row(reports + run.stream(4))


def valkey_hangs(run: "Run") -> Row:
    """Valkey accepts and never answers; requests are served all the same."""
    with _watched(run):
        reports = run.stream(4)
        course = Course(run, "Valkey hangs")
        with run.stack.valkey().frozen():
            course.strikes()
            course.warns("queue")
            course.no_heartbeat(OK)
        course.well()
        return course.row(reports + run.stream(4))


def worker_stays_dead(run: "Run") -> Row:
    """The worker is killed under load and does not come back: alive, but not ready.

    What is reported meanwhile is due from now on: one that is backdated would stop the heartbeat by itself.
    """
    with _watched(run, **STUCK):
        reports = run.stream(4)
        run.stack.stop("worker")
        course = Course(run, "the worker stays dead")
        reports += [run.post(place=place) for place in run.places * 3]
        course.not_ready("queue", within=STUCK_AFTER + NOT_READY_WITHIN)
        alert = _alerted(course)
        course.no_heartbeat(ILL)
        run.stack.start("worker")
        course.well()
        _recovers(course, alert)
        return course.row(reports)


def beat_stays_dead(run: "Run") -> Row:
    """Beat is killed and does not come back."""
    with _watched(run):
        reports = run.stream(4)
        run.stack.stop("beat")
        course = Course(run, "beat stays dead")
        course.warns("beat")
        course.not_ready("beat", within=settings.THRESHOLDS.health.BEAT_STALE_SECONDS + NOT_READY_WITHIN)
        course.no_heartbeat(ILL)
        run.stack.start("beat")
        course.well()
        return course.row(reports + run.stream(4))


def _alerted(course: Course) -> str:
    """Wait until an alert says that the queue is stuck, and has reached somebody; its subject."""
    found = Alert.objects.filter(rule="queue_stuck", state="open")
    course.until("alert opened", found.exists, within=120)
    subject = ref(found.get())
    told = Delivery.objects.filter(message="alert.opened", subject=subject, state="sent")
    course.until(
        "alert mailed with no worker",
        lambda: any(course.run.received()[known_as(row)] for row in told.all()),
        within=120,
    )
    return subject


def _recovers(course: Course, subject: str) -> None:
    """Its window is five minutes: nothing wrong was noted in them, and that held through five more."""
    row = Alert.objects.filter(pk=subject.partition(":")[2])
    if not course.run.long:
        Gauge.objects.update(minute=F("minute") - timedelta(hours=1))
        course.run.stack.until("ok for once", row.filter(ok_since__isnull=False).exists)
        row.update(ok_since=F("ok_since") - timedelta(minutes=5))
    course.until("alert recovered", row.filter(state="recovered").exists, within=900)


ALL: dict[str, Callable[["Run"], Row]] = {
    "postgres_hangs": postgres_hangs,
    "valkey_hangs": valkey_hangs,
    "worker_stays_dead": worker_stays_dead,
    "beat_stays_dead": beat_stays_dead,
}


# ---- all at once: the short form -----------------------------------------------------------------------------------


def all_of_them(run: "Run") -> Row:
    """Both servers hang, then the worker and beat stay dead: every part ill once, in as little time as it takes."""
    with _watched(run, **STUCK):
        reports = run.stream(2)
        course = Course(run, "each part hangs or stays dead")
        with run.stack.valkey().frozen():
            course.strikes()
            course.warns("queue")
            with run.stack.postgres().frozen():
                course.not_ready("database")
                course.no_heartbeat(ILL)
        connection.close()
        course.well()

        run.stack.stop("worker")
        course.strikes()
        reports += [run.post(place=place) for place in run.places]
        _age(STUCK_AFTER, "consumed")
        course.not_ready("queue")
        alert = _alerted(course)
        run.stack.stop("beat")
        _age(settings.THRESHOLDS.health.BEAT_STALE_SECONDS, "beat")
        course.not_ready("beat", "queue")
        course.no_heartbeat(ILL)
        run.stack.start("worker")
        run.stack.start("beat")
        course.well()
        _recovers(course, alert)
        return course.row(reports)
