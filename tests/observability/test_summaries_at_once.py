"""Several who summarise the same day at the same time: one row, told once."""

import threading
from datetime import date, timedelta
from typing import Any

from django.db import connections

from observability import services
from observability.models import RunSummary
from observability.rules.periods import period_of
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.models import Delivery
from tests import factories

AT_ONCE = 4


def test_one_row_and_one_event_however_many_ask(committed: Any) -> None:
    with committed() as tenant:
        manager = factories.member(tenant, "manager")
        period = period_of(date(2026, 11, 18), tenant.time_zone)
        assert period
        found: list[int] = []
        faults: list[Exception] = []
        together = threading.Barrier(AT_ONCE)

        def ask() -> None:
            try:
                together.wait(10)
                row = services.summarise(
                    tenant=tenant,
                    period=period,
                    by=Actor.system("tests"),
                    now=period.end + timedelta(minutes=1),
                )
                found.append(row.pk)
            except Exception as error:  # shown by the test
                faults.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=ask) for _number in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        try:
            assert faults == []
            assert len(found) == AT_ONCE
            assert len(set(found)) == 1
            assert RunSummary.objects.filter(tenant=tenant).count() == 1
            assert Delivery.objects.filter(tenant=tenant, recipient=f"user:{manager.pk}").count() == 1
            with entering(tenant):
                assert Event.objects.filter(verb="run_summary.made").count() == 1
        finally:
            RunSummary.objects.filter(tenant=tenant).delete()
            Delivery.objects.filter(tenant=tenant).delete()
