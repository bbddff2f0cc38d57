"""Several processes in one terminal: all stop together, one that dies alone comes back.

honcho ends everything when one process ends, so only its printer is used. One thread, so that a
child's pre-exec step is safe; no polling: output and ends of children wake a selector.
"""

import contextlib
import datetime
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from types import FrameType

from honcho.colour import get_colours
from honcho.printer import Message, Printer

from project.keeper import die_with_parent

GRACE = 10.0  # not tunable: seconds between asking to stop and killing; development
RESTART_AFTER = 1.0  # not tunable: seconds; development
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(env: Mapping[str, str], processes: Mapping[str, list[str]]) -> int:
    """Run the named commands until SIGINT, SIGTERM or SIGHUP, then stop them; returns 0.

    A stop asks each command (SIGTERM), and after GRACE seconds, or at a second signal, kills what is
    left of its process group. Killed itself, it takes the commands along by PR_SET_PDEATHSIG: each
    gets SIGTERM and ends its own children. Must be called from the main thread.
    """
    printer = Printer(sys.stdout, width=max(map(len, [*processes, "system"])))
    return _Supervisor(env, processes, printer).loop()


class _Child:
    def __init__(self, name: str, command: list[str], colour: str) -> None:
        self.name, self.command, self.colour = name, command, colour
        self.process: subprocess.Popen[bytes] | None = None
        self.start_at = 0.0  # monotonic; counts while there is no process
        self.rest = b""  # the beginning of a line that is not finished


class _Supervisor:
    def __init__(self, env: Mapping[str, str], processes: Mapping[str, list[str]], printer: Printer) -> None:
        self.env = {**env, "PYTHONUNBUFFERED": "1"}
        self.printer = printer
        self.children = [
            _Child(name, command, colour)
            for (name, command), colour in zip(processes.items(), get_colours(), strict=False)
        ]
        self.selector = selectors.DefaultSelector()
        self.kill_at: float | None = None  # monotonic; set once stopping

    def loop(self) -> int:
        with self._woken_by_signals() as wake:
            self.selector.register(wake, selectors.EVENT_READ)
            try:
                while self.kill_at is None or any(child.process for child in self.children):
                    self._start_due()
                    for key, _ in self.selector.select(self._timeout()):
                        if key.data is not None:
                            self._read(key.data)
                        else:
                            wake.recv(4096)
                    self._reap()
                    if self.kill_at is not None and time.monotonic() >= self.kill_at:
                        self._kill()
            finally:
                self._kill()  # only after an exception is anything left here
                self._reap()
                self.selector.close()
        self._say("stopped")
        return 0

    @contextlib.contextmanager
    def _woken_by_signals(self) -> Iterator[socket.socket]:
        ours, pythons = socket.socketpair()
        ours.setblocking(False)
        pythons.setblocking(False)
        handlers = {number: signal.signal(number, self._stop) for number in STOP_SIGNALS}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        before = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            ours.close()
            pythons.close()

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        if self.kill_at is not None:
            self.kill_at = 0.0
            return
        self._say(f"{signal.Signals(signum).name}: stopping; again: at once")
        self.kill_at = time.monotonic() + GRACE
        for child in self.children:
            if child.process is not None:
                child.process.terminate()

    def _start_due(self) -> None:
        for child in self.children:
            if child.process is not None or self.kill_at is not None or child.start_at > time.monotonic():
                continue
            try:
                child.process = subprocess.Popen(
                    child.command,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # a group to kill; and Ctrl-C reaches it only through us
                    preexec_fn=die_with_parent(signal.SIGTERM),
                )
            except OSError as error:
                self._say(f"{child.name}: {error}")
                child.start_at = time.monotonic() + RESTART_AFTER
                continue
            assert child.process.stdout is not None
            os.set_blocking(child.process.stdout.fileno(), False)
            self.selector.register(child.process.stdout, selectors.EVENT_READ, child)
            self._say(f"{child.name} started (pid {child.process.pid})")

    def _timeout(self) -> float | None:
        if self.kill_at is not None:
            return max(0.0, self.kill_at - time.monotonic())
        waiting = [child.start_at for child in self.children if child.process is None]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _read(self, child: _Child) -> None:
        """Print what has come; at the end of the output look no more at it."""
        assert child.process is not None
        assert child.process.stdout is not None
        while True:
            chunk = child.process.stdout.read(65536)
            if chunk is None:  # nothing more for now
                return
            *lines, child.rest = (child.rest + chunk).split(b"\n")
            for line in lines:
                self._print(line, child.name, child.colour)
            if not chunk:
                self.selector.unregister(child.process.stdout)
                return

    def _reap(self) -> None:
        for child in self.children:
            process = child.process
            # WNOWAIT: a dead leader not yet waited for keeps its group's number from being given away.
            if process is None or not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                continue
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind
            code = process.wait()
            assert process.stdout is not None
            if process.stdout in self.selector.get_map():
                self._read(child)
            if process.stdout in self.selector.get_map():
                self.selector.unregister(process.stdout)
            if child.rest:
                self._print(child.rest, child.name, child.colour)
            process.stdout.close()
            child.process, child.rest = None, b""
            child.start_at = time.monotonic() + RESTART_AFTER
            how = f"code {code}" if code >= 0 else signal.Signals(-code).name
            self._say(f"{child.name} ended with {how}" + ("" if self.kill_at else "; starting it again"))

    def _kill(self) -> None:
        for child in self.children:
            if child.process is not None:
                os.killpg(child.process.pid, signal.SIGKILL)
                os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)

    def _say(self, text: str) -> None:
        self._print(text.encode(), "system", None)

    def _print(self, line: bytes, name: str, colour: str | None) -> None:
        now = datetime.datetime.now()  # noqa: DTZ005 - the clock on the wall, as people read logs
        self.printer.write(Message("line", line + b"\n", now, name, colour))
