"""What is written through the API and the console stays where it was written; ids from elsewhere are refused.

Every call and every verb is carried out by somebody with data that is accepted, and again with each id in it replaced
by that of another project and of another tenant. What happened in the other tenants is compared after each.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from tenancy.access import resolve
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Session, Tenant, User
from tenancy.sessions import SessionStore, key_digest
from tenancy.web.admin import ModelAdmin, Verb, public_site, tenant_site
from tests.isolation import actors, fixtures
from tests.isolation.asking import SAFE, Visitor, Walk
from tests.isolation.conftest import World, settle
from tests.isolation.fixtures import is_api
from tests.isolation.pages import posted
from tests.isolation.routes import Route, routes
from tests.isolation.world import Part

MOST_ROWS = 4
"""Rows on which a verb is tried."""


def elsewhere(here: World) -> Callable[[], object]:
    """What nobody of acme's shown project may change: the journals of the others, and the lines of the hidden one."""
    heads = ", ".join(
        f'(SELECT seq FROM "{part.tenant.schema_name}".journal_eventhead)'
        for slug, part in here.parts.items()
        if slug != "acme"
    )
    lines = f'SELECT count(*) FROM "{here.acme.tenant.schema_name}".journal_event WHERE scope = %s'

    def read() -> object:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {heads}, ({lines})", [here.acme.hidden["project"]])
            return cursor.fetchone()

    return read


# ---- the API ------------------------------------------------------------------------------------------------------


def calls() -> Iterator[tuple[Route, str]]:
    for route in routes(settings.ROOT_URLCONF):
        for method in route.methods if is_api(route) else ():
            if method not in SAFE:
                yield route, method


def test_every_call_is_carried_out_and_refuses_what_is_elsewhere(here: World, walk: Walk) -> None:
    part = here.acme
    walk.watch(elsewhere(here))
    visitors = [each for each in (*actors.insiders(part), *actors.granted(part)) if each.token]
    doers = [
        each for each in visitors if each.name.startswith(("admin", "manager", "write grant", "customer"))
    ]
    for route, method in calls():
        walk.expect((method, route.label) in fixtures.CALLS, "no fixture for", method, route.label)
        make, moved = fixtures.CALLS.get((method, route.label), (lambda part: None, {}))
        ids = part.shown | {name: part.shown[other] for name, other in moved.items()}
        (path,) = fixtures.paths(route, ids, part.rows)
        body = make(part)
        done = [who for who in doers if walk.ask(who, method, path, label=route.label, body=body).is_done]
        walk.expect(bool(done), "nobody could", method, route.label, walk.last.text[:300])
        for wrong in fixtures.misdirected(part, body, here.globex) if done else ():
            answer = walk.ask(done[0], method, path, label=route.label, body=wrong)
            walk.expect(not answer.is_done, done[0].name, method, path, "took", wrong)
        # With a right body an id in the address that is elsewhere is no more there than with a wrong one.
        for other in (part.hidden, here.globex.shown):
            strange = other | {name: other.get(own, other[name]) for name, own in moved.items()}
            for foreign in fixtures.paths(route, strange, {}) if done and route.params else ():
                if foreign != path and foreign not in fixtures.paths(route, part.shown, {}):
                    answer = walk.ask(done[0], method, foreign, label=route.label, body=body)
                    walk.expect(not answer.is_done, done[0].name, method, foreign, "was done", answer.status)


# ---- the console --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Offer:
    """A verb of a list, of a row or of a selection of the console."""

    admin: ModelAdmin
    verb: Verb
    kind: str

    @property
    def key(self) -> str:
        return f"{self.admin.model._meta.label_lower}.{self.verb.name}"

    @property
    def home(self) -> str:
        meta = self.admin.model._meta
        return f"/admin/{meta.app_label}/{meta.model_name}/"

    def path(self, row: Model | None) -> str:
        return (
            f"{self.home}do/{self.verb.name}/" if row is None else f"{self.home}{row.pk}/do/{self.verb.name}/"
        )


