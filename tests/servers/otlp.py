"""A collector of OpenTelemetry: takes traces over HTTP as protobuf, and decodes them."""

import gzip
from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.servers.base import HttpServer, Reply


class OtlpServer(HttpServer):
    """`spans` is what came, each a mapping with its attributes and those of its resource."""

    name = "otlp"

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if path != "/v1/traces":
            return Reply(404)
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        given = ExportTraceServiceRequest.FromString(body)
        return Reply(
            200,
            ExportTraceServiceResponse().SerializeToString(),
            {"Content-Type": "application/x-protobuf"},
            record={"spans": list(_spans(given))},
        )

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [span for record in self.records for span in record["spans"]]


def _spans(given: ExportTraceServiceRequest) -> Iterator[dict[str, Any]]:
    for of_resource in given.resource_spans:
        resource = _plain(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield {
                    "name": span.name,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "kind": span.kind,
                    "status": span.status.code,
                    "said": span.status.message,
                    "events": [event.name for event in span.events],
                    "attributes": _plain(span.attributes),
                    "resource": resource,
                }


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
