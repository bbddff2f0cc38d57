"""Verdicts of now: sources are read once for all tenants, rules judge, and what changed is kept.

The port for gates, triggers and drift of the apps above: `verdict` for one rule and tenant, `drift` for the week.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from django.conf import settings
from django.core import checks

from observability.errors import UnknownMetric
from observability.metrics import Scope, metric_named, source_of
from observability.models import Pulse, Standing
from observability.rules.progress import JUDGED
from observability.rules.verdicts import (
    Alarm,
    Reason,
    Rule,
    Sample,
    Verdict,
    judge,
    no_data,
    rule_of,
    rule_of_drift,
)
from observability.services.pulses import beat
from tenancy.context import PUBLIC
from tenancy.models import Tenant
from tenancy.transactions import atomic

logger = logging.getLogger(__name__)

Period = tuple[datetime, datetime]
PULSES = {Scope.TENANT: JUDGED, Scope.PLATFORM: "verdicts of the platform"}
"""The pulse of the last evaluation, by what it was about."""


class Named(Protocol):
    @property
    def name(self) -> str: ...


R = TypeVar("R", bound=Named)
R_co = TypeVar("R_co", bound=Named, covariant=True)
A = TypeVar("A", bound=Alarm)


@dataclass(frozen=True, slots=True)
class Judged(Generic[R_co]):
    """What one alarm, or drift rule, says of one tenant; of the public one: of the platform."""

    alarm: R_co
    tenant: Tenant
    verdict: Verdict


def evaluate(*, alarms: Iterable[A], tenants: Sequence[Tenant], now: datetime) -> list[Judged[A]]:
    """Judge alarms of tenants for each of `tenants`, alarms of the platform once; keep what changed as Standing rows.

    Works in public. A rule whose metric, source or sample is at fault is no data, with the fault in its verdict and
    in the log; the others go on. Where the clock went back since the last evaluation, this one is no data.
    """
    given = list(alarms)
    judged: list[Judged[A]] = []
    for scope in Scope:
        rules = _rules_of([alarm for alarm in given if alarm.scope == scope])
        if rules:
            about = tenants if scope is Scope.TENANT else [Tenant.objects.get(schema_name=PUBLIC)]
            judged += _judge_and_keep(rules, about, pulse=PULSES[scope], now=now)
            beat(name=PULSES[scope], now=now)
    return judged


def verdict(*, rule: Rule, tenant: Tenant, now: datetime, baseline: Period | None = None) -> Verdict:
    """What `rule` says of `tenant` now; of the public one: of the platform. For gates and triggers; keeps nothing.

    `baseline` is the span to compare with instead of the one before the window: a release's first day, say.
    """
    jump = _clock_went_back(PULSES[Scope.TENANT], now)
    judged = _judge_all([(_Anonymous(rule.metric), rule)], [tenant], now=now, jump=jump, baseline=baseline)
    return judged[0].verdict


def drift(*, tenants: Sequence[Tenant], now: datetime) -> list[Judged[Any]]:
    """Compare the rates of the configuration's drift rules with the week before, and keep what changed."""
    limits = settings.THRESHOLDS.drift
    rules = [(each, rule_of_drift(each, limits)) for each in settings.THRESHOLDS.drift_rules]
    return _judge_and_keep(rules, tenants, pulse=PULSES[Scope.TENANT], now=now)


# ---- judging -----------------------------------------------------------------------------------------------------


