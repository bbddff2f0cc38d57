"""What may stand in the address of a list, and lists as files."""

import csv
import io
import json
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework import serializers

from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.states import Role
from tenancy.transactions import atomic, emit
from tenancy.web.exports import safe, write_csv, write_xlsx
from tests import factories
from tests.tenancy.conventions_urls import Lines

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.tenancy.conventions_urls")]

LINES = "/api/v1/lines"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
def client(acme, users, api):
    return api(acme, users["agent"])


@pytest.fixture
def lines(acme, now):
    """Forty lines: three verbs, four moments, every second without an actor."""
    with entering(acme), atomic():
        for number in range(40):
            by = Actor.system("tests") if number % 2 else Actor.member(1 + number % 3, Role.AGENT)
            at = now + timedelta(microseconds=number % 4)
            emit(f"thing.{'abc'[number % 3]}", f"thing:{number}", by=by, now=at, data={"n": number})


@pytest.fixture
def most_rows(settings):
    def set_to(rows):
        settings.THRESHOLDS = replace(
            settings.THRESHOLDS, api=replace(settings.THRESHOLDS.api, EXPORT_ROWS=rows)
        )

    return set_to


def problem(answer, status, code):
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}"), answer.content
    return {fault["field"]: fault for fault in answer.json()["errors"]}


def walked(client, acme, link, way="next"):
    """The rows from `link` on, page by page in the order of the pages."""
    pages = []
    while link:
        page = client.get(link).json()
        pages.append(page["results"])
        link = page[way] and page[way].split(factories.host_of(acme))[1]
    return pages


# ---- ordering and pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", ["seq", "-seq", "at", "-at", "actor", "-actor", "verb", "-verb", None])
@pytest.mark.parametrize("size", [1, 3, 7, 20])
def test_every_ordering_shows_every_row_once_there_and_back(client, acme, lines, ordering, size):
    address = f"{LINES}?page_size={size}" + (f"&ordering={ordering}" if ordering else "")
    pages = walked(client, acme, address)
    rows = [row for page in pages for row in page]
    assert len({row["id"] for row in rows}) == len(rows) == 40
    name = (ordering or "-at").removeprefix("-")
    values = [row["actor_id" if name == "actor" else name] for row in rows]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=(ordering or "-at").startswith("-"))
    assert values[len(known) :] == [None] * (len(values) - len(known))
    last = client.get(address)
    while last.json()["next"]:
        last = client.get(last.json()["next"].split(factories.host_of(acme))[1])
    back = walked(client, acme, last.request["PATH_INFO"] + "?" + last.request["QUERY_STRING"], "previous")
    assert [row for page in reversed(back) for row in page] == rows


def test_a_page_does_not_move_while_rows_come_in(client, acme, lines, now):
    first = client.get(f"{LINES}?page_size=5&ordering=-seq").json()
    with entering(acme), atomic():
        emit("thing.d", "thing:d", by=Actor.system("tests"), now=now)
    second = client.get(first["next"].split(factories.host_of(acme))[1]).json()
    assert second["results"][0]["seq"] == first["results"][-1]["seq"] - 1
    assert second["previous"]


def test_an_ordering_that_is_none_is_refused_with_the_legal_ones(client, lines):
    for asked in ("data", "-", "", "--seq", "seq,at", "actor_id", "id; DROP TABLE"):
        faults = problem(client.get(LINES, {"ordering": asked}), 400, "invalid")
        assert faults["ordering"]["code"] == "unknown_ordering"
        assert all(name in faults["ordering"]["detail"] for name in ("seq", "at", "actor", "verb"))


def test_a_cursor_belongs_to_its_ordering(client, acme, lines):
    link = client.get(f"{LINES}?page_size=5&ordering=verb").json()["next"]
    problem(client.get(link.split(factories.host_of(acme))[1].replace("verb", "-verb")), 404, "not_found")
    assert client.get(link.split(factories.host_of(acme))[1]).status_code == 200


