"""PostgreSQL and Valkey without installing anything: `services` for code, a command line for make.

Each of DATABASE_URL, BROKER_URL and CACHE_URL that neither the environment nor `.env` gives is
answered by a server of our own under a folder. Whoever comes first starts it, whoever comes while it
runs shares it, the last to go stops it: see `project.keeper`.
"""

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

import environ

from project import keeper

BASE_DIR = Path(__file__).resolve().parent.parent
KINDS = {"postgres": ("DATABASE_URL",), "valkey": ("BROKER_URL", "CACHE_URL")}
FOLDERS = {"postgres": "pg", "valkey": "valkey"}


class Unavailable(Exception):
    """No server can be had; the text is for people."""


def missing() -> dict[str, list[str]]:
    """Kind of server -> the variables that neither the environment nor `.env` gives."""
    environ.Env.read_env(BASE_DIR / ".env")  # as settings do: the real environment wins
    absent = {kind: [name for name in names if not os.environ.get(name)] for kind, names in KINDS.items()}
    return {kind: names for kind, names in absent.items() if names}


@contextmanager
def services(root: Path, *, durable: bool = True) -> Iterator[dict[str, str]]:
    """Run what is missing under `root`; yields the variables to add to the environment.

    Beside an embedded DATABASE_URL come PG_BIN, the folder of pg_dump and psql, and ENV=development if
    no ENV is given. Not durable: a new, faster cluster that forgets everything. Raises Unavailable.
    """
    wanted = missing()
    for kind in wanted:
        if keeper.package_folder(keeper.PACKAGES[kind]) is None:
            raise Unavailable(
                f"{' and '.join(wanted[kind])} not set, and {keeper.PACKAGES[kind]} for an embedded server"
                " is not installed: set it (see .env.example), or install requirements/dev.txt."
            )
    with ExitStack() as stack:
        uses = [stack.enter_context(_Use(kind, root, durable=durable)) for kind in wanted]
        added: dict[str, str] = {}
        for use in uses:  # all start first, then each is waited for
            added |= use.environment()
        for names in KINDS.values():
            for name in names:
                if os.environ.get(name):
                    added.pop(name, None)
        if "DATABASE_URL" in added and not os.environ.get("ENV"):
            added["ENV"] = "development"  # nothing else runs on a database of ours
        yield added


class _Use:
    """One process's use of one server, from the start of its keeper to, for the last, its end."""

    def __init__(self, kind: str, root: Path, *, durable: bool) -> None:
        self.kind, self.durable = kind, durable
        self.folder = root.resolve() / FOLDERS[kind]
        self.starting: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "_Use":
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(str(error)) from None
        self.start_lock = self._lock("start", fcntl.LOCK_EX)  # one starts or stops at a time
        self.users_lock = self._lock("users", fcntl.LOCK_SH)  # waits for a keeper that is stopping
        try:
            keeper_lock = self._lock("keeper", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self  # it runs
        with keeper_lock:  # the keeper inherits both files, and with them the locks
            starting = self.start_lock.fileno()
            command = [sys.executable, "-P", keeper.__file__, self.kind, str(self.folder)]
            command += ["--starting", str(starting), *([] if self.durable else ["--volatile"])]
            self.starting = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=[keeper_lock.fileno(), starting],
                start_new_session=True,  # Ctrl-C is for the users
                cwd="/",
            )
        return self

    def environment(self) -> dict[str, str]:
        """Wait until the server serves and return its variables. Raises Unavailable."""
        if self.starting is not None:
            said, _ = self.starting.communicate()
            answer = json.loads(said or b'{"error": "its keeper ended without a word"}')
            if "error" in answer:
                raise Unavailable(f"Embedded {self.kind}: {answer['error']}")
        self.start_lock.close()
        state = json.loads((self.folder / "state.json").read_text())
        return dict(state["environment"])

    def __exit__(self, *exception: object) -> None:
        self.start_lock.close()
        with self._lock("start", fcntl.LOCK_EX):
            try:
                fcntl.flock(self.users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.users_lock.close()  # others go on using it
                return
            self.users_lock.close()
            self._lock("keeper", fcntl.LOCK_SH).close()  # free when the keeper has ended

    def _lock(self, name: str, operation: int) -> IO[bytes]:
        try:
            file = (self.folder / f"{name}.lock").open("ab")
        except PermissionError as error:
            raise Unavailable(f"{error}: another user made it. Run as that user, or delete it.") from None
        try:
            fcntl.flock(file, operation)
        except BlockingIOError:
            file.close()
            raise
        return file


def drop(root: Path) -> None:
    """Delete what lies under `root`, the tests' folder aside. Raises Unavailable while it is used."""
    if not root.exists():
        return
    for folder in FOLDERS.values():
        path = root / folder / "keeper.lock"
        if path.exists():
            with path.open("ab") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise Unavailable(f"{root / folder} is in use: stop what runs on it first.") from None
    for child in root.iterdir():
        if child.name == "test":
            continue
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()


def run(command: Sequence[str]) -> int:
    """Run a command to its end; signals go on to it. Returns its code, 128 + n if signal n ended it."""
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(signum: int, frame: object) -> None:
        if process is None:
            early.append(signum)
        else:
            with suppress(ProcessLookupError):
                process.send_signal(signum)

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, pass_on)
    # In a session of its own it gets each signal once, from here, and none from the terminal as well.
    process = subprocess.Popen(
        command, start_new_session=True, preexec_fn=keeper.die_with_parent(signal.SIGTERM)
    )
    for number in early:
        process.send_signal(number)
    code = process.wait()
    return code if code >= 0 else 128 - code


def main() -> int:
    """`python -m project.embedded [--root DIR] [--volatile] -- COMMAND ARGS...`, or `--drop`."""
    parser = argparse.ArgumentParser(prog="project.embedded", description=__doc__)
    parser.add_argument("--root", type=Path, default=BASE_DIR / ".data")
    parser.add_argument("--volatile", action="store_true", help="fast, and forgets everything")
    parser.add_argument("--drop", action="store_true", help="delete the data under the root and end")
    parser.add_argument("command", nargs="*", metavar="COMMAND")
    options = parser.parse_args()
    if options.drop == bool(options.command):
        parser.error("either --drop or a COMMAND")
    try:
        if options.drop:
            drop(options.root)
            return 0
        with services(options.root, durable=not options.volatile) as added:
            os.environ.update(added)
            return run(options.command)
    except Unavailable as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
