"""The bases of every Celery task: each says where it works, and nothing ever falls back to public.

Entered in `__call__`: an exception in Celery's prerun signal is swallowed, and the task would run in public.
"""

from typing import Any

from celery import Task
from celery.signals import task_postrun, task_prerun
from django.db import close_old_connections, connection
from django.utils.translation import gettext_lazy as _

from tenancy.context import PUBLIC, entering, entering_schema
from tenancy.errors import Conflict, NoTenant, NotFound
from tenancy.logs import Task as LoggedTask
from tenancy.logs import current_task
from tenancy.models import Tenant
from tenancy.states import TENANT_MOVES, TenantState


class TenantTask(Task):  # type: ignore[type-arg]  # celery's Task takes parameters in its stubs alone
    """Runs inside the tenant that its keyword `tenant` (a slug) names; the default of every task.

    Raises NoTenant without the keyword, NotFound for an unknown or purged tenant, Conflict for a suspended one.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        slug = kwargs.get("tenant")
        if not isinstance(slug, str) or not slug:
            raise NoTenant(f"{self.name} needs the keyword argument tenant, a slug")
        _tidy_connection()
        try:
            with entering(_active(slug)):
                return self.run(*args, **kwargs)
        finally:
            _tidy_connection()


class PublicTask(Task):  # type: ignore[type-arg]  # as above
    """Runs in public, on shared rows: `@shared_task(base=PublicTask)`, said in so many words."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        _tidy_connection()
        try:
            with entering_schema(PUBLIC):
                return self.run(*args, **kwargs)
        finally:
            _tidy_connection()


def _tidy_connection() -> None:
    """What a request does between two: drop a connection that broke, so that the next task connects anew."""
    if not connection.in_atomic_block:  # somebody who calls a task inside their transaction keeps it
        close_old_connections()


def _active(slug: str) -> Tenant:
    with entering_schema(PUBLIC):
        tenant: Tenant | None = Tenant.objects.exclude(schema_name=PUBLIC).filter(slug=slug).first()
    if tenant is None or tenant.state == TenantState.PURGED:
        raise NotFound(_("There is no such tenant."))
    if tenant.state != TenantState.ACTIVE:
        moves = TENANT_MOVES[tenant.state]
        raise Conflict(_("The tenant is suspended."), state=tenant.state, legal_moves=moves)
    return tenant


@task_prerun.connect(dispatch_uid="tenancy.web.tasks")
def _begins(*, task_id: str, task: Any, **_given: object) -> None:
    """From here on the log's lines name the task, also those that Celery writes about its end."""
    current_task.set(LoggedTask(task.name, task_id))


@task_postrun.connect(dispatch_uid="tenancy.web.tasks")
def _ends(**_given: object) -> None:
    current_task.set(None)
