"""A log of registers at the ends of periods, of any fuel: each slot is written at most once, a gap is flagged and never filled.

A slot is the period (a half hour, a day) that ends at a multiple of its length (UTC). Rows are in flash in the order in which they
were captured, the oldest overwritten first. A clock that was set back meets slots that have their row: they keep it, and
the log goes on with the first slot that has none. What is read from the log, and how, is the meter's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from devices.parts.slots import Slots
from devices.runtime.nvm import Nvm

HALF_HOUR = 1800 * 1_000_000_000
ROWS = 19_056
"""13 months of half hours."""


class RowStatus(IntFlag):
    """What a reader must know about a row."""

    CLOCK_DOUBTFUL = 0x02
    POWER_FAILED = 0x04
    """The supply failed since the row before."""
    GAP = 0x80
    """The slot before this one is missing, or is not the row before."""


@dataclass(frozen=True, slots=True)
class Row:
    """The registers at the end of a period, `at` (UTC in ns)."""

    at: int
    status: RowStatus
    totals: tuple[int, ...]

    @property
    def total(self) -> int:
        """The first register."""
        return self.totals[0]


class ProfileLog:
    """A log in the flash of one meter, under keys that begin with `name`. `period` in ns."""

    def __init__(self, nvm: Nvm, name: str = "log", rows: int = ROWS, period: int = HALF_HOUR) -> None:
        self._nvm = nvm
        self._name = name
        self._size = rows
        self._period = period
        self._next: int = nvm.get(f"{name}/next", 0)
        self._kept = Slots(nvm.get(key)[0] for key in nvm.keys(f"{name}/row/"))
        last = self.last
        self._previous = None if last is None else last.at // period

    def record(self, utc: int, *totals: int, doubtful: bool = False, failed: bool = False) -> dict[str, object]:
        """What to put in flash for the slot that ended last at `utc` (ns); nothing, when that slot has its row already."""
        slot = utc // self._period
        if slot in self._kept:
            return {}
        status = RowStatus.CLOCK_DOUBTFUL if doubtful else RowStatus(0)
        if failed:
            status |= RowStatus.POWER_FAILED
        if self._previous is not None and slot != self._previous + 1:
            status |= RowStatus.GAP
        key = self._key(self._next)
        overwritten = self._nvm.get(key)
        if overwritten is not None:
            self._kept.discard(overwritten[0])
        self._kept.add(slot)
        self._previous = slot
        self._next += 1
        return {f"{self._name}/next": self._next, key: [slot, int(status), *totals]}

    def rows(self, most: int | None = None) -> list[Row]:
        """The rows in flash, or the last `most` of them, in the order of capture."""
        newest: int = self._nvm.get(f"{self._name}/next", 0)
        size = self._size if most is None else min(most, self._size)
        return [self._row(number) for number in range(max(0, newest - size), newest)]

    def at(self, utc: int) -> Row | None:
        """The row of the period that ended then (ns), None where there is none. Quick where the log has no gaps, or few."""
        slot, last = utc // self._period, self.last
        if slot not in self._kept or last is None:
            return None
        newest: int = self._nvm.get(f"{self._name}/next", 0)
        oldest = max(0, newest - self._size)
        guess = min(max(newest - 1 - (last.at // self._period - slot), oldest), newest - 1)  # or later, by as much as is missing
        for number in (*range(guess, newest), *range(oldest, guess)):
            if self._nvm.get(self._key(number))[0] == slot:
                return self._row(number)
        return None

    @property
    def first(self) -> Row | None:
        """The row captured first of those that are kept."""
        newest: int = self._nvm.get(f"{self._name}/next", 0)
        return self._row(max(0, newest - self._size)) if newest else None

    @property
    def last(self) -> Row | None:
        """The row captured last."""
        newest: int = self._nvm.get(f"{self._name}/next", 0)
        return self._row(newest - 1) if newest else None

    def _key(self, number: int) -> str:
        return f"{self._name}/row/{number % self._size}"

    def _row(self, number: int) -> Row:
        slot, status, *totals = self._nvm.get(self._key(number))
        return Row(slot * self._period, RowStatus(status), tuple(totals))
