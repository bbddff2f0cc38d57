"""Incidents under any order of verbs: no state but by the legal moves, and clocks that say what happened."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hypercare import services
from hypercare.models import FULFILLED_AT, ClockEvent, Incident, Project
from hypercare.rules import legal_moves
from hypercare.services import clocks
from hypercare.states import CLOCK_MOVES, INCIDENT_MOVES, ClockKind, ClockPhase, IncidentState, Severity
from tenancy.actors import Actor
from tenancy.chains import verify
from tenancy.errors import Conflict, NotAllowed, Stale
from tenancy.journal.models import Event
from tenancy.models import Tenant, User

pytestmark = pytest.mark.django_db
OPEN, PROGRESS, WAITING = IncidentState.OPEN, IncidentState.IN_PROGRESS, IncidentState.WAITING
RESOLVED, CLOSED = IncidentState.RESOLVED, IncidentState.CLOSED
WORKED_ON = (OPEN, PROGRESS, WAITING)


class IncidentMachine(RuleBasedStateMachine):
    """One incident that a customer reported, and what a plain model says of it."""

    project: ClassVar[Project]
    actors: ClassVar[dict[str, Actor]]
    began: ClassVar[datetime]

    @initialize(severity=st.sampled_from(Severity.values))
    def begin(self, severity: str) -> None:
        self.now = self.began
        self.state: str = OPEN
        self.answered, self.reopened = False, 0
        self.closed_at: datetime | None = None
        self.incident = services.report_incident(
            project=self.project, title="Any", severity=severity, by=self.actors["customer"], now=self.now
        )
        self.version = self.incident.version

    def take(self, verb: str, who: str, *, when: bool, **given: Any) -> bool:
        """Do `verb`, which the model allows `when`; otherwise it is refused with the moves that are legal."""
        service: Callable[..., object] = getattr(services, verb)
        act = {"incident": self.incident, "by": self.actors[who], "now": self.now, **given}
        if when:
            service(**act)
            return True
        with pytest.raises(Conflict) as refused:
            service(**act)
        reopenable = self.closed_at is None or self.now <= self.closed_at + timedelta(days=14)
        moves = legal_moves(self.state, answered=self.answered, reopenable=reopenable)
        assert (refused.value.state, refused.value.legal_moves) == (self.state, moves)
        assert set(moves) <= set(INCIDENT_MOVES[self.state])
        return False

    @rule(minutes=st.sampled_from([0, 1, 59, 60, 61, 300, 1500, 20 * 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def respond(self) -> None:
        if self.take("respond_first", "agent", when=not self.answered and self.state in (OPEN, WAITING)):
            self.answered = True
            self.state = PROGRESS if self.state == OPEN else WAITING

    @rule(who=st.sampled_from(["customer", "agent"]), internal=st.booleans())
    def comment(self, who: str, internal: bool) -> None:
        if internal and who == "customer":
            with pytest.raises(NotAllowed):
                self.take("add_comment", who, when=True, content="x", is_internal=True)
            return
        self.take("add_comment", who, when=True, content="x", is_internal=internal)
        if who == "agent" and not internal and not self.answered:
            self.answered = True
            self.state = PROGRESS if self.state == OPEN else self.state
        if who == "customer" and self.state == WAITING:
            self.state = PROGRESS if self.answered else OPEN

    @rule()
    def wait(self) -> None:
        owner = self.actors["customer"].user_id
        when = self.state in (OPEN, PROGRESS)
        if self.take("wait", "agent", when=when, reason="x", owner_id=owner):
            self.state = WAITING

    @rule()
    def resume(self) -> None:
        if self.take("resume", "agent", when=self.state == WAITING):
            self.state = PROGRESS if self.answered else OPEN

    @rule()
    def resolve(self) -> None:
        given = {"root_cause": "x", "resolution_notes": "y"}
        if self.take("resolve", "agent", when=self.state in WORKED_ON, **given):
            self.state, self.answered = RESOLVED, True

    @rule(who=st.sampled_from(["customer", "agent"]))
    def close(self, who: str) -> None:
        if self.take("close", who, when=self.state == RESOLVED):
            self.state, self.closed_at = CLOSED, self.now

    @rule(who=st.sampled_from(["customer", "agent"]))
    def reopen(self, who: str) -> None:
        recent = self.closed_at is not None and self.now <= self.closed_at + timedelta(days=14)
        if self.take("reopen", who, when=self.state == RESOLVED or (self.state == CLOSED and recent)):
            self.state, self.closed_at = PROGRESS, None
            self.reopened += 1

    @rule(severity=st.sampled_from(Severity.values))
    def change_severity(self, severity: str) -> None:
        same = Incident.objects.get(pk=self.incident.pk).severity == severity
        when = self.state in WORKED_ON or (self.state == RESOLVED and same)
        self.take("change_incident", "agent", when=when, severity=severity)

    @rule(who=st.sampled_from(["agent", None]))
    def assign(self, who: str | None) -> None:
        to = self.actors[who].user_id if who else None
        self.take("assign", "manager", when=self.state in WORKED_ON, assigned_to_id=to)

    @rule(verb=st.sampled_from(["respond_first", "resume", "close", "reopen"]))
    def come_late(self, verb: str) -> None:
        with pytest.raises(Stale):
            self.take(verb, "agent", when=True, version=0)

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        if not hasattr(self, "incident"):
            return
        row = Incident.objects.get(pk=self.incident.pk)
        assert (row.state, row.first_response_at is not None) == (self.state, self.answered)
        assert (row.closed_at, row.reopened_count) == (self.closed_at, self.reopened)
        assert (row.resolved_at is not None) == (self.state in (RESOLVED, CLOSED))
        assert row.version >= self.version
        self.version = row.version
        row.full_clean(exclude=["project"])

    @invariant()
    def its_columns_are_what_its_clocks_say(self) -> None:
        if not hasattr(self, "incident"):
            return
        row = Incident.objects.get(pk=self.incident.pk)
        for clock in ClockKind:
            state = clocks.read(row, clock, self.now)
            assert row.deadline(clock) == state.due_at
            assert getattr(row, FULFILLED_AT[clock]) == state.fulfilled_at
            assert row.is_breached(clock, self.now) == state.breached
        paused = clocks.read(row, ClockKind.RESOLUTION, self.now).phase is ClockPhase.PAUSED
        assert paused == (self.state == WAITING)

    def teardown(self) -> None:
        """The journal tells each move, from one state to the next; the clocks' events are in a legal order."""
        if not hasattr(self, "incident"):
            return
        events = Event.objects.filter(subject=f"incident:{self.incident.pk}", data__has_key="to")
        state: str = OPEN
        for moved in events.order_by("seq").values_list("data", flat=True):
            assert moved["from"] == state
            assert moved["to"] == state or moved["to"] in INCIDENT_MOVES[state]
            state = moved["to"]
        assert state == self.state
        for clock in ClockKind:
            phase = ClockPhase.NEW
            rows = ClockEvent.objects.filter(incident=self.incident, clock=clock).order_by("seq")
            for seq, (stored, kind) in enumerate(rows.values_list("seq", "kind"), start=1):
                assert stored == seq
                phase = CLOCK_MOVES[phase][kind]


def test_every_order_of_verbs_keeps_to_the_moves(
    in_acme: Tenant, project: Project, actors: dict[str, Actor], users: dict[str, User], now: datetime
) -> None:
    IncidentMachine.project, IncidentMachine.actors, IncidentMachine.began = project, actors, now
    run_state_machine_as_test(
        IncidentMachine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    verify(in_acme.schema_name)


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("reopenable", [True, False])
@pytest.mark.parametrize("state", IncidentState)
def test_legal_moves_are_those_of_the_table_that_can_be_made(
    state: IncidentState, answered: bool, reopenable: bool
) -> None:
    left_out = {
        WAITING: {OPEN} if answered else {PROGRESS},
        CLOSED: set() if reopenable else {PROGRESS},
    }
    expected = tuple(move for move in INCIDENT_MOVES[state] if move not in left_out.get(state, set()))
    assert legal_moves(state, answered=answered, reopenable=reopenable) == expected
