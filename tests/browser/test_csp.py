"""The pages in a real browser, under the policies that we send: nothing of theirs is blocked."""

import pytest
from django.conf import settings

from tenancy.models import Tenant, User
from tests import factories
from tests.browser.room import AFTER_PAINT
from tests.browser.steps import blocked, sign_in

pytestmark = pytest.mark.slow
TENANT = [
    "/admin/",
    "/admin/health/",
    "/admin/runbooks/",
    "/admin/runbooks/not-ready/",
    "/admin/hypercare/incident/",
    "/admin/hypercare/incident/do/report/",
    "/admin/tenancy/session/",
    "/admin/tenancy/apitoken/",
    "/admin/tenancy/apitoken/do/issue/",
    "/admin/tenancy/membership/",
    "/admin/password_change/",
    "/account/second-factor/",
    "/account/password/",
    "/nowhere/",
]
PUBLIC = [
    "/admin/",
    "/admin/health/",
    "/admin/tenancy/user/",
    "/admin/tenancy/user/do/create/",
    "/admin/tenancy/tenant/",
]


def walk(page, at, paths):
    for path in paths:
        page.goto(f"{at}{path}")
        page.evaluate(AFTER_PAINT)
        assert blocked(page) == [], path


def test_nothing_of_ours_is_blocked(committed, page, port):
    with committed() as tenant:
        member = factories.member(tenant, "admin")
        staff = factories.UserFactory(staff_role="platform")
        try:
            secrets = {user: factories.second_factor(user) for user in (member, staff)}
            at = f"http://{factories.host_of(tenant)}:{port}"
            sign_in(page, at, member, secrets[member])
            walk(page, at, TENANT)
            at = f"http://{settings.BASE_HOST}:{port}"
            sign_in(page, at, staff, secrets[staff])
            walk(page, at, PUBLIC)
            assert page.evaluate("typeof Alpine") == "object", "the console's own scripts run"
        finally:
            User.objects.filter(pk__in=[member.pk, staff.pk]).delete()
            assert Tenant.objects.filter(pk=tenant.pk).exists()


def test_the_theme_is_one_choice_for_all_pages(committed, page, port):
    with committed() as tenant:
        at = f"http://{factories.host_of(tenant)}:{port}"
        ours, unfolds = f"{at}/account/password/", f"{at}/admin/login/"
        for chosen_on, seen_on, theme in ((ours, unfolds, "Dark"), (unfolds, ours, "Light")):
            page.goto(chosen_on)
            page.get_by_role("button", name=theme).click()
            page.goto(seen_on)
            page.wait_for_selector(f"html.{theme.lower()}")
            assert page.get_by_role("button", name=theme).get_attribute("aria-pressed") == "true"
        page.get_by_role("button", name="System").click()
        page.emulate_media(color_scheme="dark")
        page.reload()
        page.wait_for_selector("html.dark")
        assert blocked(page) == []


def test_the_policy_does_block(committed, page, port):
    with committed() as tenant:
        page.goto(f"http://{factories.host_of(tenant)}:{port}/account/password/")
        with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
            page.evaluate(
                "document.body.appendChild(Object.assign(document.createElement('script'), {text: '1'}))"
            )
        assert blocked(page)
