"""Two admins who show each other the door at the same moment: one of them stays."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from threading import Barrier

import pytest
from django.db import connections

from tenancy import services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.errors import Conflict
from tenancy.models import Membership, Tenant, User
from tenancy.states import Role
from tests import factories


@pytest.mark.parametrize("how", ["remove", "lower"])
def test_a_tenant_keeps_an_admin(
    committed: Callable[[], AbstractContextManager[Tenant]], now: datetime, how: str
) -> None:
    with committed() as tenant:
        admins = [factories.member(tenant, "admin") for _number in range(2)]
        start = Barrier(2)

        def oust(pair: tuple[User, User]) -> str:
            by, other = Actor.member(pair[0].pk, Role.ADMIN), pair[1]
            try:
                with entering(tenant):
                    start.wait(timeout=30)
                    if how == "remove":
                        services.remove_member(tenant=tenant, user=other, by=by, now=now)
                    else:
                        services.change_role(tenant=tenant, user=other, role=Role.AGENT, by=by, now=now)
            except Conflict as refusal:
                return refusal.code
            finally:
                connections.close_all()
            return "done"

        with ThreadPoolExecutor(2) as pool:
            became = Counter(pool.map(oust, [(admins[0], admins[1]), (admins[1], admins[0])]))
        assert became == {"done": 1, "last_admin": 1}
        assert Membership.objects.filter(tenant=tenant, role=Role.ADMIN).count() == 1
