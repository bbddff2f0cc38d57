"""The document of the app: the same at all its addresses, with the build and the thresholds, and no script inline."""

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings
from whitenoise.middleware import WhiteNoiseMiddleware

from project.thresholds import numbers, with_values
from tenancy.models import Tenant, User
from tenancy.web.app import built
from tests import factories

pytestmark = pytest.mark.django_db
CHUNKS = {
    "src/main.tsx": {
        "file": "assets/main-AbC_123x.js",
        "isEntry": True,
        "imports": ["_signals.js", "_preact.js"],
        "dynamicImports": ["src/views/incident/page.tsx"],
        "css": ["assets/main-12345678.css"],
    },
    "_signals.js": {"file": "assets/signals-aaaaaaaa.js", "imports": ["_preact.js"]},
    "_preact.js": {"file": "assets/preact-bbbbbbbb.js", "css": ["assets/shared-87654321.css"]},
    "src/views/incident/page.tsx": {"file": "assets/page-cccccccc.js", "isDynamicEntry": True},
}
ADDRESSES = ("/", "/sign-in", "/p/ATLAS-W2", "/p/ATLAS-W2/incidents/12", "/p/ATLAS-W2/changes/new")


@pytest.fixture
def build(tmp_path: Path) -> Any:
    """A build with the chunks above; `build(chunks)` builds anew."""

    def make(chunks: dict[str, Any], at: int = 1) -> None:
        manifest = tmp_path / ".vite" / "manifest.json"
        manifest.parent.mkdir(exist_ok=True)
        manifest.write_text(json.dumps(chunks))
        os.utime(manifest, (at, at))

    make(CHUNKS)
    with override_settings(APP_BUILD=tmp_path):
        yield make


DATA_BLOCK = ' id="thresholds" type="application/json"'


def scripts_of(page: str) -> list[tuple[str, str]]:
    """What each script's tag says, and what is in it."""
    return re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)


def told(tenant: Tenant, address: str = "/") -> Any:
    """The thresholds that the document tells the app."""
    page = anonymous(tenant).get(address).content.decode()
    (block,) = [content for tag, content in scripts_of(page) if tag == DATA_BLOCK]
    return json.loads(block)


def anonymous(tenant: Tenant, **headers: str) -> Client:
    return Client(headers={"host": factories.host_of(tenant), "accept": "text/html", **headers})


@pytest.mark.usefixtures("build")
def test_all_its_addresses_answer_the_same_document(acme: Tenant) -> None:
    client = anonymous(acme)
    documents = {client.get(address).content for address in ADDRESSES}
    assert len(documents) == 1
    page = documents.pop().decode()
    assert re.findall(r'<script type="module" src="([^"]+)">', page) == [
        "/static/app/assets/main-AbC_123x.js"
    ]
    assert re.findall(r'rel="modulepreload" href="([^"]+)"', page) == [
        "/static/app/assets/signals-aaaaaaaa.js",
        "/static/app/assets/preact-bbbbbbbb.js",
    ]
    assert re.findall(r'rel="stylesheet" href="([^"]+)"', page) == [
        "/static/app/assets/main-12345678.css",
        "/static/app/assets/shared-87654321.css",
    ]
    assert "page-cccccccc" not in page, "loaded when it is needed"
    assert "<noscript>This page needs JavaScript." in page
    assert page.count("theme-color") == 2
    assert acme.name not in page
    inline = [tag for tag, content in scripts_of(page) if content]
    assert inline == [DATA_BLOCK], "data, which is not executed"
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)


@pytest.mark.usefixtures("build")
def test_it_is_asked_for_anew_and_may_load_from_here_alone(acme: Tenant) -> None:
    response = anonymous(acme).get("/")
    assert response["Cache-Control"] == "no-cache"
    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert not response.cookies


