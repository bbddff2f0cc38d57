"""An incident goes up a support level: to which, whom that tells, and what is refused."""

from collections.abc import Callable
from datetime import datetime, time
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone, translation

from hypercare import services
from hypercare.models import Incident, Project, ProjectMember
from hypercare.rules import levels_above
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.deliveries import Audience, Outgoing, base_url
from tenancy.errors import Conflict, Invalid, NotAllowed, Stale
from tenancy.journal.models import Event
from tenancy.models import Delivery, Endpoint, Preference, Tenant, User
from tests import factories
from tests.hypercare.conftest import mailed

pytestmark = pytest.mark.django_db
WHY = "Needs somebody who knows the bank interface"
Staff = Callable[..., User]


@pytest.fixture
def staff(acme: Tenant, project: Project, system: Actor, now: datetime) -> Staff:
    """`staff("L2")` is one more agent of the project, of that level."""

    def added(level: str, role: str = "agent") -> User:
        user = factories.member(acme, role)
        with entering(acme):
            services.add_member(
                project=project,
                user_id=user.pk,
                support_level=level,  # type: ignore[arg-type]  # as the API gives it
                by=system,
                now=now,
            )
        return user

    return added


def told(incident: Incident) -> set[str]:
    return {recipient for message, recipient, _event in mailed(incident) if message == "incident.escalated"}


def names(*users: User) -> set[str]:
    return {f"user:{user.pk}" for user in users}


@pytest.mark.parametrize(
    ("level", "above"), [("", ("L2", "L3")), ("L1", ("L2", "L3")), ("L2", ("L3",)), ("L3", ())]
)
def test_levels_above_are_the_next_first(level: str, above: tuple[str, ...]) -> None:
    assert levels_above(level) == above


