"""The books are no good unless they find what is wrong."""

from collections import Counter
from datetime import datetime

import pytest
from django.utils import timezone

from hypercare.models import Incident
from hypercare.services import add_member, create_program, create_project
from tenancy import deadlines
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Deadline, Delivery, Tenant, User
from tests.chaos import world
from tests.chaos.ledger import Row, account, known_as, outstanding, table
from tests.chaos.world import Place, Report


@pytest.fixture
def place(acme: Tenant, users: dict[str, User], system: Actor, now: datetime) -> Place:
    with entering(acme):
        program = create_program(code="CHAOS", name="Chaos", by=system, now=now)
        project = create_project(program=program, code="CHAOS", name="Chaos", by=system, now=now)
        for role in ("customer", "agent", "manager"):
            add_member(project=project, user_id=users[role].pk, by=system, now=now)
    return Place(acme, project, Actor.member(users["customer"].pk, "customer"), token="")


@pytest.fixture
def report(place: Place) -> Report:
    """An incident that was reported, breached, and told to two people."""
    report = world.report_overdue(place)
    assert outstanding() > 0
    deadlines.sweep(clock=timezone.now)
    Delivery.objects.update(state="sent", sent_at=timezone.now())
    assert outstanding() == 0
    return report


def received() -> "Counter[str]":
    return Counter(known_as(delivery) for delivery in Delivery.objects.all())


def faults(report: Report, got: "Counter[str]") -> list[str]:
    return account(Row("a story"), [report], got).faults


def test_what_agrees_has_no_faults(report: Report) -> None:
    row = account(Row("a story"), [report], received())
    assert (row.faults, row.acknowledged, row.rows, row.received, row.keys) == ([], 1, 2, 2, 2)
    assert table([row]).splitlines()[-1] == "| a story | 1 | 2 | 2 | 2 | 0 | 0 | 0 | 0.0 |  |"


def test_a_repeat_with_its_key_is_counted_and_is_no_fault(report: Report) -> None:
    got = received()
    got[next(iter(got))] += 2
    row = account(Row("a story"), [report], got)
    assert (row.faults, row.received, row.keys, row.repeats) == ([], 4, 2, 2)


def test_what_a_receiver_has_not_got_is_lost(report: Report) -> None:
    got = received()
    got.popitem()
    assert len(faults(report, got)) == 1
    assert "receiver has none" in faults(report, got)[0]


def test_a_delivery_that_is_not_sent_is_lost(report: Report) -> None:
    Delivery.objects.filter(recipient=Delivery.objects.first().recipient).update(
        state="dead", sent_at=None, dead_at=timezone.now()
    )
    assert ["lost" in fault and "dead" in fault for fault in faults(report, received())] == [True]


def test_a_delivery_that_was_never_queued_is_lost(report: Report) -> None:
    Delivery.objects.first().delete()
    assert ["deliveries: 0, not 1" in fault for fault in faults(report, received())] == [True]


def test_a_key_of_nobody_is_doubled(report: Report) -> None:
    assert ["is no delivery's" in fault for fault in faults(report, received() + Counter("k"))] == [True]


def test_slack_gets_nothing_twice(report: Report) -> None:
    Delivery.objects.filter(pk=Delivery.objects.first().pk).update(channel="slack")
    got = received()
    assert faults(report, got) == []
    assert len(faults(report, got + got)) == 1


def test_an_incident_that_is_gone_and_a_breach_that_is_not_recorded_are_lost(place: Place) -> None:
    never = Report(place, "Nobody knows it", key="", acknowledged=True)
    assert ["does not exist" in fault for fault in faults(never, Counter())] == [True]
    late = world.report_overdue(place)
    assert ["breaches recorded: 0, not 1" in fault for fault in faults(late, Counter())] == [True, False]


def test_an_incident_that_is_there_twice_is_doubled(place: Place, report: Report) -> None:
    with entering(place.tenant):
        Incident.objects.filter(title=world.report_overdue(place).title).update(title=report.title)
    assert any("exists 2 times" in fault for fault in faults(report, received()))


def test_a_deadline_that_is_gone_is_lost(report: Report) -> None:
    Deadline.objects.all().delete()
    assert ["deadlines: 0, not 1" in fault for fault in faults(report, received())] == [True]
