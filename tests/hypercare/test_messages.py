"""The mail of a breach: in the reader's language, with all they need and only what they may see."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone, translation

from hypercare import services
from hypercare.models import Incident, Project, ProjectMember
from hypercare.services.messages import duration
from tenancy.actors import Actor
from tenancy.deliveries import Content, Moot, Outgoing, base_url
from tenancy.journal.models import Event
from tenancy.models import Tenant, User

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def written(user: User, incident: Incident, acme: Tenant, now: datetime) -> Content:
    event = Event.objects.filter(verb="incident.breached", subject=f"incident:{incident.pk}").latest("seq")
    outgoing = Outgoing(acme, "incident.breached", event.subject, event.pk, user, base_url(acme))
    with translation.override(user.language), timezone.override(user.time_zone):
        return services.write_breach(outgoing, now=now)


@pytest.fixture
def breached(in_acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime) -> Incident:
    incident = report(severity="P2", title="Invoice <b>run</b> & posting")
    services.record_breach(incident_id=incident.pk, clock="response", by=system, now=now + 240 * MINUTE)
    return incident


def test_the_mail_says_what_is_late_by_how_much_and_where(
    in_acme: Tenant, project: Project, breached: Incident, users: dict[str, User], now: datetime
) -> None:
    mail = written(users["agent"], breached, in_acme, now + 258 * MINUTE)
    assert mail.subject == f"▲ P2 {breached.key}: first response overdue · Invoice <b>run</b> & posting"
    link = f"{base_url(in_acme)}/admin/hypercare/incident/{breached.pk}/change/"
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
