"""A secret that a verb made, shown once: on the page that answers."""

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers

from tenancy.actors import Actor
from tenancy.web.admin import Made, ModelAdmin, Verb


@dataclass(frozen=True, slots=True)
class Shown(Made):
    """A verb made a secret: the page that answers shows it, and nothing keeps it."""

    secret: str = ""
    note: str = ""
    intro: str = ""


class ShowsSecrets(ModelAdmin):
    """Verbs that give a Shown are answered with its secret."""

    def _ask(self, verb: Verb, request: HttpRequest, *, row: Any, actor: Actor) -> HttpResponse:
        """A secret goes onto the page that answers: neither a message nor a cookie carries it."""
        told: list[object] = []

        def call(*args: Any, **kwargs: Any) -> Any:
            told.append(verb.call(*args, **kwargs))
            return told[0]

        answer = super()._ask(replace(verb, call=call), request, row=row, actor=actor)
        return self._show(request, verb, told[0]) if told and isinstance(told[0], Shown) else answer

    def _show(self, request: HttpRequest, verb: Verb, shown: Shown) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": verb.label,
            "subtitle": str(shown.row),
            "secret": shown.secret,
            "overlap": shown.note,
            "intro": shown.intro,
            "next": self._home(shown.row),
        }
        answer = TemplateResponse(request, "console/secret.html", context)
        add_never_cache_headers(answer)
        return answer
