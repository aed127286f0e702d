"""A set of whole numbers that mostly follow each other: kept as runs, so that a log of a year costs no more than its gaps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class Slots:
    """Of `numbers`, in any order. A look takes the time of a bisection; adding and discarding that of a run's insertion."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._firsts: list[int] = []
        self._ends: list[int] = []
        """One past the last number of each run."""
        for number in sorted(numbers):
            self.add(number)

    def __contains__(self, number: int) -> bool:
        run = bisect_right(self._firsts, number) - 1
        return run >= 0 and number < self._ends[run]

    def add(self, number: int) -> None:
        """Have it in the set; nothing changes where it is there."""
        if number in self:
            return
        after = bisect_right(self._firsts, number)
        # the runs that it touches, which become one with it
        begin = after - (after > 0 and self._ends[after - 1] == number)
        end = after + (after < len(self._firsts) and self._firsts[after] == number + 1)
        self._firsts[begin:end] = [min([number, *self._firsts[begin:end]])]
        self._ends[begin:end] = [max([*self._ends[begin:end], number + 1])]

    def discard(self, number: int) -> None:
        """Have it out of the set, if it is there."""
        if number not in self:
            return
        run = bisect_right(self._firsts, number) - 1
        first, end = self._firsts[run], self._ends[run]
        left = [(begin, past) for begin, past in ((first, number), (number + 1, end)) if begin < past]
        self._firsts[run : run + 1] = [begin for begin, _ in left]
        self._ends[run : run + 1] = [past for _, past in left]
