"""Every Celery task, with a foreign tenant's id, without a tenant, and with one that is suspended or purged."""

import inspect
from typing import Any

import pytest
from celery import shared_task
from django.core import mail
from django.db import transaction
from django.utils import timezone

from hypercare.models import Incident
from project.celery import app
from tenancy import services
from tenancy.context import PUBLIC, current_schema, current_tenant, entering
from tenancy.errors import Conflict, NoTenant, NotFound, Refusal
from tenancy.web.tasks import PublicTask, TenantTask
from tests.isolation import fixtures
from tests.isolation.asking import Walk
from tests.isolation.canaries import found_in
from tests.isolation.conftest import World, settle
from tests.isolation.world import SYSTEM


@shared_task(base=TenantTask, name="tests.isolation.reads")
def reads(*, tenant: str) -> list[str]:
    """What a task of a tenant would read."""
    return [tenant, current_tenant().slug, *Incident.objects.values_list("title", flat=True)]


def ours() -> dict[str, Any]:
    """Every task that the product registers."""
    app.loader.import_default_modules()
    return {
        name: task for name, task in sorted(app.tasks.items()) if not name.startswith(("celery.", "tests."))
    }


def test_every_task_has_a_fixture_and_says_where_it_works() -> None:
    assert sorted(fixtures.TASKS) == sorted(ours())
    for name, task in ours().items():
        assert isinstance(task, TenantTask | PublicTask), name
        takes = [each for each in inspect.signature(task.run).parameters if each != "tenant"]
        assert isinstance(task, TenantTask) or not takes, (
            f"{name} is public and takes {takes}: whose is that?"
        )


def test_a_task_of_a_tenant_runs_in_no_other_and_never_without(here: World, walk: Walk) -> None:
    """Those of the product, and one that only reads, so that there always is one."""
    tasks = [task for task in ours().values() if isinstance(task, TenantTask)]
    for task in [*tasks, reads]:
        arguments = fixtures.TASKS.get(task.name, lambda part: {})(here.acme)
        _refused(walk, task, NoTenant, arguments)
        for wrong in ("", None, 1, ["acme"]):
            _refused(walk, task, NoTenant, {**arguments, "tenant": wrong})
        for wrong in ("nobody", "public", "t_acme", "../acme", "acme'; --"):
            _refused(walk, task, NotFound, {**arguments, "tenant": wrong})
        if arguments:  # with acme's ids in globex there is nothing
            _refused(walk, task, Refusal, {**arguments, "tenant": "globex"})
        with transaction.atomic():
            part = here.parts["pilot"]
            services.suspend_tenant(tenant=part.tenant, reason="walk", by=SYSTEM, now=timezone.now())
            _refused(walk, task, Conflict, {**arguments, "tenant": "pilot"})
            part.tenant.refresh_from_db()
            settle()
            services.purge_tenant(tenant=part.tenant, typed_slug="pilot", by=SYSTEM, now=timezone.now())
            _refused(walk, task, NotFound, {**arguments, "tenant": "pilot"})
            transaction.set_rollback(True)
        here.parts["pilot"].tenant.refresh_from_db()
    for slug in here.parts:
        read = reads(tenant=slug)
        walk.expect(read[:2] == [slug, slug], "read as", read[:2])
        words = found_in(" ".join(read))
        walk.expect(all(word.startswith(f"canary-{slug}-") for word in words) and bool(words), slug, words)
    walk.counts["tasks"] = len(tasks) + 1


def _refused(walk: Walk, task: Any, error: type[Exception], arguments: dict[str, Any]) -> None:
    walk.counts["runs"] += 1
    try:
        task(**arguments)
    except error:
        pass
    else:
        walk.fault(f"{task.name}({arguments}) ran")
    walk.expect(current_schema() == PUBLIC, task.name, "left its thread in", current_schema())


@pytest.mark.parametrize("name", sorted(fixtures.TASKS))
def test_a_shared_task_works_in_public_wherever_it_is_called(
    here: World, walk: Walk, name: str, settings: Any, tmp_path: Any
) -> None:
    """Called inside a tenant with every tenant full: it comes back there, and tells everybody what is theirs."""
    settings.JOURNAL_HEADS_DIR = tmp_path
    task = ours()[name]
    seen: list[str] = []
    with transaction.atomic():
        with entering(here.acme.tenant):
            task()
            seen.append(current_schema())
        for letter in mail.outbox:
            slug = letter.to[0].partition("@")[2].removesuffix(".example")
            words = found_in(f"{letter.subject}\n{letter.body}\n{letter.alternatives}")
            mine = [word for word in words if slug in here.parts and not word.startswith(f"canary-{slug}-")]
            walk.expect(not mine, letter.to, mine)
        transaction.set_rollback(True)
    walk.counts["runs"] += 1
    assert seen == [here.acme.tenant.schema_name]
    for file in tmp_path.iterdir():
        walk.expect(not found_in(file.read_text()), file.name)
