"""The mails about what people did: to whom they go, what they say, and what they keep to themselves."""

import re
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone, translation

from hypercare import services
from hypercare.models import Comment, Incident, Project, ProjectMember
from tenancy.actors import Actor
from tenancy.deliveries import Audience, Chat, Mail, Moot, Outgoing, Page, PageAction, base_url
from tenancy.journal.models import Event
from tenancy.models import Delivery, Endpoint, Membership, Preference, Tenant, User
from tests import factories
from tests.hypercare.conftest import mailed

pytestmark = pytest.mark.django_db
EXCERPT = settings.THRESHOLDS.hypercare.EXCERPT
CAUSE = {"root_cause": "Period <closed>", "resolution_notes": "Opened it\nfor all plants"}


def written(user: User, incident: Incident, verb: str, acme: Tenant, now: datetime) -> Mail:
    event = Event.objects.filter(verb=f"incident.{verb}", subject=f"incident:{incident.pk}").latest("seq")
    audience = Audience(user.language, user.time_zone, user=user)
    outgoing = Outgoing(acme, event.verb, event.subject, event.pk, audience, base_url(acme), now)
    with translation.override(user.language), timezone.override(user.time_zone):
        return services.write_notice(outgoing)


def told(incident: Incident, users: dict[str, User]) -> dict[str, set[str]]:
    """Verb -> the roles that a mail about it waits for."""
    names = {f"user:{user.pk}": role for role, user in users.items()}
    found: dict[str, set[str]] = {}
    for message, recipient, _event in mailed(incident):
        found.setdefault(message.partition(".")[2], set()).add(names[recipient])
    return found


