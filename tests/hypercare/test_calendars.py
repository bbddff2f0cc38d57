"""The hours that clocks run in: against the wall clock, over changes of clocks, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercare.errors import Unreachable
from hypercare.rules import Hours, hours_of, read_definition
from tests.hypercare.clockwork import EVENINGS, MINUTE, calendars, plainly_after, plainly_worked

BERLIN, NEW_YORK, ISTANBUL = (
    ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Europe/Istanbul")
)
HOUR = timedelta(hours=1)
ALL_DAY = ((0, 1440),)
WEEK: dict[str, Any] = {"time_zone": "Europe/Istanbul", "weekly": {"monday": [["09:00", "18:00"]]}}


def daily(zone: ZoneInfo, *spans: tuple[int, int], **given: Any) -> Hours:
    return Hours(zone, (spans,) * 7, **given)


def local(zone: ZoneInfo, *moment: int) -> datetime:
    return datetime(*moment, tzinfo=zone)  # type: ignore[arg-type,misc]


@settings(max_examples=100)
@given(
    hours=calendars(),
    begin=st.sampled_from(EVENINGS),
    offset=st.integers(0, 2000),
    passed=st.integers(0, 4000),
    amount=st.integers(1, 600),
)
def test_hours_are_what_the_wall_clock_shows(
    hours: Hours, begin: datetime, offset: int, passed: int, amount: int
) -> None:
    begin += offset * MINUTE
    assert hours.worked(begin, begin + passed * MINUTE) == plainly_worked(
        hours, begin, begin + passed * MINUTE
    )
    due = plainly_after(hours, begin, amount * MINUTE, within=timedelta(days=4))
    if due is not None:
        assert hours.after(begin, amount * MINUTE) == due


moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(hours=calendars(), begin=moments, amount=st.timedeltas(timedelta(microseconds=1), timedelta(days=9)))
def test_what_is_due_after_an_amount_has_worked_off_that_amount(
    hours: Hours, begin: datetime, amount: timedelta
) -> None:
    due = hours.after(begin, amount)
    assert hours.worked(begin, due) == amount
    assert hours.worked(begin, due - timedelta(microseconds=1)) < amount


@given(hours=calendars(), moments=st.lists(moments, min_size=3, max_size=3))
def test_open_time_adds_up_and_is_the_sum_of_its_intervals(hours: Hours, moments: list[datetime]) -> None:
    first, middle, last = sorted(moments)
    whole = hours.worked(first, last)
    assert hours.worked(first, middle) + hours.worked(middle, last) == whole
    assert sum((end - start for start, end in hours.between(first, last)), timedelta(0)) == whole
    assert hours.worked(last, first) == timedelta(0)
    assert hours.after(last, timedelta(0)) == last


@pytest.mark.parametrize(
    ("zone", "day", "worked"),
    [
        (BERLIN, date(2026, 3, 29), 23),
        (BERLIN, date(2026, 10, 25), 25),
        (NEW_YORK, date(2026, 3, 8), 23),
        (NEW_YORK, date(2026, 11, 1), 25),
        (ISTANBUL, date(2026, 3, 29), 24),
        (ISTANBUL, date(2026, 10, 25), 24),
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(zone: ZoneInfo, day: date, worked: int) -> None:
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    assert daily(zone, *ALL_DAY).worked(begin, begin + timedelta(days=1)) == worked * HOUR


def test_what_the_change_of_clocks_leaves_out_is_empty() -> None:
    day = local(BERLIN, 2026, 3, 29)  # 02:00 becomes 03:00
    inside = daily(BERLIN, (120, 150), (150, 180))
    assert inside.worked(day, day + timedelta(days=1)) == timedelta(0)
    across = daily(BERLIN, (105, 150), (180, 195))
    assert across.worked(day, day + timedelta(days=1)) == 30 * MINUTE
    assert across.after(day, 20 * MINUTE) == local(BERLIN, 2026, 3, 29, 3, 5)


def test_what_the_change_of_clocks_repeats_counts_from_the_first_time() -> None:
    day = local(NEW_YORK, 2026, 11, 1)  # 02:00 becomes 01:00
    ends_inside = daily(NEW_YORK, (0, 90))
    assert ends_inside.worked(day, day + timedelta(days=1)) == 90 * MINUTE
    begins_inside = daily(NEW_YORK, (90, 150))
    assert begins_inside.worked(day, day + timedelta(days=1)) == 120 * MINUTE


def test_split_shifts_and_intervals_without_length() -> None:
    hours = daily(ISTANBUL, (540, 750), (750, 750), (810, 1080))
    noon = local(ISTANBUL, 2026, 11, 18, 12, 0)
    assert hours.worked(noon, noon + 2 * HOUR) == HOUR
    assert hours.after(noon, 31 * MINUTE) == local(ISTANBUL, 2026, 11, 18, 13, 31)
    assert hours.after(noon, 30 * MINUTE) == local(ISTANBUL, 2026, 11, 18, 12, 30), (
        "at once, not after the break"
    )


def test_a_day_that_ends_at_24_goes_on_at_midnight() -> None:
    hours = daily(ISTANBUL, (1320, 1440), (0, 0))
    evening = local(ISTANBUL, 2026, 11, 18, 23, 0)
    assert hours.worked(evening, evening + timedelta(days=1)) == 2 * HOUR
    assert list(daily(ISTANBUL, *ALL_DAY).between(evening, evening + 3 * HOUR)) == [
        (evening.astimezone(UTC), evening.astimezone(UTC) + 3 * HOUR)
    ]


def test_a_special_day_replaces_the_week_and_a_holiday() -> None:
    go_live = date(2026, 11, 14)  # a Saturday
    hours = Hours(
        ISTANBUL,
        (((540, 1080),),) * 5 + ((), ()),
        closed=frozenset({go_live, date(2026, 11, 16)}),
        special={go_live: ALL_DAY, date(2026, 11, 17): ()},
    )
    friday = local(ISTANBUL, 2026, 11, 13, 18, 0)
    assert hours.after(friday, 24 * HOUR) == local(ISTANBUL, 2026, 11, 15)
    assert hours.after(friday, 24 * HOUR + MINUTE) == local(ISTANBUL, 2026, 11, 18, 9, 1)


def test_a_due_time_in_the_far_future_is_found_and_one_beyond_is_not() -> None:
    hours = Hours(BERLIN, (((540, 600),),) + ((),) * 6)
    monday = local(BERLIN, 2026, 11, 16, 9, 0)
    assert hours.after(monday, 52 * 10 * HOUR) == local(BERLIN, 2036, 10, 27, 10, 0)
    with pytest.raises(Unreachable):
        hours.after(monday, 52 * 100 * HOUR)
    with pytest.raises(Unreachable):
        Hours(BERLIN, ((),) * 7).after(monday, MINUTE)


# ---- what people write ------------------------------------------------------------------------------------------


def test_a_definition_is_put_in_order_and_read() -> None:
    given = WEEK | {
        "weekly": {"monday": [["13:30", "24:00"], ["09:00", "12:30"]], "sunday": []},
        "closed": ["2026-12-31", "2026-12-31", "2026-01-02"],
        "special": {"2026-11-14": [["00:00", "24:00"]], "2026-11-16": []},
        "country": "TR",
    }
    definition, faults = read_definition(given)
    assert faults == {}
    assert definition == {
        "time_zone": "Europe/Istanbul",
        "weekly": {"monday": [["09:00", "12:30"], ["13:30", "24:00"]]},
        "country": "TR",
        "subdivision": "",
        "closed": ["2026-01-02", "2026-12-31"],
        "special": {"2026-11-14": [["00:00", "24:00"]], "2026-11-16": []},
    }
    assert read_definition(definition) == (definition, {})
    assert hours_of(definition, ["2026-10-29"]) == Hours(
        ISTANBUL,
        (((540, 750), (810, 1440)),) + ((),) * 6,
        closed=frozenset({date(2026, 1, 2), date(2026, 12, 31), date(2026, 10, 29)}),
        special={date(2026, 11, 14): ((0, 1440),), date(2026, 11, 16): ()},
    )


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"weekly": {"monday": [["09:00", "12:00"], ["11:59", "18:00"]]}}, "weekly.monday[1]"),
        ({"weekly": {"monday": [["11:59", "18:00"], ["09:00", "12:00"]]}}, "weekly.monday[0]"),
        ({"weekly": {"monday": [["18:00", "09:00"]]}}, "weekly.monday[0]"),
        ({"weekly": {"monday": [["09:00", "09:00"]]}}, "weekly.monday[0]"),
        ({"weekly": {"monday": [["24:00", "24:00"]]}}, "weekly.monday[0]"),
        ({"weekly": {"monday": [["9:00", "18:00"]]}}, "weekly.monday[0]"),
        ({"weekly": {"monday": [["09:00", "24:01"]]}}, "weekly.monday[0]"),
        ({"weekly": {"monday": [["09:00"]]}}, "weekly.monday[0]"),
        ({"weekly": {"monday": [[9, 18]]}}, "weekly.monday[0]"),
        ({"weekly": {"monday": "09:00-18:00"}}, "weekly.monday"),
        ({"weekly": {"monday": [["00:00", "00:01"]] * 13}}, "weekly.monday"),
        ({"weekly": {"funday": [["09:00", "18:00"]]}}, "weekly.funday"),
        ({"weekly": {"monday": []}}, "weekly"),
        ({"weekly": {}}, "weekly"),
        ({"weekly": [["09:00", "18:00"]]}, "weekly"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": 3}, "time_zone"),
        ({"country": 7}, "country"),
        ({"closed": "2026-12-31"}, "closed"),
        ({"closed": ["2026-12-31"] * 501}, "closed"),
        ({"closed": ["2026-12-31", "2026-02-30"]}, "closed[1]"),
        ({"closed": ["1999-12-31"]}, "closed[0]"),
        ({"closed": [20261231]}, "closed[0]"),
        ({"special": []}, "special"),
        ({"special": {"tomorrow": []}}, "special.tomorrow"),
        ({"special": {"2026-11-14": [["10:00", "08:00"]]}}, "special.2026-11-14[0]"),
        ({"lunch": "12:00"}, "lunch"),
    ],
)
def test_what_cannot_be_read_is_named(change: dict[str, Any], path: str) -> None:
    _definition, faults = read_definition(WEEK | change)
    assert set(faults) == {path}


def test_every_fault_is_named_at_once() -> None:
    _definition, faults = read_definition({"weekly": {"monday": [["a", "b"]]}, "closed": ["x"]})
    assert set(faults) == {"time_zone", "weekly.monday[0]", "closed[0]"}


WORDS = st.text("019:-ay", max_size=6) | st.sampled_from(["09:00", "18:00", "monday", "2026-11-14", "UTC"])


@given(
    st.dictionaries(
        st.sampled_from(["time_zone", "weekly", "country", "subdivision", "closed", "special", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | WORDS,
            lambda each: st.lists(each, max_size=3) | st.dictionaries(WORDS, each, max_size=3),
            max_leaves=8,
        ),
    )
)
def test_whatever_is_given_is_read_or_refused(given: dict[str, Any]) -> None:
    definition, faults = read_definition(given)
    if not faults:
        hours_of(definition, [])
