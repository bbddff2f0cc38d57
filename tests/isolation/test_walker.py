"""No tenant sees another: every URL pattern x method x actor, over three tenants with colliding numbers.

A pattern without a fixture fails the suite. Each request runs in a savepoint that is rolled back, so that what an
actor may do does not change what the next one meets. How many patterns and requests: the last lines of the run.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.conf import settings
from django.core import mail
from django.db import transaction
from django.test import Client
from django.utils import timezone

from tenancy import deliveries
from tenancy.models import Delivery, Tenant
from tests import factories
from tests.isolation import world
from tests.isolation.routes import Route, routes

TENANT_URLS, PUBLIC_URLS = settings.ROOT_URLCONF, settings.PUBLIC_SCHEMA_URLCONF
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ASKED = ("GET", "POST")
# Anybody may see these: they say nothing about any tenant but its name.
OPEN = {
    "",
    "admin/login/",
    "admin/logout/",
    "admin/jsi18n/",
    "api/v1/openapi.json",
    "api/v1/docs/",
    "api/v1/redoc/",
}
OPEN |= {"problems/<code>"}


@dataclass(frozen=True)
class Visitor:
    """Who asks: on which host, with which credentials, and whose canaries they may see there."""

    name: str
    host: str
    token: str = ""
    cookie: str = ""
    may_see: tuple[str, ...] = ()
    may_not_see: str = ""
    inside: bool = False
    everything: bool = False


@cache
def handler() -> Client:
    """One client for all: making one loads every middleware anew."""
    return Client(raise_request_exception=False)


def client_of(visitor: Visitor) -> Client:
    client = handler()
    client.cookies.clear()
    if visitor.cookie:
        client.cookies[settings.SESSION_COOKIE_NAME] = visitor.cookie
    return client


@pytest.fixture
def walked(record_property: Callable[[str, object], None]) -> Iterator[Counter[str]]:
    """Counts of the walk; tests/conftest.py prints them below the run."""
    counts: Counter[str] = Counter()
    yield counts
    record_property("walked", dict(counts))


@pytest.fixture
def parts(tenants: dict[str, Tenant]) -> dict[str, world.Part]:
    return {slug: world.build(tenant) for slug, tenant in tenants.items()}


def values_for(route: Route, ids: dict[str, object], rows: dict[str, str]) -> dict[str, object] | None:
    """What fills `route`'s parameters, or None if this file has no fixture for it."""
    values: dict[str, object] = dict(ids)
    values |= {"code": "not_found", "format": "json"}
    values["incident"] = ids.get("incident")
    if "object_id" in route.params:
        for label, pk in rows.items():
            if route.label.startswith(f"admin/{label.replace('.', '/')}/"):
                values["object_id"] = pk
    if "pk" in route.params:
        for part, name in (
            ("incidents/<pk>", "incident"),
            ("projects/<pk>", "project"),
            ("members/<pk>", "member"),
        ):
            if part in route.label:
                values["pk"] = ids.get(name)
    if "app_label" in route.params:
        values["app_label"] = "hypercare"
    if "url" in route.params:
        values["url"] = "nothing-here/"
    missing = [name for name in route.params if values.get(name) is None]
    return None if missing else values


def methods(route: Route, visitor: Visitor) -> tuple[str, ...]:
    """What `visitor` tries on `route`: on the API what its view has; the console's pages know GET and POST. The rest
    is tried by one visitor of each walk. A token is for the API, a session is for the console and one walk."""
    if visitor.everything:
        return METHODS
    if route.label.startswith("api/"):
        return route.methods or ASKED if visitor.token or not visitor.cookie else ()
    if visitor.token and visitor.inside:
        return ()
    return ASKED


def visit(visitor: Visitor, method: str, path: str, walked: Counter[str]) -> tuple[int, str]:
    """Ask, then undo what it did. The answer's status and text."""
    body = {} if method in ("GET", "HEAD", "OPTIONS") else {"data": "{}", "content_type": "application/json"}
    with transaction.atomic():
        headers = {"host": visitor.host}
        if visitor.token:
            headers["authorization"] = f"Bearer {visitor.token}"
        answer = getattr(client_of(visitor), method.lower())(path, headers=headers, **body)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        text = _readable(content) + "".join(f"{key}: {value}\n" for key, value in answer.items())
        transaction.set_rollback(True)
    assert answer.status_code != 429, "the walk itself is too fast for the limit: it would see nothing"
    walked["requests"] += 1
    walked[f"status {answer.status_code // 100}xx"] += 1
    return answer.status_code, text


