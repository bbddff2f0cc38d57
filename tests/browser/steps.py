"""What tests in a browser do alike."""

from django.utils import timezone

from tenancy import services
from tests import factories


def sign_in(page, at, user, secret):
    """Sign `user` in at the console of `at` with a password and a code made of `secret`."""
    page.goto(f"{at}/admin/login/")
    page.fill("input[name=username]", user.email)
    page.fill("input[name=password]", factories.PASSWORD)
    page.click("form#login-form button[type=submit]")
    page.wait_for_url("**/account/code/**")
    page.fill("input[name=code]", services.current_code(secret, now=timezone.now()))
    page.click("main form button[type=submit]")
    page.wait_for_url("**/admin/")


def blocked(page):
    """What a policy of ours blocked, and what a script of ours failed with."""
    return [text for text in page.said if "Content Security Policy" in text or "page error" in text]
