"""How things look in a list."""

import re
from datetime import UTC, datetime
from html import unescape

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

_MOMENT = re.compile(r'<time datetime="([^"]+)"[^>]*>[^<]*</time>')
_TAG = re.compile(r"<[^>]*>")


def words_of(shown: object) -> str | datetime:
    """What a column shows, without how it looks: a moment as the time that it is, all else as its words."""
    if isinstance(shown, SafeString):
        if moment_of := _MOMENT.fullmatch(shown):
            return datetime.fromisoformat(moment_of[1])
        return " ".join(unescape(_TAG.sub(" ", shown)).split())
    return str(shown)


def pill(text: object, tone: str = "") -> SafeString:
    """A state in words; `tone` is ok, soon, late or empty for no colour."""
    return format_html('<span class="hc-pill {}">{}</span>', f"hc-{tone}" if tone else "", text)


def moment(value: datetime | None) -> SafeString | str:
    """A time in the viewer's zone, with UTC one step away."""
    if value is None:
        return "–"
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        value.isoformat(),
        value.astimezone(UTC).strftime("%Y-%m-%d %H:%M"),
        local.strftime("%Y-%m-%d %H:%M"),
    )
