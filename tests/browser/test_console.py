"""A night's work in a real browser: sign in, find an incident, take it, with the mouse and with the keyboard."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

import hypercare.services as hypercare
from hypercare.models import Incident
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tests import factories
from tests.browser.steps import sign_in

SYSTEM = Actor.system("browser")


@pytest.fixture
def incident(committed: Any) -> Iterator[tuple[Tenant, User, Incident]]:
    """An incident that nobody has, and a manager who may take it."""
    now = timezone.now()
    with committed() as tenant:
        manager = factories.member(tenant, "manager")
        User.objects.filter(pk=manager.pk).update(language="en", name="Nora Haugen")
        with entering(tenant):
            program = hypercare.create_program(code="ERP", name="ERP", by=SYSTEM, now=now)
            project = hypercare.create_project(
                program=program, code="WAVE-1", name="Wave 1", by=SYSTEM, now=now
            )
            hypercare.add_member(project=project, user_id=manager.pk, by=SYSTEM, now=now)
            row = hypercare.report_incident(
                project=project, title="Invoices do not post", severity="P2", by=SYSTEM, now=now
            )
        try:
            yield tenant, manager, row
        finally:
            User.objects.filter(pk=manager.pk).delete()


def test_an_incident_is_taken_in_a_browser(incident, page, port):
    tenant, manager, row = incident
    missing: list[str] = []
    page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    at = f"http://{factories.host_of(tenant)}:{port}"
    sign_in(page, at, manager, factories.second_factor(manager))
    page.get_by_role("link", name="Incidents", exact=True).click()
    page.wait_for_url("**/admin/hypercare/incident/")
    assert page.title().startswith("Incidents ")

    # The row's menu, by the keyboard alone: opened, left, opened again, followed.
    menu = page.get_by_role("button", name=f"{row.key} Invoices do not post")
    menu.focus()
    page.keyboard.press("Enter")
    assign = page.get_by_role("link", name="Assign…")
    assign.wait_for()
    page.keyboard.press("Escape")
    assign.wait_for(state="hidden")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.closest('nav') !== null")
    assign.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/do/assign/")

    page.get_by_label("To whom").select_option(label="Nora Haugen")
    page.get_by_role("button", name="Assign").click()
    page.wait_for_url(f"**/incident/{row.pk}/change/")
    assert page.get_by_role("heading", level=1).inner_text() == f"{row.key} Invoices do not post"
    assert "Nora Haugen" in page.locator("form#incident_form").inner_text()
    assert page.said == []
    assert missing == []
