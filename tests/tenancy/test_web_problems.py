"""Every refusal is a problem document, and no input is a 500."""

import json

import pytest
from django.test import Client
from rest_framework.exceptions import ErrorDetail

from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.transactions import atomic, emit
from tenancy.web.problems import _walk
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.tenancy.web_urls")]

TAKES = "/api/v1/takes"


@pytest.fixture
def client(acme, users, api):
    client = api(acme, users["admin"])
    client.raise_request_exception = False
    return client


def problem(response, status, code):
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == f"/problems/{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


def post(client, body):
    return client.post(TAKES, body, content_type="application/json")


def fields(response):
    return {error["field"]: error["code"] for error in response.json()["errors"]}


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("invalid", 400, "invalid"), ("not_allowed", 403, "grant_expired"), ("not_found", 404, "not_found"),
        ("conflict", 409, "conflict"), ("throttled", 429, "throttled"), ("http404", 404, "not_found"),
        ("denied", 403, "not_allowed"), ("suspicious", 400, "malformed"), ("defect", 500, "internal"),
    ],
)  # fmt: skip
def test_what_a_view_raises(client, what, status, code):
    response = client.get(f"/api/v1/raises/{what}")
    body = problem(response, status, code)
    assert body["instance"] == f"/api/v1/raises/{what}"
    assert "secret" not in response.content.decode()
    if what == "conflict":
        assert (body["state"], body["legal_moves"]) == ("resolved", ["reopened"])
    if what == "invalid":
        assert body["errors"] == [{"field": "a.b[0]", "code": "invalid", "detail": "wrong"}]
    if what == "throttled":
        assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("what", "status"), [("http404", 404), ("denied", 403), ("suspicious", 400), ("defect", 500)]
)
def test_outside_the_api_people_get_a_page_and_scripts_a_problem(client, what, status):
    page = client.get(f"/raises/{what}", headers={"accept": "text/html,*/*"})
    assert page.status_code == status
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["X-Request-ID"] in page.content.decode()
    assert "<script" not in page.content.decode()
    assert client.get(f"/raises/{what}").headers["Content-Type"] == "application/problem+json"


def test_an_unknown_path_is_a_problem(client):
    problem(client.get("/api/v1/no-such-thing"), 404, "not_found")


@pytest.mark.parametrize(
    "body",
    [b"{", b"{'a': 1}", b"[1,", b"NaN", b"\xff\xfe", b'{"a": Infinity}', b"[" * 100_000, b'{"a":' * 100_000,
     b"9" * 5000, b'"\\ud8"'],
)  # fmt: skip
def test_what_is_not_json_is_malformed(client, body):
    problem(post(client, body), 400, "malformed")


@pytest.mark.parametrize("body", ["null", "[]", "1", '"text"', "true"])
def test_json_that_is_no_object_is_invalid(client, body):
    problem(post(client, body), 400, "invalid")


def test_every_fault_is_named(client):
    response = post(
        client,
        {
            "severity": "P9",
            "colour": "red",
            "state": "open",
            "rows": [{"number": 1}, {"number": "x", "y": 1}],
        },
    )
    problem(response, 400, "invalid")
    assert fields(response) == {
        "title": "required",
        "severity": "invalid_choice",
        "colour": "unknown_field",
        "state": "read_only_field",
        "rows[1].number": "invalid",
        "rows[1].y": "unknown_field",
    }
    pointers = {error["field"]: error["pointer"] for error in response.json()["errors"]}
    assert pointers["rows[1].number"] == "#/rows/1/number"


def test_a_right_body_passes(client):
    given = {"title": "İstanbul ✓ 😀", "severity": "P1", "rows": [{"number": 1}]}
    response = post(client, given)
    assert response.status_code == 200
    assert response.json() == given


def test_an_unknown_field_of_a_model_is_named(client):
    response = client.put(
        TAKES, {"name": "Ada", "language": "en", "staff_role": "platform"}, content_type="application/json"
    )
    problem(response, 400, "invalid")
    assert fields(response) == {"staff_role": "unknown_field"}


@pytest.mark.parametrize("value", ["\\u0000", "a\\u0000b", "\\ud800", "x\\udfffy"])
def test_characters_that_no_column_holds_are_named(client, value):
    for body, field in (
        (f'{{"title": "{value}", "severity": "P1"}}', "title"),
        (f'{{"title": "t", "severity": "{value}"}}', "severity"),
        (
            f'{{"title": "t", "severity": "P1", "rows": [{{"number": 1, "deep": ["{value}"]}}]}}',
            "rows[0].deep[0]",
        ),
        (f'{{"{value}": 1}}', ""),
    ):
        response = post(client, body)
        problem(response, 400, "unstorable")
        assert field in fields(response)


def test_a_number_too_large_for_a_float_is_named(client):
    response = post(client, '{"title": "t", "severity": "P1", "rows": [{"number": 1e999}]}')
    problem(response, 400, "unstorable")
    assert fields(response) == {"rows[0].number": "unstorable"}


