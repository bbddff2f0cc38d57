"""`make pictures`: the pictures of the documentation, taken in a browser from the demo that runs.

Reads .data/demo.json, signs in as the demo's people and writes docs/images/. Fails when a page says no, or when a
picture is larger than a reader should have to load.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 200_000
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@dataclass(frozen=True)
class Picture:
    """What is taken: by whom, of which page of the tenant's first project, and how it is looked at."""

    name: str
    page: str = ""
    tenant: str = "acme"
    role: str = "manager"
    theme: str = "light"
    language: str = "en"
    size: dict[str, int] | None = None


PICTURES = (
    Picture("war-room"),
    Picture("war-room-dark", theme="dark"),
    Picture("war-room-incident", page="/incidents/{worst}"),
    Picture("war-room-customer", tenant="globex", role="customer"),
    Picture("war-room-phone", size=PHONE, language="tr"),
)


def main() -> None:
    demo = json.loads((ROOT / ".data" / "demo.json").read_text())
    tenants = {tenant["slug"]: tenant for tenant in demo["tenants"]}
    IMAGES.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for picture in PICTURES:
            file = IMAGES / f"{picture.name}.png"
            tenant = tenants[picture.tenant]
            login = somebody(tenant, picture)
            with signed_in(browser, tenant, login, picture) as page:
                take(page, tenant, login, picture, file)
            sys.stdout.write(f"{file.relative_to(ROOT)}  {file.stat().st_size // 1000} kB\n")
            if file.stat().st_size > MOST_BYTES:
                raise SystemExit(f"{file.name} is larger than {MOST_BYTES // 1000} kB")
        browser.close()


@contextmanager
def signed_in(
    browser: Browser, tenant: dict[str, Any], login: dict[str, Any], picture: Picture
) -> Iterator[Page]:
    """A page of the person, signed in."""
    context = browser.new_context(
        viewport=picture.size or DESK,  # type: ignore[arg-type]  # a TypedDict of the same
        color_scheme="dark" if picture.theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{tenant['url']}admin/login/?next=/")
    page.fill("[name=username]", login["email"])
    page.fill("[name=password]", login["password"])
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "/admin/" not in address)
    yield page
    context.close()


def somebody(tenant: dict[str, Any], picture: Picture) -> dict[str, Any]:
    """The login of one of the tenant's people in the picture's role who speaks its language."""
    for login in tenant["logins"]:
        if login["role"] == picture.role and ask(tenant, login, "me")["user"]["language"] == picture.language:
            return dict(login)
    raise SystemExit(f"{picture.name}: no {picture.role} of {tenant['slug']} speaks {picture.language}")


def ask(tenant: dict[str, Any], login: dict[str, Any], address: str) -> Any:
    """What the API answers the person's token. Only browsers know every *.localhost, so the host goes by its name."""
    url = urlsplit(tenant["url"])
    connection = HTTPConnection("localhost", url.port or 80, timeout=30)
    headers = {"Host": url.netloc, "Authorization": f"Bearer {login['token']}"}
    connection.request("GET", f"/api/v1/{address}", headers=headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    if answer.status != HTTPStatus.OK:
        raise SystemExit(f"{address}: {answer.status} {body}")
    return body


def take(page: Page, tenant: dict[str, Any], login: dict[str, Any], picture: Picture, file: Path) -> None:
    """Write the picture, once the page has all that it shows."""
    project = tenant["projects"][0]
    code = project["code"]
    where = picture.page
    if "{worst}" in where:
        board = ask(tenant, login, f"projects/{project['id']}/hypercare/war-room")
        where = where.format(worst=board["incidents"][0]["number"])
    page.goto(f"{tenant['url']}p/{code}{where}")
    page.wait_for_selector("main h1, main h2")
    page.wait_for_selector("[aria-busy=true]", state="detached")
    page.wait_for_timeout(1500)  # the charts come later, and a new row glows
    page.screenshot(path=str(file))


if __name__ == "__main__":
    main()
