"""Sheets: what people bring in, all of it or nothing."""

import io
import zipfile
from dataclasses import replace
from datetime import date

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from django.utils import translation
from openpyxl import Workbook, load_workbook

from hypercare import services
from hypercare.forms.sheets import BacklogSheetForm, IncidentSheetForm, MemberSheetForm
from hypercare.models import BacklogItem, Incident, ProjectMember
from hypercare.services import Column
from hypercare.states import Severity
from tenancy.context import entering
from tenancy.errors import Invalid
from tenancy.journal.models import Event
from tests import factories

COLUMNS = [Column("title", "Title", ("Başlık",), required=True), Column("severity", "Severity", ("Önem",))]
IMPORT = "/admin/hypercare/incident/do/import/"


def csv_of(*lines, encoding="utf-8"):
    return "\r\n".join(lines).encode(encoding)


def xlsx_of(*rows):
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def limits(**sheets):
    thresholds = settings.THRESHOLDS
    return override_settings(THRESHOLDS=replace(thresholds, sheets=replace(thresholds.sheets, **sheets)))


# ---- reading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        csv_of("Title,Severity", "Fiş işlenmiyor,P1", "", "Two,"),
        csv_of("Başlık;Önem", "Fiş işlenmiyor;P1", ";", "Two;"),
        csv_of("title\tSEVERITY", "Fiş işlenmiyor\tP1", "\t", "Two", encoding="utf-16"),
        csv_of("BAŞLIK;ÖNEM", '"Fiş işlenmiyor";P1', "", "Two;", encoding="cp1254"),
        csv_of("Başlık;Önem", "Fiş işlenmiyor;P1", "", "Two;", encoding="utf-8-sig"),
        xlsx_of(["Title", "Severity"], ["Fiş işlenmiyor", "P1"], [None, None], ["Two"]),
        xlsx_of(["Severity *", "Başlık:"], ["P1", "Fiş işlenmiyor"], [], [None, "Two"]),
    ],
    ids=["commas", "semicolons", "tabs in utf-16", "windows", "mark", "xlsx", "xlsx other order"],
)
def test_a_sheet_is_read_however_it_was_saved(content):
    sheet = services.read_sheet(content, COLUMNS)
    assert sheet.lines == [
        (2, {"title": "Fiş işlenmiyor", "severity": "P1"}),
        (4, {"title": "Two", "severity": ""}),
    ]
    assert sheet.left_out == []


def test_what_nobody_asked_for_is_left_out_and_said():
    sheet = services.read_sheet(csv_of("No,Title,Owner", "1,One,Ayşe"), COLUMNS)
    assert sheet == ([(2, {"title": "One"})], ["No", "Owner"])


def test_cells_of_a_workbook_are_read_as_one_would_write_them():
    when = date(2026, 11, 3)
    sheet = services.read_sheet(xlsx_of(["Title", "Severity"], [3.0, when], [True, 2.5]), COLUMNS)
    assert [line.cells for line in sheet.lines] == [
        {"title": "3", "severity": "2026-11-03"},
        {"title": "True", "severity": "2.5"},
    ]


def bomb():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    return file.getvalue()


def entities():
    """A workbook whose sheet is the billion laughs."""
    content, file = xlsx_of(["Title"], ["One"]), io.BytesIO()
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(12))
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name.endswith("sheet1.xml"):
                text = f"<?xml version='1.0'?><!DOCTYPE x [{laughs}]><worksheet>&l11;</worksheet>".encode()
            new.writestr(name, text)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"Title", "no rows"),
        (b"Severity\nP1", "missing: Title"),
        (b"Title,Title\na,b", "Two columns"),
        (b"\xd0\xcf\x11\xe0rest", "old Excel"),
        (b"Title\n\x00\x01\x02", "neither"),
        (b'Title\n"open', "neither"),
        (b"PK\x03\x04nonsense", "cannot be read"),
        (b"x" * 5_000_001, "larger"),
        (csv_of("Title", *["x"] * 2_001), "More than 2000"),
        (bomb(), "unpacked"),
        (entities(), "cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_sheet_is_refused(content, why):
    with pytest.raises(Invalid) as refused:
        services.read_sheet(content, COLUMNS)
    assert why in str(refused.value.fields["file"][0])


def test_a_row_that_says_it_is_far_down_costs_nothing():
    content, file = xlsx_of(["Title"], ["One"]), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name.endswith("sheet1.xml"):
                text = text.replace(b'<row r="2"', b'<row r="99999999999"').replace(
                    b'r="A2"', b'r="A99999999999"'
                )
            new.writestr(name, text)
    with pytest.raises(Invalid):
        services.read_sheet(file.getvalue(), COLUMNS)


# ---- bringing in --------------------------------------------------------------------------------------------------


def sent(client, address, project, content, *, only_check=False, name="sheet.csv"):
    typed = {"project": project.pk, "file": SimpleUploadedFile(name, content)}
    return client.post(address, typed | ({"only_check": "on"} if only_check else {}))


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "tr"])
def test_a_spreadsheet_of_issues_becomes_incidents(acme, users, project, browser, now, language):
    users["agent"].language = language
    users["agent"].save()
    content = csv_of(
        "Başlık;Önem;Modül;Açıklama;Bildirim tarihi;Sorumlu",
        "Faturalar işlenmiyor;P1;fi;Kapanışta;03.11.2026;Ayşe",
        "Etiket basılmıyor;;MM;;;",
    )
    client = browser(acme, users["agent"])
    only_looked = sent(client, IMPORT, project, content, only_check=True)
    assert only_looked.url == f"{IMPORT}?project={project.pk}"
    assert client.get(only_looked.url).context["form"].initial["project"] == str(project.pk)
    with entering(acme):
        assert not Incident.objects.exists()
        assert not Event.objects.filter(verb="incident.reported").exists()
    answer = sent(client, IMPORT, project, content)
    assert answer.url == "/admin/hypercare/incident/"
    assert "Sorumlu" in client.get(answer.url).content.decode()
    with entering(acme):
        first, second = Incident.objects.order_by("number")
        assert (first.title, first.severity, first.affected_module) == ("Faturalar işlenmiyor", "P1", "FI")
        assert "2026" in first.description.splitlines()[0]
        assert first.description.endswith("Kapanışta")
        assert first.created_at == now
        assert (second.severity, second.description, second.reported_by_id) == ("P3", "", users["agent"].pk)


