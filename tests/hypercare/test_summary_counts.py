"""What hypercare contributes to run summaries: what happened within a period, and what was open at its end."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from hypercare import services
from hypercare.services import summaries
from observability.rules.periods import Period
from observability.services import register_counts, summarise
from tenancy import deadlines
from tenancy.journal.models import Event
from tenancy.transactions import atomic
from tests.hypercare.conftest import asked
from tests.hypercare.test_metrics import solve

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOTHING = dict.fromkeys(summaries.COUNTED, 0)


def counted(start, end):
    return {key: count for key, count in summaries.count_for_summary(start, end).items() if count}


def test_nothing_happened(in_acme, now):
    assert summaries.count_for_summary(now - DAY, now) == NOTHING


def test_what_happened_within_the_period_is_counted_and_nothing_else(
    in_acme, report, actors, now, other_project
):
    start, end = now - DAY, now
    report(severity="P1", now=start - HOUR)  # open all the time
    solve(report(severity="P2", now=start - 2 * HOUR), actors, start + HOUR)
    solve(report(severity="P3", now=start), actors, start + 2 * HOUR)
    report(severity="P4", now=end - timedelta(microseconds=1), project=other_project, by=actors["admin"])
    report(severity="P4", now=end)
    assert counted(start, end) == {
        "hypercare_reported": 2,
        "hypercare_p3": 1,
        "hypercare_p4": 1,
        "hypercare_resolved": 2,
        "hypercare_open": 2,
    }
    assert counted(end, end + DAY) == {
        "hypercare_reported": 1,
        "hypercare_p4": 1,
        "hypercare_open": 3,
    }
    assert counted(start - 3 * HOUR, start)["hypercare_open"] == 2


def test_a_resolution_that_is_undone_counts_and_the_incident_is_open_again(in_acme, report, actors, now):
    incident = report(now=now - 3 * DAY)
    solve(incident, actors, now - 2 * DAY)
    services.reopen(incident=incident, reason="again", by=actors["agent"], now=now - HOUR)
    assert counted(now - 3 * DAY, now - DAY)["hypercare_resolved"] == 1
    assert "hypercare_open" not in counted(now - 3 * DAY, now - DAY)
    then = counted(now - DAY, now)
    assert (then["hypercare_reopened"], then["hypercare_open"]) == (1, 1)
    assert not {"hypercare_reported", "hypercare_resolved"} & then.keys()


def test_an_incident_that_breached_twice_in_the_period_is_one(in_acme, report, now):
    """Both clocks of a P1 run out; each is told, and one incident breached."""
    report(severity="P1", now=now)
    late = now + 2 * DAY
    while True:
        swept = deadlines.Swept()
        deadlines.sweep_tenant(in_acme, now=late, total=swept)
        if not swept.fired:
            break
    assert "hypercare_breached" not in counted(now, late)
    assert counted(late, late + HOUR)["hypercare_breached"] == 1


def test_a_breach_counts_before_the_journal_has_it(in_acme, report, now):
    late = now + 2 * DAY
    with atomic():
        report(severity="P1", now=now)
        deadlines.sweep_tenant(in_acme, now=late, total=deadlines.Swept())
        assert not Event.objects.filter(verb="incident.breached").exists()
        assert counted(late, late + HOUR)["hypercare_breached"] == 1


def test_a_breach_counts_though_the_clock_began_anew_since(in_acme, report, actors, now):
    incident, late = report(severity="P4", now=now - 30 * DAY), now - 10 * DAY
    while True:
        swept = deadlines.Swept()
        deadlines.sweep_tenant(in_acme, now=late, total=swept)
        if not swept.fired:
            break
    solve(incident, actors, now - 9 * DAY)
    services.reopen(incident=incident, reason="again", by=actors["agent"], now=now - 8 * DAY)
    assert counted(late, late + HOUR)["hypercare_breached"] == 1


def test_changes_that_were_decided_and_implemented(in_acme, draft, board, actors, now):
    [manager] = board("manager").values()
    approved = services.approve_change(change=draft(submitted=True), by=manager, now=now)
    services.reject_change(change=draft(submitted=True), reason="no", by=manager, now=now)
    assert approved.approved_at == now
    assert counted(now, now + HOUR) == {"hypercare_changes_approved": 1, "hypercare_changes_rejected": 1}
    assert counted(now - HOUR, now) == {}


def test_it_takes_five_queries(in_acme, now):
    with CaptureQueriesContext(connection) as captured:
        summaries.count_for_summary(now - DAY, now)
    assert len(asked(captured)) == 5


def test_it_is_registered_and_counts_in_its_own_tenant(acme, globex, report, system, now):
    report(now=now - HOUR)
    with pytest.raises(ValueError, match="already"):
        register_counts("hypercare", summaries.count_for_summary)
    found = [
        summarise(tenant=tenant, period=Period(now - DAY, now), by=system, now=now).body
        for tenant in (acme, globex)
    ]
    assert [body["counts"]["hypercare_reported"] for body in found] == [1, 0]
    assert [body["missing"] for body in found] == [[], []]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "No incident reported, none breached its SLA. None resolved, none is open."),
        (
            {"reported": 1, "breached": 1, "resolved": 1, "open": 1},
            "1 incident reported, 1 breached its SLA. 1 incident resolved, 1 is open.",
        ),
        (
            {"reported": 12, "breached": 2, "resolved": 1200, "open": 3},
            "12 incidents reported, 2 breached their SLA. 1,200 incidents resolved, 3 are open.",
        ),
    ],
)
def test_the_counts_in_words(counts, said):
    with translation.override("en"):
        found = summaries.words_for_summary({f"hypercare_{key}": value for key, value in counts.items()})
    assert " ".join(found) == said


def test_every_count_has_a_name(in_acme, now):
    assert set(summaries.count_for_summary(now - DAY, now)) == set(summaries.COUNTED)
