"""Words that name whose text they are, in every text column of every tenant's rows, and how they are found again.

`canary-acme-shown` is in what acme's people see, `canary-acme-hidden` in a project that only its outsider is on;
`-internal` at the end: not for customers. Of what is shared, `-name` is the tenant's name, `-person` somebody's, and
`-shared` stands in rows that those who run the service look after.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import IntegrityError, models, transaction
from django.db.models import Q

from hypercare.models import Project
from tenancy.context import entering
from tenancy.fields import SecretField
from tenancy.models import Endpoint, Tenant, User
from tenancy.rows import TenantModel

TEXTS = (models.CharField, models.TextField, models.JSONField, ArrayField)
_JOURNAL = "written by the journal: a code, a key or a hash, and it cannot be changed"
_SAME = "the same in every tenant, so that keys collide"
# Text columns in which no canary can stand, and why. What is not here has to hold one.
WITHOUT = {
    "journal.event.hash": _JOURNAL,
    "journal.event.key_id": _JOURNAL,
    "journal.event.log_ref": _JOURNAL,
    "journal.event.personal_hash": _JOURNAL,
    "journal.event.subject": _JOURNAL,
    "journal.event.verb": _JOURNAL,
    "journal.eventhead.base_hash": _JOURNAL,
    "journal.eventhead.hash": _JOURNAL,
    "journal.eventpersonal.salt": _JOURNAL,
    "journal.idempotencyrecord.actor": "names an actor",
    "journal.idempotencyrecord.digest": "a hash",
    "journal.idempotencyrecord.key": _SAME,
    "hypercare.backlogitem.key": _SAME,
    "hypercare.calendarversion.closed_on": "dates",
    "hypercare.program.code": _SAME,
    "hypercare.project.code": _SAME,
    "tenancy.apitoken.digest": "a hash",
    "tenancy.apitoken.prefix": "what a token is found by",
    "tenancy.deadline.kind": "names a handler",
    "tenancy.deadline.subject": "names a row",
    "tenancy.delivery.channel": "names a channel",
    "tenancy.delivery.dedupe_key": "names what is told once",
    "tenancy.delivery.message": "names a message",
    "tenancy.delivery.recipient": "names a person or an endpoint",
    "tenancy.delivery.subject": "names a row",
    "tenancy.endpoint.channel": "names a channel",
    "tenancy.endpoint.previous_secret": "encrypted, and only while a rotation lasts",
    "tenancy.endpoint.secret": "encrypted",
    "tenancy.endpoint.verbs": "names events",
    "hypercare.savedview.list": "names a list",
    "observability.alert.config_hash": "a hash",
    "observability.alert.incident": "names a row",
    "observability.alert.rule": "names a rule",
    "observability.alert.runbook": "names a page of ours",
    "observability.alert.verdict": "counts",
    "observability.requesthour.bins": "counts",
    "observability.requesthour.codes": "counts",
    "observability.requestmetric.bins": "counts",
    "observability.requestmetric.codes": "counts",
    "observability.requestmetric.method": "of HTTP",
    "observability.requestmetric.route": "a pattern of ours, never a path",
    "observability.silence.rule": "names a rule",
    "observability.standing.verdict": "counts",
    "observability.standing.rule": "names a rule",
    "tenancy.session.methods": "names ways to sign in",
    "tenancy.session.session_data": "signed; what is in it is an id",
    "tenancy.session.session_key": "what a session is found by",
    "tenancy.domain.domain": "the host: it is the tenant's own name",
}
Column = Any  # a field of a model, and a queryset: their types take no parameters at run time
Rows = Any
_WORD = re.compile(r"canary-[a-z0-9-]*")


def canary(tenant: Tenant, which: str) -> str:
    return f"canary-{tenant.slug}-{which}"


def found_in(text: str) -> set[str]:
    """The canaries in `text`, in lower case: what is searched is folded."""
    return set(_WORD.findall(text.lower())) if "canary-" in text or "CANARY-" in text else set()


def tables() -> list[type[models.Model]]:
    """What is a tenant's: the tables of its schema, and shared ones whose rows name a tenant."""
    ours = [
        model for app in ("tenancy", "journal", "hypercare", "observability", "rollout") for model in _of(app)
    ]
    return [model for model in ours if in_schema(model) or _tenant_column(model)]


