"""When days and weeks began, how long things took, which share it was, and dates that fit together."""

from datetime import date, datetime, timedelta, tzinfo


def week_began(now: datetime, zone: tzinfo) -> datetime:
    """Monday 00:00 of the week of `now` as the wall clock in `zone` shows it."""
    return _begins(_monday(now, zone), zone)


def last_days(now: datetime, zone: tzinfo, count: int) -> dict[date, datetime]:
    """The last `count` days in `zone`, the oldest first, that of `now` included, and when each began.

    A day of a change of the clocks is 23 or 25 hours long; where midnight was left out, it began when that was.
    """
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(count))]
    return {day: _begins(day, zone) for day in days}


def last_weeks(now: datetime, zone: tzinfo, count: int) -> dict[date, datetime]:
    """The Mondays of the last `count` weeks in `zone`, the oldest first, this week included, and when each began."""
    mondays = [_monday(now, zone) - timedelta(weeks=ago) for ago in reversed(range(count))]
    return {day: _begins(day, zone) for day in mondays}


def _monday(now: datetime, zone: tzinfo) -> date:
    today = now.astimezone(zone).date()
    return today - timedelta(days=today.weekday())


def _begins(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def share(part: int, whole: int) -> float | None:
    """`part` of `whole` as a fraction of 1, to four places; None of nothing: nothing measured is not zero."""
    return round(part / whole, 4) if whole else None  # not tunable: digits


def hours(duration: timedelta | None) -> float | None:
    """`duration` in hours, to two places; None stays None: nothing measured is not zero."""
    return None if duration is None else round(duration / timedelta(hours=1), 2)  # not tunable: digits


def days_since_go_live(go_live_at: datetime | None, now: datetime, zone: tzinfo) -> int | None:
    """Days from the day of the go-live in `zone` to today there: 0 on the day, negative before, None without one."""
    if go_live_at is None:
        return None
    return (now.astimezone(zone).date() - go_live_at.astimezone(zone).date()).days


def ends_before_go_live(go_live_at: datetime | None, ends_on: date | None, zone: tzinfo) -> bool:
    """Whether hypercare would end before the day of the go-live in `zone`, or end without one."""
    if ends_on is None:
        return False
    return go_live_at is None or ends_on < go_live_at.astimezone(zone).date()
