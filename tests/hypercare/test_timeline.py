"""An incident's story: whole for agents, the public part for customers."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from hypercare import services
from hypercare.models import Incident
from tenancy.actors import Actor
from tenancy.models import Tenant, User

pytestmark = pytest.mark.django_db


def test_the_timeline_is_the_journal_of_one_incident_and_shorter_for_customers(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report(severity="P1")
    report()
    later = now + timedelta(hours=5)
    by = actors["agent"]
    services.assign(incident=incident, assigned_to_id=users["agent"].pk, by=by, now=now)
    services.respond_first(incident=incident, by=by, now=now)
    services.resolve(incident=incident, root_cause="x", resolution_notes="y", by=by, now=later)
    whole = ["reported", "assigned", "first_response", "resolved", "breached"]
    public = ["reported", "first_response", "resolved", "breached"]
    for actor, verbs in ((by, whole), (actors["customer"], public)):
        events = services.timeline(incident=incident, by=actor)
        assert [event.verb for event in events] == [f"incident.{verb}" for verb in verbs]


def test_a_customer_reads_nothing_of_the_inside() -> None:
    data = {"clock": "response", "due_at": "…", "target_minutes": 60, "elapsed_minutes": 61, "told": [1, 2]}
    assert services.public_data("incident.breached", data) == {
        "clock": "response",
        "due_at": "…",
        "target_minutes": 60,
    }
    assert services.public_data("incident.assigned", {"assigned_to": [None, 3]}) == {}
