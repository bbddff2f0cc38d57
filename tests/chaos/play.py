"""Plays scenarios on a stack and writes the table. Loads models: import it once django is set up."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests import factories
from tests.chaos import world
from tests.chaos.ledger import Row, table
from tests.chaos.receivers import Receivers
from tests.chaos.scenarios import LONG, SHORT, Run
from tests.chaos.stack import Stack


@contextmanager
def running(stack: Stack, told: Receivers, *, long: bool) -> Iterator[Run]:
    """The tenants, and the stack until the end."""
    factories.UserFactory(staff_role="platform")  # who hears of the platform's alerts
    places = world.build("chaos", 3, endpoints=told.endpoints)
    crowd = world.build("crowd", 50 if long else 10)
    try:
        yield Run(stack, places, crowd, told.received, long)
    finally:
        stack.stop()


def answer(run: Run, names: Iterable[str]) -> None:
    """A line of JSON on standard output for each name."""
    for name in names:
        sys.stdout.write(json.dumps(asdict(_play(run, name.strip()))) + "\n")
        sys.stdout.flush()


def report(run: Run, names: Sequence[str], folder: Path) -> int:
    """Play these, all if there are none, and write the table after each. Returns 1 if anything is wrong.

    Returns 2, and plays nothing, where a name is none.
    """
    there = _scenarios(run)
    unknown = [name for name in names if name not in there]
    if unknown:
        sys.stderr.write(f"No scenario {', '.join(unknown)}. There are: {', '.join(there)}\n")
        return 2
    rows: list[Row] = []
    at = datetime.now(UTC)
    for name in names or there:
        rows.append(_play(run, name))
        sys.stdout.write(f"{rows[-1].scenario}: {'; '.join(rows[-1].faults[:20]) or 'well'}\n")
        sys.stdout.flush()
        _write(folder / f"{at:%Y%m%dT%H%M%SZ}", at, rows)
    sys.stdout.write(f"\n{table(rows)}\n")
    return int(any(row.faults for row in rows))


def _scenarios(run: Run) -> dict[str, Callable[[Run], Row]]:
    return LONG if run.long else SHORT


def _play(run: Run, name: str) -> Row:
    try:
        run.up()
        return _scenarios(run)[name](run)
    except Exception as error:  # the others are played all the same
        return Row(name, faults=[f"{type(error).__name__}: {error}"])


def _write(name: Path, at: datetime, rows: Sequence[Row]) -> None:
    name.parent.mkdir(parents=True, exist_ok=True)
    name.with_suffix(".md").write_text(table(rows) + "\n")
    plain = {"at": at.isoformat(), "rows": [asdict(row) for row in rows]}
    name.with_suffix(".json").write_text(json.dumps(plain, indent=2))
