"""A tenant's days: they tile the time line, whatever the clocks on the wall do."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.rules.periods import (
    Period,
    begins,
    day_of,
    days_from,
    ends_week,
    missing,
    period_of,
    week_of,
)

ISTANBUL, BERLIN = ZoneInfo("Europe/Istanbul"), ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})).map(ZoneInfo)
DAYS = st.dates(date(1995, 1, 1), date(2036, 12, 30))
DAY = timedelta(days=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("Europe/Istanbul", date(2026, 11, 21), utc(2026, 11, 20, 21), 24),
        ("Europe/Berlin", date(2026, 3, 29), utc(2026, 3, 28, 23), 23),
        ("Europe/Berlin", date(2026, 10, 25), utc(2026, 10, 24, 22), 25),
        # Midnight is left out: the day begins at one o'clock.
        ("America/Santiago", date(2026, 9, 6), utc(2026, 9, 6, 4), 23),
        ("Asia/Beirut", date(2026, 3, 29), utc(2026, 3, 28, 22), 23),
        ("Africa/Cairo", date(2026, 4, 24), utc(2026, 4, 23, 22), 23),
        # Midnight comes twice, or what goes back is the end of the day before.
        ("America/Havana", date(2026, 11, 1), utc(2026, 11, 1, 4), 25),
        ("America/Santiago", date(2026, 4, 4), utc(2026, 4, 4, 3), 25),
        ("America/St_Johns", date(2010, 11, 7), utc(2010, 11, 7, 2, 30), 25),
        # Half an hour less, and what jumps over midnight from the minute before it.
        ("Australia/Lord_Howe", date(2026, 10, 4), utc(2026, 10, 3, 13, 30), 23.5),
        ("America/Toronto", date(1919, 3, 31), utc(1919, 3, 31, 4, 30), 23.5),
    ],
)
def test_a_day_is_as_long_as_it_was(zone, day, start, hours):
    found = period_of(day, ZoneInfo(zone))
    assert found == Period(start, start + timedelta(hours=hours))
    assert day_of(found.start, ZoneInfo(zone)) == day
    assert day_of(found.end - timedelta(microseconds=1), ZoneInfo(zone)) == day


def test_a_day_that_a_zone_left_out_is_none():
    apia = ZoneInfo("Pacific/Apia")
    assert period_of(date(2011, 12, 30), apia) is None
    assert period_of(date(2011, 12, 29), apia).end == period_of(date(2011, 12, 31), apia).start


@given(ZONES, DAYS)
def test_days_tile_the_time_line(zone, day):
    week = [period_of(day + number * DAY, zone) for number in range(7)]
    there = [period for period in week if period]
    for before, after in pairwise(there):
        assert before.end == after.start
    for number, period in enumerate(week):
        if period:
            its = day + number * DAY
            assert day_of(period.start, zone) == day_of(period.middle, zone) == its
            assert day_of(period.end, zone) != its
            assert timedelta(hours=20) < period.length < timedelta(hours=49)


@given(ZONES, DAYS)
def test_days_from_a_midnight_are_the_days(zone, day):
    found = list(islice(days_from(begins(day, zone), zone), 4))
    wanted = [period_of(day + number * DAY, zone) for number in range(6)]
    assert found == [period for period in wanted if period][:4]


@given(ZONES, ZONES, DAYS)
def test_after_a_change_of_the_zone_days_still_tile(old, new, day):
    start = begins(day, old)
    days = list(islice(days_from(start, new), 3))
    assert days[0].start == start
    for before, after in pairwise(days):
        assert before.end == after.start
    assert timedelta(hours=11) < days[0].length < timedelta(hours=61)
    assert all(begins(day_of(each.end, new), new) == each.end for each in days)


def test_what_is_left_of_a_day_goes_with_the_next_or_stands_alone():
    """From Istanbul to Berlin two hours are left; to Tokyo most of the day."""
    start = begins(date(2026, 11, 21), ISTANBUL)
    to_berlin = next(days_from(start, BERLIN))
    assert to_berlin == Period(start, begins(date(2026, 11, 22), BERLIN))
    assert to_berlin.length == timedelta(hours=26)
    to_tokyo = next(days_from(start, ZoneInfo("Asia/Tokyo")))
    assert to_tokyo.length == timedelta(hours=18)


def test_what_is_missing_is_the_oldest_first_and_fills_every_gap():
    day = [period_of(date(2026, 11, number), ISTANBUL) for number in range(1, 8)]
    found = missing([day[4], day[1]], day[0].start, ISTANBUL)
    assert list(islice(found, 5)) == [day[0], day[2], day[3], day[5], day[6]]
    assert next(missing([], day[0].start, ISTANBUL)) == day[0]
    assert next(missing(day, day[0].start, ISTANBUL)).start == day[6].end


def test_a_gap_that_is_no_whole_day_is_filled_to_its_end():
    day = period_of(date(2026, 11, 5), ISTANBUL)
    later = Period(day.start + timedelta(hours=30), day.start + timedelta(hours=54))
    found = list(islice(missing([later], day.start, ISTANBUL), 3))
    assert found[:2] == [day, Period(day.end, later.start)]
    assert found[2].start == later.end


@given(ZONES, DAYS, st.lists(st.integers(0, 20), unique=True))
def test_what_is_there_and_what_is_missing_tile_together(zone, day, there):
    all_days = list(islice(days_from(begins(day, zone), zone), 21))
    known = [all_days[number] for number in there]
    rest = list(islice(missing(known, all_days[0].start, zone), 21 - len(known)))
    assert sorted(known + rest) == all_days


def test_a_week_ends_with_its_sunday():
    sunday, monday = (period_of(date(2026, 11, number), ISTANBUL) for number in (22, 23))
    assert ends_week(sunday, ISTANBUL)
    assert not ends_week(monday, ISTANBUL)
    assert week_of(sunday.start, ISTANBUL) == date(2026, 11, 16)
    assert week_of(sunday.end, ISTANBUL) == date(2026, 11, 23)
    # A day and a half over the end of a week, after a change of the zone.
    assert ends_week(Period(sunday.start, monday.middle), ISTANBUL)


def test_a_period_without_length_is_refused():
    with pytest.raises(ValueError, match="ends after it starts"):
        Period(utc(2026, 1, 1), utc(2026, 1, 1))
    assert Period(utc(2026, 1, 1), utc(2026, 1, 2)).holds(utc(2026, 1, 1))
    assert not Period(utc(2026, 1, 1), utc(2026, 1, 2)).holds(utc(2026, 1, 2))
