"""What is said about an incident: who may, who reads it, and what it moves."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from hypercare import services
from hypercare.models import Comment, Incident, Project
from tenancy.actors import Actor
from tenancy.errors import Invalid, NotAllowed
from tenancy.journal.models import Event
from tenancy.models import Tenant, User
from tests.hypercare.conftest import mailed

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def verbs(incident: Incident) -> list[str]:
    lines = Event.objects.filter(subject=f"incident:{incident.pk}").order_by("seq")
    return [verb.partition(".")[2] for verb in lines.values_list("verb", flat=True)]


def test_our_first_public_comment_is_the_first_response(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident, at = report(severity="P1"), now + 5 * MINUTE
    said = services.add_comment(incident=incident, content=" On it. ", by=actors["agent"], now=at)
    assert (said.content, said.is_internal, said.author_id) == ("On it.", False, actors["agent"].user_id)
    answered = Incident.objects.get()
    assert (answered.state, answered.first_response_at, answered.first_response_by_id) == (
        "in_progress",
        at,
        actors["agent"].user_id,
    )
    services.add_comment(incident=incident, content="Still on it.", by=actors["manager"], now=at + MINUTE)
    assert Incident.objects.get().first_response_at == at
    assert verbs(incident) == ["reported", "commented", "first_response", "commented"]


def test_internal_notes_and_customers_do_not_answer(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report()
    services.add_comment(incident=incident, content="x", is_internal=True, by=actors["agent"], now=now)
    services.add_comment(incident=incident, content="Hello?", by=actors["customer"], now=now)
    stored = Incident.objects.get()
    assert (stored.state, stored.first_response_at, stored.version) == ("open", None, incident.version)
    assert verbs(incident) == ["reported", "noted", "commented"]


def test_a_late_public_comment_marks_the_breach(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report(severity="P1")
    services.add_comment(incident=incident, content="x", by=actors["agent"], now=now + 61 * MINUTE)
    assert Incident.objects.get().sla_response_breached


def test_a_customers_public_comment_ends_the_waiting_and_ours_does_not(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    act = {"by": actors["agent"], "now": now}
    waiting = services.wait(
        incident=report(severity="P1"), reason="Which plant?", owner_id=users["customer"].pk, **act
    )
    services.add_comment(incident=waiting, content="Reminder", is_internal=True, **act)
    services.add_comment(incident=waiting, content="Please tell us.", **act)
    still = Incident.objects.get()
    assert (still.state, still.first_response_at) == ("waiting", now), "answered, and waiting on"
    at = now + timedelta(hours=9)
    services.add_comment(incident=waiting, content="Plant 1000", by=actors["customer"], now=at)
    resumed = Incident.objects.get()
    assert (resumed.state, resumed.waiting_since) == ("in_progress", None)
    assert resumed.sla_resolution_deadline == at + 240 * MINUTE
    assert verbs(waiting)[-2:] == ["commented", "resumed"]


@pytest.mark.parametrize("content", ["", " \n", "x" * 20_001, "a\0b"])
def test_a_comment_that_says_nothing_or_too_much_is_refused(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime, content: str
) -> None:
    with pytest.raises(Invalid) as refused:
        services.add_comment(incident=report(), content=content, by=actors["agent"], now=now)
    assert list(refused.value.fields) == ["content"]
    assert not Comment.objects.exists()


def test_an_incident_that_is_over_can_still_be_commented_on(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    act = {"by": actors["agent"], "now": now}
    resolved = services.resolve(incident=report(), root_cause="x", resolution_notes="y", **act)
    services.add_comment(incident=resolved, content="Thank you", by=actors["customer"], now=now)
    closed = services.close(incident=resolved, **act)
    services.add_comment(incident=closed, content="For the record", is_internal=True, **act)
    assert Incident.objects.get().state == "closed"


def test_a_customer_reads_the_public_ones(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report()
    for content, is_internal in (("one", False), ("two", True), ("three", False)):
        services.add_comment(
            incident=incident, content=content, is_internal=is_internal, by=actors["agent"], now=now
        )
    read = {
        role: [said.content for said in services.comments(incident=incident, by=actors[role])]
        for role in ("customer", "agent")
    }
    assert read == {"customer": ["one", "three"], "agent": ["one", "two", "three"]}


def test_a_customer_writes_nothing_internal_and_the_system_nothing(
    in_acme: Tenant,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    system: Actor,
    now: datetime,
) -> None:
    incident = report()
    with pytest.raises(NotAllowed):
        services.add_comment(incident=incident, content="x", is_internal=True, by=actors["customer"], now=now)
    with pytest.raises(NotAllowed):
        services.add_comment(incident=incident, content="x", by=system, now=now)
    assert not Comment.objects.exists()


def test_no_comments_text_is_in_the_journal(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report()
    said = services.add_comment(incident=incident, content="Call Ayşe", by=actors["agent"], now=now)
    event = Event.objects.get(verb="incident.commented")
    assert event.data == {"comment": str(said.pk)}
    assert event.personal_hash == ""


# ---- who is told ---------------------------------------------------------------------------------------------------


def test_who_is_mailed_about_what_is_said(
    in_acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    system: Actor,
    now: datetime,
) -> None:
    incident = report()

    def told(role: str, *, internal: bool = False) -> set[str]:
        before = set(mailed(incident))
        services.add_comment(incident=incident, content="x", is_internal=internal, by=actors[role], now=now)
        names = {f"user:{user.pk}": role for role, user in users.items()}
        return {names[recipient] for _message, recipient, _event in set(mailed(incident)) - before}

    assert told("customer") == {"agent"}, "nobody has it: the project's agents"
    assert told("agent") == {"customer"}
    assert told("agent", internal=True) == set(), "nobody has it"
    services.assign(incident=incident, assigned_to_id=users["manager"].pk, by=actors["manager"], now=now)
    assert told("customer") == {"manager"}
    assert told("agent", internal=True) == {"manager"}
    assert told("manager", internal=True) == set(), "never who wrote it"
    assert told("manager") == {"customer"}
    incident = report(by=system)
    assert told("agent") == set(), "no customer reported it"
    incident = report(by=actors["agent"])
    assert told("manager") == set(), "one of us reported it"