def _readable(content: bytes) -> str:
    """The text of an answer; of an XLSX the text of its parts."""
    if not content.startswith(b"PK"):
        return content.decode(errors="replace")
    with ZipFile(BytesIO(content)) as parts:
        # A cell's text lies close to its tags: apart from them a canary is a word.
        texts = [parts.read(name).decode(errors="replace") for name in parts.namelist()]
    return "\n".join(texts).replace("<", " <").replace(">", "> ")


def foreign_canaries(visitor: Visitor, text: str) -> list[str]:
    words = {word.strip("\"'<>,:;&()[]{}") for word in text.split() if "canary-" in word}
    foreign = {word for word in words if not any(f"canary-{seen}" in word for seen in visitor.may_see)}
    if visitor.may_not_see:
        foreign |= {word for word in words if visitor.may_not_see in word}
    return sorted(foreign)


def audits(visitor: Visitor, route: Route, part: world.Part) -> Visitor:
    """The visitor on `route`: an admin reads all of the tenant's journal, whatever the project."""
    if "journal" not in route.label or not visitor.name.startswith("admin"):
        return visitor
    return replace(visitor, may_see=(part.tenant.slug,))


def insiders(part: world.Part) -> list[Visitor]:
    """The members of the shown project, with a token each and with a session each."""
    tenant, host = part.tenant, factories.host_of(part.tenant)
    found = []
    for role in ("customer", "agent", "manager", "admin"):
        user = part.people[role]
        here = Visitor(
            f"{role} by token",
            host,
            token=factories.token(user, tenant),
            may_see=(f"{tenant.slug}-shown",),
            may_not_see="-internal" if role == "customer" else "",
            inside=True,
        )
        cookie = world.session_cookie(tenant, user)
        every = role == "admin"
        found += [
            here,
            replace(here, name=f"{role} by session", token="", cookie=cookie, everything=every),
        ]
    return found


def under_grants(part: world.Part) -> list[Visitor]:
    tenant, host = part.tenant, factories.host_of(part.tenant)
    found = []
    for name, user in world.grants(tenant).items():
        see = (tenant.slug,) if name in ("read grant", "write grant") else ()
        inside = bool(see)
        found.append(Visitor(name, host, token=factories.token(user, tenant), may_see=see, inside=inside))
        cookie = world.session_cookie(tenant, user)
        found.append(Visitor(f"{name} by session", host, cookie=cookie, may_see=see, inside=inside))
    return found


def strangers(part: world.Part, other: world.Part, public: Tenant) -> list[Visitor]:
    """Those whom this tenant tells nothing."""
    tenant, host = part.tenant, factories.host_of(part.tenant)
    foreign = other.people["admin"]
    return [
        Visitor("anonymous", host, everything=True),
        Visitor("garbage token", host, token="hc_nothing_here"),
        Visitor("other tenant's token", host, token=factories.token(foreign, other.tenant)),
        Visitor("other tenant's session", host, cookie=world.session_cookie(other.tenant, foreign)),
        Visitor(
            "own token on an unknown host",
            "nobody.localhost",
            token=factories.token(part.people["admin"], tenant),
        ),
        Visitor(
            "staff's public token",
            host,
            token=factories.token(factories.UserFactory(staff_role="platform"), public),
        ),
    ]


def tenant_routes() -> list[Route]:
    return routes(TENANT_URLS)


@pytest.mark.django_db
def test_every_pattern_of_a_tenants_host_has_a_fixture(parts):
    part = parts["acme"]
    without = [route.label for route in tenant_routes() if values_for(route, part.shown, part.rows) is None]
    assert without == []


@pytest.mark.django_db
def test_insiders_see_their_project_and_no_other_tenant_nor_project(parts, walked):
    part = parts["acme"]
    seen: Counter[str] = Counter()
    visitors = insiders(part)
    for route in tenant_routes():
        path = route.path(values_for(route, part.shown, part.rows) or {})
        walked["patterns"] += 1
        for visitor in visitors:
            for method in methods(route, visitor):
                status, text = visit(visitor, method, path, walked)
                assert status < 500, (visitor.name, method, route.label, status)
                assert foreign_canaries(audits(visitor, route, part), text) == [], (
                    visitor.name,
                    method,
                    route.label,
                )
                seen[route.label] += method == "GET" and "canary-acme-shown" in text
    # The fixtures are real: what should show an own row shows it to somebody.
    # (A line of the journal holds ids and states, no text, so no canary either.)
    shows_rows = [label for label in seen if "<object_id>/change" in label and "journal" not in label]
    assert [label for label in shows_rows if not seen[label]] == []
    assert seen["api/v1/projects/<project>/hypercare/incidents/<incident>"] > 0


