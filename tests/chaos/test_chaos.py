"""The short form of every scenario, one after the other on one stack. The long form: make chaos."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.scenarios import SHORT

BASE_DIR = Path(__file__).resolve().parent.parent.parent

# One stack, one scenario at a time; on a busy machine each has patience of its own.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], dict[str, Any]]]:
    """`played(name)` plays a scenario on servers of its own and gives its row.

    In a process of its own: this one's Django has the suite's database. It ends when its standard input does.
    """
    folder = tmp_path_factory.mktemp("chaos")
    command = [sys.executable, "-m", "tests.chaos", "--ask", "--folder", str(folder / "run")]
    with subprocess.Popen(
        command, cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as player:
        assert player.stdin is not None
        assert player.stdout is not None

        def play(name: str) -> dict[str, Any]:
            player.stdin.write(f"{name}\n")
            player.stdin.flush()
            row: dict[str, Any] = json.loads(player.stdout.readline())
            return row

        yield play
        player.stdin.close()
    assert player.returncode == 0


@pytest.mark.parametrize("name", SHORT)
def test_nothing_is_lost_and_nothing_is_doubled(name: str, played: Callable[[str], dict[str, Any]]) -> None:
    row = played(name)
    assert row["faults"] == []
    assert (row["lost"], row["doubled"]) == (0, 0)
    assert row["acknowledged"] > 0
    assert row["keys"] == row["rows"] == row["received"] - row["repeats"]
    assert row["rows"] > 0