@pytest.mark.parametrize(
    "value",
    ["2026-11-18T09:00:00-16:14", "0001-01-01T00:00:00+14:00", "2026-11-18T09:00", "2026-11-18"],
)
def test_a_cursor_with_a_moment_that_is_none(client, lines, value):
    words = json.dumps(["at", 0, value, "01a1ff38-6ad1-762d-adcd-fdad75e379f2"])
    cursor = urlsafe_b64encode(words.encode()).decode()
    answer = client.get(LINES, {"ordering": "at", "cursor": cursor})
    assert answer.status_code == (200 if value.endswith("-16:14") else 404)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_that_no_column_holds_is_refused(client, lines, at):
    assert client.get(LINES, {"since": at}).status_code in (200, 400)
    problem(client.get(LINES, {"since": "2026-11-18T09:00:00-16:14"}), 400, "out_of_range")


@pytest.mark.parametrize("method", ["put", "delete", "post", "patch"])
def test_a_method_that_a_list_does_not_have_is_a_405_in_any_format(client, method):
    for kind in ("json", "csv", "xlsx"):
        problem(getattr(client, method)(f"{LINES}?format={kind}"), 405, "method_not_allowed")


def test_a_page_costs_one_query_however_many_are_equal(client, acme, lines, django_assert_max_num_queries):
    link = client.get(f"{LINES}?page_size=5&ordering=verb").json()["next"].split(factories.host_of(acme))[1]
    with django_assert_max_num_queries(50) as seen:
        client.get(link)
    assert [query["sql"] for query in seen if "OFFSET" in query["sql"].upper()] == []
    assert (
        len([query for query in seen if "tenancy_journal" in query["sql"] or "_event" in query["sql"]]) == 1
    )


# ---- parameters -------------------------------------------------------------------------------------------------


def test_an_unknown_parameter_is_named(client, lines):
    faults = problem(client.get(LINES, {"verb": "thing.a", "ver": "x", "sort": "y"}), 400, "invalid")
    assert {name: fault["code"] for name, fault in faults.items()} == {
        "ver": "unknown_parameter",
        "sort": "unknown_parameter",
    }
    known = {"verb": "thing.a", "page_size": 3, "ordering": "seq", "format": "json"}
    assert {row["verb"] for row in client.get(LINES, known).json()["results"]} == {"thing.a"}
    problem(client.get("/api/v1/events", {"ordering": "at"}), 400, "invalid")  # that list has none


# ---- files ------------------------------------------------------------------------------------------------------


def as_csv(answer):
    raw = answer.getvalue()
    assert raw.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


def cells(raw):
    """The rows of a sheet as {column letter: (type, text, style number)}."""
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        assert book.testzip() is None
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    rows = []
    for row in sheet.iter(f"{SHEET}row"):
        found = {}
        for cell in row.iter(f"{SHEET}c"):
            assert cell.find(f"{SHEET}f") is None
            text = "".join(part.text or "" for part in cell.iter() if part.tag in (f"{SHEET}t", f"{SHEET}v"))
            found[cell.get("r").rstrip("0123456789")] = (cell.get("t"), text, cell.get("s"))
        rows.append(found)
    return rows


def test_a_list_as_csv(client, acme, users, lines):
    users["agent"].time_zone = "Europe/Istanbul"
    users["agent"].save()
    answer = client.get(LINES, {"format": "csv", "ordering": "seq", "verb": "thing.b", "page_size": 2})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    today = timezone.localdate(timezone=ZoneInfo("Europe/Istanbul"))
    assert answer["Content-Disposition"] == f'attachment; filename="acme-lines-{today}.csv"'
    rows = as_csv(answer)
    with entering(acme):
        wanted = list(Event.objects.filter(verb="thing.b").order_by("seq"))
    assert [int(row["seq"]) for row in rows] == [event.seq for event in wanted]
    assert list(rows[0]) == [
        "id", "seq", "at", "day", "verb", "actor_id", "actor_name", "data", "price", "flag"
    ]  # fmt: skip
    assert [row["at"] for row in rows] == [event.at.isoformat().replace("+00:00", "Z") for event in wanted]
    assert rows[0]["data"] == '{"n": 1}'
    assert rows[0]["price"] == f"{wanted[0].seq}.00"
    assert {row["flag"] for row in rows} == {"true", "false"}
    assert rows[0]["actor_id"] == ""


