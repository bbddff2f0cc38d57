"""The look at all alarms: judged, and their alerts brought up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import connection

from observability.services.alerts import Recorded, record, retire
from observability.services.verdicts import evaluate
from tenancy.context import PUBLIC
from tenancy.models import Tenant
from tenancy.states import TenantState

TENANT, PLATFORM = "tenant", "platform"
_ADVISORY_CLASS = 7104  # not tunable: a name, among advisory locks


def watch(*, scope: str, now: datetime) -> Recorded | None:
    """Judge the alarms of `scope` (tenant: every active one; platform) and have their alerts follow.

    Two at once do nothing twice: the second answers None at once. In public, outside a transaction.
    """
    with _alone(scope) as alone:
        if not alone:
            return None
        watched = settings.THRESHOLDS.watched()
        alarms = [alarm for alarm in watched if alarm.scope == scope]
        active = Tenant.objects.filter(state=TenantState.ACTIVE).exclude(schema_name=PUBLIC)
        tenants = list(active.order_by("pk")) if scope == TENANT else []
        done = record(judged=evaluate(alarms=alarms, tenants=tenants, now=now), now=now)
        done.recovered += retire(watched=[alarm.name for alarm in watched], now=now)
        return done


@contextmanager
def _alone(scope: str) -> Iterator[bool]:
    """A lock of the session, for a look is many transactions."""
    key = [_ADVISORY_CLASS, (TENANT, PLATFORM).index(scope)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        mine = cursor.fetchone()[0]
    try:
        yield mine
    finally:
        if mine and connection.is_usable():  # a lost session has lost its locks
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
