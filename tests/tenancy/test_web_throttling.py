"""One user's share of the API: counted, told in headers, refused beyond, let through without a cache."""

import socket
import threading
import time
from dataclasses import replace

import pytest
import time_machine
from django.conf import settings as django_settings
from django.test import Client

from tenancy.web import throttling
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.tenancy.conventions_urls")]

ME = "/api/v1/me"


@pytest.fixture(autouse=True)
def rested(monkeypatch):
    monkeypatch.setattr(throttling, "_rests_until", 0.0)
    throttling._counter.cache_clear()
    yield
    throttling._counter.cache_clear()


@pytest.fixture
def limit(settings):
    def set_to(requests):
        api = replace(settings.THRESHOLDS.api, REQUESTS_PER_MINUTE=requests)
        settings.THRESHOLDS = replace(settings.THRESHOLDS, api=api)

    return set_to


@pytest.fixture
def clock():
    """Twelve seconds into a minute that no other run has."""
    start = int(time.time()) // 60 * 60 + 12
    with time_machine.travel(start, tick=False) as traveller:
        yield traveller


@pytest.fixture
def nobody_else(acme, users):
    """A user whose minute is untouched, whatever another run counted for the same id."""
    user = factories.member(acme, "agent")
    client = throttling.redis.Redis.from_url(django_settings.CACHE_URL)
    for key in client.scan_iter(f"rate:*:{user.pk}:*"):
        client.delete(key)
    client.close()
    return user


def left(answer):
    return answer["RateLimit-Policy"], answer["RateLimit"]


def test_every_answer_says_what_is_left(acme, api, nobody_else, limit, clock):
    limit(100)
    client = api(acme, nobody_else)
    client.raise_request_exception = False
    policy = '"user";q=100;w=60'
    assert left(client.get(ME)) == (policy, '"user";r=99;t=48')
    for number, (path, status) in enumerate(
        [
            ("me", 200),
            ("undeclared", 403),
            ("raises/invalid", 400),
            ("raises/http404", 404),
            ("raises/defect", 500),
        ]
    ):
        answer = client.get(f"/api/v1/{path}")
        assert (answer.status_code, left(answer)) == (status, (policy, f'"user";r={98 - number};t=48'))


def test_beyond_the_limit_is_a_429_until_the_next_minute(acme, api, nobody_else, limit, clock):
    limit(3)
    client = api(acme, nobody_else)
    assert [client.get(ME).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = client.get(ME)
    assert (refused["Content-Type"], refused.json()["type"]) == (
        "application/problem+json",
        "/problems/throttled",
    )
    assert refused["Retry-After"] == "48"
    assert refused["RateLimit"] == '"user";r=0;t=48'
    clock.shift(48)
    assert client.get(ME)["RateLimit"] == '"user";r=2;t=60'


def test_each_user_and_each_tenant_has_a_share(acme, globex, api, nobody_else, limit, clock, users):
    limit(1)
    factories.MembershipFactory(user=nobody_else, tenant=globex, role="agent")
    assert [api(acme, nobody_else).get(ME).status_code for _ in range(2)] == [200, 429]
    assert api(globex, nobody_else).get(ME).status_code == 200
    assert api(acme, factories.member(acme, "agent")).get(ME).status_code == 200


def test_strangers_and_pages_are_not_counted(acme, api, nobody_else, limit, clock):
    limit(1)
    for answer in (api(acme).get(ME), api(acme).get("/api/v1/nowhere")):
        assert "RateLimit" not in answer
    page = Client(headers={"host": factories.host_of(acme)}).get("/where")
    assert (page.status_code, "RateLimit" in page) == (200, False)


def test_a_session_has_its_share_too(acme, nobody_else, limit, clock):
    client = Client(headers={"host": factories.host_of(acme)})
    client.post("/admin/login/", {"username": nobody_else.email, "password": factories.PASSWORD})
    limit(2)
    assert [client.get(ME).status_code for _ in range(3)] == [200, 200, 429]


def test_without_a_cache_everybody_passes_quickly(acme, api, nobody_else, settings, limit):
    limit(1)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.CACHE_URL = f"redis://127.0.0.1:{unused.getsockname()[1]}/0"
        throttling._counter.cache_clear()
        client = api(acme, nobody_else)
        answers = [client.get(ME) for _ in range(3)]
    assert [(answer.status_code, "RateLimit" in answer) for answer in answers] == [(200, False)] * 3


def test_a_cache_that_hangs_is_waited_for_once(acme, api, nobody_else, settings, limit):
    limit(1)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()  # takes the connection and never answers
        settings.CACHE_URL = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        throttling._counter.cache_clear()
        client = api(acme, nobody_else)
        client.get("/where")  # all but the throttle is warm
        began = time.monotonic()
        assert [client.get(ME).status_code for _ in range(10)] == [200] * 10
        took = time.monotonic() - began
        throttling._counter.cache_clear()
    assert took < settings.THRESHOLDS.api.THROTTLE_TIMEOUT_MS / 1000 * 10


def test_a_cache_that_comes_back_is_asked_again(acme, api, nobody_else, settings, limit, monkeypatch):
    limit(10)
    good, settings.CACHE_URL = settings.CACHE_URL, "redis://127.0.0.1:1/0"
    client = api(acme, nobody_else)
    assert "RateLimit" not in client.get(ME)
    settings.CACHE_URL = good
    assert "RateLimit" not in client.get(ME)  # it is left alone for a while
    monkeypatch.setattr(throttling, "_rests_until", time.monotonic() - 1)
    assert "RateLimit" in client.get(ME)


def test_many_at_once_are_each_counted(nobody_else, limit):
    limit(50)
    counted = []
    threads = [
        threading.Thread(target=lambda: counted.append(throttling._spend(nobody_else.pk))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(rate.used for rate in counted) == list(range(1, 21))
