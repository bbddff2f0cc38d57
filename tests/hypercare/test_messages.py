"""The mail of a breach: in the reader's language, with all they need and only what they may see."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone, translation

from hypercare import services
from hypercare.models import Incident, Project, ProjectMember
from hypercare.services.messages import duration
from tenancy.actors import Actor
from tenancy.deliveries import Audience, Content, Mail, Moot, Outgoing, PageAction, base_url
from tenancy.journal.models import Event
from tenancy.models import Endpoint, Tenant, User

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def to_user(user: User, incident: Incident, acme: Tenant, now: datetime) -> Outgoing:
    event = Event.objects.filter(verb="incident.breached", subject=f"incident:{incident.pk}").latest("seq")
    audience = Audience(user.language, user.time_zone, user=user)
    return Outgoing(acme, "incident.breached", event.subject, event.pk, audience, base_url(acme), now)


def one(answers: Sequence[Content | Exception]) -> Any:
    [answer] = answers
    if isinstance(answer, Exception):
        raise answer
    return answer


def written(user: User, incident: Incident, acme: Tenant, now: datetime) -> Mail:
    with translation.override(user.language), timezone.override(user.time_zone):
        return one(services.write_breach([to_user(user, incident, acme, now)]))


@pytest.fixture
def breached(in_acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime) -> Incident:
    incident = report(severity="P2", title="Invoice <b>run</b> & posting")
    services.record_breaches(incident_ids=[incident.pk], clock="response", by=system, now=now + 240 * MINUTE)
    return incident


def test_the_mail_says_what_is_late_by_how_much_and_where(
    in_acme: Tenant, project: Project, breached: Incident, users: dict[str, User], now: datetime
) -> None:
    mail = written(users["agent"], breached, in_acme, now + 258 * MINUTE)
    assert mail.subject == f"▲ P2 {breached.key}: first response overdue · Invoice <b>run</b> & posting"
    link = f"{base_url(in_acme)}/p/{breached.project.code}/incidents/{breached.number}"
    for text in (mail.text, mail.html):
        assert "The first response is 18 min late (target 4 h)." in text
        assert project.name in text
        assert link in text
        assert "16:00 (Europe/Istanbul)" in text
        assert "nobody yet" in text
    assert "Invoice &lt;b&gt;run&lt;/b&gt; &amp; posting" in mail.html
    assert "<b>run</b>" not in mail.html
    assert "▲" in mail.html


def test_a_reader_in_another_zone_sees_both_times(
    in_acme: Tenant, breached: Incident, users: dict[str, User], now: datetime
) -> None:
    users["manager"].time_zone = "America/New_York"
    users["manager"].save()
    users["manager"].refresh_from_db()
    mail = written(users["manager"], breached, in_acme, now + 258 * MINUTE)
    for text in (mail.text, mail.html):
        assert "08:00 (America/New_York)" in text
        assert "16:00 (Europe/Istanbul)" in text


def test_an_answer_that_came_late_is_told_as_that(
    in_acme: Tenant,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    users: dict[str, User],
    now: datetime,
) -> None:
    incident = report(severity="P1")
    services.assign(incident=incident, assigned_to_id=users["agent"].pk, by=actors["agent"], now=now)
    services.respond_first(incident=incident, by=actors["agent"], now=now + 65 * MINUTE)
    mail = written(users["manager"], incident, in_acme, now + timedelta(days=2))
    assert mail.subject == f"◆ P1 {incident.key}: answered late · {incident.title}"
    assert "The first response came 5 min late (target 1 h)." in mail.text
    assert users["agent"].name in mail.text


def test_a_turkish_reader_gets_turkish(
    in_acme: Tenant, breached: Incident, users: dict[str, User], now: datetime
) -> None:
    users["agent"].language = "tr"
    users["agent"].save()
    mail = written(users["agent"], breached, in_acme, now + 258 * MINUTE)
    assert mail.subject == f"▲ P2 {breached.key}: ilk yanıt gecikti · Invoice <b>run</b> & posting"
    assert 'lang="tr"' in mail.html
    for text in (mail.text, mail.html):
        assert "İlk yanıt hâlâ verilmedi: 18 dk gecikti (hedef 4 sa)." in text
        assert "18 Kasım 2026 16:00 (Europe/Istanbul)" in text
        assert "henüz kimse yok" in text
        assert "Olayı aç" in text
    assert "Bu e-postayı, olayı yanıtlayacak ya da yönetecek kişilerden olduğunuz için aldınız." in mail.html
    assert "18 dk gecikti (hedef 4 sa)" in mail.html.split("</div>")[0], "the line that an inbox shows"


def test_no_address_of_anybody_is_in_a_mail(
    in_acme: Tenant, breached: Incident, users: dict[str, User], now: datetime
) -> None:
    mail = written(users["agent"], breached, in_acme, now + 258 * MINUTE)
    assert not re.search(r"[\w.]+@[\w.]+", mail.text)
    assert not any(user.email in mail.html for user in users.values())


def test_who_does_not_see_the_incident_any_more_is_told_nothing(
    in_acme: Tenant, breached: Incident, users: dict[str, User], now: datetime
) -> None:
    ProjectMember.objects.filter(user=users["agent"]).delete()
    with pytest.raises(Moot):
        written(users["agent"], breached, in_acme, now)
    users["manager"].memberships.all().delete()
    with pytest.raises(Moot):
        written(users["manager"], breached, in_acme, now)


@pytest.fixture
def waiting(
    in_acme: Tenant, report: Callable[..., Incident], users: dict[str, User], system: Actor, now: datetime
) -> list[Outgoing]:
    """Mails of three breaches, each to the agent and to the manager."""
    incidents = [report(severity="P2", title=f"Nr. {number}") for number in range(3)]
    late = now + 240 * MINUTE
    pks = [incident.pk for incident in incidents]
    services.record_breaches(incident_ids=pks, clock="response", by=system, now=late)
    readers = users["agent"], users["manager"]
    return [to_user(user, incident, in_acme, late) for incident in incidents for user in readers]


def test_mails_that_wait_together_are_read_together(
    waiting: list[Outgoing], django_assert_num_queries: Any
) -> None:
    for size in (2, 6):
        with django_assert_num_queries(6):  # events, a clock, and access and incidents of two readers
            mails = [one([answer]) for answer in services.write_breach(waiting[:size])]
    assert [mail.subject.rpartition("Nr. ")[2] for mail in mails] == ["0", "0", "1", "1", "2", "2"]
    for mail, outgoing in zip(mails, waiting, strict=True):
        number = Incident.objects.get(pk=outgoing.subject.removeprefix("incident:")).number
        assert f"/incidents/{number}" in mail.html
        assert mail == one(services.write_breach([outgoing]))


def test_each_reader_of_a_batch_is_checked_and_one_that_fails_takes_no_other_along(
    waiting: list[Outgoing], users: dict[str, User]
) -> None:
    ProjectMember.objects.filter(user=users["agent"]).delete()
    waiting[3] = replace(waiting[3], event=uuid4())
    answers = services.write_breach(waiting)
    assert [type(answer) for answer in answers] == [Moot, Mail, Moot, KeyError, Moot, Mail]
    users["manager"].memberships.all().delete()
    assert {type(answer) for answer in services.write_breach([waiting[1], waiting[5]])} == {Moot}


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=18, seconds=59), "18 min"),
        (timedelta(hours=4), "4 h"),
        (timedelta(hours=4, minutes=5), "4 h 5 min"),
        (timedelta(days=3, minutes=59), "3 d"),
        (timedelta(days=1, hours=2, minutes=3), "1 d 2 h"),
    ],
)
def test_time_is_said_in_its_two_largest_units(span: timedelta, text: str) -> None:
    with translation.override("en"):
        assert duration(span) == text


# ---- for chats and pagers -----------------------------------------------------------------------------------------


def to_endpoint(acme: Tenant, incident: Incident, verb: str, now: datetime, language: str = "en") -> Outgoing:
    event = Event.objects.filter(verb=verb, subject=f"incident:{incident.pk}").latest("seq")
    endpoint = Endpoint(tenant=acme, channel="slack", language=language, time_zone="Europe/Istanbul")
    audience = Audience(language, acme.time_zone, endpoint=endpoint)
    return Outgoing(acme, verb, event.subject, event.pk, audience, base_url(acme), now)


def test_a_chat_says_what_is_new_and_how_the_incident_stands(
    in_acme: Tenant, project: Project, breached: Incident, actors: dict[str, Actor], now: datetime
) -> None:
    late = now + 258 * MINUTE
    with timezone.override("Europe/Istanbul"):
        chat = one(services.write_chat([to_endpoint(in_acme, breached, "incident.breached", late)]))
    assert chat.news.headline == f"▲ P2 {breached.key} Invoice <b>run</b> & posting"
    assert chat.news.text == "First response overdue"
    facts = dict(chat.standing.facts)
    assert facts["State"] == "open"
    assert facts["Assigned to"] == "nobody yet"
    assert facts["Due: first response"] == "18 November 16:00 (Europe/Istanbul) · overdue"
    assert "overdue" not in facts["Due: resolution"]
    assert chat.standing.link.endswith(f"/p/{breached.project.code}/incidents/{breached.number}")

    services.resolve(incident=breached, root_cause="x", resolution_notes="y", by=actors["agent"], now=late)
    with translation.override("tr"):
        chat = one(services.write_chat([to_endpoint(in_acme, breached, "incident.resolved", late, "tr")]))
    assert chat.news.text == "Çözüldü"
    assert len(chat.standing.facts) == 3  # no clock runs any more


def test_an_assignment_names_who_has_it_now(
    in_acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    incident = report(severity="P3")
    agent = users["agent"]
    services.assign(incident=incident, assigned_to_id=agent.pk, by=actors["agent"], now=now)
    chat = one(services.write_chat([to_endpoint(in_acme, incident, "incident.assigned", now)]))
    assert chat.news.text == f"Assigned to {agent.name}"
    assert dict(chat.standing.facts)["Assigned to"] == agent.name
    services.assign(incident=incident, assigned_to_id=None, by=actors["agent"], now=now)
    chat = one(services.write_chat([to_endpoint(in_acme, incident, "incident.assigned", now)]))
    assert chat.news.text == "Assigned to nobody"


def test_a_page_is_raised_acknowledged_and_resolved(
    in_acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report(severity="P1")
    services.respond_first(incident=incident, by=actors["agent"], now=now)
    services.resolve(incident=incident, root_cause="x", resolution_notes="y", by=actors["agent"], now=now)
    verbs = ("incident.reported", "incident.first_response", "incident.resolved")
    pages = services.write_page([to_endpoint(in_acme, incident, verb, now) for verb in verbs])
    first, second, third = (one([page]) for page in pages)
    assert [page.action for page in (first, second, third)] == list(PageAction)
    assert {page.severity for page in (first, second, third)} == {"critical"}
    assert first.summary == f"◆ P1 {incident.key} {incident.title} · Reported"


def test_an_incident_that_is_gone_is_told_to_no_endpoint(
    in_acme: Tenant, breached: Incident, now: datetime
) -> None:
    outgoing = to_endpoint(in_acme, breached, "incident.breached", now)
    breached.clock_events.all().delete()
    breached.delete()
    with pytest.raises(Moot):
        one(services.write_chat([outgoing]))
