#!/usr/bin/env python
"""Django's command line. What DATABASE_URL, BROKER_URL or CACHE_URL do not name runs under `.data`."""

import os
import sys

from django.core.management import execute_from_command_line

from project import embedded


def main() -> None:
    """Run the command; where nothing gives it a database, ends with 2 and says what to set."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        # For every command, also for those that could do without: it takes half a second, and a list
        # of exceptions would be wrong one day.
        with embedded.services(embedded.BASE_DIR / ".data") as added:
            os.environ.update(added)
            execute_from_command_line(sys.argv)
    except embedded.Unavailable as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