def _of(app: str) -> list[type[models.Model]]:
    return list(apps.get_app_config(app).get_models()) if apps.is_installed(app) or app == "journal" else []


def in_schema(model: type[models.Model]) -> bool:
    return issubclass(model, TenantModel) or model._meta.app_label == "journal"


def _tenant_column(model: type[models.Model]) -> str:
    names = [field.name for field in model._meta.concrete_fields if field.related_model is Tenant]
    return names[0] if names else ""


def text_columns(model: type[models.Model]) -> Iterator[Column]:
    """Columns that hold what somebody wrote: no choices, no keys."""
    for field in model._meta.concrete_fields:
        if isinstance(field, TEXTS) and not field.choices and not field.primary_key:
            yield field


def rows_of(model: type[models.Model], tenant: Tenant) -> Rows:
    """`tenant`'s rows; the caller works in the tenant."""
    column = _tenant_column(model)
    manager = model._default_manager
    return manager.all() if in_schema(model) else manager.filter(**{column: tenant})


def without_canary(tenant: Tenant) -> list[str]:
    """Text columns of `tenant` that neither hold one of its canaries nor say in WITHOUT why not."""
    missing = []
    with entering(tenant):
        for model in tables():
            for field in text_columns(model):
                name = f"{model._meta.label_lower}.{field.name}"
                if name not in WITHOUT and not _holds(model, field, tenant):
                    missing.append(name)
    return missing


def _holds(model: type[models.Model], field: Column, tenant: Tenant) -> bool:
    values = rows_of(model, tenant).values_list(field.name, flat=True)
    return any(f"canary-{tenant.slug}" in str(value) for value in values)


def plant(tenant: Tenant) -> None:
    """Write a canary into every text column that holds none yet: most new columns have one without anybody's help.

    What the journal wrote and what WITHOUT names stays as it is; so does what a constraint ties to another column.
    """
    with entering(tenant):
        for model in tables():
            if model._meta.app_label == "journal":
                continue
            for field in text_columns(model):
                name = f"{model._meta.label_lower}.{field.name}"
                if name in WITHOUT or isinstance(field, SecretField) or _holds(model, field, tenant):
                    continue
                for which, rows in by_project(model, rows_of(model, tenant)):
                    with suppress(IntegrityError), transaction.atomic():
                        _fill(field, rows, canary(tenant, which))


def _fill(field: Column, rows: Rows, word: str) -> None:
    json = isinstance(field, models.JSONField)
    empty = Q(**{field.name: {} if json else ""})
    if field.null:
        empty |= Q(**{f"{field.name}__isnull": True})
    pks = list(rows.filter(empty).values_list("pk", flat=True))
    value = {"note": word} if json else word
    field.model._default_manager.filter(pk__in=pks).update(**{field.name: value})


def by_project(model: type[models.Model], rows: Rows) -> Iterator[tuple[str, Rows]]:
    path = _path_to_project(model)
    if not path:
        yield ("shown" if in_schema(model) or model is Endpoint else "shared"), rows
        return
    yield "hidden", rows.filter(**{f"{path}code": "BORA"})
    yield "shown", rows.exclude(**{f"{path}code": "BORA"})


@cache
def _path_to_project(model: type[models.Model]) -> str:
    """The lookup from `model` to its project's columns (`incident__project__`), empty when it has none."""
    if model is Project:
        return ""
    for field in model._meta.concrete_fields:
        if field.related_model is Project:
            return f"{field.name}__"
    for field in model._meta.concrete_fields:
        to = field.related_model
        if isinstance(to, type) and to not in (User, Tenant, model) and issubclass(to, TenantModel):
            further = _path_to_project(to)
            if further:
                return f"{field.name}__{further}"
    return ""
