"""No tenant sees another: every URL pattern of both urlconfs x method x actor, over three tenants that collide.

In the suite whoever reaches a view reads it, and the rest is pairwise: no pattern can tell strangers apart before its
view is reached, so each is asked with every method by strangers in turn, and each stranger asks with every method.
`python -m tests.isolation` asks every combination.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count

from django.conf import settings

from tests.isolation import actors, fixtures
from tests.isolation.asking import METHODS, SAFE, Visitor, Walk
from tests.isolation.canaries import without_canary
from tests.isolation.conftest import WHOLE, World
from tests.isolation.fixtures import is_api, is_open
from tests.isolation.routes import Route, routes
from tests.isolation.world import Part

REFUSED = (302, 401, 403, 404, 405)


def tenant_routes() -> list[Route]:
    return routes(settings.ROOT_URLCONF)


def public_routes() -> list[Route]:
    return routes(settings.PUBLIC_SCHEMA_URLCONF)


def every_pair(visitors: Sequence[Visitor], turn: int) -> Iterator[tuple[Visitor, str]]:
    """Every method once, each by another visitor, and by others at the next turn; all by all in the long form."""
    if WHOLE:
        yield from ((visitor, method) for visitor in visitors for method in METHODS)
        return
    for at, method in enumerate(METHODS):
        yield visitors[(turn * len(METHODS) + at) % len(visitors)], method


def extra(part: Part, route: Route, visitor: Visitor) -> tuple[str, ...]:
    """What may be seen on `route` besides: an admin reads all of the tenant's journal, whatever the project."""
    whole = ("admin/journal/", "admin/tenancy/delivery/")
    if visitor.name.startswith("admin ") and route.label.startswith(whole):
        return (part.tenant.slug,)
    return ()


def test_every_pattern_has_a_fixture(here: World) -> None:
    part = here.acme
    empty = [route.label for route in tenant_routes() if not fixtures.paths(route, part.shown, part.rows)]
    rows = fixtures.public_rows(part.tenant, here.public)
    empty += [route.label for route in public_routes() if not fixtures.paths(route, part.shown, rows)]
    assert empty == []


# ---- a tenant's host ----------------------------------------------------------------------------------------------


def wanted(route: Route, visitors: Sequence[Visitor], turn: int) -> Iterator[tuple[Visitor, str]]:
    """What those ask of `route` who reach its view."""
    if WHOLE:
        yield from ((visitor, method) for visitor in visitors for method in METHODS)
        return
    if is_api(route):
        by_token = [visitor for visitor in visitors if visitor.token]
        known = route.methods or ("GET",)
        yield from ((visitor, method) for visitor in by_token for method in known if method in SAFE)
        yield from every_pair(visitors, turn)
        return
    # A console's page: its agent and its admin read it, and one more, another each time, who tries a method too.
    # Verbs are carried out elsewhere (test_writes), by all of these.
    by_session = [visitor for visitor in visitors if visitor.cookie]
    first = [visitor for visitor in by_session if visitor.name.startswith(("agent ", "admin "))]
    others = [visitor for visitor in by_session if visitor not in first]
    if "/do/" not in route.label:
        yield from ((visitor, "GET") for visitor in first)
    yield others[turn % len(others)], "GET"
    yield by_session[turn % len(by_session)], METHODS[1 + turn % (len(METHODS) - 1)]


def test_insiders_see_their_project_and_no_other_tenant_nor_project(here: World, walk: Walk) -> None:
    part = here.acme
    visitors = [*actors.insiders(part), *actors.granted(part)]
    shown: Counter[str] = Counter()
    turns = count()
    for route in tenant_routes():
        for path in fixtures.paths(route, part.shown, part.rows):
            for visitor, method in wanted(route, visitors, next(turns)):
                answer = walk.ask(
                    visitor, method, path, label=route.label, may_see=extra(part, route, visitor)
                )
                shown[route.label] += method == "GET" and "canary-acme-shown" in answer.text
                reading = method in SAFE or (method, route.label) in fixtures.READING
                if visitor.name.startswith("read grant") and is_api(route) and not reading:
                    walk.expect(not answer.is_done, visitor.name, method, path, "was done", answer.status)
    # The fixtures are real: what should show an own row shows it to somebody.
    rows = [route.label for route in tenant_routes() if route.label.endswith("<object_id>/change/")]
    without = ("journal/event", "tenancy/", "observability/")
    textless = {label for label in rows if any(name in label for name in without)}
    assert [label for label in rows if label not in textless and not shown[label]] == []
    assert shown["api/v1/projects/<project>/hypercare/incidents/<incident>"]


