"""Servers of our own, started for real under a temporary folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from project import embedded

NAMES = ("DATABASE_URL", "BROKER_URL", "CACHE_URL")


@pytest.fixture
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    # A developer's own .env must not decide what these tests start.
    monkeypatch.setattr(embedded, "BASE_DIR", Path("/nonexistent"))
    for name in (*NAMES, "ENV"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder too deep for a Unix socket, with a space and a comma."""
    deep = tmp_path_factory.mktemp("embedded") / ("deep, and " + "d" * 120)
    deep.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "BASE_DIR", Path("/nonexistent"))
        for name in NAMES:
            patch.delenv(name, raising=False)
        with embedded.services(deep) as added, psycopg.connect(added["DATABASE_URL"]) as db:
            db.execute("CREATE TABLE kept AS SELECT 1 AS one")
    return deep


def kept(root: Path) -> list[str]:
    """Command lines of the keepers and PostgreSQL servers that work on this root."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = entry.read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"{root}/" in arguments and ("keeper.py" in arguments or "postgres\0-D" in arguments):
            found.append(arguments)
    return found


@pytest.mark.usefixtures("nothing_given")
def test_it_starts_what_is_missing_keeps_the_data_and_leaves_nothing_running(root: Path) -> None:
    with embedded.services(root) as added:
        assert sorted(added) == ["BROKER_URL", "CACHE_URL", "DATABASE_URL", "ENV", "PG_BIN"]
        assert added["ENV"] == "development"
        with psycopg.connect(added["DATABASE_URL"], autocommit=True) as db:
            db.execute("UPDATE kept SET one = 1")
            assert db.info.dbname == "hypercare"
            assert db.execute("SHOW max_connections").fetchone() == ("200",)
        broker, cache = (redis.Redis.from_url(added[name]) for name in ("BROKER_URL", "CACHE_URL"))
        with broker, cache:
            broker.set("here", "1")
            assert cache.get("here") is None
            assert broker.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        dump = [f"{added['PG_BIN']}/pg_dump", "--schema-only", added["DATABASE_URL"]]
        assert "CREATE TABLE public.kept" in subprocess.check_output(dump, text=True)
    assert kept(root) == []

    with embedded.services(root) as again, psycopg.connect(again["DATABASE_URL"]) as db:
        assert db.execute("SELECT one FROM kept").fetchone() == (1,)
        assert again["DATABASE_URL"] == added["DATABASE_URL"]


@pytest.mark.usefixtures("nothing_given")
def test_the_first_user_may_leave_before_the_second(root: Path) -> None:
    first, second = embedded.services(root), embedded.services(root)
    shared = first.__enter__()
    assert second.__enter__() == shared
    first.__exit__(None, None, None)
    with psycopg.connect(shared["DATABASE_URL"]) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(embedded.Unavailable, match="in use"):
        embedded.drop(root)
    second.__exit__(None, None, None)
    assert kept(root) == []


@pytest.mark.usefixtures("nothing_given")
def test_a_server_that_is_killed_comes_back_on_its_port(root: Path) -> None:
    with embedded.services(root) as added:
        os.kill(int((root / "pg/data/postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)
        deadline = time.monotonic() + 60
        while True:
            try:
                with psycopg.connect(added["DATABASE_URL"]) as db:
                    assert db.execute("SELECT one FROM kept").fetchone() == (1,)
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


@pytest.fixture
def user_of(root: Path, nothing_given: None) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "project.embedded", "--root", str(root), "--", "sleep", "600"]
    base = Path(embedded.__file__).resolve().parent.parent
    with subprocess.Popen(command, cwd=base, text=True) as process:
        while not (root / "pg/data/postmaster.pid").exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield process
        process.kill()


def test_a_user_that_is_killed_leaves_nothing_running(user_of: subprocess.Popen[str], root: Path) -> None:
    user_of.kill()
    user_of.wait()
    deadline = time.monotonic() + 60
    while kept(root) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert kept(root) == []
    (root / "pg/data/postmaster.pid").write_text("1\n/\n0\n0\n\n\n\nready\n")  # as if after a reboot
    with embedded.services(root) as added, psycopg.connect(added["DATABASE_URL"]) as db:
        assert db.execute("SELECT one FROM kept").fetchone() == (1,)


@pytest.mark.usefixtures("nothing_given")
def test_a_url_that_is_given_is_used_and_nothing_started_for_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "given")
    with embedded.services(root) as added:
        assert added == {}
        assert kept(root) == []
    monkeypatch.delenv("CACHE_URL")
    with embedded.services(root) as added:
        assert list(added) == ["CACHE_URL"]
        assert not any("postgres" in line for line in kept(root))


@pytest.mark.usefixtures("nothing_given")
def test_urls_in_the_env_file_count_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "BASE_DIR", tmp_path)
    lines = "DATABASE_URL=postgresql://elsewhere/x\nBROKER_URL=redis://elsewhere/0\nCACHE_URL=\n"
    (tmp_path / ".env").write_text(lines)
    assert embedded.missing() == {"valkey": ["CACHE_URL"]}
    assert os.environ["BROKER_URL"] == "redis://elsewhere/0"


@pytest.mark.usefixtures("nothing_given")
def test_without_the_packages_one_sentence_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(embedded.keeper.PACKAGES, "postgres", "no_such_package")
    with (
        pytest.raises(embedded.Unavailable, match=r"DATABASE_URL not set.*\.env\.example"),
        embedded.services(tmp_path),
    ):
        pytest.fail("nothing can run here")


def test_the_password_is_for_the_owner_alone(root: Path) -> None:
    state = root / "pg/state.json"
    assert state.stat().st_mode & 0o077 == 0
    assert json.loads(state.read_text())["password"]


def test_the_command_line_passes_code_and_signals_on(
    nothing_given: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "given")  # the command only, no server
    base = Path(embedded.__file__).resolve().parent.parent
    command = [sys.executable, "-m", "project.embedded", "--root", str(tmp_path), "--"]
    assert subprocess.run([*command, "sh", "-c", "exit 7"], cwd=base, check=False).returncode == 7
    script = "trap 'exit 5' TERM; echo ready; sleep 600 & wait"
    with subprocess.Popen(
        [*command, "sh", "-c", script], cwd=base, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(60) == 5
