"""What tests in a browser do alike."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone
from playwright.sync_api import Browser, sync_playwright

from tenancy import services
from tests import factories

WATCH = """
document.addEventListener("securitypolicyviolation", event => console.error(
    "Content Security Policy: " + event.violatedDirective + " " + event.blockedURI + " " + event.sourceFile))
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's chromium."""
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright runs a loop in this thread
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


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