class _Anonymous(NamedTuple):
    """Stands where a rule has no name: its metric's."""

    name: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What a source answered, or why it did not."""

    samples: Mapping[int, Sample]
    reason: Reason | None = None
    fault: str = ""


@dataclass
class _Reader:
    """Reads each metric once per span, however many rules ask."""

    _read: dict[tuple[str, Period, frozenset[int]], _Read] = field(default_factory=dict)

    def __call__(self, metric: str, period: Period, tenants: Sequence[Tenant]) -> _Read:
        key = (metric, period, frozenset(tenant.pk for tenant in tenants))
        if key not in self._read:
            self._read[key] = _ask(metric, period, tenants)
        return self._read[key]


def _ask(metric: str, period: Period, tenants: Sequence[Tenant]) -> _Read:
    """A source is code of any app, and measures whatever: all that it raises is its own metric's fault alone.

    Its words may name hosts and users: they are for the log.
    """
    try:
        source = source_of(metric)
        if source is None:
            return _Read({}, Reason.NO_SOURCE)
        with atomic(savepoint=True):
            return _Read(dict(source(tenants, *period)))
    except UnknownMetric as error:
        return _Read({}, Reason.UNKNOWN_METRIC, str(error))
    except Exception as error:
        logger.exception("the source of %s failed", metric)
        return _Read({}, Reason.SOURCE_FAILED, f"its source raised {type(error).__name__}")


def _rules_of(alarms: Iterable[A]) -> list[tuple[A, Rule]]:
    """With each alarm its rule. The system check refuses one that makes none; here it is logged and left out."""
    rules = []
    for alarm in alarms:
        try:
            rules.append((alarm, rule_of(alarm)))
        except ValueError:
            logger.exception("the alarm %s makes no rule and is not evaluated", alarm.name)
    return rules


def _judge_and_keep(
    rules: Sequence[tuple[R, Rule]], tenants: Sequence[Tenant], *, pulse: str, now: datetime
) -> list[Judged[R]]:
    jump = _clock_went_back(pulse, now)
    judged = _judge_all(rules, tenants, now=now, jump=jump)
    if not jump:
        _keep(judged, now=now)
    return judged


def _judge_all(
    rules: Sequence[tuple[R, Rule]],
    tenants: Sequence[Tenant],
    *,
    now: datetime,
    jump: str,
    baseline: Period | None = None,
) -> list[Judged[R]]:
    if jump:
        logger.error("nothing is judged: %s", jump)
        lost = {rule: no_data(rule, Reason.CLOCK_WENT_BACK, now=now, fault=jump) for _, rule in rules}
        return [Judged(named, tenant, lost[rule]) for named, rule in rules for tenant in tenants]
    reader = _Reader()
    judged = []
    for named, rule in rules:
        verdicts = _judge_rule(rule, tenants, reader, now=now, baseline=baseline)
        _log_faults(named, tenants, verdicts)
        judged += [Judged(named, tenant, verdicts[tenant.pk]) for tenant in tenants]
    return judged


def _judge_rule(
    rule: Rule, tenants: Sequence[Tenant], reader: _Reader, *, now: datetime, baseline: Period | None
) -> dict[int, Verdict]:
    limits = settings.THRESHOLDS.verdict
    future = timedelta(seconds=limits.FUTURE_SECONDS)
    read = reader(rule.metric, rule.period(now), tenants)
    if read.reason is not None:
        failed = no_data(rule, read.reason, now=now, fault=read.fault)
        return {tenant.pk: failed for tenant in tenants}
    before = _read_before(rule, tenants, read.samples, reader, now=now, baseline=baseline)
    if before.reason is not None:
        failed = no_data(rule, before.reason, now=now, fault=before.fault)
        return {tenant.pk: failed for tenant in tenants}
    return {
        tenant.pk: judge(
            rule,
            read.samples.get(tenant.pk),
            before.samples.get(tenant.pk),
            now=now,
            significance=limits.SIGNIFICANCE,
            future=future,
        )
        for tenant in tenants
    }


def _log_faults(named: Named, tenants: Sequence[Tenant], verdicts: Mapping[int, Verdict]) -> None:
    """One line for each fault, with the tenants that it concerns."""
    slugs: dict[str, list[str]] = defaultdict(list)
    for tenant in tenants:
        found = verdicts[tenant.pk]
        if found.fault:
            slugs[f"{found.reason}: {found.fault}"].append(tenant.slug)
    for fault, concerned in slugs.items():
        logger.error("%s is no data in %s: %s", named.name, ", ".join(concerned), fault)


# ---- baselines ---------------------------------------------------------------------------------------------------

_baselines: dict[tuple[str, timedelta], tuple[Period, dict[int, Sample | None]]] = {}
"""The baselines of this hour, by metric and length: they are long, and asked for every minute."""


def forget_baselines() -> None:
    """Read baselines anew."""
    _baselines.clear()


def _read_before(
    rule: Rule,
    tenants: Sequence[Tenant],
    samples: Mapping[int, Sample],
    reader: _Reader,
    *,
    now: datetime,
    baseline: Period | None,
) -> _Read:
    """The baselines of those tenants where something was measured that can be held against one."""
    period = rule.baseline_period(now)
    if period is None:
        return _Read({})
    measured = [tenant for tenant in tenants if _is_enough(samples.get(tenant.pk), rule)]
    if baseline is not None:
        return reader(rule.metric, baseline, measured)
    key = (rule.metric, period[1] - period[0])
    if _baselines.get(key, (None,))[0] != period:
        _baselines[key] = (period, {})
    kept = _baselines[key][1]
    missing = [tenant for tenant in measured if tenant.pk not in kept]
    if missing:
        read = reader(rule.metric, period, missing)
        if read.reason is not None:
            return read
        kept.update({tenant.pk: read.samples.get(tenant.pk) for tenant in missing})
    return _Read({key: sample for key, sample in kept.items() if sample is not None})


def _is_enough(sample: object, rule: Rule) -> bool:
    """What is no count at all is the engine's to refuse."""
    return (
        isinstance(sample, Sample) and isinstance(sample.samples, int) and sample.samples >= rule.min_samples
    )


