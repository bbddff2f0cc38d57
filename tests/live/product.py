"""The product's web process as the demo runs it, against the database and the Valkey of the tests.

For a test that needs a real server. In a conftest: `from tests.live.product import product`; in a test, what the
server is to see has to be committed (`with committed() as tenant:`), and `product.at(tenant)` is its address.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from project.demo import run
from project.keeper import die_with_parent, free_port
from tenancy.models import Tenant
from tests import factories

START_SECONDS = 60.0
STOP_SECONDS = 60.0


class Product:
    """A web process on `port`; `log` is what it said."""

    def __init__(self, port: int, log: Path, process: "subprocess.Popen[bytes]") -> None:
        self.port, self.log, self.process = port, log, process

    def host(self, tenant: Tenant) -> str:
        """What its clients say in Host."""
        return f"{factories.host_of(tenant)}:{self.port}"

    def at(self, tenant: Tenant) -> str:
        """Where a browser finds the tenant; `localhost` and all below it are this machine."""
        return f"http://{self.host(tenant)}"

    def stop(self) -> float:
        """Ask it to end, and return the seconds that this took. Raises subprocess.TimeoutExpired."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # what it left behind
        return time.monotonic() - begun


@contextmanager
def running(folder: Path, port: int | None = None, **environment: str) -> Iterator[Product]:
    """The web process, until the block ends. `environment` is what it has besides ours, such as thresholds."""
    port = port or free_port(None)
    place = run.Place("localhost", port, mail_port=0, hook_port=0, folder=folder)
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    given = {"DATABASE_URL": urlunsplit(url), "ENV": "development", "BASE_URL": place.base_url}
    log = folder / "web.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            run.processes(place)["web"],
            env={**os.environ, **given, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - as the demo's supervisor
        )
    product = Product(port, log, process)
    try:
        until = time.monotonic() + START_SECONDS
        wrong = run.wait(f"{place.base_url}/health", until=until, parent=os.getppid())
        assert not wrong, f"{wrong}\n{log.read_text()}"
        yield product
    finally:
        if process.poll() is None:
            product.stop()


@pytest.fixture(scope="module")
def product(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One for all tests of a module. Its streams beat each second."""
    with running(tmp_path_factory.mktemp("product"), THRESHOLD_STREAM_BEAT_SECONDS="1") as served:
        yield served
