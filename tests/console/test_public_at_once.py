"""The public host, asked twice at the same moment: the impatient click on a button that is still working."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict
from tenancy.models import OperatorEvent, OperatorIdempotencyRecord, Session, SupportGrant, Tenant, User
from tenancy.services import idempotency
from tenancy.states import StaffRole
from tenancy.transactions import atomic
from tests import factories
from tests.console.test_public import GRANT, refused

KEY = {"_once": "0123456789abcdef" * 2}


@pytest.fixture
def asked(committed: Any) -> Iterator[tuple[User, dict[str, Any]]]:
    """One of us, and the form that they fill in for a grant into a tenant; others see both."""
    with committed() as tenant:
        user = factories.UserFactory(staff_role="support")
        given = {"tenant": tenant.pk, "reason": "Login", "ticket": "OPS-7", "minutes": 15}
        yield user, {"user": user.pk} | given | KEY
        OperatorIdempotencyRecord.objects.filter(actor=f"staff:{user.pk}").delete()
        Session.objects.filter(user_id=user.pk).delete()
        SupportGrant.objects.filter(user=user).delete()
        user.delete()


def browser(user: User) -> Client:
    return factories.signed_in(Tenant.objects.get(schema_name=PUBLIC), user)


def lines(user: User) -> int:
    return OperatorEvent.objects.filter(verb="grant.opened", actor_id=user.pk).count()


def test_two_clicks_at_once_open_one_grant(asked):
    user, form = asked
    cookies = browser(user).cookies
    start = threading.Barrier(2)

    def click(_number):
        client = Client(headers={"host": factories.host_of(Tenant.objects.get(schema_name=PUBLIC))})
        client.cookies = cookies
        try:
            start.wait(30)
            return client.post(GRANT, form)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(click, range(2))
    assert (first.status_code, second.status_code) == (302, 302)
    assert first.url == second.url
    assert SupportGrant.objects.filter(user=user).count() == 1
    assert lines(user) == 1


def test_a_click_that_waits_too_long_is_told_so_and_does_nothing(asked, now):
    user, form = asked
    client = browser(user)
    claimed, end = threading.Event(), threading.Event()

    def hold():
        """The first click, whose work is not done yet, and fails then."""
        try:
            with suppress(Conflict), atomic():
                by = Actor.staff(user.pk, StaffRole.SUPPORT)
                idempotency.claim(key=f"form-{KEY['_once']}", digest="d", by=by, now=timezone.now())
                claimed.set()
                end.wait(30)
                raise Conflict("no")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hold)
        assert claimed.wait(30)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        assert "being worked on" in refused(client.post(GRANT, form))
        assert not SupportGrant.objects.filter(user=user).exists()
        end.set()
        first.result(30)
    assert client.post(GRANT, form).status_code == 302
    assert (SupportGrant.objects.filter(user=user).count(), lines(user)) == (1, 1)