def test_another_projects_or_tenants_id_is_not_there(here: World, walk: Walk) -> None:
    part, other = here.acme, here.globex
    everybody = actors.insiders(part)
    elsewhere = [(part.hidden, part.hidden_rows), (other.shown, other.rows)]
    turns = count()
    for route in tenant_routes():
        own = fixtures.paths(route, part.shown, part.rows)
        for ids, rows in elsewhere:
            for path in fixtures.paths(route, ids, rows):
                if path in own:
                    continue
                known = [method for method in route.methods or ("GET", "POST") if WHOLE or method != "HEAD"]
                for method in known:
                    some = [visitor for visitor in everybody if bool(visitor.token) == is_api(route)]
                    turn = next(turns)
                    for visitor in everybody if WHOLE else (some[1 + turn % 3],):
                        may_see = extra(part, route, visitor)
                        answer = walk.ask(visitor, method, path, label=route.label, may_see=may_see)
                        # Who belongs to the tenant is known in all its projects.
                        if method == "GET" and not may_see and "membership" not in route.label:
                            walk.expect(
                                answer.status in REFUSED,
                                visitor.name,
                                method,
                                path,
                                "is there",
                                answer.status,
                            )


def test_strangers_are_told_nothing(here: World, walk: Walk) -> None:
    part = here.acme
    visitors = actors.strangers(part, here.globex, here.public)
    for turn, route in enumerate(tenant_routes()):
        for path in fixtures.paths(route, part.shown, part.rows):
            for visitor, method in every_pair(visitors, turn):
                answer = walk.ask(visitor, method, path, label=route.label)
                where = (visitor.name, method, path, answer.status)
                if visitor.host == actors.UNKNOWN:
                    walk.expect(answer.status == 404, *where)
                elif is_api(route) and not is_open(route):
                    walk.expect(answer.status in (401, 403, 404, 405), *where)
                elif not is_open(route) and not route.label.endswith("<url>"):
                    walk.expect(answer.status in REFUSED, *where)


# ---- the public host ----------------------------------------------------------------------------------------------


def test_the_public_host_shows_no_tenants_content(here: World, walk: Walk) -> None:
    part = here.acme
    rows = fixtures.public_rows(part.tenant, here.public)
    foreign = {**rows, "tenancy.endpoint": part.rows["tenancy.endpoint"]}
    visitors = actors.on_public(here.parts, here.public)
    outside = [visitor for visitor in visitors if not visitor.inside]
    inside = [visitor for visitor in visitors if visitor.inside]
    by_session = [visitor for visitor in inside if visitor.cookie]
    for turn, route in enumerate(public_routes()):
        asked = {*fixtures.paths(route, part.shown, rows), *fixtures.paths(route, part.shown, foreign)}
        for path in sorted(asked):
            for visitor, method in every_pair(outside, turn):
                answer = walk.ask(visitor, method, path, label=route.label)
                if not is_open(route) and not route.label.endswith("<url>"):
                    walk.expect(answer.status in REFUSED, visitor.name, method, path, answer.status)
            platform = by_session[-1]
            pairs = list(every_pair(inside, turn))
            if not WHOLE:
                pairs = [(platform, "GET"), (by_session[turn % 2], "GET"), *pairs[turn % 3 :: 3]]
            for visitor, method in pairs:
                walk.ask(visitor, method, path, label=route.label)


# ---- the database itself ------------------------------------------------------------------------------------------


def test_every_text_column_holds_a_canary(here: World) -> None:
    without = {name for part in here.parts.values() for name in without_canary(part.tenant)}
    assert not without, "\n".join(sorted(without))
