"""Nudge a worker once this transaction commits. Nothing depends on it: beat sweeps anyway."""

from collections.abc import Callable
from functools import partial

from django.db import transaction

_slot: list[Callable[[str], None]] = []


def fill(nudge: Callable[[str], None]) -> None:
    """Say how a worker is nudged. `nudge(name)` must return at once and never raise."""
    _slot[:] = [nudge]


def wake(name: str) -> None:
    """Ask for the job `name` ("sweep", "dispatch") soon after commit."""
    for nudge in _slot:
        transaction.on_commit(partial(nudge, name))
