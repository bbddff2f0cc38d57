from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenancy import deadlines
from tenancy.context import PUBLIC, entering
from tenancy.deliveries import ALARM
from tenancy.errors import NoTenant
from tenancy.journal.models import Event
from tenancy.models import Deadline, Delivery, OperatorEvent
from tenancy.states import TenantState
from tenancy.transactions import atomic, emit

pytestmark = pytest.mark.django_db

WANTED = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def woken(monkeypatch):
    """A deadline kind of the tests' own, the only one, and the list of what its handler saw."""
    seen = []
    monkeypatch.setattr(deadlines, "_kinds", {})

    def handler(dues, by, now):
        for due in dues:
            emit("test.woken", due.subject, by=by, now=now)
            if due.subject.startswith("poison"):
                raise ValueError("poison")
        seen.extend((due.subject, now) for due in dues)

    deadlines.register("test.kind", handler, derive=lambda: [("thing:wanted", WANTED)])
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
        deadlines.register("test.kind", lambda dues, by, now: None, derive=list)


def test_there_is_no_deadline_without_a_tenant(db, now, woken):
    with pytest.raises(NoTenant), atomic():
        deadlines.schedule(kind="test.kind", subject="thing:1", due_at=now)


def test_an_idle_sweep_is_one_query(db, now):
    with CaptureQueriesContext(connection) as asked:
        sweep(now)
    assert len([query for query in asked if not query["sql"].startswith("SET search_path")]) == 1


def test_one_tenants_rows_are_handled_together_and_a_poison_one_is_found_among_them(acme, now, woken):
    for number in range(20):
        schedule(acme, f"thing:{number}", now)
    schedule(acme, "poison:1", now)
    swept = sweep(now)
    assert (swept.fired, swept.failed) == (20, 1)
    assert sorted(subject for subject, _ in woken) == sorted(f"thing:{number}" for number in range(20))
    with entering(acme):
        assert Event.objects.filter(verb="test.woken").count() == 20


def test_a_dead_deadline_is_mailed_to_platform_staff_once_in_a_while(acme, now, woken, users):
    for subject in ("poison:1", "poison:2"):
        schedule(acme, subject, now)
    Deadline.objects.update(attempts=settings.THRESHOLDS.sweep.MAX_ATTEMPTS - 1)
    assert sweep(now).dead == 2
    mail = Delivery.objects.get(message=ALARM)
    assert mail.recipient == f"user:{users['platform'].pk}"
    assert mail.tenant.schema_name == PUBLIC


def test_rebuilding_adds_what_is_missing_and_takes_what_nobody_wants(acme, now, woken, system):
    schedule(acme, "thing:unwanted", now)
    with entering(acme):
        done = deadlines.rebuild(tenant=acme, by=system, now=now)
        assert (done.added, done.removed) == (1, 1)
        again = deadlines.rebuild(tenant=acme, by=system, now=now)
    assert (again.added, again.removed) == (0, 0)
    assert list(Deadline.objects.values_list("subject", "due_at")) == [("thing:wanted", WANTED)]
    assert OperatorEvent.objects.filter(verb="deadlines.rebuilt").count() == 2


def test_a_dead_one_stays_dead_when_its_subject_still_wants_it(acme, now, woken, system):
    schedule(acme, "thing:wanted", WANTED)
    Deadline.objects.update(dead_at=now)
    with entering(acme):
        deadlines.rebuild(tenant=acme, by=system, now=now)
    assert Deadline.objects.get().dead_at == now


def test_the_command_rebuilds_one_tenant_and_names_an_unknown_one(acme, woken, capsys):
    call_command("rebuild_deadlines", "--tenant", "acme")
    assert capsys.readouterr().out == "acme: 1 added, 0 removed\n"
    with pytest.raises(CommandError, match="nobody"):
        call_command("rebuild_deadlines", "--tenant", "nobody")


def test_sweepers_are_pressed_while_they_work_and_when_something_has_waited(acme, now, woken, monkeypatch):
    seen = []
    handler = deadlines.Kind(lambda *given: seen.append(deadlines.pressing(now=now)), list)
    schedule(acme, "thing:1", now)
    waited = 2 * timedelta(seconds=settings.THRESHOLDS.sweep.EVERY_SECONDS)
    assert not deadlines.pressing(now=now + waited - timedelta(microseconds=1))
    assert deadlines.pressing(now=now + waited)
    type(acme).objects.filter(pk=acme.pk).update(state=TenantState.SUSPENDED, suspended_at=now)
    assert not deadlines.pressing(now=now + waited)
    type(acme).objects.filter(pk=acme.pk).update(state=TenantState.ACTIVE, suspended_at=None)
    monkeypatch.setitem(deadlines._kinds, "test.kind", handler)
    sweep(now)
    assert seen == [True]
