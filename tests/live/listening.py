"""A client of the live stream, as plain as a browser's: it reads lines and knows when the server ends them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from tenancy.models import Tenant, User
from tests import factories
from tests.live.product import Product

PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class Heard:
    """One event; `id` is empty if it has none."""

    name: str
    data: dict[str, Any]
    id: str = ""


class Listener:
    """An open stream."""

    def __init__(self, response: HTTPResponse):
        self.response = response

    def events(self) -> Iterator[Heard]:
        """What comes, until the server ends it. Raises TimeoutError when nothing does for `PATIENCE`."""
        fields: dict[str, str] = {}
        while line := self.response.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields:
                yield Heard(fields["event"], json.loads(fields["data"]), fields.get("id", ""))
                fields = {}

    def next(self, *names: str) -> Heard:
        """The next event of one of these names, or any but a beat. Raises AssertionError at the end."""
        until = time.monotonic() + PATIENCE
        for heard in self.events():
            if heard.name in names or (not names and heard.name != "beat"):
                return heard
            assert time.monotonic() < until, f"no {names} came"
        raise AssertionError("the stream is over")


def request(
    product: Product,
    tenant: Tenant,
    path: str,
    *,
    method: str = "GET",
    body: str | None = None,
    **headers: str,
) -> tuple[HTTPConnection, HTTPResponse]:
    """One request on the tenant's host."""
    client = HTTPConnection("127.0.0.1", product.port, timeout=PATIENCE)
    client.request(method, path, body, headers={"Host": product.host(tenant)} | headers)
    return client, client.getresponse()


def ticket(product: Product, tenant: Tenant, user: User) -> str:
    """The URL with a new ticket of the user."""
    bearer = f"Bearer {factories.token(user, tenant)}"
    client, response = request(product, tenant, "/api/v1/events/ticket", method="POST", Authorization=bearer)
    said = json.loads(response.read())
    client.close()
    assert response.status == 201, said
    url: str = said["url"]
    return url


@contextmanager
def listening(product: Product, tenant: Tenant, url: str, **headers: str) -> Iterator[Listener]:
    """A stream, until the block ends."""
    client, response = request(product, tenant, url, **headers)
    try:
        assert response.status == 200, response.read()
        yield Listener(response)
    finally:
        response.close()
        client.close()
