"""The database of a run: one migrated template with three tenants, one copy per worker, a transaction per test.

Tests never use `transaction=True`: a test that must commit takes `committed` and gets a tenant of its own.
"""

import gc
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client, override_settings
from django.utils import timezone, translation
from filelock import FileLock
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tenancy import flags, hosts, services
from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_schema, entering
from tenancy.models import Membership, Tenant, User
from tests import factories

# How long an example takes says more about the machine than about what is tested.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

ONE_WORKERS = ("tests/isolation/",)
"""Folders whose files share something that takes long to make."""
LONGEST_FIRST = (
    "tests/chaos/test_chaos.py",
    "tests/isolation/",
    "tests/browser/test_war_room_live.py",
    "tests/browser/test_war_room.py",
    "tests/tenancy/test_migrate.py",
    "tests/tenancy/test_provisioning.py",
    "tests/live/",
    "tests/browser/",
    "tests/api/",
)
"""What takes long or mostly waits: begun last, all else would wait for it. Many commit: see `without_leftovers`."""

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
SLUGS = ("acme", "globex", "pilot")


def _server_does(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


def _use_database(name: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = name


def _build_template(name: str) -> None:
    _server_does(f'CREATE DATABASE "{name}"')
    _use_database(name)
    call_command("migrate", verbosity=0)
    for slug in SLUGS:
        services.create_tenant(slug=slug, name=slug.title(), by=Actor.system("tests"), now=NOW)
    connections.close_all()


_mine: dict[str, str] = {}
"""Names of the template and of this worker's database."""


def _copy_template() -> None:
    name, template = _mine["name"], _mine["template"]
    _use_database("postgres")
    _server_does(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    _server_does(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    _use_database(name)
    flags.refresh()
    connections.close_all()


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[None]:
    """Replaces pytest-django's: copying a migrated database takes a tenth of migrating one."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex)[:12]
    shared = (
        tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    )
    template, mine = f"test_{run}", f"test_{run}_{worker_id}"
    _mine.update(template=template, name=mine)
    with django_db_blocker.unblock():
        built = Path(shared) / "template.built"
        with FileLock(str(shared / "template.lock")):
            if not built.exists():
                _build_template(template)
                built.touch()
            _copy_template()
        yield
        _use_database("postgres")
        _server_does(f'DROP DATABASE "{mine}" WITH (FORCE)')


_left: set[str] = set()
"""Files of `LONGEST_FIRST` that have run here since the database was made."""


@pytest.fixture(scope="module", autouse=True)
def without_leftovers(request: pytest.FixtureRequest, django_db_blocker: Any) -> None:
    """A new copy of the database after the files that are begun first, for many of them commit."""
    file: str = request.node.nodeid
    if file.startswith(LONGEST_FIRST):
        _left.add(file)
    elif _left and _mine:
        with django_db_blocker.unblock():
            _copy_template()
        _left.clear()


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=["tests.factories.QuickHasher"]):
        yield


@pytest.fixture(autouse=True)
def clean_connection() -> Iterator[None]:
    """Nothing a test does may leave this thread in a tenant; nothing remembered may outlive it."""
    hosts.clear()
    yield
    hosts.clear()
    translation.deactivate()  # a request in Turkish leaves its language behind
    timezone.deactivate()
    left_in = current_schema()
    if left_in != PUBLIC:
        connection.set_schema_to_public()
    assert left_in == PUBLIC, f"the test left the connection in {left_in}"


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def tenants(db: None) -> dict[str, Tenant]:
    return {tenant.slug: tenant for tenant in Tenant.objects.filter(slug__in=SLUGS)}


@pytest.fixture
def acme(tenants: dict[str, Tenant]) -> Tenant:
    return tenants["acme"]


@pytest.fixture
def globex(tenants: dict[str, Tenant]) -> Tenant:
    return tenants["globex"]


@pytest.fixture
def public(db: None) -> Tenant:
    return Tenant.objects.get(schema_name=PUBLIC)


@pytest.fixture
def in_acme(acme: Tenant) -> Iterator[Tenant]:
    with entering(acme):
        yield acme


@pytest.fixture
def system() -> Actor:
    return Actor.system("tests")


@pytest.fixture
def users(acme: Tenant) -> dict[str, User]:
    """One user of acme per role, and one of us per staff role; every password is factories.PASSWORD."""
    members = {role: factories.UserFactory.build() for role in ("customer", "agent", "manager", "admin")}
    staff = {
        role: factories.UserFactory.build(staff_role=role) for role in ("support", "release", "platform")
    }
    people: dict[str, User] = members | staff
    User.objects.bulk_create(people.values())
    Membership.objects.bulk_create(
        factories.MembershipFactory.build(user=user, tenant=acme, role=role) for role, user in members.items()
    )
    return people


@pytest.fixture
def api() -> Callable[..., Client]:
    """`api(tenant, user)` gives a client on the tenant's host with a token of the user; without a user, none."""

    def client(tenant: Tenant, user: User | None = None, *, read_only: bool = False) -> Client:
        headers = {"host": factories.host_of(tenant)}
        if user:
            headers["authorization"] = f"Bearer {factories.token(user, tenant, read_only=read_only)}"
        return Client(headers=headers)

    return client


def _committing(django_db_blocker: Any) -> Iterator[Callable[[], Any]]:
    made: list[Tenant] = []

    @contextmanager
    def tenant() -> Iterator[Tenant]:
        slug = f"c{uuid.uuid4().hex[:10]}"
        created = services.create_tenant(slug=slug, name=slug, by=Actor.system("tests"), now=NOW)
        made.append(created)
        yield created

    with django_db_blocker.unblock():
        yield tenant
        connection.set_schema_to_public()
        for row in made:
            row.refresh_from_db()
            services.suspend_tenant(tenant=row, reason="x", by=Actor.system("tests"), now=NOW)
            row.refresh_from_db()
            services.purge_tenant(tenant=row, typed_slug=row.slug, by=Actor.system("tests"), now=NOW)
        connections.close_all()


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[Callable[[], Any]]:
    """For the few tests that must commit: `with committed() as tenant:` claims a tenant and drops it after."""
    yield from _committing(django_db_blocker)


@pytest.fixture(scope="module")
def committed_for_all(django_db_setup: None, django_db_blocker: Any) -> Iterator[Callable[[], Any]]:
    """`committed` for tests of a module that share a tenant: it is dropped after the last of them."""
    yield from _committing(django_db_blocker)


class Scheduling(LoadFileScheduling):
    """A file is one worker's, and so is a folder of `ONE_WORKERS`."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((folder for folder in ONE_WORKERS if file.startswith(folder)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files keep their order but for `LONGEST_FIRST`; workers take them as they stand here."""
    turns = {path: turn for turn, path in enumerate(LONGEST_FIRST)}

    def turn(item: pytest.Item) -> int:
        return next((turns[path] for path in turns if item.nodeid.startswith(path)), len(turns))

    items.sort(key=turn)


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: to look through it for garbage took an eighth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


_walks: dict[str, Any] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        for name, value in report.user_properties:
            if name == "walked":
                _walks[report.nodeid] = value


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How far the isolation walker went."""
    for nodeid, counts in sorted(_walks.items()):
        said = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
        terminalreporter.write_line(f"walked {nodeid.split('::')[-1]}: {said}")