def test_a_list_as_xlsx(client, acme, users, lines):
    users["agent"].time_zone = "Europe/Istanbul"
    users["agent"].save()
    answer = client.get(LINES, {"format": "xlsx", "ordering": "seq"})
    assert answer["Content-Type"].startswith(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    )
    assert answer["Content-Disposition"].endswith('.xlsx"')
    rows = cells(answer.getvalue())
    assert len(rows) == 41
    with entering(acme):
        first = Event.objects.order_by("seq").first()
    # nine in UTC is noon in Istanbul: half a day after midnight of a day that spreadsheets count from 1899-12-30
    days = (date(2026, 11, 18) - date(1899, 12, 30)).days
    assert float(rows[1]["C"][1]) == days + 0.5
    assert (rows[1]["B"][0], rows[1]["B"][1]) == (None, str(first.seq))
    assert float(rows[1]["D"][1]) == days
    assert float(rows[1]["I"][1]) == first.seq
    assert rows[1]["J"][0] == "b"
    assert rows[1]["E"][0] in ("inlineStr", "s")
    assert "F" not in rows[2] or rows[2]["F"][1] == ""


class WhoShape(serializers.Serializer):
    id = serializers.IntegerField(source="actor_id", allow_null=True)
    name = serializers.CharField(source="actor_name")


class WhenShape(serializers.Serializer):
    at = serializers.DateTimeField()
    by = WhoShape(source="*")


class NestedShape(serializers.Serializer):
    seq = serializers.IntegerField()
    done = WhenShape(source="*")
    undone = WhenShape(allow_null=True, default=None)
    people = WhoShape(many=True, default=[{"actor_id": 7, "actor_name": "=İ"}])


def test_a_value_inside_another_is_a_column_of_its_own(client, acme, now, monkeypatch):
    monkeypatch.setattr(Lines, "serializer_class", NestedShape)
    with entering(acme), atomic():
        emit("thing.a", "thing:1", by=Actor.system("=1+1"), now=now)
        emit("thing.a", "thing:2", by=Actor.member(3, Role.AGENT), now=now)
    first, second = as_csv(client.get(LINES, {"format": "csv", "ordering": "seq"}))
    assert list(first) == [
        "seq", "done.at", "done.by.id", "done.by.name", "undone.at", "undone.by.id", "undone.by.name", "people"
    ]  # fmt: skip
    assert (first["done.by.id"], first["done.by.name"]) == ("", "'=1+1")
    assert (second["done.by.id"], second["done.by.name"]) == ("3", "")
    assert first["done.at"] == "2026-11-18T09:00:00Z"
    assert (first["undone.at"], first["undone.by.name"]) == ("", "")
    assert json.loads(first["people"]) == [{"id": 7, "name": "=İ"}]
    [_head, line, _other] = cells(client.get(LINES, {"format": "xlsx", "ordering": "seq"}).getvalue())
    assert (line["B"][0], line["D"][2] is not None) == (None, True)
    shown = client.get(LINES, {"ordering": "seq"}).json()["results"][0]
    assert (shown["done"]["by"]["name"], shown["undone"]) == ("=1+1", None)


def test_a_format_by_accept(client, lines):
    assert client.get(LINES, headers={"accept": "text/csv"}).getvalue().startswith(b"\xef\xbb\xbfid,")
    assert client.get(LINES, headers={"accept": "text/html, */*"})["Content-Type"] == "application/json"


