"""Which processes the demo consists of and where; and, run as a program, who greets once they are ready.

`python -m project.demo.run URL` waits until URL answers 200, then writes its standard input to its output. It is
a process of its own because the supervisor has one thread, and needs to.
"""

import fcntl
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from project import supervisor

PORT, MAIL_PORT, HOOK_PORT = 8000, 1025, 1080
PATIENCE = 120.0  # seconds until it is said what is not ready
_PORTS = 200  # how many are tried
_OK = 200
# celery's, of three lines, at every start as root; `make demo` may be
_NO_SERMON = "ignore:You're running the worker with superuser privileges"


class Busy(Exception):
    """The demo runs already, or no port is free; the text is for people."""


class Place(NamedTuple):
    """Where this demo is: the console's URL without a path, the ports, the folder of its data."""

    host: str
    port: int
    mail_port: int
    hook_port: int
    folder: Path

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def url(self, slug: str = "") -> str:
        """A tenant's URL, or the console's."""
        return f"http://{slug}.{self.host}:{self.port}/" if slug else f"{self.base_url}/admin/"

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    @property
    def hook(self) -> str:
        """Where the demo's endpoint listens."""
        return f"http://127.0.0.1:{self.hook_port}/"

    @property
    def heartbeat(self) -> str:
        """Where the watchdog's heartbeat goes; read, it says when the last one came."""
        return f"{self.hook}heartbeat"

    @property
    def told(self) -> str:
        """Where the mailbox shows what Slack and the pagers were told."""
        return f"{self.hook}told"

    @property
    def notes(self) -> Path:
        """Where URLs and logins are written for programs."""
        return self.folder / "demo.json"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the demo's lock, which the kernel drops however we end. Raises Busy."""
    with _lock(folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"The demo runs already; {folder / 'demo.json'} says where.") from None
        yield


def runs(folder: Path) -> bool:
    """Whether a demo runs on this folder."""
    with _lock(folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _lock(folder: Path) -> IO[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / "demo.lock").open("ab")


def free_port(wanted: int) -> int:
    """The first port from `wanted` on that nobody has on loopback. Raises Busy."""
    for port in range(wanted, min(wanted + _PORTS, 65536)):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Busy(f"No port from {wanted} on is free.")


def processes(place: Place) -> dict[str, list[str]]:
    """The commands by name. Each is told what it is, which decides its limits in the database."""
    python = [sys.executable, "-m"]
    web = [*python, "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(place.port)]
    web += ["--workers", "1", "--no-ws", "--log-level", "warning", "project.asgi:application"]
    celery = [*python, "celery", "--quiet", "-A", "project"]
    worker = [*celery, "worker", "--concurrency", "2", "--loglevel", "WARNING"]
    worker += ["--without-gossip", "--without-mingle"]
    beat = [*celery, "beat", "--loglevel", "WARNING", "--schedule", str(place.folder / "beat")]
    mail = [*python, "project.mailbox", "--port", str(place.mail_port), "--http-port", str(place.hook_port)]
    mail += ["--dir", str(place.mail)]
    watchdog = [*python, "django", "watchdog", "--settings", "project.settings"]
    return {
        "mail": mail,
        "web": ["/usr/bin/env", "PROCESS=web", *web],
        "worker": ["/usr/bin/env", "PROCESS=worker", f"PYTHONWARNINGS={_NO_SERMON}", *worker],
        "beat": ["/usr/bin/env", "PROCESS=beat", *beat],
        "watchdog": ["/usr/bin/env", "PROCESS=watchdog", f"HEARTBEAT_URL={place.heartbeat}", *watchdog],
    }


def start(place: Place, env: Mapping[str, str], greeting: str) -> int:
    """Run everything until Ctrl-C; write the greeting once it is ready. Returns the exit code."""
    greeter = subprocess.Popen(  # noqa: S603 - our own program, no shell
        [sys.executable, "-m", "project.demo.run", f"{place.base_url}/health/ready"],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the supervisor
        env=dict(env),
        text=True,
    )
    assert greeter.stdin is not None
    with greeter.stdin:
        greeter.stdin.write(greeting)
    try:
        return supervisor.run(env, processes(place))
    finally:
        greeter.terminate()
        greeter.wait()


def wait(url: str, *, until: float, parent: int) -> str:
    """Ask `url` until it answers 200, and return what is wrong.

    That is what it said last when the monotonic time `until` comes or the process `parent` is ours no more.
    """
    said = "no answer"
    while time.monotonic() < until and os.getppid() == parent:
        said = _ask(url)
        if not said:
            return ""
        time.sleep(0.2)
    return said


def _ask(url: str) -> str:
    """What is wrong with `url`; empty: it answers 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=2)
    with closing(connection):
        try:
            connection.request("GET", parts.path, headers={"Host": parts.netloc})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
    if answer.status == _OK:
        return ""
    try:
        return f"{answer.status}, failing: {', '.join(json.loads(body)['failing_checks'])}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status} {answer.reason}"


def main() -> int:
    """Greet."""
    parent, (url,) = os.getppid(), sys.argv[1:]
    greeting = sys.stdin.read()
    wrong = wait(url, until=time.monotonic() + PATIENCE, parent=parent)
    if wrong:
        sys.stdout.write(f"\nNot ready after {PATIENCE:.0f} s: {url}: {wrong}. The lines above say more.\n")
        return 1
    sys.stdout.write(greeting)
    return 0


if __name__ == "__main__":
    sys.exit(main())
