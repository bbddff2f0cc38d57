"""How long a text may be: the app's frontend/src/api/lengths.ts says what docs/openapi.yaml does."""

import re
from typing import Any

import pytest
import yaml
from django.conf import settings

from hypercare.api.search_filters import LONGEST_SEARCH

LENGTHS = (settings.BASE_DIR / "frontend" / "src" / "api" / "lengths.ts").read_text()
SAID = [
    (schema, field, int(number.replace("_", "")))
    for schema, fields in re.findall(r"(\w+): \{([^{}]*)\}", LENGTHS.split("export const lengths = {")[1])
    for field, number in re.findall(r"(\w+): ([\d_]+)", fields)
]


@pytest.fixture(scope="module")
def schemas() -> Any:
    with (settings.BASE_DIR / "docs" / "openapi.yaml").open() as file:
        return yaml.load(file, yaml.CSafeLoader)["components"]["schemas"]


@pytest.mark.parametrize(("schema", "field", "length"), SAID)
def test_a_length_of_the_app_is_the_apis(schemas: Any, schema: str, field: str, length: int) -> None:
    contract = schemas[schema]["properties"][field]
    if "maximum" in contract:
        assert length == len(str(contract["maximum"])), "digits"
    else:
        assert length == contract["maxLength"]


def test_what_is_read_here_is_all_of_it() -> None:
    assert len(SAID) == len(re.findall(r"\w+: \d", LENGTHS)) > 0


def test_an_edit_may_be_as_long_as_a_draft(schemas: Any) -> None:
    """One form writes both."""
    for schema, field, length in SAID:
        if schema == "ChangeDraftRequest":
            assert schemas["PatchedChangeEditRequest"]["properties"][field]["maxLength"] == length


def test_a_search_is_as_long_as_the_lists_take() -> None:
    (length,) = re.findall(r"LONGEST_SEARCH = (\d+)", LENGTHS)
    assert int(length) == LONGEST_SEARCH
