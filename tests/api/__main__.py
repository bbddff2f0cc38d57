"""`make fuzz`: rounds of schemathesis against the running server until there were enough requests, and a table.

Wants an embedded or other empty database, which it migrates. Each round has a tenant and a seed of its own; what it
said and every request of it stay below the folder. Ends with 1 when a check failed or the server broke.
"""

import argparse
import os
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from tenancy import services  # noqa: E402
from tests.api import fuzz  # noqa: E402


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--cases", type=int, default=20_000, help="how many requests are enough (%(default)s)")
parser.add_argument("--minutes", type=int, default=240, help="when to stop at the latest (%(default)s)")
parser.add_argument("--examples", type=int, default=40, help="per operation and round (%(default)s)")
parser.add_argument("--seed", type=int, default=1, help="of the first round (%(default)s)")
parser.add_argument("--folder", type=Path, default=Path(".data/test/fuzz/said"))
options = parser.parse_args()

call_command("migrate", verbosity=0)
until = timezone.now() + timedelta(minutes=options.minutes)
total, failed, answers, broken = 0, Counter[str](), Counter[int](), False
for seed in range(options.seed, options.seed + 1000):
    folder = options.folder.resolve() / f"round-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    now = timezone.now()
    tenant = services.create_tenant(slug=f"fuzz{seed}", name="Fuzz", by=fuzz.SYSTEM, now=now)
    world = fuzz.build(tenant, now)
    with fuzz.serving(folder) as port:
        limits = ["--max-examples", str(options.examples), "--seed", str(seed), "--continue-on-failure"]
        outcome = fuzz.run(world, port, folder, *limits)
        broken |= not fuzz.is_up(port, world)
    total, failed, answers = total + outcome.cases, failed + outcome.failures(), answers + outcome.answers()
    say(f"round {seed}: {outcome.cases} requests, exit {outcome.code}, {total} in all")
    broken |= outcome.code not in (0, 1)
    if total >= options.cases or broken or timezone.now() > until:
        break

say(f"\n{total} requests")
for status, count in sorted(answers.items()):
    say(f"  {status}  {count:7}")
say("failed checks: " + (", ".join(f"{name} {count}" for name, count in failed.most_common()) or "none"))
sys.exit(bool(failed) or broken)
