"""The watchdog against a real database and a real receiver: when it beats, what it notes, and what cannot stop it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import RequestFactory
from django.utils import timezone

from observability import services
from observability.admin.watched import watchdog_to_look_at
from observability.health import DatabaseFacts, Readiness
from observability.management.findings import unwatched
from observability.models import Gauge, Pulse
from observability.services import beat, read_progress, take_turn
from observability.watchdog import Heartbeat, Outage, Watchdog
from project.mailbox import Hooks, heartbeats
from tenancy.actors import Actor
from tenancy.models import Deadline, Delivery, Endpoint, Tenant, User
from tenancy.states import StaffRole
from tests.observability.conftest import Hung

pytestmark = pytest.mark.django_db
BASE_DIR = Path(__file__).resolve().parent.parent.parent
SECOND = timedelta(seconds=1)


@dataclass
class Hands:
    """A watchdog whose time is moved by hand; `facts` are what readiness finds."""

    facts: DatabaseFacts | Exception
    depth: int = 0
    at: float = 1000.0
    ahead: float = 0.0

    def __post_init__(self) -> None:
        self.watchdog = Watchdog(clock=self.clock, monotonic=lambda: self.at, ready=self.readiness())

    def readiness(self) -> Readiness:
        def database() -> DatabaseFacts:
            if isinstance(self.facts, Exception):
                raise self.facts
            return self.facts

        return Readiness(database=database, depth=lambda: self.depth)

    def clock(self) -> datetime:
        return timezone.now() + timedelta(seconds=self.ahead)

    def sleeps(self, seconds: float, *, wall: float | None = None) -> None:
        """It sleeps, and this is how long that took by its two clocks."""

        def sleep(_asked: float) -> None:
            self.at += seconds
            self.ahead += seconds if wall is None else wall

        self.watchdog.rest(sleep)
        self.ahead = 0.0  # what the database's clock shows has not moved

    def looks(self) -> None:
        """The next of its looks, as far from the last as it should be."""
        Pulse.objects.filter(name="watchdog").delete()
        self.watchdog.look()


def levels() -> dict[str, float]:
    return {gauge.name: gauge.last for gauge in Gauge.objects.order_by("minute")}


@pytest.fixture
def all_well(db: None) -> None:
    for name in ("beat", "consumed", "sweep", "dispatch"):
        beat(name=name, now=timezone.now())


@pytest.fixture
def hands(all_well: None) -> Hands:
    return Hands(DatabaseFacts(1.5, {"beat": timezone.now(), "consumed": timezone.now()}))


@pytest.fixture
def outside(tmp_path: Path, settings: LazySettings) -> Iterator[Path]:
    """A receiver of heartbeats; the folder where it keeps them."""
    hooks = Hooks(tmp_path, host="127.0.0.1", port=0)
    threading.Thread(target=hooks.serve_forever, daemon=True).start()
    settings.HEARTBEAT_URL = f"http://127.0.0.1:{hooks.server_port}/heartbeat"
    yield tmp_path
    hooks.shutdown()
    hooks.server_close()


@pytest.fixture
def impatient(settings: LazySettings) -> None:
    limits = replace(settings.THRESHOLDS.watchdog, TIMEOUT_SECONDS=1)
    settings.THRESHOLDS = replace(settings.THRESHOLDS, watchdog=limits)


def pulse(name: str) -> datetime | None:
    found = Pulse.objects.filter(name=name).first()
    return found.at if found else None


# ---- the heartbeat ------------------------------------------------------------------------------------------------


def test_it_beats_while_all_goes_on_and_notes_levels(hands: Hands, outside: Path) -> None:
    hands.looks()
    assert len(heartbeats(outside)) == 1
    assert pulse("heartbeat") is not None
    assert levels() == {
        "not_ready_seconds": 0,
        "queue_stuck": 0,
        "queue_depth": 0,
        "database_ms": 1.5,
        "due_deadlines": 0,
        "pending_deliveries": 0,
    }


def test_it_beats_as_often_as_it_should(hands: Hands, outside: Path) -> None:
    hands.looks()
    hands.looks()
    assert len(heartbeats(outside)) == 1
    beat(name="heartbeat", now=timezone.now() - 30 * SECOND)
    hands.looks()
    assert len(heartbeats(outside)) == 2


@pytest.mark.parametrize("name", ["sweep", "dispatch"])
def test_it_does_not_when_sweeps_or_deliveries_stop(
    name: str, hands: Hands, outside: Path, caplog: pytest.LogCaptureFixture
) -> None:
    beat(name=name, now=timezone.now() - 61 * SECOND)
    hands.looks()
    hands.looks()
    assert heartbeats(outside) == []
    assert caplog.text.count(f"no heartbeat: {name}: none has succeeded for 61 s") == 1
    assert levels()["not_ready_seconds"] == 0, "web serves"
    beat(name=name, now=timezone.now())
    hands.looks()
    assert len(heartbeats(outside)) == 1


def test_it_does_not_when_nobody_judges_the_alarms_of_tenants(
    hands: Hands, outside: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The task fails each time, say: sweeps and deliveries go on, and no alert opens."""
    beat(name="verdicts", now=timezone.now() - 181 * SECOND)
    hands.looks()
    assert heartbeats(outside) == []
    assert "no heartbeat: the alarms of tenants: none has succeeded for 181 s" in caplog.text
    assert [fault.what for fault in unwatched()] == [
        "The alarms of tenants are not judged any more: no alert of theirs opens."
    ]
    beat(name="verdicts", now=timezone.now())
    hands.looks()
    assert len(heartbeats(outside)) == 1
    assert list(unwatched()) == []


