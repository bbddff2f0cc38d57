"""A day's summary as a person gets it: in their language, with a chart that nothing is loaded for."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils import timezone, translation

from observability import services
from observability.channels import SlackChannel
from observability.messages import write_summary_chat, write_summary_mail
from observability.models import RequestMetric
from observability.rules.periods import Period, period_of
from observability.services import summaries
from observability.states import SummaryKind
from tenancy import deliveries
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.deliveries import Audience, Chat, Form, Mail, Moot, Offered, Outgoing, writable
from tenancy.models import Delivery, Tenant, User
from tenancy.services import create_endpoint, set_preference
from tenancy.states import Role
from tests import factories
from tests.observability.channels import to_endpoint
from tests.servers import SlackServer
from tests.servers.slack import CHANNEL, TOKEN

pytestmark = pytest.mark.django_db
REPORTED = (0, 3, 1, 5, 2, 12, 4, 9)


@pytest.fixture(autouse=True)
def contributor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who counts like hypercare does, on seven days and what is asked for after them."""
    real = summaries._contributors["hypercare"]
    counts = iter(REPORTED)

    def read(start: Any, end: Any) -> dict[str, int]:
        return {"hypercare_reported": next(counts), "hypercare_breached": 2, "hypercare_open": 3}

    monkeypatch.setitem(summaries._contributors, "hypercare", replace(real, read=read))


@pytest.fixture
def week(acme: Tenant, users: dict[str, User], system: Any) -> list[Any]:
    """The week of 9 to 15 November 2026, each day summed up at its end."""
    made = []
    for number in range(9, 16):
        period = period_of(date(2026, 11, number), acme.time_zone)
        assert period
        RequestMetric.objects.create(
            tenant=acme,
            route="r",
            method="GET",
            minute=period.start,
            codes={"200": 1499, "500": 1} if number == 14 else {"200": 1500},
            bins={"80": 1500},
            total_ms=1,
        )
        now = period.end + timedelta(minutes=1)
        made.append(services.summarise(tenant=acme, period=period, by=system, now=now))
    return made


def written(writer: Any, tenant: Tenant, row: Any, message: str, **reader: Any) -> Any:
    language = reader.pop("language", "en")
    audience = Audience(language, ZoneInfo("Europe/Istanbul"), **reader)
    outgoing = Outgoing(
        tenant,
        message,
        f"run_summary:{row.pk}",
        uuid4(),
        audience,
        "https://acme.test",
        row.generated_at,
    )
    with translation.override(language), timezone.override(audience.time_zone):
        [answer] = writer([outgoing])
    if isinstance(answer, Exception):
        raise answer
    return answer


def mailed(tenant: Tenant, row: Any, message: str = "run_summary.made", **reader: Any) -> Mail:
    found: Mail = written(write_summary_mail, tenant, row, message, **reader)
    return found


def test_it_says_in_words_first_how_the_day_went(acme, week, users):
    letter = mailed(acme, week[4], user=users["manager"])
    assert letter.subject == (
        "● Acme · Friday, 13 November 2026: 2 incidents reported, 2 breached their SLA."
    )
    for part in (letter.text, letter.html):
        assert "2 incidents reported, 2 breached their SLA." in part
        assert "None resolved, 3 are open." in part
        assert "The system ran well." in part
        assert re.search(r"1,500 requests were answered, 95 of 100 within (79|80|81) ms\.", part)
        assert f"https://acme.test/admin/observability/runsummary/{week[4].pk}/change/" in part
    assert "Incidents open at the end: 3" in letter.text
    assert letter.text.count("2 incidents reported") == 1
    assert "Incidents reopened" not in letter.text, "a mail leaves out what did not happen"
    assert "Invoices" not in letter.text


def test_what_went_wrong_is_said_and_marked(acme, week, users):
    letter = mailed(acme, week[5], user=users["admin"])
    assert letter.subject.startswith("▲ ")
    assert "1 of 1,500 requests failed on our side." in letter.text
    assert "The system ran well" not in letter.text


def test_the_last_days_are_bars_that_need_nothing_loaded(acme, week, users):
    letter = mailed(acme, week[6], user=users["manager"])
    bars = [line for line in letter.text.splitlines() if line.startswith("  ")]
    assert bars == [
        "  Mon 9 Nov   0",
        "  Tue 10 Nov  █████ 3",
        "  Wed 11 Nov  ██ 1",
        "  Thu 12 Nov  ████████ 5",
        "  Fri 13 Nov  ███ 2",
        f"  Sat 14 Nov  {'█' * 20} 12",
        "  Sun 15 Nov  ███████ 4",
    ]
    assert letter.html.count('bgcolor="#2f7fe0"') == 6, "nothing is drawn for nothing"
    assert 'width="100%"' in letter.html
    for loaded in ("<img", "<script", "<link", "url("):
        assert loaded not in letter.html


