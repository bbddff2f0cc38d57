"""Clocks replayed, in events a second: round the clock, and in office hours with holidays.

`python -m bench.clocks`. Nothing but arithmetic: no database.
"""

from datetime import UTC, datetime, timedelta
from statistics import median

from bench.measure import Row, show, timed
from hypercare.rules import Hours, Tick, hours_of, replay
from hypercare.states import ClockEventKind

EVENTS = 20_000
ROUNDS = 9
LIFE = 20  # events of one clock
LIMIT = 100_000  # events a second
BEGAN = datetime(2026, 11, 16, 8, 7, tzinfo=UTC)
OFFICE = {
    "time_zone": "Europe/Istanbul",
    "weekly": {
        day: [["09:00", "12:30"], ["13:30", "18:00"]]
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    },
    "country": "",
    "subdivision": "",
    "closed": ["2026-12-31"],
    "special": {"2026-11-28": [["00:00", "24:00"]]},
}
MIDDLE = (
    ClockEventKind.PAUSE,
    ClockEventKind.RESUME,
    ClockEventKind.RETARGET,
    ClockEventKind.FULFIL,
    ClockEventKind.REOPEN,
)


def life(number: int, hours: Hours | None) -> list[Tick]:
    """A clock that is paused, retargeted, fulfilled and reopened, an event every few hours."""
    kinds = [ClockEventKind.START, *(MIDDLE[step % len(MIDDLE)] for step in range(LIFE - 1))]
    begin = BEGAN + timedelta(minutes=number)
    return [
        Tick(kind, begin + step * timedelta(hours=5), 4320 + step, hours)
        if kind in {ClockEventKind.START, ClockEventKind.RETARGET}
        else Tick(kind, begin + step * timedelta(hours=5))
        for step, kind in enumerate(kinds)
    ]


def per_second(hours: Hours | None) -> float:
    """Events a second, over whole clocks."""
    clocks = [life(number, hours) for number in range(EVENTS // LIFE)]
    now = BEGAN + timedelta(days=30)

    def work() -> None:
        for events in clocks:
            replay(events, now)

    work()  # the calendar's years are reckoned once
    return EVENTS / median(timed(work) for _round in range(ROUNDS)) * 1000


def main() -> list[Row]:
    office = hours_of(OFFICE, ["2026-12-25", "2027-01-01"])
    return [
        Row("replay of clocks, round the clock / 100 000 events", per_second(None), LIMIT, unit="1/s"),
        Row("replay of clocks, in office hours / 100 000 events", per_second(office), LIMIT, unit="1/s"),
    ]


if __name__ == "__main__":
    show(main())
