"""The figures of a project, each by its definition."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hypercare import services
from hypercare.models import Incident, Project
from tenancy.actors import Actor
from tenancy.errors import NotAllowed
from tenancy.models import Tenant
from tests.hypercare.conftest import asked

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def test_no_incidents_give_zeros_and_no_average(
    in_acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    figures = services.metrics(project=project, by=actors["agent"], now=now)
    assert figures == services.Metrics({"p1": 0, "p2": 0, "p3": 0, "p4": 0}, 0, None, 0)


def test_each_figure_counts_what_it_says(
    in_acme: Tenant,
    project: Project,
    other_project: Project,
    report: Callable[..., Incident],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    def resolved(reported: datetime, took: timedelta) -> None:
        services.resolve(
            incident=report(now=reported),
            root_cause="x",
            resolution_notes="y",
            by=actors["agent"],
            now=reported + took,
        )

    # `now` is Wednesday 12:00 in Istanbul; the week began on Sunday 21:00 UTC.
    monday = datetime(2026, 11, 15, 21, 0, tzinfo=now.tzinfo)
    resolved(monday - 4 * HOUR, 4 * HOUR)  # counts in this week
    resolved(monday - 10 * HOUR, 9 * HOUR)  # the week before
    resolved(now - timedelta(days=40), 2 * HOUR)  # too long ago for the average
    report(severity="P1", now=now - 2 * HOUR)  # response overdue, no sweep ran
    services.respond_first(incident=report(severity="P1", now=now - HOUR / 2), by=actors["agent"], now=now)
    report(severity="P3", now=now)
    report(severity="P2", project=other_project, now=now)

    with CaptureQueriesContext(connection) as captured:
        figures = services.metrics(project=project, by=actors["agent"], now=now)
    assert len(asked(captured)) == 1
    assert figures.open_by_priority == {"p1": 2, "p2": 0, "p3": 1, "p4": 0}
    assert figures.sla_breached == 1
    assert figures.avg_resolution_hours == 6.5
    assert figures.resolved_this_week == 1


def test_metrics_are_not_for_customers(
    in_acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    with pytest.raises(NotAllowed):
        services.metrics(project=project, by=actors["customer"], now=now)
