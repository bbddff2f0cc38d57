"""An incident's story: whole for agents, the public part for customers."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from hypercare import services
from hypercare.models import Incident, Project
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.models import Membership, Tenant, User
from tenancy.services import erase_personal

pytestmark = pytest.mark.django_db


def verbs(incident: Incident, by: Actor) -> list[str]:
    return [event.verb.partition(".")[2] for event in services.timeline(incident=incident, by=by)]


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
    services.add_comment(incident=incident, content="Hm", is_internal=True, by=by, now=now)
    services.respond_first(incident=incident, by=by, now=now)
    services.resolve(incident=incident, root_cause="x", resolution_notes="y", by=by, now=later)
    services.close(incident=incident, by=by, now=later)
    services.reopen(incident=incident, by=actors["customer"], now=later)
    services.wait(incident=incident, reason="Log", owner_id=users["customer"].pk, by=by, now=later)
    services.add_comment(incident=incident, content="Here", by=actors["customer"], now=later)
    rest = ["first_response", "resolved", "breached", "closed", "reopened"]
    end = ["waiting", "commented", "resumed"]
    whole = verbs(incident, by)
    assert [verb for verb in whole if verb not in ("warned", "breached")] == [
        *("reported", "assigned", "noted"),
        *(verb for verb in rest if verb != "breached"),
        *end,
    ]
    seen = verbs(incident, actors["customer"])
    assert [verb for verb in seen if verb != "breached"] == [
        "reported",
        *(verb for verb in rest if verb != "breached"),
        *end,
    ]
    assert whole.index("breached") > whole.index("resolved"), "what follows comes after"
    assert "breached" in seen


@pytest.mark.parametrize("reader", ["agent", "customer"])
def test_who_is_one_of_us_is_told_and_of_those_who_left_not_known(
    acme: Tenant,
    api: Callable[[Tenant, User], Client],
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
    reader: str,
) -> None:
    incident = report()
    with entering(acme):
        for role in ("agent", "customer", "manager"):
            services.add_comment(incident=incident, content="x", by=actors[role], now=now)
    Membership.objects.filter(tenant=acme, user=users["manager"]).delete()
    url = f"/api/v1/projects/{incident.project_id}/hypercare/incidents/{incident.pk}/timeline"
    told = api(acme, users[reader]).get(url).json()["results"]
    ours = {row["by"]["user_id"]: row["by"]["is_ours"] for row in told if row["by"]["user_id"]}
    assert ours == {users["agent"].pk: True, users["customer"].pk: False, users["manager"].pk: None}
    assert all(row["by"]["is_ours"] for row in told if row["by"]["kind"] == "system")


def test_a_customer_reads_nothing_of_the_inside() -> None:
    data = {"clock": "response", "due_at": "…", "target_minutes": 60, "elapsed_minutes": 61, "told": [1, 2]}
    assert services.public_data("incident.breached", data) == {
        "clock": "response",
        "due_at": "…",
        "target_minutes": 60,
    }
    assert services.public_data("incident.assigned", {"assigned_to": [None, 3]}) == {}
    assert services.public_data("incident.noted", {"comment": "…"}) == {}
    resolved = {"from": "open", "to": "resolved", "root_cause_category": "data", "breached": False}
    assert services.public_data("incident.resolved", resolved) == {"from": "open", "to": "resolved"}


def test_a_change_of_what_a_customer_does_not_see_is_no_event_to_them(
    in_acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident, act = report(), {"by": actors["agent"], "now": now}
    item = services.create_backlog_item(project=project, kind="F", key="FRM-1", title="Form", **act)
    services.change_incident(incident=incident, requires_change_request=True, **act)
    assert verbs(incident, actors["agent"]) == ["reported", "changed"]
    assert verbs(incident, actors["customer"]) == ["reported"]
    services.change_incident(incident=incident, backlog_item_id=item.pk, severity="P2", **act)
    events = services.timeline(incident=incident, by=actors["customer"])
    data = [
        services.public_data(event.verb, event.data) for event in events if event.verb.endswith("changed")
    ]
    assert data == [{"severity": ["P3", "P2"]}]


def test_what_people_wrote_is_told_with_the_story_until_it_is_erased(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident, act = report(title="Old"), {"by": actors["agent"], "now": now}
    services.change_incident(incident=incident, title="New", **act)
    services.add_comment(incident=incident, content="Between us", is_internal=True, **act)
    services.add_comment(incident=incident, content="To all", **act)
    services.wait(incident=incident, reason="The log", owner_id=users["customer"].pk, **act)

    def told(role: str) -> list[dict[str, object]]:
        events = list(services.timeline(incident=incident, by=actors[role]))
        texts = services.texts_of(events, by=actors[role])
        return [texts[event.pk] for event in events if event.pk in texts]

    changed, log = {"title": ["Old", "New"]}, {"reason": "The log"}
    assert told("agent") == [changed, {"content": "Between us"}, {"content": "To all"}, log]
    assert told("customer") == [changed, {"content": "To all"}, log]
    everything = services.texts_of(Event.objects.all(), by=actors["customer"])
    assert {"content": "Between us"} not in everything.values(), "asked for all, a customer gets theirs"
    erase_personal(subject=incident, reason="Asked for", by=actors["admin"], now=now)
    assert told("agent") == [{"content": "Between us"}, {"content": "To all"}]
