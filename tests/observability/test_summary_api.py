"""Run summaries over the API: a tenant's own on its host, everybody's for us on the public one."""

from datetime import date, timedelta

import pytest
import time_machine
from django.utils import translation

from observability import services
from observability.models import RunSummary
from observability.rules.periods import period_of
from observability.states import SummaryKind
from tenancy.models import Delivery, Tenant
from tests import factories

pytestmark = pytest.mark.django_db
URL = "/api/v1/run-summaries"


@pytest.fixture(autouse=True)
def at_now(now):
    with time_machine.travel(now, tick=False) as clock:
        yield clock


@pytest.fixture
def made(acme, globex, system, now):
    """Three days of acme, one of globex."""
    Tenant.objects.filter(pk__in=[acme.pk, globex.pk]).update(created_at=now - timedelta(days=10))
    for tenant in (acme, globex):
        tenant.refresh_from_db()
    return {
        (tenant.slug, number): services.summarise(
            tenant=tenant, period=period_of(date(2026, 11, number), tenant.time_zone), by=system, now=now
        )
        for tenant, numbers in ((acme, (15, 16, 17)), (globex, (17,)))
        for number in numbers
    }


def days(answer):
    return [row["day"] for row in answer.json()["results"]]


def test_the_list_has_this_tenants_days_the_newest_first(acme, users, api, made):
    client = api(acme, users["agent"])
    answer = client.get(URL)
    assert answer.status_code == 200
    assert days(answer) == ["2026-11-17", "2026-11-16", "2026-11-15"]
    [row, *_others] = answer.json()["results"]
    assert row["tenant"] == "acme"
    assert row["summary"] == made["acme", 17].body
    assert row["words"][:2] == [
        "No incident reported, none breached its SLA.",
        "None resolved, none is open.",
    ]


def test_the_list_is_filtered_ordered_and_paged(acme, users, api, made):
    client = api(acme, users["agent"])
    assert days(client.get(f"{URL}?start_after=2026-11-15T21:00:00Z")) == ["2026-11-17", "2026-11-16"]
    assert days(client.get(f"{URL}?start_before=2026-11-15T00:00:00Z")) == ["2026-11-15"]
    assert days(client.get(f"{URL}?kind=demand")) == []
    assert days(client.get(f"{URL}?ordering=start"))[0] == "2026-11-15"
    page = client.get(f"{URL}?page_size=2")
    assert days(page) == ["2026-11-17", "2026-11-16"]
    assert days(client.get(page.json()["next"])) == ["2026-11-15"]
    for wrong in ("kind=week", "days=1", "tenant=globex", "ordering=tenant"):
        assert client.get(f"{URL}?{wrong}").status_code == 400, wrong


def test_one_and_the_latest(acme, globex, users, api, made):
    client = api(acme, users["agent"])
    one = made["acme", 16]
    assert client.get(f"{URL}/{one.pk}").json()["day"] == "2026-11-16"
    assert client.get(f"{URL}/latest").json()["day"] == "2026-11-17"
    assert client.get(f"{URL}/{made['globex', 17].pk}").status_code == 404
    assert client.get(f"{URL}/{10**30}").status_code == 404
    RunSummary.objects.filter(tenant=acme).delete()
    assert client.get(f"{URL}/latest").status_code == 404


def test_the_trend_has_the_last_days_the_oldest_first_and_their_sums(acme, users, api, made):
    client = api(acme, users["agent"])
    found = client.get(f"{URL}/trend").json()
    assert [day["day"] for day in found["days"]] == ["2026-11-15", "2026-11-16", "2026-11-17"]
    assert found["counts"]["hypercare_reported"] == 0
    assert found["rates"]["s1_rate"] == 0.0
    assert len(client.get(f"{URL}/trend?days=1").json()["days"]) == 1
    for wrong in ("days=0", "days=x", "days=100000", "weeks=1"):
        assert client.get(f"{URL}/trend?{wrong}").status_code == 400, wrong


def test_words_are_in_the_readers_language(acme, users, api, made):
    with translation.override("tr"):
        answer = api(acme, users["agent"]).get(f"{URL}/latest", headers={"accept-language": "tr"})
    assert answer.status_code == 200


def test_a_manager_has_a_day_made_once(acme, users, api, made):
    client = api(acme, users["manager"])
    answer = client.post(URL, {"day": "2026-11-14"}, content_type="application/json")
    assert answer.status_code == 201, answer.json()
    row = RunSummary.objects.get(pk=answer.json()["id"])
    assert answer["Location"] == f"{URL}/{row.pk}"
    assert (row.kind, answer.json()["day"]) == (SummaryKind.DAY, "2026-11-14")
    again = client.post(URL, {"day": "2026-11-14"}, content_type="application/json")
    assert again.json()["id"] == row.pk
    assert not Delivery.objects.filter(subject=f"run_summary:{row.pk}").exists(), "an old day is not mailed"
    today = client.post(URL, {"day": "2026-11-18"}, content_type="application/json")
    assert today.json()["kind"] == "demand"


def test_a_repeat_with_a_key_is_answered_again(acme, users, api, made):
    client = api(acme, users["manager"])
    given = {"content_type": "application/json", "headers": {"idempotency-key": "k1"}}
    first = client.post(URL, {"day": "2026-11-14"}, **given)
    again = client.post(URL, {"day": "2026-11-14"}, **given)
    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert again.json() == first.json()


@pytest.mark.parametrize(
    "body", [{}, {"day": "x"}, {"day": "2026-11-19"}, {"day": "2020-01-01"}, {"day": "2026-11-14", "x": 1}]
)
def test_what_cannot_be_summarised_is_refused(acme, users, api, made, body):
    answer = api(acme, users["manager"]).post(URL, body, content_type="application/json")
    assert answer.status_code == 400
    assert RunSummary.objects.count() == len(made)


def test_roles(acme, users, api, made):
    body = {"day": "2026-11-14"}
    for role, reads, makes in (
        ("customer", 403, 403),
        ("agent", 200, 403),
        ("manager", 200, 201),
        ("admin", 200, 201),
    ):
        client = api(acme, users[role])
        for path in ("", "/latest", "/trend", f"/{made['acme', 17].pk}"):
            assert client.get(URL + path).status_code == reads, (role, path)
        assert client.post(URL, body, content_type="application/json").status_code == makes, role
    read_only = api(acme, users["manager"], read_only=True)
    assert read_only.get(URL).status_code == 200
    assert read_only.post(URL, body, content_type="application/json").status_code == 403
    assert api(acme).get(URL).status_code == 401


def test_staff_read_every_tenants_on_the_public_host(acme, public, users, api, made):
    for role in ("support", "release", "platform"):
        client = api(public, users[role])
        assert len(client.get(URL).json()["results"]) == 4
        assert days(client.get(f"{URL}?tenant=globex")) == ["2026-11-17"]
        assert client.get(f"{URL}?tenant=nobody").json()["results"] == []
        assert client.get(f"{URL}/{made['globex', 17].pk}").json()["tenant"] == "globex"
        assert client.get(f"{URL}/latest?tenant=globex").json()["day"] == "2026-11-17"
        assert client.get(f"{URL}/latest?tenant=nobody").status_code == 404
        assert client.get(f"{URL}/latest?tenant=public").status_code == 404
        for wrong in ("", "?tenant=", "?tenant=globex&day=1"):
            assert client.get(f"{URL}/latest{wrong}").status_code == 400, wrong
        assert client.post(URL, {"day": "2026-11-14"}, content_type="application/json").status_code == 405
    assert api(public, factories.member(acme, "admin")).get(URL).status_code in (401, 403)
