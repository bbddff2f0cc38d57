"""ETag, If-Match and If-None-Match: nobody overwrites what they have not seen, and nobody is sent it twice.

An ETag is `"<version>.<digest>"`. The version is the row's and counts what people changed; the digest is that of the
answer, which also changes by itself (a clock breaches) and differs between readers. If-Match asks for the version
alone, so that a clock that ran on refuses nobody's edit, and takes plain `"<version>"` too. If-None-Match asks for
the whole tag.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Protocol

from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.errors import InvalidHeader, Stale

IF_MATCH = "If-Match"
IF_NONE_MATCH = "If-None-Match"
ANY = "*"
_TAG = r'(?:W/)?"[!\x23-\x7e\x80-\xff]*"'  # RFC 9110, 8.8.3
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_VERSION = re.compile(r'"([1-9][0-9]{0,9})(?:\.[0-9a-f]+)?"', re.ASCII)
_DIGEST = 12  # not tunable: hex digits of an ETag


class HasVersion(Protocol):
    """A row that counts its changes."""

    version: int


class IfMatchRequired(exceptions.APIException):
    """A browser's PUT or PATCH does not say which version it changes: 428."""

    status_code = HTTPStatus.PRECONDITION_REQUIRED
    default_code = "if_match_required"
    default_detail = _("Say with If-Match which version you change: the ETag of what you read.")


class Versioned(APIView):
    """A view of one row with `version`: ETag on its answers, If-Match on PUT and PATCH, 304 on GET.

    A view says two things: `row()` reads the row anew and raises Http404 where the caller sees none; `shown(row)` is
    the row as the caller may see it. Then, for a view whose GET is written by hand:

        def get(self, request, ...):
            return self.answer(self.row())

        def patch(self, request, ...):
            row = self.row()
            changed = services.change(row=row, version=self.version_wanted(row), ...)
            return self.answer(changed)

    The service compares `version` under the row's lock and raises Stale, which is answered with 412, the row's
    version, its ETag and the row as it is now (`current`). A session's PUT or PATCH without If-Match is a 428; a
    token may leave it out, and then `version_wanted` is None. Answers to a POST that show the row go through
    `answer` too.
    """

    needs_if_match: ClassVar[frozenset[str]] = frozenset({"PUT", "PATCH"})

    def row(self) -> Any:
        """The row as it is now. Raises Http404."""
        raise NotImplementedError

    def shown(self, row: Any) -> Mapping[str, Any]:
        """`row` as the caller may see it."""
        raise NotImplementedError

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        by_session = request.auth is None
        if request.method in self.needs_if_match and by_session and IF_MATCH not in request.headers:
            raise IfMatchRequired

    def version_wanted(self, row: HasVersion) -> int | None:
        """The version that the caller changes, None for whichever. Raises Stale, InvalidHeader."""
        return version_wanted(self.request, row.version)

    def answer(
        self, row: HasVersion, *, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
    ) -> Response:
        """The row with its ETag; 304 for a GET of what the caller has. Raises InvalidHeader."""
        body = self.shown(row)
        tag = etag(row.version, body)
        every = {**(headers or {}), "ETag": tag}
        if self.request.method in ("GET", "HEAD") and is_known(self.request, tag):
            return Response(status=HTTPStatus.NOT_MODIFIED, headers=every)
        return Response(body, status=status, headers=every)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Stale):
            try:
                row = self.row()
                exc = Stale(exc.message, version=row.version, current=self.shown(row))
            except Http404 as gone:
                exc = gone
        return super().handle_exception(exc)


def etag(version: int, body: Mapping[str, Any]) -> str:
    """The tag of an answer that shows `body`."""
    text = json.dumps(body, cls=DjangoJSONEncoder, sort_keys=True)
    return f'"{version}.{hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]}"'


def version_wanted(request: Request, version: int) -> int | None:
    """What If-Match asks of a row that is at `version`: that version, or None without the header and for `*`.

    Several tags: one of them is enough. A weak tag matches nothing. Raises Stale when none matches, InvalidHeader
    when the header cannot be read.
    """
    tags = _tags(request, IF_MATCH)
    if tags is None or ANY in tags:
        return None
    if any((match := _VERSION.fullmatch(tag)) and int(match[1]) == version for tag in tags):
        return version
    raise Stale(_("Somebody changed this since you read it."), version=version)


def is_known(request: Request, tag: str) -> bool:
    """Whether If-None-Match names `tag`, weakly or not. Raises InvalidHeader when it cannot be read."""
    tags = _tags(request, IF_NONE_MATCH)
    return tags is not None and (ANY in tags or tag in (each.removeprefix("W/") for each in tags))


def _tags(request: Request, header: str) -> list[str] | None:
    given = request.headers.get(header)
    if given is None:
        return None
    if given.strip(" \t") == ANY:
        return [ANY]
    if not _TAGS.fullmatch(given):
        text = _('The header takes * or ETags in double quotes, such as "3", with commas between.')
        raise InvalidHeader(text, code="malformed_header", fields={header: [text]})
    return re.findall(_TAG, given)
