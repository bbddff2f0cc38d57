"""`make chaos`: every scenario in its long form, its table printed and written below `.data/chaos/`.

`python -m tests.chaos NAME ...` plays some. `--ask` plays what its standard input names, a line each, and answers
each with a line of JSON: that is how the suite plays the short form.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

import django
from django.core.management import call_command

from project import embedded
from tests.chaos import receivers
from tests.chaos.stack import Stack

FOLDER = embedded.BASE_DIR / ".data" / "chaos"
# In the short form nobody waits a minute for a lease; the long form has the product's own numbers.
SHORT = {
    "THRESHOLD_SWEEP_EVERY_SECONDS": "1",
    "THRESHOLD_DELIVERY_EVERY_SECONDS": "1",
    "THRESHOLD_DELIVERY_SEND_TIMEOUT_SECONDS": "3",
    "THRESHOLD_DELIVERY_RUN_SECONDS": "4",
    "THRESHOLD_DELIVERY_LEASE_SECONDS": "5",
    "THRESHOLD_DELIVERY_BACKOFF_SECONDS": "1",
    "THRESHOLD_DELIVERY_MAX_BACKOFF_SECONDS": "4",
    "THRESHOLD_HEALTH_PULSE_SECONDS": "1",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which scenarios; all, if none is named")
    parser.add_argument("--short", action="store_true", help="counts and times as in the suite")
    parser.add_argument("--ask", action="store_true", help="the short form of what standard input names")
    parser.add_argument("--folder", type=Path, default=FOLDER / "run", help="data of the run (%(default)s)")
    options = parser.parse_args()
    long = not (options.short or options.ask)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # everything is ended and put right
    for given in ("DATABASE_URL", "BROKER_URL", "CACHE_URL"):
        os.environ.pop(given, None)
    embedded.BASE_DIR = options.folder  # a developer's .env names servers that are not ours to kill
    embedded.drop(options.folder)
    outside = receivers.running(options.folder / "outside")
    with embedded.services(options.folder, durable=True) as added, outside as told:
        stack = Stack(options.folder)
        os.environ.update(added | told.environment | ({} if long else SHORT))
        os.environ |= {"ENV": "development", "BASE_URL": f"http://localhost:{stack.port}"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
        django.setup()
        call_command("migrate", verbosity=0)
        from tests.chaos import play  # it loads models

        with play.running(stack, told, long=long) as run:
            if options.ask:
                play.answer(run, sys.stdin)
                return 0
            return play.report(run, options.names, FOLDER)


if __name__ == "__main__":
    sys.exit(main())
