from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy.rules import SLUG, backoff_seconds, canonical, grant_ends_at, link_hash, personal_hash, schema_of

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)


@given(st.integers(1, 10_000), st.floats(0.001, 1e4), st.floats(0.001, 1e6), st.floats(0, 1))
def test_backoff_is_never_above_its_cap_nor_negative(attempts, base, cap, jitter):
    assert 0 <= backoff_seconds(attempts, base=base, cap=cap, jitter=jitter) <= cap


def test_backoff_doubles_until_the_cap():
    assert [backoff_seconds(n, base=5, cap=60) for n in range(1, 7)] == [5, 10, 20, 40, 60, 60]


@pytest.mark.parametrize("slug", ["acme", "a1c", "acme-holding", "a" + "b" * 39])
def test_a_slug_that_is_a_host_label_is_taken(slug):
    assert SLUG.match(slug)


@pytest.mark.parametrize(
    "slug", ["", "a", "ab", "1acme", "Acme", "acme_", "-acme", "acme-", "a" * 41, "a b", "ığ", "acme\n"]
)
def test_other_slugs_are_not(slug):
    assert not SLUG.fullmatch(slug)


def test_schema_of_a_slug():
    assert schema_of("acme-holding") == "t_acme_holding"


@pytest.mark.parametrize("minutes", [0, -1, 61])
def test_a_grant_of_nothing_or_of_too_much_has_no_end(minutes):
    assert grant_ends_at(NOW, minutes, maximum=60) is None


def test_a_grant_ends_after_its_minutes():
    assert grant_ends_at(NOW, 60, maximum=60) == NOW + timedelta(hours=1)


WORDS = st.text("abcğİ", max_size=5)


@given(st.dictionaries(WORDS, st.one_of(st.integers(), WORDS, st.booleans(), st.none())))
def test_canonical_json_does_not_depend_on_order(value):
    assert canonical(value) == canonical(dict(reversed(value.items())))


def test_a_link_depends_on_key_place_and_body():
    link = link_hash(b"k", previous="p", body={"a": 1})
    assert link == link_hash(b"k", previous="p", body={"a": 1})
    others = {
        link_hash(b"K", previous="p", body={"a": 1}),
        link_hash(b"k", previous="q", body={"a": 1}),
        link_hash(b"k", previous="p", body={"a": 2}),
    }
    assert len(others | {link}) == 4


def test_the_personal_part_is_salted():
    assert personal_hash("s1", {"n": "Ayşe"}) != personal_hash("s2", {"n": "Ayşe"})
