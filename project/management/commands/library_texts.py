"""What the console's libraries say and Django has no Turkish for: written down where makemessages finds it."""

import ast
import gettext
import re
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation.template import templatize

FILE = Path(settings.BASE_DIR) / "tenancy" / "web" / "library_texts.py"
ONE = frozenset({"_", "gettext", "gettext_lazy", "gettext_noop"})
TWO = frozenset({"ngettext", "ngettext_lazy"})
CALLS = re.compile(r" (?:n?gettext|_)\((?P<texts>(?:(?:, )?u?(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"))+)")
HEAD = '''"""Texts of libraries without Turkish: Unfold ships none, Celery Beat others. Written by `make messages`.

makemessages finds only what stands in our sources, and drops from the catalogue what does not.
"""

# ruff: noqa: E501
# fmt: off
from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext_lazy
'''

Text = tuple[str, ...]
"""A msgid, or a singular and its plural."""

PACKAGES = {
    "UNFOLD": ("unfold", "unfold.contrib.filters"),
    "CELERY_BEAT": ("django_celery_beat.apps", "django_celery_beat.models"),
}
LEFT_OUT = {"SOLAR_SCHEDULES", "SolarSchedule", "ClockedSchedule", "PeriodicTasks"}
"""Of Celery Beat's models: our schedules are intervals and crontabs."""


class Command(BaseCommand):
    help = "Writes the texts of Unfold and Celery Beat that Django's Turkish lacks to tenancy/web/library_texts.py."

    def handle(self, *args: Any, **options: Any) -> None:
        FILE.write_text(written())


def missing() -> dict[str, list[Text]]:
    """What the installed libraries say and Django has no Turkish for."""
    known = list(django_says())
    return {
        name: sorted(text for text in _said_by(modules) if not _in_turkish(text, known))
        for name, modules in PACKAGES.items()
    }


def written() -> str:
    """The file's text."""
    parts = [HEAD]
    for name, texts in missing().items():
        lines = "".join(f"    {_call(text)},\n" for text in texts)
        parts.append(f"\n{name} = (\n{lines})\n")
    return "".join(parts)


def _said_by(modules: Iterable[str]) -> set[Text]:
    return {text for module in modules for path in _files(module) for text in texts_in(path)}


def _call(text: Text) -> str:
    quoted = [_quoted(part) for part in text]
    return f"_({quoted[0]})" if len(text) == 1 else f"ngettext_lazy({', '.join(quoted)})"


def _quoted(part: str) -> str:
    escaped = part.replace("\\", "\\\\").replace("\n", "\\n")
    return f"'{escaped}'" if '"' in part and "'" not in part else '"{}"'.format(escaped.replace('"', '\\"'))


def django_says() -> Iterator[gettext.NullTranslations]:
    """Django's own Turkish, as far as the console shows it."""
    root = Path(django.__file__).parent
    for package in ("conf", "contrib/admin", "contrib/auth"):
        yield gettext.translation("django", root / package / "locale", ["tr"])


def _in_turkish(text: Text, known: Iterable[gettext.NullTranslations]) -> bool:
    if len(text) == 1:
        return any(its.gettext(text[0]) != text[0] for its in known)
    return any(its.ngettext(text[0], text[1], 2) != text[1] for its in known)


def _files(module: str) -> Iterator[Path]:
    """The sources and templates of an app, without the apps inside it; or one module."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"{module} is not installed")
    if not spec.submodule_search_locations:
        yield Path(spec.origin)
        return
    root = Path(spec.origin).parent
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".html"} and "contrib" not in path.relative_to(root).parts:
            yield path


def texts_in(path: Path) -> Iterator[Text]:
    """The texts that a template or a module hands to gettext."""
    source = path.read_text()
    if path.suffix == ".html":
        for call in CALLS.finditer(templatize(source)):
            yield ast.literal_eval(f"({call['texts']},)")
        return
    for top in ast.parse(source).body:
        if _name(top) not in LEFT_OUT:
            yield from _called(top)


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef):
        return node.name
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return target.id if isinstance(target, ast.Name) else ""


def _called(top: ast.stmt) -> Iterator[Text]:
    for node in ast.walk(top):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ONE | TWO:
            said = node.args[: 1 if node.func.id in ONE else 2]
            words = [word.value for word in said if isinstance(word, ast.Constant)]
            if words and len(words) == len(said):
                yield tuple(str(word) for word in words)
