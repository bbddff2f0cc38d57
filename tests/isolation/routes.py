"""Every URL pattern of a urlconf, with what has to be filled in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from django.utils.regex_helper import normalize

VERBS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Route:
    """`template` is the path with `%(name)s` where `params` go; `label` names it in fixtures and reports.

    `methods` are those that a view of the API has; empty for other views, which say nothing about theirs.
    """

    label: str
    template: str
    params: tuple[str, ...]
    methods: tuple[str, ...] = ()

    def path(self, values: dict[str, Any]) -> str:
        return "/" + self.template % {name: values[name] for name in self.params}


def _template(pattern: Any) -> str:
    if isinstance(pattern, RoutePattern):
        template = pattern._route.replace("%", "%%")
        for name in pattern.converters:
            start = next(i for i in range(len(template)) if template[i] == "<" and _names(template[i:], name))
            end = template.index(">", start)
            template = f"{template[:start]}%({name})s{template[end + 1 :]}"
        return template
    ((template, _names_of),) = normalize(pattern.regex.pattern)[:1]
    return template


def _names(text: str, name: str) -> bool:
    inner = text[1 : text.index(">")]
    return inner.split(":")[-1] == name


def routes(urlconf: str) -> list[Route]:
    """All patterns of `urlconf`, includes and admin sites followed; the same path twice is one."""
    return sorted(set(_walk(get_resolver(urlconf).url_patterns, "")), key=lambda route: route.label)


def _walk(patterns: Any, before: str) -> Iterator[Route]:
    for entry in patterns:
        template = before + _template(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, template)
        elif isinstance(entry, URLPattern):
            params = tuple(part.split(")s")[0] for part in template.split("%(")[1:])
            label = template.replace("%(", "<").replace(")s", ">")
            yield Route(label, template, params, _methods(entry.callback))


def _methods(view: Any) -> tuple[str, ...]:
    cls = getattr(view, "cls", None)
    return tuple(name.upper() for name in VERBS if hasattr(cls, name))
