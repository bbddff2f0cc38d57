"""What is told of alerts: mails, cards and pages, in both languages."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from observability import services
from observability.messages import write_alert, write_alert_chat, write_alert_page
from observability.models import Alert
from observability.services import record
from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.deliveries import (
    Audience,
    Chat,
    Mail,
    Moot,
    Offered,
    Outgoing,
    Page,
    PageAction,
    dispatch,
    writable,
)
from tenancy.deliveries.messages import Form
from tenancy.models import Delivery, OperatorEvent, Tenant, User
from tenancy.states import StaffRole
from tenancy.transactions import ref
from tests.observability.alarms import MINUTE, WINDOW, endpoint, judged, staff
from tests.servers import PagerDutyServer, SlackServer

pytestmark = pytest.mark.django_db
URL = "http://localhost"


@pytest.fixture
def on_call(db: None) -> User:
    endpoint("alerts")
    endpoint("Pager", "pagerduty")
    return staff("on_call", name="Deniz On-Call")


def look(tenant: Tenant, status: str, now: datetime) -> Alert:
    record(judged=[judged(tenant, status, now)], now=now)
    return Alert.objects.select_related("tenant").get()


def outgoing(
    alert: Alert, verb: str, now: datetime, *, user: User | None = None, language: str = "en"
) -> Outgoing:
    event = OperatorEvent.objects.filter(subject=ref(alert), verb=verb).order_by("-seq")[0]
    public = Tenant.objects.get(schema_name=PUBLIC)
    audience = Audience(language, ZoneInfo("Europe/Istanbul"), user=user)
    return Outgoing(public, verb, ref(alert), event.pk, audience, URL, now)


def written(write: Any, what: Outgoing) -> Any:
    with translation.override(what.audience.language), timezone.override(what.audience.time_zone):
        [content] = write([what])
    return content


def mail(alert: Alert, verb: str, user: User, now: datetime, language: str = "en") -> Mail:
    content = written(write_alert, outgoing(alert, verb, now, user=user, language=language))
    assert isinstance(content, Mail), content
    return content


# ---- mail ---------------------------------------------------------------------------------------------------------


def test_a_mail_says_what_since_when_whose_and_what_to_do_next(
    acme: Tenant, on_call: User, now: datetime
) -> None:
    look(acme, "breach", now)
    alert = look(acme, "breach", now + MINUTE)
    told = mail(alert, "alert.opened", on_call, now)
    assert told.subject == "◆ critical · error_5xx_rate · Acme: In breach"
    for part in (
        "30 %",
        "5 %",
        "Since: 18 November 2026 12:00 (Europe/Istanbul)",
        "Seen: 2 times",
        "Owner: on call",
        f"Runbook: {URL}/admin/runbooks/elevated-latency/",
        "Open the runbook and go through its first checks.",
        "Acknowledge the alert",
        "turn it into an incident",
        f"Open the alert: {URL}/admin/observability/alert/{alert.pk}/change/",
    ):
        assert part in told.text, part
    for part in ("30 %", "Acknowledge the alert", f"{URL}/admin/runbooks/elevated-latency/", "“on call”"):
        assert part in told.html, part
    assert "leads nowhere" not in told.text


def test_a_mail_is_in_the_readers_language(acme: Tenant, on_call: User, now: datetime) -> None:
    alert = look(acme, "breach", now)
    told = mail(alert, "alert.opened", on_call, now, language="tr")
    assert "18 Kasım 2026 12:00" in told.text


def test_a_mail_says_which_part_of_the_route_leads_nowhere(
    acme: Tenant, users: dict[str, User], now: datetime
) -> None:
    alert = look(acme, "breach", now)
    told = mail(alert, "alert.opened", users["platform"], now)
    for part in (
        "nobody has the duty “on call”",
        "the operators have no Slack endpoint named “alerts” that is on",
        "the operators have no PagerDuty endpoint that is on",
    ):
        assert part in told.text
        assert part in told.html
    assert f"{URL}/admin/observability/duty/" in told.text


def test_a_recovery_asks_for_nothing(acme: Tenant, on_call: User, now: datetime) -> None:
    look(acme, "breach", now)
    look(acme, "ok", now + WINDOW)
    alert = look(acme, "ok", now + 2 * WINDOW)
    told = mail(alert, "alert.recovered", on_call, now)
    assert told.subject == "✓ critical · error_5xx_rate · Acme: Recovered"
    assert "There is nothing to do" in told.text
    assert "Recovered at: 18 November 2026 12:20" in told.text
    assert "What to do next" not in told.text


def test_the_platforms_alert_offers_no_incident(public: Tenant, on_call: User, now: datetime) -> None:
    alert = look(public, "breach", now)
    told = mail(alert, "alert.opened", on_call, now)
    assert "the platform" in told.subject
    assert "turn it into an incident" not in told.text


def test_who_is_none_of_us_any_more_is_told_nothing(acme: Tenant, on_call: User, now: datetime) -> None:
    alert = look(acme, "breach", now)
    on_call.staff_role = ""
    assert isinstance(written(write_alert, outgoing(alert, "alert.opened", now, user=on_call)), Moot)


def test_an_alert_that_is_gone_takes_no_other_along(acme: Tenant, on_call: User, now: datetime) -> None:
    alert = look(acme, "breach", now)
    there = outgoing(alert, "alert.opened", now, user=on_call)
    gone = replace(there, subject="alert:999999")
    assert [type(each) for each in write_alert([gone, there])] == [Moot, Mail]
    assert [type(each) for each in write_alert_chat([gone, there])] == [Moot, Chat]
    assert [type(each) for each in write_alert_page([gone, there])] == [Moot, Page]


# ---- pages and cards ----------------------------------------------------------------------------------------------


def test_a_page_is_triggered_acknowledged_and_resolved_on_one_subject(
    acme: Tenant, on_call: User, users: dict[str, User], now: datetime
) -> None:
    alert = look(acme, "breach", now)
    services.acknowledge(alert=alert, by=Actor.staff(users["support"].pk, StaffRole.SUPPORT), now=now)
    look(acme, "ok", now + WINDOW)
    alert = look(acme, "ok", now + 2 * WINDOW)
    actions = []
    for verb in ("alert.opened", "alert.acknowledged", "alert.recovered"):
        what = outgoing(alert, verb, now)
        page = written(write_alert_page, what)
        assert what.subject == ref(alert)
        actions.append((page.action, page.severity))
    assert actions == [
        (PageAction.TRIGGER, "critical"),
        (PageAction.ACKNOWLEDGE, "critical"),
        (PageAction.RESOLVE, "critical"),
    ]
    assert "error_5xx_rate · Acme · Recovered" in page.summary
    assert page.also == (("Runbook", f"{URL}/admin/runbooks/elevated-latency/"),)


def test_a_card_says_what_is_new_and_how_it_stands(
    acme: Tenant, on_call: User, users: dict[str, User], now: datetime
) -> None:
    alert = look(acme, "breach", now)
    opened = written(write_alert_chat, outgoing(alert, "alert.opened", now))
    assert opened.news.text.startswith("In breach. ")
    assert ("State", "open") in opened.standing.facts
    runbook = (("Runbook", f"{URL}/admin/runbooks/elevated-latency/"),)
    assert (opened.news.also, opened.standing.also) == (runbook, runbook)
    by = Actor.staff(users["support"].pk, StaffRole.SUPPORT)
    services.acknowledge(alert=alert, by=by, now=now)
    taken = written(write_alert_chat, outgoing(alert, "alert.acknowledged", now))
    assert taken.news.text == f"Acknowledged by {users['support'].name}"
    facts = dict(taken.standing.facts)
    assert (facts["State"], facts["Acknowledged by"]) == ("acknowledged", users["support"].name)


def test_alerts_are_routed_and_not_subscribed_to(db: None) -> None:
    for form in (Form.MAIL, Form.CHAT, Form.PAGE):
        for whose in (Offered.OPERATORS, Offered.TENANTS):
            assert not [verb for verb in writable(form, whose) if verb.startswith("alert.")]


# ---- and sent -----------------------------------------------------------------------------------------------------


def test_one_alert_is_one_thread_one_incident_of_the_pager_and_mails(
    acme: Tenant, users: dict[str, User], now: datetime, settings: Any, mailoutbox: list[Any]
) -> None:
    """Opened, acknowledged, recovered: with receivers that stand, as the dispatcher sends."""
    staff("on_call", email="deniz@example.com")
    with SlackServer() as slack, PagerDutyServer() as pager:
        settings.EGRESS_ALLOW_LOOPBACK = True
        settings.SLACK_BASE_URL, settings.PAGERDUTY_URL = slack.api_url, pager.url
        endpoint("alerts", address=slack.channel, secret=slack.token)
        endpoint("Pager", "pagerduty", secret=pager.routing_key)

        def send(at: datetime) -> None:
            assert not dispatch(clock=lambda: at).failed

        alert = look(acme, "breach", now)
        send(now)
        by = Actor.staff(users["support"].pk, StaffRole.SUPPORT)
        services.acknowledge(alert=alert, by=by, now=now + MINUTE)
        send(now + MINUTE)
        look(acme, "ok", now + WINDOW)
        look(acme, "ok", now + 2 * WINDOW)
        send(now + 2 * WINDOW)

        [root] = slack.roots()
        assert "recovered" in str(root["blocks"])
        assert [reply["text"][:1] for reply in slack.thread(root["ts"])[1:]] == ["◆", "✓"]
        assert [*pager.alerts.values()] == [["resolved"]]
        sent = [json.loads(body) for _path, _headers, body in pager.requests]
    assert [event["event_action"] for event in sent] == ["trigger", "acknowledge", "resolve"]
    assert len({event["dedup_key"] for event in sent}) == 1
    assert [(letter.to, letter.subject.rpartition(": ")[2]) for letter in mailoutbox] == [
        (["deniz@example.com"], "In breach"),
        (["deniz@example.com"], "Recovered"),
    ]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
