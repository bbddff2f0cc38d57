"""build_id: BUILD_ID, else the checkout's SHA, else unknown; it never raises."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from project import build
from project.build import build_id


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", root, *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    git(root, "init", "--quiet")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "first")
    return root


def fake_git(folder: Path, body: str) -> str:
    """Put a program called git into a folder; gives the PATH that finds it first."""
    folder.mkdir()
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_build_id_is_taken_as_given(checkout: Path) -> None:
    assert build_id({"BUILD_ID": " v1.4.0+abc \n"}, checkout) == "v1.4.0+abc"


@pytest.mark.parametrize("environ", [{}, {"BUILD_ID": ""}, {"BUILD_ID": "  "}])
def test_without_one_it_is_the_short_sha(environ: dict[str, str], checkout: Path) -> None:
    assert build_id(environ, checkout) == "git:" + git(checkout, "rev-parse", "--short", "HEAD")


def test_a_worktree_has_its_own_sha(checkout: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    git(checkout, "worktree", "add", "--quiet", str(tree))
    git(tree, "commit", "--quiet", "--allow-empty", "--message", "second")
    sha = git(tree, "rev-parse", "--short", "HEAD")
    assert build_id({}, tree) == f"git:{sha}"
    assert build_id({}, checkout) != f"git:{sha}"


def test_another_repository_around_it_does_not_count(checkout: Path) -> None:
    inner = checkout / "copy"
    inner.mkdir()
    assert build_id({}, inner) == "unknown"


def test_a_hooks_git_dir_does_not_count(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = build_id({}, checkout)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert build_id({}, checkout) == expected
    assert expected.startswith("git:")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_checkout_of_another_user_has_a_sha(checkout: Path) -> None:
    expected = build_id({}, checkout)
    for path in (checkout, checkout / ".git"):
        os.chown(path, 12345, 12345)
    assert build_id({}, checkout) == expected


def test_no_repository_no_folder_no_commit(tmp_path: Path) -> None:
    assert build_id({}, tmp_path) == "unknown"
    assert build_id({}, tmp_path / "missing") == "unknown"
    git(tmp_path, "init", "--quiet")
    assert build_id({}, tmp_path) == "unknown"


def test_a_broken_repository(checkout: Path) -> None:
    (checkout / ".git" / "HEAD").write_bytes(b"\xff\x00nonsense")
    assert build_id({}, checkout) == "unknown"


def test_a_root_that_cannot_be_a_path() -> None:
    assert build_id({}, Path("nul\0byte")) == "unknown"


def test_no_git_installed(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert build_id({}, checkout) == "unknown"


@pytest.mark.parametrize("body", ["echo nonsense", "printf '\\377'", "exit 0", "echo abc1234; exit 1"])
def test_a_git_that_talks_nonsense(
    body: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", fake_git(tmp_path / "bin", body))
    assert build_id({}, checkout) == "unknown"


def test_a_git_that_hangs(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", fake_git(tmp_path / "bin", "exec sleep 30"))
    monkeypatch.setattr(build, "GIT_TIMEOUT_SECONDS", 0.2)
    started = time.monotonic()
    assert build_id({}, checkout) == "unknown"
    assert time.monotonic() - started < 5
