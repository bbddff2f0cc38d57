"""What belongs to another project is a 404, what does not belong together a 400, and both are counted."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client

from hypercare import services
from hypercare.models import Incident, Project
from tenancy import flags
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import SecurityCount, Tenant, User
from tenancy.services import retain, security_counts
from tenancy.states import Signal
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
MINUTES = timedelta(minutes=5)


@pytest.fixture
def agent(api: Callable[..., Client], acme: Tenant, users: dict[str, User]) -> Client:
    return api(acme, users["agent"])


@pytest.fixture
def hidden(acme: Tenant, other_project: Project, system: Actor, now: datetime) -> Incident:
    """An incident of the project that nobody is a member of."""
    with entering(acme):
        return services.report_incident(project=other_project, title="Theirs", by=system, now=now)


def path(project: Project, *rest: object) -> str:
    return "/".join([f"/api/v1/projects/{project.pk}", *map(str, rest)])


def counts(now: datetime, tenant: Tenant | None = None) -> tuple[int, int]:
    seen = security_counts(window=MINUTES, now=now, tenant=tenant)
    return seen["cross_scope_access_attempt"], seen["scope_mismatch_error"]


def post(client: Client, url: str, data: Any, **headers: str) -> Any:
    return client.post(url, data, content_type="application/json", headers=headers)


def test_another_project_is_a_404_that_tells_nothing_and_is_counted(
    agent: Client, project: Project, other_project: Project, hidden: Incident, acme: Tenant, now: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    given = {"x-request-id": "same"}
    missing = agent.get(f"/api/v1/projects/{uuid4()}", headers=given)
    assert counts(now) == (0, 0)
    with caplog.at_level(logging.WARNING, logger="tenancy.services.security"):
        refused = agent.get(path(other_project), headers=given)
    assert {**refused.json(), "instance": ""} == {**missing.json(), "instance": ""}
    assert set(refused.headers) == set(missing.headers)
    assert counts(now, acme) == (1, 0)
    [line] = [record.getMessage() for record in caplog.records if "cross_scope" in record.getMessage()]
    assert str(other_project.pk) in line
    for number, url in enumerate(
        [
            path(other_project, "hypercare/incidents"),
            path(other_project, f"hypercare/incidents/{hidden.pk}"),
            path(project, f"hypercare/incidents/{hidden.pk}"),
            path(project, f"hypercare/incidents/{hidden.pk}/timeline"),
        ]
    ):
        assert agent.get(url).status_code == 404
        assert counts(now, acme) == (2 + number, 0)
    assert (
        post(agent, path(project, f"hypercare/incidents/{hidden.pk}/first-response"), {}).status_code == 404
    )
    assert counts(now) == (6, 0)
    assert SecurityCount.objects.get().count == 6


def test_what_is_nowhere_or_nobody_asks_is_not_counted(
    agent: Client,
    api: Callable[..., Client],
    acme: Tenant,
    project: Project,
    other_project: Project,
    now: datetime,
) -> None:
    for url in (
        path(project, f"hypercare/incidents/{uuid4()}"),
        path(project, "nothing"),
        "/api/v1/projects/x",
    ):
        assert agent.get(url).status_code == 404
    assert api(acme).get(path(other_project)).status_code == 401
    assert agent.get(path(project)).status_code == 200
    assert counts(now) == (0, 0)


def test_another_tenants_project_is_not_counted_here(
    api: Callable[..., Client], globex: Tenant, acme: Tenant, project: Project, now: datetime
) -> None:
    stranger = api(globex, factories.member(globex, "admin"))
    assert stranger.get(path(project)).status_code == 404
    assert counts(now, globex) == counts(now, acme) == (0, 0)


def test_an_incident_of_a_project_that_one_sees_is_a_404_and_nobody_trying_doors(
    agent: Client, acme: Tenant, users: dict[str, User], project: Project, other_project: Project,
    hidden: Incident, system: Actor, now: datetime,
) -> None:  # fmt: skip
    with entering(acme):
        services.add_member(project=other_project, user_id=users["agent"].pk, by=system, now=now)
    assert agent.get(path(project, f"hypercare/incidents/{hidden.pk}")).status_code == 404
    assert counts(now) == (0, 0)


def test_with_the_flag_off_nothing_is_hidden_and_nothing_counted(
    agent: Client, other_project: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flags, "_snapshot", flags._Snapshot({flags.PROJECT_SCOPE: False}, {}))
    assert agent.get(path(other_project)).status_code == 200
    assert agent.get(f"/api/v1/projects/{uuid4()}").status_code == 404
    assert counts(now) == (0, 0)


@pytest.mark.parametrize("rest", ["", "/members", "/hypercare/incidents", "/hypercare/metrics"])
def test_a_program_that_is_not_the_projects_is_a_400_and_counted(
    agent: Client, acme: Tenant, project: Project, now: datetime, rest: str
) -> None:
    url = path(project) + rest
    assert agent.get(url, {"program": str(project.program_id)}).status_code == 200
    assert counts(now) == (0, 0)
    refused = agent.get(url, {"program": str(uuid4())})
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/scope_mismatch")
    assert [fault["field"] for fault in refused.json()["errors"]] == ["program"]
    assert counts(now, acme) == (0, 1)
    malformed = agent.get(url, {"program": "x"})
    assert (malformed.status_code, malformed.json()["type"]) == (400, "/problems/invalid")
    assert counts(now) == (0, 1)


@pytest.mark.parametrize("name", ["program_id", "project_id"])
def test_a_body_may_say_where_it_belongs(agent: Client, project: Project, now: datetime, name: str) -> None:
    url = path(project, "hypercare/incidents")
    right = project.program_id if name == "program_id" else project.pk
    assert post(agent, url, {"title": "T", name: str(right)}).status_code == 201
    for headers in ({}, {"idempotency-key": "k"}):
        refused = post(agent, url, {"title": "T", name: str(uuid4())}, **headers)
        assert (refused.status_code, refused.json()["type"]) == (400, "/problems/scope_mismatch")
        assert [fault["pointer"] for fault in refused.json()["errors"]] == [f"#/{name}"]
    assert counts(now) == (0, 2)
    for wrong in (None, 1, "x", [], {}, True):
        assert post(agent, url, {"title": "T", name: wrong}).json()["type"] == "/problems/invalid"
    assert counts(now) == (0, 2)


def test_a_project_moves_to_another_program(
    agent: Client, acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    with entering(acme):
        program = services.create_program(code="HR", name="People", by=actors["agent"], now=now)
    moved = agent.patch(path(project), {"program_id": str(program.pk)}, content_type="application/json")
    assert (moved.status_code, moved.json()["program_id"]) == (200, str(program.pk))
    assert counts(now) == (0, 0)


def test_counting_never_fails_the_request(
    agent: Client, other_project: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SecurityCount._meta, "db_table", "no_such_table")
    assert agent.get(path(other_project)).status_code == 404
    monkeypatch.undo()
    assert counts(now) == (0, 0)


def test_counts_are_by_the_minute_and_the_window(
    agent: Client, other_project: Project, acme: Tenant, now: datetime, at_now: time_machine.Traveller
) -> None:
    for _each in range(3):
        assert agent.get(path(other_project)).status_code == 404
        at_now.shift(timedelta(minutes=2))
    at = now + timedelta(minutes=4)
    assert SecurityCount.objects.count() == 3
    assert counts(at) == (3, 0)
    assert counts(at + timedelta(minutes=1)) == (2, 0)
    assert counts(at + timedelta(minutes=5)) == (0, 0)
    assert security_counts(window=timedelta(minutes=1), now=at) == {
        Signal.CROSS_SCOPE: 1,
        Signal.SCOPE_MISMATCH: 0,
    }


def test_counts_go_after_their_time(acme: Tenant, now: datetime, settings: Any) -> None:
    days = timedelta(days=settings.THRESHOLDS.retention.SECURITY_COUNT_DAYS)
    for at in (now - days - timedelta(minutes=1), now - days):
        SecurityCount.objects.create(tenant=acme, signal=Signal.CROSS_SCOPE, minute=at, count=1)
    assert retain(now=now)["security counts"] == 1
    assert SecurityCount.objects.get().minute == now - days
