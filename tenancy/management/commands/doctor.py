"""Looks at the deployment and prints, for each fault, the line that mends it. Changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.models import Count, Exists, OuterRef
from django.utils import timezone
from kombu import Connection

from tenancy import deadlines, flags, provisioning
from tenancy.context import PUBLIC, entering
from tenancy.fields import UserRef
from tenancy.journal.models import Event
from tenancy.models import Deadline, Delivery, Domain, Flag, OperatorEvent, Tenant, User
from tenancy.states import DeliveryState, TenantState

POSTGRESQL = 160_000  # not tunable: what the README asks for; the tests run on 18
KEY_BYTES = 32  # not tunable: HMAC-SHA256
SHORT_KEY = 50  # not tunable: characters, as `check --deploy` wants


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and the line that mends it."""

    what: str
    mend: str


Check = Callable[[], Iterator[Fault]]


_registered: list[Check] = []


def also(check: Check) -> None:
    """Have `check` made too, once the database is up to date; the registry that higher apps fill."""
    _registered.append(check)


class Command(BaseCommand):
    help = "Checks the deployment and prints for each fault the line that mends it. Exits with 1 on faults."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        for line in configuration():
            self.stdout.write(line)
        faults = list(examine())
        for fault in faults:
            self.stdout.write(f"✗ {fault.what}\n    {fault.mend}")
        if faults:
            raise CommandError(f"{len(faults)} fault(s).", returncode=1)
        self.stdout.write("No faults.")


def configuration() -> Iterator[str]:
    """Which thresholds this deployment runs with: their hash, and each that the environment set."""
    yield f"Configuration {settings.CONFIG_HASH}, build {settings.BUILD_ID}."
    for entry in settings.THRESHOLDS.listing():
        for row in entry.rows:
            if row.overridden:
                yield f"    {row.variable}={row.value}   # {row.default} by default"


def examine() -> Iterator[Fault]:
    """Every fault that is found; those of the database only as far as it answers."""
    for check in (secrets, broker, cache_answers):
        yield from check()
    unreachable = list(database())
    yield from unreachable
    if not unreachable:
        behind = list(migrations())
        yield from behind
        for check in (clock, pooler) if behind else (clock, pooler, *_ROWS, *_registered):
            yield from check()


def secrets() -> Iterator[Fault]:
    if not settings.PRODUCTION:
        return
    if len(settings.SECRET_KEY) < SHORT_KEY or "development" in settings.SECRET_KEY:
        yield Fault(
            "SECRET_KEY is short or the development one.",
            "SECRET_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(64))')",
        )
    weak = [key_id for key_id, key in settings.JOURNAL_KEYS.items() if len(key) < KEY_BYTES]
    if weak or "dev" in settings.JOURNAL_KEYS:
        yield Fault(
            f"JOURNAL_KEYS {', '.join(weak or ['dev'])}: shorter than {KEY_BYTES} bytes or the development one.",
            "JOURNAL_KEYS=<year>=$(openssl rand -base64 32),<the keys there were, unless nothing is signed yet>",
        )
    if settings.DEBUG:
        yield Fault("DEBUG is on and shows insides to strangers.", "DEBUG=false")
    if not settings.BASE_URL.startswith("https://"):
        yield Fault("BASE_URL is not https: cookies travel in the clear.", "BASE_URL=https://<your host>")


def broker() -> Iterator[Fault]:
    seconds = settings.THRESHOLDS.doctor.BROKER_TIMEOUT_SECONDS
    options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, "socket_timeout": seconds}
    try:
        with Connection(settings.BROKER_URL, transport_options=options) as link:
            link.ensure_connection(
                max_retries=1,  # not tunable: it is asked once
                interval_start=0,
                timeout=seconds,
            )
    except Exception as error:  # each broker's library raises its own; all of them mean the same here
        yield Fault(
            f"The broker does not answer, workers are not woken (beat still sweeps once it is back): {error}",
            "BROKER_URL=redis://<host>:6379/0   # and start it",
        )


def cache_answers() -> Iterator[Fault]:
    try:
        cache.set("doctor", "well", timeout=5)  # not tunable: read back at once
        well = cache.get("doctor") == "well"
    except Exception as error:  # as above
        yield Fault(f"The cache does not answer: {error}", "CACHE_URL=redis://<host>:6379/1   # and start it")
    else:
        if not well:
            yield Fault("The cache forgets at once.", "redis-cli CONFIG SET maxmemory-policy noeviction")


def database() -> Iterator[Fault]:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        yield Fault(
            f"The database does not answer: {str(error).strip()}",
            "DATABASE_URL=postgresql://<user>:<password>@<host>:5432/<name>   # and start it",
        )
        return
    version = connection.connection.info.server_version
    if version < POSTGRESQL:
        yield Fault(
            f"PostgreSQL {version // 10_000} is older than {POSTGRESQL // 10_000}.",
            "pg_upgrade   # to 16 or later: vacuum then bears thousands of tables",
        )


def migrations() -> Iterator[Fault]:
    names = provisioning.schemas(lagging=True)
    if names is None:
        yield Fault("The database is empty.", "python manage.py migrate")
    elif names:
        shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")  # noqa: PLR2004 - what fits a line
        yield Fault(f"{len(names)} schema(s) lag behind the code: {shown}.", "python manage.py migrate")


