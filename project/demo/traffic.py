"""The requests of three weeks that the demo's tenants would have made, as a process hands on what it counted."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from observability.recording import Counted
from project.demo import data
from tenancy.models import Tenant

_SEED = 1923
_HOUR, _LATELY = timedelta(hours=1), timedelta(minutes=5)
_MEASURED = timedelta(hours=50)
_CALM = timedelta(hours=3)
"""Nothing failed lately: no alarm is to ring because a demo begins."""
_AWAKE, _ASLEEP, _WEEKEND = (8, 18), 0.08, 0.25
_PEOPLE = 10  # for so many the figures below are
_BINS = 4  # how many durations stand for a row's requests


class Traffic(NamedTuple):
    """A route as the resolver names it: requests in a busy hour, how long they take, which parts do not succeed."""

    method: str
    route: str
    busy: float
    usual_ms: float
    refused: tuple[str, float] = ("404", 0.0)
    failed: float = 0.0


_INCIDENTS = "api/v1/projects/<uuid:project>/hypercare/incidents"
TRAFFIC = (
    Traffic("GET", "admin/hypercare/incident/", 14, 210, failed=0.0015),
    Traffic("GET", "admin/hypercare/incident/<path:object_id>/change/", 22, 240),
    Traffic("POST", "admin/hypercare/incident/<path:object_id>/change/", 6, 260),
    Traffic("GET", "api/v1/projects/<uuid:project>/hypercare/war-room", 48, 38),
    Traffic("GET", _INCIDENTS, 30, 55, ("403", 0.004)),
    Traffic("POST", _INCIDENTS, 4, 90, ("400", 0.03), failed=0.002),
)


def requests(tenant: Tenant, *, people: int, now: datetime) -> Iterator[Counted]:
    """What `people` ask for, by the hour, and lately more often; the same `now` and tenant give the same."""
    dice = random.Random(f"{_SEED} {tenant.slug}")  # noqa: S311 - the same figures each time
    moment = now - timedelta(days=data.HISTORY_DAYS)
    while moment < now:
        step = _HOUR if moment < now - 2 * _HOUR else _LATELY
        for traffic in TRAFFIC:
            count = round(
                traffic.busy
                * (people / _PEOPLE)
                * _share_of(moment.astimezone(tenant.time_zone))
                * (step / _HOUR)
                * dice.uniform(0.6, 1.5)
            )
            if count:
                yield _counted(tenant, traffic, moment, count, dice, calm=moment > now - _CALM)
        moment += step


def depths(*, now: datetime) -> Iterator[tuple[datetime, int]]:
    """How many messages waited in the queue, every few minutes of the last days."""
    dice = random.Random(_SEED)  # noqa: S311 - the same figures each time
    moment = now - _MEASURED
    while moment < now:
        yield moment, dice.choices((0, 1, 2, 4), (80, 12, 6, 2))[0]
        moment += _LATELY


def _share_of(local: datetime) -> float:
    """How busy this hour is, a working hour of a working day being 1."""
    awake = _AWAKE[0] <= local.hour < _AWAKE[1]
    return (1 if awake else _ASLEEP) * (_WEEKEND if local.weekday() > 4 else 1)  # noqa: PLR2004 - Saturday


def _counted(
    tenant: Tenant, traffic: Traffic, moment: datetime, count: int, dice: random.Random, *, calm: bool
) -> Counted:
    refusal, part = traffic.refused
    refused = sum(dice.random() < part for _ in range(count))
    failed = 0 if calm else sum(dice.random() < traffic.failed for _ in range(count - refused))
    codes = {"200": count - refused - failed, refusal: refused, "500": failed}
    bins: dict[str, int] = {}
    for index in range(min(_BINS, count)):
        took = f"{traffic.usual_ms * dice.lognormvariate(0, 0.35):.4g}"
        bins[took] = bins.get(took, 0) + count // _BINS + (index < count % _BINS)
    return Counted(
        tenant=tenant.pk,
        route=traffic.route,
        method=traffic.method,
        minute=moment.replace(second=0, microsecond=0),
        codes={code: number for code, number in codes.items() if number},
        bins={took: number for took, number in bins.items() if number},
        total_ms=sum(float(took) * number for took, number in bins.items()),
    )