@pytest.mark.usefixtures("build")
def test_it_speaks_the_browsers_language_or_the_users(acme: Tenant, users: dict[str, User]) -> None:
    assert b'<html lang="en">' in anonymous(acme).get("/").content
    turkish = anonymous(acme, **{"accept-language": "tr"}).get("/").content
    assert b'<html lang="tr">' in turkish
    User.objects.filter(pk=users["customer"].pk).update(language="tr")
    users["customer"].refresh_from_db()
    signed_in = factories.signed_in(acme, users["customer"], **{"accept-language": "en"})
    assert b'<html lang="tr">' in signed_in.get("/p/ATLAS-W2").content


@pytest.mark.usefixtures("build")
def test_it_tells_the_app_the_thresholds_that_hold(acme: Tenant, settings: Any) -> None:
    own = [number for number in numbers(settings.THRESHOLDS) if number.name.startswith("page.")]
    assert told(acme)["page"] == {each.name.removeprefix("page."): float(str(each.value)) for each in own}
    changed = {"page.FOUND_ROWS": 9, "page.SILENT_BEATS": Decimal("3.50"), "api.PAGE_ROWS": 7}
    settings.THRESHOLDS = with_values(settings.THRESHOLDS, changed)
    given = told(acme)
    assert (given["page"]["FOUND_ROWS"], given["page"]["SILENT_BEATS"]) == (9, 3.5)
    assert given["api"] == {"PAGE_ROWS": 7, "MOST_PAGE_ROWS": settings.THRESHOLDS.api.MOST_PAGE_ROWS}
    assert given["stream"] == {"BEAT_SECONDS": settings.THRESHOLDS.stream.BEAT_SECONDS}


@pytest.mark.usefixtures("build")
def test_the_app_reads_what_the_document_tells_and_nothing_else(acme: Tenant) -> None:
    reader = (settings.BASE_DIR / "frontend" / "src" / "thresholds.ts").read_text()
    names = reader[reader.index("const NAMES = {") : reader.index("} as const;")]
    read = {
        group: re.findall(r'"(\w+)"', its) for group, its in re.findall(r"(\w+): \[(.*?)\]", names, re.DOTALL)
    }
    assert {group: sorted(its) for group, its in read.items()} == {
        group: sorted(its) for group, its in told(acme).items()
    }


@pytest.mark.usefixtures("build")
def test_it_is_read_and_nothing_else(acme: Tenant, public: Tenant) -> None:
    for address in ADDRESSES:
        assert anonymous(acme).head(address).status_code == 200
        assert (
            Client(headers={"host": factories.host_of(acme)}, enforce_csrf_checks=False)
            .post(address)
            .status_code
            == 405
        )
    for address in ("/sign-in", "/p/ATLAS-W2"):
        assert anonymous(public).get(address).status_code == 404
    assert anonymous(public).get("/")["Location"] == "/admin/"


def test_another_build_is_seen_and_one_that_is_missing_is_said(
    acme: Tenant, build: Any, tmp_path: Path
) -> None:
    client = anonymous(acme)
    assert b"main-AbC_123x" in client.get("/").content
    build({"src/main.tsx": {"file": "assets/main-zzzzzzzz.js"}}, at=2)
    assert b"main-zzzzzzzz" in client.get("/").content
    with override_settings(APP_BUILD=tmp_path / "nowhere"):
        response = client.get("/")
        script = anonymous(acme, accept="application/json").get("/")
    assert response.status_code == script.status_code == 503
    assert b"npm run build" in response.content
    assert script.json()["type"] == "/problems/not_built"


def test_the_committed_build_holds_what_the_document_names() -> None:
    build = built(settings.APP_BUILD)
    assert build, "npm run build"
    for address in (build.script, *build.preloads, *build.styles):
        assert (settings.APP_BUILD / address.removeprefix("/static/app/")).is_file()


def test_what_has_a_hash_in_its_name_is_kept_for_ever() -> None:
    test = WhiteNoiseMiddleware(lambda request: None).immutable_file_test
    for name in ("main-AbC_123x.js", "main-12345678.css", "uplot-a-b_c-d9.js"):
        assert test("", f"/static/app/assets/{name}")
    for url in ("/static/console/console.css", "/static/app/manifest.json", "/static/app/assets/main.js"):
        assert not test("", url)
