"""Which tenant this thread works in. With `fields`, `backend` names in settings and `provisioning`, all that
touches django_tenants; everybody else asks here."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.db import connection as _django_connection
from django_tenants.utils import get_public_schema_name, schema_context, tenant_context

from tenancy.errors import NoTenant

if TYPE_CHECKING:
    from tenancy.models import Tenant

connection: Any = _django_connection
"""Django's connection with what django_tenants adds to it: `tenant`, `schema_name`, `set_tenant`."""

PUBLIC: str = get_public_schema_name()

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that this thread answers: in logs, problems and events."""


def current_schema() -> str:
    """The schema that this thread's connection is set to; `public` before anybody set one."""
    schema: str = connection.schema_name
    return schema


def in_tenant() -> bool:
    return current_schema() != PUBLIC


def current_tenant() -> "Tenant":
    """The tenant this thread works in.

    Raises NoTenant in public: nothing ever falls back to it.
    """
    if not in_tenant():
        raise NoTenant("this needs a tenant and the connection is in public")
    tenant: Tenant = connection.tenant
    return tenant


@contextmanager
def entering(tenant: "Tenant") -> Iterator[None]:
    """Work in `tenant` (its schema, then public) and return to where we were.

    Raises NoTenant when the row has no schema any more.
    """
    if not tenant.schema_name:
        raise NoTenant(f"tenant {tenant.pk} has no schema")
    with tenant_context(tenant):
        yield


@contextmanager
def entering_schema(name: str) -> Iterator[None]:
    """Work in the schema `name`, without a tenant's row: for what writes a journal or builds a schema."""
    if name == current_schema():
        yield
        return
    with schema_context(name):
        yield


def enter(tenant: "Tenant") -> None:
    """Work in `tenant` until the next switch: for the edges that own their thread's connection."""
    connection.set_tenant(tenant)


def leave() -> None:
    """Back to public: what every edge does last."""
    connection.set_schema_to_public()


def cache_key(key: str, key_prefix: str, version: int) -> str:
    """Cache keys carry the schema, so that no tenant reads what another stored (CACHES KEY_FUNCTION)."""
    return f"{current_schema()}:{key_prefix}:{version}:{key}"
