"""Failpoints and false clocks, put on the product from outside: only the entry points of chaos import this.

A failpoint is armed by a file: `CHAOS_ARMED/<point>` with N in it, and whoever comes to the point for the Nth time
since its process saw the file renames it to `<point>.struck` and kills itself. So each strikes once, and the
process that is started again goes on. `CHAOS_CLOCK` is how many seconds the clock of a process is ahead.

Points, each `.before` and `.after`: `claim`, `send`, `mark` of the dispatcher; `sweep`, the commit of a tenant's
sweep; `commit`, any other commit that writes to a journal. Before a commit everything but the journal is written,
after it nobody has been answered.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import time_machine
from django.db import transaction

from tenancy import deadlines, transactions
from tenancy.deliveries import channels

_armed = Path(os.environ["CHAOS_ARMED"])
_lock = threading.Lock()
_calls: Counter[str] = Counter()
_sweeping = threading.local()


def travel() -> None:
    """Put this process and its children on their own clock."""
    ahead = float(os.environ.get("CHAOS_CLOCK", "0"))
    if ahead:
        time_machine.travel(datetime.now(UTC) + timedelta(seconds=ahead), tick=True).start()


def arm() -> None:
    """Put the failpoints around the product's functions; django must be set up."""
    dispatch = import_module("tenancy.deliveries.dispatch")  # the package's attribute is the function
    _around(dispatch, "claim", "claim", worth=lambda given, batch: batch != [])
    _around(dispatch, "mark", "mark", worth=lambda given, done: any(result.tried for result in given[0]))
    for channel in channels().values():
        _around(channel, "send", "send")
    _around_sweeps()
    _around_commits()


def serve(**_given: object) -> None:
    """Say that this process takes work from now on."""
    (_armed / "serves").touch()


def strike(point: str) -> None:
    """Die here if `point` is armed and this is the call that it waits for."""
    path = _armed / point
    try:
        wanted = int(path.read_text())
    except FileNotFoundError:
        return
    with _lock:
        _calls[point] += 1
        if _calls[point] < wanted:
            return
    try:
        path.rename(path.with_name(f"{point}.struck"))
    except FileNotFoundError:  # another process took it
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _around(
    owner: Any, name: str, point: str, worth: Callable[[Any, Any], bool] = lambda given, done: True
) -> None:
    """Strike before and after each call that is `worth` it, judged by its arguments and its result (None: before)."""
    inner = getattr(owner, name)

    @wraps(inner)
    def wrapped(*given: Any, **named: Any) -> Any:
        if worth(given, None):
            strike(f"{point}.before")
        result = inner(*given, **named)
        if worth(given, result):
            strike(f"{point}.after")
        return result

    setattr(owner, name, wrapped)


def _around_sweeps() -> None:
    """Tell the commit of a sweep from every other."""
    inner = deadlines.sweep_tenant

    @wraps(inner)
    def wrapped(*given: Any, **named: Any) -> None:
        _sweeping.now = True
        try:
            inner(*given, **named)
        finally:
            _sweeping.now = False

    deadlines.sweep_tenant = wrapped


def _around_commits() -> None:
    """What a transaction emitted is appended last, and COMMIT goes with it; after that comes its `on_commit`."""
    inner = transactions._append

    @wraps(inner)
    def wrapped(events: Any, *, commit: bool) -> None:
        point = "sweep" if getattr(_sweeping, "now", False) else "commit"
        if events:
            strike(f"{point}.before")
            transaction.on_commit(partial(strike, f"{point}.after"))
        inner(events, commit=commit)

    transactions._append = wrapped
