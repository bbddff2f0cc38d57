"""A list of 20 incidents and reporting one over the API, each beside its limit, taken in turn.

`python -m project.embedded -- python -m bench.incidents`. Through the WSGI application in this process, so that no
server and no client is measured; works in a database of its own.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from statistics import median
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.test.utils import override_settings
from django.utils import timezone

from bench.measure import Row, show, timed
from bench.tenants import BY, create, insert
from hypercare import services as hypercare
from project.startup import settle
from tenancy import services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant
from tenancy.states import Role
from tests.factories import host_of
from tests.tenancy.databases import own_database

OPEN = 200
ROUNDS = 400


def caller(tenant: Tenant, token: str) -> Callable[..., tuple[str, bytes]]:
    """A function that sends one request of the token's user and returns status and body."""
    application = WSGIHandler()

    def call(path: str, body: dict[str, Any] | None = None) -> tuple[str, bytes]:
        said: list[str] = []
        sent = json.dumps(body).encode() if body is not None else b""
        where, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET" if body is None else "POST",
            "PATH_INFO": where,
            "QUERY_STRING": query,
            "HTTP_HOST": host_of(tenant),
            "HTTP_AUTHORIZATION": f"Bearer {token}",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(sent)),
            "wsgi.input": BytesIO(sent),
        }
        setup_testing_defaults(environ)
        answer = application(environ, lambda status, headers: said.append(status))
        content = b"".join(answer)
        answer.close()
        return said[0], content

    return call


def in_turn(ours: Callable[[], Any], limit: Callable[[], Any]) -> tuple[list[float], list[float]]:
    """Milliseconds of both, one after the other and each first as often: what comes second finds warmer caches."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS):
        for which in (0, 1) if turn % 2 else (1, 0):
            times[which].append(timed((ours, limit)[which]))
    return times


@contextmanager
def prepared() -> Iterator[tuple[Tenant, str, str]]:
    """A database of its own with OPEN incidents: the tenant, an agent's token and the URL of the incidents."""
    logging.disable(logging.ERROR)
    unhurried = replace(settings.THRESHOLDS, api=replace(settings.THRESHOLDS.api, REQUESTS_PER_MINUTE=10**9))
    same = override_settings(ROOT_URLCONF="bench.urls", SECURE_SSL_REDIRECT=False, THRESHOLDS=unhurried)
    with own_database(empty=True), same:
        call_command("migrate", verbosity=0)
        tenant, now = create(), timezone.now()
        person = services.create_user(
            email="agent@bench.example",
            name="Bench",
            password=None,
            language="en",
            time_zone="UTC",
            by=BY,
            now=now,
        )
        services.add_member(tenant=tenant, user=person, role="agent", by=BY, now=now)
        me = Actor.member(person.pk, Role.AGENT)
        _token, secret = services.issue_token(
            user=person, tenant=tenant, name="bench", days=1, by=BY, now=now
        )
        with entering(tenant):
            program = hypercare.create_program(code="BENCH", name="Bench", by=BY, now=now)
            project = hypercare.create_project(program=program, code="BENCH", name="Bench", by=BY, now=now)
            hypercare.add_member(project=project, user_id=person.pk, by=BY, now=now)
            for number in range(OPEN):
                hypercare.report_incident(project=project, title=f"Incident {number}", by=me, now=now)
        yield tenant, secret, f"/api/v1/projects/{project.pk}/hypercare/incidents"


def main() -> list[Row]:
    with prepared() as (tenant, secret, url):
        call = caller(tenant, secret)
        listed = f"{url}?page_size=20"
        status, body = call(listed)
        assert status.startswith("200"), body
        assert len(json.loads(body)["results"]) == 20
        report = {"title": "Payment file rejected", "severity": "P2", "affected_module": "FI"}
        assert call(url, report)[0].startswith("201")
        settle()
        lists, empties = in_turn(lambda: call(listed), lambda: call("/api/v1/empty"))
        reports, inserts = in_turn(lambda: call(url, report), insert)

    def per_second(times: list[float]) -> float:
        return 1000 / median(times)

    return [
        Row(
            "list of 20 incidents / empty signed-in view", per_second(lists), per_second(empties), unit="1/s"
        ),
        Row(
            "report an incident over the API / one INSERT",
            per_second(reports),
            per_second(inserts),
            unit="1/s",
        ),
    ]


if __name__ == "__main__":
    show(main())