@pytest.mark.django_db
def test_another_projects_or_tenants_id_is_not_there(parts, walked):
    part = parts["acme"]
    elsewhere = [
        (parts["globex"].shown, parts["globex"].rows),
        (part.hidden, part.hidden_rows),
    ]
    visitors = [visitor for visitor in insiders(part) if visitor.name.startswith(("agent", "admin"))]
    for route in tenant_routes():
        if not set(route.params) & {*part.shown, "pk", "object_id"}:
            continue
        own = route.path(values_for(route, part.shown, part.rows) or {})
        for ids, rows in elsewhere:
            path = route.path(values_for(route, ids, rows) or {})
            if path == own:
                continue
            for visitor in visitors:
                for method in methods(route, visitor):
                    status, text = visit(visitor, method, path, walked)
                    assert status < 500, (visitor.name, method, route.label, status)
                    seen_by = audits(visitor, route, part)
                    assert foreign_canaries(seen_by, text) == [], (visitor.name, method, route.label)
                    # Who belongs to the tenant is known in all its projects.
                    known = seen_by != visitor or "membership" in route.label
                    if method == "GET" and not known:
                        assert status in (302, 403, 404, 405), (visitor.name, path, status)


@pytest.mark.django_db
def test_exports_and_searches_show_no_more_than_the_lists(parts, walked):
    """Every GET as a file, and with a search for what is in another tenant, another project, or internal."""
    part = parts["acme"]
    words = ("canary-globex-shown", "canary-acme-hidden", "canary-acme-shown-internal")
    asked = ("format=csv", "format=xlsx", *(f"search={word}" for word in words))
    visitors = [
        visitor for visitor in insiders(part) if visitor.name in ("customer by token", "agent by token")
    ]
    exported: Counter[str] = Counter()
    searched = 0
    for route in tenant_routes():
        path = route.path(values_for(route, part.shown, part.rows) or {})
        for visitor in visitors if route.label.startswith("api/") and route.label not in OPEN else ():
            for question in asked:
                status, text = visit(visitor, "GET", f"{path}?{question}", walked)
                where = (visitor.name, f"{route.label}?{question}", status)
                assert status < 500, where
                assert foreign_canaries(visitor, text) == [], where
                if question.startswith("format="):
                    # Files are for those who work on incidents.
                    assert status != 200 or visitor.name.startswith("agent"), where
                    exported[question] += status == 200 and "canary-acme-shown" in text
                elif status == 200 and '"results"' in text:
                    found = "canary-" in text.replace(question, "")
                    ours = question.endswith("internal") and visitor.name.startswith("agent")
                    assert ours or not found, where
                    searched += 1
    assert searched
    assert exported["format=csv"] == exported["format=xlsx"] > 0


@pytest.mark.django_db
def test_the_consoles_searches_show_no_more_than_the_lists(parts, walked):
    part = parts["acme"]
    visitors = [
        visitor for visitor in insiders(part) if visitor.name in ("agent by session", "admin by session")
    ]
    lists = [route for route in tenant_routes() if route.label.startswith("admin/") and not route.params]
    for route in lists:
        for visitor in visitors:
            for word in ("canary-globex-shown", "canary-acme-hidden"):
                status, text = visit(visitor, "GET", f"{route.path({})}?q={word}", walked)
                assert status < 500, (visitor.name, route.label, word)
                # The words that were searched for stand in the search box and in links: there alone.
                for echo in (f"q={word}", f"q%3D{word}", f'value="{word}"'):
                    text = text.replace(echo, "")
                found = foreign_canaries(visitor, text)
                assert found == [], (visitor.name, route.label, word)


