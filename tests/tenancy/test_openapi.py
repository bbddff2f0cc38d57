"""What the schema says of every operation is what the conventions are."""

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.mixins import ListModelMixin

from tenancy.web.etags import Versioned
from tenancy.web.exports import Exported
from tenancy.web.idempotency import Idempotent


@pytest.fixture(scope="module")
def generator() -> SchemaGenerator:
    return SchemaGenerator()


@pytest.fixture(scope="module")
def schema(generator: SchemaGenerator) -> Any:
    return generator.get_schema(request=None, public=True)


@pytest.fixture(scope="module")
def operations(schema: Any, generator: SchemaGenerator) -> list[tuple[str, Any, Any]]:
    views = {(path, method.lower()): call.cls for path, _regex, method, call in generator.endpoints}
    return [
        (method, operation, views[path, method])
        for path, each in schema["paths"].items()
        for method, operation in each.items()
    ]


def resolved(schema: Any, part: Any) -> Any:
    while "$ref" in part:
        _hash, _components, kind, name = part["$ref"].split("/")
        part = schema["components"][kind][name]
    return part


def parameters(schema: Any, operation: Any) -> set[str]:
    return {resolved(schema, each)["name"] for each in operation.get("parameters", [])}


def test_every_operation_can_be_refused_and_throttled(schema: Any, operations: Any) -> None:
    assert len(operations) > 40
    for _method, operation, _view in operations:
        assert {"429", "default"} <= set(operation["responses"])
        for answer in operation["responses"].values():
            assert {"RateLimit", "RateLimit-Policy"} <= set(resolved(schema, answer)["headers"])
        assert "Retry-After" in resolved(schema, operation["responses"]["429"])["headers"]


def test_every_reference_leads_somewhere(schema: Any) -> None:
    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                resolved(schema, part)
            for each in part.values():
                walk(each)
        elif isinstance(part, list):
            for each in part:
                walk(each)

    walk(schema)


def test_posts_take_a_key_and_edits_a_version(schema: Any, operations: Any) -> None:
    edits = reads = 0
    for method, operation, view in operations:
        taken = parameters(schema, operation)
        assert ("Idempotency-Key" in taken) == (method == "post" and issubclass(view, Idempotent))
        versioned = issubclass(view, Versioned) and not (method == "get" and issubclass(view, ListModelMixin))
        is_edit, is_read = versioned and method in ("put", "patch"), versioned and method == "get"
        assert ("If-Match" in taken) == ({"412", "428"} <= set(operation["responses"])) == is_edit
        assert ("If-None-Match" in taken) == ("304" in operation["responses"]) == is_read
        edits, reads = edits + is_edit, reads + is_read
    assert edits
    assert reads


def test_lists_say_how_they_are_asked(schema: Any, operations: Any) -> None:
    files = 0
    for method, operation, view in operations:
        if method != "get" or not issubclass(view, ListModelMixin):
            continue
        taken = parameters(schema, operation)
        assert {"page_size", "cursor"} <= taken
        assert ("ordering" in taken) == bool(getattr(view, "orderings", None))
        kinds = set(operation["responses"]["200"]["content"])
        assert ("format" in taken) == (len(kinds) == 3)
        assert (len(kinds) == 3) == issubclass(view, Exported)
        if len(kinds) == 3:
            files += 1
            assert operation["responses"]["200"]["content"]["text/csv"]["schema"] == {"type": "string"}
    assert files
