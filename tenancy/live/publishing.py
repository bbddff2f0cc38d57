"""Tell the web processes, once a transaction committed, which journals went on. Nothing depends on it: they look by
themselves every stream.POLL_SECONDS.

As in `tenancy.wake` a thread of the process does it, so a Valkey that is away, or accepts and never answers, costs
the request nothing.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

from tenancy.transactions import Emitted

logger = logging.getLogger(__name__)

CHANNEL = "hypercare:journal"

Publish = Callable[[str, int], None]
_slot: list[Publish] = []


def fill(publish: Publish) -> None:
    """Say how it is told that the journal of a schema reached a number. It must return at once and never raise."""
    _slot[:] = [publish]


def announce(emitted: Sequence[Emitted]) -> None:
    """A route (tenancy.transactions): once this transaction commits, tell how far its journals went."""
    if _slot:
        transaction.on_commit(partial(_publish, list(emitted)))


def _publish(emitted: Sequence[Emitted]) -> None:
    reached = {
        item.schema: item.event.seq for item in emitted
    }  # in order, so the last of each is the highest
    for publish in _slot:
        for schema, seq in reached.items():
            publish(schema, seq)


class Publisher:
    """`publisher(schema, seq)` tells soon; what is told meanwhile of the same schema is one message."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._start_over()
        os.register_at_fork(after_in_child=self._start_over)

    def _start_over(self) -> None:
        """A forked child has neither the thread nor a right to the lock and the connection of its parent."""
        self._reached: dict[str, int] = {}
        self._something = threading.Condition()
        self._thread: threading.Thread | None = None
        self._client: redis.Redis | None = None
        self._is_down = False

    def __call__(self, schema: str, seq: int) -> None:
        with self._something:
            self._reached[schema] = max(seq, self._reached.get(schema, 0))
            self._something.notify()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep_publishing, name="publish", daemon=True)
                with suppress(RuntimeError):  # the interpreter is going down, or there are no more threads
                    self._thread.start()

    def _keep_publishing(self) -> None:
        while True:
            with self._something:
                self._something.wait_for(lambda: self._reached)
                reached, self._reached = self._reached, {}
            try:
                self._send(reached)
            except Exception as error:  # whatever the library raises: nothing depends on it
                self._broken(error)
                time.sleep(settings.THRESHOLDS.stream.PUBLISH_REST_SECONDS)
            else:
                self._mended()

    def _send(self, reached: dict[str, int]) -> None:
        if self._client is None:
            self._client = redis.Redis.from_url(
                self._url,
                socket_connect_timeout=settings.THRESHOLDS.stream.PUBLISH_TIMEOUT_SECONDS,
                socket_timeout=settings.THRESHOLDS.stream.PUBLISH_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        self._client.publish(CHANNEL, json.dumps(reached))

    def _broken(self, error: Exception) -> None:
        if self._client is not None:
            with suppress(Exception):  # it is broken, so closing it may break too
                self._client.close()
            self._client = None
        if not self._is_down:
            logger.warning("live streams are not told at once, they look by themselves: %s", error)
        self._is_down = True

    def _mended(self) -> None:
        if self._is_down:
            logger.info("live streams are told at once again")
        self._is_down = False
