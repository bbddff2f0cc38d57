"""The house's rules that import-linter cannot see."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.db import connection, models

from project.celery import app as celery
from tenancy.context import entering
from tenancy.fields import UserRef
from tenancy.rows import TenantQuerySet
from tenancy.web import admin as console
from tenancy.web.tasks import PublicTask, TenantTask

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("tenancy", "observability", "hypercare", "rollout")
ROOMS = {
    *(
        "states",
        "errors",
        "rules",
        "models",
        "services",
        "permissions",
        "tasks",
        "admin",
        "forms",
        "api",
        "apps",
    ),
    *("management", "migrations", "__init__", "static"),
}
# Rooms beyond those of every app, each by a decision record: docs/adr/0002 and 0006.
EXTRA_ROOMS = {
    "tenancy": {
        *(
            "access",
            "actors",
            "backends",
            "chains",
            "context",
            "deadlines",
            "deliveries",
            "fields",
            "flags",
            "hosts",
            "journal",
        ),
        *("live", "logs", "postgresql", "provisioning", "rows", "sessions", "transactions", "wake", "web"),
    },
    "observability": {
        "beat",
        "channels",
        "exposition",
        "health",
        "mail",
        "messages",
        "metrics",
        "middleware",
        "recording",
        "watchdog",
    },
}
BELOW_THE_EDGE = (
    "services",
    "models",
    "rules",
    "states",
    "errors",
    "permissions",
    "transactions",
    "deadlines",
    "deliveries",
)


def shared_models() -> set[type[models.Model]]:
    labels = {apps.get_app_config(label).name for label in apps.app_configs} - set(settings.TENANT_APPS)
    return {model for model in apps.get_models() if model._meta.app_config.name in labels}


def tenant_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model._meta.app_config.name in settings.TENANT_APPS]


def sources(*rooms: str) -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "migrations" not in parts and (not rooms or set(parts) & set(rooms)):
                yield path


def test_no_app_is_both_shared_and_a_tenants():
    assert not set(settings.SHARED_APPS) & set(settings.TENANT_APPS)


def test_no_model_of_a_tenant_has_a_constrained_key_out_of_its_schema():
    crossing = [
        f"{model._meta.label}.{field.name}"
        for model in tenant_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey)
        and field.related_model in shared_models()
        and not isinstance(field, UserRef)
    ]
    assert crossing == []


@pytest.mark.django_db
def test_the_database_has_no_key_from_one_schema_to_another(tenants):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint c"
            " JOIN pg_class a ON a.oid = c.conrelid JOIN pg_class b ON b.oid = c.confrelid"
            " WHERE c.contype = 'f' AND a.relnamespace <> b.relnamespace"
        )
        assert cursor.fetchall() == []


def test_every_row_of_a_tenant_is_guarded():
    unguarded = [
        m._meta.label for m in tenant_models() if not isinstance(m._default_manager.all(), TenantQuerySet)
    ]
    assert unguarded == []


@pytest.mark.django_db
def test_tenant_tables_are_in_no_public_schema_and_shared_ones_in_no_tenant(acme):
    with entering(acme), connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ('public', 't_acme')"
        )
        found = set(cursor.fetchall())
    tenants_own = {model._meta.db_table for model in tenant_models()}
    assert {("t_acme", table) for table in tenants_own} <= found
    assert not {("public", table) for table in tenants_own} & found
    assert {table for schema, table in found if schema == "t_acme"} - tenants_own == {"django_migrations"}


@pytest.mark.parametrize("site", [console.tenant_site, console.public_site], ids=["tenant", "public"])
def test_every_admin_is_ours_and_none_saves_by_itself(site):
    for model, admin in site._registry.items():
        assert isinstance(admin, console.ModelAdmin), f"{model._meta.label} is not behind our base"
        for name in ("save_model", "delete_model", "delete_queryset", "save_formset", "save_related"):
            implementation = getattr(type(admin), name)
            assert implementation is getattr(console.ModelAdmin, name), (
                f"{model._meta.label} overrides {name}"
            )
            assert implementation is not getattr(DjangoModelAdmin, name)
        for name in ("log_addition", "log_change", "log_deletions"):
            assert getattr(type(admin), name) is getattr(console.ModelAdmin, name)


def test_every_task_of_ours_says_whether_it_has_a_tenant():
    celery.loader.import_default_modules()
    ours = [task for name, task in celery.tasks.items() if name.split(".")[0] in PACKAGES]
    assert ours
    assert [task.name for task in ours if not isinstance(task, TenantTask | PublicTask)] == []


def test_every_app_has_its_rooms_and_no_others():
    strangers = []
    for package in ("tenancy", "observability", "hypercare"):
        allowed = ROOMS | EXTRA_ROOMS.get(package, set())
        for path in (ROOT / package).iterdir():
            if path.name not in {"__pycache__", "locale"} and path.stem not in allowed:
                strangers.append(f"{package}/{path.name}")
    assert strangers == []


@pytest.mark.parametrize("path", list(sources(*BELOW_THE_EDGE)), ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_asks_the_clock_below_an_edge(path):
    asked = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"now", "utcnow", "today"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"timezone", "datetime", "date"}
    ]
    assert asked == []


LATE_IMPORTS = {
    "tenancy/models/people.py": 1,  # a session model and its store name each other: Django forces it
    "observability/rules/verdicts/judging.py": 1,  # scipy: 49 MB and a second in every process, for one rare rule
    "hypercare/services/sheets.py": 1,  # openpyxl loads numpy: a tenth of every process's start, for uploads
}


@pytest.mark.parametrize(
    "path",
    [path for path in sources() if path.name != "apps.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_import_hides_in_a_function(path):
    late = [
        inner.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert len(late) == LATE_IMPORTS.get(str(path.relative_to(ROOT)), 0), f"lines {late}"


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_tenancy_knows_django_tenants(path):
    if path.relative_to(ROOT).parts[0] != "tenancy":
        assert "django_tenants" not in path.read_text()
