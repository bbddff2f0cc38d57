"""Many at once: numbers without gaps, votes that count once, edits that are never lost. These commit."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from threading import Event as Pause
from typing import Any

import pytest
from django.db import connection

from hypercare import services
from hypercare.models import ChangeCounter, ChangeRequest, ChangeVote, Project
from tenancy.actors import Actor
from tenancy.chains import verify
from tenancy.context import entering
from tenancy.errors import Conflict, Invalid, Refusal, Stale
from tenancy.journal.models import Event
from tenancy.models import Tenant
from tenancy.states import Role
from tenancy.transactions import atomic
from tests import factories

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
SYSTEM = Actor.system("tests")
MANY = 20


class Place:
    """A tenant that is committed, with a project and a board of MANY."""

    def __init__(self, tenant: Tenant):
        self.tenant = tenant
        with entering(tenant):
            program = services.create_program(code="ERP", name="ERP", by=SYSTEM, now=NOW)
            self.project = services.create_project(
                program=program, code="FI-1", name="Finance", by=SYSTEM, now=NOW
            )
            self.agent = self.member("agent", seat=False)
            self.seats = [self.member("customer", seat=True) for _each in range(MANY)]

    def member(self, role: str, *, seat: bool) -> Actor:
        user = factories.member(self.tenant, role)
        services.add_member(project=self.project, user_id=user.pk, is_board_member=seat, by=SYSTEM, now=NOW)
        return Actor.member(user.pk, Role(role))

    def quorum(self, quorum: int) -> Project:
        with entering(self.tenant):
            return services.set_quorum(project=self.project, quorum=quorum, by=SYSTEM, now=NOW)

    def submitted(self) -> ChangeRequest:
        given: dict[str, Any] = {"title": "Any", "change_type": "config", "rollback_plan": "Back"}
        by: dict[str, Any] = {"by": self.agent, "now": NOW}
        with entering(self.tenant):
            change = services.draft_change(project=self.project, **given, **by)
            return services.submit_change(change=change, **by)

    def at_once(self, work: Callable[[int], Any], number: int = MANY) -> list[Any]:
        """What `work` gave, or was refused with, in threads that start together."""
        together = Barrier(number)

        def run(index: int) -> Any:
            try:
                connection.ensure_connection()
                with entering(self.tenant):
                    together.wait(30)
                    return work(index)
            except Refusal as refused:
                return refused
            finally:
                connection.close()

        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(run, range(number)))


@pytest.fixture
def place(committed: Callable[[], Any]) -> Iterator[Place]:
    with committed() as tenant:
        yield Place(tenant)
        with entering(tenant):
            verify(tenant.schema_name)


class _Undone(Exception):
    pass


def test_numbers_have_no_gaps_and_no_doubles_whoever_rolls_back(place: Place) -> None:
    def create(index: int) -> int | None:
        try:
            with atomic():
                change = services.draft_change(
                    project=place.project, title=f"No {index}", change_type="data", by=place.agent, now=NOW
                )
                if index % 3 == 0:
                    raise _Undone
        except _Undone:
            return None
        return change.number

    numbers = [number for number in place.at_once(create) if number is not None]
    assert sorted(numbers) == list(range(1, 14))
    with entering(place.tenant):
        assert ChangeCounter.objects.get().value == 13
        stored = ChangeRequest.objects.order_by("number").values_list("number", flat=True)
        assert list(stored) == list(range(1, 14))


def test_an_incident_gets_one_change_request(place: Place) -> None:
    with entering(place.tenant):
        incident = services.report_incident(project=place.project, title="Late", by=place.agent, now=NOW)
    answers = place.at_once(
        lambda index: services.draft_change(
            project=place.project,
            title=f"No {index}",
            change_type="data",
            incident_id=incident.pk,
            by=place.agent,
            now=NOW,
        )
    )
    assert Counter(type(answer) for answer in answers) == {ChangeRequest: 1, Invalid: MANY - 1}
    with entering(place.tenant):
        assert ChangeRequest.objects.get().number == 1
        assert place.submitted().number == 2


def test_one_person_approves_once(place: Place) -> None:
    place.quorum(2)
    change = place.submitted()
    answers = place.at_once(lambda _index: services.approve_change(change=change, by=place.seats[0], now=NOW))
    assert Counter(type(answer) for answer in answers) == {ChangeRequest: 1, Conflict: MANY - 1}
    with entering(place.tenant):
        assert ChangeVote.objects.count() == 1
        assert ChangeRequest.objects.get().state == "pending_approval"


@pytest.mark.parametrize("quorum", [1, 7, MANY])
def test_the_quorum_is_reached_once_by_different_people(place: Place, quorum: int) -> None:
    place.quorum(quorum)
    change = place.submitted()
    answers = place.at_once(
        lambda index: services.approve_change(change=change, by=place.seats[index], now=NOW)
    )
    done = [answer for answer in answers if isinstance(answer, ChangeRequest)]
    refused = [answer for answer in answers if isinstance(answer, Conflict)]
    assert (len(done), len(refused)) == (quorum, MANY - quorum)
    assert {conflict.state for conflict in refused} <= {"approved"}
    with entering(place.tenant):
        row = ChangeRequest.objects.get()
        votes = list(ChangeVote.objects.order_by("id"))
        assert (row.state, len(votes)) == ("approved", quorum)
        assert row.approved_by_id in {vote.user_id for vote in votes}
        assert Event.objects.filter(verb="change.approved").count() == 1
        assert Event.objects.filter(verb="change.voted").count() == quorum - 1


def test_one_decision_stands_when_some_approve_and_some_reject(place: Place) -> None:
    change = place.submitted()

    def decide(index: int) -> ChangeRequest:
        by = place.seats[index]
        if index % 2:
            return services.approve_change(change=change, by=by, now=NOW)
        return services.reject_change(change=change, reason="No", by=by, now=NOW)

    answers = place.at_once(decide)
    assert Counter(type(answer) for answer in answers) == {ChangeRequest: 1, Conflict: MANY - 1}
    with entering(place.tenant):
        assert ChangeVote.objects.count() == 1
        assert Event.objects.filter(verb__in=["change.approved", "change.rejected"]).count() == 1


def test_an_approval_never_stands_for_what_was_edited_since(place: Place) -> None:
    """Half approve the version that they read, half edit it: each order ends with no approval of another text."""
    change = place.submitted()
    read = change.version

    def work(index: int) -> ChangeRequest:
        if index % 2:
            return services.approve_change(change=change, version=read, by=place.seats[index], now=NOW)
        return services.edit_change(change=change, title=f"No {index}", by=place.agent, now=NOW)

    answers = place.at_once(work)
    edits = [answer for index, answer in enumerate(answers) if index % 2 == 0]
    votes = [answer for index, answer in enumerate(answers) if index % 2]
    assert {type(answer) for answer in edits} == {ChangeRequest}
    assert Counter(type(answer) for answer in votes)[ChangeRequest] <= 1
    assert {type(answer) for answer in votes} <= {ChangeRequest, Stale, Conflict}
    with entering(place.tenant):
        row = ChangeRequest.objects.get()
        assert (row.state, row.approved_at) == ("pending_approval", None)
        assert not ChangeVote.objects.filter(voided_at=None).exists()
        told = Event.objects.filter(verb="change.changed").count()
        assert told == MANY // 2
        approved = Event.objects.filter(verb="change.approved").count()
        # One UPDATE each: none was lost.
        assert row.version == read + told + approved


def test_of_twenty_edits_of_one_version_one_is_made(place: Place) -> None:
    change = place.submitted()
    answers = place.at_once(
        lambda index: services.edit_change(
            change=change, version=change.version, title=f"No {index}", by=place.agent, now=NOW
        )
    )
    assert Counter(type(answer) for answer in answers) == {ChangeRequest: 1, Stale: MANY - 1}
    with entering(place.tenant):
        assert ChangeRequest.objects.get().version == change.version + 1


def test_a_transition_is_made_once(place: Place) -> None:
    change = place.submitted()
    with entering(place.tenant):
        services.approve_change(change=change, by=place.seats[0], now=NOW)
    answers = place.at_once(lambda _index: services.start_change(change=change, by=place.agent, now=NOW))
    assert Counter(type(answer) for answer in answers) == {ChangeRequest: 1, Conflict: MANY - 1}


def test_a_vote_and_a_lower_quorum_never_miss_each_other(place: Place) -> None:
    """Whichever is first, who has enough approvals in the end is approved."""
    place.quorum(2)
    changes = [place.submitted() for _each in range(MANY // 2)]

    def work(index: int) -> object:
        if index < len(changes):
            return services.approve_change(change=changes[index], by=place.seats[index], now=NOW)
        return services.set_quorum(project=place.project, quorum=1, by=SYSTEM, now=NOW)

    place.at_once(work)
    with entering(place.tenant):
        assert set(ChangeRequest.objects.values_list("state", flat=True)) == {"approved"}


def until_one_waits() -> None:
    """Until a connection waits for a transaction of another's to end."""
    for _each in range(1000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
            if cursor.fetchone()[0]:
                return
        Pause().wait(0.01)
    pytest.fail("nobody waited")


def test_a_vote_that_waited_counts_by_the_quorum_of_then(place: Place) -> None:
    place.quorum(2)
    change = place.submitted()

    def vote() -> ChangeRequest:
        try:
            with entering(place.tenant):
                return services.approve_change(change=change, by=place.seats[0], now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with entering(place.tenant), atomic():
            services.set_quorum(project=place.project, quorum=1, by=SYSTEM, now=NOW)
            waiting = pool.submit(vote)
            until_one_waits()
        assert waiting.result(30).state == "approved"


def test_a_board_does_not_shrink_below_its_quorum_by_two_who_leave_at_once(place: Place) -> None:
    place.quorum(MANY - 3)
    with entering(place.tenant):
        members = list(place.project.members.filter(is_board_member=True))
    answers = place.at_once(lambda index: services.remove_member(member=members[index], by=SYSTEM, now=NOW))
    assert sum(answer is None for answer in answers) == 3
    with entering(place.tenant):
        assert len(services.board_of(place.project)) == MANY - 3
