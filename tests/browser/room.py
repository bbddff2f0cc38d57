"""A tenant at work, for tests of the app in a browser: its people, projects of their own, and windows on them.

All tests of a module share a server, a browser, a tenant and its people; each makes a project of its own.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect

from hypercare import services
from hypercare.models import ChangeRequest, Incident, Program, Project
from hypercare.states import SupportLevel
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import SupportGrant, Tenant, User
from tenancy.states import Role
from tests import factories
from tests.browser.steps import WATCH, chromium
from tests.live.product import Product, running

SYSTEM = Actor.system("tests")
PATIENCE = 30_000  # ms: a hang ends, a busy machine does not fail
expect.set_options(timeout=PATIENCE)
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
HASTY = {"THRESHOLD_STREAM_BEAT_SECONDS": "1", "THRESHOLD_PAGE_FOUND_ROWS": "2"}
PEOPLE = {
    "customer": ("customer", "Ayla Demir", None),
    "agent": ("agent", "Erik Berg", SupportLevel.L1),
    "second": ("agent", "Ida Lund", SupportLevel.L2),
    "manager": ("manager", "Nora Haugen", SupportLevel.L3),
}
"""Name here -> role, name there, support level. The agent and the manager sit on the change boards."""
BOARD = ("agent", "manager")
LISTEN = """
window.heard = [];
new BroadcastChannel("hypercare.live").onmessage = event => window.heard.push(event.data.name);
"""
AFTER_PAINT = """
() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))))
"""
LOADING = re.compile(r"Failed to load resource: (?:the server responded with a status of (\d+)|net::(\w+))")


@dataclass
class Window:
    """A page of somebody's browser; `said` is what its console said, `asked` the addresses it asked for."""

    page: Page
    at: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.at}{path}")
        return self.page

    def hear(self) -> None:
        """Wait until the live stream is there."""
        self.page.wait_for_function("() => window.heard.includes('beat')")

    def ready(self) -> None:
        """Wait until the keys of what is drawn are in force."""
        self.page.evaluate(AFTER_PAINT)

    def complaints(self, *expected: str) -> list[str]:
        """What its console said, but for loads that failed with one of `expected`: a status or a network error."""
        found = []
        for text in self.said:
            failed = LOADING.search(text)
            if not (failed and (failed[1] or failed[2]) in expected):
                found.append(text)
        return found


