"""One port under a real granian: health while every thread hangs, slow and broken-off senders."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connection

from observability.health import database_params

ACME = "acme.localhost"
PAGE, ITS_STATUS = "/no-such-page", 404  # found out by Django, after it looked for the tenant


class Web:
    """The web process on `port`; `log` is what it said."""

    def __init__(self, port: int, log: Path):
        self.port, self.log = port, log

    def get(
        self, path: str, host: str = ACME, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, float]:
        """Status, headers and seconds taken."""
        start = time.perf_counter()
        client = HTTPConnection("127.0.0.1", self.port, timeout=60)
        client.request("GET", path, headers={"Host": host} | (headers or {}))
        response = client.getresponse()
        response.read()
        client.close()
        return response.status, response.headers, time.perf_counter() - start


@pytest.fixture(scope="module")
def web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("web") / "log"
    url = urlunsplit(
        urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    )
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "asgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    environment = os.environ | {"DATABASE_URL": url, "PROCESS": "command", "ENV": "development"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "project.asgi:application"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    served = Web(port, log)
    try:
        for _ in range(600):
            with suppress(OSError):
                if served.get("/health")[0] == 200:
                    break
            time.sleep(0.1)
        else:
            pytest.fail(log.read_text())
        yield served
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_a_good_start_says_which_configuration_it_has(web: Web) -> None:
    assert "Config validation passed: build_id=" in web.log.read_text()


def test_health_answers_on_every_host_and_django_on_its_own(web: Web) -> None:
    assert web.get("/health", host="evil.example")[0] == 200
    assert web.get("/health/ready", host="evil.example")[1]["Cache-Control"] == "no-store"
    status, headers, _ = web.get(PAGE)
    assert (status, bool(headers["X-Request-ID"])) == (ITS_STATUS, True)


def test_health_answers_while_every_thread_hangs(web: Web) -> None:
    requests = 20
    with ThreadPoolExecutor(requests) as clients, psycopg.connect(**database_params()) as holder:
        time.sleep(2.1)  # longer than a process remembers a host
        holder.execute("LOCK TABLE public.tenancy_domain IN ACCESS EXCLUSIVE MODE")
        hanging = [clients.submit(web.get, PAGE) for _ in range(requests)]
        time.sleep(0.5)
        asked = [web.get(path) for path in ("/health", "/health/ready") * 3]
        assert not any(request.done() for request in hanging)
        holder.rollback()
        assert {request.result()[0] for request in hanging} == {ITS_STATUS}
    assert [status for status, _, _ in asked] == [200] * 6
    assert median(seconds for _, _, seconds in asked) < 1


def test_many_who_ask_at_once_share_one_answer(web: Web) -> None:
    took: list[float] = []
    while len(took) < 5 and not (took and took[-1] < 1):  # what is in the way once is not always
        with ThreadPoolExecutor(40) as clients:
            answers = list(clients.map(web.get, ["/health/ready"] * 40))
        assert {status for status, _, _ in answers} <= {200, 503}
        took.append(max(seconds for _, _, seconds in answers))
    assert took[-1] < 1, took


def _half_a_post(web: Web) -> socket.socket:
    sender = socket.create_connection(("127.0.0.1", web.port))
    sender.sendall(
        f"POST {PAGE} HTTP/1.1\r\nHost: {ACME}\r\nContent-Type: application/json\r\n"
        'Content-Length: 1000\r\n\r\n{"half":'.encode()
    )
    return sender


def test_slow_senders_hold_no_thread(web: Web) -> None:
    with ExitStack() as open_ones:
        for _ in range(20):
            open_ones.enter_context(_half_a_post(web))
        assert web.get(PAGE)[0] == ITS_STATUS
        log = web.log.read_text()
    time.sleep(0.3)
    assert web.get(PAGE)[0] == ITS_STATUS
    assert "Traceback" not in web.log.read_text()[len(log) :]


def test_a_header_with_an_underscore_passes_for_no_other(web: Web) -> None:
    assert web.get(PAGE, headers={"X-Request-ID": "mine"})[1]["X-Request-ID"] == "mine"
    assert web.get(PAGE, headers={"X_Request_ID": "mine"})[1]["X-Request-ID"] != "mine"


def test_a_query_beyond_ascii_is_no_error_of_ours(web: Web) -> None:
    with socket.create_connection(("127.0.0.1", web.port)) as client:
        client.sendall(f"GET {PAGE}?q=ç HTTP/1.1\r\nHost: {ACME}\r\nConnection: close\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 404")
