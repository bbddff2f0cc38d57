"""Debian's chromium, driven by playwright, before the product on a port of its own."""

import os
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections
from playwright.sync_api import sync_playwright

WATCH = """
document.addEventListener("securitypolicyviolation", event => console.error(
    "Content Security Policy: " + event.violatedDirective + " " + event.blockedURI + " " + event.sourceFile))
"""


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


@pytest.fixture
def page() -> Iterator[Any]:
    """A page that collects what its console says, in `said`."""
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright runs a loop in this thread
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page: Any = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
        page.add_init_script(WATCH)
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(f"page error: {error}"))
        yield page
        browser.close()
