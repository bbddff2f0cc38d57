"""What a source measured, and what no source can have measured."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from observability.errors import BadSample
from observability.rules.verdicts.numbers import RATIO, is_number
from observability.rules.verdicts.reasons import Reason


@dataclass(frozen=True, slots=True)
class Sample:
    """What a source measured from `since` until `at`, out of `samples` observations.

    What is counted gives `events`: in the unit ratio they are a part of the samples, else the count itself. A level or
    a percentile gives `value`. Nothing is negative. Not checked here: a source that errs about one tenant must not
    spoil its answer about the others.
    """

    unit: str
    samples: int
    since: datetime
    at: datetime
    events: int | None = None
    value: int | float | Decimal | Fraction | None = None

    def number(self) -> Fraction:
        """What was measured, exactly. Only for a sample that was checked and is not empty."""
        if self.events is None:
            return Fraction(self.value or 0)
        return Fraction(self.events, self.samples) if self.unit == RATIO else Fraction(self.events)


def check(sample: Sample, *, unit: str, now: datetime, future: timedelta) -> None:
    """Raises BadSample for what no source can have measured in `unit` by `now`; clocks may differ by `future`."""
    if not isinstance(sample, Sample):
        raise BadSample(Reason.NO_SAMPLE, f"a {type(sample).__name__} is no sample")
    if sample.unit != unit:
        raise BadSample(Reason.WRONG_UNIT, f"measured in {sample.unit!r}, the rule is in {unit!r}")
    for moment in (sample.since, sample.at):
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise BadSample(Reason.WRONG_TIME, f"{moment!r} is no time with its zone")
    if sample.since >= sample.at:
        raise BadSample(Reason.WRONG_TIME, f"measured from {sample.since} until {sample.at}")
    if sample.at > now + future:
        raise BadSample(Reason.FROM_THE_FUTURE, f"measured until {sample.at}, and it is {now}")
    _check_numbers(sample)


def _check_numbers(sample: Sample) -> None:
    events, value = sample.events, sample.value
    for count in (sample.samples, 0 if events is None else events):
        if not isinstance(count, int) or not is_number(count):
            raise BadSample(Reason.NOT_A_NUMBER, f"{count!r} is no count")
        if count < 0:
            raise BadSample(Reason.NEGATIVE, f"a count of {count}")
    if events is not None and value is not None:
        raise BadSample(Reason.NOT_A_NUMBER, "both events and a value")
    if sample.unit == RATIO and value is not None:
        raise BadSample(Reason.NOT_A_NUMBER, "a rate is given as events, so that it is exact")
    if sample.unit == RATIO and events is not None and events > sample.samples:
        raise BadSample(Reason.PART_ABOVE_WHOLE, f"{events} events of {sample.samples} samples")
    if value is not None:
        if not is_number(value):
            raise BadSample(Reason.NOT_A_NUMBER, f"{value!r} is no number")
        if value < 0:
            raise BadSample(Reason.NEGATIVE, f"a value of {value}")
    if sample.samples and events is None and value is None:
        raise BadSample(Reason.NOT_A_NUMBER, f"{sample.samples} samples without a number")
