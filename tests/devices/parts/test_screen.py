"""Text cells: fixed width, known or said not to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.parts import screen
from devices.parts.screen import COLUMNS, NO_VALUE, STALE

S = 1_000_000_000
HOUR = 3600 * S


@pytest.mark.parametrize(
    ("value", "multiplier", "divisor", "unit", "expected"),
    [
        (432, 1, 1000, 0, "0.432 kWh"),
        (0, 1, 1000, 1, "0.000 m3"),
        (5, 10, 1, 0, "50.000 kWh"),
        (None, 1, 1000, 0, STALE),
        (432, 1, 0, 0, NO_VALUE),
        (432, 0, 1000, 0, NO_VALUE),
        (432, 1, 1000, 0x0C, NO_VALUE),
    ],
)
def test_amounts(value, multiplier, divisor, unit, expected):
    assert screen.amount(value, multiplier, divisor, unit) == expected


@given(st.text(max_size=30), st.integers(-(2**47), 2**48), st.integers(0, 2**24), st.integers(0, 2**24), st.integers(0, 255))
def test_a_line_is_as_wide_as_the_screen_and_its_value_whole(label, value, multiplier, divisor, unit):
    amount = screen.amount(value, multiplier, divisor, unit)
    line = screen.line(label, amount)
    assert len(line) == COLUMNS
    assert line.endswith(amount if len(amount) <= COLUMNS else NO_VALUE)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 255), st.integers(0, 65_535))
def test_money_never_fails(value, scaling, currency):
    assert len(screen.line("  balance", screen.money(value, scaling, currency))) == COLUMNS


@pytest.mark.parametrize(
    ("since", "utc", "expected"),
    [
        (0, 59 * S, "0 min ago"),
        (0, 119 * 60 * S, "119 min ago"),
        (0, 2 * HOUR, "2 h ago"),
        (0, 50 * HOUR, "2 days ago"),
        (HOUR, 0, "0 min ago"),
        (None, HOUR, "age unknown"),
        (0, None, "age unknown"),
    ],
)
def test_ages(since, utc, expected):
    assert screen.ago(since, utc) == expected


def test_the_clock():
    assert screen.clock_line(1_768_401_120 * S) == "Wed 14 Jan 2026    14:32"
    assert screen.clock_line(None).strip() == "--:--"


@given(st.text(max_size=116), st.integers(0, 10**12))
def test_a_page_fits_its_line(text, now):
    assert len(screen.page(text, now)) <= COLUMNS
