"""The supervisor as people meet it: a process of its own, with real children."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BASE_DIR = Path(__file__).resolve().parent.parent.parent
WITHIN = 60.0  # seconds that anything may take on a busy machine

# Two commands: one ends nicely, with a child of its own; the other hears no SIGTERM.
SUPERVISED = """
import sys
from project import supervisor
supervisor.GRACE = 0.5
folder = sys.argv[1]
nice = "echo $$ >>{0}/nice; sleep 600 & echo $! >>{0}/grandchild; echo hello from nice; wait"
deaf = "trap '' TERM; echo $$ >>{0}/deaf; while true; do sleep 600; done"
sys.exit(supervisor.run(
    {"PATH": "/usr/bin:/bin"},
    {"nice": ["sh", "-c", nice.format(folder)], "deaf": ["sh", "-c", deaf.format(folder)]},
))
"""


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def pids(folder: Path, name: str) -> list[int]:
    file = folder / name
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISED, str(tmp_path)], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True
    ) as process:
        assert until(lambda: bool(pids(tmp_path, "grandchild") and pids(tmp_path, "deaf")))
        yield process
        process.kill()
        for name in ("nice", "deaf", "grandchild"):
            for pid in pids(tmp_path, name):
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)


def test_a_child_that_is_killed_comes_back_and_leaves_nothing_behind(
    supervised: subprocess.Popen[str], tmp_path: Path
) -> None:
    os.kill(pids(tmp_path, "nice")[0], signal.SIGKILL)

    assert until(lambda: len(pids(tmp_path, "grandchild")) == 2)
    assert not alive(pids(tmp_path, "grandchild")[0])
    assert alive(pids(tmp_path, "nice")[1])
    assert len(pids(tmp_path, "deaf")) == 1  # the other went on


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_everything_also_what_hears_no_sigterm(
    supervised: subprocess.Popen[str], tmp_path: Path, signum: signal.Signals
) -> None:
    supervised.send_signal(signum)
    said, _ = supervised.communicate(timeout=WITHIN)

    assert supervised.returncode == 0
    assert not any(alive(pid) for name in ("nice", "deaf", "grandchild") for pid in pids(tmp_path, name))
    assert "nice   | hello from nice" in said
    assert "nice ended with SIGTERM" in said
    assert "deaf ended with SIGKILL" in said


def test_killed_itself_it_takes_its_children_along(supervised: subprocess.Popen[str], tmp_path: Path) -> None:
    supervised.kill()
    supervised.wait()

    assert until(lambda: not alive(pids(tmp_path, "nice")[0]))


def test_a_command_that_does_not_exist_is_named_and_tried_again(tmp_path: Path) -> None:
    script = "from project import supervisor; supervisor.run({}, {'lost': ['/no/such/program']})"
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        process.terminate()
        assert process.wait(WITHIN) == 0
    assert "lost: [Errno 2] No such file or directory: '/no/such/program'" in first
    assert first.split("|")[1] == second.split("|")[1]