@pytest.mark.parametrize("title", [1, 1.5, True, None, [], {}, "", "   ", "x" * 21])
def test_text_is_text(client, title):
    response = post(client, {"title": title, "severity": "P1"})
    problem(response, 400, "invalid")
    assert list(fields(response)) == ["title"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_nul_in_path_and_query(client, method):
    problem(getattr(client, method)("/api/v1/events%00"), 404, "not_found")
    problem(getattr(client, method)("/api/v1/me?x=%00"), 400, "nul_character")
    assert getattr(client, method)("/api/v1/me?x=%ED%A0%80&%FF").status_code in (200, 405)


def test_nul_in_a_cookie(client):
    cookie = 'sessionid="abcdefgh\\000ijkl"'
    problem(client.get("/api/v1/me", headers={"cookie": cookie}), 400, "nul_character")


def test_methods_and_types(client, acme, api):
    refused = client.delete("/api/v1/me")
    problem(refused, 405, "method_not_allowed")
    assert "GET" in refused.headers["Allow"]
    problem(client.options("/api/v1/me"), 405, "method_not_allowed")
    problem(client.post(TAKES, "x", content_type="text/plain"), 415, "unsupported_media_type")
    problem(client.get("/api/v1/me", headers={"accept": "image/png"}), 406, "not_acceptable")
    anonymous = api(acme).delete("/api/v1/me")
    problem(anonymous, 401, "not_authenticated")
    assert anonymous.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_what_a_view_does_not_declare_is_denied(client):
    problem(client.get("/api/v1/undeclared"), 403, "not_allowed")
    assert client.get("/api/v1/by-action").status_code == 200
    assert client.head("/api/v1/me").status_code == 200
    problem(client.post("/api/v1/by-action"), 403, "not_allowed")
    problem(client.put("/api/v1/by-action"), 405, "method_not_allowed")


def test_a_body_that_is_too_large(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    page = client.post(
        "/admin/login/", {"username": "x" * 200, "password": "y"}, headers={"accept": "text/html"}
    )
    assert page.status_code == 413


@pytest.mark.parametrize("method", ["post", "put"])
def test_a_json_body_of_ten_megabytes(client, method):
    body = b'{"title": "' + b"x" * 10_000_000 + b'"}'
    problem(getattr(client, method)(TAKES, body, content_type="application/json"), 413, "too_large")
    body = b'{"title": "' + b"x" * 1_000_000 + b'"}'
    assert getattr(client, method)(TAKES, body, content_type="application/json").status_code == 400


def test_a_body_of_nothing_but_faults_makes_no_larger_answer(client):
    for body in ({f"field{number}": 1 for number in range(5000)}, {"rows": ["\0"] * 5000}):
        response = post(client, body)
        assert response.status_code == 400
        assert len(response.json()["errors"]) == 100


def test_nested_errors_become_one_list():
    wrong = ErrorDetail("w", "c")
    detail = {
        "a": {"b": [{"c": [wrong]}, {}]},
        "non_field_errors": [wrong],
        "d": [wrong, wrong],
        "e": {3: [wrong]},
    }
    assert [path for path, _why in _walk(detail)] == ["a.b[0].c", "", "d", "d", "e[3]"]
    assert [path for path, _why in _walk([wrong])] == [""]


# ---- pages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def events(acme, now):
    """Eleven lines, all of the same moment: only the key tells them apart."""
    with entering(acme), atomic():
        for number in range(11):
            emit("thing.happened", f"thing:{number}", by=Actor.system("tests"), now=now)


def test_pages_hold_every_row_once(client, events, acme):
    url, seen = "/api/v1/events?page_size=3", []
    while url:
        page = client.get(url).json()
        assert len(page["results"]) <= 3
        seen += [row["seq"] for row in page["results"]]
        url = page["next"] and page["next"].split(factories.host_of(acme))[1]
    with entering(acme):
        assert sorted(seen) == list(Event.objects.values_list("seq", flat=True))
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("size", ["0", "-1", "201", "x", "", "1.5", "9" * 400, "²"])
def test_a_page_size_that_is_none(client, size):
    response = client.get("/api/v1/events", {"page_size": size})
    problem(response, 400, "invalid")
    assert list(fields(response)) == ["page_size"]


@pytest.mark.parametrize(
    "cursor", ["x", "cD14", "cD0lMDA=", "bz0tMQ==", "cD0yMDI2LTk5LTk5", "ü", "cD0=", "cj14"]
)
def test_a_cursor_that_is_none(client, events, cursor):
    problem(client.get("/api/v1/events", {"cursor": cursor}), 404, "not_found")


def test_problems_are_json_whatever_the_path(client):
    response = client.get("/api/v1/%F0%9F%98%80")
    assert json.loads(response.content)["instance"] == "/api/v1/%F0%9F%98%80"
    assert client.get("/api/v1/[x]%20%ED%A0%80%22").json()["instance"].startswith("/api/v1/%5Bx%5D%20%")
    assert Client(headers={"host": "x"}).get("/").status_code == 404
