"""A process whose configuration names what is not there does not start, whatever kind it is."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from django.conf import LazySettings

from project import celery, startup
from project.thresholds import ConfigError, Thresholds

SENTENCE = "observability.E001: The alarm s1_rate: nobody declared the metric 's1_rat'."


@pytest.fixture
def misspelt(settings: LazySettings) -> None:
    """An alarm of a metric that nobody declared."""
    given: Thresholds = settings.THRESHOLDS
    first, *others = given.alarms
    settings.THRESHOLDS = replace(given, alarms=(replace(first, metric="s1_rat"), *others))


def lifespan() -> list[dict[str, Any]]:
    """What the web process answers to the server that starts it."""
    from project import asgi

    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(asgi.application({"type": "lifespan"}, receive, send))
    return sent


def test_a_good_one_is_announced(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="project.startup"):
        startup.announce()
    assert "Config validation passed: build_id=" in caplog.text


@pytest.mark.usefixtures("misspelt")
def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        startup.announce()
    assert refused.value.faults == (SENTENCE,)


@pytest.mark.usefixtures("misspelt")
def test_a_worker_and_beat_end() -> None:
    with pytest.raises(SystemExit, match="nobody declared the metric"):
        celery.started()


@pytest.mark.usefixtures("misspelt")
def test_the_server_is_told_that_the_web_process_does_not_start() -> None:
    [answer] = lifespan()
    assert answer["type"] == "lifespan.startup.failed"
    assert SENTENCE in answer["message"]