def clock() -> Iterator[Fault]:
    before = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        theirs = cursor.fetchone()[0]
    after = timezone.now()
    apart = abs((theirs - (before + (after - before) / 2)).total_seconds())
    if apart > settings.THRESHOLDS.doctor.CLOCK_SKEW_SECONDS:
        yield Fault(
            f"This machine's clock and the database's are {apart:.1f} s apart: deadlines fire at the wrong time.",
            "timedatectl set-ntp true   # on both machines",
        )


def pooler() -> Iterator[Fault]:
    """In transaction mode a session's settings, the tenant among them, belong to somebody else's session."""
    other = connection.copy()
    try:
        with connection.cursor() as mine, other.cursor() as theirs:
            mine.execute("SHOW idle_in_transaction_session_timeout")
            dropped = mine.fetchone()[0] in ("0", "")
            mine.execute("SELECT pg_backend_pid()")
            first = mine.fetchone()[0]
            theirs.execute("BEGIN")
            mine.execute("SELECT pg_backend_pid()")
            moved = mine.fetchone()[0] != first
            theirs.execute("ROLLBACK")
    finally:
        other.close()
    if moved or dropped:
        yield Fault(
            "A pooler stands before the database and gives sessions away (PgBouncer in transaction mode?):"
            " tenants would be mixed up.",
            "pool_mode = session   # in pgbouncer.ini, or connect directly",
        )


def tenants() -> Iterator[Fault]:
    if not Domain.objects.filter(domain=settings.BASE_HOST, tenant__schema_name=PUBLIC).exists():
        yield Fault(
            f"No host {settings.BASE_HOST} leads to the operations console.", "python manage.py migrate"
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace")
        existing = {name for (name,) in cursor.fetchall()}
    for tenant in _living():
        if tenant.schema_name not in existing:
            yield Fault(
                f"Tenant {tenant.slug} has no schema {tenant.schema_name}.",
                f"pg_restore --schema={tenant.schema_name} <latest backup>",
            )


def journals() -> Iterator[Fault]:
    """Lines signed with a key that is not here cannot be verified."""
    used = set(OperatorEvent.objects.values_list("key_id", flat=True).distinct())
    for tenant in _living():
        with entering(tenant):
            used |= set(Event.objects.order_by().values_list("key_id", flat=True).distinct())
    missing = sorted(used - settings.JOURNAL_KEYS.keys())
    if missing:
        yield Fault(
            f"Journals are signed with keys that are not here: {', '.join(missing)}.",
            f"JOURNAL_KEYS=<what it is now>,{missing[0]}=<that key, base64>",
        )


def orphans() -> Iterator[Fault]:
    """Rows that name a user who does not exist: no constraint forbids it (UserRef)."""
    labels = {config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS}
    references = [
        (model, field)
        for model in apps.get_models()
        if model._meta.app_label in labels
        for field in model._meta.local_fields
        if isinstance(field, UserRef)
    ]
    for tenant in _living():
        with entering(tenant):
            for model, field in references:
                there = Exists(User.objects.filter(pk=OuterRef(field.attname)))
                named = model._default_manager.filter(**{f"{field.attname}__isnull": False})
                if count := named.filter(~there).count():
                    yield Fault(
                        f"{tenant.slug}: {count} {model._meta.verbose_name} row(s) name no user in {field.name}.",
                        f"python manage.py shell   # {model._meta.label}.{field.attname} in {tenant.schema_name}:"
                        " restore the users from a backup, or point the rows at others",
                    )


def waiting() -> Iterator[Fault]:
    strange = Deadline.objects.exclude(kind__in=deadlines.kinds()).values("kind").annotate(count=Count("pk"))
    for row in strange.order_by("kind"):
        yield Fault(
            f"{row['count']} deadline(s) of kind {row['kind']!r}, which nobody handles.",
            "git log -S" + repr(row["kind"]) + "   # deploy the release that handles it",
        )
    overdue = Deadline.objects.filter(dead_at__isnull=True, tenant__state=TenantState.ACTIVE)
    unswept = timezone.now() - timedelta(minutes=settings.THRESHOLDS.doctor.UNSWEPT_MINUTES)
    if overdue.filter(wake_at__lt=unswept).exists():
        yield Fault(
            "Deadlines are overdue by minutes: nobody sweeps.", "celery -A project.celery worker --beat"
        )
    if dead := Deadline.objects.filter(dead_at__isnull=False).count():
        yield Fault(
            f"{dead} dead deadline(s).", f"{settings.BASE_URL}/admin/   # Deadlines: mend the cause, replay"
        )
    if dead := Delivery.objects.filter(state=DeliveryState.DEAD).count():
        yield Fault(
            f"{dead} dead delivery row(s).",
            f"{settings.BASE_URL}/admin/   # Deliveries: mend the cause, replay",
        )


def declared_flags() -> Iterator[Fault]:
    if missing := sorted(flags.DECLARED.keys() - set(Flag.objects.values_list("key", flat=True))):
        yield Fault(
            f"Flags without a row, so nobody can switch them: {', '.join(missing)}.",
            "python manage.py shell -c 'from tenancy import flags; flags.ensure()'",
        )


def _living() -> list[Tenant]:
    return list(Tenant.objects.exclude(state=TenantState.PURGED).exclude(schema_name=PUBLIC).order_by("slug"))


_ROWS: tuple[Check, ...] = (tenants, journals, orphans, waiting, declared_flags)
