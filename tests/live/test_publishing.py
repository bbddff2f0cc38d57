"""Telling the web processes: after commit, once for each journal, and never at the cost of who commits."""

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from tenancy.actors import Actor
from tenancy.context import PUBLIC, entering
from tenancy.journal.models import EventHead
from tenancy.live import CHANNEL, Publisher, fill, publishing
from tenancy.models import OperatorHead, Tenant
from tenancy.transactions import atomic, emit

SYSTEM = Actor.system("tests")


@pytest.fixture
def told() -> Iterator[list[tuple[str, int]]]:
    before, found = list(publishing._slot), []
    fill(lambda schema, seq: found.append((schema, seq)))
    yield found
    publishing._slot[:] = before


def happen(tenant: Tenant, *schemas: str | None) -> None:
    with entering(tenant), atomic():
        for schema in schemas:
            emit("thing.happened", "thing:1", by=SYSTEM, now=timezone.now(), schema=schema)


def test_each_journal_is_told_once_with_its_head(committed: Any, told: list[tuple[str, int]]) -> None:
    with committed() as tenant:
        told.clear()
        happen(tenant, None, PUBLIC, None)
        with entering(tenant):
            mine = EventHead.objects.get().seq
        assert told == [(tenant.schema_name, mine), (PUBLIC, OperatorHead.objects.get().seq)]


def test_what_was_rolled_back_is_not_told(committed: Any, told: list[tuple[str, int]]) -> None:
    with committed() as tenant:
        told.clear()
        with pytest.raises(RuntimeError, match="not today"), atomic():
            happen(tenant, None)
            raise RuntimeError("not today")
        assert told == []


def test_it_goes_over_valkey_and_what_is_told_meanwhile_is_one_message() -> None:
    with redis.Redis.from_url(os.environ["CACHE_URL"], socket_timeout=5) as client, client.pubsub() as heard:
        heard.subscribe(CHANNEL)
        heard.get_message(timeout=5)
        publisher = Publisher(os.environ["CACHE_URL"])
        for seq in (1, 3, 2):
            publisher("t_told_here", seq)
        reached = 0
        until = time.monotonic() + 30
        while reached < 3 and time.monotonic() < until:
            message = heard.get_message(ignore_subscribe_messages=True, timeout=1)
            reached = max(reached, json.loads(message["data"]).get("t_told_here", 0) if message else 0)
        assert reached == 3


def test_a_valkey_that_is_away_or_silent_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        for port in (1, silent.getsockname()[1]):
            caplog.clear()
            publisher = Publisher(f"redis://127.0.0.1:{port}/0")
            begun = time.monotonic()
            for seq in range(1000):
                publisher("t_acme", seq)
            assert time.monotonic() - begun < settings.THRESHOLDS.stream.PUBLISH_TIMEOUT_SECONDS
            until = time.monotonic() + 30
            with caplog.at_level(logging.WARNING, logger="tenancy.live.publishing"):
                while "look by themselves" not in caplog.text:
                    assert time.monotonic() < until
                    time.sleep(0.05)