# ---- time and what is kept ---------------------------------------------------------------------------------------


def _clock_went_back(pulse: str, now: datetime) -> str:
    """How far the clock went back since the last evaluation, in words; empty where it did not."""
    last = Pulse.objects.filter(name=pulse).values_list("at", flat=True).first()
    if last is None or last - now <= timedelta(seconds=settings.THRESHOLDS.verdict.FUTURE_SECONDS):
        return ""
    return f"it is {now.isoformat()}, and the last evaluation was at {last.isoformat()}"


def _keep(judged: Sequence[Judged[Any]], *, now: datetime) -> None:
    """Write those verdicts whose status is not the one that stands; in one order, so that two writers do not meet."""
    names = {each.alarm.name for each in judged}
    standing = {
        (rule, tenant): (status, since)
        for rule, tenant, status, since in Standing.objects.filter(rule__in=names).values_list(
            "rule", "tenant", "status", "since"
        )
    }
    changed = [
        Standing(
            rule=each.alarm.name,
            tenant=each.tenant,
            status=each.verdict.status,
            since=now,
            verdict=each.verdict.as_json(),
        )
        for each in judged
        if _is_news(standing.get((each.alarm.name, each.tenant.pk)), each.verdict, now)
    ]
    changed.sort(key=lambda row: (row.rule, row.tenant_id))
    with atomic():
        Standing.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["rule", "tenant"],
            update_fields=["status", "since", "verdict"],
        )


def _is_news(stands: tuple[str, datetime] | None, found: Verdict, now: datetime) -> bool:
    """A verdict that stands since later than now was written by a clock that was wrong."""
    return stands is None or stands[0] != found.status or stands[1] > now


# ---- the configuration -------------------------------------------------------------------------------------------


def check_rules(**_given: object) -> list[checks.CheckMessage]:
    """System check: each rule of the configuration can be meant, and its metric is declared, in its unit and scope."""
    found: list[checks.CheckMessage] = []
    named: list[tuple[str, str, Rule]] = []
    for alarm in settings.THRESHOLDS.watched():
        try:
            named.append((f"alarm {alarm.name}", alarm.scope, rule_of(alarm)))
        except ValueError as error:
            found.append(
                checks.Error(f"The alarm {alarm.name} makes no rule: {error}", id="observability.E004")
            )
    for each in settings.THRESHOLDS.drift_rules:
        rule = rule_of_drift(each, settings.THRESHOLDS.drift)
        named.append((f"drift rule {each.name}", Scope.TENANT.value, rule))
    for name, scope, rule in named:
        found += _check_rule(name, scope, rule)
    return found


def _check_rule(name: str, scope: str, rule: Rule) -> list[checks.CheckMessage]:
    try:
        metric = metric_named(rule.metric)
    except UnknownMetric as error:
        hint = "Declare it in AppConfig.ready() of the app that measures it."
        return [checks.Error(f"The {name}: {error}.", hint=hint, id="observability.E001")]
    found: list[checks.CheckMessage] = []
    if metric.unit != rule.unit:
        text = f"The {name} is in {rule.unit}, its metric {metric.name} in {metric.unit}."
        found.append(checks.Error(text, id="observability.E002"))
    if metric.scope != scope:
        text = f"The {name} is about a {scope}, its metric {metric.name} about a {metric.scope}."
        found.append(checks.Error(text, id="observability.E003"))
    return found