def test_the_weeks_mail_sums_the_week_up(acme, week, users):
    letter = mailed(acme, week[6], "run_summary.weekly", user=users["manager"])
    assert letter.subject == (
        "▲ Acme · week of 9 November to 15 November 2026: 27 incidents reported, 14 breached their SLA."
    )
    assert "1 of 10,500 requests failed on our side." in letter.text, "that is why it is marked"
    assert "1 of 10,500 requests failed on our side." in letter.html
    _week, last_day = letter.text.split("The last day, Sunday:")
    assert "4 incidents reported" in last_day
    assert "The system ran well." in last_day
    assert "Incidents reported: 27" in letter.text


def test_a_turkish_reader_gets_their_own_days_and_numbers(acme, week, users):
    letter = mailed(acme, week[4], user=users["manager"], language="tr")
    assert "13 Kasım 2026" in letter.subject
    assert "Cum 13 Kas" in letter.text
    assert "1.500" in letter.text


def test_who_may_not_read_it_any_more_is_told_nothing(acme, globex, week, users):
    for user in (users["customer"], factories.member(globex, "admin"), users["platform"]):
        with pytest.raises(Moot):
            mailed(acme, week[0], user=user)
    with pytest.raises(Moot):
        mailed(globex, week[0], user=factories.member(globex, "admin"))
    week[0].pk = 0
    with pytest.raises(Moot):
        mailed(acme, week[0], user=users["admin"])


def test_a_product_owner_reads_it_on_the_public_host(acme, public, week, users):
    letter = mailed(public, week[6], "run_summary.weekly", user=users["release"])
    assert "Acme" in letter.subject


def test_it_is_sent_to_those_who_want_it_after_their_quiet_hours(acme, users, system):
    by = Actor.member(users["admin"].pk, Role.ADMIN)
    with entering(acme):
        set_preference(user=users["admin"], tenant=acme, level="urgent", by=by, now=factories.LONG_AGO)
    period = period_of(date(2026, 11, 10), acme.time_zone)
    now = period.end + timedelta(minutes=1)
    services.summarise(tenant=acme, period=period, by=system, now=now)
    told = Delivery.objects.get(message="run_summary.made")
    assert told.recipient == f"user:{users['manager'].pk}"
    deliveries.dispatch(clock=lambda: now)
    [letter] = mail.outbox
    assert letter.to == [users["manager"].email]
    assert letter.alternatives


def test_a_chat_gets_a_sentence_and_a_row_of_blocks(acme, week):
    row = week[6]
    chat: Chat = written(write_summary_chat, acme, row, "run_summary.made", endpoint=None)
    assert chat.news == chat.standing
    assert chat.news.headline == "● Acme · 15 November 2026"
    assert "4 incidents reported" in chat.news.text
    assert chat.news.facts[:2] == (("The last days", "▁▃▂▄▂█▃"), ("Incidents reported", "4"))
    assert chat.news.link.startswith("https://acme.test/admin/")
    weekly = written(write_summary_chat, acme, row, "run_summary.weekly", endpoint=None)
    assert weekly.news.headline == "▲ Acme · 9 November – 15 November 2026"
    assert "27 incidents reported" in weekly.news.text
    assert "1 of 10,500 requests failed on our side." in weekly.news.text
    assert ("Incidents reported", "27") in weekly.news.facts


def test_a_chat_says_of_which_part_of_the_day_it_is(acme, week, system):
    part = Period(week[6].end, week[6].end + timedelta(hours=8, minutes=29))
    row = services.summarise(tenant=acme, period=part, kind=SummaryKind.DEMAND, by=system, now=part.end)
    chat = written(write_summary_chat, acme, row, "run_summary.made", endpoint=None)
    assert chat.news.headline == "○ Acme · 16 November 2026, 00:00–08:29"


def test_slack_takes_it(acme, week, settings):
    chat = written(write_summary_chat, acme, week[6], "run_summary.made", endpoint=None)
    with SlackServer() as server:
        settings.EGRESS_ALLOW_LOOPBACK = True
        settings.SLACK_BASE_URL = server.api_url
        row = Delivery(tenant=acme, event=uuid4(), subject="run_summary:1", channel="slack")
        row.created_at = timezone.now()
        reader = to_endpoint(channel="slack", secret=TOKEN, address=CHANNEL)
        assert SlackChannel().send(row, reader, chat, now=timezone.now())
        assert "▁▃▂▄▂█▃" in str(server.roots())


def test_tenants_may_subscribe_to_it_and_programs_get_the_body(acme, users, system, now):
    assert {"run_summary.made", "run_summary.weekly"} <= set(writable(Form.CHAT, Offered.TENANTS))
    given = {"address": "https://hooks.acme.example/in", "verbs": ["run_summary.made"], "name": "Desk"}
    with entering(acme):
        endpoint, _secret = create_endpoint(
            tenant=acme, channel="webhook", language="en", time_zone="UTC", **given, by=system, now=now
        )
    period = period_of(date(2026, 11, 10), acme.time_zone)
    services.summarise(tenant=acme, period=period, by=system, now=now)
    told = Delivery.objects.get(channel="webhook", message="run_summary.made")
    assert told.recipient == f"endpoint:{endpoint.pk}"