def offers(site: Any) -> list[Offer]:
    ours = [admin for admin in site._registry.values() if isinstance(admin, ModelAdmin)]
    found = [Offer(admin, verb, "list") for admin in ours for verb in admin.list_verbs]
    for admin in ours:
        found += [Offer(admin, verb, "row") for verb in admin.verbs]
        found += [Offer(admin, verb, "selection") for verb in admin.verbs if verb.bulk]
    return found


@dataclass(frozen=True)
class Doer:
    """Somebody at a console: as the edge sees them and as services do, where, and the rows that are for them."""

    visitor: Visitor
    actor: Actor
    user: User
    tenant: Tenant
    rows: Mapping[str, str]


def doers(part: Part) -> list[Doer]:
    """Who may do more comes first."""
    found = []
    for visitor in actors.insiders(part):
        role, _by, how = visitor.name.partition(" by ")
        if how == "session" and role in ("admin", "manager", "agent"):
            found.append(_doer(visitor, part.people[role], part.tenant, part.rows))
    return found[::-1]


def _doer(visitor: Visitor, user: User, tenant: Tenant, rows: Mapping[str, str]) -> Doer:
    actor = resolve(user, tenant, now=timezone.now())
    assert isinstance(actor, Actor)
    return Doer(visitor, actor, user, tenant, rows)


def rows_for(offer: Offer, part: Part, who: Doer) -> list[Any]:
    """Rows as `who` has them in the list: that of the fixtures, then those of the shown project it is offered on."""
    request = HttpRequest()
    session = SessionStore(who.visitor.cookie)
    vars(request).update(actor=who.actor, user=who.user, tenant=who.tenant, session=session)
    pk = who.rows.get(offer.admin.model._meta.label_lower)
    if offer.key in fixtures.ROWS:
        pk = str(part.shown[fixtures.ROWS[offer.key]])
    listed = offer.admin.get_queryset(request)
    rows = [*(listed.filter(pk=pk) if pk else ()), *listed[:60]]
    offered = [row for row in rows if of_shown(row, part) and offer.verb.available(row)]
    return offered[:MOST_ROWS] or rows[:1]


def of_shown(row: Any, part: Part) -> bool:
    return str(getattr(row, "project_id", part.shown["project"])) == str(part.shown["project"])


def attempt(walk: Walk, offer: Offer, who: Doer, row: Any) -> tuple[bool, dict[str, Any], forms.BaseForm]:
    """Carry `offer` out on `row` as one does with a browser; whether it was done, with what, and by which form."""
    with entering(who.tenant):
        form = offer.verb.form(None, actor=who.actor, subjects=[row] if row else [])
        data = fixtures.fill(offer.key, form)
        for field in form.fields.values():
            list(getattr(field, "choices", ()))  # looked up here, in the tenant
    path = offer.home if offer.kind == "selection" else offer.path(row)
    if offer.kind == "selection":
        data |= {"action": offer.verb.name, "apply": "1", ACTION_CHECKBOX_NAME: str(row.pk)}
    else:
        page = walk.ask(who.visitor, "GET", path, label=offer.key)
        if page.status != 200:
            return False, data, form
        data = merged(data, posted(page.text), offer.key)
    for _try in range(2):  # some forms show first what they would do
        answer = walk.ask(who.visitor, "POST", path, label=offer.key, form=data)
        again = posted(answer.text) if answer.status == 200 else {}
        if not again.get("seen"):
            break
        data = merged(data, again, offer.key)
    done = answer.status == 302 or (answer.status == 200 and not set(form.fields) & set(again))
    return (done and offer.kind != "selection") or answer.status == 302, data, form


def merged(data: dict[str, Any], shown: dict[str, Any], key: str) -> dict[str, Any]:
    """What the page holds, and where that is nothing what we have."""
    kept = {name: value for name, value in shown.items() if value not in ("", []) or name not in data}
    fixed = {name: data[name] for name in data if (key, name) in fixtures.FIELDS}
    return {**data, **kept, **fixed}


