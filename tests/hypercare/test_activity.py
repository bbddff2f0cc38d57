"""When an incident was reported last, as /health/ready says it."""

from datetime import datetime
from typing import Any

import pytest

from hypercare import services
from hypercare.models import Project
from hypercare.services import activity
from observability import health
from observability.models import Pulse
from observability.services import Recorder
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process records at most every few seconds."""
    monkeypatch.setattr(activity, "_record", Recorder(activity.INCIDENT))


def test_a_report_moves_it_once_it_is_committed(
    acme: Tenant,
    project: Project,
    actors: dict[str, Actor],
    now: datetime,
    django_capture_on_commit_callbacks: Any,
) -> None:
    assert activity.last_activity() == {"last_incident_at": None}
    with entering(acme), django_capture_on_commit_callbacks(execute=True):
        services.report_incident(project=project, title="Down", by=actors["customer"], now=now)
        assert not Pulse.objects.filter(name=activity.INCIDENT).exists()
    assert activity.last_activity() == {"last_incident_at": "2026-11-18T09:00:00.000+00:00"}


def test_what_is_no_report_does_not(
    acme: Tenant,
    project: Project,
    actors: dict[str, Actor],
    now: datetime,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with entering(acme):
        incident = services.report_incident(project=project, title="Down", by=actors["customer"], now=now)
        with django_capture_on_commit_callbacks(execute=True):
            services.respond_first(incident=incident, by=actors["agent"], now=now)
    assert activity.last_activity() == {"last_incident_at": None}


def test_it_fills_the_section_and_nobody_fills_the_pilot_yet() -> None:
    filled = {(one.section, key) for one in health._contributions for key in one.keys}
    assert filled == {("last_activity", "last_incident_at")}
    pilot = health._defaults()["pilot"]
    assert pilot["enabled"] is False
    assert pilot["rate_limit"]["current"] == 0
