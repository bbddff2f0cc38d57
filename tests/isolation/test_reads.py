"""Exports, searches, mails, the cache, sessions, files and archives: what leaves a tenant beside its pages."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core import mail
from django.core.cache import cache
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from tenancy import chains, deliveries, hosts, services
from tenancy.actors import Actor
from tenancy.context import PUBLIC, entering
from tenancy.errors import BrokenChain
from tenancy.models import Delivery
from tests import factories
from tests.isolation import actors, fixtures
from tests.isolation.asking import Visitor, Walk
from tests.isolation.canaries import found_in
from tests.isolation.conftest import WHOLE, World, settle
from tests.isolation.fixtures import is_api, is_open
from tests.isolation.routes import routes
from tests.isolation.world import SAME_KEY, SYSTEM, session_cookie

ELSEWHERE = ("canary-globex-shown", "canary-acme-hidden")


def named(visitors: list[Visitor], *names: str) -> list[Visitor]:
    return [visitor for visitor in visitors if visitor.name in names]


# ---- exports and searches -----------------------------------------------------------------------------------------


def test_exports_and_searches_of_the_api_show_no_more_than_the_lists(here: World, walk: Walk) -> None:
    """Every GET as a file, and with a search for what is in another tenant, another project, or internal."""
    part = here.acme
    asked = (
        "format=csv",
        "format=xlsx",
        *(f"search={word}" for word in (*ELSEWHERE, "canary-acme-shown-internal")),
    )
    exported: Counter[str] = Counter()
    searched = 0
    visitors = named(actors.insiders(part), "customer by token", "agent by token")
    for route in routes(settings.ROOT_URLCONF):
        if not is_api(route) or "GET" not in route.methods or is_open(route):
            continue
        (path,) = fixtures.paths(route, part.shown, part.rows)
        for visitor in visitors:
            for question in asked:
                answer = walk.ask(visitor, "GET", f"{path}?{question}", label=f"{route.label}?{question}")
                where = (visitor.name, route.label, question, answer.status)
                if question.startswith("format="):
                    # Files are for those who work on incidents.
                    walk.expect(answer.status != 200 or visitor.name.startswith("agent"), *where)
                    exported[question] += answer.status == 200 and "canary-acme-shown" in answer.text
                elif answer.status == 200 and '"results"' in answer.text:
                    found = "canary-" in answer.text.replace(question, "")
                    ours = question.endswith("internal") and visitor.name.startswith("agent")
                    walk.expect(ours or not found, *where)
                    searched += 1
    assert searched
    assert exported["format=csv"] == exported["format=xlsx"] > 0


def test_exports_and_searches_of_the_console_show_no_more_than_the_lists(here: World, walk: Walk) -> None:
    """Every list with a search for what is elsewhere, every filter by an id from elsewhere, and every export."""
    part, other = here.acme, here.globex
    agent, admin = named(actors.insiders(part), "agent by session", "admin by session")
    exported: Counter[str] = Counter()
    for turn, route in enumerate(routes(settings.ROOT_URLCONF)):
        if not route.label.startswith("admin/") or route.params not in ((), ("kind",)) or is_open(route):
            continue
        for path in fixtures.paths(route, part.shown, part.rows):
            questions = [f"?q={word}" for word in ELSEWHERE]
            questions += [f"?project={ids['project']}" for ids in (part.hidden, other.shown)]
            for at, question in enumerate(questions):
                for visitor in (agent, admin) if WHOLE else ((agent, admin)[(turn + at) % 2],):
                    word = question.partition("=")[2]
                    # What was searched for stands in the search box and in links: there alone.
                    echoes = (f"q={word}", f"q%3D{word}", f'value="{word}"')
                    whole = route.label.startswith(("admin/journal", "admin/tenancy/delivery"))
                    see = (part.tenant.slug,) if whole and visitor is admin else ()
                    answer = walk.ask(
                        visitor,
                        "GET",
                        path + question,
                        label=f"{route.label}{question}",
                        echoes=echoes,
                        may_see=see,
                    )
                    if route.params:
                        exported[path.rstrip("/").rsplit("/", 1)[-1]] += answer.status == 200
    assert exported["csv"]
    assert exported["xlsx"]


# ---- mails --------------------------------------------------------------------------------------------------------


def test_no_mail_tells_what_is_internal_nor_what_is_elsewhere(here: World, walk: Walk) -> None:
    """What the fixtures queued is written and sent: comments, waiting, change requests, breaches."""
    at = timezone.now() + timedelta(minutes=1)
    read_by_customers = 0
    with transaction.atomic():
        Delivery.objects.exclude(channel="email").delete()
        walk.counts["mails"] = deliveries.dispatch(clock=lambda: at).sent
        for letter in mail.outbox:
            (address,) = letter.to
            slug = address.partition("@")[2].removesuffix(".example")
            told = f"{letter.subject}\n{letter.body}\n{letter.alternatives}"
            people = ("shown", "hidden") if address.startswith("outsider@") else ("shown",)
            seen = tuple(f"canary-{slug}-{kind}" for kind in (*people, "name", "person"))
            if address.startswith("shared@"):
                seen = tuple(
                    f"canary-{each}-{kind}" for each in here.parts for kind in ("shown", "name", "person")
                )
            strange = sorted(word for word in found_in(told) if not word.startswith(seen))
            walk.expect(not strange, address, letter.subject, strange)
            if address.startswith("customer@"):
                walk.expect("-internal" not in told, address, letter.subject)
                read_by_customers += 1
        transaction.set_rollback(True)
    assert walk.counts["mails"] == len(mail.outbox)
    assert read_by_customers


# ---- the cache ----------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(here: World) -> Iterator[redis.Redis]:
    """A cache of its own: what the walk writes and nothing else."""
    url = settings.CACHE_URL.rsplit("/", 1)[0] + "/63"
    client = redis.Redis.from_url(url)
    client.flushdb()
    caches = {"default": {**settings.CACHES["default"], "LOCATION": url}}
    with override_settings(CACHES=caches, CACHE_URL=url):
        yield client
    client.flushdb()
    client.close()


def test_what_is_cached_carries_its_tenant_and_is_no_others(
    here: World, walk: Walk, kept: redis.Redis
) -> None:
    """Keys written while people of all tenants, and strangers, ask for every list and every call without ids."""
    schemas = {slug: part.tenant.schema_name for slug, part in here.parts.items()}
    for slug, part in here.parts.items():
        visitors = named(actors.insiders(part), "agent by token", "admin by session")
        for route in routes(settings.ROOT_URLCONF):
            if route.params and set(route.params) != {"project"}:
                continue
            token, session = visitors
            for path in fixtures.paths(route, part.shown, part.rows):
                visitor = token if is_api(route) else session
                see = (slug,) if "journal" in path or "delivery" in path else ()
                walk.ask(visitor, "GET", path, label=route.label, may_see=see)
        written = {key.decode() for key in kept.scan_iter()}
        theirs = {key for key in written if schemas[slug] in key.split(":")}
        walk.counts["cache keys"] = len(written)
        walk.expect(bool(theirs), slug, "wrote nothing: the walk cannot see the cache")
    for key in sorted(written):
        owners = [slug for slug, schema in schemas.items() if schema in key.split(":")]
        walk.expect(len(owners) == 1 or key.split(":")[0] == PUBLIC, "a key of nobody's:", key)
        value = kept.dump(key) or b""
        for word in found_in(value.decode("latin-1")):
            walk.expect([word.split("-")[1]] == owners, key, "holds", word)


def test_no_tenant_reads_what_another_cached_under_the_same_name(here: World, kept: redis.Redis) -> None:
    for slug, part in here.parts.items():
        with entering(part.tenant):
            assert cache.get("same") is None
            cache.set("same", f"canary-{slug}")
    for slug, part in here.parts.items():
        with entering(part.tenant):
            assert cache.get("same") == f"canary-{slug}"
        assert hosts.find(part.host) == part.tenant


# ---- answers kept for repeats -------------------------------------------------------------------------------------


def test_a_repeat_is_answered_with_the_answer_of_its_own_tenant_and_person(here: World, walk: Walk) -> None:
    """Every tenant holds a record under the same key; whoever else sends it makes their own."""
    part = here.acme
    for visitor in named(actors.insiders(part), "admin by token", "agent by token"):
        path = f"/api/v1/projects/{part.shown['project']}/hypercare/incidents"
        known = replace(visitor, headers=(("Idempotency-Key", SAME_KEY),))
        answer = walk.ask(known, "POST", path, body={"title": "walked"})
        walk.expect("canary-globex" not in answer.text, visitor.name, path)
        # The record is of another request of the admin's: a contradiction. To the agent the key is new.
        walk.expect(
            answer.status == (422 if visitor.name.startswith("admin") else 201), visitor.name, answer.status
        )


# ---- sessions and tokens ------------------------------------------------------------------------------------------


def test_a_session_and_a_token_open_one_host_alone_and_end_with_their_right(here: World, walk: Walk) -> None:
    part = here.acme
    manager = part.people["manager"]
    with transaction.atomic():
        _each_on_every_host(here, walk)
        transaction.set_rollback(True)
    see = actors.own(part)
    cookie, token = session_cookie(part.tenant, manager), factories.token(manager, part.tenant)
    reader = factories.token(manager, part.tenant, read_only=True)
    path = f"/api/v1/projects/{part.shown['project']}/hypercare/incidents"
    as_reader = Visitor("read-only token", part.host, token=reader, may_see=see)
    walk.expect(walk.ask(as_reader, "GET", path).status == 200, "a read-only token reads")
    walk.expect(
        walk.ask(as_reader, "POST", path, body={"title": "walked"}).status == 403, "and writes nothing"
    )
    with transaction.atomic():
        services.remove_member(tenant=part.tenant, user=manager, by=SYSTEM, now=timezone.now())
        for visitor in (
            Visitor("leaver", part.host, cookie=cookie),
            Visitor("leaver", part.host, token=token),
        ):
            gone = replace(visitor, may_see=("acme-name", "acme-person"))
            walk.expect(walk.ask(gone, "GET", path).status in (401, 403), visitor)
            walk.expect(walk.ask(gone, "GET", "/admin/").status in (302, 401, 403), visitor)
        transaction.set_rollback(True)


def _each_on_every_host(here: World, walk: Walk) -> None:
    """Somebody who is an admin of every tenant and one of us: what was made on one host opens that one alone."""
    public = here.public
    hosts_of = {slug: each.host for slug, each in here.parts.items()} | {"public": factories.host_of(public)}
    owners = {slug: each.tenant for slug, each in here.parts.items()} | {"public": public}
    shared = factories.UserFactory(staff_role="platform", name="Everywhere")
    for each in here.parts.values():
        factories.MembershipFactory(user=shared, tenant=each.tenant, role="admin")
    for made_on, tenant in owners.items():
        cookie, token = session_cookie(tenant, shared), factories.token(shared, tenant)
        for asked_on, host in hosts_of.items():
            see = (asked_on,) if asked_on != "public" else tuple(f"{slug}-name" for slug in here.parts)
            page = walk.ask(Visitor("admin of all", host, cookie=cookie, may_see=see), "GET", "/admin/")
            call = walk.ask(Visitor("admin of all", host, token=token, may_see=see), "GET", "/api/v1/me")
            good = made_on == asked_on
            walk.expect((page.status == 200) == good, made_on, "session on", asked_on, page.status)
            walk.expect((call.status == 200) == good, made_on, "token on", asked_on, call.status)


def test_a_suspended_and_a_purged_tenant_answer_nobody(here: World, walk: Walk) -> None:
    part = here.globex
    visitors = [*actors.insiders(part), *actors.granted(part), Visitor("anonymous", part.host)]
    named_only = [replace(visitor, may_see=("globex-name",)) for visitor in visitors]
    with transaction.atomic():
        services.suspend_tenant(tenant=part.tenant, reason="walk", by=SYSTEM, now=timezone.now())
        _closed(walk, named_only, 503)
        part.tenant.refresh_from_db()
        settle()
        services.purge_tenant(tenant=part.tenant, typed_slug="globex", by=SYSTEM, now=timezone.now())
        _closed(walk, [replace(visitor, may_see=()) for visitor in visitors], 404)
        transaction.set_rollback(True)
    hosts.clear()
    part.tenant.refresh_from_db()


def _closed(walk: Walk, visitors: list[Visitor], status: int) -> None:
    for visitor in visitors:
        for path in ("/", "/admin/", "/admin/login/", "/api/v1/projects", "/nothing-here/"):
            answer = walk.ask(visitor, "GET", path, broken=status)
            walk.expect(answer.status == status, visitor.name, path, answer.status)


# ---- files --------------------------------------------------------------------------------------------------------

SECRETS = ("project/settings.py", "manage.py", ".env", "requirements/base.txt", ".data/demo.json")
CLIMBS = ("../", "..%2f", "%2e%2e/", "....//", "..\\", "%5c..%5c", "//", "/etc/", "\x00/", "static/../")


def test_static_files_are_everybodys_and_no_path_leads_out_of_them(here: World, walk: Walk) -> None:
    part, public = here.acme, here.public
    admin = named(actors.insiders(part), "admin by session")[0]
    visitors = [
        replace(admin, may_see=actors.own(part)),
        Visitor("anonymous", part.host, may_see=("acme-name",)),
        Visitor("anonymous", factories.host_of(public)),
        Visitor("anonymous", actors.UNKNOWN),
    ]
    assert settings.MEDIA_ROOT == ""
    found = (each for finder in finders.get_finders() for each in finder.list(["CVS", ".*"]))
    files = sorted(
        {"/".join(filter(None, (getattr(storage, "prefix", ""), name))) for name, storage in found}
    )
    ours = [name for name in files if name.startswith(("app/", "console/", "tenancy/"))]
    assert ours
    for name in files if WHOLE else [*ours, *files[:: max(1, len(files) // 40)]]:
        answer = walk.ask(visitors[1], "GET", f"/static/{name}", label="static/<name>")
        walk.expect(answer.status in (200, 304), name, answer.status)
        walk.expect("canary-" not in answer.text, name)
    for visitor in visitors:
        for climb in CLIMBS:
            for secret in SECRETS:
                for path in (f"/static/{climb}{secret}", f"/static/{climb * 4}{secret}", f"/{climb}{secret}"):
                    answer = walk.ask(visitor, "GET", path, label="static/<climb>")
                    secrets = ("SECRET_KEY", "DJANGO_SETTINGS_MODULE", "django==")
                    walk.expect(answer.status in (301, 302, 400, 404), visitor.name, path, answer.status)
                    walk.expect(not any(word in answer.text for word in secrets), visitor.name, path)


def test_error_pages_say_nothing_of_anybody(here: World, walk: Walk) -> None:
    """400, 403, 404, 405 and 413, as a page and as a problem; what the question said is not a leak, a row is."""
    part = here.acme
    agent = named(actors.insiders(part), "agent by session")[0]
    wrong = {
        "GET /admin/nothing-here/": {},
        "GET /nothing-here/": {},
        f"GET /admin/hypercare/incident/{here.globex.shown['incident']}/change/": {},
        "GET /admin/?%00": {},
        "GET /api/v1/nothing-here": {},
        "POST /admin/hypercare/incident/": {"csrf": False},
        "DELETE /api/v1/me": {},
        "POST /api/v1/programs": {"body": {"code": "x" * 11_000_000}},
    }
    seen: Counter[int] = Counter()
    for visitor in (agent, replace(agent, cookie="", may_see=("acme-name",))):
        for question, how in wrong.items():
            method, path = question.split(" ", 1)
            known = replace(visitor, csrf=how.get("csrf", True))
            answer = walk.ask(known, method, path, body=how.get("body"), label=path)
            walk.expect(answer.status >= 300, known.name, question, answer.status)
            walk.expect("Traceback" not in answer.text and "/site-packages/" not in answer.text, question)
            seen[answer.status] += 1
    assert {400, 403, 404, 405} <= set(seen)


# ---- the journal's archives ---------------------------------------------------------------------------------------


def test_an_archive_is_of_one_journal(here: World, walk: Walk, tmp_path: Path) -> None:
    """What pruning writes down holds its tenant's lines alone, and no other journal takes it for its own."""
    at, by = timezone.now(), Actor.system("walk")
    with transaction.atomic():
        archives = {}
        for slug in here.parts:
            (journal,) = chains.journals(tenant=slug)
            archive = chains.prune(journal, before=at, folder=tmp_path, by=by, now=at)
            assert archive is not None
            archives[slug] = archive
            text = archive.path.read_text()
            walk.expect(
                archive.path.parent == tmp_path and archive.path.name.startswith(f"{slug}-"), archive.path
            )
            walk.expect(archive.path.stat().st_mode & 0o077 == 0, archive.path, "is readable by others")
            others = sorted(word for word in found_in(text) if not word.startswith(f"canary-{slug}"))
            walk.expect(not others and f"canary-{slug}" in text, slug, others)
        for slug, archive in archives.items():
            for other, part in here.parts.items():
                named_by = chains.naming(chains.read_archive(archive.path), part.tenant.schema_name)
                walk.expect((named_by is not None) == (slug == other), slug, "is named by", other)
        transaction.set_rollback(True)
    for wrong in ("../globex", "globex/../acme", "", "public", "t_globex", "acme%"):
        walk.expect(wrong == "" or chains.journals(tenant=wrong) == [], wrong, "is a journal")
    with pytest.raises((BrokenChain, OSError)):
        chains.read_archive(tmp_path / ".." / "nothing-here.jsonl")
