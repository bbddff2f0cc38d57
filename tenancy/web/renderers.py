"""JSON, written by orjson."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer as RestJSONRenderer
from rest_framework.utils.encoders import JSONEncoder


class Encoder(JSONEncoder):
    """DRF's, which also writes dataclasses, as orjson does by itself."""

    def default(self, obj: Any) -> Any:
        if is_dataclass(obj) and not isinstance(obj, type):
            return {field.name: getattr(obj, field.name) for field in fields(obj)}
        return super().default(obj)


_default = Encoder().default


class JSONRenderer(RestJSONRenderer):
    """What DRF's own renderer writes, in a tenth of the time.

    What orjson refuses and JSON can hold (whole numbers beyond 64 bits, keys that are no plain text) and what is to
    be indented are left to DRF's.
    """

    encoder_class = Encoder

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None or self.get_indent(accepted_media_type or "", renderer_context or {}):
            return super().render(data, accepted_media_type, renderer_context)
        try:
            return orjson.dumps(data, default=_default, option=orjson.OPT_UTC_Z)
        except orjson.JSONEncodeError:
            return super().render(data, accepted_media_type, renderer_context)