def wrong_choices(
    part: Part, other: Part, form: forms.BaseForm, data: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """`data` with each choice among rows replaced by a row of another project and of another tenant."""
    for name, field in form.fields.items():
        strange: list[Any] = []
        if isinstance(field, forms.ModelChoiceField):
            label = field.queryset.model._meta.label_lower
            strange = (
                [str(other.people["agent"].pk)]
                if label == "tenancy.user"
                else [rows[label] for rows in (part.hidden_rows, other.rows) if label in rows]
            )
        elif isinstance(field, forms.ChoiceField):
            strange = fixtures.strangers_of(part, data.get(name), other)
        for value in strange:
            yield {**data, name: str(value)}


def test_every_verb_is_carried_out_and_refuses_what_is_elsewhere(here: World, walk: Walk) -> None:
    part, other = here.acme, here.globex
    walk.watch(elsewhere(here))
    people = doers(part)
    for offer in offers(tenant_site):
        try:
            done = _somebody(walk, offer, part, people)
        except LookupError as missing:
            walk.fault(str(missing))
            continue
        if done is None:
            walk.expect(
                offer.key in fixtures.NOT_DONE, "nobody could", offer.kind, offer.key, told(walk.last.text)
            )
            continue
        who, row, data, form = done
        path = offer.home if offer.kind == "selection" else offer.path(row)
        for wrong in wrong_choices(part, other, form, data):
            answer = walk.ask(who.visitor, "POST", path, label=offer.key, form=wrong)
            walk.expect(answer.status != 302, who.visitor.name, offer.key, "took", wrong)
        for rows in (part.hidden_rows, other.rows):
            pk = rows.get(offer.admin.model._meta.label_lower)
            if row is None or pk in (None, str(row.pk), part.rows.get(offer.admin.model._meta.label_lower)):
                continue
            if offer.kind == "selection":
                chosen = {**data, ACTION_CHECKBOX_NAME: [pk]}
                walk.ask(who.visitor, "POST", offer.home, label=offer.key, form=chosen)
            elif "membership" not in offer.key or rows is other.rows:
                foreign = f"{offer.home}{pk}/do/{offer.verb.name}/"
                answer = walk.ask(who.visitor, "POST", foreign, label=offer.key, form=data)
                walk.expect(answer.status == 404, who.visitor.name, foreign, answer.status)


def told(text: str) -> str:
    """What a page says of errors."""
    found = re.findall(r'(?:errorlist|text-red-500|role="alert")[^>]*>(.*?)</(?:ul|div)>', text, re.DOTALL)
    return " | ".join(" ".join(re.sub("<[^>]*>", " ", each).split()) for each in found)


def _somebody(walk: Walk, offer: Offer, part: Part, people: list[Doer]) -> Any:
    """Who could carry `offer` out, on which row, with what."""
    for who in people:
        with entering(who.tenant):
            rows: list[Any] = [None] if offer.kind == "list" else rows_for(offer, part, who)
        for row in rows:
            done, data, form = attempt(walk, offer, who, row)
            if done:
                return who, row, data, form
    return None


def test_every_verb_of_the_public_host_is_carried_out_and_shows_no_content(here: World, walk: Walk) -> None:
    """By platform staff, on rows that are acme's where they are a tenant's. What tenants wrote stays unseen."""
    part, public = here.acme, here.public
    rows = fixtures.public_rows(part.tenant, public)
    (visitor,) = [
        each for each in actors.on_public(here.parts, public) if each.name == "platform staff by session"
    ]
    session = Session.objects.get(session_key=key_digest(visitor.cookie))
    assert session.user is not None
    who = _doer(visitor, session.user, public, rows)
    settle()
    for offer in offers(public_site):
        try:
            done = _somebody(walk, offer, part, [who])
        except LookupError as missing:
            walk.fault(str(missing))
            continue
        known = f"public {offer.key}" in fixtures.NOT_DONE
        walk.expect(bool(done) or known, "nobody could", offer.kind, offer.key, told(walk.last.text))


def test_every_list_of_both_consoles_is_ours(here: World) -> None:
    """A list that does not read through our base would not be walked as one."""
    for site in (tenant_site, public_site):
        for model, admin in site._registry.items():
            assert isinstance(admin, ModelAdmin), model
            keys = {(name, tuple(choices)) for name, *choices in admin.actions or ()}
            assert not keys, model
