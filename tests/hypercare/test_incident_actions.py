"""What an incident says may be done to it is what its services allow; and the mails that a comment will cause."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from hypercare import services
from hypercare.models import Comment, Incident, Project
from hypercare.rules import INCIDENT_STEPS
from hypercare.states import IncidentState
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.errors import Conflict, NotAllowed
from tenancy.models import Delivery, Tenant, User
from tenancy.transactions import atomic
from tests.hypercare.conftest import MEMBERS
from tests.hypercare.test_api import CAUSE, path, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]


class _Undone(Exception):
    """Takes back what was tried."""


@pytest.fixture
def every_state(
    acme: Tenant,
    report: Callable[..., Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> dict[str, Incident]:
    """An incident for each state and more, by name; the customer reported them."""
    by, owner = {"by": actors["agent"]}, users["customer"].pk
    early = now - timedelta(days=30)
    names = (
        "open",
        "answered",
        "waiting",
        "waiting answered",
        "at L3",
        "resolved",
        "closed",
        "closed long ago",
    )
    rows = {name: report(now=early if "long" in name else now) for name in names}
    with entering(acme):
        services.assign(incident=rows["at L3"], assigned_to_id=None, support_level="L3", now=now, **by)
        for name in ("answered", "waiting answered"):
            services.respond_first(incident=rows[name], now=now, **by)
        for name in ("waiting", "waiting answered"):
            services.wait(
                incident=Incident.objects.get(pk=rows[name].pk), reason="x", owner_id=owner, now=now, **by
            )
        for name, at in (("resolved", now), ("closed", now), ("closed long ago", early)):
            services.resolve(incident=rows[name], now=at, **CAUSE, **by)
            if name != "resolved":
                services.close(incident=Incident.objects.get(pk=rows[name].pk), now=at, **by)
        return {name: Incident.objects.select_related("project").get(pk=row.pk) for name, row in rows.items()}


def tries(users: dict[str, User]) -> dict[str, Callable[..., Any]]:
    """Each step, as a call of its service."""
    return {
        "edit": lambda **given: services.change_incident(affected_module="ZZ", **given),
        "respond": services.respond_first,
        "assign": lambda **given: services.assign(assigned_to_id=users["manager"].pk, **given),
        "escalate": lambda **given: services.escalate(reason="x", **given),
        "wait": lambda **given: services.wait(reason="x", owner_id=users["customer"].pk, **given),
        "resume": services.resume,
        "resolve": lambda **given: services.resolve(**CAUSE, **given),
        "close": services.close,
        "reopen": services.reopen,
        "comment": lambda **given: services.add_comment(content="x", **given),
        "comment_internally": lambda **given: services.add_comment(content="x", is_internal=True, **given),
    }


@pytest.mark.parametrize("role", [*MEMBERS, "other customer", "read-only support"])
def test_what_is_allowed_is_what_the_services_do(
    role: str,
    acme: Tenant,
    every_state: dict[str, Incident],
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    others = {
        "other customer": Actor.member(users["platform"].pk, actors["customer"].role),  # type: ignore[arg-type]
        "read-only support": Actor.support(users["support"].pk, grant_id=1, writes=False),
    }
    by = (actors | others)[role]
    calls = tries(users)
    assert calls.keys() == INCIDENT_STEPS.keys()
    with entering(acme):
        for name, incident in every_state.items():
            done = set()
            for step, call in calls.items():
                try:
                    with atomic():
                        call(incident=incident, by=by, now=now)
                        done.add(step)
                        raise _Undone
                except (_Undone, NotAllowed, Conflict):
                    pass
            assert set(services.incident_actions(incident, by=by, now=now)) == done, name


def test_every_state_has_its_steps() -> None:
    assert {state for states in INCIDENT_STEPS.values() for state in states} == set(IncidentState.values)


def test_one_incident_says_what_may_be_done_and_the_list_does_not(
    acme: Tenant,
    project: Project,
    every_state: dict[str, Incident],
    users: dict[str, User],
    api: Callable[..., Client],
    django_assert_num_queries: Any,
) -> None:
    agent, customer = api(acme, users["agent"]), api(acme, users["customer"])
    url = path(project, "incidents", every_state["open"].pk)
    assert agent.get(url).json()["allowed_actions"] == [
        *("edit", "respond", "assign", "escalate", "wait", "resolve", "comment", "comment_internally"),
    ]
    assert customer.get(url).json()["allowed_actions"] == ["comment"]
    resolved = path(project, "incidents", every_state["resolved"].pk)
    assert customer.get(resolved).json()["allowed_actions"] == ["close", "reopen", "comment"]
    answered = post(agent, f"{url}/first-response").json()["allowed_actions"]
    assert "respond" not in answered
    assert "allowed_actions" not in agent.get(path(project, "incidents")).json()["results"][0]


@pytest.mark.usefixtures("every_state")
def test_lists_find_an_incident_and_a_change_by_number(
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    draft: Callable[..., Any],
    users: dict[str, User],
    api: Callable[..., Client],
) -> None:
    agent, incident, change = api(acme, users["agent"]), report(), draft()
    found = agent.get(f"{path(project, 'incidents')}?number={incident.number}").json()["results"]
    assert [row["id"] for row in found] == [str(incident.pk)]
    found = agent.get(f"{path(project, 'change-requests')}?number={change.number}").json()["results"]
    assert [row["id"] for row in found] == [str(change.pk)]
    for name in ("incidents", "change-requests"):
        assert agent.get(f"{path(project, name)}?number=999999").json()["results"] == []
        for wrong in ("x", "0", "1.5", "9" * 30):
            assert agent.get(f"{path(project, name)}?number={wrong}").status_code == 400


def test_a_comment_shows_its_mails_before_it_is_said(
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
    api: Callable[..., Client],
) -> None:
    User.objects.filter(pk=users["customer"].pk).update(language="tr")
    incident = report()
    url = path(project, "incidents", incident.pk, "comments", "preview")
    told = Delivery.objects.count()
    answer = post(api(acme, users["agent"]), url, {"content": "We opened <b>period</b> 11."})
    assert answer.status_code == 200, answer.content
    (mail,) = answer.json()["mails"]
    assert (mail["name"], mail["language"]) == (users["customer"].name, "tr")
    assert incident.key in mail["subject"]
    assert "We opened <b>period</b> 11." in mail["text"]
    assert "&lt;b&gt;" in mail["html"]
    assert "@" not in mail["text"]
    with entering(acme):
        assert not Comment.objects.exists()
    assert Delivery.objects.count() == told
    assert post(api(acme, users["customer"]), url, {"content": "x"}).json() == {"mails": []}
    nobodys = report(by=Actor.system("tests"))
    there = path(project, "incidents", nobodys.pk, "comments", "preview")
    assert post(api(acme, users["agent"]), there, {"content": "x"}).json() == {"mails": []}


def test_a_preview_is_refused_as_the_comment_would_be(
    acme: Tenant,
    project: Project,
    other_project: Project,
    report: Callable[..., Incident],
    users: dict[str, User],
    api: Callable[..., Client],
) -> None:
    agent, url = api(acme, users["agent"]), path(project, "incidents", report().pk, "comments", "preview")
    assert post(api(acme), url, {"content": "x"}).status_code == 401
    assert post(api(acme, users["agent"], read_only=True), url, {"content": "x"}).status_code == 403
    for body in ({}, {"content": ""}, {"content": "x", "is_internal": True}):
        assert post(agent, url, body).status_code == 400
    assert agent.get(url).status_code == 405
    hidden = report(project=other_project, by=Actor.system("tests"))
    for where in (other_project, project):
        there = path(where, "incidents", hidden.pk, "comments", "preview")
        assert post(agent, there, {"content": "x"}).status_code == 404
