"""The runbooks of docs/runbooks, as both consoles show them: in the reader's language, with links to pages of ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import Resolver404, resolve, reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from markdown_it import MarkdownIt
from markdown_it.token import Token

from observability import health
from tenancy.admin.sections import MACHINERY
from tenancy.context import in_tenant
from tenancy.web.admin import Page, public_site, tenant_site

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_SOURCE = "en"


@dataclass(frozen=True, slots=True)
class Runbook:
    """One of them, in one language: its title, its first words (when to open it), and the whole as HTML."""

    key: str
    language: str
    title: str
    symptom: str
    html: SafeString
    alarms: tuple[str, ...]


def folder() -> Path:
    return Path(settings.BASE_DIR) / "docs" / "runbooks"


def keys() -> list[str]:
    """The runbooks that there are, by key; none where the deployment has no docs folder."""
    names = {path.name.split(".")[0] for path in folder().glob("*.md")}
    return sorted(names - {"README"})


def read(key: str) -> Runbook:
    """The runbook `key` in the active language, in English where it has no other. Raises LookupError."""
    if key not in keys():
        raise LookupError(key)
    language = get_language() or _SOURCE
    path = folder() / f"{key}.{language}.md"
    if not path.exists():
        language, path = _SOURCE, folder() / f"{key}.md"
    tokens = _MARKDOWN.parse(path.read_text(encoding="utf-8"))
    title, symptom = [_words(token) for token in tokens if token.type == "inline"][:2]
    after_title = [token.type for token in tokens].index("heading_close") + 1
    return Runbook(key, language, title, symptom, _render(tokens[after_title:]), _alarms_of(key))


def _words(token: Token) -> str:
    return "".join(child.content or " " * (child.type == "softbreak") for child in token.children or [])


def _alarms_of(key: str) -> tuple[str, ...]:
    return tuple(alarm.name for alarm in settings.THRESHOLDS.watched() if alarm.runbook == key)


def _render(tokens: list[Token]) -> SafeString:
    for token in tokens:
        if token.type == "inline":
            token.children = list(_linked(token.children or []))
        elif token.type == "fence":
            token.attrSet("tabindex", "0")  # it scrolls, so the keyboard has to reach it
    # HTML is off: what the source holds of it is text, and links lead to http(s), mailto or a path.
    return mark_safe(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))  # noqa: S308


def _linked(tokens: list[Token]) -> Iterator[Token]:
    """`tokens` where a page of this host, spelled as code, leads there, and another runbook to its page."""
    for token in tokens:
        if token.type == "code_inline" and _is_page(token.content):
            yield Token("link_open", "a", 1, attrs={"href": token.content})
            yield token
            yield Token("link_close", "a", -1)
            continue
        if token.type == "link_open":
            name = str(token.attrGet("href")).removesuffix(".md").removesuffix(".tr")
            if name in keys():
                token.attrSet("href", reverse("admin:runbooks_key", args=[name]))
        yield token


def _is_page(text: str) -> bool:
    """Whether `text` is the address of a page that this host has."""
    if not text.startswith("/"):
        return False
    path = text.partition("?")[0]
    try:
        return path == health.READY or bool(resolve(path).url_name)  # the admin's catch-all has no name
    except Resolver404:
        return False


def show_runbooks(request: HttpRequest) -> TemplateResponse:
    context: dict[str, Any] = {"runbooks": [read(key) for key in keys()], "folder": str(folder())}
    return TemplateResponse(request, "console/runbooks.html", context)


def show_runbook(request: HttpRequest, key: str) -> TemplateResponse:
    if not keys():
        context: dict[str, Any] = {"runbooks": [], "folder": str(folder())}
        return TemplateResponse(request, "console/runbooks.html", context, status=404)
    try:
        runbook = read(key)
    except LookupError as error:
        raise Http404(key) from error
    shown = {"title": runbook.title, "runbook": runbook, "theirs": in_tenant()}
    return TemplateResponse(request, "console/runbook.html", shown)


for site in (public_site, tenant_site):
    site.add_page(
        Page(
            path="runbooks",
            title=_("Runbooks"),
            icon="menu_book",
            section=MACHINERY,
            place=60,
            action="runbook.read",
            view=show_runbooks,
        )
    )
    site.add_page(
        Page(
            path="runbooks/<slug:key>",
            title=_("Runbook"),
            icon="menu_book",
            section=MACHINERY,
            place=60,
            action="runbook.read",
            view=show_runbook,
            in_menu=False,
        )
    )
