"""The two sites: a tenant's console and the operations console."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from tenancy.states import ActorKind
from tenancy.web.admin.doors import ChangePassword, LoginForm
from tenancy.web.admin.rows import ModelAdmin
from tenancy.web.admin.who import actor_in, allowed, opens_console, place


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a site's first page: a template and what it shows."""

    template: str
    context: Callable[[HttpRequest], dict[str, Any]]


AboveList = Callable[[HttpRequest, ModelAdmin, Any], dict[str, Any] | None]
"""Reads a part above a list: gets the request, the list's admin and Django's ChangeList."""


_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is no model's, in the side menu beside the lists; its URL is named by `path`, with _ for /.

    A `path` may take parameters as Django spells them (`runbooks/<slug:key>`): its URL is named by their names
    (`runbooks_key`), the view gets them as keywords, and the menu has no such page (ValueError).

    `action` is the row of the permissions table that it needs, `place` where its section stands in the menu; in the
    section "" it stands below the overview. The site adds what its own pages are shown with, and the title, to the
    context of the view's TemplateResponse.
    """

    path: str
    title: Any
    icon: str
    section: Any
    place: int
    action: str
    view: Callable[..., HttpResponseBase]
    in_menu: bool = True

    def __post_init__(self) -> None:
        if self.in_menu and _PARAMETER.search(self.path):
            raise ValueError(f"the menu cannot lead to {self.path}: nobody says what its parameters are")

    @property
    def url_name(self) -> str:
        return _PARAMETER.sub(r"\1", self.path).replace("/", "_")


class Item(NamedTuple):
    """A line of the side menu."""

    title: Any
    icon: str
    section: Any
    place: int
    link: str


class ConsoleSite(UnfoldAdminSite):
    """One of our two sites. Both are called `admin` (Unfold's templates say so); each host has its own urlconf."""

    login_form = LoginForm
    index_template = "console/index.html"
    index_title = _("Overview")
    journal_url = ""

    def __init__(self) -> None:
        super().__init__("admin")
        self.empty_value_display = "–"
        self.panels: list[Panel] = []
        self.pages: list[Page] = []
        self.above_lists: list[tuple[str, AboveList]] = []

    def show_first(self, template: str, context: Callable[[HttpRequest], dict[str, Any]]) -> None:
        """Add a part to the first page; the registry that higher apps fill."""
        self.panels.append(Panel(template, context))

    def show_above_lists(self, template: str, read: AboveList) -> None:
        """Add a part above every list: `read` gives what `template` shows as `part`, None for no part."""
        self.above_lists.append((template, read))

    def add_page(self, page: Page) -> None:
        """Add a page of its own; for the admin modules of higher apps, as `register` is. ValueError if it is there."""
        if page.path in {known.path for known in self.pages}:
            raise ValueError(f"added twice: {page.path}")
        self.pages.append(page)

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_authenticated and opens_console(actor_in(request))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        actor = actor_in(request)
        return context | {
            "site_url": None,
            "styles": [static("console/console.css")],
            "site_favicons": [{"rel": "icon", "type": "image/svg+xml", "href": static("console/icon.svg")}],
            "under_grant": actor is not None and actor.kind == ActorKind.SUPPORT,
            "read_only": actor is not None and actor.read_only,
        }

    def get_urls(self) -> list[Any]:
        # `search` keeps results in the cache and `view_on_site` opens any row by its content type: neither here.
        theirs = [
            url for url in super().get_urls() if getattr(url, "name", "") not in {"search", "view_on_site"}
        ]
        ours = [
            path(f"{page.path}/", self.admin_view(partial(self._show, page)), name=page.url_name)
            for page in self.pages
        ]
        return ours + theirs

    def _show(self, page: Page, request: HttpRequest, **given: str) -> HttpResponseBase:
        if not allowed(request, page.action):
            raise PermissionDenied
        request.current_app = self.name
        answer = page.view(request, **given)
        if isinstance(answer, TemplateResponse):
            about = {**self.each_context(request), "title": page.title}
            answer.context_data = {**about, **(answer.context_data or {})}
        return answer

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        parts = [(panel.template, panel.context(request)) for panel in self.panels]
        return super().index(request, {**(extra_context or {}), "parts": parts})

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """No page of its own: the side menu is by what people do, not by which app holds the rows."""
        return HttpResponseRedirect(reverse("admin:index"))

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        request.current_app = self.name
        view = ChangePassword.as_view(
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The side menu: each section's lists that the actor may read."""
        index = reverse("admin:index")
        first = {
            "title": _("Overview"),
            "icon": "space_dashboard",
            "link": index,
            "active": request.path == index,
        }
        groups: dict[Any, list[dict[str, Any]]] = {"": [first | {"has_permission": True}]}
        for item in sorted(self._menu(request), key=lambda item: item.place):
            about = {"title": item.title, "icon": item.icon, "link": item.link, "has_permission": True}
            groups.setdefault(item.section, []).append(about | {"active": request.path.startswith(item.link)})
        return [{"title": title, "items": items} for title, items in groups.items()]

    def _menu(self, request: HttpRequest) -> Iterator[Item]:
        """The lists and pages that the actor may read."""
        for model, admin in self._registry.items():
            if isinstance(admin, ModelAdmin) and admin.has_view_permission(request):
                link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
                title = admin.title or model._meta.verbose_name_plural
                yield Item(title, admin.icon, admin.section, admin.place, link)
        for page in self.pages:
            if page.in_menu and allowed(request, page.action):
                link = reverse(f"admin:{page.url_name}")
                yield Item(page.title, page.icon, page.section, page.place, link)


class TenantSite(ConsoleSite):
    """The console on a tenant's host: for its agents and above, and for us under a grant."""

    settings_name = "UNFOLD"
    journal_url = "admin:journal_event_changelist"

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        first, *others = super().get_sidebar_list(request)
        app = {
            "title": _("War room"),
            "icon": "crisis_alert",
            "link": reverse("home"),
            "has_permission": True,
        }
        return [{**first, "items": [*first["items"], app | {"active": False}]}, *others]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        return context | {
            "site_header": place(),
            "site_title": place(),
            "site_subheader": context["site_title"],
        }


class PublicSite(ConsoleSite):
    """The console on the public host: for staff."""

    settings_name = "UNFOLD_PUBLIC"
    journal_url = "admin:tenancy_operatorevent_changelist"


tenant_site = TenantSite()
public_site = PublicSite()