@pytest.mark.django_db
def test_no_mail_tells_a_customer_what_is_internal_nor_what_is_elsewhere(parts, walked):
    """What the fixtures queued is written and sent: comments, waiting, change requests, breaches."""
    Delivery.objects.exclude(channel="email").delete()
    at = timezone.now() + timedelta(minutes=1)
    walked["mails"] = deliveries.dispatch(clock=lambda: at).sent
    read_by_customers = 0
    for letter in mail.outbox:
        (address,) = letter.to
        slug = address.partition("@")[2].removesuffix(".example")
        role = address.partition("@")[0]
        here = "hidden" if role == "outsider" else "shown"
        internal = "-internal" if role == "customer" else ""
        reader = Visitor(address, "", may_see=(f"{slug}-{here}",), may_not_see=internal)
        text = " ".join([letter.subject, letter.body, *(str(part) for part, _kind in letter.alternatives)])
        assert foreign_canaries(reader, text) == [], (address, letter.subject)
        read_by_customers += role == "customer" and "canary-" in letter.body
    assert read_by_customers


@pytest.mark.django_db
def test_strangers_are_told_nothing(parts, public, walked):
    part = parts["acme"]
    visitors = strangers(part, parts["globex"], public)
    for route in tenant_routes():
        path = route.path(values_for(route, part.shown, part.rows) or {})
        for visitor in visitors:
            for method in methods(route, visitor):
                status, text = visit(visitor, method, path, walked)
                where = (visitor.name, method, route.label, status)
                assert status < 500, where
                assert "canary-" not in text, where
                if visitor.host == "nobody.localhost":
                    assert status == 404, where
                elif route.label.startswith("api/") and route.label not in OPEN:
                    assert status in (401, 404, 405), where
                elif route.label not in OPEN and not route.label.endswith("<url>"):
                    assert status in (302, 401, 403, 404, 405), where


@pytest.mark.django_db
def test_staff_sees_what_a_grant_opens_and_nothing_without(parts, walked):
    part = parts["acme"]
    opened: Counter[str] = Counter()
    visitors = under_grants(part)
    for route in tenant_routes():
        path = route.path(values_for(route, part.shown, part.rows) or {})
        for visitor in visitors:
            for method in methods(route, visitor):
                status, text = visit(visitor, method, path, walked)
                where = (visitor.name, method, route.label, status)
                assert status < 500, where
                assert foreign_canaries(visitor, text) == [], where
                opened[visitor.name] += "canary-" in text
                by_api = route.label.startswith("api/") and route.label not in OPEN
                if by_api and not visitor.inside and visitor.token:
                    assert status in (403, 404, 405), where
                if (
                    visitor.name.startswith("read grant")
                    and by_api
                    and method in ("POST", "PUT", "PATCH", "DELETE")
                ):
                    assert status in (403, 404, 405), where
    assert opened["read grant"]
    assert opened["write grant by session"]
    assert not any(opened[name] for name in opened if name.startswith(("no grant", "expired", "superuser")))


@pytest.mark.django_db
def test_the_public_host_shows_no_tenants_content(parts, public, walked):
    part = parts["acme"]
    host = factories.host_of(public)
    visitors = [
        Visitor("anonymous", host, everything=True),
        Visitor("member", host, token=factories.token(part.people["admin"], part.tenant)),
    ]
    for staff_role in ("support", "release", "platform"):
        person = factories.UserFactory(staff_role=staff_role)
        visitors.append(Visitor(staff_role, host, cookie=world.session_cookie(public, person)))
        visitors.append(Visitor(f"{staff_role} by token", host, token=factories.token(person, public)))
    for route in routes(PUBLIC_URLS):
        walked["patterns"] += 1
        values = {"object_id": "1", "app_label": "tenancy", "url": "nothing-here/", "code": "not_found"}
        values["scope"] = "01930000-0000-7000-8000-000000000000"
        assert set(route.params) <= set(values), f"no fixture for {route.label}"
        path = route.path(values)
        for visitor in visitors:
            for method in methods(route, visitor):
                status, text = visit(visitor, method, path, walked)
                where = (visitor.name, method, route.label, status)
                assert status < 500, where
                # Names of people are shared rows that platform staff manages; a tenant's content is not.
                content = [
                    word for word in foreign_canaries(visitor, text) if "-shown" in word or "-hidden" in word
                ]
                people = visitor.name.startswith("platform") and "/user/" in path
                assert not content or people, where
                if visitor.name in ("anonymous", "member") and route.label not in OPEN:
                    assert status in (302, 401, 403, 404, 405), where
