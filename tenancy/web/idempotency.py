"""The header Idempotency-Key: a POST that is sent again is answered again, and done once."""

import hashlib
import json
import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.actors import Actor
from tenancy.errors import InvalidHeader
from tenancy.models import KeptAnswer
from tenancy.services import idempotency
from tenancy.transactions import atomic
from tenancy.web.authentication import actor_of

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_PATTERN = "[\\x21-\\x7e]{1,255}"
_KEY = re.compile(KEY_PATTERN)
_KEPT_HEADERS = ("Content-Type", "Location", "ETag")


class Idempotent(APIView):
    """A view whose POST honours the header. Without the header nothing is different.

    With it, the work and its answer are one transaction; a refusal rolls both back, so the key is free again.
    Authentication, permission and all else in `initial` come first, also before a stored answer is given.
    Answers are stored as they are: not for a view that answers with a secret.
    """

    post: Callable[..., Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and HEADER in request.headers:
            self.post = partial(self._once, self.post)

    def _once(self, work: Callable[..., Any], request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        actor, key = actor_of(request), _key_of(request)
        digest = _digest(request, actor)
        try:
            with atomic():
                record = idempotency.claim(key=key, digest=digest, by=actor, now=timezone.now())
                if record.status is not None:
                    return _again(record)
                answer = self.finalize_response(request, work(request, *args, **kwargs), *args, **kwargs)
                answer.render()
                if answer.status_code >= HTTPStatus.BAD_REQUEST:
                    raise _Refused(answer)
                headers = {name: answer[name] for name in _KEPT_HEADERS if name in answer}
                body = answer.content.decode()
                idempotency.keep(record, status=answer.status_code, headers=headers, body=body)
                return answer
        except _Refused as refused:
            return refused.answer


class _Refused(Exception):
    """A view answered with a refusal instead of raising one: undoes the transaction."""

    def __init__(self, answer: Response):
        super().__init__(answer.status_code)
        self.answer = answer


def _key_of(request: Request) -> str:
    key: str = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        text = _("The header Idempotency-Key takes 1 to 255 visible ASCII characters.")
        raise InvalidHeader(text, code="idempotency_key_malformed", fields={HEADER: [text]})
    return key


def _digest(request: Request, actor: Actor) -> str:
    """What makes two requests the same: method, address, body whatever its spacing and order, and the actor's role,
    which decides what an answer shows. Raises what reading the body raises."""
    same = [request.method, request.get_full_path(), request.data, actor.role]
    canonical = json.dumps(same, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _again(record: KeptAnswer) -> HttpResponse:
    answer = HttpResponse(record.body, status=record.status, headers={**record.headers, REPLAYED: "true"})
    if "Content-Type" not in record.headers:
        del answer["Content-Type"]  # Django's default, for an answer that had no content
    return answer
