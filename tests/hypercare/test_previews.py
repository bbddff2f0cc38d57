"""What clocks would do: the way to a due moment, and what new terms do to clocks that run."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from hypercare import services
from hypercare.models import CalendarVersion, ClockEvent, Incident, Policy, Project
from hypercare.rules import Cause, Gap, Hours, Leg, Target, forecast, hours_of, legs, read_definition
from hypercare.services import Effect, Plan
from hypercare.states import ClockKind
from tenancy.actors import Actor
from tenancy.errors import Invalid, NotAllowed, Stale
from tenancy.journal.models import Event
from tenancy.models import Tenant, User
from tests.hypercare.clockwork import MINUTE, OFFICE, calendars

ISTANBUL, BERLIN = ZoneInfo("Europe/Istanbul"), ZoneInfo("Europe/Berlin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EIGHT_TO_FIVE = ((480, 720), (780, 1020))
WEEK = (*(EIGHT_TO_FIVE,) * 5, (), ())
moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def local(*moment: int, zone: ZoneInfo = ISTANBUL) -> datetime:
    return datetime(*moment, tzinfo=zone)  # type: ignore[arg-type,misc]


def closed(hours: Hours, begin: datetime, end: datetime) -> list[tuple[Cause, ...]]:
    return [leg.causes for leg in legs(hours, begin, end) if not leg.counts]


# ---- the way ------------------------------------------------------------------------------------------------------


@given(hours=calendars(), begin=moments, minutes=st.integers(1, 3000))
def test_the_way_has_no_gap_and_what_counts_is_the_target(
    hours: Hours, begin: datetime, minutes: int
) -> None:
    way = forecast(hours, begin, minutes, (50, 80))
    found = list(legs(hours, begin, way.due_at))
    assert [leg.begin for leg in found] == [begin, *(leg.end for leg in found[:-1])]
    assert found[-1].end == way.due_at
    assert sum((leg.duration for leg in found if leg.counts), timedelta(0)) == minutes * MINUTE
    for before, after in pairwise(found):
        assert before.counts != after.counts
    for mark, at in way.marks:
        assert hours.worked(begin, at) == minutes * MINUTE * mark / 100


def test_round_the_clock_everything_counts() -> None:
    begin = local(2026, 11, 20, 23, 30)
    way = forecast(None, begin, 240, (80, 50))
    assert way.due_at == begin + 4 * HOUR
    assert way.marks == ((50, begin + 2 * HOUR), (80, begin + 192 * MINUTE))
    assert list(legs(None, begin, way.due_at)) == [Leg(begin, way.due_at)]
    assert not list(legs(None, begin, begin))


def test_a_day_has_a_break_and_a_night() -> None:
    hours = Hours(ISTANBUL, WEEK)
    assert closed(hours, local(2026, 11, 17, 7, 0), local(2026, 11, 18, 9, 0)) == [
        (Cause(Gap.NIGHT),),
        (Cause(Gap.BREAK),),
        (Cause(Gap.NIGHT),),
    ]
    # a report in the break is in the break
    assert closed(hours, local(2026, 11, 17, 12, 30), local(2026, 11, 17, 14, 0)) == [(Cause(Gap.BREAK),)]


def test_days_that_are_closed_are_named_and_a_night_beside_them_is_not() -> None:
    hours = Hours(ISTANBUL, WEEK, closed=frozenset({date(2026, 11, 20), date(2026, 11, 21)}))
    [causes] = closed(hours, local(2026, 11, 19, 16, 0), local(2026, 11, 23, 9, 0))
    assert causes == (
        Cause(Gap.HOLIDAY, date(2026, 11, 20)),
        Cause(Gap.DAY_OFF, date(2026, 11, 21)),  # a holiday on a Saturday takes nothing away
        Cause(Gap.DAY_OFF, date(2026, 11, 22)),
    )


def test_an_exception_explains_what_it_takes_away_and_not_what_it_adds() -> None:
    friday, saturday = date(2026, 11, 20), date(2026, 11, 21)
    hours = Hours(ISTANBUL, WEEK, special={friday: ((480, 720),), saturday: ((600, 660),)})
    assert closed(hours, local(2026, 11, 20, 9, 0), local(2026, 11, 23, 9, 0)) == [
        (Cause(Gap.EXCEPTION, friday),),
        (Cause(Gap.DAY_OFF, date(2026, 11, 22)),),
    ]
    shut = Hours(ISTANBUL, WEEK, special={friday: ()})
    assert closed(shut, local(2026, 11, 19, 17, 0), local(2026, 11, 20, 18, 0)) == [
        (Cause(Gap.EXCEPTION, friday),)
    ]
    on_a_holiday = Hours(ISTANBUL, WEEK, frozenset({friday}), {friday: ()})
    assert closed(on_a_holiday, local(2026, 11, 20, 8, 0), local(2026, 11, 20, 18, 0)) == [
        (Cause(Gap.HOLIDAY, friday),)
    ]


def test_an_open_year_end_is_one_stretch() -> None:
    hours = Hours(UTC_ZONE := ZoneInfo("UTC"), (((0, 1440),),) * 7)
    begin = local(2026, 12, 31, 12, 0, zone=UTC_ZONE)
    assert list(legs(hours, begin, begin + DAY)) == [Leg(begin, begin + DAY)]


def test_a_night_in_which_the_clocks_change_is_one_night() -> None:
    hours = Hours(BERLIN, (((0, 120), (240, 1440)),) * 7)
    begin = local(2026, 3, 29, 1, 0, zone=BERLIN)
    [gap] = [leg for leg in legs(hours, begin, begin + 6 * HOUR) if not leg.counts]
    assert (gap.duration, gap.causes) == (HOUR, (Cause(Gap.BREAK),))


# ---- names of closed days -----------------------------------------------------------------------------------------


def test_a_closed_day_may_have_a_name() -> None:
    given = OFFICE | {"closed": ["2026-12-31"], "names": {"2026-12-31": " Stocktaking "}}
    definition, faults = read_definition(given)
    assert not faults
    assert definition["names"] == {"2026-12-31": "Stocktaking"}
    assert date(2026, 12, 31) in hours_of(definition, ()).closed
    assert "names" not in read_definition(OFFICE)[0]


@pytest.mark.parametrize(
    ("names", "path"),
    [
        ({"2026-12-30": "x"}, "names.2026-12-30"),
        ({"2026-12-31": ""}, "names.2026-12-31"),
        ({"2026-12-31": 5}, "names.2026-12-31"),
        ({"2026-12-31": "x" * 121}, "names.2026-12-31"),
        (["2026-12-31"], "names"),
        ({f"{n}": "x" for n in range(501)}, "names"),
    ],
)
def test_other_names_are_refused(names: Any, path: str) -> None:
    _definition, faults = read_definition(OFFICE | {"closed": ["2026-12-31"], "names": names})
    assert list(faults) == [path]


# ---- before it is saved -------------------------------------------------------------------------------------------

database = pytest.mark.django_db


@pytest.fixture
def manager(actors: dict[str, Actor]) -> Actor:
    return actors["manager"]


@pytest.fixture
def office(in_acme: Tenant, project: Project, manager: Actor, now: datetime) -> CalendarVersion:
    return services.create_calendar(project=project, name="Office", definition=OFFICE, by=manager, now=now)


@database
def test_a_preview_is_what_the_clocks_of_a_report_then_say(
    in_acme: Tenant,
    project: Project,
    office: CalendarVersion,
    manager: Actor,
    report: Callable[..., Incident],
    now: datetime,
) -> None:
    targets = {"P1": Target(60, 400, office.calendar_id)}
    policy = services.create_policy(project=project, targets=targets, by=manager, now=now)
    for severity in ("P1", "P2"):
        incident = report(severity=severity, now=now + 40 * HOUR)
        for plan in (services.plans_of(policy)[severity], services.plan_in_force(project, severity, now)):
            shown = services.preview(plan=plan, begin=now + 40 * HOUR, by=manager)
            assert [each.clock for each in shown] == list(ClockKind)
            assert [each.way.due_at for each in shown if each.way] == [
                incident.sla_response_deadline,
                incident.sla_resolution_deadline,
            ]


@database
def test_a_long_way_is_cut_and_says_how_much(
    in_acme: Tenant, office: CalendarVersion, manager: Actor, now: datetime
) -> None:
    plan = Plan({ClockKind.RESPONSE: 60, ClockKind.RESOLUTION: 60_000}, office)
    short, long = services.preview(plan=plan, begin=now, by=manager)
    assert not short.more
    assert long.way
    assert len(long.legs) == 40
    assert long.legs[-1].end + long.more == long.way.due_at


@database
def test_what_is_said_of_a_policy_is_what_happens(
    in_acme: Tenant,
    project: Project,
    manager: Actor,
    actors: dict[str, Actor],
    report: Callable[..., Incident],
    now: datetime,
) -> None:
    services.create_policy(project=project, targets={"P4": Target(1440, 4320)}, by=manager, now=now - 9 * DAY)
    report(severity="P1", now=now - 3 * HOUR)  # response late, resolution not
    waiting = report(severity="P1", now=now - 3 * HOUR)
    services.wait(
        incident=waiting, reason="?", owner_id=actors["customer"].user_id, by=manager, now=now - 2 * HOUR
    )
    done = report(severity="P1", now=now - HOUR)
    services.resolve(incident=done, root_cause="x", resolution_notes="y", by=manager, now=now - HOUR)
    report(severity="P2", now=now - HOUR)
    given: dict[str, Any] = {"targets": {"P1": Target(200, 230), "P2": Target(240, 480)}}
    given |= {"project": project, "by": manager}
    lines, events = Event.objects.count(), ClockEvent.objects.count()
    _plans, effect = services.foresee_policy(**given, now=now)
    assert effect == Effect(changed=4, breached=0, relieved=2)
    _plans, tight = services.foresee_policy(**given | {"targets": {"P1": Target(60, 90)}}, now=now)
    assert tight == Effect(changed=2, breached=1, relieved=0)
    _plans, later = services.foresee_policy(**given, valid_from=now + HOUR / 2, now=now)
    assert later == Effect(changed=4, breached=0, relieved=0)  # by then 210 minutes are used, of 200
    assert (lines, events) == (Event.objects.count(), ClockEvent.objects.count())
    policy = services.create_policy(**given, now=now)
    assert Event.objects.get(verb="policy.began", subject=f"policy:{policy.pk}").data["retargeted"] == 4


@database
def test_what_is_said_of_a_calendar_is_what_happens(
    in_acme: Tenant,
    project: Project,
    office: CalendarVersion,
    manager: Actor,
    report: Callable[..., Incident],
    now: datetime,
) -> None:
    targets = {"P1": Target(60, 240, office.calendar_id)}
    services.create_policy(project=project, targets=targets, by=manager, now=now - DAY)
    report(severity="P1", now=now)
    report(severity="P2", now=now)
    given: dict[str, Any] = {"calendar": office.calendar, "by": manager, "now": now}
    other = OFFICE | {"weekly": {"monday": [["09:00", "18:00"]]}}
    sketch, effect = services.foresee_calendar(**given, definition=other, version=1)
    assert effect == Effect(2, 0, 0)
    assert sketch.definition["weekly"] == other["weekly"]
    assert services.foresee_calendar(**given, definition=OFFICE)[1] == Effect(0, 0, 0)
    assert CalendarVersion.objects.count() == 1
    services.change_calendar(**given, name="Office", definition=other)
    assert ClockEvent.objects.filter(kind="retarget").count() == 2
    with pytest.raises(Stale):
        services.foresee_calendar(**given, definition=OFFICE, version=1)


@database
def test_what_would_be_refused_is_refused_before(
    in_acme: Tenant,
    project: Project,
    office: CalendarVersion,
    manager: Actor,
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    policy: dict[str, Any] = {"project": project, "targets": {}, "now": now}
    calendar: dict[str, Any] = {"calendar": office.calendar, "definition": OFFICE, "now": now}
    for role in ("agent", "customer"):
        with pytest.raises(NotAllowed):
            services.foresee_policy(**policy, by=actors[role])
        with pytest.raises(NotAllowed):
            services.foresee_calendar(**calendar, by=actors[role])
        with pytest.raises(NotAllowed):
            services.preview(plan=services.plan_in_force(project, "P1", now), begin=now, by=actors[role])
    with pytest.raises(Invalid) as past:
        services.foresee_policy(**policy, valid_from=now - MINUTE, by=manager)
    assert list(past.value.fields) == ["valid_from"]
    with pytest.raises(Invalid) as slack:
        services.foresee_policy(**policy | {"targets": {"P1": Target(999, 999)}}, by=manager)
    assert "targets.P1.response_minutes" in slack.value.fields
    services.create_policy(
        project=project, targets={"P1": Target(60, 240, office.calendar_id)}, by=manager, now=now
    )
    rare = OFFICE | {"weekly": {"monday": [["09:00", "09:01"]]}, "closed": []}
    target = {"P4": Target(1440, 4320, office.calendar_id)}
    services.create_policy(project=project, targets=target, valid_from=now + HOUR, by=manager, now=now)
    with pytest.raises(Invalid):
        services.foresee_calendar(**calendar | {"definition": rare}, by=manager)
    assert Policy.objects.count() == 2


@database
def test_names_go_through_the_api_and_what_is_left_out_is_empty(
    acme: Tenant, project: Project, users: dict[str, User], api: Callable[..., Client]
) -> None:
    client = api(acme, users["manager"])
    url = f"/api/v1/projects/{project.pk}/hypercare/calendars"
    given = OFFICE | {"name": "Office", "closed": ["2026-12-31"], "names": {"2026-12-31": "Stocktaking"}}
    made = client.post(url, given, content_type="application/json")
    assert made.status_code == 201, made.content
    assert made.json()["names"] == {"2026-12-31": "Stocktaking"}
    one = f"{url}/{made.json()['id']}"
    del given["names"]
    changed = client.put(one, given, content_type="application/json")
    assert (changed.status_code, changed.json()["names"], changed.json()["version"]) == (200, {}, 2)
    wrong = client.post(
        url, given | {"name": "B", "names": {"2026-12-30": "x"}}, content_type="application/json"
    )
    assert wrong.status_code == 400
    assert [fault["field"] for fault in wrong.json()["errors"]] == ["names.2026-12-30"]
