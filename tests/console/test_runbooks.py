"""The runbooks: true of this product in every name that they name, in both languages, and read in both consoles."""

import json
import re
import shutil
import subprocess
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from celery.bin.celery import celery
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.db import Error, connection, transaction
from django.urls import Resolver404, resolve
from django.utils import timezone
from markdown_it import MarkdownIt

from observability import health, services
from observability.rules.figures import COUNTS, rates
from project.thresholds import VARIABLES
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
FOLDER = Path(settings.BASE_DIR) / "docs" / "runbooks"
FILES = sorted(path for path in FOLDER.glob("*.md") if path.stem != "README")
KEYS = sorted({path.name.split(".")[0] for path in FILES})
ALARMS = {alarm.name: alarm.runbook for alarm in settings.THRESHOLDS.watched()}
GIVEN = {"BASE_URL", "DATABASE_URL", "TOKEN"}
"""What README.md of the folder says that the reader has."""
LOGGED = {"asctime", "levelname", "name", "message", "tenant", "request_id", "build_id"}
SECTIONS = 5  # first look, causes, steps, escalate, over when

_SETTING = re.compile(r"[a-z]+\.[A-Z][A-Z_]+")
_ADDRESS = re.compile(r"/(?:admin|api|health)(?:/|\b)[^\s`|\"']*")
JQ_WORDS = {"map_values", "select", "test"}
_JQ = re.compile(r"jq (?:-\w+ )?'([^']*)'")