@dataclass
class Room:
    """`people` are members of every project, all but the one named outsider."""

    product: Product
    browser: Browser
    tenant: Tenant
    program: Program
    people: dict[str, User]
    servers: ExitStack
    codes: Iterator[int] = field(default_factory=lambda: count(1))
    states: dict[str, Any] = field(default_factory=dict)
    open: list[BrowserContext] = field(default_factory=list)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Without a server; after the block there is one at the same address."""
        self.product.stop()
        try:
            yield
        finally:
            folder = self.product.log.parent / f"{next(self.codes)}"
            folder.mkdir()
            self.product = self.servers.enter_context(running(folder, port=self.product.port, **HASTY))

    @property
    def at(self) -> str:
        return self.product.at(self.tenant)

    def actor(self, name: str) -> Actor:
        return Actor.member(self.people[name].pk, Role(PEOPLE[name][0]))

    # ---- what there is ------------------------------------------------------------------------------------------

    def project(self, **given: Any) -> Project:
        """A new project of everybody."""
        now = timezone.now()
        code = f"WAVE-{next(self.codes)}"
        with entering(self.tenant):
            fields = {
                "code": code,
                "name": f"Wave {code[5:]}",
                "go_live_at": now - timedelta(days=12),
            } | given
            made = services.create_project(program=self.program, by=SYSTEM, now=now, **fields)
            for name, (_role, _name, level) in PEOPLE.items():
                services.add_member(
                    project=made,
                    user_id=self.people[name].pk,
                    support_level=level,
                    is_board_member=name in BOARD,
                    by=SYSTEM,
                    now=now,
                )
        return made

    def report(self, project: Project, *, by: str = "customer", **given: Any) -> Incident:
        fields = {"title": "Goods receipt blocked", "now": timezone.now()} | given
        with entering(self.tenant):
            return services.report_incident(project=project, by=self.actor(by), **fields)

    def draft(
        self, project: Project, *, by: str = "second", submitted: bool = True, **given: Any
    ) -> ChangeRequest:
        fields = {
            "title": "Open the posting period",
            "change_type": "config",
            "rollback_plan": "Close it again",
        }
        act: dict[str, Any] = {"by": self.actor(by), "now": timezone.now()}
        with entering(self.tenant):
            change = services.draft_change(project=project, **(fields | given), **act)
            return services.submit_change(change=change, **act) if submitted else change

    def do(
        self, verb: Callable[..., Any], *, by: str = "second", now: datetime | None = None, **given: Any
    ) -> Any:
        """What a service does by somebody, now."""
        with entering(self.tenant):
            return verb(by=self.actor(by), now=now or timezone.now(), **given)

    def now(self, row: Any) -> Any:
        """The row as it is now."""
        with entering(self.tenant):
            return type(row).objects.get(pk=row.pk)

    # ---- who looks at it ----------------------------------------------------------------------------------------

    def context(self, name: str | None = None, **options: Any) -> BrowserContext:
        """A browser of its own; signed in, as somebody who signed in on the app's page."""
        if name:
            if name not in self.states:
                self.states[name] = self._signed_in(name)
            options["storage_state"] = self.states[name]
        made = self.browser.new_context(**({"viewport": DESK, "locale": "en-GB"} | options))
        made.set_default_timeout(PATIENCE)
        made.add_init_script(WATCH)
        made.add_init_script(LISTEN)
        self.open.append(made)
        return made

    def window(self, context: BrowserContext) -> Window:
        window = Window(context.new_page(), self.at)
        window.page.on("console", lambda message: window.said.append(message.text))
        window.page.on("pageerror", lambda error: window.said.append(f"page error: {error}"))
        window.page.on("request", lambda request: window.asked.append(request.url))
        return window

    def look(self, name: str, path: str, **options: Any) -> Window:
        """A browser of somebody who is signed in, at `path`."""
        window = self.window(self.context(name, **options))
        window.go(path)
        return window

    def _signed_in(self, name: str) -> Any:
        context = self.context()
        window = self.window(context)
        window.go("/sign-in")
        give_password(window.page, self.people[name].email)
        window.page.get_by_role("button", name="Account of").wait_for()
        assert window.complaints("401") == []
        state = context.storage_state()
        context.close()
        return state


def give_password(page: Page, email: str, password: str = factories.PASSWORD) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


@contextmanager
def _room(product: Product, browser: Browser, tenant: Tenant) -> Iterator[Room]:
    people = {key: factories.member(tenant, role, name=name) for key, (role, name, _level) in PEOPLE.items()}
    people["outsider"] = factories.member(tenant, "customer", name="Olav Ost")
    try:
        with entering(tenant):
            program = services.create_program(code="ERP", name="ERP roll-in", by=SYSTEM, now=timezone.now())
        with ExitStack() as servers:
            yield Room(product, browser, tenant, program, people, servers)
    finally:
        SupportGrant.objects.filter(tenant=tenant).delete()
        User.objects.filter(pk__in=[user.pk for user in people.values()]).delete()


@pytest.fixture(scope="module")
def shared_room(committed_for_all: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("product")
    with (
        running(folder, **HASTY) as product,
        chromium() as browser,
        committed_for_all() as tenant,
        _room(product, browser, tenant) as made,
    ):
        yield made


@pytest.fixture
def room(shared_room: Room) -> Iterator[Room]:
    """What all tests of a module share; the browsers that a test opened are closed after it."""
    yield shared_room
    for context in shared_room.open:
        context.close()
    shared_room.open.clear()
