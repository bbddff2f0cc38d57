"""Every page that links lead to, in Turkish: no English word left in what is read, pointed at or read aloud."""

import gettext
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import django
import pytest
from django.conf import settings
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from hypercare.services import create_backlog_item, create_calendar, create_policy, draft_change
from tenancy import services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Flag, Segment, SpareSchema
from tests import factories
from tests.hypercare.clockwork import OFFICE

pytestmark = pytest.mark.django_db
WORD = re.compile(r"[^\W\d_]+")
PLACEHOLDER = re.compile(r"%\(\w+\)s|<[^>]+>|\{\w*\}")
# A program's words: an event, a subject, an email, a task, an id, `a/zone`, names of data.
NAME = re.compile(r"\S*[\w\]][.:_@/=]\S*|\S*\d\S*")
READ = ("title", "placeholder", "aria-label", "alt")
EMPTY = {"input", "br", "img", "meta", "link", "hr", "source", "wbr", "col"}
SHORTEST = 3  # letters: shorter words are the same in both languages too often
OWN_NAMES = {"english", "pass"}  # languages are called as their speakers call them; a result is PASS or FAIL
DATA = {
    *("ERP renewal", "Wave 1"),
    "Svalbard ve Jan Mayen (SJ)",  # no month, that Jan
    "Britanya Hint Okyanusu Toprakları (IO)",  # no advice, that Hint
}


class Page(HTMLParser):
    """The texts of a page, and where it leads; without code, times, icons, and the facts and subjects of records."""

    def __init__(self, html: str):
        super().__init__()
        self._hidden: list[bool] = []
        self.texts: list[str] = []
        self.links: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.add(given.get("href", ""))
        classes = given.get("class", "").split()
        hidden = (
            tag in {"script", "style", "code", "time", "template"}
            or bool({"material-symbols-outlined", "field-what", "field-about"} & set(classes))
            or given.get("name") == "time_zone"
        )
        if not (hidden or any(self._hidden)):
            self.texts += [given[name] for name in READ if name in given]
        if tag not in EMPTY:
            self._hidden.append(hidden)

    def handle_endtag(self, tag):
        if tag not in EMPTY and self._hidden:
            self._hidden.pop()

    def handle_data(self, data):
        if not any(self._hidden):
            self.texts.append(" ".join(data.split()))


def catalogues() -> Iterator[dict[str, str]]:
    """What is translated, by ourselves and by Django: from msgid to Turkish."""
    root = Path(django.__file__).parent
    folders = [
        *settings.LOCALE_PATHS,
        *(root / part / "locale" for part in ("conf", "contrib/admin", "contrib/auth")),
    ]
    for folder in folders:
        found = gettext.translation("django", folder, ["tr"])._catalog
        yield {key[0] if isinstance(key, tuple) else key: said for key, said in found.items()}


def words(text: str) -> set[str]:
    return {word.casefold() for word in WORD.findall(NAME.sub("", text)) if len(word) >= SHORTEST}


@pytest.fixture(scope="module")
def english() -> set[str]:
    """Words of the English texts that no Turkish text has."""
    both = [(PLACEHOLDER.sub("", ours), said) for known in catalogues() for ours, said in known.items()]
    return set().union(*(words(ours) for ours, _ in both)) - set().union(*(words(said) for _, said in both))


def pages(client) -> Iterator[tuple[str, Page]]:
    """Each page that can be reached by links from the first, one of each kind."""
    ahead, seen = ["/admin/"], set()
    while ahead:
        path = ahead.pop(0)
        kind = re.sub(r"/[0-9a-f]{8}-[0-9a-f-]{27}/|/\d+/", "/1/", path)
        if kind in seen or "logout" in path:
            continue
        seen.add(kind)
        answer = client.get(path, follow=True)
        assert answer.status_code < 500, path
        if "html" not in answer.headers.get("Content-Type", ""):
            answer.getvalue()  # read to its end: closing it would close the test's connection
            continue
        assert answer.status_code == 200, path
        page = Page(answer.content.decode())
        yield path, page
        links = (urlsplit(link) for link in sorted(page.links))
        ahead += [link.path for link in links if not link.netloc and link.path.startswith("/admin/")]


def left(client, english: set[str], data: set[str]) -> dict[str, list[str]]:
    """The texts with an English word by page, without those that are `data`."""
    found = {}
    for path, page in pages(client):
        texts = [text for text in page.texts if words(text) & english - OWN_NAMES and text not in data]
        if texts:
            found[path] = texts
    return found


@pytest.fixture(autouse=True)
def turks(users):
    """Everybody reads Turkish and is called so."""
    for role, user in users.items():
        user.name, user.language = f"{role[0].upper()}. Yılmaz", "tr"
        user.save()


@pytest.mark.parametrize("role", ["agent", "admin"])
def test_tenants_console_has_no_english(acme, users, browser, project, report, system, now, english, role):
    report("Fatura kesilmiyor", "P1")
    factories.token(users[role], acme)
    with entering(acme):
        services.create_endpoint(
            tenant=acme,
            name="Servis",
            channel="webhook",
            address="https://hooks.example.com/in",
            verbs=["*"],
            language="tr",
            time_zone="UTC",
            by=system,
            now=now,
        )
        agent = Actor.member(users["agent"].pk, "agent")
        hours = OFFICE | {"country": "TR"}
        create_calendar(project=project, name="Ofis", definition=hours, by=system, now=now)
        create_policy(project=project, targets={}, by=system, now=now)
        create_backlog_item(project=project, kind="R", key="ERP-1", title="Fatura", by=system, now=now)
        draft_change(project=project, title="Yetki", change_type="config", by=agent, now=now)
    assert left(browser(acme, users[role]), english, data=DATA) == {}


def test_operators_console_has_no_english(public, acme, users, browser, report, grant, english, now):
    report("Fatura kesilmiyor", "P1")
    grant(reason="Oturum açılamıyor")
    every = IntervalSchedule.objects.create(every=5, period="seconds")
    PeriodicTask.objects.create(name="tarama", task="tenancy.tasks.sweep", interval=every)
    SpareSchema.objects.create(name="spare_1", leaf_hash="0" * 64, created_at=now)
    Segment.objects.create(key="pilot", name="Pilot")
    described = set(Flag.objects.values_list("description", flat=True))
    assert left(browser(public, users["platform"]), english, data=described) == {}


def test_an_english_word_is_found_and_a_name_is_not(english):
    assert words("Select all rows") <= english
    assert not words("incident.reported") & english
    page = Page('<p title="Select all rows">Kaydet<br><code>verbs</code></p><a href="/admin/x/">Ara</a>')
    assert page.texts == ["Select all rows", "Kaydet", "Ara"]
    assert page.links == {"/admin/x/"}
