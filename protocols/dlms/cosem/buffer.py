"""The rows of a profile: bounded, found by time without looking at the others.

Rows are kept as the octets they are answered with, beside an integer key (their instant). A `Ring` keeps the order of
capture; a `Ranking` keeps the rows that rank first, for profiles sorted by a value. Positions count from 0 in the order
in which the profile is read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


class Ring:
    """The last `capacity` rows. `newest_first` reverses the order of reading."""

    def __init__(self, capacity: int, *, newest_first: bool = False) -> None:
        self.capacity = capacity
        self.newest_first = newest_first
        self.clear()

    def clear(self) -> None:
        """Forget every row."""
        self._rows: list[bytes] = []
        self._keys: list[int] = []
        self._first = 0
        # Neighbours whose keys run backwards: a clock was set back. Only then is a search a scan.
        self._inversions = 0

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, row: bytes, key: int, rank: float = 0) -> None:
        """Add a row; the oldest leaves a full ring."""
        size = len(self._rows)
        full = size == self.capacity
        if full and size > 1:
            self._inversions -= self._key(1) < self._key(0)
        if size > full:
            self._inversions += key < self._key(size - 1)
        if not full:
            self._rows.append(row)
            self._keys.append(key)
        elif size:
            self._rows[self._first] = row
            self._keys[self._first] = key
            self._first = (self._first + 1) % size

    def row(self, position: int) -> bytes:
        """The row at a position of the reading order."""
        age = len(self._rows) - 1 - position if self.newest_first else position
        return self._rows[(self._first + age) % len(self._rows)]

    def between(self, low: float, high: float) -> Sequence[int]:
        """The positions, in reading order, of rows whose key is in low..high."""
        size = len(self._rows)
        if self._inversions:
            ages: Sequence[int] = [age for age in range(size) if low <= self._key(age) <= high]
        else:
            start = bisect_left(range(size), low, key=self._key)
            ages = range(start, max(start, bisect_right(range(size), high, key=self._key)))
        return [size - 1 - age for age in reversed(ages)] if self.newest_first else ages

    def _key(self, age: int) -> int:
        return self._keys[(self._first + age) % len(self._keys)]


class Ranking:
    """The `capacity` rows of lowest rank, lowest first; equal ranks stay in order of capture."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Forget every row."""
        self._rows: list[tuple[bytes, int]] = []
        self._ranks: list[float] = []

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, row: bytes, key: int, rank: float = 0) -> None:
        """Add a row at its rank; the last one leaves a full ranking."""
        position = bisect_right(self._ranks, rank)
        self._ranks.insert(position, rank)
        self._rows.insert(position, (row, key))
        del self._ranks[self.capacity :], self._rows[self.capacity :]

    def row(self, position: int) -> bytes:
        """The row at a position."""
        return self._rows[position][0]

    def between(self, low: float, high: float) -> Sequence[int]:
        """The positions of rows whose key is in low..high. A scan: such profiles are short."""
        return [position for position, (_, key) in enumerate(self._rows) if low <= key <= high]
