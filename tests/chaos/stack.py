"""The product as it runs, on servers of its own that may be killed: who starts, ends, freezes and restarts what.

One thread. What dies is started again, as the demo's supervisor would, whenever somebody waits in `until` or
`tend`s; nothing lives longer than this process (process groups, PR_SET_PDEATHSIG).
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import redis
from django.db import Error, connection

from project.demo import run
from project.keeper import die_with_parent, free_port
from project.mailbox import heartbeats

RESTART_AFTER = 1.0  # seconds, as the demo's supervisor
_OURS = {"project": "tests.chaos.app", "project.asgi:application": "tests.chaos.asgi:application"}


class TooLong(Exception):
    """Something that should have come did not; the text says what."""


@dataclass
class _Part:
    command: list[str]
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    start_at: float = 0.0  # monotonic


@dataclass
class Stack:
    """Web, workers, beat, watchdog and who hears its heartbeat, on the servers that the environment names.

    Everything lies below `folder`.
    """

    folder: Path
    port: int = field(default_factory=lambda: free_port(None))

    def __post_init__(self) -> None:
        self._parts: dict[str, _Part] = {}
        mail, hook = free_port(None), free_port(None)
        self._place = run.Place("localhost", self.port, mail_port=mail, hook_port=hook, folder=self.folder)
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)

    # ---- processes ----------------------------------------------------------------------------------------------

    def start(
        self, name: str, *, like: str = "", clock: float = 0.0, env: Mapping[str, str] | None = None
    ) -> None:
        """Start the process `name`; `like` names the kind when there are several, `clock` is how far it is ahead."""
        command = [_OURS.get(word, word) for word in run.processes(self._place)[like or name]]
        if like == "worker":
            command += ["-n", f"{name}@%h"]
        self.start_command(name, command, env={"CHAOS_CLOCK": str(clock), **(env or {})})

    def start_command(self, name: str, command: list[str], *, env: Mapping[str, str] | None = None) -> None:
        """Start any command, kept alive like the others."""
        armed = self._armed(name)
        armed.mkdir(parents=True, exist_ok=True)
        (armed / "serves").unlink(missing_ok=True)
        self._parts[name] = _Part(command, {**os.environ, "CHAOS_ARMED": str(armed), **(env or {})})
        self.tend()

    def wait_for(self, *names: str) -> None:
        """Wait until these workers and beats take work."""
        for name in names:
            self.until(f"{name} serves", (self._armed(name) / "serves").exists)

    def runs(self, name: str) -> bool:
        """Whether it is one of those that are kept alive."""
        return name in self._parts

    def stop(self, *names: str) -> None:
        """End these (all, if none is named) for good, by kill -9 like everything here."""
        for name in names or list(self._parts):
            part = self._parts.pop(name)
            if part.process is not None:
                _kill_group(part.process)

    def kill(self, name: str) -> None:
        """kill -9, the process and all that it started; it is started again."""
        part = self._parts[name]
        if part.process is not None:
            _kill_group(part.process)
        part.process, part.start_at = None, time.monotonic() + RESTART_AFTER

    def tend(self) -> None:
        """Start again what has died."""
        for name, part in self._parts.items():
            if part.process is not None and _ended(part.process):
                _kill_group(part.process)  # what it left behind
                part.process, part.start_at = None, time.monotonic() + RESTART_AFTER
            if part.process is None and time.monotonic() >= part.start_at:
                with (self.folder / "logs" / f"{name}.log").open("ab") as log:
                    part.process = subprocess.Popen(
                        part.command,
                        env=part.env,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one thread
                    )

    # ---- time ---------------------------------------------------------------------------------------------------

    def until(self, what: str, condition: Callable[[], object], *, within: float = 60.0) -> None:
        """Wait for `condition` for so many seconds, seeing to the processes. Raises TooLong.

        A condition that asks a database that is away does not hold yet.
        """
        began = time.monotonic()
        while True:
            self.tend()
            with away_is_no():
                if condition():
                    return
            if time.monotonic() - began > within:
                raise TooLong(f"{what}: not within {within:.0f} s")
            time.sleep(0.05)

    def pause(self, seconds: float) -> None:
        """Let time pass, seeing to the processes."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.tend()
            time.sleep(0.05)

    def heartbeats(self) -> list[datetime]:
        """When each heartbeat of the watchdog came."""
        return heartbeats(self._place.mail)

    # ---- failpoints ---------------------------------------------------------------------------------------------

    def _armed(self, name: str) -> Path:
        return self.folder / "armed" / name

    def arm(self, name: str, point: str, at: int = 1) -> None:
        """Have the process `name` kill itself at its `at`th call of `point` from now on."""
        path = self._armed(name) / point
        path.with_name(f"{point}.struck").unlink(missing_ok=True)
        path.with_name(f".{point}").write_text(str(at))
        path.with_name(f".{point}").rename(path)

    def struck(self, name: str, point: str) -> bool:
        """Whether it has killed itself there."""
        return (self._armed(name) / f"{point}.struck").exists()

    # ---- servers ------------------------------------------------------------------------------------------------

    def postgres(self) -> "Server":
        pid_file = self.folder / "pg" / "data" / "postmaster.pid"
        return Server(int(pid_file.read_text().split("\n")[0]))

    def valkey(self) -> "Server":
        with redis.Redis.from_url(os.environ["BROKER_URL"], socket_timeout=2) as broker:
            return Server(int(broker.info("server")["process_id"]))


class Server:
    """An embedded server as its keeper runs it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._keeper = _parent(pid)

    def kill(self) -> None:
        """kill -9; the keeper starts it again on its port."""
        os.kill(self.pid, signal.SIGKILL)

    @contextmanager
    def gone(self) -> Iterator[None]:
        """kill -9, and nobody starts it again before the end."""
        os.kill(self._keeper, signal.SIGSTOP)
        try:
            self.kill()
            yield
        finally:
            os.kill(self._keeper, signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It neither answers nor refuses: stopped with all its children until the end."""
        family = [self.pid, *(pid for pid in _pids() if _parent(pid) == self.pid)]
        try:
            for pid in family:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in family:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


@contextmanager
def away_is_no() -> Iterator[None]:
    """A database that is away interrupts quietly; the next statement connects anew."""
    try:
        yield
    except Error:
        connection.close()


def _ended(process: subprocess.Popen[bytes]) -> bool:
    # Not yet waited for, its number is its own, and so is that of its group.
    return bool(os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]


def _parent(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
