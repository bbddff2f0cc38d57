"""What is finished goes after its time, and nothing else."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenancy import services
from tenancy.context import entering
from tenancy.journal.models import EventPersonal, IdempotencyRecord
from tenancy.models import Delivery, OperatorIdempotencyRecord, Session
from tenancy.transactions import atomic, emit

pytestmark = pytest.mark.django_db
KEPT = settings.THRESHOLDS.retention
SECOND = timedelta(seconds=1)


def delivery(tenant, now, **fields):
    given = {"event": uuid4(), "message": "m", "subject": "x:1", "recipient": "user:1", "channel": "email"}
    return Delivery.objects.create(tenant=tenant, next_try_at=now, created_at=now, **given | fields)


def test_deliveries_go_when_their_time_is_over(acme, now):
    sent, dead = timedelta(days=KEPT.SENT_DELIVERY_DAYS), timedelta(days=KEPT.DEAD_DELIVERY_DAYS)
    gone = [
        delivery(acme, now, state="sent", sent_at=now - sent - SECOND),
        delivery(acme, now, state="moot", moot_at=now - sent - SECOND),
        delivery(acme, now, state="dead", dead_at=now - dead - SECOND),
    ]
    stays = [
        delivery(acme, now, state="sent", sent_at=now - sent),
        delivery(acme, now, state="moot", moot_at=now - sent),
        delivery(acme, now, state="dead", dead_at=now - dead),
        delivery(acme, now - dead * 2),
        delivery(acme, now - dead * 2, state="ambiguous"),
    ]
    counts = services.retain(now=now)
    assert [counts[f"{state} deliveries"] for state in ("sent", "moot", "dead")] == [1, 1, 1]
    assert set(Delivery.objects.values_list("pk", flat=True)) == {row.pk for row in stays}
    assert not Delivery.objects.filter(pk__in=[row.pk for row in gone]).exists()


def test_it_deletes_in_batches(acme, now, monkeypatch):
    limits = replace(settings.THRESHOLDS, retention=replace(KEPT, BATCH=2))
    monkeypatch.setattr(settings, "THRESHOLDS", limits)
    for _ in range(5):
        delivery(acme, now, state="sent", sent_at=now - timedelta(days=KEPT.SENT_DELIVERY_DAYS + 1))
    with CaptureQueriesContext(connection) as asked:
        assert services.retain(now=now)["sent deliveries"] == 5
    assert sum('DELETE FROM "tenancy_delivery"' in query["sql"] for query in asked) == 3


def test_no_row_is_read_to_be_deleted(acme, now):
    for _ in range(3):
        delivery(acme, now, state="sent", sent_at=now)
    with CaptureQueriesContext(connection) as captured:
        assert Delivery.objects.filter(tenant=acme).delete()[0] == 3
    assert [query["sql"].split()[0] for query in captured] == ["DELETE"]


def test_records_and_personal_parts_go_in_every_tenant(acme, globex, now, system):
    old = now - timedelta(days=KEPT.PERSONAL_DAYS + 1)
    for tenant in (acme, globex):
        with entering(tenant):
            for at in (old, now):
                with atomic():
                    emit("test.named", "thing:1", by=system, now=at, personal={"name": "Ayşe"})
                IdempotencyRecord.objects.create(actor="member:1", key=str(at), digest="d", created_at=at)
    for at in (old, now):
        OperatorIdempotencyRecord.objects.create(actor="staff:1", key=str(at), digest="d", created_at=at)
    counts = services.retain(now=now)
    assert (counts["personal parts"], counts["idempotency records"]) == (2, 3)
    assert OperatorIdempotencyRecord.objects.get().created_at == now
    with entering(acme):
        assert EventPersonal.objects.count() == 1
        assert IdempotencyRecord.objects.get().created_at == now


def test_sessions_that_ended_go(acme, now):
    for key, ends in (("over", now - SECOND), ("live", now + SECOND)):
        Session.objects.create(session_key=key, session_data="", expire_date=ends, tenant=acme)
    assert services.retain(now=now)["sessions"] == 1
    assert Session.objects.get().session_key == "live"
