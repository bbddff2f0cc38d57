"""The requests of tenants: written by the minute as processes report them, read as figures of any span."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ddsketch import DDSketch
from django.conf import settings
from django.db import connection

from observability.recording import Counted
from tenancy.context import PUBLIC
from tenancy.models import Tenant

# Rows come in one order (recording), so that two processes that write the same minute never wait for each other in
# a circle. A tenant that is gone is left out.
_SUM = """(
    SELECT jsonb_object_agg(key, number) FROM (
        SELECT key, sum(value::bigint) AS number FROM (
            SELECT * FROM jsonb_each_text(kept.{name}) UNION ALL SELECT * FROM jsonb_each_text(excluded.{name})
        ) AS both_maps GROUP BY key
    ) AS summed
)"""
_STORE = f"""
INSERT INTO observability_requestmetric AS kept (tenant_id, route, method, minute, codes, bins, total_ms)
SELECT tenant.id, given.route, given.method, given.minute, given.codes::jsonb, given.bins::jsonb, given.total_ms
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::float8[])
       WITH ORDINALITY AS given (tenant, route, method, minute, codes, bins, total_ms, number)
  JOIN tenancy_tenant AS tenant
    ON tenant.id = coalesce(given.tenant, (SELECT id FROM tenancy_tenant WHERE schema_name = %s))
 ORDER BY given.number
ON CONFLICT (tenant_id, minute, route, method) DO UPDATE SET
    codes = {_SUM.format(name="codes")},
    bins = {_SUM.format(name="bins")},
    total_ms = kept.total_ms + excluded.total_ms
"""  # noqa: S608 - names of ours alone

# The sums of both maps by {group}: one row per group, map ('c' or 'b') and key.
_FIGURES = """
WITH part AS MATERIALIZED (
    SELECT {group} AS part_of, codes, bins FROM observability_requestmetric
     WHERE minute >= %(since)s AND minute < %(until)s
       AND (%(tenants)s::bigint[] IS NULL OR tenant_id = ANY(%(tenants)s))
)
SELECT part_of, 'c', key, sum(value::bigint)::bigint FROM part, jsonb_each_text(codes) GROUP BY part_of, key
UNION ALL
SELECT part_of, 'b', key, sum(value::bigint)::bigint FROM part, jsonb_each_text(bins) GROUP BY part_of, key
"""
_PLATFORM = "(SELECT id FROM tenancy_tenant WHERE schema_name = 'public')"


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests of a span: how many, by status, and percentiles of their duration in ms (None: there were none)."""

    count: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)
    total_4xx: int = 0
    total_5xx: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


def store_requests(counted: Sequence[Counted]) -> None:
    """Add what one process counted to what is there, in one statement. Raises django.db.Error."""
    columns: list[list[Any]] = [
        [each.tenant for each in counted],
        [each.route for each in counted],
        [each.method for each in counted],
        [each.minute for each in counted],
        [json.dumps(each.codes) for each in counted],
        [json.dumps(each.bins) for each in counted],
        [each.total_ms for each in counted],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [*columns, PUBLIC])


def request_figures(
    tenants: Iterable[Tenant] | None, *, since: datetime, until: datetime
) -> dict[int, Figures]:
    """By tenant's key, for the minutes that began in [since, until); a tenant without requests has zeros.

    None: of the whole platform, under the public tenant's key. One query.
    """
    if tenants is None:
        public = Tenant.objects.only("pk").get(schema_name=PUBLIC).pk
        return {public: Figures()} | _read(_PLATFORM, None, since=since, until=until)
    keys = [tenant.pk for tenant in tenants]
    return dict.fromkeys(keys, Figures()) | _read("tenant_id", keys, since=since, until=until)


def figures_by_route(tenant: Tenant, *, since: datetime, until: datetime) -> dict[str, Figures]:
    """By method and route ("GET api/v1/me"), those with most requests first. One query."""
    found: dict[str, Figures] = _read("method || ' ' || route", [tenant.pk], since=since, until=until)
    return dict(sorted(found.items(), key=lambda item: (-item[1].count, item[0])))


def _read(group: str, tenants: list[int] | None, *, since: datetime, until: datetime) -> dict[Any, Figures]:
    codes: dict[Any, dict[str, int]] = defaultdict(dict)
    bins: dict[Any, dict[str, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        statement = _FIGURES.format(group=group)
        cursor.execute(statement, {"since": since, "until": until, "tenants": tenants})
        for part, which, key, count in cursor:
            (codes if which == "c" else bins)[part][key] = count
    return {part: _figures(codes[part], bins[part]) for part in codes}


def sketch_of(bins: Mapping[str, int]) -> DDSketch:
    """What knows the quantiles of `bins`, to `metrics.SKETCH_ERROR` of each."""
    sketch = DDSketch(float(settings.THRESHOLDS.metrics.SKETCH_ERROR))
    for milliseconds, count in bins.items():
        sketch.add(float(milliseconds), count)
    return sketch


def _figures(codes: Mapping[str, int], bins: Mapping[str, int]) -> Figures:
    sketch = sketch_of(bins)
    classes = {first: sum(count for code, count in codes.items() if code[0] == first) for first in "45"}
    return Figures(
        count=sum(codes.values()),
        codes=dict(sorted(codes.items())),
        total_4xx=classes["4"],
        total_5xx=classes["5"],
        p50_ms=sketch.get_quantile_value(0.50),
        p95_ms=sketch.get_quantile_value(0.95),
        p99_ms=sketch.get_quantile_value(0.99),
    )