def test_it_does_not_while_the_queue_is_stuck(hands: Hands, outside: Path) -> None:
    hands.looks()
    beat(name="heartbeat", now=timezone.now() - 30 * SECOND)
    hands.depth = 4
    hands.facts = DatabaseFacts(
        1.5, {"beat": timezone.now(), "consumed": timezone.now() - timedelta(minutes=11)}
    )
    hands.looks()
    assert len(heartbeats(outside)) == 1
    assert (levels()["queue_stuck"], levels()["queue_depth"]) == (1, 4)


def test_without_a_database_it_says_so_and_asks_nothing(
    hands: Hands, outside: Path, caplog: pytest.LogCaptureFixture, django_assert_num_queries: Any
) -> None:
    hands.facts = OSError("gone")
    with django_assert_num_queries(0):
        hands.watchdog.look()
        hands.watchdog.look()
    assert heartbeats(outside) == []
    assert caplog.text.count("the database does not answer") == 1


def test_nobody_is_called_without_an_address(hands: Hands, settings: LazySettings) -> None:
    settings.HEARTBEAT_URL = ""
    hands.looks()
    assert pulse("heartbeat") is None
    assert levels()["queue_depth"] == 0


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 302 See\r\nLocation: /\r\n\r\n", b""],
    ids=["refuses", "redirects", "breaks off"],
)
def test_a_heartbeat_that_nobody_takes_is_tried_again_at_the_next_look(
    answer: bytes, hands: Hands, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        settings.HEARTBEAT_URL = f"http://127.0.0.1:{server.getsockname()[1]}/secret"
        calls = []

        def refuse() -> None:
            with suppress(OSError):
                while True:
                    caller = server.accept()[0]
                    calls.append(caller.recv(4096))
                    caller.sendall(answer)
                    caller.close()

        refusing = threading.Thread(target=refuse)
        refusing.start()
        hands.looks()
        hands.looks()
        server.shutdown(socket.SHUT_RDWR)
        refusing.join()
    assert len(calls) == 2
    assert pulse("heartbeat") is None
    assert "no heartbeat was taken by 127.0.0.1" in caplog.text
    assert "secret" not in caplog.text


def test_a_receiver_that_hangs_does_not_stop_it(
    hands: Hands, hung: Hung, settings: LazySettings, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    settings.HEARTBEAT_URL = f"http://127.0.0.1:{hung.port}/"
    beats = Heartbeat()
    began = time.monotonic()
    assert not beats(now=timezone.now())
    assert time.monotonic() - began < 3
    hands.looks()
    assert levels()["queue_depth"] == 0
    assert pulse("heartbeat") is None


def test_a_receiver_that_never_lets_go_gets_no_second_one(
    settings: LazySettings, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        settings.HEARTBEAT_URL = f"http://127.0.0.1:{server.getsockname()[1]}/"
        beats = Heartbeat()
        dripping = threading.Thread(target=beats, kwargs={"now": timezone.now()})
        dripping.start()
        with closing(server.accept()[0]) as caller:
            for _ in range(6):  # longer than it waits, a byte at a time: no timeout of a socket sees that
                caller.sendall(b"H")
                dripping.join(0.25)
            assert not dripping.is_alive()
            assert not beats(now=timezone.now())
    assert "is still being sent" in caplog.text


# ---- what is due ---------------------------------------------------------------------------------------------------


@pytest.fixture
def row(acme: Tenant) -> Callable[..., Delivery]:
    def make(**fields: Any) -> Delivery:
        now = timezone.now()
        given = {
            "state": "pending",
            "next_try_at": now - timedelta(minutes=5),
            "recipient": "user:1",
        } | fields
        return Delivery.objects.create(
            tenant=acme,
            event=uuid4(),
            message="machinery.alarm",
            subject="machinery",
            channel="email",
            dedupe_key="",
            created_at=now,
            **given,
        )

    return make


def test_what_is_due_waits_since_then(acme: Tenant, row: Callable[..., Delivery]) -> None:
    now = timezone.now()
    five, two = now - timedelta(minutes=5), now - timedelta(minutes=2)
    for at in (five, two):
        Deadline.objects.create(tenant=acme, kind="x", subject=f"x:{at}", due_at=at, wake_at=at)
    row(next_try_at=two)
    row(state="leased", next_try_at=five, leased_until=now - timedelta(minutes=3))
    found = read_progress(now=now)
    assert (found.deadlines, found.oldest_deadline) == (2, five)
    assert (found.deliveries, found.oldest_delivery) == (2, now - timedelta(minutes=3))


def test_a_retry_the_dead_and_what_waits_for_its_receiver_are_not_due(
    acme: Tenant, row: Callable[..., Delivery]
) -> None:
    now = timezone.now()
    soon = now + timedelta(minutes=1)
    Deadline.objects.create(tenant=acme, kind="x", subject="a", due_at=now, wake_at=soon)
    Deadline.objects.create(tenant=acme, kind="x", subject="b", due_at=now, wake_at=now, dead_at=now)
    row(next_try_at=soon)
    row(state="dead", dead_at=now)
    row(state="leased", leased_until=soon)
    ill, well = (
        Endpoint.objects.create(
            tenant=acme, name=name, channel="webhook", verbs=["*"], created_at=now, **since
        )
        for name, since in (("ill", {"failing_since": now}), ("well", {}))
    )
    row(recipient=f"endpoint:{ill.pk}")
    found = read_progress(now=now)
    assert (found.deadlines, found.deliveries) == (0, 0)
    row(recipient=f"endpoint:{well.pk}")
    assert read_progress(now=now).deliveries == 1


def test_a_suspended_tenant_holds_up_nothing(acme: Tenant, row: Callable[..., Delivery]) -> None:
    row()
    Deadline.objects.create(tenant=acme, kind="x", subject="x", due_at=timezone.now(), wake_at=timezone.now())
    Tenant.objects.filter(pk=acme.pk).update(state="suspended", suspended_at=timezone.now())
    found = read_progress(now=timezone.now())
    assert (found.oldest_deadline, found.oldest_delivery) == (None, None)


def test_it_sends_itself_what_nobody_sends(
    hands: Hands, outside: Path, users: dict[str, User], public: Tenant, row: Callable[..., Delivery]
) -> None:
    waiting = row(recipient=f"user:{users['platform'].pk}", tenant_id=public.pk)
    hands.looks()
    waiting.refresh_from_db()
    assert (waiting.state, mail.outbox) == ("pending", []), "dispatch is fresh: that is a worker's"
    beat(name="dispatch", now=timezone.now() - 61 * SECOND)
    hands.looks()
    waiting.refresh_from_db()
    assert waiting.state == "sent"
    assert len(mail.outbox) == 1


# ---- several, and itself -------------------------------------------------------------------------------------------


def test_of_two_watchdogs_one_looks(hands: Hands, outside: Path) -> None:
    other = Hands(hands.facts)
    hands.looks()
    other.watchdog.look()
    assert len(heartbeats(outside)) == 1
    assert set(Gauge.objects.values_list("samples", flat=True)) == {1}


def test_a_turn_is_taken_once_in_a_while(now: datetime) -> None:
    every = 10 * SECOND
    assert take_turn(name="watchdog", every=every, now=now)
    assert not take_turn(name="watchdog", every=every, now=now + 9 * SECOND)
    assert take_turn(name="watchdog", every=every, now=now + every)
    assert not take_turn(name="watchdog", every=every, now=now)
    assert take_turn(name="watchdog", every=every, now=now - SECOND), "a clock that was ahead holds up nobody"
    assert pulse("watchdog") == now - SECOND


def test_a_step_that_fails_keeps_no_other_from_its_work_and_stops_the_heartbeat(
    hands: Hands, outside: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def fail(**given: Any) -> None:
        asked.append(given["scope"])
        raise LookupError("no such rule")

    monkeypatch.setattr(services, "watch", fail)
    hands.looks()
    beat(name="heartbeat", now=timezone.now() - 30 * SECOND)
    hands.looks()
    assert asked == ["platform", "platform"]
    assert levels()["queue_depth"] == 0
    assert len(heartbeats(outside)) == 1
    assert "LookupError" in caplog.text
    assert "the watchdog's own last look failed" in caplog.text


# ---- pauses and outages ---------------------------------------------------------------------------------------------


def ill() -> DatabaseFacts:
    return DatabaseFacts(1.5, {"beat": timezone.now() - timedelta(minutes=5)})


def settled(hands: Hands) -> None:
    hands.looks()
    hands.sleeps(10)


def test_an_outage_grows_and_is_noted_whole_once_it_is_over(hands: Hands) -> None:
    settled(hands)
    well, hands.facts = hands.facts, ill()
    seen = []
    for _ in range(3):
        hands.looks()
        seen.append(levels()["not_ready_seconds"])
        hands.sleeps(10)
    hands.facts = well
    for _ in range(2):
        hands.looks()
        seen.append(levels()["not_ready_seconds"])
    assert seen == [0, 10, 20, 30, 0]


def test_what_the_database_could_not_be_told_it_is_told_afterwards(hands: Hands) -> None:
    settled(hands)
    well, hands.facts = hands.facts, OSError("gone")
    hands.watchdog.look()
    hands.sleeps(10)
    hands.facts = well
    hands.looks()
    assert Gauge.objects.get(name="not_ready_seconds").most == 10


@pytest.mark.parametrize(("slept", "wall"), [(300, 300), (10, 300), (10, -300)])
def test_its_own_pause_is_no_outage(
    slept: float, wall: float, hands: Hands, outside: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settled(hands)
    Gauge.objects.all().delete()
    hands.sleeps(slept, wall=wall)
    assert "what this process did not see is no outage" in caplog.text
    well, hands.facts = hands.facts, ill()
    hands.looks()
    assert levels() == {}
    hands.facts = well
    hands.looks()
    assert levels()["not_ready_seconds"] == 0


def test_after_a_pause_an_outage_that_lasts_is_believed(hands: Hands) -> None:
    settled(hands)
    hands.sleeps(300)
    hands.facts = ill()
    for _ in range(7):
        hands.looks()
        hands.sleeps(10)
    assert levels()["not_ready_seconds"] == 0
    hands.looks()
    assert levels()["not_ready_seconds"] == 10


def test_a_pause_while_it_asks_is_no_outage_either(hands: Hands) -> None:
    settled(hands)
    Gauge.objects.all().delete()
    ready = hands.readiness()

    def paused(*, now: datetime) -> tuple[int, dict[str, Any]]:
        hands.at += 300
        hands.facts = ill()
        return ready(now=now)

    hands.watchdog._ready = paused
    hands.looks()
    assert levels() == {}


def test_what_is_ill_when_it_starts_is_doubted_first() -> None:
    outage = Outage(doubted_since=0.0)
    assert outage.look(ready=False, at=59.0) is None
    assert [outage.look(ready=False, at=at) for at in (60.0, 70.0)] == [0.0, 10.0]
    assert [outage.look(ready=True, at=at) for at in (80.0, 90.0)] == [20.0, 0.0]


# ---- who notices that nobody watches --------------------------------------------------------------------------------


def test_doctor_and_board_say_that_nobody_outside_would_notice(
    settings: LazySettings, users: dict[str, User]
) -> None:
    def found() -> list[str]:
        request = RequestFactory().get("/")
        request.actor = Actor.staff(users["platform"].pk, StaffRole.PLATFORM)
        tiles = watchdog_to_look_at(request, timezone.now())
        return [fault.what for fault in unwatched()] + [
            str(tile.label) for tile in tiles if tile.needs_somebody
        ]

    settings.HEARTBEAT_URL = ""
    assert found() == [], "in development nobody misses it"
    settings.PRODUCTION = True
    assert found() == [
        "HEARTBEAT_URL is empty: when everything stops nobody notices from outside.",
        "No heartbeat to the outside",
    ]
    settings.HEARTBEAT_URL = "https://monitor.example/x"
    assert found() == []
    beat(name="watchdog", now=timezone.now())
    assert found() == []
    beat(name="watchdog", now=timezone.now() - 61 * SECOND)
    assert found() == ["The watchdog has stopped looking.", "Watchdog stopped"]


def test_readiness_warns_and_stays_ready(hands: Hands) -> None:
    hands.facts = DatabaseFacts(1.0, {"beat": timezone.now(), "watchdog": timezone.now() - 61 * SECOND})
    status, body = hands.readiness()(now=timezone.now())
    checks: Any = body["checks"]
    assert (status, checks["watchdog"]["status"]) == (200, "warning")
    assert checks["watchdog"]["message"] == "has not looked for 61 s"


# ---- the process ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["away", "hung"])
def test_a_process_without_a_database_lives_and_ends_at_once(which: str, hung: Hung) -> None:
    port = hung.port if which == "hung" else 1
    env = os.environ | {
        "DATABASE_URL": f"postgresql://nobody@127.0.0.1:{port}/nothing",
        "PROCESS": "watchdog",
        "THRESHOLD_WATCHDOG_EVERY_SECONDS": "1",
    }
    command = [sys.executable, str(BASE_DIR / "manage.py"), "watchdog"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "no heartbeat" in line)
        assert "the database does not answer" in line
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 2
