"""Which build is running: the value that health, start-up log, run summaries and decisions carry."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

UNKNOWN = "unknown"
GIT_TIMEOUT_SECONDS = 5  # not tunable: it is needed before the thresholds exist


def build_id(environ: Mapping[str, str], root: Path) -> str:
    """Name the running build: BUILD_ID, else `git:` + the short SHA of root's HEAD, else `unknown`.

    Never raises. Git is asked only when root itself holds .git, so that a copy inside somebody else's
    repository does not take that one's SHA.
    """
    given = environ.get("BUILD_ID", "").strip()
    if given:
        return given
    try:
        sha = _short_sha(root / ".git")
    except (OSError, subprocess.SubprocessError, ValueError):  # no git, no right to read, hung, not text
        return UNKNOWN
    return f"git:{sha}" if sha else UNKNOWN


def _short_sha(git_dir: Path) -> str | None:
    if not git_dir.exists():
        return None
    # --git-dir rather than a working directory: it outranks GIT_DIR (set inside hooks), and git then does not
    # refuse a checkout that belongs to another user (a container's root on a mounted tree).
    done = subprocess.run(  # noqa: S603 - a fixed command, no shell
        ["git", f"--git-dir={git_dir}", "rev-parse", "--short", "HEAD"],  # noqa: S607 - git is wherever PATH has it
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=GIT_TIMEOUT_SECONDS,
    )
    sha = done.stdout.decode("ascii").strip()
    return sha if done.returncode == 0 and re.fullmatch("[0-9a-f]+", sha) else None
