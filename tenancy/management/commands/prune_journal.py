"""Move journals' oldest lines into archives, oldest first, after proving that the chain holds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from tenancy import chains
from tenancy.actors import Actor
from tenancy.chains import Journal
from tenancy.errors import BrokenChain, Refusal


class Command(BaseCommand):
    help = (
        "Writes each journal's old lines to an archive and deletes them. A journal that does not verify keeps"
        " them; then the exit is 1 and it is named."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--tenant", metavar="SLUG", default="", help="The journal of this tenant.")
        which.add_argument("--operators", action="store_true", help="The operators' journal.")
        which.add_argument("--all", action="store_true", help="The operators' and every tenant's.")
        age = parser.add_mutually_exclusive_group()
        age.add_argument(
            "--before",
            metavar="DATE",
            type=datetime.fromisoformat,
            help="What happened before this day (2026-01-31, in UTC) or moment.",
        )
        age.add_argument(
            "--days",
            type=int,
            default=settings.THRESHOLDS.retention.JOURNAL_DAYS,
            help="What is older than this many days (%(default)s).",
        )
        parser.add_argument(
            "--archive", metavar="DIR", type=Path, required=True, help="Where the archives are written."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        before = options["before"] or now - timedelta(days=options["days"])
        if timezone.is_naive(before):
            before = before.replace(tzinfo=UTC)
        chosen = chains.journals(tenant=options["tenant"], operators=options["operators"])
        if not chosen:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        kept = [each.name for each in chosen if not self._prune(each, before, options["archive"], now)]
        if kept:
            raise CommandError("Not pruned: " + ", ".join(kept))

    def _prune(self, journal: Journal, before: datetime, folder: Path, now: datetime) -> bool:
        by = Actor.system("prune_journal")
        try:
            archive = chains.prune(journal, before=before, folder=folder, by=by, now=now)
        except (BrokenChain, Refusal, DatabaseError, OSError) as error:  # the others go on
            self.stderr.write(f"{journal.name}: {error}")
            return False
        if archive is None:
            self.stdout.write(f"{journal.name}: nothing is that old")
        else:
            self.stdout.write(
                f"{journal.name}: {archive.count} lines pruned, through {archive.through.seq}, to {archive.path}"
            )
        return True
