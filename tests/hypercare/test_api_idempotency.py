"""Incidents over the API with an Idempotency-Key: one incident however often it is sent."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from hypercare import services
from hypercare.models import Incident, Project, ProjectMember
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.journal.models import Event, IdempotencyRecord
from tenancy.models import ApiToken, Deadline, Membership, Tenant, User
from tests import factories

KEY = "2f6c0a4e"
Api = Callable[..., Client]


def post(client: Client, url: str, data: Any, *, key: str = KEY) -> Any:
    return client.post(url, data=data, content_type="application/json", headers={"Idempotency-Key": key})


def incidents_of(project: Project) -> str:
    return f"/api/v1/projects/{project.pk}/hypercare/incidents"


def code(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")


def counts(tenant: Tenant) -> dict[str, int]:
    with entering(tenant):
        return {
            "incidents": Incident.objects.count(),
            "lines": Event.objects.filter(verb="incident.reported").count(),
            "records": IdempotencyRecord.objects.count(),
            "deadlines": Deadline.objects.filter(tenant=tenant).count(),
        }


ONE = {"incidents": 1, "lines": 1, "records": 1, "deadlines": 4}
NOTHING = dict.fromkeys(ONE, 0)


@pytest.mark.django_db
def test_an_incident_that_is_sent_twice_is_one(
    api: Api, acme: Tenant, users: dict[str, User], project: Project
) -> None:
    client, url = api(acme, users["customer"]), incidents_of(project)
    first = post(client, url, {"title": "Posting blocked", "severity": "P1"})
    again = post(client, url, {"severity": "P1", "title": "Posting blocked"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again["Location"] == first["Location"] == f"{url}/{first.json()['id']}"
    assert again["Idempotency-Replayed"] == "true"
    assert counts(acme) == ONE
    other = post(client, url, {"title": "Posting blocked", "severity": "P2"})
    assert (other.status_code, code(other)) == (422, "idempotency_key_reused")
    assert counts(acme) == ONE


@pytest.mark.django_db
def test_a_verb_under_the_key_of_another_address_is_refused(
    api: Api, acme: Tenant, users: dict[str, User], project: Project
) -> None:
    agent, url = api(acme, users["agent"]), incidents_of(project)
    one, two = (post(agent, url, {"title": "x"}, key=key).json()["id"] for key in ("a", "b"))
    answered = post(agent, f"{url}/{one}/first-response", {})
    assert post(agent, f"{url}/{one}/first-response", {}).content == answered.content  # and no conflict
    assert post(agent, f"{url}/{two}/first-response", {}).status_code == 422
    with entering(acme):
        assert Event.objects.filter(verb="incident.first_response").count() == 1


@pytest.mark.django_db
def test_a_refusal_is_not_kept_and_the_corrected_incident_has_the_key(
    api: Api, acme: Tenant, users: dict[str, User], project: Project
) -> None:
    client, url = api(acme, users["customer"]), incidents_of(project)
    wrong = post(client, url, {"title": "x", "severity": "P9"})
    assert (wrong.status_code, counts(acme)) == (400, NOTHING)
    assert post(client, url, {"title": "x", "severity": "P2"}).status_code == 201
    assert counts(acme) == ONE


@pytest.mark.django_db
def test_a_conflict_is_not_kept(api: Api, acme: Tenant, users: dict[str, User], project: Project) -> None:
    agent, url = api(acme, users["agent"]), incidents_of(project)
    one = f"{url}/{post(agent, url, {'title': 'x'}, key='a').json()['id']}"
    assert post(agent, f"{one}/first-response", {}, key="b").status_code == 200
    conflict = post(agent, f"{one}/first-response", {}, key="c")
    assert (conflict.status_code, conflict.json()["legal_moves"]) == (409, ["waiting", "resolved"])
    with entering(acme):
        assert set(IdempotencyRecord.objects.values_list("key", flat=True)) == {"a", "b"}


@pytest.mark.django_db
def test_who_left_the_project_or_fell_in_role_gets_no_stored_answer(
    api: Api, acme: Tenant, users: dict[str, User], project: Project
) -> None:
    agent, url = api(acme, users["agent"]), incidents_of(project)
    kept = post(agent, url, {"title": "Secret of the project"})
    membership = Membership.objects.filter(tenant=acme, user=users["agent"])
    membership.update(role="customer")
    fallen = post(agent, url, {"title": "Secret of the project"})
    assert (fallen.status_code, code(fallen)) == (422, "idempotency_key_reused")
    membership.update(role="agent")
    assert post(agent, url, {"title": "Secret of the project"}).content == kept.content
    with entering(acme):
        ProjectMember.objects.filter(project=project, user=users["agent"]).delete()
    left = post(agent, url, {"title": "Secret of the project"})
    assert (left.status_code, code(left)) == (404, "not_found")
    assert b"Secret" not in fallen.content + left.content
    assert counts(acme) == ONE


@pytest.mark.django_db
def test_a_read_only_token_reports_nothing_and_is_told_nothing(
    api: Api, acme: Tenant, users: dict[str, User], project: Project
) -> None:
    url, given = incidents_of(project), {"title": "x"}
    reader = api(acme, users["customer"], read_only=True)
    assert (post(reader, url, given).status_code, counts(acme)) == (403, NOTHING)
    assert post(api(acme, users["customer"]), url, given).status_code == 201
    assert post(reader, url, given).status_code == 403


def test_twenty_clients_at_once_report_one_incident(committed: Callable[[], Any]) -> None:
    with committed() as tenant:
        user = factories.member(tenant, "agent")
        headers = {
            "host": factories.host_of(tenant),
            "authorization": f"Bearer {factories.token(user, tenant)}",
        }
        system, now = Actor.system("tests"), timezone.now()
        with entering(tenant):
            program = services.create_program(code="ERP", name="ERP", by=system, now=now)
            project = services.create_project(program=program, code="FI-1", name="Fi", by=system, now=now)
            services.add_member(project=project, user_id=user.pk, by=system, now=now)
        url, start = incidents_of(project), threading.Barrier(20)

        def ask(_number: int) -> Any:
            try:
                start.wait(30)
                return post(Client(headers=headers), url, {"title": "x", "severity": "P2"})
            finally:
                connection.close()

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(ask, range(20)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert counts(tenant) == ONE
        ApiToken.objects.filter(user=user).delete()
        Membership.objects.filter(user=user).delete()
        user.delete()
