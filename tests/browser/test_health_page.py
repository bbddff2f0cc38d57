"""System health and the runbooks in a real browser: read anew, said to be old, and nothing that axe finds."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import expect

from tenancy.models import Tenant, User
from tests import factories
from tests.browser.steps import blocked, sign_in
from tests.browser.test_war_room_live import findings

pytestmark = pytest.mark.slow
PAGES = ("/admin/health/", "/admin/runbooks/", "/admin/runbooks/queue-backlog/")


@pytest.fixture
def operator(committed: Any, page: Any, port: int) -> Iterator[tuple[Tenant, str]]:
    """A tenant, and the public host where one of us is signed in."""
    with committed() as tenant:
        staff = factories.UserFactory(staff_role="platform", language="en")
        at = f"http://{settings.BASE_HOST}:{port}"
        try:
            sign_in(page, at, staff, factories.second_factor(staff))
            yield tenant, at
        finally:
            User.objects.filter(pk=staff.pk).delete()


def test_it_reads_itself_anew_and_says_when_it_cannot(operator, page):
    tenant, at = operator
    page.clock.install()
    page.goto(f"{at}/admin/health/")
    row = page.get_by_role("row", name=re.compile(tenant.name))
    expect(row).to_be_visible()
    renamed = f"{tenant.name} renamed"
    Tenant.objects.filter(pk=tenant.pk).update(name=renamed)
    page.clock.fast_forward(1000 * settings.THRESHOLDS.health.PAGE_SECONDS)
    expect(page.get_by_role("row", name=re.compile(renamed))).to_be_visible()
    old = page.get_by_text("Old: it could not be read anew")
    expect(old).to_be_hidden()

    page.context.set_offline(True)
    page.clock.fast_forward(1000 * settings.THRESHOLDS.health.PAGE_SECONDS)
    expect(old).to_be_visible()
    page.context.set_offline(False)
    page.clock.fast_forward(1000 * settings.THRESHOLDS.health.PAGE_SECONDS)
    expect(old).to_be_hidden()
    assert blocked(page) == []


def test_it_can_be_held_still(operator, page):
    _tenant, at = operator
    page.clock.install()
    page.goto(f"{at}/admin/health/")
    page.get_by_role("button", name="Hold still").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(1000 * settings.THRESHOLDS.health.PAGE_SECONDS)
    assert asked == []
    page.get_by_role("button", name="Hold still").click()
    with page.expect_response("**/admin/health/"):
        page.clock.fast_forward(1000 * settings.THRESHOLDS.health.PAGE_SECONDS)


def test_axe_finds_nothing(operator, page):
    _tenant, at = operator
    found = {}
    for path in PAGES:
        page.goto(f"{at}{path}")
        found[path] = findings(page)
    assert {path: each for path, each in found.items() if each} == {}
