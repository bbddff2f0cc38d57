from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenancy import deadlines
from tenancy.context import entering
from tenancy.errors import NoTenant
from tenancy.journal.models import Event
from tenancy.models import Deadline, OperatorEvent
from tenancy.states import TenantState
from tenancy.transactions import atomic, emit

pytestmark = pytest.mark.django_db


@pytest.fixture
def woken(monkeypatch):
    """A deadline kind of the tests' own, and the list of what its handler saw."""
    seen = []
    monkeypatch.setattr(deadlines, "_handlers", dict(deadlines._handlers))

    def handler(due, by, now):
        emit("test.woken", due.subject, by=by, now=now)
        if due.subject.startswith("poison"):
            raise ValueError("poison")
        seen.append((due.subject, now))

    deadlines.register("test.kind", handler)
    return seen


def schedule(tenant, subject, due_at, kind="test.kind"):
    with entering(tenant), atomic():
        deadlines.schedule(kind=kind, subject=subject, due_at=due_at)


def sweep(now):
    return deadlines.sweep(clock=lambda: now)


def test_what_is_due_fires_once_and_what_is_not_waits(acme, now, woken):
    schedule(acme, "thing:1", now - timedelta(seconds=1))
    schedule(acme, "thing:2", now + timedelta(seconds=1))
    assert sweep(now).fired == 1
    assert sweep(now).fired == 0
    assert [subject for subject, _ in woken] == ["thing:1"]
    assert sweep(now + timedelta(seconds=1)).fired == 1


def test_the_same_deadline_twice_is_one(acme, now, woken):
    schedule(acme, "thing:1", now)
    schedule(acme, "thing:1", now)
    assert sweep(now).fired == 1


def test_handlers_run_in_their_tenant(acme, globex, now, woken):
    schedule(acme, "thing:1", now)
    schedule(globex, "thing:1", now)
    assert sweep(now).fired == 2
    for tenant in (acme, globex):
        with entering(tenant):
            assert Event.objects.filter(verb="test.woken").count() == 1


def test_a_poison_row_backs_off_and_the_others_go_on(acme, now, woken):
    for subject in ("thing:1", "poison:1", "thing:2"):
        schedule(acme, subject, now)
    swept = sweep(now)
    assert (swept.fired, swept.failed, swept.dead) == (2, 1, 0)
    poison = Deadline.objects.get(subject="poison:1")
    assert poison.attempts == 1
    assert poison.wake_at == now + timedelta(seconds=settings.THRESHOLDS.sweep.BACKOFF_SECONDS)
    assert "ValueError: poison" in poison.last_error
    with entering(acme):
        assert not Event.objects.filter(verb="test.woken", subject="poison:1").exists()


def test_in_the_end_it_is_dead_loudly_and_can_be_replayed(acme, now, woken, system):
    schedule(acme, "poison:1", now)
    moment = now
    for _ in range(settings.THRESHOLDS.sweep.MAX_ATTEMPTS):
        sweep(moment)
        moment = Deadline.objects.get().wake_at
    dead = Deadline.objects.get()
    assert dead.dead_at
    assert OperatorEvent.objects.get(verb="deadline.dead").data["tenant"] == acme.pk
    assert sweep(moment + timedelta(days=1)).failed == 0
    assert deadlines.replay(deadline=dead, reason="mended", by=system, now=moment)
    assert not deadlines.replay(deadline=dead, reason="mended", by=system, now=moment)
    assert sweep(moment).failed == 1


def test_a_suspended_tenant_waits(acme, now, woken):
    schedule(acme, "thing:1", now)
    type(acme).objects.filter(pk=acme.pk).update(state=TenantState.SUSPENDED, suspended_at=now)
    assert sweep(now).fired == 0
    type(acme).objects.filter(pk=acme.pk).update(state=TenantState.ACTIVE, suspended_at=None)
    assert sweep(now).fired == 1


def test_a_kind_without_handler_is_refused_and_an_old_row_of_it_fails_visibly(acme, now):
    with pytest.raises(LookupError):
        schedule(acme, "thing:1", now, kind="nobody.knows")
    Deadline.objects.create(tenant=acme, kind="nobody.knows", subject="x:1", due_at=now, wake_at=now)
    assert sweep(now).failed == 1


def test_a_second_handler_for_a_kind_is_refused(woken):
    with pytest.raises(ValueError, match=r"test\.kind"):
        deadlines.register("test.kind", lambda due, by, now: None)


def test_there_is_no_deadline_without_a_tenant(db, now, woken):
    with pytest.raises(NoTenant), atomic():
        deadlines.schedule(kind="test.kind", subject="thing:1", due_at=now)


def test_an_idle_sweep_is_one_query(db, now):
    with CaptureQueriesContext(connection) as asked:
        sweep(now)
    assert len([query for query in asked if not query["sql"].startswith("SET search_path")]) == 1
