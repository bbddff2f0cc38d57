"""Change requests under any order of verbs: no state but by the legal moves, no approval but by the quorum."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hypercare import services
from hypercare.models import ChangeRequest, ChangeVote, Project
from hypercare.rules import STEPS
from hypercare.states import CHANGE_MOVES, ChangeState
from tenancy.actors import Actor
from tenancy.chains import verify
from tenancy.errors import Conflict, NotAllowed, Stale
from tenancy.journal.models import Event
from tenancy.models import Tenant

pytestmark = pytest.mark.django_db
SEATS = ("customer", "manager", "admin")


class ChangeMachine(RuleBasedStateMachine):
    """One change request of one of the board, and what a plain model says of it."""

    project: ClassVar[Project]
    agent: ClassVar[Actor]
    seats: ClassVar[dict[str, Actor]]
    now: ClassVar[datetime]

    @initialize(quorum=st.integers(1, len(SEATS) - 1))
    def begin(self, quorum: int) -> None:
        services.set_quorum(project=self.project, quorum=quorum, by=Actor.system("tests"), now=self.now)
        self.quorum, self.edits = quorum, 0
        self.state: str = ChangeState.DRAFT
        self.approvers: set[str] = set()
        self.change = services.draft_change(
            project=self.project,
            title="Any",
            change_type="config",
            rollback_plan="Back",
            by=self.seats["admin"],
            now=self.now,
        )

    def take(self, step: str, by: Actor, **given: Any) -> bool:
        """Whether the verb was done, and not refused because of the state."""
        before = self.state
        service: Callable[..., ChangeRequest] = getattr(services, f"{step}_change")
        try:
            after = service(change=self.change, by=by, now=self.now, **given)
        except Conflict as refused:
            self.refused = (refused.state, refused.legal_moves, before)
            return False
        assert before in STEPS[step]
        assert after.state == before or after.state in CHANGE_MOVES[before]
        return True

    @rule(version=st.sampled_from([None, 0]))
    def edit(self, version: int | None) -> None:
        self.edits += 1
        title = f"Any {self.edits}"
        if version is not None:
            with pytest.raises(Stale):
                services.edit_change(change=self.change, title=title, version=0, by=self.agent, now=self.now)
        elif self.take("edit", self.agent, title=title):
            self.approvers.clear()
            if self.state == ChangeState.APPROVED:
                self.state = ChangeState.PENDING_APPROVAL

    @rule()
    def submit(self) -> None:
        if self.take("submit", self.agent):
            self.state = ChangeState.PENDING_APPROVAL

    @rule(who=st.sampled_from(SEATS))
    def approve(self, who: str) -> None:
        if who == "admin":  # who asked for it
            with pytest.raises(NotAllowed):
                services.approve_change(change=self.change, by=self.seats[who], now=self.now)
        elif self.take("approve", self.seats[who]):
            assert who not in self.approvers
            self.approvers.add(who)
            if len(self.approvers) == self.quorum:
                self.state = ChangeState.APPROVED

    @rule(who=st.sampled_from(SEATS[:2]))
    def reject(self, who: str) -> None:
        if self.take("reject", self.seats[who], reason="No"):
            assert who not in self.approvers
            self.state = ChangeState.REJECTED

    @rule()
    def redraft(self) -> None:
        if self.take("redraft", self.agent):
            self.approvers.clear()
            self.state = ChangeState.DRAFT

    @rule(quorum=st.integers(1, len(SEATS)))
    def set_quorum(self, quorum: int) -> None:
        services.set_quorum(project=self.project, quorum=quorum, by=Actor.system("tests"), now=self.now)
        changed, self.quorum = quorum != self.quorum, quorum
        if changed and self.state == ChangeState.PENDING_APPROVAL and len(self.approvers) >= quorum:
            self.state = ChangeState.APPROVED

    @rule()
    def start(self) -> None:
        if self.take("start", self.agent):
            self.state = ChangeState.IN_PROGRESS

    @rule()
    def implement(self) -> None:
        if self.take("implement", self.agent, test_evidence="Seen"):
            self.state = ChangeState.IMPLEMENTED

    @rule()
    def close(self) -> None:
        if self.take("close", self.agent):
            self.state = ChangeState.CLOSED

    @invariant()
    def a_refusal_names_the_state_and_its_moves(self) -> None:
        if hasattr(self, "refused"):
            state, moves, before = self.refused
            assert (state, moves) == (before, CHANGE_MOVES[before])

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        if not hasattr(self, "change"):
            return
        row = ChangeRequest.objects.get(pk=self.change.pk)
        assert row.state == self.state
        assert row.version >= self.change.version
        valid = ChangeVote.objects.filter(change_request=row, voided_at=None, vote="approve")
        named = {actor.user_id: name for name, actor in self.seats.items()}
        assert {named[user] for user in valid.values_list("user_id", flat=True)} == self.approvers
        assert (row.approved_at is not None) == (
            self.state not in (ChangeState.DRAFT, ChangeState.PENDING_APPROVAL, ChangeState.REJECTED)
        )

    def teardown(self) -> None:
        """The journal tells each move, from one state to the next."""
        if not hasattr(self, "change"):
            return
        events = Event.objects.filter(subject=f"changerequest:{self.change.pk}", data__has_key="to")
        state: str = ChangeState.DRAFT
        for moved in events.order_by("seq").values_list("data", flat=True):
            assert moved["from"] == state
            assert moved["to"] in CHANGE_MOVES[state]
            state = moved["to"]
        assert state == self.state


def test_every_order_of_verbs_keeps_to_the_moves(
    in_acme: Tenant,
    project: Project,
    actors: dict[str, Actor],
    board: Callable[..., dict[str, Actor]],
    now: datetime,
) -> None:
    ChangeMachine.project, ChangeMachine.agent, ChangeMachine.now = project, actors["agent"], now
    ChangeMachine.seats = board(*SEATS)
    run_state_machine_as_test(
        ChangeMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    verify(in_acme.schema_name)
