"""People are warned once of each mark of each cycle, never of what is over, paused or answered."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.utils import timezone, translation

from hypercare import services
from hypercare.models import Incident
from hypercare.services import clocks
from hypercare.states import ClockKind
from tenancy import deadlines
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.deadlines import sweep
from tenancy.deliveries import Audience, Mail, Moot, Outgoing, PageAction, base_url, dispatch
from tenancy.journal.models import Event
from tenancy.models import Deadline, Delivery, Tenant, User
from tenancy.transactions import atomic

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
RESPONSE, RESOLUTION = ClockKind.RESPONSE, ClockKind.RESOLUTION


def swept(*moments: datetime) -> None:
    for at in moments:
        sweep(clock=lambda at=at: at)


def said(acme: Tenant, clock: ClockKind) -> list[tuple[str, list[int], int]]:
    """Verb, marks and cycle of what was told about `clock`, in order."""
    with entering(acme):
        events = Event.objects.filter(verb__in=["incident.warned", "incident.breached"], data__clock=clock)
        return [
            (event.verb.partition(".")[2], event.data.get("passed", []), event.data["cycle"])
            for event in events.order_by("seq")
        ]


def happens(
    acme: Tenant, incident: Incident, *verbs: str, clock: ClockKind, by: Actor, now: datetime
) -> None:
    with entering(acme), atomic():
        row = Incident.objects.select_for_update().get(pk=incident.pk)
        for verb in verbs:
            getattr(clocks, verb)(row, clock, by=by, now=now)


def retargeted(acme: Tenant, incident: Incident, severity: str, *, by: Actor, now: datetime) -> None:
    with entering(acme), atomic():
        Incident.objects.filter(pk=incident.pk).update(severity=severity)
        row = Incident.objects.select_for_update().get(pk=incident.pk)
        clocks.retarget(row, by=by, now=now, why={})


def test_each_mark_is_told_once_to_those_who_work_on_it(
    acme: Tenant, report: Callable[..., Incident], users: dict[str, User], now: datetime
) -> None:
    incident = report(severity="P1")
    swept(*(now + minute * MINUTE for minute in range(25, 65, 5)))
    assert said(acme, RESPONSE) == [("warned", [50], 1), ("warned", [80], 1), ("breached", [], 1)]
    with entering(acme):
        event = Event.objects.filter(verb="incident.warned").earliest("seq")
        assert Incident.objects.get().sla_response_warned == 80
    assert event.data == {
        "clock": "response",
        "cycle": 1,
        "severity": "P1",
        "percent": 50,
        "passed": [50],
        "target_minutes": 60,
        "elapsed_minutes": 30,
        "due_at": "2026-11-18T10:00:00Z",
        "concerned": [users["agent"].pk],
    }
    assert event.scope == incident.project_id
    warned = Delivery.objects.filter(message="incident.warned")
    assert [row.recipient for row in warned] == [f"user:{users['agent'].pk}"] * 2


def test_a_mark_is_passed_at_the_very_moment(
    acme: Tenant, report: Callable[..., Incident], now: datetime
) -> None:
    report(severity="P1")
    swept(now + 30 * MINUTE - timedelta(microseconds=1))
    assert said(acme, RESPONSE) == []
    swept(now + 30 * MINUTE, now + 30 * MINUTE)
    assert said(acme, RESPONSE) == [("warned", [50], 1)]


def test_after_an_outage_the_highest_mark_is_told_once_or_the_breach_alone(
    acme: Tenant, report: Callable[..., Incident], now: datetime
) -> None:
    report(severity="P1")
    swept(now + 55 * MINUTE)
    assert said(acme, RESPONSE) == [("warned", [50, 80], 1)]
    report(severity="P1", now=now + 60 * MINUTE)
    swept(now + 300 * MINUTE, now + 301 * MINUTE)
    assert said(acme, RESPONSE)[1:] == [("breached", [], 1), ("breached", [], 1)]
    assert not Deadline.objects.filter(kind__startswith="incident.response", tenant=acme).exists()


def test_nothing_fires_while_a_clock_is_paused(
    acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime
) -> None:
    incident = report(severity="P1")  # resolution in 240
    happens(acme, incident, "pause", clock=RESOLUTION, by=system, now=now + 100 * MINUTE)
    swept(*(now + hour * 60 * MINUTE for hour in range(2, 30)))
    assert said(acme, RESOLUTION) == []
    happens(acme, incident, "resume", clock=RESOLUTION, by=system, now=now + 2000 * MINUTE)
    swept(*(now + minute * MINUTE for minute in (2019, 2020, 2091, 2092, 2139, 2140)))
    assert said(acme, RESOLUTION) == [("warned", [50], 1), ("warned", [80], 1), ("breached", [], 1)]


def test_a_pause_tells_at_once_what_no_sweep_had_told(
    acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime
) -> None:
    incident = report(severity="P1")
    happens(acme, incident, "pause", clock=RESOLUTION, by=system, now=now + 130 * MINUTE)
    assert said(acme, RESOLUTION) == [("warned", [50], 1)]
    happens(acme, incident, "resume", "fulfil", clock=RESOLUTION, by=system, now=now + 200 * MINUTE)
    swept(now + 400 * MINUTE)
    assert said(acme, RESOLUTION) == [("warned", [50], 1)]


def test_what_is_answered_is_not_warned_of(
    acme: Tenant, report: Callable[..., Incident], actors: dict[str, Actor], now: datetime
) -> None:
    incident = report(severity="P1")
    with entering(acme):
        services.respond_first(incident=incident, by=actors["agent"], now=now + 55 * MINUTE)
    swept(now + 56 * MINUTE)
    assert said(acme, RESPONSE) == []


def test_a_new_target_warns_anew_in_its_cycle(
    acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime
) -> None:
    incident = report(severity="P1")
    swept(now + 50 * MINUTE)
    assert said(acme, RESPONSE) == [("warned", [50, 80], 1)]
    retargeted(acme, incident, "P2", by=system, now=now + 51 * MINUTE)  # 240: 21 %
    swept(*(now + minute * MINUTE for minute in (119, 120, 192, 193)))
    assert said(acme, RESPONSE)[1:] == [("warned", [50], 2), ("warned", [80], 2)]
    retargeted(acme, incident, "P1", by=system, now=now + 193 * MINUTE)
    swept(now + 194 * MINUTE)
    assert said(acme, RESPONSE)[3:] == [("breached", [], 3)]


def test_a_new_target_that_is_over_while_paused_breaches_at_once_and_is_told_once(
    acme: Tenant, report: Callable[..., Incident], users: dict[str, User], system: Actor, now: datetime
) -> None:
    incident = report(severity="P2")  # resolution in 480
    happens(acme, incident, "pause", clock=RESOLUTION, by=system, now=now + 239 * MINUTE)
    retargeted(acme, incident, "P1", by=system, now=now + 300 * MINUTE)
    assert said(acme, RESOLUTION) == [("warned", [50, 80], 2)]  # 239 of 240
    happens(acme, incident, "resume", "pause", clock=RESOLUTION, by=system, now=now + 301 * MINUTE)
    retargeted(acme, incident, "P2", by=system, now=now + 302 * MINUTE)
    happens(acme, incident, "resume", clock=RESOLUTION, by=system, now=now + 302 * MINUTE)
    happens(acme, incident, "pause", clock=RESOLUTION, by=system, now=now + 304 * MINUTE)
    retargeted(acme, incident, "P1", by=system, now=now + 400 * MINUTE)  # 241 of 240
    with entering(acme):
        row = Incident.objects.get()
        assert (row.sla_resolution_breached, row.sla_resolution_deadline) == (True, None)
    happens(acme, incident, "resume", clock=RESOLUTION, by=system, now=now + 500 * MINUTE)
    swept(now + 501 * MINUTE, now + 2000 * MINUTE)
    assert said(acme, RESOLUTION)[-1] == ("breached", [], 4)
    assert [verb for verb, _passed, _cycle in said(acme, RESOLUTION)].count("breached") == 1
    with entering(acme):
        event = Event.objects.get(verb="incident.breached", data__clock=RESOLUTION)
    told = Delivery.objects.filter(event=event.pk, recipient=f"user:{users['manager'].pk}")
    assert told.count() == 1


def test_a_reopened_clock_warns_anew_and_a_late_one_breaches_anew(
    acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime
) -> None:
    quick, late = report(severity="P1"), report(severity="P4")
    happens(acme, quick, "fulfil", clock=RESOLUTION, by=system, now=now + 60 * MINUTE)
    happens(acme, quick, "reopen", clock=RESOLUTION, by=system, now=now + 600 * MINUTE)
    with entering(acme):
        row = Incident.objects.get(pk=quick.pk)
        assert row.sla_resolution_elapsed is None
        assert row.sla_resolution_deadline == now + 780 * MINUTE
    swept(now + 660 * MINUTE)
    assert said(acme, RESOLUTION) == [("warned", [50], 2)]
    happens(acme, late, "fulfil", clock=RESOLUTION, by=system, now=now + 4320 * MINUTE)
    happens(acme, late, "reopen", clock=RESOLUTION, by=system, now=now + 5000 * MINUTE)
    assert said(acme, RESOLUTION)[-2:] == [("breached", [], 1), ("breached", [], 2)]


def test_lost_warnings_are_derived_again(
    acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime
) -> None:
    report(severity="P1")
    incident = report(severity="P1")
    happens(acme, incident, "pause", clock=RESOLUTION, by=system, now=now + 10 * MINUTE)
    swept(now + 40 * MINUTE)
    mine = Deadline.objects.filter(tenant=acme, kind__startswith="incident.")

    def asked() -> set[tuple[str, str, datetime]]:
        return set(mine.values_list("kind", "subject", "due_at"))

    with entering(acme):
        deadlines.rebuild(tenant=acme, by=system, now=now + 40 * MINUTE)
        before = asked()
        assert (
            len(before) == 6
        )  # response: due and 80 %, twice; resolution: due and 50 % of the one that runs
        mine.filter(kind__endswith="warning").delete()
        assert deadlines.rebuild(tenant=acme, by=system, now=now + 40 * MINUTE).added == 3
    assert asked() == before
    swept(now + 50 * MINUTE)
    assert said(acme, RESPONSE) == [("warned", [50], 1)] * 2 + [("warned", [80], 1)] * 2


def test_warnings_of_many_are_few_statements(
    in_acme: Tenant,
    report: Callable[..., Incident],
    system: Actor,
    now: datetime,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    incidents = [report(severity="P1") for _number in range(20)]
    ids = [incident.pk for incident in incidents]
    with django_assert_max_num_queries(20):  # type: ignore[attr-defined]
        assert services.warn(incident_ids=ids, clock=RESPONSE, by=system, now=now + 31 * MINUTE) == 20
    assert services.warn(incident_ids=ids, clock=RESPONSE, by=system, now=now + 32 * MINUTE) == 0


# ---- the mail -----------------------------------------------------------------------------------------------------


def written(user: User, incident: Incident, acme: Tenant, now: datetime) -> Mail:
    event = Event.objects.filter(verb="incident.warned", subject=f"incident:{incident.pk}").latest("seq")
    audience = Audience(user.language, user.time_zone, user=user)
    outgoing = Outgoing(acme, "incident.warned", event.subject, event.pk, audience, base_url(acme), now)
    with translation.override(user.language), timezone.override(user.time_zone):
        return services.write_warning(outgoing, now=now)


@pytest.fixture
def warned(in_acme: Tenant, report: Callable[..., Incident], system: Actor, now: datetime) -> Incident:
    incident = report(severity="P2", title="Invoice <b>run</b> & posting")
    services.warn(incident_ids=[incident.pk], clock=RESPONSE, by=system, now=now + 120 * MINUTE)
    return incident


def test_the_mail_says_what_is_left(
    in_acme: Tenant, warned: Incident, users: dict[str, User], now: datetime
) -> None:
    mail = written(users["agent"], warned, in_acme, now + 121 * MINUTE)
    assert (
        mail.subject == f"▲ P2 {warned.key}: first response due in 1 h 59 min · Invoice <b>run</b> & posting"
    )
    for text in (mail.text, mail.html):
        assert "50 % of the time for the first response is used: 1 h 59 min of 4 h left." in text
        assert f"{base_url(in_acme)}/p/{warned.project.code}/incidents/{warned.number}" in text
        assert "16:00 (Europe/Istanbul)" in text
        assert "nobody yet" in text
        assert not re.search(r"[\w.]+@[\w.]+", mail.text)
    assert "Invoice &lt;b&gt;run&lt;/b&gt; &amp; posting" in mail.html


def test_a_warning_that_was_overtaken_is_moot(
    in_acme: Tenant, warned: Incident, users: dict[str, User], actors: dict[str, Actor], now: datetime
) -> None:
    with pytest.raises(Moot):
        written(users["agent"], warned, in_acme, now + 240 * MINUTE)
    services.respond_first(incident=warned, by=actors["agent"], now=now + 130 * MINUTE)
    with pytest.raises(Moot):
        written(users["agent"], warned, in_acme, now + 131 * MINUTE)


def test_a_warning_of_a_paused_clock_says_so(
    in_acme: Tenant, report: Callable[..., Incident], users: dict[str, User], system: Actor, now: datetime
) -> None:
    incident = report(severity="P1")
    with atomic():
        row = Incident.objects.select_for_update().get()
        clocks.pause(row, RESOLUTION, by=system, now=now + 130 * MINUTE)
    mail = written(users["agent"], incident, in_acme, now + 500 * MINUTE)
    for text in (mail.text, mail.html):
        assert "1 h 50 min of 4 h left." in text
        assert "The clock is paused" in text


def test_a_chat_and_a_page_say_how_much_is_used(in_acme: Tenant, warned: Incident, now: datetime) -> None:
    event = Event.objects.get(verb="incident.warned")
    audience = Audience("en", "UTC")
    outgoing = Outgoing(in_acme, event.verb, event.subject, event.pk, audience, base_url(in_acme), now)
    (chat,), (page,) = services.write_chat([outgoing]), services.write_page([outgoing])
    assert chat.news.text == "First response: 50 % used"
    assert (page.action, page.summary.rpartition(" · ")[2]) == (
        PageAction.TRIGGER,
        "First response: 50 % used",
    )


def test_a_warning_is_sent(
    acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    now: datetime,
    mailoutbox: list[EmailMessage],
) -> None:
    report(severity="P1")
    at = now + 31 * MINUTE
    with time_machine.travel(at, tick=False):
        swept(at, at)
        dispatch(clock=lambda: at)
        dispatch(clock=lambda: at)
    assert [mail.to for mail in mailoutbox] == [[users["agent"].email]]
    assert "first response due in 29 min" in mailoutbox[0].subject
