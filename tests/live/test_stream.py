"""The stream over a real server: who is let in, what they hear, how it goes on and how it ends."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from hypercare import services
from tenancy import services as tenancy
from tenancy.context import entering
from tenancy.live import Ticket, seal
from tenancy.transactions import atomic, emit
from tenancy.web.live import PATH
from tests import factories
from tests.live.conftest import SYSTEM, World
from tests.live.listening import Heard, Listener, listening, request, ticket
from tests.live.product import Product, running

HASTY = {
    "THRESHOLD_STREAM_BEAT_SECONDS": "1",
    "THRESHOLD_STREAM_LIFE_SECONDS": "6",
    "THRESHOLD_STREAM_POLL_SECONDS": "1",
    "THRESHOLD_STREAM_MOST_STREAMS": "3",
    "CACHE_URL": "redis://127.0.0.1:1/0",  # nobody is there
}


@pytest.fixture(scope="module")
def hasty(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A server with short lives, few streams and no Valkey to tell it anything."""
    with running(tmp_path_factory.mktemp("hasty"), **HASTY) as served:
        yield served


def sealed(world: World, **other: Any) -> str:
    """A URL with a ticket of the agent, but for `other`."""
    ticket = Ticket(
        schema=world.tenant.schema_name,
        host=factories.host_of(world.tenant),
        user_id=world.people["agent"].pk,
        scopes=frozenset({world.project.pk}),
        is_ours=True,
    )
    left = other.pop("left", 60)
    text = seal(replace(ticket, **other), expires_at=timezone.now() + timedelta(seconds=left))
    return f"{PATH}?ticket={text}"


def refused(product: Product, world: World, path: str, *, method: str = "GET", **headers: str) -> Any:
    """The refusal's problem, after a look at what every refusal has."""
    client, response = request(product, world.tenant, path, method=method, **headers)
    body = response.read()
    client.close()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    problem = json.loads(body) if method != "HEAD" else {"status": response.status}
    assert problem["status"] == response.status
    return {**problem, "headers": response.headers}


# ---- who is let in ------------------------------------------------------------------------------------------------


def test_only_a_ticket_of_this_host_and_time_opens_it(product: Product, world: World) -> None:
    bearer = f"Bearer {factories.token(world.people['agent'], world.tenant)}"
    good = sealed(world)
    for path in (
        PATH,
        f"{PATH}?ticket=",
        f"{PATH}?ticket=nonsense",
        good[:-2],
        good.replace("ticket=", "ticket=x"),
        sealed(world, host="globex.localhost"),
        sealed(world, left=-1),
    ):
        problem = refused(product, world, path, Authorization=bearer)
        assert (problem["status"], problem["type"]) == (401, "/problems/ticket_refused"), path
    assert refused(product, world, good, Host="elsewhere.localhost")["status"] == 401
    assert refused(product, world, good, Host="evil.example")["status"] == 404
    assert refused(product, world, f"{good}&after=x")["status"] == 400
    with listening(product, world.tenant, good) as stream:
        assert stream.next().name == "hello"


def test_it_is_read_with_get_alone(product: Product, world: World) -> None:
    for method in ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        problem = refused(product, world, sealed(world), method=method)
        assert (problem["status"], problem["headers"]["Allow"]) == (405, "GET"), method


def test_a_refusal_speaks_the_readers_language(product: Product, world: World) -> None:
    english = refused(product, world, PATH)
    turkish = refused(product, world, PATH, **{"Accept-Language": "tr"})
    assert english["title"] != turkish["title"]


def test_a_process_holds_so_many_and_frees_what_goes(hasty: Product, world: World) -> None:
    with ExitStack() as streams:
        for _ in range(3):
            streams.enter_context(listening(hasty, world.tenant, sealed(world))).next()
        problem = refused(hasty, world, sealed(world))
        assert (problem["status"], problem["headers"]["Retry-After"]) == (503, "5")
    until = time.monotonic() + 4  # sooner than their time would be over
    while (answer := request(hasty, world.tenant, sealed(world)))[1].status == 503:
        answer[0].close()
        assert time.monotonic() < until
        time.sleep(0.05)
    answer[0].close()


