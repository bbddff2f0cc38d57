"""Policies and calendars: targets from a moment on, in hours that people agreed on."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from hypercare import services
from hypercare.models import Calendar, CalendarVersion, ClockEvent, Incident, Policy, PolicyTarget, Project
from hypercare.rules import Target, target_faults
from hypercare.services import clocks
from hypercare.states import ClockKind
from observability.services import plan_summaries
from tenancy import deadlines
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.deadlines import sweep
from tenancy.errors import Conflict, Invalid, NotAllowed, Stale
from tenancy.journal.models import Event
from tenancy.models import Deadline, Tenant, User
from tenancy.transactions import atomic
from tests import factories
from tests.hypercare.clockwork import OFFICE

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
RESPONSE, RESOLUTION = ClockKind.RESPONSE, ClockKind.RESOLUTION


@pytest.fixture
def manager(actors: dict[str, Actor]) -> Actor:
    return actors["manager"]


@pytest.fixture
def office(in_acme: Tenant, project: Project, manager: Actor, now: datetime) -> CalendarVersion:
    return services.create_calendar(project=project, name="Office", definition=OFFICE, by=manager, now=now)


def targets_of(policy: Policy) -> dict[str, tuple[int, int, UUID | None]]:
    rows = PolicyTarget.objects.filter(policy=policy)
    return {row.severity: (row.response_minutes, row.resolution_minutes, row.calendar_id) for row in rows}


def retargets(incident: Incident) -> list[tuple[str, int, datetime]]:
    events = ClockEvent.objects.filter(incident=incident, kind="retarget").order_by("clock")
    return list(events.values_list("clock", "target_minutes", "at"))


# ---- policies -----------------------------------------------------------------------------------------------------


def test_a_policy_names_all_severities_and_counts_for_what_is_reported_from_then_on(
    in_acme: Tenant, project: Project, report: Callable[..., Incident], manager: Actor, now: datetime
) -> None:
    policy = services.create_policy(project=project, targets={"P1": Target(30, 120)}, by=manager, now=now)
    assert targets_of(policy) == {
        "P1": (30, 120, None),
        "P2": (240, 480, None),
        "P3": (480, 1440, None),
        "P4": (1440, 4320, None),
    }
    incident = report(severity="P1", now=now + MINUTE)
    assert incident.sla_response_deadline == now + 31 * MINUTE
    assert report(severity="P1", now=now - MINUTE).sla_response_deadline == now + 59 * MINUTE
    made, began = Event.objects.filter(verb__startswith="policy.").order_by("seq")
    assert (made.verb, made.scope, made.data["targets"]["P1"]) == (
        "policy.created",
        project.pk,
        [30, 120, None],
    )
    assert (began.verb, began.data) == ("policy.began", {"retargeted": 0})


def test_one_that_is_valid_at_once_retargets_what_runs_and_nothing_else(
    in_acme: Tenant,
    project: Project,
    other_project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    manager: Actor,
    now: datetime,
) -> None:
    runs, other, theirs = (
        report(severity="P1"),
        report(severity="P2"),
        report(severity="P1", project=other_project),
    )
    answered, done = report(severity="P1"), report(severity="P1")
    services.respond_first(incident=answered, by=actors["agent"], now=now + MINUTE)
    services.resolve(
        incident=done, root_cause="x", resolution_notes="y", by=actors["agent"], now=now + MINUTE
    )
    at = now + 40 * MINUTE
    services.create_policy(project=project, targets={"P1": Target(90, 120)}, by=manager, now=at)
    assert retargets(runs) == [("resolution", 120, at), ("response", 90, at)]
    assert retargets(answered) == [("resolution", 120, at)]
    assert not retargets(other)
    assert not retargets(theirs)
    assert not retargets(done)
    runs.refresh_from_db()
    assert (runs.sla_response_deadline, runs.sla_resolution_deadline) == (
        now + 90 * MINUTE,
        now + 120 * MINUTE,
    )


def test_one_that_begins_later_retargets_when_it_does(
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    manager: Actor,
    now: datetime,
) -> None:
    incident, begins = report(severity="P1"), now + 20 * MINUTE
    with entering(acme):
        policy = services.create_policy(
            project=project, targets={"P1": Target(40, 240)}, valid_from=begins, by=manager, now=now
        )
        assert services.policy_in_force(project, now) is None
        assert services.policy_in_force(project, begins) == policy.pk
    sweep(clock=lambda: begins - MINUTE)
    with entering(acme):
        assert not retargets(incident)
    for _again in range(2):
        sweep(clock=lambda: begins)
    with entering(acme):
        assert retargets(incident) == [("response", 40, begins)]
        assert Event.objects.filter(verb="policy.began").count() == 1
        assert report(severity="P1", now=begins + MINUTE).sla_response_deadline == begins + 41 * MINUTE


def test_one_that_has_not_begun_can_be_taken_back(
    acme: Tenant, project: Project, report: Callable[..., Incident], manager: Actor, now: datetime
) -> None:
    incident = report(severity="P1")
    with entering(acme):
        policy = services.create_policy(
            project=project, targets={"P1": Target(40, 200)}, valid_from=now + DAY, by=manager, now=now
        )
        begun = services.create_policy(project=project, targets={}, by=manager, now=now)
        services.delete_policy(policy=policy, by=manager, now=now + MINUTE)
        with pytest.raises(Conflict):
            services.delete_policy(policy=policy, by=manager, now=now + MINUTE)
        with pytest.raises(Conflict):
            services.delete_policy(policy=begun, by=manager, now=now + MINUTE)
        assert list(Policy.objects.all()) == [begun]
    sweep(clock=lambda: now + 2 * DAY)
    with entering(acme):
        assert not retargets(incident)
        assert not Deadline.objects.filter(kind="policy.begins").exists()


def test_beginnings_are_derived_again(
    acme: Tenant, project: Project, manager: Actor, system: Actor, now: datetime
) -> None:
    with entering(acme):
        for days in (1, 2):
            services.create_policy(
                project=project, targets={}, valid_from=now + days * DAY, by=manager, now=now
            )
        services.create_policy(project=project, targets={}, by=manager, now=now)
    sweep(clock=lambda: now + DAY)
    plan_summaries()  # the run summary waits in every tenant
    with entering(acme):
        assert deadlines.rebuild(tenant=acme, by=system, now=now + DAY) == deadlines.Rebuilt(0, 0)
        Deadline.objects.filter(tenant=acme).delete()
        assert deadlines.rebuild(tenant=acme, by=system, now=now + DAY) == deadlines.Rebuilt(2, 0)


@pytest.mark.parametrize(
    ("targets", "paths"),
    [
        ({"P1": Target(0, 240)}, {"targets.P1.response_minutes"}),
        ({"P4": Target(1440, 525_601)}, {"targets.P4.resolution_minutes"}),
        ({"P1": Target(241, 240)}, {"targets.P1.response_minutes"}),
        ({"P4": Target(479, 4320)}, {"targets.P4.response_minutes"}),
        (
            {"P1": Target(300, 500), "P2": Target(200, 400)},
            {"targets.P1.response_minutes", "targets.P1.resolution_minutes"},
        ),
        ({"P1": Target(60, 240, uuid4())}, {"targets.P1.calendar_id"}),
    ],
)
def test_what_no_policy_may_say_is_named(
    in_acme: Tenant,
    project: Project,
    manager: Actor,
    now: datetime,
    targets: dict[str, Target],
    paths: set[str],
) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_policy(project=project, targets=targets, by=manager, now=now)
    assert set(refused.value.fields) == paths
    assert not Policy.objects.exists()


def test_equal_targets_are_none_slacker() -> None:
    same = dict.fromkeys(("P1", "P2", "P3", "P4"), Target(60, 60))
    assert target_faults(same, same) == {}


def test_a_policy_begins_now_or_later_and_no_two_at_once(
    in_acme: Tenant, project: Project, other_project: Project, manager: Actor, now: datetime
) -> None:
    given: dict[str, Any] = {"targets": {}, "by": manager, "now": now}
    with pytest.raises(Invalid) as past:
        services.create_policy(project=project, valid_from=now - timedelta(microseconds=1), **given)
    services.create_policy(project=project, valid_from=now + DAY, **given)
    services.create_policy(project=other_project, valid_from=now + DAY, **given)
    with pytest.raises(Invalid) as twice:
        services.create_policy(project=project, valid_from=now + DAY, **given)
    assert set(past.value.fields) == set(twice.value.fields) == {"valid_from"}


def test_a_target_that_its_calendar_never_reaches_is_refused(
    in_acme: Tenant, project: Project, other_project: Project, manager: Actor, now: datetime
) -> None:
    by = {"by": manager, "now": now}
    brief = OFFICE | {"weekly": {"monday": [["09:00", "09:10"]]}}
    calendar = services.create_calendar(project=project, name="Brief", definition=brief, **by).calendar
    with pytest.raises(Invalid) as refused:
        services.create_policy(project=project, targets={"P4": Target(1440, 6000, calendar.pk)}, **by)
    assert set(refused.value.fields) == {"targets.P4.resolution_minutes"}
    services.create_policy(project=project, targets={"P4": Target(1440, 5000, calendar.pk)}, **by)
    with pytest.raises(Invalid) as foreign:
        services.create_policy(project=other_project, targets={"P1": Target(9, 9, calendar.pk)}, **by)
    assert set(foreign.value.fields) == {"targets.P1.calendar_id"}
    with pytest.raises(Invalid) as shortened:
        services.change_calendar(
            calendar=calendar,
            name="Brief",
            definition=OFFICE | {"weekly": {"monday": [["09:00", "09:05"]]}},
            **by,
        )
    assert set(shortened.value.fields) == {"weekly"}
    assert CalendarVersion.objects.get().number == 1


def test_only_managers_make_policies_and_calendars(
    in_acme: Tenant, project: Project, office: CalendarVersion, actors: dict[str, Actor], now: datetime
) -> None:
    by = {"by": actors["agent"], "now": now}
    with pytest.raises(NotAllowed):
        services.create_policy(project=project, targets={}, **by)
    with pytest.raises(NotAllowed):
        services.create_calendar(project=project, name="Mine", definition=OFFICE, **by)
    with pytest.raises(NotAllowed):
        services.change_calendar(calendar=office.calendar, name="Mine", definition=OFFICE, **by)
    policy = services.create_policy(
        project=project, targets={}, valid_from=now + DAY, by=actors["manager"], now=now
    )
    with pytest.raises(NotAllowed):
        services.delete_policy(policy=policy, **by)


# ---- calendars ----------------------------------------------------------------------------------------------------


def test_public_holidays_are_frozen_into_the_version(
    in_acme: Tenant, project: Project, manager: Actor, now: datetime
) -> None:
    row = services.create_calendar(
        project=project,
        name="Bavaria",
        definition=OFFICE | {"time_zone": "Europe/Berlin", "country": "DE", "subdivision": "BY"},
        by=manager,
        now=now,
    )
    assert {"2025-12-25", "2026-01-06", "2036-12-25"} <= set(row.closed_on)
    assert row.closed_on[0] >= "2025-01-01"
    assert row.closed_on[-1] <= "2036-12-31"
    hours = clocks.hours_by_version(row.pk)
    assert hours.worked(datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC)) == timedelta(0)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"country": "XX"}, "country"),
        ({"country": "DE", "subdivision": "ZZ"}, "subdivision"),
        ({"subdivision": "BY"}, "subdivision"),
        ({"weekly": {"monday": [["09:00", "12:00"], ["11:00", "13:00"]]}}, "weekly.monday[1]"),
    ],
)
def test_what_no_calendar_may_say_is_named(
    in_acme: Tenant, project: Project, manager: Actor, now: datetime, change: dict[str, Any], path: str
) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_calendar(
            project=project, name="Office", definition=OFFICE | change, by=manager, now=now
        )
    assert set(refused.value.fields) == {path}
    assert not Calendar.objects.exists()


def test_a_changed_calendar_is_a_new_version_and_moves_what_runs_in_it(
    in_acme: Tenant,
    project: Project,
    office: CalendarVersion,
    report: Callable[..., Incident],
    manager: Actor,
    now: datetime,
) -> None:
    targets = {"P1": Target(60, 240, office.calendar_id)}
    services.create_policy(project=project, targets=targets, by=manager, now=now)
    friday = datetime(2026, 11, 20, 14, 40, tzinfo=UTC)  # 17:40 in Istanbul
    incident, other = report(severity="P1", now=friday), report(severity="P2", now=friday)
    at = friday + 10 * MINUTE
    weekend = OFFICE | {"special": {"2026-11-21": [["00:00", "24:00"]]}}
    changed = services.change_calendar(
        calendar=office.calendar, name="Office", definition=weekend, version=1, by=manager, now=at
    )
    assert (changed.number, CalendarVersion.objects.count()) == (2, 2)
    assert retargets(incident) == [("resolution", 240, at), ("response", 60, at)]
    assert not retargets(other)
    incident.refresh_from_db()
    assert incident.sla_response_deadline == datetime(2026, 11, 20, 21, 40, tzinfo=UTC)
    assert clocks.read(incident, RESPONSE, at).elapsed == 10 * MINUTE
    again = services.change_calendar(
        calendar=office.calendar, name="Office", definition=weekend, by=manager, now=at + MINUTE
    )
    assert again.number == 2, "nothing differs"
    with pytest.raises(Stale):
        services.change_calendar(
            calendar=office.calendar, name="Office", definition=OFFICE, version=1, by=manager, now=at
        )
    renamed = services.change_calendar(
        calendar=office.calendar, name="Office hours", definition=weekend, by=manager, now=at + MINUTE
    )
    assert (renamed.number, renamed.calendar.name) == (3, "Office hours")
    assert len(retargets(incident)) == 2, "another name moves no clock"


def test_a_name_is_there_once_in_a_project(
    in_acme: Tenant,
    project: Project,
    other_project: Project,
    office: CalendarVersion,
    manager: Actor,
    now: datetime,
) -> None:
    by = {"by": manager, "now": now}
    services.create_calendar(project=other_project, name="Office", definition=OFFICE, **by)
    for name in ("Office", " ", "x" * 121):
        with pytest.raises(Invalid), atomic(savepoint=True):
            services.create_calendar(project=project, name=name, definition=OFFICE, **by)


# ---- over the API -------------------------------------------------------------------------------------------------


@pytest.fixture
def base(project: Project) -> str:
    return f"/api/v1/projects/{project.pk}/hypercare"


def test_policies_and_calendars_over_the_api(
    acme: Tenant,
    base: str,
    users: dict[str, User],
    api: Callable[..., Client],
) -> None:
    client = api(acme, users["manager"])
    made = client.post(f"{base}/calendars", {"name": "Office", **OFFICE}, content_type="application/json")
    assert made.status_code == 201, made.content
    calendar = made.json()
    assert made["Location"] == f"{base}/calendars/{calendar['id']}"
    assert (calendar["version"], calendar["weekly"]["monday"][0]) == (1, ["09:00", "12:30"])
    got = client.get(made["Location"])
    assert got.json() == calendar
    assert got["ETag"].startswith('"1.')
    put = client.put(
        made["Location"],
        {"name": "Office", **OFFICE, "closed": ["2026-12-31"]},
        content_type="application/json",
        headers={"If-Match": '"1"'},
    )
    assert (put.status_code, put.json()["version"], put.json()["closed"]) == (200, 2, ["2026-12-31"])
    stale = client.put(
        made["Location"],
        {"name": "Office", **OFFICE},
        content_type="application/json",
        headers={"If-Match": '"1"'},
    )
    assert (stale.status_code, stale.json()["current"]["version"]) == (412, 2)
    assert [row["id"] for row in client.get(f"{base}/calendars").json()["results"]] == [calendar["id"]]

    given = {
        "targets": {"p1": {"response_minutes": 30, "resolution_minutes": 60, "calendar_id": calendar["id"]}}
    }
    policy = client.post(f"{base}/policies", given, content_type="application/json")
    assert policy.status_code == 201, policy.content
    assert policy.json()["in_force"] is True
    assert policy.json()["targets"]["P1"] == given["targets"]["p1"]
    later = client.post(
        f"{base}/policies",
        {"valid_from": "2099-01-01T00:00:00Z", "targets": {}},
        content_type="application/json",
    ).json()
    assert later["in_force"] is False
    listed = client.get(f"{base}/policies").json()["results"]
    assert [row["id"] for row in listed] == [later["id"], policy.json()["id"]]
    assert client.delete(f"{base}/policies/{later['id']}").status_code == 204
    refused = client.delete(f"{base}/policies/{policy.json()['id']}")
    assert (refused.status_code, refused.json()["state"]) == (409, "begun")
    assert client.delete(f"{base}/policies/{later['id']}").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("calendars", OFFICE | {"name": "x", "weekly": {"monday": [["a", "b"]]}}, "weekly.monday[0]"),
        ("calendars", OFFICE | {"name": ""}, "name"),
        ("calendars", OFFICE | {"name": "x", "weekly": 3}, "weekly"),
        ("calendars", OFFICE | {"name": "x", "lunch": 3}, "lunch"),
        ("policies", {"targets": {"P1": {"response_minutes": 999, "resolution_minutes": 999}}}, None),
        ("policies", {"targets": {"P1": {"response_minutes": 0, "resolution_minutes": 9}}}, None),
        ("policies", {"targets": {"P5": {}}}, "targets.P5"),
        ("policies", {"targets": [1]}, None),
        ("policies", {"valid_from": "2026-01-01T00:00:00Z", "targets": {}}, "valid_from"),
        ("policies", {}, "targets"),
    ],
)
def test_wrong_input_is_a_400_that_names_the_field(
    acme: Tenant,
    base: str,
    users: dict[str, User],
    api: Callable[..., Client],
    path: str,
    body: dict[str, Any],
    field: str | None,
) -> None:
    answer = api(acme, users["manager"]).post(f"{base}/{path}", body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    named = {error["field"] for error in answer.json()["errors"]}
    assert named
    if field:
        assert named == {field}


def test_agents_and_customers_neither_see_nor_make_them(
    acme: Tenant, base: str, users: dict[str, User], api: Callable[..., Client]
) -> None:
    for role in ("agent", "customer"):
        client = api(acme, users[role])
        for path in ("policies", "calendars"):
            assert client.get(f"{base}/{path}").status_code == 403
            assert client.post(f"{base}/{path}", {}, content_type="application/json").status_code == 403


@pytest.fixture
def four_policies(acme: Tenant, project: Project, office: CalendarVersion, manager: Actor) -> list[Policy]:
    """Made on four days; each begins a week after it was made, but for the last, which begins before the third."""
    monday = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
    made = []
    for number, begins in enumerate((7, 8, 9, 8.5)):
        hours = {"P4": Target(1440, 4320, office.calendar_id)} if number == 1 else {}
        at = {"now": monday + number * DAY, "valid_from": monday + begins * DAY}
        made.append(services.create_policy(project=project, targets=hours, by=manager, **at))
    return made


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "2310"),
        ("ordering=valid_from", "0132"),
        ("ordering=created_at", "0123"),
        ("ordering=-created_at&page_size=2", "32"),
        ("valid_from_after=2026-11-10T09:00:00Z", "231"),
        ("valid_from_before=2026-11-10T09:00:00Z", "0"),
        ("valid_from_after=2026-11-10T09:00:01Z&valid_from_before=2026-11-11T09:00:00Z", "3"),
        ("in_force_at=2026-11-09T08:59:59Z", ""),
        ("in_force_at=2026-11-09T09:00:00Z", "0"),
        ("in_force_at=2026-11-10T23:00:00%2B03:00", "1"),
        ("in_force_at=2030-01-01T00:00:00Z", "2"),
        ("in_force_at=2030-01-01T00:00:00Z&valid_from_before=2026-11-11T09:00:00Z", ""),
        ("calendar=OFFICE", "1"),
        ("calendar=01a1ff38-6ad1-762d-adcd-fdad75e379f2", ""),
    ],
)
def test_policies_are_filtered_and_ordered(
    acme: Tenant,
    base: str,
    users: dict[str, User],
    api: Callable[..., Client],
    other_project: Project,
    office: CalendarVersion,
    four_policies: list[Policy],
    manager: Actor,
    now: datetime,
    query: str,
    found: str,
) -> None:
    services.create_policy(project=other_project, targets={}, by=manager, now=now)
    query = query.replace("OFFICE", str(office.calendar_id))
    answer = api(acme, users["manager"]).get(f"{base}/policies?{query}")
    assert answer.status_code == 200, answer.content
    places = {str(policy.pk): str(place) for place, policy in enumerate(four_policies)}
    assert "".join(places[row["id"]] for row in answer.json()["results"]) == found


@pytest.fixture
def three_calendars(acme: Tenant, project: Project, manager: Actor, now: datetime) -> None:
    for name, zone in (
        ("=İSTANBUL IŞIKLAR", "Europe/Istanbul"),
        ("Große Straße", "Europe/Berlin"),
        ("Zagreb", "Europe/Istanbul"),
    ):
        definition = OFFICE | {"time_zone": zone, "special": {"2027-01-16": [["00:00", "24:00"]]}}
        with entering(acme):
            made = services.create_calendar(
                project=project, name=name, definition=definition, by=manager, now=now
            )
            if name == "Zagreb":
                definition = definition | {"time_zone": "Europe/Zagreb"}
                services.change_calendar(
                    calendar=made.calendar, name=name, definition=definition, by=manager, now=now + MINUTE
                )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "=GZ"),
        ("ordering=-name", "ZG="),
        ("ordering=created_at", "=GZ"),
        ("search=istanbul", "="),
        ("search=%C4%B0stanbul+isik", "="),
        ("search=ISIK", "="),
        ("search=strasse", "G"),
        ("search=GRO%C3%9FE", "G"),
        ("search=istanbul+zagreb", ""),
        ("search=+", "=GZ"),
        ("search=%25", ""),
        ("time_zone=europe/istanbul", "="),
        ("time_zone=Europe/Zagreb", "Z"),
        ("time_zone=Europe", ""),
    ],
)
def test_calendars_are_filtered_and_ordered(
    acme: Tenant,
    base: str,
    users: dict[str, User],
    api: Callable[..., Client],
    three_calendars: None,
    query: str,
    found: str,
) -> None:
    answer = api(acme, users["manager"]).get(f"{base}/calendars?{query}")
    assert answer.status_code == 200, answer.content
    assert "".join(row["name"][0] for row in answer.json()["results"]) == found


@pytest.mark.parametrize("ordering", ["name", "-name", "created_at", "-created_at"])
def test_a_calendar_that_is_changed_between_two_pages_is_shown_once(
    acme: Tenant,
    base: str,
    users: dict[str, User],
    api: Callable[..., Client],
    three_calendars: None,
    manager: Actor,
    now: datetime,
    ordering: str,
) -> None:
    client, names = api(acme, users["manager"]), []
    link: str | None = f"{base}/calendars?page_size=1&ordering={ordering}"
    while link:
        page = client.get(link).json()
        names += [row["name"][0] for row in page["results"]]
        with entering(acme):
            row = Calendar.objects.get(pk=page["results"][0]["id"])
            definition = OFFICE | {"closed": ["2026-12-31"]}
            services.change_calendar(
                calendar=row, name=row.name, definition=definition, by=manager, now=now + DAY
            )
        link = page["next"] and page["next"].partition(factories.host_of(acme))[2]
    assert "".join(names) == ("ZG=" if ordering.startswith("-") else "=GZ")


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("policies", "in_force_at=today", "in_force_at"),
        ("policies", "valid_from_after=2026-13-01", "valid_from_after"),
        ("policies", "valid_from_before=x", "valid_from_before"),
        ("policies", "calendar=office", "calendar"),
        ("policies", "severity=P1", "severity"),
        ("policies", "ordering=targets", "ordering"),
        ("calendars", f"search={'x' * 201}", "search"),
        ("calendars", f"time_zone={'x' * 61}", "time_zone"),
        ("calendars", "name=x", "name"),
        ("calendars", "ordering=time_zone", "ordering"),
        ("calendars", "format=pdf", "format"),
    ],
)
def test_a_filter_that_is_none_is_a_400_that_names_it(
    acme: Tenant,
    base: str,
    users: dict[str, User],
    api: Callable[..., Client],
    path: str,
    query: str,
    field: str,
) -> None:
    answer = api(acme, users["manager"]).get(f"{base}/{path}?{query}")
    assert answer.status_code == 400, answer.content
    assert {error["field"] for error in answer.json()["errors"]} == {field}


def test_policies_and_calendars_are_files_too(
    acme: Tenant,
    base: str,
    users: dict[str, User],
    api: Callable[..., Client],
    four_policies: list[Policy],
    three_calendars: None,
    office: CalendarVersion,
) -> None:
    client = api(acme, users["manager"])

    def rows(path: str, query: str) -> list[dict[str, str]]:
        answer: Any = client.get(f"{base}/{path}?format=csv&{query}")
        assert answer.status_code == 200
        return list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"), newline="")))

    policies = rows("policies", "ordering=created_at")
    assert [row["id"] for row in policies] == [str(policy.pk) for policy in four_policies]
    assert list(policies[0])[:6] == [
        *("id", "valid_from", "in_force", "targets.P1.response_minutes"),
        *("targets.P1.resolution_minutes", "targets.P1.calendar_id"),
    ]
    assert [row["in_force"] for row in policies].count("true") == 1
    assert (policies[1]["targets.P4.response_minutes"], policies[1]["targets.P4.calendar_id"]) == (
        "1440",
        str(office.calendar_id),
    )
    assert policies[0]["targets.P4.calendar_id"] == ""
    first, *_others = calendars = rows("calendars", "ordering=name")
    assert [row["name"] for row in calendars] == ["'=İSTANBUL IŞIKLAR", "Große Straße", "Office", "Zagreb"]
    assert json.loads(first["weekly"])["monday"] == [["09:00", "12:30"], ["13:30", "18:00"]]
    assert first["special"] == '{"2027-01-16": [["00:00", "24:00"]]}'
    assert [row["version"] for row in rows("calendars", "search=zagreb")] == ["2"]
    for path in ("policies", "calendars"):
        sheet: Any = client.get(f"{base}/{path}?format=xlsx")
        assert sheet["Content-Disposition"].startswith(f'attachment; filename="FI-1-{path}-')
        assert sheet.getvalue().startswith(b"PK")
        for kind in ("csv", "xlsx"):
            assert api(acme, users["agent"]).get(f"{base}/{path}?format={kind}").status_code == 403
            stranger = api(acme, factories.member(acme, "manager"))
            assert stranger.get(f"{base}/{path}?format={kind}").status_code == 404