def test_each_step_is_mailed_to_whom_it_concerns_and_never_to_who_took_it(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident, act = report(), {"by": actors["manager"], "now": now}
    services.assign(incident=incident, assigned_to_id=users["agent"].pk, **act)
    services.wait(incident=incident, reason="Log", owner_id=users["customer"].pk, **act)
    services.resolve(incident=incident, **CAUSE, **act)
    services.close(incident=incident, **act)
    services.reopen(incident=incident, **act)
    assert told(incident, users) == {
        "assigned": {"agent"},
        "waiting": {"customer"},
        "resolved": {"customer"},
        "closed": {"customer"},
        "reopened": {"customer", "agent"},
    }
    own = report()
    services.assign(incident=own, assigned_to_id=users["agent"].pk, by=actors["agent"], now=now)
    services.resolve(incident=own, **CAUSE, by=actors["agent"], now=now)
    services.close(incident=own, by=actors["customer"], now=now)
    services.reopen(incident=own, by=actors["customer"], now=now)
    assert told(own, users) == {"resolved": {"customer"}, "reopened": {"agent"}}


def test_an_assignment_that_changes_nothing_is_told_to_nobody(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident, act = report(), {"by": actors["manager"], "now": now}
    first = services.assign(incident=incident, assigned_to_id=users["agent"].pk, **act)
    same = services.assign(incident=first, assigned_to_id=users["agent"].pk, **act)
    assert same.version == first.version
    services.assign(incident=first, assigned_to_id=users["agent"].pk, support_level="L3", **act)
    services.assign(incident=first, assigned_to_id=None, **act)
    assert len(mailed(incident)) == 1


def test_who_left_the_project_is_not_told(
    in_acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident, act = report(), {"by": actors["agent"], "now": now}
    ProjectMember.objects.filter(user=users["customer"]).delete()
    services.add_comment(incident=incident, content="x", **act)
    services.resolve(incident=incident, **CAUSE, **act)
    assert mailed(incident) == []


def test_a_customer_reads_what_was_said_and_is_sent_to_no_console(
    in_acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report(severity="P2", title="Invoice <b>run</b>")
    content = "Please try <again>.\nThen call us."
    services.add_comment(incident=incident, content=content, by=actors["agent"], now=now)
    mail = written(users["customer"], incident, "commented", in_acme, now)
    assert mail.subject == f"▲ P2 {incident.key}: new comment · Invoice <b>run</b>"
    assert f"{users['agent'].name} wrote:" in mail.text
    assert content in mail.text
    assert "Please try &lt;again&gt;.<br />Then call us." in mail.html.replace("<br>", "<br />")
    assert "<again>" not in mail.html
    for text in (mail.text, mail.html):
        assert project.name in text
        assert "in progress" in text
        assert "because you reported this incident" in text
        assert "/admin/" not in text
        assert not any(user.email in text for user in users.values())


def test_one_of_us_gets_a_link_and_the_deadline(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report(severity="P1")
    services.assign(incident=incident, assigned_to_id=users["agent"].pk, by=actors["manager"], now=now)
    mail = written(users["agent"], incident, "assigned", in_acme, now)
    assert f"{users['manager'].name} assigned this incident to you." in mail.text
    link = f"{base_url(in_acme)}/p/{incident.project.code}/incidents/{incident.number}"
    for text in (mail.text, mail.html):
        assert link in text
        assert "18 November 2026 16:00 (Europe/Istanbul)" in text
    services.wait(incident=incident, reason="x", owner_id=users["customer"].pk, by=actors["agent"], now=now)
    assert "Due" not in written(users["agent"], incident, "assigned", in_acme, now).text, "paused"


def test_an_internal_comment_reaches_no_customer_by_mail(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report()
    services.assign(incident=incident, assigned_to_id=users["agent"].pk, by=actors["agent"], now=now)
    services.add_comment(
        incident=incident, content="They broke it", is_internal=True, by=actors["manager"], now=now
    )
    mail = written(users["agent"], incident, "noted", in_acme, now)
    assert "wrote internally, customers do not see it:" in mail.text
    assert "They broke it" in mail.text
    with pytest.raises(Moot):
        written(users["customer"], incident, "noted", in_acme, now)
    # Between the comment and its mail, the assignee became a customer.
    Membership.objects.filter(user=users["agent"]).update(role="customer")
    with pytest.raises(Moot):
        written(users["agent"], incident, "noted", in_acme, now)


def test_the_cause_is_mailed_while_it_is_resolved(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident, customer = report(), users["customer"]
    services.resolve(incident=incident, **CAUSE, by=actors["agent"], now=now)
    mail = written(customer, incident, "resolved", in_acme, now)
    assert "Root cause:\nPeriod <closed>" in mail.text
    assert "What was done:\nOpened it\nfor all plants" in mail.text
    services.reopen(incident=incident, reason="Not for mine", by=actors["manager"], now=now)
    assert "Period" not in written(customer, incident, "resolved", in_acme, now).text
    reopened = written(customer, incident, "reopened", in_acme, now)
    assert "Reason:\nNot for mine" in reopened.text
    assert "Period" not in reopened.text


def test_who_is_waited_for_reads_why(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report()
    services.wait(
        incident=incident, reason="Which plant?", owner_id=users["customer"].pk, by=actors["agent"], now=now
    )
    mail = written(users["customer"], incident, "waiting", in_acme, now)
    assert "Waiting for:\nWhich plant?" in mail.text
    assert "because somebody waits for you" in mail.text


def test_customers_are_not_told_who_was_here_under_a_grant(
    in_acme: Tenant, report: Callable[..., Incident], users: dict[str, User], now: datetime
) -> None:
    grant = factories.GrantFactory(user=users["support"], tenant=in_acme, writes=True, opened_at=now)
    by = Actor.support(users["support"].pk, grant_id=grant.pk, writes=True)
    incident = report()
    services.add_comment(incident=incident, content="We look into it", by=by, now=now)
    customer = written(users["customer"], incident, "commented", in_acme, now)
    assert "Support wrote:" in customer.text
    assert users["support"].name not in customer.text
    assert users["support"].name in written(users["agent"], incident, "commented", in_acme, now).text


def test_who_does_not_see_the_incident_any_more_is_told_nothing(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report()
    services.add_comment(incident=incident, content="x", by=actors["agent"], now=now)
    ProjectMember.objects.filter(user=users["customer"]).delete()
    with pytest.raises(Moot):
        written(users["customer"], incident, "commented", in_acme, now)
    users["manager"].memberships.all().delete()
    with pytest.raises(Moot):
        written(users["manager"], incident, "commented", in_acme, now)
    Comment.objects.all().delete()
    with pytest.raises(Moot):
        written(users["agent"], incident, "commented", in_acme, now)


@pytest.mark.parametrize(("severity", "waits"), [("P1", False), ("P3", True)])
def test_only_urgent_news_wakes_somebody_up(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
    severity: str,
    waits: bool,
) -> None:
    from_services: dict[str, Any] = {"by": actors["agent"], "now": now}
    users["customer"].time_zone = "UTC"
    users["customer"].save()
    Preference.objects.create(
        tenant=in_acme, user=users["customer"], quiet_from=time(8), quiet_until=time(17)
    )
    incident = report(severity=severity)
    services.add_comment(incident=incident, content="x", **from_services)
    delivery = Delivery.objects.get(subject=f"incident:{incident.pk}")
    assert delivery.next_try_at == (now + timedelta(hours=8) if waits else now)


# ---- chats and pagers ----------------------------------------------------------------------------------------------


def to_endpoint(acme: Tenant, incident: Incident, verb: str, now: datetime) -> Outgoing:
    event = Event.objects.filter(verb=f"incident.{verb}", subject=f"incident:{incident.pk}").latest("seq")
    endpoint = Endpoint(tenant=acme, channel="slack", language="en", time_zone="Europe/Istanbul")
    audience = Audience("en", acme.time_zone, endpoint=endpoint)
    return Outgoing(acme, event.verb, event.subject, event.pk, audience, base_url(acme), now)


def test_chats_and_pagers_follow_the_incident(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident, act = report(severity="P2"), {"by": actors["agent"], "now": now}
    services.change_incident(incident=incident, severity="P1", **act)
    services.change_incident(incident=incident, title="Shorter", **act)
    services.add_comment(incident=incident, content="y" * (EXCERPT + 1), **act)
    services.wait(incident=incident, reason="x", owner_id=users["customer"].pk, **act)
    (chat,) = services.write_chat([to_endpoint(in_acme, incident, "waiting", now)])
    assert isinstance(chat, Chat)
    assert dict(chat.standing.facts)["Due: resolution"] == "paused"
    services.resume(incident=incident, **act)
    services.resolve(incident=incident, **CAUSE, **act)
    services.close(incident=incident, **act)
    services.reopen(incident=incident, **act)
    asked: tuple[str, ...] = ("waiting", "resumed", "closed", "reopened", "changed", "commented")
    chats = services.write_chat([to_endpoint(in_acme, incident, verb, now) for verb in asked])
    news = {verb: one.news.text for verb, one in zip(asked, chats, strict=True) if isinstance(one, Chat)}
    assert news == {
        "waiting": "Waits for the customer",
        "resumed": "Goes on after waiting",
        "closed": "Closed",
        "reopened": "Reopened",
        "changed": "Changed",
        "commented": f"Comment: {'y' * (EXCERPT - 1)}…",
    }
    asked = ("waiting", "resumed", "resolved", "closed", "reopened")
    paged = services.write_page([to_endpoint(in_acme, incident, verb, now) for verb in asked])
    pages = {verb: one.action for verb, one in zip(asked, paged, strict=True) if isinstance(one, Page)}
    assert pages == {
        "waiting": PageAction.ACKNOWLEDGE,
        "resumed": PageAction.TRIGGER,
        "resolved": PageAction.RESOLVE,
        "closed": PageAction.RESOLVE,
        "reopened": PageAction.TRIGGER,
    }


def test_no_address_of_anybody_is_in_a_notice(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report()
    services.add_comment(incident=incident, content="x", by=actors["agent"], now=now)
    mail = written(users["customer"], incident, "commented", in_acme, now)
    assert not re.search(r"[\w.]+@[\w.]+", mail.text)
