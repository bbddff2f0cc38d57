"""Run summaries in both consoles: lists, pages in words and charts, the trend, and one made by hand."""

import json
import re
from datetime import date, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from observability import services
from observability.models import RequestMetric, RunSummary
from observability.rules.periods import period_of
from observability.states import SummaryKind
from tenancy.models import Tenant

pytestmark = pytest.mark.django_db
LIST = "/admin/observability/runsummary/"


@pytest.fixture
def made(acme, globex, system, now, report):
    """Four days of acme, with an incident on the second, and one of globex."""
    Tenant.objects.filter(pk__in=[acme.pk, globex.pk]).update(created_at=now - timedelta(days=10))
    for tenant in (acme, globex):
        tenant.refresh_from_db()
    report(at=now - timedelta(days=3))
    RequestMetric.objects.create(
        tenant=acme,
        route="r",
        method="GET",
        minute=now - timedelta(days=1),
        codes={"200": 1998, "404": 1, "500": 1},
        bins={"80": 2000},
        total_ms=1,
    )
    return {
        (tenant.slug, number): services.summarise(
            tenant=tenant, period=period_of(date(2026, 11, number), tenant.time_zone), by=system, now=now
        )
        for tenant, numbers in ((acme, (14, 15, 16, 17)), (globex, (17,)))
        for number in numbers
    }


def text(response):
    return unescape(" ".join(response.content.decode().split()))


def refused(response):
    assert response.status_code == 422
    return " ".join(error for errors in response.context["form"].errors.values() for error in errors)


def charts(response):
    """What each chart of a page draws."""
    drawn = re.findall(r'data-value="([^"]*)"', response.content.decode())
    return [json.loads(unescape(each)) for each in drawn]


def test_the_list_says_how_each_day_went_with_the_trend_above(acme, users, browser, made):
    page = browser(acme, users["agent"]).get(LIST)
    said = text(page)
    assert list(page.context["cl"].result_list) == [made["acme", number] for number in (17, 16, 15, 14)]
    assert "Tue 17 Nov 2026" in said
    assert "with faults" in said
    assert "not measured" in said
    assert "1 incident reported, none breached its SLA." in said
    [chart] = charts(page)
    assert chart["labels"] == ["Sat 14", "Sun 15", "Mon 16", "Tue 17"]
    assert chart["datasets"][0]["data"] == [0, 1, 0, 0]


def test_a_page_says_it_in_words_and_the_numbers_need_no_script(acme, users, browser, made):
    page = browser(acme, users["agent"]).get(f"{LIST}{made['acme', 17].pk}/change/")
    said = text(page)
    for words in (
        "Tuesday, 17 November 2026",
        "1 of 2,000 requests failed on our side.",
        "Incidents open at the end",
        "Answering a request",
        ">404<",
        ">500<",
        "Nothing was measured.",
    ):
        assert words in said, words
    [chart] = charts(page)
    assert chart["datasets"][0]["data"] == [0, 1, 0, 0]
    table = said.split("<h2>The last days")[1].split("</table>")[0]
    for cell in ("Sat 14 Nov", "<td>0</td><td>1</td><td>0</td><td>0</td>"):
        assert cell in table


def test_nothing_that_the_policy_forbids_is_on_the_page(acme, users, browser, made):
    page = browser(acme, users["agent"]).get(f"{LIST}{made['acme', 17].pk}/change/")
    assert "'unsafe-inline'" not in page["Content-Security-Policy"].split("script-src")[1].split(";")[0]
    part = page.content.decode().split('class="hc-explain"')[1]
    assert "onclick" not in part
    assert not re.search(r"<script(?![^>]*\bsrc=)", part)


def test_an_empty_list_says_when_the_first_comes(acme, users, browser):
    page = browser(acme, users["agent"]).get(LIST)
    assert "the first summary is made at midnight" in text(page)
    assert charts(page) == []


def test_only_this_tenants_are_there(acme, globex, users, browser, made):
    client = browser(acme, users["admin"])
    assert client.get(f"{LIST}{made['globex', 17].pk}/change/").status_code == 404
    assert "Globex" not in text(client.get(LIST))


def test_a_manager_summarises_now_and_sees_it(acme, users, browser, made, now):
    client = browser(acme, users["manager"])
    assert "Summarise now" in text(client.get(LIST))
    answer = client.post(f"{LIST}do/now/", {})
    row = RunSummary.objects.get(kind=SummaryKind.DEMAND)
    assert answer.url == f"{LIST}{row.pk}/change/"
    assert row.end == now - timedelta(
        minutes=1
    )  # the requests of the last minute are still being written down
    page = client.get(answer.url)
    assert "Summarised until 2026-11-18 11:59" in text(page)
    again = client.post(f"{LIST}do/now/", {"day": "2026-11-13"})
    assert again.url == f"{LIST}{RunSummary.objects.latest('pk').pk}/change/"
    assert "not begun yet" in refused(client.post(f"{LIST}do/now/", {"day": "2026-11-19"}))


def test_an_agent_may_read_and_not_make(acme, users, browser, made):
    client = browser(acme, users["agent"])
    assert "Summarise now" not in text(client.get(LIST))
    assert client.post(f"{LIST}do/now/", {}).status_code == 403
    assert not RunSummary.objects.filter(kind=SummaryKind.DEMAND).exists()


def test_the_public_host_has_everybodys_and_the_trend_of_one(acme, public, users, browser, made):
    client = browser(public, users["platform"])
    page = client.get(LIST)
    assert len(page.context["cl"].result_list) == 5
    assert charts(page) == []
    filtered = client.get(f"{LIST}?tenant__id__exact={acme.pk}")
    assert len(filtered.context["cl"].result_list) == 4
    [chart] = charts(filtered)
    assert chart["datasets"][0]["data"] == [0, 1, 0, 0]
    assert client.get(f"{LIST}{made['globex', 17].pk}/change/").status_code == 200


def test_staff_summarise_a_tenants_day_and_support_only_reads(acme, public, users, browser, made):
    form = {"tenant": acme.pk, "day": "2026-11-12"}
    support = browser(public, users["support"])
    assert support.get(LIST).status_code == 200
    assert support.post(f"{LIST}do/now/", form).status_code == 403
    answer = browser(public, users["release"]).post(f"{LIST}do/now/", form)
    assert answer.status_code == 302
    row = RunSummary.objects.latest("pk")
    assert (row.tenant, row.body["period"]["day"]) == (acme, "2026-11-12")


def test_pages_render_in_turkish(acme, users, browser, made):
    users["manager"].language = "tr"
    users["manager"].save()
    client = browser(acme, users["manager"])
    for path in (LIST, f"{LIST}{made['acme', 17].pk}/change/", f"{LIST}do/now/"):
        with translation.override("tr"):
            answer = client.get(path)
        assert answer.status_code == 200
        assert 'lang="tr"' in answer.content.decode()
    assert "17 Kas" in text(client.get(LIST))


def test_the_list_takes_as_many_queries_for_many_days(acme, users, browser, made):
    client = browser(acme, users["agent"])
    counts = []
    for rows in (4, 1):
        client.get(LIST)
        with CaptureQueriesContext(connection) as captured:
            assert len(client.get(LIST).context["cl"].result_list) == rows
        counts.append(len(captured))
        RunSummary.objects.filter(tenant=acme).exclude(pk=made["acme", 15].pk).delete()
    assert counts[0] == counts[1]