def test_a_format_that_is_none_is_refused_with_the_legal_ones(client, lines):
    faults = problem(client.get(LINES, {"format": "pdf"}), 400, "invalid")
    assert faults["format"]["detail"] == "One of: json, csv, xlsx."
    assert problem(client.get("/api/v1/events", {"format": "csv"}), 400, "invalid")["format"]
    assert client.get(LINES, {"format": "json"}).status_code == 200
    problem(client.get(LINES, headers={"accept": "image/png"}), 406, "not_acceptable")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_who_may_read_the_list_but_not_export_is_refused(acme, users, api, lines, kind):
    customer = api(acme, users["customer"])
    assert customer.get(LINES).status_code == 200
    problem(customer.get(LINES, {"format": kind}), 403, "not_allowed")
    assert api(acme, users["agent"], read_only=True).get(LINES, {"format": kind}).getvalue()
    problem(api(acme).get(LINES, {"format": kind}), 401, "not_authenticated")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_list_too_long_for_a_file_is_refused(client, lines, most_rows, kind):
    most_rows(39)
    assert "39" in problem(client.get(LINES, {"format": kind}), 400, "too_many_rows")["format"]["detail"]
    assert client.get(LINES, {"format": kind, "verb": "thing.a"}).getvalue()
    most_rows(40)
    assert client.get(LINES, {"format": kind}).getvalue()


def test_wrong_parameters_refuse_a_file_too(client, lines):
    assert problem(client.get(LINES, {"format": "csv", "x": 1}), 400, "invalid")["x"]
    assert problem(client.get(LINES, {"format": "xlsx", "ordering": "x"}), 400, "invalid")["ordering"]


# ---- cells: no database -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+90", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", " \t @x", "\xa0=1", "\uff1d1", "-", "="],
)  # fmt: skip
def test_text_that_looks_like_a_formula_stays_text(text):
    assert safe(text) == f"'{text}"
    file = io.BytesIO()
    write_csv(file, ["a"], [[text]])
    assert list(csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig"), newline="")))[1] == [f"'{text}"]
    file = io.BytesIO()
    write_xlsx(file, ["a"], [[text]])
    [_head, row] = cells(file.getvalue())
    assert row["A"][0] in ("inlineStr", "s")
    assert row["A"][2] is not None  # the style that keeps it text when it is edited


@pytest.mark.parametrize("text", ["", "a=b", "x-y", "İstanbul", "1+1", "a\n=1", "'=1"])
def test_other_text_is_as_it_was(text):
    assert safe(text) == text


def test_numbers_stay_numbers():
    line = [-5, -1.5, Decimal("-2.50"), 0, True, None, 2**60]
    file = io.BytesIO()
    write_csv(file, list("abcdefg"), [line])
    assert file.getvalue().decode("utf-8-sig").split("\r\n")[1] == "-5,-1.5,-2.50,0,true,,1152921504606846976"
    file = io.BytesIO()
    write_xlsx(file, list("abcdefg"), [line])
    row = cells(file.getvalue())[1]
    assert [row[column][0] for column in "ABCD"] == [None] * 4
    assert (row["E"][0], "F" in row) == ("b", False)
    assert row["G"][1] == str(2**60)


def test_days_before_a_spreadsheets_calendar_are_text():
    file = io.BytesIO()
    long_ago = datetime(1821, 3, 4, 5, 6, tzinfo=UTC)
    write_xlsx(file, ["a", "b"], [[long_ago, long_ago.date()]])
    row = cells(file.getvalue())[1]
    assert row["B"][1] == "1821-03-04"
    assert row["A"][1].startswith("1821-03-04")


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=30), min_size=1, max_size=4))
def test_no_text_breaks_a_file(line):
    columns = [f"c{number}" for number, _text in enumerate(line)]
    file = io.BytesIO()
    write_xlsx(file, columns, [line])
    assert len(cells(file.getvalue())) >= 1
    stored = [text.encode("utf-8", "replace").decode() for text in line]  # no half surrogate is ever stored
    file = io.BytesIO()
    write_csv(file, columns, [stored])
    [_head, row] = csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig"), newline=""))
    assert [text.removeprefix("'") for text in row] == [text.removeprefix("'") for text in stored]


def test_a_text_too_long_for_a_cell_is_cut():
    file = io.BytesIO()
    write_xlsx(file, ["a"], [["x" * 40_000]])
    assert len(cells(file.getvalue())[1]["A"][1]) == 32_767
