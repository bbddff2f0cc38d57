"""Why a verdict is what it is."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a verdict is what it is."""

    WITHIN = "within"  # ok
    BY_CHANCE = "by_chance"  # ok: beyond the factor, but so few that nothing need have changed
    OFF_TARGET = "off_target"  # warning
    BEYOND = "beyond"  # breach
    NO_SOURCE = "no_source"  # no data, from here on
    NOTHING_MEASURED = "nothing_measured"
    TOO_FEW = "too_few"
    NO_BASELINE = "no_baseline"
    UNKNOWN_METRIC = "unknown_metric"  # somebody's fault, from here on
    SOURCE_FAILED = "source_failed"
    NO_SAMPLE = "no_sample"
    WRONG_UNIT = "wrong_unit"
    WRONG_TIME = "wrong_time"
    FROM_THE_FUTURE = "from_the_future"
    OUTDATED = "outdated"
    NEGATIVE = "negative"
    PART_ABOVE_WHOLE = "part_above_whole"
    NOT_A_NUMBER = "not_a_number"
    CLOCK_WENT_BACK = "clock_went_back"
