"""E-mails from templates: the shared look, escaping, both languages."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import translation

from observability import mail
from tenancy.deliveries import Mail

CONTEXT: dict[str, Any] = {
    "severity": "P1",
    "title": "Mal girişi İSTANBUL'da çalışmıyor",
    "left": 4.5,
    "url": "https://acme.example.test/incidents/5",
    "base_url": "https://acme.example.test",
}


@pytest.fixture(autouse=True)
def own_templates(settings: LazySettings) -> None:
    ours = settings.TEMPLATES[0]
    settings.TEMPLATES = [ours | {"DIRS": [*ours["DIRS"], Path(__file__).parent / "templates"]}]


def test_three_parts_of_one_message() -> None:
    content = mail.render("proof", CONTEXT)
    assert isinstance(content, Mail)
    assert content.subject == "◆ P1 Mal girişi İSTANBUL'da çalışmıyor"
    assert content.text == (
        "◆ P1 Mal girişi İSTANBUL'da çalışmıyor\n4.5 h\nhttps://acme.example.test/incidents/5\n"
    )
    assert '<a href="https://acme.example.test/incidents/5"' in content.html
    assert "◆ P1" in content.html
    assert "https://acme.example.test" in content.html.split("answers to it are not read")[1]


@pytest.mark.parametrize(("language", "number"), [("en", "4.5 h"), ("tr", "4,5 h")])
def test_it_speaks_the_active_language(language: str, number: str) -> None:
    with translation.override(language):
        content = mail.render("proof", CONTEXT)
    assert number in content.text
    assert number in content.html
    assert re.search(rf'<html[^>]* lang="{language}"', content.html)


@pytest.mark.parametrize(
    ("severity", "shape", "colour"),
    [("P1", "◆", "#c11f2f"), ("P2", "▲", "#b4530a"), ("P3", "■", "#7a6400"), ("P4", "●", "#47617d")],
)
def test_a_severity_is_a_shape_and_a_word_before_it_is_a_colour(
    severity: str, shape: str, colour: str
) -> None:
    content = mail.render("proof", CONTEXT | {"severity": severity})
    assert content.subject.startswith(f"{shape} {severity} ")
    assert content.text.startswith(f"{shape} {severity} ")
    assert re.search(rf"color:{colour}[^>]*>{shape} {severity}<", content.html)


def test_what_people_wrote_is_text_in_the_eyes_part_and_itself_in_the_plain_one() -> None:
    nasty = '<script>alert(1)</script></mj-text><mj-raw><img src="http://evil.test/x"></mj-raw> & "Ünal"'
    content = mail.render("proof", CONTEXT | {"title": nasty, "url": 'https://a.test/" onclick="x'})
    assert "<script" not in content.html
    assert "<img" not in content.html
    assert 'onclick="x' not in content.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in content.html
    assert nasty in content.text


def test_a_mail_fetches_nothing() -> None:
    html = mail.render("proof", CONTEXT).html
    assert "<img" not in html
    assert "@import" not in html
    assert "<link" not in html
    assert set(re.findall(r'(?:src|href)="([^"]+)"', html)) == {CONTEXT["url"]}


def test_a_subject_is_one_line_whatever_comes() -> None:
    content = mail.render("proof", CONTEXT | {"title": "a\r\nBcc: x@evil.test\u2028b\x00c\u202ed"})
    assert content.subject == "◆ P1 a Bcc: x@evil.test b c d"


def test_what_is_no_mjml_is_named() -> None:
    with pytest.raises(ValueError, match=r"email/broken\.mjml"):
        mail.render("broken", {})
