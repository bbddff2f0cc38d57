"""A change request's life by its services: each move, each refusal, and what an edit does to votes."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from hypercare import services
from hypercare.models import ChangeRequest, ChangeVote, Incident, Project, ProjectMember
from hypercare.rules import STEPS, day_of, is_quorum_possible
from hypercare.states import CHANGE_MOVES, ChangeState
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.errors import Conflict, Invalid, NotAllowed, Stale
from tenancy.journal.models import Event, EventPersonal
from tenancy.models import Delivery, Tenant, User
from tenancy.states import Role
from tenancy.transactions import atomic
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_acme")]
Draft = Callable[..., ChangeRequest]
Board = Callable[..., dict[str, Actor]]
DAY = timedelta(days=1)


def verbs(change: ChangeRequest) -> list[str]:
    return list(
        Event.objects.filter(subject=f"changerequest:{change.pk}")
        .order_by("seq")
        .values_list("verb", flat=True)
    )


def newest(verb: str) -> Event:
    return Event.objects.filter(verb=verb).latest("seq")


def recipients(message: str) -> list[str]:
    return sorted(Delivery.objects.filter(message=message).values_list("recipient", flat=True))


def names(*actors: Actor) -> list[str]:
    return sorted(f"user:{actor.user_id}" for actor in actors)


@pytest.fixture
def at(
    draft: Draft, board: Board, actors: dict[str, Actor], now: datetime
) -> Callable[[str], tuple[ChangeRequest, Actor]]:
    """`at("approved")` gives a change request in that state, and somebody of its board who has not voted since."""
    common: dict[str, Any] = {"now": now}

    def make(state: str) -> tuple[ChangeRequest, Actor]:
        seat = board("manager")["manager"]
        agent = {"by": actors["agent"], **common}
        change = draft(submitted=state != "draft")
        if state == "rejected":
            change = services.reject_change(change=change, reason="Not now", by=seat, **common)
        elif state not in ("draft", "pending_approval"):
            change = services.approve_change(change=change, by=seat, **common)
        if state in ("in_progress", "implemented", "closed"):
            change = services.start_change(change=change, **agent)
        if state in ("implemented", "closed"):
            change = services.implement_change(change=change, test_evidence="Posted one", **agent)
        if state == "closed":
            change = services.close_change(change=change, **agent)
        assert change.state == state
        return change, board("admin")["admin"]

    return make


# ---- the way through -------------------------------------------------------------------------------------------


def test_a_change_request_goes_its_whole_way(
    draft: Draft, board: Board, actors: dict[str, Actor], now: datetime
) -> None:
    seat, agent = board("customer")["customer"], actors["agent"]
    change = draft(
        title="  Open the posting period ",
        severity="P2",
        affected_module="fi",
        planned_implementation_date=now.date(),
    )
    assert (change.key, change.state, change.severity) == ("CR-001", "draft", "P2")
    assert (change.title, change.affected_module) == ("Open the posting period", "FI")
    assert (change.requested_by_id, change.created_at, change.version) == (agent.user_id, now, 1)
    change = services.submit_change(change=change, by=agent, now=now + DAY)
    assert (change.state, change.submitted_by_id, change.submitted_at) == (
        "pending_approval",
        agent.user_id,
        now + DAY,
    )
    change = services.approve_change(change=change, by=seat, now=now + 2 * DAY)
    assert (change.state, change.approved_by_id, change.approved_at) == (
        "approved",
        seat.user_id,
        now + 2 * DAY,
    )
    change = services.start_change(change=change, by=agent, now=now + 3 * DAY)
    assert (change.state, change.started_by_id, change.started_at) == (
        "in_progress",
        agent.user_id,
        now + 3 * DAY,
    )
    change = services.implement_change(change=change, test_evidence="Posted one", by=agent, now=now + 4 * DAY)
    assert (change.state, change.implemented_by_id, change.test_evidence) == (
        "implemented",
        agent.user_id,
        "Posted one",
    )
    assert change.actual_implementation_date == date(2026, 11, 22)
    change = services.close_change(change=change, by=agent, now=now + 5 * DAY)
    assert (change.state, change.closed_by_id, change.closed_at) == ("closed", agent.user_id, now + 5 * DAY)
    assert change.version == 6
    steps = ("drafted", "submitted", "approved", "started", "implemented", "closed")
    assert verbs(change) == [f"change.{step}" for step in steps]
    assert newest("change.approved").data == {
        "from": "pending_approval",
        "to": "approved",
        "approvals": 1,
        "quorum": 1,
    }
    assert newest("change.closed").scope == change.project_id


def test_numbers_follow_each_other_across_projects(draft: Draft, other_project: Project) -> None:
    keys = [draft().key, draft(project=other_project).key, draft().key]
    assert keys == ["CR-001", "CR-002", "CR-003"]


def test_numbers_start_anew_in_each_tenant(
    draft: Draft, globex: Tenant, system: Actor, now: datetime
) -> None:
    draft()
    with entering(globex):
        program = services.create_program(code="ERP", name="ERP", by=system, now=now)
        project = services.create_project(program=program, code="FI-1", name="FI", by=system, now=now)
        theirs = services.draft_change(
            project=project, title="Theirs", change_type="data", by=system, now=now
        )
    assert theirs.key == "CR-001"
    assert theirs.requested_by_id is None


def test_a_draft_that_is_refused_takes_no_number(draft: Draft, now: datetime) -> None:
    with pytest.raises(Invalid):
        draft(planned_implementation_date=now.date() - DAY)
    with pytest.raises(Invalid):
        draft(incident_id=uuid4())
    assert draft().number == 1


def test_a_rejected_one_is_drafted_anew_and_voted_on_anew(
    draft: Draft, board: Board, actors: dict[str, Actor], now: datetime
) -> None:
    seat, agent = board("manager")["manager"], actors["agent"]
    change = draft(submitted=True)
    change = services.reject_change(change=change, reason=" Month end ", by=seat, now=now)
    assert (change.state, change.rejected_by_id, change.rejection_reason) == (
        "rejected",
        seat.user_id,
        "Month end",
    )
    event = newest("change.rejected")
    assert event.data == {"from": "pending_approval", "to": "rejected"}
    assert EventPersonal.objects.get(event_id=event.pk).data == {"reason": "Month end"}
    change = services.redraft_change(change=change, by=agent, now=now)
    assert (change.state, change.rejected_by_id, change.rejection_reason) == ("draft", None, "")
    assert (change.submitted_at, change.submitted_by_id) == (None, None)
    change = services.submit_change(change=change, by=agent, now=now)
    change = services.approve_change(change=change, by=seat, now=now)
    assert change.state == "approved"
    assert list(ChangeVote.objects.values_list("vote", "voided_at")) == [("reject", now), ("approve", None)]


# ---- who may ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["customer", "agent", "manager", "admin"])
def test_everybody_drafts_and_edits_their_own_draft(
    role: str, draft: Draft, actors: dict[str, Actor], now: datetime
) -> None:
    change = draft(by=actors[role])
    edited = services.edit_change(change=change, title="Better", by=actors[role], now=now)
    assert (edited.title, edited.version) == ("Better", 2)


def test_a_customer_edits_their_own_draft_and_no_more(
    draft: Draft, board: Board, actors: dict[str, Actor], now: datetime
) -> None:
    customer, agent = actors["customer"], actors["agent"]
    seat = board("manager")["manager"]
    with pytest.raises(NotAllowed):
        services.edit_change(change=draft(), title="Mine now", by=customer, now=now)
    own = draft(by=customer)
    with pytest.raises(NotAllowed):
        services.submit_change(change=own, by=customer, now=now)
    services.submit_change(change=own, by=agent, now=now)
    with pytest.raises(NotAllowed):
        services.edit_change(change=own, title="Later", by=customer, now=now)
    services.reject_change(change=own, reason="No", by=seat, now=now)
    other = draft(submitted=True)
    services.reject_change(change=other, reason="No", by=seat, now=now)
    with pytest.raises(NotAllowed):
        services.redraft_change(change=other, by=customer, now=now)
    assert services.redraft_change(change=own, by=customer, now=now).state == "draft"


@pytest.mark.parametrize("step", ["submit", "start", "implement", "close"])
def test_the_steps_of_agents_are_not_for_customers(
    step: str, at: Callable[[str], tuple[ChangeRequest, Actor]], board: Board, now: datetime
) -> None:
    change, _seat = at(STEPS[step][0])
    with pytest.raises(NotAllowed):
        take(step, change, by=board("customer")["customer"], now=now)


def take(step: str, change: ChangeRequest, **given: Any) -> ChangeRequest:
    extra = {
        "edit": {"title": "Another"},
        "reject": {"reason": "No"},
        "implement": {"test_evidence": "Seen"},
    }
    service: Callable[..., ChangeRequest] = getattr(services, f"{step}_change")
    return service(change=change, **(extra.get(step, {}) | given))


@pytest.mark.parametrize("step", ["approve", "reject"])
def test_the_board_decides_and_nobody_on_their_own(
    step: str,
    draft: Draft,
    board: Board,
    actors: dict[str, Actor],
    project: Project,
    system: Actor,
    now: datetime,
) -> None:
    seat = board("agent")["agent"]
    change = draft(submitted=True)
    for role in ("customer", "agent", "manager", "admin"):  # none of them sits on the board
        with pytest.raises(NotAllowed) as refused:
            take(step, change, by=actors[role], now=now)
        assert refused.value.code == "not_allowed"
    support = Actor.support(99, grant_id=1, writes=True)
    for stranger in (system, support):
        with pytest.raises(NotAllowed):
            take(step, change, by=stranger, now=now)
    own = draft(by=seat, submitted=False)
    services.submit_change(change=own, by=actors["agent"], now=now)
    with pytest.raises(NotAllowed) as refused:
        take(step, own, by=seat, now=now)
    assert refused.value.code == "own_change_request"
    ProjectMember.objects.filter(user=seat.user_id).update(is_board_member=False)
    with pytest.raises(NotAllowed):
        take(step, change, by=seat, now=now)
    assert not ChangeVote.objects.exists()


@pytest.mark.parametrize("step", ["submit", "start", "implement", "close"])
def test_a_deed_is_a_persons(
    step: str, at: Callable[[str], tuple[ChangeRequest, Actor]], system: Actor, now: datetime
) -> None:
    change, _seat = at(STEPS[step][0])
    with pytest.raises(NotAllowed):
        take(step, change, by=system, now=now)
    change.refresh_from_db()
    assert change.state == STEPS[step][0]


@pytest.mark.parametrize("step", STEPS)
def test_read_only_access_does_nothing(
    step: str, at: Callable[[str], tuple[ChangeRequest, Actor]], now: datetime
) -> None:
    change, _seat = at(STEPS[step][0])
    with pytest.raises(NotAllowed):
        take(step, change, by=Actor.support(99, grant_id=1, writes=False), now=now)


# ---- states ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ChangeState.values)
def test_each_step_is_taken_from_its_states_and_refused_in_the_others(
    state: str, at: Callable[[str], tuple[ChangeRequest, Actor]], actors: dict[str, Actor], now: datetime
) -> None:
    for step, states in STEPS.items():
        change, seat = at(state)
        by = seat if step in ("approve", "reject") else actors["agent"]
        if state in states:
            moved = take(step, change, by=by, now=now)
            assert moved.version > change.version
            assert moved.state == state or moved.state in CHANGE_MOVES[state]
        else:
            with pytest.raises(Conflict) as refused:
                take(step, change, by=by, now=now)
            assert (refused.value.state, refused.value.legal_moves) == (state, CHANGE_MOVES[state])
            change.refresh_from_db()
            assert change.state == state


@pytest.mark.parametrize("step", STEPS)
def test_a_version_that_is_not_the_rows_is_stale(
    step: str, at: Callable[[str], tuple[ChangeRequest, Actor]], actors: dict[str, Actor], now: datetime
) -> None:
    change, seat = at(STEPS[step][0])
    by = seat if step in ("approve", "reject") else actors["agent"]
    with pytest.raises(Stale) as refused:
        take(step, change, version=change.version + 1, by=by, now=now)
    assert refused.value.version == change.version
    assert take(step, change, version=change.version, by=by, now=now).version > change.version


# ---- the board and its quorum -----------------------------------------------------------------------------------


def test_a_quorum_of_two_takes_two_people(
    draft: Draft, board: Board, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    seats = board("customer", "manager", "agent")
    services.set_quorum(project=project, quorum=2, by=actors["manager"], now=now)
    change = draft(submitted=True)
    change = services.approve_change(change=change, by=seats["customer"], now=now)
    assert (change.state, change.approved_at, change.version) == ("pending_approval", None, 2)
    with pytest.raises(Conflict) as refused:
        services.approve_change(change=change, by=seats["customer"], now=now)
    assert refused.value.code == "voted"
    with pytest.raises(Conflict):
        services.reject_change(change=change, reason="On second thought", by=seats["customer"], now=now)
    change = services.approve_change(change=change, by=seats["agent"], now=now + DAY)
    assert (change.state, change.approved_by_id, change.approved_at) == (
        "approved",
        seats["agent"].user_id,
        now + DAY,
    )
    assert verbs(change)[-2:] == ["change.voted", "change.approved"]


def test_one_rejection_rejects_whatever_the_quorum(
    draft: Draft, board: Board, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    seats = board("customer", "manager")
    services.set_quorum(project=project, quorum=2, by=actors["manager"], now=now)
    change = draft(submitted=True)
    services.approve_change(change=change, by=seats["customer"], now=now)
    for blank in ("", "  "):
        with pytest.raises(Invalid) as refused:
            services.reject_change(change=change, reason=blank, by=seats["manager"], now=now)
        assert set(refused.value.fields) == {"reason"}
    change = services.reject_change(change=change, reason="Freeze", by=seats["manager"], now=now)
    assert change.state == "rejected"


def test_who_left_the_board_does_not_count_until_they_are_back(
    draft: Draft, board: Board, project: Project, actors: dict[str, Actor], system: Actor, now: datetime
) -> None:
    seats = board("customer", "manager", "agent")
    services.set_quorum(project=project, quorum=2, by=actors["manager"], now=now)
    change = draft(submitted=True)
    services.approve_change(change=change, by=seats["customer"], now=now)
    member = ProjectMember.objects.get(user=seats["customer"].user_id)
    services.change_member(member=member, is_board_member=False, by=system, now=now)
    change = services.approve_change(change=change, by=seats["manager"], now=now)
    assert change.state == "pending_approval"
    services.change_member(member=member, is_board_member=True, by=system, now=now)
    change.refresh_from_db()
    assert (change.state, change.approved_by_id) == ("approved", seats["manager"].user_id)


def test_who_lost_their_access_is_no_board_member(
    draft: Draft, board: Board, project: Project, users: dict[str, User], now: datetime
) -> None:
    seats = board("customer", "manager")
    change = draft(submitted=True)
    User.objects.filter(pk=seats["manager"].user_id or 0).update(is_active=False)
    assert services.board_of(project) == {seats["customer"].user_id}
    with pytest.raises(NotAllowed):
        services.approve_change(change=change, by=seats["manager"], now=now)
    User.objects.get(pk=seats["customer"].user_id or 0).memberships.all().delete()
    assert services.board_of(project) == set()


def test_the_quorum_is_between_one_and_the_boards_size(
    board: Board, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    by: dict[str, Any] = {"by": actors["manager"], "now": now}
    for quorum in (0, 2):
        with pytest.raises(Invalid) as refused:
            services.set_quorum(project=project, quorum=quorum, **by)
        assert set(refused.value.fields) == {"change_quorum"}
    board("customer", "manager")
    assert services.set_quorum(project=project, quorum=2, **by).change_quorum == 2
    assert newest("project.changed").data == {"change_quorum": [1, 2]}
    with pytest.raises(Invalid):
        services.set_quorum(project=project, quorum=3, **by)
    count = Event.objects.count()
    services.set_quorum(project=project, quorum=2, **by)
    assert Event.objects.count() == count
    for role in ("customer", "agent"):
        with pytest.raises(NotAllowed):
            services.set_quorum(project=project, quorum=1, by=actors[role], now=now)


def test_a_project_is_changed_with_its_quorum_or_not_at_all(
    board: Board, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    board("customer", "manager")
    with pytest.raises(NotAllowed):
        services.change_project(project=project, name="Ledger", change_quorum=2, by=actors["agent"], now=now)
    with pytest.raises(Invalid):
        services.change_project(
            project=project, name="Ledger", change_quorum=9, by=actors["manager"], now=now
        )
    project.refresh_from_db()
    assert (project.name, project.change_quorum) == ("Finance", 1)
    changed = services.change_project(
        project=project, name="Ledger", change_quorum=2, by=actors["manager"], now=now
    )
    assert (changed.name, changed.change_quorum) == ("Ledger", 2)


def test_a_lower_quorum_approves_what_has_its_approvals(
    draft: Draft, board: Board, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    seats = board("customer", "manager")
    services.set_quorum(project=project, quorum=2, by=actors["manager"], now=now)
    enough, none = draft(submitted=True), draft(submitted=True)
    services.approve_change(change=enough, by=seats["customer"], now=now)
    services.set_quorum(project=project, quorum=1, by=actors["manager"], now=now + DAY)
    enough.refresh_from_db()
    none.refresh_from_db()
    assert (enough.state, enough.approved_by_id, enough.approved_at) == (
        "approved",
        seats["customer"].user_id,
        now + DAY,
    )
    assert none.state == "pending_approval"
    assert newest("change.approved").actor_id == actors["manager"].user_id


def test_nobody_leaves_a_board_that_needs_them(
    board: Board, project: Project, actors: dict[str, Actor], system: Actor, now: datetime
) -> None:
    seats = board("customer", "manager")
    services.set_quorum(project=project, quorum=2, by=actors["manager"], now=now)
    member = ProjectMember.objects.get(user=seats["customer"].user_id)
    for leave in (
        lambda: services.change_member(member=member, is_board_member=False, by=system, now=now),
        lambda: services.remove_member(member=member, by=system, now=now),
    ):
        with pytest.raises(Conflict) as refused:
            leave()
        assert refused.value.state == "quorum"
    services.change_member(member=member, support_level="L1", is_board_member=True, by=system, now=now)
    services.set_quorum(project=project, quorum=1, by=actors["manager"], now=now)
    services.remove_member(member=member, by=system, now=now)
    last = ProjectMember.objects.get(user=seats["manager"].user_id)
    services.change_member(member=last, is_board_member=False, by=system, now=now)
    assert services.board_of(project) == set()


# ---- edits -----------------------------------------------------------------------------------------------------


def test_an_edit_voids_the_votes_and_an_approved_one_goes_back(
    draft: Draft, board: Board, actors: dict[str, Actor], now: datetime
) -> None:
    seat, agent = board("manager")["manager"], actors["agent"]
    change = draft(submitted=True)
    change = services.approve_change(change=change, by=seat, now=now)
    edited = services.edit_change(change=change, rollback_plan="Restore the backup", by=agent, now=now + DAY)
    assert (edited.state, edited.approved_at, edited.approved_by_id) == ("pending_approval", None, None)
    assert edited.version == change.version + 1
    assert ChangeVote.objects.get().voided_at == now + DAY
    assert newest("change.voided").data == {
        "voters": [seat.user_id],
        "from": "approved",
        "to": "pending_approval",
    }
    assert newest("change.changed").data == {"texts": ["rollback_plan"]}
    with pytest.raises(Conflict):
        services.start_change(change=edited, by=agent, now=now)
    assert services.approve_change(change=edited, by=seat, now=now + DAY).state == "approved"


def test_an_edit_of_a_pending_one_voids_the_votes_so_far(
    draft: Draft, board: Board, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    seats = board("customer", "manager")
    services.set_quorum(project=project, quorum=2, by=actors["manager"], now=now)
    change = draft(submitted=True)
    services.approve_change(change=change, by=seats["customer"], now=now)
    services.edit_change(change=change, severity="P1", by=actors["agent"], now=now)
    assert newest("change.changed").data == {"severity": ["P3", "P1"]}
    assert newest("change.voided").data == {"voters": [seats["customer"].user_id]}
    change = services.approve_change(change=change, by=seats["manager"], now=now)
    assert change.state == "pending_approval"
    assert services.approve_change(change=change, by=seats["customer"], now=now).state == "approved"


def test_an_edit_of_nothing_is_none(
    draft: Draft, board: Board, actors: dict[str, Actor], now: datetime
) -> None:
    seat = board("manager")["manager"]
    change = services.approve_change(change=draft(submitted=True), by=seat, now=now)
    same = services.edit_change(
        change=change, title=f" {change.title} ", severity="P3", by=actors["agent"], now=now
    )
    assert (same.state, same.version) == ("approved", change.version)
    assert "change.changed" not in verbs(change)


def test_wrong_input_is_named(draft: Draft, actors: dict[str, Actor], now: datetime) -> None:
    for given, field in (
        ({"title": " "}, "title"),
        ({"change_type": ""}, "change_type"),
        ({"planned_implementation_date": now.date() - DAY}, "planned_implementation_date"),
    ):
        with pytest.raises(Invalid) as refused:
            draft(**given)
        assert set(refused.value.fields) == {field}
    change = draft(planned_implementation_date=now.date())
    by: dict[str, Any] = {"by": actors["agent"], "now": now}
    with pytest.raises(Invalid):
        services.edit_change(change=change, title="", **by)
    with pytest.raises(Invalid):
        services.edit_change(change=change, planned_implementation_date=now.date() - DAY, **by)
    # A plan that has passed by itself does not stand in the way of other edits.
    late = {**by, "now": now + 3 * DAY}
    edited = services.edit_change(
        change=change, planned_implementation_date=now.date(), description="Late", **late
    )
    assert edited.description == "Late"
    assert (
        services.edit_change(
            change=edited, planned_implementation_date=None, **late
        ).planned_implementation_date
        is None
    )


def test_a_way_back_is_needed_once_it_is_no_draft(
    draft: Draft, actors: dict[str, Actor], now: datetime
) -> None:
    by: dict[str, Any] = {"by": actors["agent"], "now": now}
    change = draft(rollback_plan=" ")
    with pytest.raises(Invalid) as refused:
        services.submit_change(change=change, **by)
    assert set(refused.value.fields) == {"rollback_plan"}
    services.edit_change(change=change, rollback_plan="Close it", **by)
    services.edit_change(change=change, rollback_plan="", **by)
    services.edit_change(change=change, rollback_plan="Close it", **by)
    services.submit_change(change=change, **by)
    with pytest.raises(Invalid) as refused:
        services.edit_change(change=change, rollback_plan=" ", **by)
    assert set(refused.value.fields) == {"rollback_plan"}


# ---- implementing ----------------------------------------------------------------------------------------------


def test_a_required_test_needs_its_evidence_and_no_day_is_in_the_future(
    at: Callable[[str], tuple[ChangeRequest, Actor]], actors: dict[str, Actor], now: datetime
) -> None:
    change, _seat = at("in_progress")
    by: dict[str, Any] = {"by": actors["agent"], "now": now}
    for evidence in (None, "", "  "):
        with pytest.raises(Invalid) as refused:
            services.implement_change(change=change, test_evidence=evidence, **by)
        assert set(refused.value.fields) == {"test_evidence"}
    with pytest.raises(Invalid) as refused:
        services.implement_change(
            change=change, test_evidence="Seen", actual_implementation_date=now.date() + DAY, **by
        )
    assert set(refused.value.fields) == {"actual_implementation_date"}
    done = services.implement_change(
        change=change, test_evidence="Seen", actual_implementation_date=now.date() - DAY, **by
    )
    assert done.actual_implementation_date == now.date() - DAY


def test_evidence_given_before_is_enough_and_so_is_that_none_is_needed(
    draft: Draft, board: Board, actors: dict[str, Actor], now: datetime
) -> None:
    seat, agent = board("manager")["manager"], actors["agent"]
    for given in ({"test_evidence": "Seen in Q"}, {"test_required": False}):
        change = draft(submitted=True, **given)
        services.approve_change(change=change, by=seat, now=now)
        services.start_change(change=change, by=agent, now=now)
        done = services.implement_change(change=change, by=agent, now=now)
        assert (done.state, done.test_evidence) == ("implemented", given.get("test_evidence", ""))


def test_today_is_the_projects(
    at: Callable[[str], tuple[ChangeRequest, Actor]], actors: dict[str, Actor], now: datetime
) -> None:
    change, _seat = at("in_progress")
    late = now.replace(hour=22)  # past midnight in Istanbul
    done = services.implement_change(change=change, test_evidence="Seen", by=actors["agent"], now=late)
    assert done.actual_implementation_date == late.date() + DAY
    assert day_of(late, change.project.time_zone) == late.date() + DAY


def test_one_approval_is_always_possible_and_more_when_the_board_is_as_large() -> None:
    assert is_quorum_possible(1, [])
    assert is_quorum_possible(2, [1, 2])
    assert not is_quorum_possible(0, [1])
    assert not is_quorum_possible(2, [1])


# ---- incidents -------------------------------------------------------------------------------------------------


def test_a_draft_from_an_incident_is_linked_to_it(
    draft: Draft, report: Callable[..., Incident], actors: dict[str, Actor]
) -> None:
    incident = report()
    change = draft(incident_id=incident.pk)
    before = incident.version
    incident.refresh_from_db()
    assert (incident.change_request_id, incident.requires_change_request) == (change.pk, True)
    assert incident.version == before + 1
    event = Event.objects.filter(subject=f"incident:{incident.pk}").latest("seq")
    assert (event.verb, event.data) == (
        "incident.changed",
        {"change_request_id": [None, str(change.pk)], "requires_change_request": [False, True]},
    )
    assert newest("change.drafted").data["incident"] == str(incident.pk)
    own = report()
    assert draft(incident_id=own.pk, by=actors["customer"]).incidents.get() == own


def test_an_incident_that_cannot_be_linked_is_named(
    draft: Draft,
    report: Callable[..., Incident],
    other_project: Project,
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    linked, closed, by_agent = report(), report(), report(by=actors["agent"])
    draft(incident_id=linked.pk)
    agent: dict[str, Any] = {"by": actors["agent"], "now": now}
    services.resolve(incident=closed, root_cause="x", resolution_notes="y", **agent)
    services.close(incident=closed, **agent)
    for incident_id in (uuid4(), report(project=other_project).pk, linked.pk, closed.pk):
        with pytest.raises(Invalid) as refused:
            draft(incident_id=incident_id)
        assert set(refused.value.fields) == {"incident_id"}
    with pytest.raises(NotAllowed):
        draft(incident_id=by_agent.pk, by=actors["customer"])
    assert ChangeRequest.objects.count() == 1


# ---- reading ---------------------------------------------------------------------------------------------------


def test_customers_see_their_own_and_on_the_board_all(
    draft: Draft, board: Board, actors: dict[str, Actor], acme: Tenant, other_project: Project, system: Actor
) -> None:
    mine, theirs, elsewhere = draft(by=actors["customer"]), draft(), draft(project=other_project)

    def seen(by: Actor) -> set[ChangeRequest]:
        return set(ChangeRequest.objects.visible_to(by, acme))

    assert seen(actors["customer"]) == {mine}
    assert seen(board("customer")["customer"]) == {mine, theirs}
    for role in ("agent", "manager", "admin"):
        assert seen(actors[role]) == {mine, theirs}
    assert seen(system) == {mine, theirs, elsewhere}
    stranger = factories.member(acme, "agent")
    assert seen(Actor.member(stranger.pk, Role.AGENT)) == set()


def test_the_story_is_shorter_for_customers(
    draft: Draft, board: Board, actors: dict[str, Actor], now: datetime
) -> None:
    seat = board("customer")["customer"]
    change = draft(submitted=True)
    services.approve_change(change=change, by=seat, now=now)
    services.edit_change(change=change, title="Other", by=actors["agent"], now=now)
    told = ["drafted", "submitted", "approved", "changed", "voided"]
    for by in (actors["agent"], seat):
        story = services.change_timeline(change=change, by=by)
        assert [event.verb for event in story] == [f"change.{verb}" for verb in told]
    with pytest.raises(NotAllowed):
        services.change_timeline(change=change, by=actors["customer"])
    assert services.public_change_data("change.voided", newest("change.voided").data) == {
        "from": "approved",
        "to": "pending_approval",
    }
    assert services.public_change_data("change.whispered", {"from": "draft"}) == {}


def test_what_is_allowed_is_what_the_verbs_allow(
    at: Callable[[str], tuple[ChangeRequest, Actor]],
    actors: dict[str, Actor],
    project: Project,
    now: datetime,
) -> None:
    for state in ChangeState.values:
        change, seat = at(state)
        board = services.board_of(project)
        for by in (*actors.values(), seat, Actor.support(99, grant_id=1, writes=False)):
            voted = ChangeVote.objects.filter(change_request=change, user=by.user_id, voided_at=None).exists()
            allowed = services.allowed_actions(change, by=by, on_board=by.user_id in board, has_voted=voted)
            for step in STEPS:
                assert (step in allowed) == is_taken(step, change, by=by, now=now), (state, by, step)


class _Undone(Exception):
    pass


def is_taken(step: str, change: ChangeRequest, *, by: Actor, now: datetime) -> bool:
    """Whether the verb is done; and then it is undone."""
    try:
        with atomic(savepoint=True):
            take(step, change, by=by, now=now)
            raise _Undone
    except _Undone:
        return True
    except (NotAllowed, Conflict):
        return False


def test_search_finds_numbers_and_words(draft: Draft) -> None:
    istanbul = draft(title="İSTANBUL depot", affected_module="mm")
    other = draft(title="Lot 1 of 5", description="Işık")

    def found(text: str) -> set[ChangeRequest]:
        return set(ChangeRequest.objects.all().search(text))

    assert found("istanbul") == found("CR-001") == found("cr1") == found("MM Depot") == {istanbul}
    assert found("isik") == found("cr-002") == {other}
    assert found("1") == {istanbul, other}  # a number of one, a word of the other
    assert found("cr-1") == {istanbul}
    assert found("depot cr-2") == set()
    assert found("") == {istanbul, other}
    assert found("100%") == set()


# ---- who is told -----------------------------------------------------------------------------------------------


def test_each_is_told_what_is_theirs_to_know(
    draft: Draft, board: Board, actors: dict[str, Actor], project: Project, now: datetime
) -> None:
    seats = board("customer", "manager")
    agent = actors["agent"]
    change = draft(by=seats["customer"])
    services.submit_change(change=change, by=agent, now=now)
    assert recipients("change.submitted") == names(seats["manager"])
    services.approve_change(change=change, by=seats["manager"], now=now)
    assert recipients("change.approved") == names(seats["customer"], agent)
    services.edit_change(change=change, title="Other", by=agent, now=now)
    assert recipients("change.voided") == names(seats["manager"])
    services.approve_change(change=change, by=seats["manager"], now=now)
    services.start_change(change=change, by=agent, now=now)
    services.implement_change(change=change, test_evidence="Seen", by=agent, now=now)
    assert recipients("change.implemented") == names(seats["customer"])
    other = draft(by=seats["customer"])
    services.submit_change(change=other, by=agent, now=now)
    services.reject_change(change=other, reason="No", by=seats["manager"], now=now)
    assert recipients("change.rejected") == names(seats["customer"], agent)


def test_nobody_is_told_what_they_did(
    draft: Draft, board: Board, actors: dict[str, Actor], now: datetime
) -> None:
    seat = board("agent")["agent"]
    change = draft()
    services.submit_change(change=change, by=seat, now=now)
    services.approve_change(change=change, by=seat, now=now)
    assert recipients("change.approved") == names(actors["agent"])
    services.edit_change(change=change, title="Other", by=seat, now=now)
    assert recipients("change.voided") == []


# ---- projects --------------------------------------------------------------------------------------------------


def test_a_project_that_holds_anything_is_not_deleted(
    draft: Draft, project: Project, other_project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    draft(project=other_project)
    with pytest.raises(Conflict, match="change requests") as refused:
        services.delete_project(project=other_project, by=actors["agent"], now=now)
    assert refused.value.state == "in_use"
    services.create_backlog_item(
        project=project, kind="W", key="W-1", title="Flow", by=actors["agent"], now=now
    )
    with pytest.raises(Conflict, match="backlog items"):
        services.delete_project(project=project, by=actors["agent"], now=now)
