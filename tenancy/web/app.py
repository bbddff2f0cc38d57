"""The pages of the app in the browser: one document for all its addresses, which loads the build of frontend/."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _
from django.views import View

from tenancy.web.authentication import access_of
from tenancy.web.problems import answer

ENTRY = "src/main.tsx"
FOLDER = "app"
"""Where the build is below STATIC_URL; Vite's `base` says the same."""
SHARED = ("api.PAGE_ROWS", "api.MOST_PAGE_ROWS", "stream.BEAT_SECONDS")
"""The server's thresholds by which the app goes too, beside its own."""


@dataclass(frozen=True, slots=True)
class Build:
    """The files that the document names, by their addresses: the entry, and what it will ask for at once."""

    script: str
    preloads: list[str]
    styles: list[str]


class App(View):
    """The document of the app. Anybody may load it: it holds nothing of any tenant, and the app asks who is here.

    A data block in it, which no browser executes, says the thresholds by which the app goes.
    """

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest, page: str = "") -> HttpResponse:
        build = built(settings.APP_BUILD)
        if build is None:
            text = _("The pages of the app are not built. Run `npm ci && npm run build` in frontend/.")
            return answer(request, 503, "not_built", text)
        access_of(request)  # from here on the page speaks the user's language
        document = render(request, "app.html", {"build": build, "thresholds": numbers(settings.THRESHOLDS)})
        document["Cache-Control"] = "no-cache"
        return document


def numbers(thresholds: Any) -> dict[str, dict[str, int | float]]:
    """The thresholds by which the app goes, as numbers of JSON: group, name, value. `thresholds.ts` reads them."""
    found = {"page": {name: _number(value) for name, value in asdict(thresholds.page).items()}}
    for name in SHARED:
        group, number = name.split(".")
        found.setdefault(group, {})[number] = _number(getattr(getattr(thresholds, group), number))
    return found


def _number(value: int | Decimal) -> int | float:
    return value if isinstance(value, int) else float(value)


def built(folder: Path) -> Build | None:
    """What the build in `folder` consists of, read again when it is another; None when there is none."""
    manifest = folder / ".vite" / "manifest.json"
    try:
        written = manifest.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    return _read(manifest, written)


@lru_cache(maxsize=2)  # not tunable: a build and the one before
def _read(manifest: Path, written: int) -> Build:
    chunks: dict[str, Any] = json.loads(manifest.read_text())
    entry = chunks[ENTRY]
    needed = list(_imports(chunks, ENTRY))
    styles = [style for name in (ENTRY, *needed) for style in chunks[name].get("css", ())]
    return Build(
        script=_address(entry["file"]),
        preloads=[_address(chunks[name]["file"]) for name in needed],
        styles=[_address(style) for style in dict.fromkeys(styles)],
    )


def _imports(chunks: dict[str, Any], start: str) -> Iterable[str]:
    """What `start` imports, and what that imports, each once."""
    found: dict[str, None] = {}
    waiting = list(chunks[start].get("imports", ()))
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting += chunks[name].get("imports", ())
    return found


def _address(file: str) -> str:
    return static(f"{FOLDER}/{file}")
