"""Rows of a profile, against a list that does the same the slow way."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.cosem.buffer import Ranking, Ring

keys = st.lists(st.integers(0, 20), max_size=40)


def contents(buffer: Ring | Ranking) -> list[bytes]:
    return [buffer.row(position) for position in range(len(buffer))]


@given(keys, st.integers(0, 8), st.integers(-1, 21), st.integers(-1, 21), st.booleans())
def test_a_ring_is_the_end_of_a_list(captured: Sequence[int], capacity: int, low: int, high: int, newest_first: bool) -> None:
    ring = Ring(capacity, newest_first=newest_first)
    for number, key in enumerate(captured):
        ring.append(b"%d" % number, key)
    expected = list(enumerate(captured))[len(captured) - min(capacity, len(captured)) :]
    if newest_first:
        expected.reverse()
    assert contents(ring) == [b"%d" % number for number, _ in expected]
    found = [ring.row(position) for position in ring.between(low, high)]
    assert found == [b"%d" % number for number, key in expected if low <= key <= high]


def test_a_range_of_a_year_of_half_hours_looks_at_few_rows() -> None:
    class Counted(Ring):
        looked_at = 0

        def _key(self, age: int) -> int:
            self.looked_at += 1
            return super()._key(age)

    ring = Counted(19_056)
    for number in range(20_000):
        ring.append(b"", number)
    ring.looked_at = 0
    assert len(ring.between(10_000, 10_095)) == 96
    assert ring.looked_at < 40


@given(keys, st.integers(0, 8))
def test_a_ranking_keeps_the_lowest(ranks: Sequence[int], capacity: int) -> None:
    ranking = Ranking(capacity)
    for number, rank in enumerate(ranks):
        ranking.append(b"%d" % number, number, rank)
    expected = [number for number, _ in sorted(enumerate(ranks), key=lambda pair: pair[1])][:capacity]
    assert contents(ranking) == [b"%d" % number for number in expected]
    assert [ranking.row(position) for position in ranking.between(2, 5)] == [
        b"%d" % number for number in expected if 2 <= number <= 5
    ]


@pytest.mark.parametrize("buffer", [Ring(3), Ranking(3)], ids=["ring", "ranking"])
def test_cleared(buffer: Ring | Ranking) -> None:
    for number in range(5):
        buffer.append(b"x", number)
    buffer.clear()
    assert len(buffer) == 0
    buffer.append(b"y", 0)
    assert contents(buffer) == [b"y"]
