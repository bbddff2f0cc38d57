"""orjson writes what DRF would."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer as RestJSONRenderer

from tenancy.states import Role
from tenancy.web.renderers import JSONRenderer

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.uuids(),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=3))])),
    st.timedeltas(),
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9),
    st.sampled_from(Role),
)
BODIES = st.recursive(
    LEAVES,
    lambda some: st.lists(some) | st.dictionaries(st.text(), some) | st.tuples(some, some),
    max_leaves=20,
)


@given(BODIES)
def test_it_says_the_same(body):
    if body is not None:
        assert json.loads(JSONRenderer().render(body)) == json.loads(RestJSONRenderer().render(body))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (None, b""),
        ({}, b"{}"),
        ({"a": "ğ\u2028"}, '{"a":"ğ\u2028"}'.encode()),
        (datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC), b'"2026-01-02T03:04:05.000060Z"'),
        ([UUID(int=1), date(2026, 1, 2), time(3, 4)], None),
        ({1: 2**80, Role.AGENT: gettext_lazy("open")}, b'{"1":1208925819614629174706176,"agent":"open"}'),
        (Decimal("1.50"), b"1.5"),
    ],
)
def test_examples(body, text):
    said = JSONRenderer().render(body)
    assert said == (text if text is not None else RestJSONRenderer().render(body))


def test_it_is_indented_when_asked():
    said = JSONRenderer().render({"a": 1}, "application/json; indent=2")
    assert said == b'{\n  "a": 1\n}'