def test_it_goes_one_level_up_and_those_of_the_level_are_told(
    in_acme: Tenant,
    report: Callable[..., Incident],
    staff: Staff,
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    second, other = staff("L2"), staff("L2", "manager")
    staff("L1")
    staff("L2", "customer")
    incident = report()
    up = services.escalate(incident=incident, reason=f" {WHY} ", by=actors["agent"], now=now)
    assert (up.support_level, up.assigned_to_id, up.version) == ("L2", None, incident.version + 1)
    assert told(incident) == names(second, other)
    event = Event.objects.get(verb="incident.escalated")
    assert event.data == {"support_level": ["", "L2"]}
    assert services.texts_of([event], by=actors["agent"])[event.pk] == {"reason": WHY}
    assert event.scope == incident.project_id


def test_at_l3_the_managers_are_told_too(
    in_acme: Tenant,
    report: Callable[..., Incident],
    staff: Staff,
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    third, incident = staff("L3"), report()
    services.escalate(incident=incident, reason=WHY, support_level="L3", by=actors["agent"], now=now)  # type: ignore[arg-type]
    assert told(incident) == names(third, users["manager"])


def test_a_level_that_nobody_else_has_tells_the_managers(
    in_acme: Tenant,
    report: Callable[..., Incident],
    staff: Staff,
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident, alone = report(), report()
    services.escalate(incident=incident, reason=WHY, by=actors["agent"], now=now)
    assert told(incident) == names(users["manager"])
    only = staff("L2")
    services.escalate(incident=alone, reason=WHY, by=Actor.member(only.pk, "agent"), now=now)  # type: ignore[arg-type]
    assert told(alone) == names(users["manager"]), "whoever escalates knows"


def test_who_had_it_keeps_it_unless_somebody_of_the_level_gets_it(
    in_acme: Tenant,
    report: Callable[..., Incident],
    staff: Staff,
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    second, by = staff("L2"), {"by": actors["agent"], "now": now}
    kept, given = report(), report()
    for incident in (kept, given):
        services.assign(incident=incident, assigned_to_id=users["agent"].pk, **by)
    assert services.escalate(incident=kept, reason=WHY, **by).assigned_to_id == users["agent"].pk
    moved = services.escalate(incident=given, reason=WHY, assigned_to_id=second.pk, **by)
    assert moved.assigned_to_id == second.pk
    data = Event.objects.filter(verb="incident.escalated").latest("seq").data
    assert data["assigned_to"] == [users["agent"].pk, second.pk]


@pytest.mark.parametrize("severity", ["P1", "P2", "P3"])
def test_what_is_urgent_is_mailed_in_quiet_hours_too(
    in_acme: Tenant,
    report: Callable[..., Incident],
    staff: Staff,
    actors: dict[str, Actor],
    now: datetime,
    severity: str,
) -> None:
    second, incident = staff("L2"), report(severity=severity)
    Preference.objects.create(user=second, tenant=in_acme, quiet_from=time(0), quiet_until=time(23))
    services.escalate(incident=incident, reason=WHY, by=actors["agent"], now=now)
    row = Delivery.objects.get(message="incident.escalated", recipient=f"user:{second.pk}")
    assert (row.next_try_at <= now) == (severity != "P3")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_it_needs_a_reason(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime, reason: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        services.escalate(incident=report(), reason=reason, by=actors["agent"], now=now)
    assert set(refusal.value.fields) == {"reason"}
    assert not Event.objects.filter(verb="incident.escalated").exists()


def test_above_l3_is_nothing_and_what_is_done_is_not_escalated(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    by: dict[str, Any] = {"by": actors["agent"], "now": now}
    incident = services.escalate(incident=report(), reason=WHY, support_level="L3", **by)  # type: ignore[arg-type]
    with pytest.raises(Conflict) as refusal:
        services.escalate(incident=incident, reason=WHY, **by)
    assert refusal.value.state == "open"
    assert set(refusal.value.legal_moves) == {"in_progress", "waiting", "resolved"}
    done = report()
    services.resolve(incident=done, root_cause="x", resolution_notes="y", **by)
    for step in (lambda: None, lambda: services.close(incident=done, **by)):
        step()
        with pytest.raises(Conflict):
            services.escalate(incident=done, reason=WHY, **by)


def test_the_level_is_above_and_the_assignee_is_of_it(
    in_acme: Tenant,
    report: Callable[..., Incident],
    staff: Staff,
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    by: dict[str, Any] = {"by": actors["agent"], "now": now}
    customer = staff("L2", "customer")
    incident = services.escalate(incident=report(), reason=WHY, **by)
    for level in ("L1", "L2"):
        with pytest.raises(Invalid) as refusal:
            services.escalate(incident=incident, reason=WHY, support_level=level, **by)
        assert set(refusal.value.fields) == {"support_level"}
    for wrong in (users["agent"].pk, customer.pk, 10**9):
        with pytest.raises(Invalid) as refusal:
            services.escalate(incident=incident, reason=WHY, assigned_to_id=wrong, **by)
        assert set(refusal.value.fields) == {"assigned_to_id"}


def test_a_lost_race_is_refused(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report()
    services.escalate(incident=incident, version=incident.version, reason=WHY, by=actors["agent"], now=now)
    with pytest.raises(Stale):
        services.escalate(
            incident=incident, version=incident.version, reason=WHY, by=actors["agent"], now=now
        )


def test_customers_and_those_who_may_only_read_do_not_escalate(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    for by in (actors["customer"], Actor.support(1, grant_id=1, writes=False)):
        with pytest.raises(NotAllowed):
            services.escalate(incident=report(), reason=WHY, by=by, now=now)


def test_customers_do_not_see_it_in_the_timeline(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report()
    services.escalate(incident=incident, reason=WHY, by=actors["agent"], now=now)

    def verbs(who: str) -> list[str]:
        return [event.verb for event in services.timeline(incident=incident, by=actors[who])]

    assert verbs("agent") == ["incident.reported", "incident.escalated"]
    assert verbs("customer") == ["incident.reported"]


def test_the_mail_says_who_to_which_level_and_why(
    in_acme: Tenant,
    report: Callable[..., Incident],
    staff: Staff,
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    second, incident = staff("L2"), report(severity="P1", title="Payments <b>stuck</b>")
    services.escalate(incident=incident, reason=WHY, by=actors["agent"], now=now)
    event = Event.objects.get(verb="incident.escalated")
    audience = Audience(second.language, second.time_zone, user=second)
    outgoing = Outgoing(in_acme, event.verb, event.subject, event.pk, audience, base_url(in_acme), now)
    with translation.override("en"), timezone.override(second.time_zone):
        mail = services.write_notice(outgoing)
    assert mail.subject == f"◆ P1 {incident.key}: escalated to you · Payments <b>stuck</b>"
    for text in (mail.text, mail.html):
        assert f"{users['agent'].name} escalated this incident to L2." in text
        assert WHY in text
        assert f"/p/{incident.project.code}/incidents/{incident.number}" in text
        assert "it was escalated to those of your role" in text


def test_a_chat_that_follows_escalations_is_told(
    in_acme: Tenant,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report()
    services.escalate(incident=incident, reason=WHY, by=actors["agent"], now=now)
    event = Event.objects.get(verb="incident.escalated")
    endpoint = Endpoint(tenant=in_acme, channel="slack", language="en", time_zone="Europe/Istanbul")
    audience = Audience("en", endpoint.time_zone, endpoint=endpoint)
    outgoing = Outgoing(in_acme, event.verb, event.subject, event.pk, audience, base_url(in_acme), now)
    with translation.override("en"):
        [chat] = services.write_chat([outgoing])
    assert chat.news.text == "Escalated to L2"  # type: ignore[union-attr]


def test_over_the_api(
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    staff: Staff,
    users: dict[str, User],
    api: Callable[..., Client],
    at_now: time_machine.Traveller,
) -> None:
    second, incident = staff("L2"), report()
    url = f"/api/v1/projects/{project.pk}/hypercare/incidents/{incident.pk}/escalate"

    def post(who: str, **given: Any) -> Any:
        client = api(acme, users[who])
        return client.post(url, {"reason": WHY} | given, content_type="application/json")

    assert post("customer").status_code == 403
    assert post("agent", reason=" ").json()["errors"][0]["field"] == "reason"
    assert post("agent", support_level="L9").status_code == 400
    answer = post("agent", assigned_to_id=second.pk)
    assert answer.status_code == 200
    assert (answer.json()["support_level"], answer.json()["assigned_to_id"]) == ("L2", second.pk)
    assert post("agent").json()["support_level"] == "L3"
    refused = post("agent")
    assert refused.status_code == 409
    assert refused.json()["state"] == "open"
    assert "resolved" in refused.json()["legal_moves"]
    with entering(acme):
        ProjectMember.objects.filter(user=users["agent"]).delete()
    assert post("agent").status_code == 404
