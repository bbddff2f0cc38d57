"""E-mails from templates: MJML for the eye, plain text for everybody else, both in the active language."""

import re

import mrml
from django.template import Context, Engine

from tenancy.deliveries import Mail

_PLAIN_ONLY = mrml.RenderOptions(disable_comments=True, fonts={})  # nothing is fetched when a mail is opened
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # mrml refuses these whole
FOLDER = "email"


def render(template: str, context: dict[str, object]) -> Mail:
    """Render `email/<template>.subject.txt`, `.txt` and `.mjml`; only the last is escaped.

    Extend `email/base.mjml`, and include `email/severity.html` or `.txt` for a severity's shape and word.
    Raises TemplateDoesNotExist, or ValueError for what is no MJML.
    """
    name = f"{FOLDER}/{template}"
    mjml = _NOT_XML.sub(" ", _filled(f"{name}.mjml", context, escape=True))
    try:
        html = mrml.to_html(mjml, None, _PLAIN_ONLY).content
    except OSError as error:  # mrml's way to refuse its input
        raise ValueError(f"{name}.mjml: {error}") from error
    return Mail(
        subject=one_line(_filled(f"{name}.subject.txt", context, escape=False)),
        text=_filled(f"{name}.txt", context, escape=False).strip() + "\n",
        html=html,
    )


def one_line(text: str) -> str:
    """Text as a header may carry it: on one line, without control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _filled(name: str, context: dict[str, object], *, escape: bool) -> str:
    return Engine.get_default().get_template(name).render(Context(context, autoescape=escape))