@pytest.mark.django_db
def test_every_refused_row_is_told_and_nothing_is_written(acme, users, project, browser):
    content = csv_of("Title,Severity,Reported on", "One,P1,2026-11-03", ",P9,soon", "Three,high,31.02.2026")
    page = sent(browser(acme, users["agent"]), IMPORT, project, content)
    assert page.status_code == 422
    told = page.context["form"].errors["file"]
    assert [line.split(":")[0] for line in told] == [
        "Line 3, Title",
        "Line 3, Severity",
        "Line 3, Reported on",
        "Line 4, Severity",
        "Line 4, Reported on",
    ]
    with entering(acme):
        assert not Incident.objects.exists()


@pytest.mark.django_db
def test_the_words_for_a_severity_are_understood_in_both_languages(acme, users, project, browser):
    with translation.override("tr"):
        turkish = str(Severity.P2.label)
    content = csv_of("Title;Severity", f"One;{turkish}", f"Two;{Severity.P1.label}")
    assert sent(browser(acme, users["agent"]), IMPORT, project, content).status_code == 302
    with entering(acme):
        assert list(Incident.objects.order_by("number").values_list("severity", flat=True)) == ["P2", "P1"]


@pytest.mark.django_db
def test_backlog_items_come_all_or_none(acme, users, project, browser):
    address = "/admin/hypercare/backlogitem/do/import/"
    client = browser(acme, users["agent"])
    twice = csv_of("Kind,Key,Title", "interface,I-1,Bank file", "interface,I-1,Bank file")
    page = sent(client, address, project, twice)
    assert page.status_code == 422
    assert page.context["form"].errors["file"][0].startswith("Line 3")
    with entering(acme):
        assert not BacklogItem.objects.exists()
    fine = csv_of(
        "Tür;Anahtar;Başlık;Adres", "interface;I-1;Bank file;https://wiki.example/I-1", "report;R-1;Stock;"
    )
    assert sent(client, address, project, fine).status_code == 302
    with entering(acme):
        assert BacklogItem.objects.count() == 2


@pytest.mark.django_db
def test_members_are_named_by_email_and_only_admins_add_them(acme, users, project, browser):
    address = "/admin/hypercare/project/do/import/"
    newcomer = factories.member(acme, "agent", email="new@acme.example")
    stranger = factories.UserFactory(email="stranger@globex.example")
    content = csv_of("E-posta;Seviye;Kurul", "NEW@acme.example;L2;evet", f"{stranger.email};;")
    admin = browser(acme, users["admin"])
    page = sent(admin, address, project, content)
    assert page.context["form"].errors["file"] == ["Line 3, Email: Not a member here."]
    content = csv_of("E-posta;Seviye;Kurul", "NEW@acme.example;L2;evet")
    assert sent(browser(acme, users["manager"]), address, project, content).status_code == 403
    assert sent(admin, address, project, content).status_code == 302
    with entering(acme):
        member = ProjectMember.objects.get(user=newcomer)
        assert (member.support_level, member.is_board_member) == ("L2", True)
    assert sent(admin, address, project, content).status_code == 422  # there already


@pytest.mark.django_db
def test_nothing_is_brought_into_a_project_that_one_does_not_see(acme, users, project, browser):
    outsider = browser(acme, factories.member(acme, "agent"))
    page = sent(outsider, IMPORT, project, csv_of("Title", "One"))
    assert page.status_code == 422
    assert "project" in page.context["form"].errors
    with entering(acme):
        assert not Incident.objects.exists()


@pytest.mark.django_db
def test_the_file_must_be_there_and_small(acme, users, project, browser):
    client = browser(acme, users["agent"])
    assert client.post(IMPORT, {"project": project.pk}).context["form"].errors.keys() == {"file"}
    with limits(MOST_BYTES=10):
        page = sent(client, IMPORT, project, csv_of("Title", "One and more"))
    assert "larger" in page.context["form"].errors["file"][0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form", "role"), [(IncidentSheetForm, "agent"), (BacklogSheetForm, "agent"), (MemberSheetForm, "admin")]
)
def test_an_empty_sheet_can_be_had_and_is_understood(acme, users, project, browser, form, role):
    users[role].language = "tr"
    users[role].save()
    answer = browser(acme, users[role]).get(f"/admin/sheets/{form.template_of}/")
    content = answer.getvalue()
    heads = [cell.value for cell in next(load_workbook(io.BytesIO(content)).active.iter_rows())]
    assert len(heads) == len(form.columns)
    with pytest.raises(Invalid) as refused:
        services.read_sheet(content, form.columns)
    with translation.override("en"):
        assert "no rows" in str(refused.value.fields["file"][0])
    assert browser(acme, users["customer"]).get(f"/admin/sheets/{form.template_of}/").status_code == 302
