"""Rates from counts, and rows of bars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.rules.figures import COUNTS, HINT_RIGHT, blocks, heights, rates, share

COUNTED = st.fixed_dictionaries({key: st.integers(0, 10**6) for key in (*COUNTS, HINT_RIGHT)})


def test_rates_are_those_of_the_source():
    counts = {
        "total_invoices": 150,
        "incident_count": 23,
        "s1_count": 3,
        "s2_count": 20,
        "ocr_suspect_count": 5,
        "accept_rounding_count": 12,
        "resolved_count": 20,
        "feedback_count": 13,
        HINT_RIGHT: 9,
    }
    assert rates(counts) == {
        "mismatch_rate": 0.1533,
        "s1_rate": 0.1304,
        "s2_rate": 0.1333,
        "ocr_suspect_rate": 0.2174,
        "accept_rounding_rate": 0.08,
        "feedback_coverage": 0.65,
        "hint_accuracy_rate": 0.6923,
    }


def test_of_nothing_every_rate_is_zero():
    assert set(rates({}).values()) == {0.0}


@given(COUNTED)
def test_a_rate_is_within_zero_and_one_whatever_was_counted(counts):
    assert all(0.0 <= rate <= 1.0 for rate in rates(counts).values())


@pytest.mark.parametrize(("part", "whole", "found"), [(1, 3, 0.3333), (0, 3, 0.0), (4, 3, 1.0), (1, 0, 0.0)])
def test_share(part, whole, found):
    assert share(part, whole) == found


def test_bars_are_as_high_as_their_share_and_never_drawn_as_nothing():
    assert heights([0, 1, 50, 100], 20) == [0, 1, 10, 20]
    assert heights([1, 1000], 10) == [1, 10]
    assert heights([], 10) == []
    assert heights([0, 0], 10) == [0, 0]


def test_a_row_of_blocks_tells_something_from_nothing():
    assert blocks([0, 1, 7, 1000]) == "▁▂▂█"
    assert blocks([]) == ""
