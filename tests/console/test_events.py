"""Events in words: on the journals, on endpoints, and for every event that the code can write."""

import ast
import re
from collections.abc import Iterator
from html import unescape

import pytest
from django.utils import translation

from tenancy import deadlines, permissions, services
from tenancy.context import entering
from tenancy.services import verbs
from tests.test_architecture import sources

JOURNAL = "/admin/journal/event/"
OPERATORS = "/admin/tenancy/operatorevent/"
ENDPOINTS = "/admin/tenancy/endpoint/"
DOTTED = re.compile(r"[a-z_]+\.[a-z_]+")


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What is called in `tree` by its plain name, and the first argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            yield node.func.id, node.args[0]


def spelt(tree: ast.Module) -> Iterator[str]:
    """The verbs that `f"endpoint.{what}"` makes: the prefix, with each first argument of the calls of its function."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for name, said in calls(function):
            if name == "emit" and isinstance(said, ast.JoinedStr):
                prefix = ast.literal_eval(said.values[0])
                yield from (
                    prefix + ast.literal_eval(what) for who, what in calls(tree) if who == function.name
                )


def emitted() -> set[str]:
    """Every dotted name below the edges that is neither an action of the permissions nor a kind of deadline."""
    found: set[str] = set()
    for path in sources("services", "deadlines", "deliveries", "chains"):
        if path.name == "verbs.py":
            continue
        tree = ast.parse(path.read_text())
        constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        found |= {value for value in constants if isinstance(value, str) and DOTTED.fullmatch(value)}
        found |= set(spelt(tree))
    return found - permissions.table().keys() - deadlines.kinds()


def test_every_event_that_the_code_writes_has_words_and_no_other():
    assert {"incident.resolved", "endpoint.secret_rotated", "tenant.purged"} <= emitted()
    named = services.named_verbs()
    known = emitted() | deadlines.kinds()
    assert known - named.keys() == set(), "say what they are called: services/verbs.py of the app"
    assert named.keys() - known == set(), "nobody writes these"


def test_no_two_events_are_called_the_same():
    for language in ("en", "tr"):
        with translation.override(language):
            words = [str(said) for said in services.named_verbs().values()]
        assert len(words) == len(set(words))


def test_a_verb_is_named_once(monkeypatch):
    monkeypatch.setattr(verbs, "_words", {})
    services.name_verbs({"door.opened": "Door opened"})
    with pytest.raises(ValueError, match=r"door\.opened"):
        services.name_verbs({"door.opened": "Opened"})
    assert services.words_of("door.opened") == "Door opened"
    assert services.words_of("door.removed_long_ago") == "door.removed_long_ago"


def text(response):
    assert response.status_code == 200
    return unescape(" ".join(response.content.decode().split()))


def both(words, verb):
    return f'<span class="hc-what">{words}<small><code>{verb}</code></small></span>'


@pytest.mark.django_db
def test_journal_says_events_in_words_and_by_name(acme, users, browser, report):
    report()
    page = text(browser(acme, users["admin"]).get(JOURNAL))
    assert both("Incident reported", "incident.reported") in page
    assert both("Project created", "project.created") in page
    users["admin"].language = "tr"
    users["admin"].save()
    assert both("Olay bildirildi", "incident.reported") in text(browser(acme, users["admin"]).get(JOURNAL))


@pytest.mark.django_db
def test_journal_is_filtered_by_an_event_and_offers_those_it_has(acme, users, browser, report):
    report()
    admin = browser(acme, users["admin"])
    page = admin.get(f"{JOURNAL}?verb=incident.reported")
    assert both("Incident reported", "incident.reported") in text(page)
    assert both("Project created", "project.created") not in text(page)
    assert '<option value="project.created">Project created</option>' in text(page)
    assert "tenant.purged" not in text(page)
    assert "incident.reported</code>" not in text(admin.get(f"{JOURNAL}?verb=nothing.such"))


@pytest.mark.django_db
def test_page_of_an_event_and_the_operators_journal_say_it_too(acme, public, users, browser):
    platform = browser(public, users["platform"])
    platform.post(f"/admin/tenancy/tenant/{acme.pk}/do/suspend/", {"reason": "Unpaid"})
    page = platform.get(f"{OPERATORS}?verb=tenant.suspended")
    said = both("Tenant suspended", "tenant.suspended")
    assert said in text(page)
    row = page.context["cl"].result_list[0]
    assert said in text(platform.get(f"{OPERATORS}{row.pk}/change/"))


@pytest.mark.django_db
def test_endpoint_names_three_events_in_the_list_and_all_on_its_page(acme, users, browser, system, now):
    subscribed = [
        "incident.breached",
        "incident.reported",
        "incident.resolved",
        "project.created",
        "a.stranger",
    ]
    with entering(acme):
        made, _secret = services.create_endpoint(
            tenant=acme,
            name="Ticket desk",
            channel="webhook",
            address="https://hooks.example.com/in",
            verbs=subscribed,
            language="en",
            time_zone="UTC",
            by=system,
            now=now,
        )
    admin = browser(acme, users["admin"])
    shown = text(admin.get(ENDPOINTS))
    assert both("a.stranger", "a.stranger") in shown
    assert both("SLA breached", "incident.breached") in shown
    assert "and 2 more" in shown
    assert "project.created" not in shown
    page = text(admin.get(f"{ENDPOINTS}{made.pk}/change/"))
    assert both("Project created", "project.created") in page
    assert "more</small>" not in page


@pytest.mark.django_db
def test_endpoint_of_everything_says_so(acme, users, browser, system, now):
    with entering(acme):
        services.create_endpoint(
            tenant=acme,
            name="Everything",
            channel="webhook",
            address="https://hooks.example.com/in",
            verbs=["*"],
            language="en",
            time_zone="UTC",
            by=system,
            now=now,
        )
    assert both("Every event", "*") in text(browser(acme, users["admin"]).get(ENDPOINTS))
