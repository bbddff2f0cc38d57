"""One world for the whole walk, in one transaction that is undone at its end."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from django.test import override_settings

from tenancy import hosts
from tenancy.context import PUBLIC
from tenancy.models import Tenant
from tests.isolation import world
from tests.isolation.asking import Walk

WHOLE = bool(os.environ.get("ISOLATION_WHOLE"))
"""Whether every combination is walked; else those that tell actors apart, and every pair of the others."""


@dataclass(frozen=True)
class World:
    parts: dict[str, world.Part]
    public: Tenant

    @property
    def acme(self) -> world.Part:
        return self.parts["acme"]

    @property
    def globex(self) -> world.Part:
        return self.parts["globex"]


def unhurried() -> Any:
    """Settings under which nobody is told to wait: the walk asks faster than any person."""
    api = replace(settings.THRESHOLDS.api, REQUESTS_PER_MINUTE=10**9)
    return override_settings(THRESHOLDS=replace(settings.THRESHOLDS, api=api))


def settle() -> None:
    """Have what waits for the end of a transaction checked now: a schema cannot be dropped before."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@contextmanager
def one_connection() -> Iterator[None]:
    """No request closes the connection, for the world's transaction is on it: what Django's test client does too."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


@pytest.fixture(scope="package")
def here(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Three tenants full of canaries. What a test changes besides, it undoes itself (Walk.ask does)."""
    with django_db_blocker.unblock(), unhurried(), one_connection(), transaction.atomic():
        hosts.clear()
        tenants = {tenant.slug: tenant for tenant in Tenant.objects.filter(slug__in=world.SHARED)}
        public = Tenant.objects.get(schema_name=PUBLIC)
        world.build_public(public)
        logging.disable(logging.ERROR)  # a line for each refusal: thousands; a broken answer is a fault
        try:
            yield World(world.build(tenants), public)
        finally:
            logging.disable(logging.NOTSET)
            transaction.set_rollback(True)
    connection.close()


@pytest.fixture
def walk(record_property: Callable[[str, object], None]) -> Iterator[Walk]:
    """Fails with all that was found at its end, and says how far it went (tests/conftest.py prints it)."""
    walk = Walk()
    yield walk
    record_property("walked", walk.said())
    walk.end()
