"""Sign where every journal ends, for a copy outside: what a chain cannot say is that its tail was cut."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tenancy import chains
from tenancy.actors import Actor


class Command(BaseCommand):
    help = (
        "Logs the signed heads of all journals as one line, and writes them to a folder. Exits with 1 and names"
        " the journals without a sound head."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dir",
            metavar="DIR",
            type=Path,
            default=settings.JOURNAL_HEADS_DIR,
            help="Write heads-<UTC time>.jws there (JOURNAL_HEADS_DIR).",
        )
        parser.add_argument(
            "--public-key", action="store_true", help="Only print the key that verifies what is exported."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["public_key"]:
            self.stdout.write(chains.public_key())
            return
        by = Actor.system("export_heads")
        try:
            exported = chains.export_heads(folder=options["dir"], by=by, now=timezone.now())
        except OSError as error:
            raise CommandError(f"Not exported: {error}") from error
        self.stdout.write(f"{exported.count} heads exported")
        for name, fault in exported.faults.items():
            self.stderr.write(f"{name}: {fault}")
        if exported.faults:
            raise CommandError("Not exported: " + ", ".join(exported.faults))
