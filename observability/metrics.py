"""The port of what is measured: metrics that rules may name, and the sources that the apps above fill in.

`declare` and `register_source` are for AppConfig.ready(). A metric without a source is no data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from observability.errors import UnknownMetric
from observability.rules.verdicts import RATIO, Sample
from tenancy.models import Tenant


class Kind(StrEnum):
    """What adding up means: a rate is a part of a whole, a count grows with time, the others do neither."""

    RATE = "rate"
    COUNT = "count"
    LEVEL = "level"
    PERCENTILE = "percentile"


class Scope(StrEnum):
    """Whom a metric is about: one tenant, or the whole platform, for which the public tenant stands."""

    TENANT = "tenant"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is measured, and in which unit; `meaning` is what people read."""

    name: str
    unit: str
    kind: Kind
    meaning: str | Promise
    scope: Scope = Scope.TENANT

    def __post_init__(self) -> None:
        if (self.kind is Kind.RATE) != (self.unit == RATIO):
            raise ValueError(f"{self.name}: a {self.kind} in {self.unit}")


Source = Callable[[Sequence[Tenant], datetime, datetime], Mapping[int, Sample]]
"""`read(tenants, since, until)` gives a sample by the tenant's key, for all in one go; nobody measured is left out.

It is called in public and may raise. A count or rate of nothing that was looked for is a sample of 0.
"""

_metrics: dict[str, Metric] = {}
_sources: dict[str, Source] = {}


def declare(*metrics: Metric) -> None:
    """Let rules name `metrics`. Raises ValueError for one that is declared already."""
    for metric in metrics:
        if metric.name in _metrics:
            raise ValueError(f"metric {metric.name!r} is declared already")
        _metrics[metric.name] = metric


def register_source(name: str, read: Source) -> None:
    """Measure the metric `name` by `read`. Raises UnknownMetric, or ValueError where it has a source already."""
    metric_named(name)
    if name in _sources:
        raise ValueError(f"metric {name!r} has a source already")
    _sources[name] = read


def metric_named(name: str) -> Metric:
    """Raises UnknownMetric for what nobody declared."""
    try:
        return _metrics[name]
    except KeyError:
        raise UnknownMetric(f"nobody declared the metric {name!r}") from None


def source_of(name: str) -> Source | None:
    """What measures the metric `name`; None while nobody does. Raises UnknownMetric."""
    metric_named(name)
    return _sources.get(name)


def declared() -> tuple[Metric, ...]:
    """Every metric, by name."""
    return tuple(metric for _, metric in sorted(_metrics.items()))


CATALOGUE: Final = (
    Metric("error_5xx_rate", RATIO, Kind.RATE, _("Answers that are server errors")),
    Metric("http_5xx_burst", "count", Kind.COUNT, _("Server errors")),
    Metric("p95_request_ms", "ms", Kind.PERCENTILE, _("95th percentile of the time of a request")),
    Metric("queue_depth_max", "count", Kind.LEVEL, _("Longest queue"), Scope.PLATFORM),
    Metric("queue_stuck", "count", Kind.LEVEL, _("Stuck queues"), Scope.PLATFORM),
    Metric("not_ready_seconds", "seconds", Kind.LEVEL, _("Time not ready"), Scope.PLATFORM),
    Metric("cross_scope_access_attempt", "count", Kind.COUNT, _("Requests for another project")),
    Metric("scope_mismatch_error", "count", Kind.COUNT, _("Requests whose program and project differ")),
    # of invoices and quality incidents: the pilot measures them
    Metric("mismatch_rate", RATIO, Kind.RATE, _("Invoices that mismatch")),
    Metric("s1_rate", RATIO, Kind.RATE, _("S1 among quality incidents")),
    Metric("s2_rate", RATIO, Kind.RATE, _("Invoices with an S2")),
    Metric("ocr_suspect_rate", RATIO, Kind.RATE, _("OCR suspects among mismatches")),
    Metric("accept_rounding_rate", RATIO, Kind.RATE, _("Invoices accepted as rounding")),
    Metric("feedback_coverage", RATIO, Kind.RATE, _("Resolved incidents with feedback")),
    Metric("hint_accuracy_rate", RATIO, Kind.RATE, _("Feedback that found the hint right")),
    Metric("bug_report_rate", RATIO, Kind.RATE, _("Incidents reported as bugs")),
    Metric("exhausted_rate", RATIO, Kind.RATE, _("Retried incidents that ran out of retries")),
    Metric("p95_pipeline_total_ms", "ms", Kind.PERCENTILE, _("95th percentile of the pipeline's time")),
    Metric("s1_burst", "count", Kind.COUNT, _("S1 incidents")),
    Metric("stuck_count", "count", Kind.LEVEL, _("Stuck jobs")),
    Metric("recompute_count", "count", Kind.COUNT, _("Recomputations of one incident")),
)
"""What this app measures, and what the alarms name before the app that measures it is there."""
