"""JSON as it may come in."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from tenancy.errors import Invalid


class StrictJSONParser(BaseParser):
    """JSON in UTF-8 that PostgreSQL can hold: no NUL, no half of a surrogate pair, no endless numbers.

    Raises RequestDataTooBig beyond DATA_UPLOAD_MAX_MEMORY_SIZE without reading more, ParseError (`malformed`), Invalid
    naming the fields with such characters.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(most + 1)
        if len(body) > most:
            raise RequestDataTooBig
        try:
            value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error
        except ValueError as error:
            raise ParseError(_("This is not JSON: %(why)s") % {"why": error}) from error
        faults = _unstorable(value)
        if faults:
            raise Invalid(_("Some characters cannot be stored."), code="unstorable", fields=faults)
        return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _unstorable(value: Any) -> dict[str, list[object]]:
    """Fields of `value`, as `a.b[0]`, that hold what no column can."""
    faults: dict[str, list[object]] = {}
    waiting = [("", value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, dict):
            for key in item:
                if not _storable(key):
                    faults[path] = [_("A field's name has a character that cannot be stored.")]
            waiting += [(f"{path}.{key}" if path else key, inner) for key, inner in item.items()]
        elif isinstance(item, list):
            waiting += [(f"{path}[{index}]", inner) for index, inner in enumerate(item)]
        elif isinstance(item, str) and not _storable(item):
            faults[path] = [_("NUL and halves of surrogate pairs cannot be stored.")]
        elif isinstance(item, float) and not math.isfinite(item):
            faults[path] = [_("This number is too large.")]
    return faults


def _storable(text: str) -> bool:
    if text.isascii():
        return "\0" not in text
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)
