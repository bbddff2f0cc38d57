"""The charts of run summaries in a real browser: drawn under our policy, in both themes, and readable without them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from observability import services
from observability.models import RunSummary
from observability.rules.periods import period_of
from observability.services import summaries
from tenancy.actors import Actor
from tenancy.models import Tenant, User
from tests import factories
from tests.browser.steps import blocked, sign_in

pytestmark = pytest.mark.slow
LIST = "/admin/observability/runsummary/"
COLOURS = """canvas => [...new Uint32Array(
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)].filter(Boolean).length"""


@pytest.fixture
def week(committed: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Tenant, User, RunSummary]]:
    """A week that is summed up, and who manages it."""
    now = timezone.now()
    counts = iter([2, 5, 1, 12, 0, 3, 7])
    monkeypatch.setattr(summaries, "_contributors", {})
    services.register_counts(
        "pilot",
        lambda start, end: {"pilot_things": next(counts)},
        labels={"pilot_things": "Things"},
        charted="pilot_things",
    )
    with committed() as tenant:
        manager = factories.member(tenant, "manager")
        try:
            for ago in range(7, 0, -1):
                period = period_of((now - timedelta(days=ago)).date(), tenant.time_zone)
                assert period
                row = services.summarise(tenant=tenant, period=period, by=Actor.system("tests"), now=now)
            yield tenant, manager, row
        finally:
            RunSummary.objects.filter(tenant=tenant).delete()
            User.objects.filter(pk=manager.pk).delete()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_are_drawn_and_nothing_is_blocked(week, page, port, theme):
    tenant, manager, row = week
    at = f"http://{factories.host_of(tenant)}:{port}"
    page.emulate_media(color_scheme=theme)
    sign_in(page, at, manager, factories.second_factor(manager))
    for path in (LIST, f"{LIST}{row.pk}/change/"):
        page.goto(f"{at}{path}")
        page.wait_for_load_state("networkidle")
        chart = page.locator("canvas.chart")
        assert chart.count() == 1
        assert chart.evaluate(COLOURS) > 500, "it is drawn"
        assert "12" in page.get_by_role("row", name="Things").first.inner_text()
        assert blocked(page) == []
        assert [said for said in page.said if "error" in said.lower()] == []


def test_on_a_phone_nothing_is_wider_than_the_page(week, page, port):
    tenant, manager, row = week
    at = f"http://{factories.host_of(tenant)}:{port}"
    page.set_viewport_size({"width": 375, "height": 800})
    sign_in(page, at, manager, factories.second_factor(manager))
    for path in (LIST, f"{LIST}{row.pk}/change/"):
        page.goto(f"{at}{path}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
