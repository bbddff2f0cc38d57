"""The list of incidents is what its serializer says, to the byte, for everybody and in every state."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from hypercare import services
from hypercare.api.serializers.incidents import IncidentSerializer
from hypercare.api.views.incidents import ORDERINGS
from hypercare.models import Incident, Project
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tenancy.web.plain import PlainSerializer, _plan_of
from tests import factories
from tests.hypercare.conftest import MEMBERS, actor, asked
from tests.hypercare.test_api import path

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
CAUSE = {"root_cause": "Period \u201cclosed\u201d\u2028", "resolution_notes": "İ\U0001f600"}


@pytest.fixture
def every_state(
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    users: dict[str, User],
    now: datetime,
) -> None:
    """An incident in each state; breached, recorded so and not; with and without people, numbers and times."""
    by = {"by": actors["agent"]}
    me = users["agent"].pk
    early = now - timedelta(days=30, microseconds=120_000)
    with entering(acme):
        report(description='a\nb\t"<\\>', affected_users_count=0, severity="P1")
        report(
            by=Actor.system("tests"), severity="P1", now=early
        )  # breached, not recorded; nobody reported it
        late = report(severity="P2", now=early, affected_module="FI")
        services.respond_first(incident=late, now=now, **by)
        services.assign(incident=report(), assigned_to_id=me, support_level="L2", now=now, **by)
        waits = report(incident_type="data_issue", now=early)
        services.wait(incident=waits, reason="them", owner_id=users["customer"].pk, now=early, **by)
        for then in ("resolve", "close", "reopen"):
            done = report(severity="P4", affected_users_count=12)
            services.resolve(incident=done, now=now + timedelta(microseconds=1), **CAUSE, **by)
            if then != "resolve":
                services.close(incident=Incident.objects.get(pk=done.pk), now=now, **by)
            if then == "reopen":
                services.reopen(incident=Incident.objects.get(pk=done.pk), now=now, **by)


def declared(
    acme: Tenant, project: Project, by: Actor, now: datetime, ordering: str = "-number"
) -> list[Any]:
    """What DRF makes of the rows, field by field, read back."""
    with entering(acme):
        rows = Incident.objects.filter(project=project).select_related(
            "project", "assigned_to", "reported_by", "waiting_owner"
        )
        context = {"actor": by, "now": now}
        shown = IncidentSerializer(rows.order_by(ordering), many=True, context=context).data
        whole: list[Any] = json.loads(JSONRenderer().render(shown))
        return whole


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.usefixtures("every_state")
@pytest.mark.parametrize("role", MEMBERS)
@pytest.mark.parametrize("query", ["", "?severity=P1&severity=P2&severity=P3&severity=P4"])
def test_it_is_byte_for_byte_what_the_serializer_says(
    role: str,
    query: str,
    acme: Tenant,
    project: Project,
    users: dict[str, User],
    api: Callable[..., Client],
    now: datetime,
    at_now: Any,
) -> None:
    for later in (timedelta(0), timedelta(hours=3), timedelta(days=90)):
        at_now.move_to(now + later)
        told = api(acme, users[role]).get(path(project, "incidents") + query).json()["results"]
        truth = declared(acme, project, actor(users[role], role), now + later)
        assert len(truth) == 8
        assert {row["status"] for row in truth} == {"open", "in_progress", "waiting", "resolved", "closed"}
        assert canonical(told) == canonical(truth), "the order of the fields too"


@pytest.mark.usefixtures("every_state")
@pytest.mark.parametrize("name", ORDERINGS)
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_order_and_page_is_the_same_filtered_or_not(
    name: str, sign: str, acme: Tenant, project: Project, users: dict[str, User], api: Callable[..., Client]
) -> None:
    client = api(acme, users["agent"])
    every = "severity=P1&severity=P2&severity=P3&severity=P4"

    def walk(url: str, link: str) -> list[str]:
        keys = []
        while url:
            page = client.get(url).json()
            keys.append([row["key"] for row in page["results"]])
            url = page[link]
            last.append(page)
        return keys

    last: list[Any] = []
    start = f"{path(project, 'incidents')}?page_size=3&ordering={sign}{name}"
    forth = walk(start, "next")
    assert [len(page) for page in forth] == [3, 3, 2]
    assert walk(last[-1]["previous"], "previous") == forth[1::-1]
    assert walk(f"{start}&{every}", "next") == forth
    cursor = dict(parse_qsl(urlsplit(last[0]["next"] or "").query))["cursor"]
    assert client.get(f"{start}&{every}&cursor={cursor}").json()["results"], "one cursor serves both"


@pytest.mark.parametrize("query", ["", "&state=open"])
def test_ten_and_a_hundred_rows_cost_the_same(
    query: str,
    acme: Tenant,
    project: Project,
    users: dict[str, User],
    report: Callable[..., Incident],
    api: Callable[..., Client],
) -> None:
    client = api(acme, users["agent"])
    costs = []
    for wanted, rows in ((10, 10), (100, 90)):
        for _ in range(rows):
            report()
        url = f"{path(project, 'incidents')}?page_size={wanted}{query}"
        client.get(url)
        with CaptureQueriesContext(connection) as seen:
            assert len(client.get(url).json()["results"]) == wanted
        costs.append(len(asked(seen)))
    # The token with its user and role, and the page; with a filter the project, the keys, and the rows.
    assert costs == ([2, 2] if not query else [4, 4])


@pytest.mark.parametrize("query", ["?nothing=1", "?ordering=title", "?page_size=0", "?cursor=x", "?state=x"])
def test_what_the_list_does_not_know_is_refused(
    query: str, acme: Tenant, project: Project, users: dict[str, User], api: Callable[..., Client]
) -> None:
    answer = api(acme, users["agent"]).get(path(project, "incidents") + query)
    assert answer.status_code == (404 if "cursor" in query else 400)


def test_another_project_is_not_there_and_shows_no_row(
    acme: Tenant,
    project: Project,
    other_project: Project,
    users: dict[str, User],
    report: Callable[..., Incident],
    api: Callable[..., Client],
) -> None:
    report(project=other_project, by=Actor.system("tests"))
    client = api(acme, users["agent"])
    for query in ("", "?state=open"):
        assert client.get(path(other_project, "incidents") + query).status_code == 404
        assert client.get(path(project, "incidents") + query).json()["results"] == []


def test_somebody_taken_off_the_project_sees_it_no_more_from_the_next_request_on(
    acme: Tenant,
    project: Project,
    users: dict[str, User],
    api: Callable[..., Client],
    actors: dict[str, Actor],
) -> None:
    client = api(acme, users["agent"])
    assert client.get(path(project, "incidents")).status_code == 200
    with entering(acme):
        project.members.filter(user=users["agent"]).delete()
    assert client.get(path(project, "incidents")).status_code == 404


def test_support_under_a_grant_lists_what_an_agent_sees(
    acme: Tenant,
    project: Project,
    users: dict[str, User],
    report: Callable[..., Incident],
    api: Callable[..., Client],
    now: datetime,
) -> None:
    report()
    client = api(acme, users["support"])
    assert client.get(path(project, "incidents")).status_code == 403
    grant = factories.GrantFactory(user=users["support"], tenant=acme)
    told = client.get(path(project, "incidents")).json()["results"]
    by = Actor.support(users["support"].pk, grant_id=grant.pk, writes=False)
    assert told == declared(acme, project, by, now)
    assert "support_level" in told[0]


def test_a_row_of_a_plain_list_asks_the_database_nothing(in_acme: Tenant) -> None:
    bare = object.__new__(Incident)
    with pytest.raises(AttributeError):
        _ = bare.title


def test_a_field_that_does_more_than_show_a_column_is_refused() -> None:
    class Wrong(PlainSerializer[Incident]):
        model = Incident
        number = serializers.CharField()  # a number that becomes text

    class Local(PlainSerializer[Incident]):
        model = Incident
        created_at = serializers.DateTimeField()  # in the reader's zone

    for kind in (Wrong, Local):
        with pytest.raises(TypeError, match="more than show a column"):
            _plan_of(kind)
