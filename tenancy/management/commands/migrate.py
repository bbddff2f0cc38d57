"""Bring public and every tenant that lags up to date. Nothing to do costs one query."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.utils import timezone

from tenancy import flags, provisioning, services
from tenancy.context import PUBLIC, entering_schema
from tenancy.models import Tenant
from tenancy.states import TenantState

_DJANGOS = (
    *("app_label", "migration_name", "interactive", "database"),
    *("fake", "fake_initial", "plan", "run_syncdb", "prune"),
)


class Command(DjangoMigrate):
    help = (
        "Migrates public, then the tenants whose stored hash of migrations is not the code's. With an app label "
        "or --all every schema, whatever its hash. Exits with 1 and names the schemas that failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--shared", action="store_true", help="Public alone, whatever its hash.")
        which.add_argument("--tenant", metavar="SLUG", help="This tenant alone, whatever its hash.")
        which.add_argument("--all", action="store_true", help="Every schema, whatever its hash: repairs.")
        parser.add_argument(
            "--jobs",
            type=int,
            default=min(4, os.cpu_count() or 1),
            help="Processes for many tenants (%(default)s).",
        )
        parser.add_argument(
            "--no-spares", action="store_false", dest="spares", help="Prepare no spare schemas."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.verbosity = options["verbosity"]
        with entering_schema(PUBLIC):
            names = self._schemas(options)
            if options["check_unapplied"]:
                self._check(names)
            elif names or names is None:
                with provisioning.one_migration_at_a_time():
                    self._migrate(options)
            else:
                self._say("Nothing to migrate.")

    def _schemas(self, options: dict[str, Any]) -> list[str] | None:
        if options["shared"]:
            return [PUBLIC]
        if slug := options["tenant"]:
            tenant = Tenant.objects.filter(slug=slug).exclude(state=TenantState.PURGED).first()
            if tenant is None:
                raise CommandError(f"There is no tenant {slug!r}.")
            return [tenant.schema_name]
        return provisioning.schemas(lagging=not (options["all"] or options["app_label"]))

    def _check(self, names: list[str] | None) -> None:
        if names is None or names:
            raise CommandError("Not migrated: " + ", ".join(names or [PUBLIC]))
        self._say("Nothing to migrate.")

    def _migrate(self, options: dict[str, Any]) -> None:
        names = self._schemas(options)  # again: another process may have done it while we waited
        djangos = {name: options[name] for name in _DJANGOS}
        whole = not (options["plan"] or options["app_label"])
        if options["app_label"] and not options["plan"]:
            for name in names or []:
                provisioning.record(name, current=False)
        if names is None or PUBLIC in names:
            self._migrate_public({**djangos, "verbosity": self.verbosity}, whole=whole)
            names = self._schemas(options)
        tenants = [name for name in names or [] if name != PUBLIC]
        self._migrate_tenants(
            tenants, {**djangos, "verbosity": max(0, self.verbosity - 1)}, options, stores=whole
        )
        if whole and options["spares"] and not options["shared"]:
            made = provisioning.prepare_spares(
                count=settings.THRESHOLDS.provisioning.SPARE_SCHEMAS, now=timezone.now()
            )
            self._say(f"Spare schemas made: {made}")

    def _migrate_public(self, djangos: dict[str, Any], *, whole: bool) -> None:
        provisioning.migrate_schema(PUBLIC, djangos, stores=False)
        if whole:
            flags.ensure()
            services.ensure_public_tenant(now=timezone.now())
            provisioning.record(PUBLIC, current=True)

    def _migrate_tenants(
        self, names: list[str], djangos: dict[str, Any], options: dict[str, Any], *, stores: bool
    ) -> None:
        failed = []
        for name, why in provisioning.migrate_all(names, djangos, stores=stores, jobs=options["jobs"]):
            self._say(f"{name}: {why or ('up to date' if stores else 'done')}")
            if why:
                failed.append(name)
        if failed:
            raise CommandError(f"{len(failed)} of {len(names)} tenants failed: " + ", ".join(sorted(failed)))

    def _say(self, line: str) -> None:
        if self.verbosity:
            self.stdout.write(line)
