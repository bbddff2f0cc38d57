"""`make bench`: every bench, one table, and the figures as JSON under bench/results/ (which git ignores)."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from bench import (
    alarms,
    clocks,
    console,
    deadlines,
    deliveries,
    incidents,
    journal,
    requests,
    stream,
    tenants,
    war_room,
)
from bench.measure import show

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--tenants", type=int, default=1000, help="how many is many (%(default)s)")
many = parser.parse_args().tenants

rows = [
    *clocks.main(),
    *console.main(),
    *incidents.main(),
    *requests.main(),
    *alarms.main(many),
    *war_room.main(),
    *deadlines.main(min(many, 500)),
    *deliveries.main(),
    *journal.main(),
    *stream.main(),
    *tenants.main(many),
]
show(rows)
results = Path(__file__).parent / "results"
results.mkdir(exist_ok=True)
at = datetime.now(UTC)
figures = {"at": at.isoformat(), "build_id": settings.BUILD_ID, "rows": [row.as_json() for row in rows]}
(results / f"{at:%Y%m%dT%H%M%SZ}.json").write_text(json.dumps(figures, indent=2))
