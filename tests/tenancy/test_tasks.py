"""Tasks say where they work; a broker that is away costs a request nothing."""

import logging
import socket
import threading
import time
from datetime import timedelta

import pytest
from celery import shared_task
from django.utils import timezone

from project.celery import Nudger, app
from project.thresholds import with_values
from tenancy import provisioning, services, tasks, wake
from tenancy.context import PUBLIC, current_schema, current_tenant, entering
from tenancy.errors import Conflict, NoTenant, NotFound
from tenancy.journal.models import Event
from tenancy.models import Deadline, Delivery, SpareSchema
from tenancy.web.tasks import PublicTask, TenantTask


@shared_task(base=TenantTask, name="tests.where")
def where(*, tenant):
    return tenant, current_tenant().slug, current_schema(), Event.objects.count()


@shared_task(base=TenantTask, name="tests.fails")
def fails(*, tenant):
    raise ZeroDivisionError(current_schema())


@shared_task(base=PublicTask, name="tests.shared")
def shared():
    return current_schema()


def test_a_task_is_a_tenants_unless_it_says_otherwise():
    @app.task(name="tests.plain")
    def plain(*, tenant):
        return None

    assert isinstance(app.tasks[plain.name], TenantTask)


@pytest.mark.django_db
def test_a_task_works_inside_its_tenant_and_leaves_it(acme, globex):
    assert where(tenant="acme") == ("acme", "acme", "t_acme", 0)
    assert where.apply(kwargs={"tenant": "globex"}).get() == ("globex", "globex", "t_globex", 0)
    with pytest.raises(ZeroDivisionError, match="t_acme"):
        fails(tenant="acme")
    assert current_schema() == PUBLIC


@pytest.mark.django_db
@pytest.mark.parametrize("given", [{}, {"tenant": ""}, {"tenant": None}, {"tenant": 1}])
def test_a_task_without_a_tenant_raises(given):
    with pytest.raises(NoTenant):
        where(**given)


@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["nobody", "public"])
def test_a_task_of_no_tenant_raises(tenants, slug):
    with pytest.raises(NotFound):
        where(tenant=slug)


@pytest.mark.django_db
def test_a_task_of_a_suspended_or_purged_tenant_raises(acme, system, now):
    services.suspend_tenant(tenant=acme, reason="r", by=system, now=now)
    with pytest.raises(Conflict):
        where(tenant="acme")
    services.purge_tenant(tenant=acme, typed_slug="acme", by=system, now=now)
    acme.refresh_from_db()
    for slug in ("acme", acme.slug):
        with pytest.raises(NotFound):
            where(tenant=slug)


@pytest.mark.django_db
def test_a_shared_task_works_in_public_wherever_it_is_called(in_acme):
    assert shared() == PUBLIC
    assert current_schema() == "t_acme"


@pytest.mark.django_db
def test_the_sweep_and_the_dispatcher_do_what_is_due(acme):
    past = timezone.now() - timedelta(minutes=1)
    row = Deadline.objects.create(tenant=acme, kind="no.such.kind", subject="s:1", due_at=past, wake_at=past)
    tasks.sweep()
    row.refresh_from_db()
    assert (row.attempts, "no handler" in row.last_error) == (1, True)
    told = Delivery.objects.create(
        tenant=acme, event="019a0000-0000-7000-8000-000000000000", message="no.such", subject="s:1",
        recipient="user:1", channel="pigeon", dedupe_key="k", next_try_at=past, created_at=past,
    )  # fmt: skip
    tasks.dispatch()
    told.refresh_from_db()
    assert told.state == "dead"


@pytest.mark.django_db
def test_spares_are_refilled(tenants, settings):
    tasks.refill_spares()
    assert SpareSchema.objects.count() == settings.THRESHOLDS.provisioning.SPARE_SCHEMAS
    assert set(SpareSchema.objects.values_list("leaf_hash", flat=True)) == {
        provisioning.leaf_hash(shared=False)
    }


# ---- nudges -----------------------------------------------------------------------------------------------------


class Published:
    """What a Nudger publishes, kept instead of sent."""

    def __init__(self, nudger):
        self.names = []
        self.came = threading.Event()
        nudger._publish = self

    def __call__(self, name):
        self.names.append(name)
        self.came.set()


NO_WAIT = 1.0  # seconds: less than a broker is waited for here, more than a busy machine lets a thread wait


def cost_of(nudger, times=100):
    """Seconds of the slowest of so many calls."""
    slowest = 0.0
    for number in range(times):
        before = time.perf_counter()
        nudger("sweep" if number % 2 else "dispatch")
        slowest = max(slowest, time.perf_counter() - before)
    return slowest


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_importing_celery_fills_the_slot():
    assert [type(nudge) for nudge in wake._slot] == [Nudger]


def test_many_nudges_at_once_are_few():
    nudger = Nudger()
    published = Published(nudger)
    assert cost_of(nudger) < NO_WAIT
    assert published.came.wait(30)
    time.sleep(0.2)
    until(lambda: set(published.names) == {"sweep", "dispatch"})
    assert len(published.names) <= 8


def test_a_closed_broker_costs_nothing_and_is_logged_once(monkeypatch, settings, caplog):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(app.conf, "broker_write_url", f"redis://127.0.0.1:{port}/0")
    settings.THRESHOLDS = with_values(settings.THRESHOLDS, {"broker.NUDGE_TIMEOUT_SECONDS": 0.1})
    nudger = Nudger()
    with caplog.at_level(logging.INFO, logger="project.celery"):
        assert cost_of(nudger) < NO_WAIT
        until(lambda: nudger._down)
        cost_of(nudger)
        time.sleep(0.3)
        Published(nudger)
        nudger("sweep")
        until(lambda: not nudger._down)
    messages = [record.getMessage() for record in caplog.records if record.name == "project.celery"]
    assert len([message for message in messages if "does not take" in message]) == 1
    assert messages[-1] == "the broker takes nudges again"


def test_a_broker_that_never_answers_costs_nothing(monkeypatch, settings):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setattr(app.conf, "broker_write_url", f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
        settings.THRESHOLDS = with_values(settings.THRESHOLDS, {"broker.NUDGE_TIMEOUT_SECONDS": 2 * NO_WAIT})
        nudger = Nudger()
        assert cost_of(nudger) < NO_WAIT
        connected, _address = mute.accept()
        with connected:
            assert cost_of(nudger) < NO_WAIT
            until(lambda: nudger._down)


@pytest.mark.django_db
def test_a_nudge_leaves_when_its_transaction_commits(acme, django_capture_on_commit_callbacks, monkeypatch):
    asked = []
    monkeypatch.setattr(wake, "_slot", [asked.append])
    with django_capture_on_commit_callbacks(execute=True), entering(acme):
        wake.wake("sweep")
        assert asked == []
    assert asked == ["sweep"]
