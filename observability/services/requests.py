"""The requests of tenants: written by the minute as processes report them, read as figures of any span."""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db import connection

from observability.recording import Counted
from tenancy.context import PUBLIC
from tenancy.models import Tenant

# Maps of counts, added up.
_SUM = """(
    SELECT jsonb_object_agg(key, number) FROM (
        SELECT key, sum(value::bigint) AS number FROM unnest({maps}) AS map, jsonb_each_text(map) GROUP BY key
    ) AS summed
)"""
_ADD = ", ".join(
    f"{name} = {_SUM.format(maps=f'ARRAY[kept.{name}, excluded.{name}]')}" for name in ("codes", "bins")
)
# Rows of either table come in one order, so that two processes that write the same minute never wait for each other in
# a circle. A tenant that is gone is left out. One statement, so that an hour is the sum of its minutes at any time.
_STORE = f"""
WITH given AS MATERIALIZED (
    SELECT tenant.id AS tenant_id, route, method, minute, codes::jsonb, bins::jsonb, total_ms, number
      FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::float8[])
           WITH ORDINALITY AS given (tenant, route, method, minute, codes, bins, total_ms, number)
      JOIN tenancy_tenant AS tenant
        ON tenant.id = coalesce(given.tenant, (SELECT id FROM tenancy_tenant WHERE schema_name = %s))
), minutes AS (
    INSERT INTO observability_requestmetric AS kept (tenant_id, route, method, minute, codes, bins, total_ms)
    SELECT tenant_id, route, method, minute, codes, bins, total_ms FROM given ORDER BY number
    ON CONFLICT (tenant_id, minute, route, method) DO UPDATE SET
        {_ADD}, total_ms = kept.total_ms + excluded.total_ms
)
INSERT INTO observability_requesthour AS kept (tenant_id, hour, codes, bins)
SELECT tenant_id, hour, {_SUM.format(maps="codes")}, {_SUM.format(maps="bins")}
  FROM (SELECT tenant_id, date_trunc('hour', minute, 'UTC') AS hour, array_agg(codes) AS codes, array_agg(bins) AS bins
          FROM given GROUP BY tenant_id, hour) AS hours
 ORDER BY hour, tenant_id
ON CONFLICT (hour, tenant_id) DO UPDATE SET {_ADD}
"""  # noqa: S608 - names of ours alone

# Rows of minutes or of hours whose time is within a span.
_ROWS = """
    SELECT {group} AS part_of, codes, bins FROM observability_request{kind}
     WHERE {time} >= {since} AND {time} < {until}
       AND (%(tenants)s::bigint[] IS NULL OR tenant_id = ANY(%(tenants)s))
"""
# The first hour that is kept began before hours were kept, so it may lack minutes: hours count from the next on, and
# before it minutes do.
_FIRST_HOUR = """(
    SELECT least(greatest(%(first)s, coalesce(min(hour) + interval '1 hour', %(last)s)), %(last)s)
      FROM observability_requesthour
)"""
# The sums of a map by group: a row per group and key.
_SUMS = "SELECT part_of, '{name}', key, sum(value::bigint)::bigint FROM part, jsonb_each_text({name}) GROUP BY 1, 2, 3"
_TICK = timedelta.resolution
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
    tenants: Iterable[Tenant] | None, *, since: datetime, until: datetime, durations: bool = True
) -> dict[int, Figures]:
    """By tenant's key, for the minutes that began in [since, until); a tenant without requests has zeros.

    None: of the whole platform, under the public tenant's key. Not `durations`: without percentiles, which are most of
    the work. One query.
    """
    span = {"since": since, "until": until}
    maps = ("codes", "bins") if durations else ("codes",)
    if tenants is None:
        public = Tenant.objects.only("pk").get(schema_name=PUBLIC).pk
        return {public: Figures()} | _read(_PLATFORM, None, maps, by_hour=True, **span)
    keys = [tenant.pk for tenant in tenants]
    return dict.fromkeys(keys, Figures()) | _read("tenant_id", keys, maps, by_hour=True, **span)


def figures_by_route(tenant: Tenant, *, since: datetime, until: datetime) -> dict[str, Figures]:
    """By method and route ("GET api/v1/me"), those with most requests first. One query."""
    group = "method || ' ' || route"
    found: dict[str, Figures] = _read(
        group, [tenant.pk], ("codes", "bins"), by_hour=False, since=since, until=until
    )
    return dict(sorted(found.items(), key=lambda item: (-item[1].count, item[0])))


def _read(
    group: str,
    tenants: list[int] | None,
    maps: Sequence[str],
    *,
    by_hour: bool,
    since: datetime,
    until: datetime,
) -> dict[Any, Figures]:
    """The whole hours of a span are read as hours, its edges as minutes; `by_hour` where both know the group."""
    first, last = _hour_of(since + timedelta(hours=1) - _TICK), _hour_of(until)
    rows = [_minutes(group, "%(since)s", "%(until)s")]
    if by_hour and first < last:
        rows = [
            _minutes(group, "%(since)s", _FIRST_HOUR),
            _ROWS.format(group=group, kind="hour", time="hour", since=_FIRST_HOUR, until="%(last)s"),
            _minutes(group, "%(last)s", "%(until)s"),
        ]
    sums = " UNION ALL ".join(_SUMS.format(name=name) for name in maps)
    statement = f"WITH part AS MATERIALIZED ({' UNION ALL '.join(rows)}) {sums}"
    given = {"since": since, "first": first, "last": last, "until": until, "tenants": tenants}
    found: dict[str, dict[Any, dict[str, int]]] = {"codes": defaultdict(dict), "bins": defaultdict(dict)}
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        for part, name, key, count in cursor:
            found[name][part][key] = count
    return {part: _figures(codes, found["bins"][part]) for part, codes in found["codes"].items()}


def _minutes(group: str, since: str, until: str) -> str:
    return _ROWS.format(group=group, kind="metric", time="minute", since=since, until=until)


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def quantiles(bins: Mapping[str, int], *of: float) -> list[float]:
    """For each of `of` (0 to 1) the middle of the bin that holds it, as DDSketch answers; there has to be a bin."""
    ranked = sorted((float(middle), count) for middle, count in bins.items())
    up_to = list(accumulate(count for _middle, count in ranked))
    return [ranked[bisect_right(up_to, quantile * (up_to[-1] - 1))][0] for quantile in of]


def _figures(codes: Mapping[str, int], bins: Mapping[str, int]) -> Figures:
    classes = {first: sum(count for code, count in codes.items() if code[0] == first) for first in "45"}
    p50, p95, p99 = quantiles(bins, 0.50, 0.95, 0.99) if bins else (None, None, None)
    return Figures(
        count=sum(codes.values()),
        codes=dict(sorted(codes.items())),
        total_4xx=classes["4"],
        total_5xx=classes["5"],
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
    )
