"""Restore the deadlines of tenants from their subjects."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tenancy.actors import Actor
from tenancy.context import PUBLIC, entering
from tenancy.deadlines import rebuild
from tenancy.models import Tenant
from tenancy.states import TenantState


class Command(BaseCommand):
    help = (
        "Makes the deadlines of a tenant those that its incidents and so on ask for: after a restore, or a bug. "
        "Missing ones are added, those of subjects that moved on removed; harmless at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--tenant", metavar="SLUG", help="This tenant.")
        which.add_argument("--all", action="store_true", help="Every active tenant.")

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = Tenant.objects.filter(state=TenantState.ACTIVE).exclude(schema_name=PUBLIC)
        if options["tenant"]:
            tenants = tenants.filter(slug=options["tenant"])
            if not tenants:
                raise CommandError(f"There is no active tenant {options['tenant']!r}.")
        for tenant in tenants:
            with entering(tenant):
                done = rebuild(tenant=tenant, by=Actor.system("rebuild_deadlines"), now=timezone.now())
            self.stdout.write(f"{tenant.slug}: {done.added} added, {done.removed} removed")
