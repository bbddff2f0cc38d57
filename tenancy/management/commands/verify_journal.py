"""Walk journals and name the first link that does not hold."""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from tenancy.context import PUBLIC
from tenancy.errors import BrokenChain
from tenancy.models import Tenant
from tenancy.states import TenantState
from tenancy.transactions import verify


class Command(BaseCommand):
    help = (
        "Verifies the hash chain of journals. Exits with 1 and names the first bad link of each broken one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--tenant", metavar="SLUG", help="The journal of this tenant.")
        which.add_argument("--operators", action="store_true", help="The operators' journal.")
        which.add_argument("--all", action="store_true", help="The operators' and every tenant's.")

    def handle(self, *args: Any, **options: Any) -> None:
        broken = [name for name, schema in self._journals(options) if not self._verify(name, schema)]
        if broken:
            raise CommandError("Broken: " + ", ".join(broken))

    def _journals(self, options: dict[str, Any]) -> list[tuple[str, str]]:
        operators = [("operators", PUBLIC)]
        if options["operators"]:
            return operators
        tenants = Tenant.objects.exclude(state=TenantState.PURGED).exclude(schema_name=PUBLIC)
        if options["tenant"]:
            tenants = tenants.filter(slug=options["tenant"])
            if not tenants.exists():
                raise CommandError(f"There is no tenant {options['tenant']!r}.")
            operators = []
        return [*operators, *tenants.values_list("slug", "schema_name")]

    def _verify(self, name: str, schema: str) -> bool:
        try:
            links = verify(schema)
        except BrokenChain as error:
            self.stderr.write(f"{name}: {error}")
            return False
        except (
            ObjectDoesNotExist,
            DatabaseError,
        ) as error:  # its head or its table is gone; the others go on
            self.stderr.write(f"{name}: cannot be read: {error}")
            return False
        self.stdout.write(f"{name}: {links} links hold")
        return True
