"""Nobody overwrites what they have not seen: ETag, If-Match, If-None-Match, 412 and 428."""

import pytest
from django.conf import settings
from django.test import Client

from tenancy.errors import Stale
from tests import factories
from tests.tenancy import conventions_urls
from tests.tenancy.conventions_urls import Store, Thing

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.tenancy.conventions_urls")]

THING = "/api/v1/thing"


@pytest.fixture(autouse=True)
def thing():
    Store.thing, Store.overtaken, Store.clock = Thing("first", version=7), None, 0
    yield
    Store.thing = None


@pytest.fixture
def client(acme, users, api):
    return api(acme, users["agent"])


@pytest.fixture
def browser(acme, users):
    client = Client(headers={"host": factories.host_of(acme)})
    client.post("/admin/login/", {"username": users["admin"].email, "password": factories.PASSWORD})
    assert settings.SESSION_COOKIE_NAME in client.cookies
    return client


def patch(client, tag=None, name="second", method="patch"):
    headers = {} if tag is None else {"if-match": tag}
    return getattr(client, method)(THING, {"name": name}, content_type="application/json", headers=headers)


def problem(answer, status, code):
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")
    return answer.json()


def test_an_answer_that_shows_one_row_has_its_tag(client):
    read = client.get(THING)
    assert read["ETag"].startswith('"7.')
    made = client.post(THING)
    assert (made.status_code, made["ETag"], made["Location"]) == (201, read["ETag"], THING)
    assert client.head(THING)["ETag"] == read["ETag"]


@pytest.mark.parametrize("method", ["patch", "put"])
def test_what_was_read_can_be_changed_once(client, method):
    tag = client.get(THING)["ETag"]
    changed = patch(client, tag, method=method)
    assert (changed.status_code, changed.json()["version"]) == (200, 8)
    assert changed["ETag"].startswith('"8.')
    refused = patch(client, tag, name="third", method=method)
    body = problem(refused, 412, "stale")
    assert (body["version"], body["current"]["name"]) == (8, "second")
    assert refused["ETag"] == changed["ETag"] == client.get(THING)["ETag"]
    assert Store.thing.name == "second"
    assert patch(client, refused["ETag"], name="third", method=method).status_code == 200


@pytest.mark.parametrize(
    "tag", ['"7"', '"7.0123456789ab"', "*", " * ", '"3", "7"', '"3" ,\t"7"', ',"7",', '"x","","7"']
)
def test_tags_that_match(client, tag):
    assert patch(client, tag).status_code == 200


@pytest.mark.parametrize(
    "tag",
    [
        '"6"',
        '"8"',
        'W/"7"',
        '"07"',
        '"7."',
        '"7.xyz"',
        '"+7"',
        '"x"',
        '""',
        '"6", W/"7"',
        '"*"',
        '"²"',
        f'"{"7" * 300}"',
    ],
)
def test_tags_that_do_not_match(client, tag):
    assert problem(patch(client, tag), 412, "stale")["version"] == 7
    assert Store.thing.name == "first"


@pytest.mark.parametrize(
    "tag", ["", " ", "7", '"7 "', '"7', '7"', "'7'", '"7""8"', '"7" "8"', '*, "7"', 'w/"7"', ","]
)
def test_a_header_that_cannot_be_read(client, tag):
    body = problem(patch(client, tag), 400, "malformed_header")
    assert [(fault["field"], "pointer" in fault) for fault in body["errors"]] == [("If-Match", False)]
    problem(client.get(THING, headers={"if-none-match": tag}), 400, "malformed_header")


@pytest.mark.timeout(30)
def test_a_long_header_is_read_quickly(client):
    for tag in ('"a"' + "," * 60_000 + "x", '"a", ' * 12_000 + "x", " \t" * 30_000 + "x"):
        problem(patch(client, tag), 400, "malformed_header")


def test_a_browser_says_what_it_changes_and_a_script_may(client, browser):
    for method in ("patch", "put"):
        problem(patch(browser, method=method), 428, "if_match_required")
    assert Store.thing.version == 7
    assert patch(browser, browser.get(THING)["ETag"]).status_code == 200
    assert patch(client).status_code == 200
    assert browser.post(THING).status_code == 201


def test_who_is_overtaken_under_the_lock_is_told_so(client):
    Store.overtaken = Thing("theirs", version=9)
    body = problem(patch(client, '"7"'), 412, "stale")
    assert (body["version"], body["current"]["name"]) == (9, "theirs")
    assert Store.thing.name == "theirs"


def test_what_went_away_meanwhile_is_a_404(client, monkeypatch):
    def gone(**_changes):
        Store.thing = None
        raise Stale("no", version=7)

    monkeypatch.setattr(conventions_urls, "change", gone)
    problem(patch(client, '"7"'), 404, "not_found")


def test_what_the_caller_has_is_not_sent_again(client):
    tag = client.get(THING)["ETag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = client.get(THING, headers={"if-none-match": known})
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)
        assert client.head(THING, headers={"if-none-match": known}).status_code == 304
    for other in ('"x"', '"7"', tag.replace("7", "6", 1)):
        assert client.get(THING, headers={"if-none-match": other}).status_code == 200


def test_what_changes_by_itself_is_sent_again_and_refuses_no_edit(client):
    tag = client.get(THING)["ETag"]
    Store.clock = 1
    assert client.get(THING, headers={"if-none-match": tag}).json()["clock"] == 1
    assert patch(client, tag).status_code == 200


def test_the_body_is_checked_before_the_version_and_the_door_before_all(client, browser, acme, api):
    wrong = client.patch(THING, {"x": 1}, content_type="application/json", headers={"if-match": '"3"'})
    problem(wrong, 400, "invalid")
    assert patch(api(acme)).status_code == 401
