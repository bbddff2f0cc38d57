"""Walk journals, archives and exported heads, and name the first link of each that does not hold."""

from pathlib import Path
from typing import Any

import jwt
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from tenancy import chains
from tenancy.chains import Journal
from tenancy.errors import BrokenChain


class Command(BaseCommand):
    help = (
        "Verifies the hash chain of journals, archives that prune_journal wrote, and heads that export_heads"
        " wrote. Exits with 1 and names the first bad link of each broken one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--tenant", metavar="SLUG", default="", help="The journal of this tenant.")
        which.add_argument("--operators", action="store_true", help="The operators' journal.")
        which.add_argument("--all", action="store_true", help="The operators' and every tenant's.")
        parser.add_argument(
            "--archive",
            metavar="FILE",
            type=Path,
            nargs="+",
            default=[],
            help="Archives, the oldest first: each must go on where the one before ends. With --tenant or"
            " --operators a line of that journal must name the last.",
        )
        parser.add_argument(
            "--heads", metavar="FILE", type=Path, help="Exported heads: each must still be in its chain."
        )
        parser.add_argument(
            "--key", metavar="PUBLICKEY", default="", help="What signed --heads, if not our key of today."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        whole = bool(options["tenant"] or options["operators"] or options["all"])
        if not (whole or options["archive"] or options["heads"]):
            raise CommandError("Say what: --tenant, --operators, --all, --archive or --heads.")
        if options["archive"] and options["all"]:
            raise CommandError("An archive is of one journal: --tenant or --operators, not --all.")
        chosen = chains.journals(tenant=options["tenant"], operators=options["operators"]) if whole else []
        if whole and not chosen:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        broken = [journal.name for journal in chosen if not self._verify(journal)]
        if options["archive"] and not self._archives(options["archive"], *chosen):
            broken.append("archive")
        if options["heads"] and not self._heads(options["heads"], options["key"]):
            broken.append("heads")
        if broken:
            raise CommandError("Broken: " + ", ".join(broken))

    def _verify(self, journal: Journal) -> bool:
        try:
            links = chains.verify(journal.schema)
        except BrokenChain as error:
            self.stderr.write(f"{journal.name}: {error}")
            return False
        except DatabaseError as error:  # its table is gone; the others go on
            self.stderr.write(f"{journal.name}: cannot be read: {error}")
            return False
        self.stdout.write(f"{journal.name}: {links} links hold")
        return True

    def _archives(self, paths: list[Path], journal: Journal | None = None) -> bool:
        before = None
        for path in paths:
            try:
                archive = chains.read_archive(path)
            except (BrokenChain, OSError) as error:
                self.stderr.write(f"{path.name}: {error}")
                return False
            if before and archive.after != before.through:
                self.stderr.write(f"{path.name}: does not go on where {before.path.name} ends")
                return False
            self.stdout.write(
                f"{path.name}: {archive.count} links hold, {archive.after.seq + 1} to {archive.through.seq}"
            )
            before = archive
        return journal is None or before is None or self._named(before, journal)

    def _named(self, archive: chains.Archive, journal: Journal) -> bool:
        line = chains.naming(archive, journal.schema)
        if line is None:
            self.stderr.write(f"{archive.path.name}: no line of {journal.name}'s journal names it")
            return False
        same = line["sha256"] == archive.sha256
        bytes_are = "byte for byte" if same else "with other bytes: personal parts were taken out since"
        self.stdout.write(f"{archive.path.name}: named by {journal.name}'s journal, {bytes_are}")
        return True

    def _heads(self, path: Path, key: str) -> bool:
        try:
            compared = list(chains.compare_heads(path.read_text(), signer=key))
        except jwt.InvalidTokenError as error:
            self.stderr.write(f"{path.name}: not signed with this key: {error}")
            return False
        except (OSError, ValueError) as error:
            self.stderr.write(f"{path.name}: {error}")
            return False
        for one in compared:
            (self.stderr if one.fault else self.stdout).write(f"{one.journal}: line {one.seq}: {one.says}")
        return not any(one.fault for one in compared)
