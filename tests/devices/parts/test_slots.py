"""A set of slots is a set, and small where they follow each other."""

from __future__ import annotations

import sys
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from devices.parts.slots import Slots

NUMBERS = st.integers(0, 24)


@given(st.lists(NUMBERS), st.lists(st.tuples(st.booleans(), NUMBERS)))
def test_it_has_what_a_set_has(numbers: list[int], steps: list[tuple[bool, int]]) -> None:
    slots, expected = Slots(numbers), set(numbers)
    for adding, number in steps:
        (slots.add if adding else slots.discard)(number)
        (expected.add if adding else expected.discard)(number)
        assert [number for number in range(-1, 26) if number in slots] == sorted(expected)
    assert len(slots._firsts) == len(expected) - sum(b - a == 1 for a, b in pairwise(sorted(expected)))


def test_a_year_without_a_gap_is_one_run() -> None:
    slots = Slots()
    for number in range(982_417, 982_417 + 19_056):
        slots.add(number)
    assert sys.getsizeof(slots._firsts) < 200
    assert 982_416 not in slots
    assert 982_417 + 19_055 in slots
    assert 982_417 + 19_056 not in slots
