"""The short form of `make fuzz`: twelve seconds of schemathesis against the running server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.api import fuzz

SECONDS = 12
FEWEST = 40  # requests, on a machine that does much else


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_request_breaks_the_server_or_passes_unasked(committed: Callable[[], Any], tmp_path: Path) -> None:
    with committed() as tenant:
        world = fuzz.build(tenant, timezone.now())
        with fuzz.serving(tmp_path) as port:
            outcome = fuzz.run(
                world,
                port,
                tmp_path,
                "--phases",
                "fuzzing,stateful",
                "--max-time",
                str(SECONDS),
                "--seed",
                "1",
            )
            assert fuzz.is_up(port, world)
    assert outcome.code == 0, outcome.said
    answers = outcome.answers()
    assert outcome.cases >= FEWEST, outcome.said
    assert answers[200] + answers[201] >= outcome.cases // 20, answers  # not only refusals
