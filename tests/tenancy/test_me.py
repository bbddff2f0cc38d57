"""Somebody chooses their own language and time zone."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from tenancy import services
from tenancy.actors import Actor
from tenancy.errors import Invalid, NotAllowed
from tenancy.models import OperatorEvent, Tenant, User
from tenancy.states import Role
from tests import factories

pytestmark = pytest.mark.django_db
ME = "/api/v1/me"


def patch(client: Client, body: dict[str, Any]) -> Any:
    return client.patch(ME, data=body, content_type="application/json")


def test_language_and_zone_are_changed_journaled_and_hold_from_then_on(
    acme: Tenant, users: dict[str, User], api: Callable[..., Client]
) -> None:
    client = api(acme, users["customer"])
    answer = patch(client, {"language": "tr"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["user"]["language"] == client.get(ME).json()["user"]["language"] == "tr"
    assert patch(client, {"time_zone": "Europe/Berlin"}).json()["user"]["time_zone"] == "Europe/Berlin"
    assert client.get(ME).json()["user"]["language"] == "tr", "what is left out stays"
    lines = OperatorEvent.objects.filter(subject=f"user:{users['customer'].pk}", verb="user.changed")
    assert [line.data for line in lines] == [
        {"language": "tr", "changed": ["language"]},
        {"time_zone": "Europe/Berlin", "changed": ["time_zone"]},
    ]
    assert {line.actor_id for line in lines} == {users["customer"].pk}
    before = lines.count()
    assert patch(client, {"language": "tr"}).status_code == 200
    assert patch(client, {}).status_code == 200
    assert lines.count() == before, "nothing changed"


def test_what_cannot_be_is_refused(
    acme: Tenant, users: dict[str, User], public: Tenant, api: Callable[..., Client]
) -> None:
    client = api(acme, users["agent"])
    for body, field in (({"language": "xx"}, "language"), ({"time_zone": "Mars/Base"}, "time_zone")):
        answer = patch(client, body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert patch(client, {"name": "Else"}).status_code == 400
    assert patch(api(acme), {"language": "tr"}).status_code == 401
    assert patch(api(acme, users["agent"], read_only=True), {"language": "tr"}).status_code == 403
    assert patch(api(public, users["platform"]), {"language": "tr"}).status_code == 403
    assert client.get(ME).json()["user"]["language"] == "en"


def test_nobody_chooses_for_another(acme: Tenant, users: dict[str, User], now: datetime) -> None:
    by = Actor.member(users["admin"].pk, Role.ADMIN)
    with pytest.raises(NotAllowed):
        services.change_own_settings(user=users["agent"], language="tr", by=by, now=now)
    mine = Actor.member(users["agent"].pk, Role.AGENT)
    for wrong in ({"language": "xx"}, {"time_zone": "xx"}):
        with pytest.raises(Invalid):
            services.change_own_settings(user=users["agent"], **wrong, by=mine, now=now)


def test_a_browser_needs_its_csrf_token(acme: Tenant, users: dict[str, User]) -> None:
    client = factories.signed_in(acme, users["agent"])
    client.handler.enforce_csrf_checks = True
    assert patch(client, {"language": "tr"}).status_code == 403
