"""What tests of verdicts measure: requests of a minute, alarms and a source of their own making."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from observability.models import RequestMetric
from observability.rules.verdicts import Sample
from tenancy.models import Tenant

HOUR = timedelta(hours=1)


def requests(
    tenant: Tenant, minute: datetime, codes: dict[str, int], ms: float = 10.0, route: str = "a"
) -> None:
    count = sum(codes.values())
    RequestMetric.objects.create(
        tenant=tenant,
        route=route,
        method="GET",
        minute=minute.replace(second=0, microsecond=0),
        codes=codes,
        bins={str(ms): count},
        total_ms=ms * count,
    )


@dataclass(frozen=True)
class SomeAlarm:
    name: str = "harvest_low"
    metric: str = "harvest"
    unit: str = "count"
    scope: str = "tenant"
    window_minutes: int = 60
    min_samples: int = 1
    above: Decimal | None = None
    at_least: Decimal | None = None
    below: Decimal | None = None
    target_from: Decimal | None = None
    target_to: Decimal | None = None
    target_open: bool = False
    factor: Decimal | None = None
    baseline_minutes: int | None = None
    fallback: Decimal | None = None


class Orchard:
    """A source whose answers are set by the tenant's key; it keeps what it was asked."""

    def __init__(self, unit: str = "count") -> None:
        self.unit = unit
        self.apples: dict[int, Any] = {}
        self.before: dict[int, Any] = {}
        self.asked: list[tuple[list[int], datetime, datetime]] = []

    def __call__(self, tenants: Sequence[Tenant], since: datetime, until: datetime) -> Mapping[int, Sample]:
        self.asked.append(([tenant.pk for tenant in tenants], since, until))
        given = self.before if until - since > HOUR else self.apples
        made = {key: self._sample(value, since, until) for key, value in given.items()}
        return {key: sample for key, sample in made.items() if sample is not None}

    def _sample(self, value: Any, since: datetime, until: datetime) -> Any:
        if isinstance(value, int | float):
            return Sample(self.unit, 100, since, until, value=value)
        if isinstance(value, tuple):
            return Sample(self.unit, value[1], since, until, events=value[0])
        return value
