"""Events for programs, read together."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from observability.messages import write_event
from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.deliveries import Audience, Data, Outgoing
from tenancy.models import Tenant
from tenancy.transactions import atomic, emit

pytestmark = pytest.mark.django_db


def happened(tenant: Tenant, count: int, *, by: Actor, now: datetime) -> list[Outgoing]:
    reader = Audience("en", ZoneInfo("UTC"))
    with atomic():
        events = [
            emit("thing.happened", f"thing:{number}", by=by, now=now, schema=tenant.schema_name)
            for number in range(count)
        ]
    return [
        Outgoing(tenant, "thing.happened", f"thing:{number}", event, reader, "", now)
        for number, event in enumerate(events)
    ]


def test_events_that_wait_together_are_read_together(
    in_acme: Tenant, system: Actor, now: datetime, django_assert_num_queries: Any
) -> None:
    batch = happened(in_acme, 5, by=system, now=now)
    with django_assert_num_queries(1):
        written = write_event(list(reversed(batch)))
    assert [one.data["subject"] for one in written] == [f"thing:{number}" for number in (4, 3, 2, 1, 0)]
    assert {(one.type, one.at, one.data["tenant"]) for one in written} == {("thing.happened", now, "acme")}


def test_an_event_that_is_not_there_takes_no_other_along(
    in_acme: Tenant, system: Actor, now: datetime
) -> None:
    batch = happened(in_acme, 3, by=system, now=now)
    batch[1] = replace(batch[1], event=uuid4())
    assert [type(one) for one in write_event(batch)] == [Data, KeyError, Data]


def test_the_operators_events_are_in_their_own_journal(
    in_acme: Tenant, public: Tenant, system: Actor, now: datetime
) -> None:
    [theirs] = happened(public, 1, by=system, now=now)
    [written] = write_event([theirs])
    assert isinstance(written, Data)
    assert written.data["tenant"] == PUBLIC
    [nothing] = write_event([replace(theirs, tenant=in_acme)])
    assert isinstance(nothing, KeyError)