def test_its_headers_are_those_of_every_answer(product: Product, world: World) -> None:
    client, response = request(product, world.tenant, sealed(world))
    other, plain = request(product, world.tenant, "/api/v1/me")
    plain.read()
    same = ("Content-Security-Policy", "Permissions-Policy", "Referrer-Policy", "X-Frame-Options")
    for name in (
        *same,
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Resource-Policy",
        "X-Content-Type-Options",
    ):
        assert response.headers[name] == plain.headers[name] != None, name  # noqa: E711
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["X-Request-ID"]
    assert "Set-Cookie" not in response.headers
    client.close()
    other.close()


# ---- what they hear -----------------------------------------------------------------------------------------------


def test_a_change_arrives_with_ids_and_without_a_word(product: Product, world: World) -> None:
    with listening(product, world.tenant, ticket(product, world.tenant, world.people["agent"])) as stream:
        hello = stream.next("hello")
        assert hello.data.keys() == {"at", "seq", "beat_seconds", "ends_at"}
        incident = world.report()
        told = stream.next()
        assert (told.name, told.id) == ("change", str(told.data["seq"]))
        assert told.data == {
            "seq": hello.data["seq"] + 1,
            "at": told.data["at"],
            "project": str(world.project.pk),
            "kind": "incident",
            "id": str(incident.pk),
            "number": incident.number,
            "verb": "incident.reported",
            "by": world.people["customer"].pk,
        }


def test_a_request_to_the_server_is_told_at_once(product: Product, world: World) -> None:
    """By the publisher, long before a poll: a worker and a web process tell alike."""
    url = ticket(product, world.tenant, world.people["agent"])
    with listening(product, world.tenant, url) as stream:
        stream.next("hello")
        took = []
        for _ in range(5):
            begun = time.monotonic()
            report(product, world)
            assert stream.next().data["verb"] == "incident.reported"
            took.append(time.monotonic() - begun)
        assert sorted(took)[2] < settings.THRESHOLDS.stream.POLL_SECONDS * 0.75, took


def report(product: Product, world: World, by: str = "customer") -> None:
    body = json.dumps({"title": "Down"})
    path = f"/api/v1/projects/{world.project.pk}/hypercare/incidents"
    client, response = request(
        product,
        world.tenant,
        path,
        method="POST",
        body=body,
        **{
            "Content-Type": "application/json",
            "Authorization": f"Bearer {factories.token(world.people[by], world.tenant)}",
        },
    )
    assert response.status == 201, response.read()
    response.read()
    client.close()


def told_until(stream: Listener, verb: str) -> list[Heard]:
    """All changes that come, up to the first with this verb."""
    found = [stream.next()]
    while found[-1].data["verb"] != verb:
        found.append(stream.next())
    return found


def test_customers_hear_nothing_internal_and_nobody_hears_of_other_projects(
    product: Product, world: World
) -> None:
    with ExitStack() as streams:
        heard = {}
        for name in ("customer", "agent", "outsider"):
            url = ticket(product, world.tenant, world.people[name])
            heard[name] = streams.enter_context(listening(product, world.tenant, url))
            heard[name].next("hello")
        incident, now, agent = world.report(), timezone.now(), world.actor("agent")
        with entering(world.tenant):
            services.add_comment(incident=incident, content="secret", is_internal=True, by=agent, now=now)
            services.assign(incident=incident, assigned_to_id=world.people["agent"].pk, by=agent, now=now)
            ours, theirs = (
                services.draft_change(
                    project=world.project, title="secret", change_type="data", by=by, now=now
                )
                for by in (agent, world.actor("customer"))
            )
            services.respond_first(incident=incident, by=agent, now=now)
        by_agent = told_until(heard["agent"], "incident.first_response")
        by_customer = told_until(heard["customer"], "incident.first_response")
        with entering(world.tenant):
            services.report_incident(project=world.other, title="Else", by=SYSTEM, now=now)
        by_outsider = heard["outsider"].next()
    assert [(one.data["verb"], one.data["id"]) for one in by_customer] == [
        ("incident.reported", str(incident.pk)),
        ("change.drafted", str(theirs.pk)),
        ("incident.first_response", str(incident.pk)),
    ]
    drafted = [one.data["id"] for one in by_agent if one.data["verb"] == "change.drafted"]
    assert drafted == [str(ours.pk), str(theirs.pk)]
    assert {"incident.noted", "incident.assigned"} <= {one.data["verb"] for one in by_agent}
    assert by_outsider.data["project"] == str(world.other.pk)
    assert "secret" not in json.dumps([one.data for one in by_agent + by_customer])


