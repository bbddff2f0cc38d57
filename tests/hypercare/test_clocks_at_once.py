"""Clocks and policies at once, in transactions that commit."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from django.db import connection

from hypercare import services
from hypercare.models import ClockEvent
from hypercare.rules import Target
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant
from tenancy.transactions import atomic

MINUTE = timedelta(minutes=1)


def test_a_policy_waits_for_what_is_being_reported(
    committed: Callable[[], AbstractContextManager[Tenant]], system: Actor, now: datetime
) -> None:
    with committed() as tenant:
        with entering(tenant):
            program = services.create_program(code="RACE", name="Race", by=system, now=now)
            project = services.create_project(program=program, code="RACE", name="Race", by=system, now=now)
        made = threading.Event()

        def decide() -> None:
            try:
                with entering(tenant):
                    targets = {"P1": Target(30, 60)}
                    services.create_policy(project=project, targets=targets, by=system, now=now + MINUTE)
                made.set()
            finally:
                connection.close()

        with entering(tenant):
            with atomic():
                incident = services.report_incident(
                    project=project, title="Down", severity="P1", by=system, now=now
                )
                thread = threading.Thread(target=decide)
                thread.start()
                assert not made.wait(0.5), "it would not see the incident"
            thread.join(60)
            assert made.is_set()
            events = ClockEvent.objects.filter(incident=incident, kind="retarget").order_by("clock")
            assert list(events.values_list("target_minutes", flat=True)) == [60, 30]
