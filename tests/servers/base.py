"""What all receivers share: the ledger, the ways to misbehave, and HTTP."""

import json
import os
import socket
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

Record = dict[str, Any]


class Ledger:
    """What receivers took, in order. With a path also as JSON lines, on disk before anybody gets an answer."""

    def __init__(self, path: Path | None = None):
        self.records: list[Record] = []
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8") if path else None

    def add(self, record: Record) -> None:
        with self._lock:
            record = {"number": len(self.records) + 1, "at": time.time(), **record}
            self.records.append(record)
            if self._file:
                self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
                self._file.flush()
                os.fsync(self._file.fileno())

    def of(self, server: str) -> list[Record]:
        with self._lock:
            return [record for record in self.records if record["server"] == server]

    def close(self) -> None:
        if self._file:
            self._file.close()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and what it commits the receiver to: a `record` is in the ledger before the answer leaves."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None

    @classmethod
    def json(cls, body: object, *, status: int = 200, record: Record | None = None, **headers: str) -> Self:
        return cls(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}, record)


class Server(ABC):
    """One receiver on a free port of 127.0.0.1; a context manager.

    drop_every: the answer to every Nth record is not sent, the connection is closed instead. 0: none is.
    delay: seconds before each answer. trickle: seconds between the bytes of each answer.
    """

    name: str

    def __init__(self, ledger: Ledger | None = None):
        self.ledger = ledger or Ledger()
        self.drop_every = 0
        self.delay = 0.0
        self.trickle = 0.0
        self.port = 0
        self._failures: deque[Reply] = deque()
        self._recorded = 0
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> None: ...

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def records(self) -> list[Record]:
        return self.ledger.of(self.name)

    @property
    def keys(self) -> list[str]:
        """The deliveries' keys in the order of their arrival; what a receiver that honours them counts once."""
        return [record["key"] for record in self.records if record.get("key")]

    def fail(
        self, status: int, *, times: int = 1, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer the next `times` requests with this and take nothing."""
        self._failures.extend([Reply(status, body, headers or {})] * times)

    def next_failure(self) -> Reply | None:
        with self._lock:
            return self._failures.popleft() if self._failures else None

    def pause(self, seconds: float) -> None:
        """Sleep, but not longer than the server lives."""
        if seconds:
            self._stopping.wait(seconds)

    def take(self, record: Record) -> bool:
        """Write a record down. False: its answer is to be dropped."""
        with self._lock:
            self._recorded += 1
            dropped = bool(self.drop_every) and self._recorded % self.drop_every == 0
        self.ledger.add({"server": self.name, **record, "dropped": dropped})
        return not dropped


class HttpServer(Server):
    """A receiver of POSTs, one thread a connection. With `tls` over HTTPS."""

    def __init__(self, ledger: Ledger | None = None, *, tls: ssl.SSLContext | None = None):
        super().__init__(ledger)
        self.requests: list[tuple[str, Mapping[str, str], bytes]] = []
        self.callers = 0
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._http: _Threads | None = None
        self._thread: threading.Thread | None = None

    @abstractmethod
    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """What this receiver says to a POST. Called by many threads, one at a time."""

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._http = _Threads(self, self._tls)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        if self._http is None or self._thread is None:
            return
        self._stopping.set()
        self._http.shutdown()
        self._thread.join()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()  # waits for the threads of the connections

    def connected(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
            self.callers += 1

    def disconnected(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def handle(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        """The answer to a request, or None when it is to be dropped."""
        self.requests.append((path, headers, body))
        reply = self.next_failure()
        if reply is None:
            with self._answering:
                reply = self.answer(path, headers, body)
        kept = self.take(reply.record) if reply.record is not None else True
        self.pause(self.delay)
        return reply if kept else None

    @property
    def _answering(self) -> threading.Lock:
        assert self._http is not None
        return self._http.answering


class _Threads(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, server: HttpServer, tls: ssl.SSLContext | None):
        self.receiver = server
        self.answering = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)
        self._tls = tls

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silence: that callers hang up is what these servers are for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Threads

    def setup(self) -> None:
        super().setup()
        self.server.receiver.connected(self.connection)

    def finish(self) -> None:
        self.server.receiver.disconnected(self.connection)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.receiver.handle(self.path, headers, body)
        if reply is None:
            self.close_connection = True
            return
        head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
        given = {"Content-Length": str(len(reply.body)), **reply.headers}
        head += "".join(f"{name}: {value}\r\n" for name, value in given.items()) + "\r\n"
        self._say(head.encode() + reply.body)

    def _say(self, message: bytes) -> None:
        pause = self.server.receiver.trickle
        if not pause:
            self.wfile.write(message)
            return
        for byte in message:
            self.wfile.write(bytes([byte]))
            self.server.receiver.pause(pause)

    def log_message(self, *_given: object) -> None:
        """Silence."""
