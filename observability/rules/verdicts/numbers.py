"""Exact numbers: what rules compare, and how JSON carries them."""

import math
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

RATIO: Final = "ratio"
"""The unit of a rate: a part of 1, counted as events out of samples."""

Number = int | Decimal | Fraction
"""What a limit is given as. A float is not: 0.3 as one is a little less than 0.3."""


def exact(name: str, number: Number) -> Fraction:
    """Raises ValueError for what has no exact value."""
    if isinstance(number, bool) or not isinstance(number, int | Decimal | Fraction):
        raise ValueError(f"{name}: {number!r} is not an exact number")
    if isinstance(number, Decimal) and not number.is_finite():
        raise ValueError(f"{name}: {number} is no number")
    return Fraction(number)


def is_number(value: object) -> bool:
    """Whether `value` is a number that JSON can carry."""
    if not isinstance(value, int | float | Decimal | Fraction):
        return False
    try:
        return math.isfinite(float(value))
    except (OverflowError, ValueError):  # larger than any float; a signalling NaN
        return False


def seconds_of(length: timedelta) -> Fraction:
    return Fraction(length // timedelta.resolution, timedelta(seconds=1) // timedelta.resolution)


def plain(number: Number | None) -> int | float | None:
    """A number as JSON has them: whole, or the nearest float."""
    if number is None:
        return None
    fraction = Fraction(number)
    return fraction.numerator if fraction.denominator == 1 else float(fraction)


def iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
