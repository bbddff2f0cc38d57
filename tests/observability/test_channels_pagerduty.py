"""PagerDuty against a local one that checks the schema and keeps alerts by dedup_key."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import LazySettings

from observability.channels import PagerDutyChannel
from observability.channels.egress import Failed
from tenancy.deliveries import Audience, Busy, Form, Page, PageAction, Rejected, Unsure
from tests.observability.channels import NOW, delivery, to_endpoint
from tests.servers import PagerDutyServer
from tests.servers.pagerduty import ROUTING_KEY

LINK = "https://acme.example.test/incidents/12"
ALERT = Page(PageAction.TRIGGER, "◆ P1 INC-12 Mal girişi durdu", "critical", {"Project": "PORT"}, LINK)
DEDUP_KEY = "3:incident:0199b1c0"


@pytest.fixture
def pagerduty(settings: LazySettings) -> Iterator[PagerDutyServer]:
    with PagerDutyServer() as server:
        settings.EGRESS_ALLOW_LOOPBACK = True
        settings.PAGERDUTY_URL = server.url + "/"
        yield server


@pytest.fixture
def channel() -> Iterator[PagerDutyChannel]:
    channel = PagerDutyChannel()
    yield channel
    channel.hang_up()


def on_call(secret: str = ROUTING_KEY) -> Audience:
    return to_endpoint(channel="pagerduty", secret=secret)


def test_it_carries_pages_and_repeats(channel: PagerDutyChannel) -> None:
    assert (channel.name, channel.form, channel.repeats_when_unsure) == ("pagerduty", Form.PAGE, True)


def test_an_alert_with_all_it_needs(
    pagerduty: PagerDutyServer, channel: PagerDutyChannel, settings: LazySettings
) -> None:
    assert channel.send(delivery(), on_call(), ALERT, now=NOW) == DEDUP_KEY
    [record] = pagerduty.records
    assert record["key"] == delivery().key
    assert record["event"] == {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": DEDUP_KEY,
        "payload": {
            "summary": ALERT.summary,
            "severity": "critical",
            "source": settings.BASE_HOST,
            "timestamp": "2026-11-18T09:00:00+00:00",
            "custom_details": {"Project": "PORT", "delivery": delivery().key},
        },
        "links": [{"href": LINK, "text": "Open in Hypercare"}],
    }
    channel.send(delivery(), on_call(), replace(ALERT, also=(("Runbook", f"{LINK}runbook/"),)), now=NOW)
    assert pagerduty.records[-1]["event"]["links"] == [
        {"href": LINK, "text": "Open in Hypercare"},
        {"href": f"{LINK}runbook/", "text": "Runbook"},
    ]


def test_one_alert_a_subject_whatever_is_told_about_it(
    pagerduty: PagerDutyServer, channel: PagerDutyChannel
) -> None:
    actions = [PageAction.TRIGGER, PageAction.TRIGGER, PageAction.ACKNOWLEDGE, PageAction.RESOLVE]
    states = []
    for number, action in enumerate(actions):
        channel.send(delivery(event=number), on_call(), Page(action, "INC-12"), now=NOW)
        states.append(list(pagerduty.alerts[ROUTING_KEY, DEDUP_KEY]))
    assert states == [["triggered"], ["triggered"], ["acknowledged"], ["resolved"]]
    channel.send(delivery(event=9, subject="incident:other"), on_call(), ALERT, now=NOW)
    channel.send(delivery(event=9, tenant_id=4), on_call(), ALERT, now=NOW)
    assert len(pagerduty.alerts) == 3


def test_a_lost_answer_is_repeated_into_the_same_alert(
    pagerduty: PagerDutyServer, channel: PagerDutyChannel
) -> None:
    pagerduty.drop_every = 1
    with pytest.raises(Unsure):
        channel.send(delivery(), on_call(), ALERT, now=NOW)
    pagerduty.drop_every = 0
    channel.send(delivery(attempts=2), on_call(), ALERT, now=NOW)
    assert pagerduty.keys == [delivery().key] * 2
    assert pagerduty.alerts == {(ROUTING_KEY, DEDUP_KEY): ["triggered"]}


def test_a_long_summary_is_cut(pagerduty: PagerDutyServer, channel: PagerDutyChannel) -> None:
    channel.send(delivery(), on_call(), Page(PageAction.TRIGGER, "ş" * 3000), now=NOW)
    assert pagerduty.records[0]["event"]["payload"]["summary"] == "ş" * 1024


@pytest.mark.parametrize(
    ("secret", "page", "why"),
    [
        ("too-short", ALERT, "Event object is invalid"),
        (ROUTING_KEY, Page(PageAction.TRIGGER, ""), "summary"),
        (ROUTING_KEY, Page(PageAction.TRIGGER, "INC-12", "terrible"), "severity"),
    ],
)
def test_an_event_that_it_will_never_take_is_rejected(
    pagerduty: PagerDutyServer, channel: PagerDutyChannel, secret: str, page: Page, why: str
) -> None:
    with pytest.raises(Rejected, match=f"400: .*{why}"):
        channel.send(delivery(), on_call(secret), page, now=NOW)
    assert pagerduty.records == []


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_refusal_for_now_is_tried_again(
    pagerduty: PagerDutyServer, channel: PagerDutyChannel, status: int
) -> None:
    pagerduty.fail(status)
    with pytest.raises(Failed, match=str(status)):
        channel.send(delivery(), on_call(), ALERT, now=NOW)
    channel.send(delivery(attempts=2), on_call(), ALERT, now=NOW)
    assert len(pagerduty.records) == 1


def test_it_may_name_when_to_come_back(pagerduty: PagerDutyServer, channel: PagerDutyChannel) -> None:
    pagerduty.fail(429, headers={"Retry-After": "15"})
    with pytest.raises(Busy) as busy:
        channel.send(delivery(), on_call(), ALERT, now=NOW)
    assert busy.value.wait == timedelta(seconds=15)


def test_loopback_is_for_development_alone(
    pagerduty: PagerDutyServer, channel: PagerDutyChannel, settings: LazySettings
) -> None:
    settings.EGRESS_ALLOW_LOOPBACK = False
    settings.PAGERDUTY_URL = pagerduty.url.replace("http:", "https:")
    with pytest.raises(Rejected, match="no public address"):
        channel.send(delivery(), on_call(), ALERT, now=NOW)
