"""Debian's chromium, driven by playwright, before the product on a port of its own."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections
from playwright.sync_api import Browser

from tests.browser.room import PATIENCE, room, shared_room
from tests.browser.steps import WATCH, chromium

__all__ = ["room", "shared_room"]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadedWSGIServer):
    """Each request's connection to the database ends with it."""

    def close_request(self, request: object) -> None:
        connections.close_all()
        super().close_request(request)


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    server = Server(("127.0.0.1", 0), Quiet)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Any]:
    """A page of a browser profile of its own that collects what its console says, in `said`."""
    with browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB") as profile:
        profile.set_default_timeout(PATIENCE)
        page: Any = profile.new_page()
        page.add_init_script(WATCH)
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(f"page error: {error}"))
        yield page
