"""What health is asked about, for real: pulses that are committed, and servers that accept and never answer."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

import psycopg
import pytest

from observability import metrics
from observability.health import database_params
from observability.services import forget_baselines

SetPulses = Callable[..., None]


@pytest.fixture
def pulses(db: None) -> Iterator[SetPulses]:
    """`pulses(beat=moment)` commits exactly these; health reads on a connection of its own."""
    with psycopg.connect(**database_params(), autocommit=True) as connection:

        def replace(**given: datetime) -> None:
            connection.execute("DELETE FROM public.observability_pulse")
            for name, at in given.items():
                connection.execute("INSERT INTO public.observability_pulse VALUES (%s, %s)", (name, at))

        replace()
        yield replace
        replace()


class Hung:
    """Accepts on loopback and never says a word."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.callers: list[socket.socket] = []
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self.callers.append(self.socket.accept()[0])

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        for end in (self.socket, *self.callers):
            end.close()


@pytest.fixture
def hung() -> Iterator[Hung]:
    server = Hung()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def no_kept_baselines() -> Iterator[None]:
    """A process keeps baselines for an hour, and each test has its own figures."""
    forget_baselines()
    yield
    forget_baselines()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test declares, and has measured, is gone after it."""
    monkeypatch.setattr(metrics, "_metrics", dict(metrics._metrics))
    monkeypatch.setattr(metrics, "_sources", dict(metrics._sources))