def test_another_tenants_events_are_not_told(product: Product, world: World, committed: Any) -> None:
    """Of the very same project id, even: the ticket's schema is signed."""
    with committed() as stranger:
        theirs = sealed(world, schema=stranger.schema_name, host=factories.host_of(stranger))
        with listening(product, stranger, theirs) as stream:
            stream.next("hello")
            world.report()
            with listening(product, world.tenant, sealed(world)) as own:
                own.next("hello")
                world.report()
                assert own.next().data["verb"] == "incident.reported"
            assert stream.next("beat", "change", "reset").name == "beat"


# ---- how it goes on -----------------------------------------------------------------------------------------------


def test_who_comes_back_gets_what_was_missed(product: Product, world: World) -> None:
    with listening(product, world.tenant, sealed(world)) as stream:
        stream.next("hello")
        world.report()
        last = stream.next()
    missed = [world.report() for _ in range(3)]
    for path, headers in (
        (sealed(world), {"Last-Event-ID": last.id}),
        (f"{sealed(world)}&after={last.id}", {}),
    ):
        with listening(product, world.tenant, path, **headers) as stream:
            assert stream.next("hello").data["seq"] == int(last.id)
            assert [stream.next().data["id"] for _ in missed] == [str(one.pk) for one in missed]


def test_who_missed_too_much_loads_anew(product: Product, world: World) -> None:
    for gone_by in range(settings.THRESHOLDS.stream.MOST_MISSED // 50 + 1):
        with entering(world.tenant), atomic():
            for number in range(50):
                about = f"incident:{UUID(int=gone_by * 50 + number)}"
                emit("incident.reported", about, by=SYSTEM, now=timezone.now(), scope=world.project.pk)
    with listening(product, world.tenant, f"{sealed(world)}&after=1") as stream:
        hello, reset = stream.next("hello"), stream.next()
        assert (reset.name, reset.data["seq"]) == ("reset", hello.data["seq"])
        assert int(reset.id) > settings.THRESHOLDS.stream.MOST_MISSED
        world.report()
        assert stream.next().data["seq"] == reset.data["seq"] + 1


def test_without_valkey_it_looks_by_itself_and_no_request_fails(hasty: Product, world: World) -> None:
    with listening(hasty, world.tenant, sealed(world)) as stream:
        stream.next("hello")
        report(hasty, world)
        assert stream.next().data["verb"] == "incident.reported"


def test_many_streams_are_one_connection(product: Product, world: World) -> None:
    def connections() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'hypercare-web'"
            )
            count: int = cursor.fetchone()[0]
            return count

    with ExitStack() as streams:
        streams.enter_context(listening(product, world.tenant, sealed(world))).next("hello")
        before = connections()
        more = [streams.enter_context(listening(product, world.tenant, sealed(world))) for _ in range(50)]
        for stream in more:
            stream.next("hello")
        world.report()
        assert {stream.next().data["verb"] for stream in more} == {"incident.reported"}
        assert connections() == before


# ---- how it ends --------------------------------------------------------------------------------------------------


def test_it_beats_by_the_servers_clock_and_ends_for_who_is_no_member_any_more(
    hasty: Product, world: World
) -> None:
    agent = world.people["agent"]
    bearer = f"Bearer {factories.token(agent, world.tenant)}"
    with listening(hasty, world.tenant, ticket(hasty, world.tenant, agent)) as stream:
        tenancy.remove_member(tenant=world.tenant, user=agent, by=SYSTEM, now=timezone.now())
        heard = list(stream.events())
    assert (heard[0].name, heard[0].data["beat_seconds"]) == ("hello", 1)
    assert heard[-1] == Heard("bye", {"why": "life"})
    beats = [datetime.fromisoformat(one.data["at"]) for one in heard if one.name == "beat"]
    assert 3 <= len(beats) <= 6
    assert abs(beats[0] - timezone.now()) < timedelta(seconds=30)
    problem = refused(hasty, world, f"{PATH}/ticket", method="POST", Authorization=bearer)
    assert problem["status"] in (401, 403)


def test_a_server_that_goes_down_says_so_and_does_not_wait(world: World, tmp_path: Path) -> None:
    with running(tmp_path) as going, listening(going, world.tenant, sealed(world)) as stream:
        stream.next("hello")
        assert going.stop() < settings.THRESHOLDS.stream.LIFE_SECONDS / 10
        assert stream.next().data == {"why": "restart"}
        assert "Traceback" not in going.log.read_text()