def tokens(text):
    """Each token of the Markdown, those inside a line too."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or []


def code(text):
    return [token.content for token in tokens(text) if token.type in ("code_inline", "fence")]


def wrong(text, folder=FOLDER):
    """What `text` names and what is not there."""
    found = []
    for said in code(text):
        found += [f"command {name}" for name in wrong_commands(said)]
        found += [f"page {page}" for page in wrong_pages(said)]
        found += [f"setting {name}" for name in wrong_settings(said)]
        found += [f"figure {name}" for name in wrong_figures(said)]
        found += [f"statement {error}" for error in wrong_statements(said)]
    for token in tokens(text):
        link = token.attrGet("href") if token.type == "link_open" else None
        if link and "://" not in link and not (folder / link).exists():
            found.append(f"file {link}")
    return found


def wrong_commands(said):
    for name, rest in re.findall(r"manage\.py (\w+)([^\n|]*)", said):
        app = get_commands().get(name)
        if app is None:
            yield name
            continue
        known = load_command_class(app, name).create_parser("manage.py", name)._option_string_actions
        yield from (f"{name} {option}" for option in re.findall(r"--[\w-]+", rest) if option not in known)
    yield from (name for name in re.findall(r"celery -A project (\w+)", said) if name not in celery.commands)


def wrong_pages(said):
    for address in _ADDRESS.findall(said):
        path = address.partition("?")[0]
        if path not in health.PATHS and not any(leads(path, urlconf) for urlconf in URLCONFS):
            yield address


URLCONFS = (settings.PUBLIC_SCHEMA_URLCONF, settings.ROOT_URLCONF)


def leads(path, urlconf):
    try:
        return bool(resolve(path, urlconf).url_name)
    except Resolver404:
        return False


def wrong_settings(said):
    for name in _SETTING.findall(said):
        group, _dot, number = name.partition(".")
        if not hasattr(getattr(settings.THRESHOLDS, group, None), number):
            yield name
    for name in re.findall(r"\bTHRESHOLD_[A-Z0-9_]+", said):
        if name not in VARIABLES:
            yield name
    yield from (name for name in re.findall(r"\$(?:\{)?([A-Z_]+)", said) if name not in GIVEN)


def wrong_figures(said):
    """What a jq line reads of readiness, of a run summary or of the log, and that is not there."""
    for line in said.splitlines():
        for asked in _JQ.findall(line):
            names = set(re.findall(r"[a-z]\w*", re.sub(r'"[^"]*"', "", asked)))
            yield from sorted(names - known_in(line) - JQ_WORDS)


def known_in(line):
    if health.READY in line:
        return _keys(health.readiness(now=timezone.now())[1]) | {"beat"}
    if "run-summaries" in line:
        return {"summary", "counts", "rates", "latency", "errors", "queue", *COUNTS, *rates({})}
    return LOGGED


def _keys(body):
    inner = (_keys(value) for value in body.values() if isinstance(value, dict))
    return set(body).union(*inner)


def wrong_statements(said):
    for statement in re.findall(r'psql \$DATABASE_URL -c "([^"]+)"', said):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        except Error as error:
            yield str(error).splitlines()[0]


# ---- what they say -------------------------------------------------------------------------------------------------


def test_there_are_the_five_scenarios_and_two_of_ours():
    assert {
        "s1-rate-spike",
        "ocr-suspect-spike",
        "feedback-coverage-drop",
        "queue-backlog",
        "elevated-latency",
        "scope-violations",
        "not-ready",
    } <= set(KEYS)


def test_each_alarm_has_its_runbook_in_both_languages():
    there = {path.name for path in FILES}
    missing = {name: key for name, key in ALARMS.items() if not {f"{key}.md", f"{key}.tr.md"} <= there}
    assert missing == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_it_names_is_there(path):
    assert wrong(path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_its_first_paragraph_names_its_alarms(path):
    first = [token for token in MarkdownIt().parse(path.read_text()) if token.type == "inline"][1]
    named = {child.content for child in first.children if child.type == "code_inline"}
    key = path.name.split(".")[0]
    assert {name for name in named if name in ALARMS} == {name for name, of in ALARMS.items() if of == key}
    others = {name for name in named if not name.startswith("/") and not _SETTING.fullmatch(name)}
    assert others <= set(ALARMS)


@pytest.mark.parametrize("key", KEYS)
def test_both_languages_say_the_same(key):
    """The same commands, pages and settings, as many steps, sections and rows."""
    english, turkish = ((FOLDER / name).read_text() for name in (f"{key}.md", f"{key}.tr.md"))

    def shape(text):
        kinds = [token.type for token in tokens(text)]
        return [
            kinds.count(kind) for kind in ("heading_open", "list_item_open", "fence", "tr_open", "link_open")
        ]

    assert sorted(code(english)) == sorted(code(turkish))
    assert shape(english) == shape(turkish)
    assert shape(english)[0] == 1 + SECTIONS


def test_the_index_names_them_all():
    index = (FOLDER / "README.md").read_text()
    lines = {key: line for key in KEYS for line in index.splitlines() if f"]({key}.md)" in line}
    named = {key: set(re.findall("`([^`]+)`", line)) for key, line in lines.items()}
    assert named == {key: {name for name, of in ALARMS.items() if of == key} for key in KEYS}
    assert wrong(index) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("`python manage.py doktor`", "command doktor"),
        ("`python manage.py verify_journal --tenants acme`", "command verify_journal --tenants"),
        ("`celery -A project werker`", "command werker"),
        ("`/admin/tenancy/deadlines/?standing=dead`", "page /admin/tenancy/deadlines/?standing=dead"),
        ("`curl $BASE_URL/api/v1/nothing`", "page /api/v1/nothing"),
        ("`health.NOTHING_SECONDS`", "setting health.NOTHING_SECONDS"),
        ("`THRESHOLD_HEALTH_NOTHING=1`", "setting THRESHOLD_HEALTH_NOTHING"),
        ("`curl $NOWHERE`", "setting NOWHERE"),
        ("`curl -s $BASE_URL/health/ready | jq '.checks.kueue'`", "figure kueue"),
        ("`curl $BASE_URL/api/v1/run-summaries/latest | jq '.counts | {resolved}'`", "figure resolved"),
        ("`jq -c '[.asctime, .user]' web.log`", "figure user"),
        ('`psql $DATABASE_URL -c "SELECT nothing FROM pg_stat_activity"`', "statement"),
        ("[other](no-such.md)", "file no-such.md"),
    ],
)
def test_a_wrong_name_is_found(text, fault):
    (found,) = wrong(text)
    assert found.startswith(fault)


def test_a_filter_that_a_list_does_not_have_is_found_too(public, users, browser):
    """A list says no to a filter that it does not have."""
    client = browser(public, users["platform"])
    addresses = {page for path in FILES for said in code(path.read_text()) for page in _ADDRESS.findall(said)}
    pages = sorted(page for page in addresses if page.startswith("/admin/"))
    asked = [page for page in pages if leads(page.partition("?")[0], settings.PUBLIC_SCHEMA_URLCONF)]
    assert len([page for page in asked if "?" in page]) >= 3
    assert {page: client.get(page).status_code for page in asked} == dict.fromkeys(asked, 200)
    assert client.get("/admin/tenancy/deadline/?standin=dead").status_code == 400


# ---- what their commands answer ------------------------------------------------------------------------------------

CURL = re.compile(r"""curl -s [^|\n]*?\$BASE_URL(/[^\s"|]*)"? \| jq(?: '([^']*)')?""")
ASKED = sorted({asked for path in FILES for said in code(path.read_text()) for asked in CURL.findall(said)})


def test_every_curl_is_read_here():
    lines = [line for path in FILES for said in code(path.read_text()) for line in said.splitlines()]
    piped = [line for line in lines if "curl" in line and "| jq" in line]
    assert [line for line in piped if not CURL.search(line)] == []
    assert {path.partition("?")[0] for path, _filter in ASKED} == {
        health.READY,
        "/api/v1/run-summaries/latest",
        "/api/v1/metrics/security/events",
    }


@pytest.mark.parametrize(("path", "wanted"), ASKED)
def test_what_jq_picks_is_in_the_answer(platform, tenants, system, path, wanted):
    """A name that is somewhere else in the answer gives null, and no error."""
    assert shutil.which("jq"), "jq is needed: apt-get install jq"
    now = timezone.now()
    tenant = tenants["pilot"]
    yesterday = now.astimezone(tenant.time_zone).date() - timedelta(days=1)
    type(tenant).objects.filter(pk=tenant.pk).update(created_at=now - timedelta(days=3))
    tenant.refresh_from_db()
    services.summarise_day(tenant=tenant, day=yesterday, by=system, now=now)
    answer = platform.get(path)
    done = subprocess.run(["jq", "-c", wanted or "."], input=answer.content, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    for line in done.stdout.splitlines():
        found = json.loads(line)
        assert found is not None, wanted
        assert not (wanted.endswith("}") and None in found.values()), found


# ---- how they are read ---------------------------------------------------------------------------------------------


@pytest.fixture
def platform(public, users, browser):
    return browser(public, users["platform"])


def shown(client, key=""):
    answer = client.get(f"/admin/runbooks/{key}/" if key else "/admin/runbooks/")
    assert answer.status_code == 200
    page = answer.content.decode()
    return unescape(page[page.index('id="content"') :])


def test_all_are_listed_with_what_they_are_for(platform):
    page = shown(platform)
    for key in KEYS:
        assert f'href="/admin/runbooks/{key}/"' in page
    assert "Work waits in the queue" in page
    assert "<code>queue_stuck</code>" in page


def test_a_runbook_leads_to_the_pages_of_its_host(platform, acme, users, browser):
    page = shown(platform, "queue-backlog")
    assert '<a href="/admin/health/"><code>/admin/health/</code></a>' in page
    assert '<a href="/admin/tenancy/deadline/?standing=overdue">' in page
    assert '<a href="/admin/runbooks/elevated-latency/">elevated-latency</a>' in page
    theirs = shown(browser(acme, users["agent"]), "queue-backlog")
    assert '<a href="/admin/health/">' in theirs
    assert '<a href="/admin/tenancy/deadline/' not in theirs
    assert "<code>/admin/tenancy/deadline/?standing=overdue</code>" in theirs
    assert "are for those who run the service" in theirs


def test_it_is_in_the_readers_language(platform, users):
    assert 'lang="en"' in shown(platform, "not-ready")
    users["platform"].language = "tr"
    users["platform"].save()
    page = shown(platform, "not-ready")
    assert 'lang="tr"' in page
    assert "Sistem hazır değil" in platform.get("/admin/runbooks/not-ready/").content.decode()


def test_one_without_turkish_is_english(platform, users, settings, tmp_path):
    users["platform"].language = "tr"
    users["platform"].save()
    write(settings, tmp_path, "solo.md", "# Solo\n\nAlone.\n")
    assert '<article class="hc-doc" lang="en"' in shown(platform, "solo")


def write(settings, folder, name, text):
    settings.BASE_DIR = folder
    (folder / "docs" / "runbooks").mkdir(parents=True, exist_ok=True)
    (folder / "docs" / "runbooks" / name).write_text(text)


def test_html_and_strange_links_are_text(platform, settings, tmp_path):
    text = "# A\n\nWords <script>alert(1)</script> and [here](javascript:alert(1)).\n\n<b>bold</b>\n"
    write(settings, tmp_path, "sharp.md", text)
    page = shown(platform, "sharp")
    assert "<script>alert" not in platform.get("/admin/runbooks/sharp/").content.decode()
    assert 'href="javascript' not in page
    assert "<b>bold" not in platform.get("/admin/runbooks/sharp/").content.decode()


@pytest.mark.parametrize("key", ["nothing", "README", "queue-backlog.tr", "..", "../adr/0001-layers"])
def test_what_is_no_runbook_is_not_there(platform, key):
    assert platform.get(f"/admin/runbooks/{key}/").status_code in (301, 404)
    assert platform.get(f"/admin/runbooks/{key}/", follow=True).status_code == 404


def test_a_deployment_without_its_docs_says_so(platform, settings, tmp_path):
    settings.BASE_DIR = tmp_path
    for path, status in (("/admin/runbooks/", 200), ("/admin/runbooks/not-ready/", 404)):
        answer = platform.get(path)
        assert answer.status_code == status
        assert "This deployment has no runbooks" in answer.content.decode()
        assert str(tmp_path / "docs" / "runbooks") in answer.content.decode()


def test_they_are_for_those_who_work(acme, users, browser, public):
    assert browser(acme, users["agent"]).get("/admin/runbooks/").status_code == 200
    assert browser(acme, users["customer"]).get("/admin/runbooks/not-ready/").status_code in (302, 403)
    assert browser(public, UserFactory()).get("/admin/runbooks/not-ready/").status_code in (302, 403)
    assert browser(public, users["support"]).get("/admin/runbooks/not-ready/").status_code == 200
