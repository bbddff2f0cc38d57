"""The world outside: one receiver of each kind, which write down what they take before they answer or break off."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from project.keeper import die_with_parent

DROP_EVERY = 10
KEY = 24  # as many hex digits of a delivery's key as a mail's Message-ID carries
_UP_WITHIN = 20.0  # seconds
# What each endpoint subscribes to. Slack's incoming webhooks carry no key, so nobody could account for them.
_VERBS = {
    "webhook": ["*"],
    "slack": ["incident.reported", "incident.breached"],
    "pagerduty": ["incident.breached"],
}


class Receivers:
    """Where they listen, and what they have got."""

    def __init__(self, folder: Path) -> None:
        self._ledger = folder / "ledger.jsonl"
        self._at = json.loads((folder / "servers.json").read_text())

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the product finds them."""
        return dict(self._at["environment"])

    @property
    def endpoints(self) -> list[dict[str, Any]]:
        """The fields of one Endpoint for each."""
        at = self._at
        fields = {
            "webhook": {"address": f"{at['webhooks']['url']}/chaos", "secret": at["webhooks"]["secret"]},
            "slack": {"address": at["slack"]["channel"], "secret": at["slack"]["token"]},
            "pagerduty": {"secret": at["pagerduty"]["routing_key"]},
        }
        return [{"channel": name, "name": name, "verbs": _VERBS[name], **its} for name, its in fields.items()]

    def received(self) -> "Counter[str]":
        """How often each key was taken. What carries none (Slack's updates of a message) tells nobody anything new."""
        with self._ledger.open() as lines:
            keys = [json.loads(line)["key"] for line in lines if line.endswith("\n")]
        return Counter(key[:KEY] for key in keys if key)


@contextmanager
def running(folder: Path) -> Iterator[Receivers]:
    """The receivers in a process of their own that nobody kills."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.servers", "--dir", str(folder), "--drop-every", str(DROP_EVERY)]
    die = die_with_parent(signal.SIGTERM)
    process = subprocess.Popen(command, start_new_session=True, preexec_fn=die)  # noqa: PLW1509 - one thread
    try:
        until = time.monotonic() + _UP_WITHIN
        while not (folder / "servers.json").exists():
            assert process.poll() is None, "the receivers did not start"
            assert time.monotonic() < until, "the receivers did not start in time"
            time.sleep(0.02)
        yield Receivers(folder)
    finally:
        process.terminate()
        process.wait()
