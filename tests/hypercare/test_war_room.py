"""The war room's call: what it says agrees with the list, the metrics, the clocks and the timelines."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework.renderers import JSONRenderer

from hypercare import services
from hypercare.api.serializers.war_room import WarRoomSerializer
from hypercare.models import ChangeRequest, Incident, Project
from hypercare.rules import Target
from hypercare.services import clocks
from hypercare.states import ClockKind, ClockPhase, Severity
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tests import factories
from tests.hypercare.clockwork import OFFICE
from tests.hypercare.conftest import MEMBERS, actor, asked
from tests.hypercare.test_api import path

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CAUSE = {"root_cause": "Period closed", "resolution_notes": "Opened it"}
Api = Callable[..., Client]
Board = Callable[..., dict[str, Any]]


@pytest.fixture
def board(api: Api, acme: Tenant, users: dict[str, User], project: Project) -> Board:
    """`board("customer")` is what the war room answers them."""

    def get(role: str = "agent", of: Project = project) -> dict[str, Any]:
        answer = api(acme, users[role]).get(path(of, "war-room"))
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = answer.json()
        return body

    return get


@pytest.fixture
def many(
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    users: dict[str, User],
    now: datetime,
) -> None:
    """Open incidents in every state of their clocks, some on office hours, and two that are done."""
    by = {"by": actors["agent"]}
    with entering(acme):
        early = now - 30 * DAY
        report(severity="P3", now=early)  # both breached, nothing recorded
        late = report(severity="P2", now=now - 5 * HOUR, affected_module="FI")
        services.respond_first(incident=late, now=now - HOUR / 2, **by)  # answered half an hour late
        report(severity="P4", now=now - 20 * HOUR)  # its first response is at risk
        waits = report(severity="P3", now=now - 10 * HOUR)
        services.respond_first(incident=waits, now=now - 9 * HOUR, **by)
        services.wait(
            incident=waits, reason="Which?", owner_id=users["customer"].pk, now=now - 9 * HOUR, **by
        )
        over = report(severity="P2", now=now - 12 * HOUR)
        services.wait(incident=over, reason="Late", owner_id=users["customer"].pk, now=now - HOUR, **by)
        for close in (False, True):
            done = report(severity="P1", now=now - 8 * HOUR)
            services.resolve(incident=done, now=now - 2 * HOUR, **CAUSE, **by)
            if close:
                services.close(incident=Incident.objects.get(pk=done.pk), now=now - HOUR, **by)
        version = services.create_calendar(
            project=project, name="Office", definition=OFFICE, by=actors["manager"], now=now
        )
        targets = {severity: Target(60, 600, None) for severity in Severity.values}
        targets["P3"] = Target(60, 600, version.calendar_id)
        services.create_policy(project=project, targets=targets, by=actors["manager"], now=now)
        again = report(severity="P3", now=now)
        services.resolve(incident=again, now=now, **CAUSE, **by)
        services.reopen(incident=Incident.objects.get(pk=again.pk), now=now, **by)
        report(severity="P3", affected_module="MM")


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("role", MEMBERS)
def test_it_shows_of_open_incidents_what_the_list_shows(
    role: str,
    acme: Tenant,
    project: Project,
    users: dict[str, User],
    api: Api,
    board: Board,
    at_now: time_machine.Traveller,
    now: datetime,
) -> None:
    for later in (timedelta(0), 40 * HOUR, 90 * DAY):
        at_now.move_to(now + later)
        shown = {row["id"]: row for row in board(role)["incidents"]}
        url = f"{path(project, 'incidents')}?state=open&state=in_progress&state=waiting"
        listed = api(acme, users[role]).get(url).json()["results"]
        assert shown.keys() == {row["id"] for row in listed}
        for row in listed:
            ours = shown[row["id"]]
            same = ours.keys() & row.keys()
            assert {"title", "status", "assigned_to_name", "reported_by_name", "waiting_reason"} <= same
            here = {name: ours[name] for name in same - {"support_level"}}
            assert here == {name: row[name] for name in here}
            assert ours["support_level"] == row.get("support_level")
            assert ours["response"]["breached"] == row["sla_response_breached"]
            assert ours["resolution"]["breached"] == row["sla_resolution_breached"]
            assert ours["response"]["due_at"] == row["sla_response_deadline"]
            assert ours["resolution"]["due_at"] == row["sla_resolution_deadline"]


@pytest.mark.usefixtures("many")
def test_its_clocks_are_those_that_are_replayed(
    acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    with entering(acme):
        for later in (timedelta(0), timedelta(minutes=59), 40 * HOUR, 90 * DAY):
            board = services.war_room(project=project.pk, by=actors["agent"], now=now + later)
            assert board
            phases, round_the_clock = set(), set()
            for shown in board.incidents:
                row = Incident.objects.get(pk=shown.id)
                for clock, ours in (
                    (ClockKind.RESPONSE, shown.response),
                    (ClockKind.RESOLUTION, shown.resolution),
                ):
                    truth = clocks.read(row, clock, now + later)
                    phases.add(ours.phase)
                    round_the_clock.add(ours.round_the_clock)
                    assert (ours.phase, ours.due_at, ours.fulfilled_at, ours.breached) == (
                        *(truth.phase, truth.due_at, truth.fulfilled_at, truth.breached),
                    )
                    assert ours.target_seconds == truth.target.total_seconds()
                    assert ours.elapsed_seconds == truth.elapsed.total_seconds()
                    left = truth.remaining.total_seconds() if truth.phase is ClockPhase.PAUSED else None
                    assert ours.remaining_seconds == left
                    assert ours.round_the_clock == (truth.hours is None)
            assert phases == {ClockPhase.RUNNING, ClockPhase.PAUSED, ClockPhase.FULFILLED}
            assert round_the_clock == {True, False}


@pytest.mark.usefixtures("many")
def test_its_numbers_are_those_of_the_metrics(
    acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    with entering(acme):
        for later in (timedelta(0), 40 * HOUR):
            by, at = actors["agent"], now + later
            board, figures = (
                services.war_room(project=project.pk, by=by, now=at),
                services.metrics(project=project, by=by, now=at),
            )
            assert board
            assert board.trends
            assert {tile.severity.lower(): tile.open for tile in board.tiles} == figures.open_by_priority
            assert board.breached == sum(tile.breached for tile in board.tiles) == figures.sla_breached
            assert board.open_count == figures.backlog_age.count
            flow = [(day.day, day.inflow, day.outflow, day.reopened) for day in board.trends.days]
            assert flow == [(day.day, day.inflow, day.outflow, day.reopened) for day in figures.flow]
            assert board.trends.days[-1].open == board.open_count
            for before, day in zip(board.trends.days, board.trends.days[1:], strict=False):
                assert day.open == before.open + day.inflow + day.reopened - day.outflow
            assert sum(module.open for module in board.trends.modules) == board.open_count


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "America/Havana"])
def test_days_are_those_of_the_projects_zone_when_clocks_change_too(
    zone: str,
    acme: Tenant,
    project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    system: Actor,
    now: datetime,
) -> None:
    with entering(acme):
        services.change_project(project=project, time_zone=zone, by=actors["agent"], now=now)
        project.refresh_from_db()
        # Each half hour around the nights in which clocks change, in autumn and in spring.
        for at in (
            datetime(2026, 10, 25, tzinfo=UTC),
            datetime(2026, 4, 24, tzinfo=UTC),
            datetime(2026, 4, 5, tzinfo=UTC),
            datetime(2026, 11, 1, tzinfo=UTC),
        ):
            for step in range(-8, 40):
                report(now=at + step * HOUR / 2)
            moment = at + 3 * DAY
            board = services.war_room(project=project.pk, by=actors["agent"], now=moment)
            figures = services.metrics(project=project, by=actors["agent"], now=moment)
            assert board
            assert board.trends
            flow = [(day.day, day.inflow, day.outflow, day.reopened) for day in board.trends.days]
            assert flow == [(day.day, day.inflow, day.outflow, day.reopened) for day in figures.flow]


def test_trends_begin_with_the_go_live(
    acme: Tenant, project: Project, actors: dict[str, Actor], report: Callable[..., Incident], now: datetime
) -> None:
    report(now=now - 20 * DAY)
    with entering(acme):
        for go_live, days in ((now - 12 * DAY, 13), (now - 90 * DAY, 30), (now + DAY, 30)):
            services.change_project(project=project, go_live_at=go_live, by=actors["agent"], now=now)
            board = services.war_room(project=project.pk, by=actors["agent"], now=now)
            assert board
            assert board.trends
            assert len(board.trends.days) == days
            assert board.trends.days[-1].day == date(2026, 11, 18)
            assert (board.trends.days[0].open, board.project.go_live_day) == (
                (0 if days == 30 else 1),
                round((now - go_live) / DAY),
            )


def test_the_light_and_what_is_at_risk(
    report: Callable[..., Incident], board: Board, at_now: time_machine.Traveller, now: datetime
) -> None:
    assert board()["light"] == "green"
    report(severity="P4")
    assert board()["light"] == "green"
    report(severity="P2")
    first = board()
    assert (first["light"], first["breached"], first["at_risk"]) == ("amber", 0, 0)
    assert first["risk_percent"] == 80
    at_now.move_to(now + 0.8 * 4 * HOUR)  # of a P2's four hours
    risky = board()
    assert (risky["light"], risky["breached"], risky["at_risk"]) == ("amber", 0, 1)
    assert [row["is_at_risk"] for row in risky["incidents"]] == [True, False]
    assert risky["tiles"][1] == {
        "severity": "P2",
        "open": 1,
        "breached": 0,
        "at_risk": 1,
        "last_closed_at": None,
        "next_due_at": "2026-11-18T13:00:00Z",
    }
    at_now.move_to(now + 4 * HOUR)
    late = board()
    assert (late["light"], late["breached"], late["at_risk"]) == ("red", 1, 0)
    assert late["tiles"][1]["next_due_at"] == "2026-11-18T17:00:00Z", "the resolution, still to come"
    assert late["incidents"][0]["next_due_at"] == "2026-11-18T13:00:00Z", "the response, over"


@pytest.mark.usefixtures("many")
def test_worst_first_and_the_rest_is_counted(board: Board, users: dict[str, User]) -> None:
    whole = board()
    now = whole["at"]
    due = [row["next_due_at"] for row in whole["incidents"]]
    late = [
        (row["severity"], row["next_due_at"])
        for row in whole["incidents"]
        if (row["next_due_at"] or now) < now
    ]
    assert late == sorted(late)
    assert due[len(late) :] == sorted([at for at in due if at and at >= now]) + [None] * due.count(None)
    assert due[-1] is None, "of one that waits no clock runs"
    few = replace(settings.THRESHOLDS, war_room=replace(settings.THRESHOLDS.war_room, INCIDENTS=2, FEED=3))
    with override_settings(THRESHOLDS=few):
        cut = board()
    assert cut["incidents"] == whole["incidents"][:2]
    assert cut["incidents_left_out"] == len(whole["incidents"]) - 2
    assert cut["feed"] == whole["feed"][:3]
    assert {name: cut[name] for name in ("tiles", "light", "breached")} == {
        name: whole[name] for name in ("tiles", "light", "breached")
    }


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("role", MEMBERS)
def test_it_is_what_its_serializer_says(
    role: str, acme: Tenant, project: Project, users: dict[str, User], api: Api, board: Board, now: datetime
) -> None:
    told = board(role)
    with entering(acme):
        found = services.war_room(project=project.pk, by=actor(users[role], role), now=now)
        truth = json.loads(JSONRenderer().render(WarRoomSerializer(found).data))
    assert json.dumps(told) == json.dumps(truth), "the order of the fields too"
    client = api(acme, users[role])
    indented = client.get(path(project, "war-room"), headers={"accept": "application/json; indent=2"})
    assert indented.json() == told


def test_changes_come_with_what_the_reader_may_do(
    acme: Tenant,
    project: Project,
    users: dict[str, User],
    actors: dict[str, Actor],
    report: Callable[..., Incident],
    draft: Callable[..., ChangeRequest],
    board: Board,
    system: Actor,
    now: datetime,
    api: Api,
) -> None:
    incident = report()
    draft(title="Still a draft")
    pending = draft(submitted=True, severity="P1", incident_id=incident.pk)
    mine = draft(by=actors["customer"], title="The customer's")
    with entering(acme):
        member = project.members.get(user=users["manager"])
        services.change_member(member=member, is_board_member=True, by=system, now=now)
    shown = board("manager")["changes"]
    assert [row["key"] for row in shown] == ["CR-002", "CR-001", "CR-003"], "what waits for the board first"
    first = shown[0]
    assert (first["incident_key"], first["approvals"], first["quorum"]) == (incident.key, 0, 1)
    for role in ("agent", "manager", "customer"):
        client = api(acme, users[role])
        listed = {row["id"]: row for row in client.get(path(project, "change-requests")).json()["results"]}
        ours = {row["id"]: row for row in board(role)["changes"]}
        assert ours.keys() == listed.keys()
        for key, row in ours.items():
            assert row["allowed_actions"] == listed[key]["allowed_actions"]
            assert row["requested_by_name"] == listed[key]["requested_by_name"]
    assert [row["id"] for row in board("customer")["changes"]] == [str(mine.pk)]
    assert "approve" in first["allowed_actions"]
    with entering(acme):
        services.approve_change(change=pending, by=actors["manager"], now=now)
    approved = next(row for row in board("manager")["changes"] if row["id"] == str(pending.pk))
    assert (approved["status"], approved["approvals"]) == ("approved", 1)


def test_the_feed_says_what_just_happened_and_customers_see_the_public_part(
    acme: Tenant,
    project: Project,
    other_project: Project,
    users: dict[str, User],
    actors: dict[str, Actor],
    report: Callable[..., Incident],
    draft: Callable[..., ChangeRequest],
    board: Board,
    now: datetime,
    api: Api,
) -> None:
    incident = report()
    report(project=other_project, by=Actor.system("tests"))
    draft()
    grant = factories.GrantFactory(user=users["support"], tenant=acme)
    by = Actor.support(users["support"].pk, grant_id=grant.pk, writes=True)
    with entering(acme):
        services.add_comment(
            incident=incident, content="only us", is_internal=True, by=actors["agent"], now=now
        )
        services.add_comment(incident=incident, content="all of you", by=by, now=now)
        services.change_incident(
            incident=Incident.objects.get(pk=incident.pk),
            requires_change_request=True,
            by=actors["agent"],
            now=now,
        )
    ours = board("agent")
    verbs = [line["verb"] for line in ours["feed"]]
    assert verbs[0] == "incident.changed"
    assert {"incident.noted", "change.drafted", "incident.reported", "incident.commented"} < set(verbs)
    assert {line["key"] for line in ours["feed"]} == {incident.key, "CR-001"}
    assert [line["seq"] for line in ours["feed"]] == sorted(
        (line["seq"] for line in ours["feed"]), reverse=True
    )
    assert ours["seq"] >= ours["feed"][0]["seq"]
    noted = next(line for line in ours["feed"] if line["verb"] == "incident.noted")
    assert (noted["who"], noted["text"], noted["kind"]) == (
        *(users["agent"].name, "Internal comment written", "incident"),
    )
    theirs = board("customer")["feed"]
    listed = (
        api(acme, users["customer"])
        .get(path(project, "incidents", incident.pk, "timeline"))
        .json()["results"]
    )
    assert [line["seq"] for line in theirs] == [line["seq"] for line in reversed(listed)]
    assert {line["verb"] for line in theirs} >= {"incident.reported", "incident.commented"}
    support = next(line for line in theirs if line["verb"] == "incident.commented")
    assert support["who"] == "Support"
    assert board("customer")["trends"] is None


def test_words_are_the_readers(
    acme: Tenant, users: dict[str, User], report: Callable[..., Incident], board: Board
) -> None:
    report()
    User.objects.filter(pk=users["agent"].pk).update(language="tr")
    assert board("agent")["feed"][0]["text"] != board("manager")["feed"][0]["text"]


@pytest.mark.parametrize("role", ["customer", "agent"])
def test_a_hundred_open_incidents_cost_as_many_statements_as_ten(
    role: str,
    acme: Tenant,
    project: Project,
    users: dict[str, User],
    report: Callable[..., Incident],
    draft: Callable[..., ChangeRequest],
    api: Api,
) -> None:
    client, url = api(acme, users[role]), path(project, "war-room")
    costs = []
    for rows in (10, 90):
        for _ in range(rows):
            draft(incident_id=report().pk)
        client.get(url)
        with CaptureQueriesContext(connection) as seen:
            assert client.get(url).status_code == 200
        costs.append(len([sql for sql in asked(seen) if "tenancy_domain" not in sql]))
    # The token with its user and role; the project with all about it; its open incidents.
    assert costs == [3, 3]


def test_what_is_not_theirs_is_not_there(
    acme: Tenant,
    globex: Tenant,
    project: Project,
    other_project: Project,
    users: dict[str, User],
    api: Api,
) -> None:
    assert api(acme).get(path(project, "war-room")).status_code == 401
    assert api(acme, users["agent"]).get(path(other_project, "war-room")).status_code == 404
    assert api(globex, factories.member(globex, "agent")).get(path(project, "war-room")).status_code == 404
    assert api(acme, users["support"]).get(path(project, "war-room")).status_code == 403
    assert api(acme, users["agent"]).post(path(project, "war-room")).status_code == 405
    wrong = f"{path(project, 'war-room')}?program={other_project.pk}"
    assert api(acme, users["agent"]).get(wrong).status_code == 400
    factories.GrantFactory(user=users["support"], tenant=acme)
    seen = api(acme, users["support"]).get(path(other_project, "war-room")).json()
    assert seen["is_ours"] is True
    assert seen["may"] == dict.fromkeys(("report", "comment_internally", "assign", "draft_change"), False)


def test_an_empty_project_is_a_quiet_one(board: Board) -> None:
    quiet = board("customer")
    assert (quiet["light"], quiet["open_count"], quiet["incidents"], quiet["changes"]) == ("green", 0, [], [])
    assert [tile["severity"] for tile in quiet["tiles"]] == ["P1", "P2", "P3", "P4"]
    assert quiet["may"] == {
        "report": True,
        "comment_internally": False,
        "assign": False,
        "draft_change": True,
    }
    assert quiet["role"] == "customer"
    assert quiet["is_ours"] is False
