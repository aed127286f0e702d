"""The half-hour log of a register, of any fuel: a slot is written once, whatever the clock does; a gap is flagged, never filled.

A slot is the half hour that ends at a multiple of 30 minutes (UTC). Rows are in flash, the oldest overwritten first. What is
read from the log, and how, is the meter's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from devices.runtime.nvm import Nvm

HALF_HOUR = 1800 * 1_000_000_000
ROWS = 19_056
"""13 months."""


class RowStatus(IntFlag):
    """What a reader must know about a row."""

    CLOCK_DOUBTFUL = 0x02
    GAP = 0x80
    """Half hours before this one are missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """The register at the end of a half hour, `at` (UTC in ns)."""

    at: int
    status: RowStatus
    total: int


class ProfileLog:
    """A log in the flash of one meter, under keys that begin with `name`."""

    def __init__(self, nvm: Nvm, name: str = "log", rows: int = ROWS) -> None:
        self._nvm = nvm
        self._name = name
        self._size = rows
        self._last: int = nvm.get(f"{name}/last", 0)

    def record(self, utc: int, total: int, *, doubtful: bool = False) -> dict[str, object]:
        """What to put in flash for the slot that ended last at `utc` (ns); nothing, when that slot has its row already."""
        slot = utc // HALF_HOUR
        if slot <= self._last:
            return {}
        status = RowStatus.CLOCK_DOUBTFUL if doubtful else RowStatus(0)
        if self._last and slot > self._last + 1:
            status |= RowStatus.GAP
        self._last = slot
        return {f"{self._name}/last": slot, f"{self._name}/row/{slot % self._size}": [slot, int(status), total]}

    def rows(self) -> list[Row]:
        """All rows, oldest first."""
        stored = sorted(self._nvm.get(key) for key in self._nvm.keys(f"{self._name}/row/"))
        return [Row(slot * HALF_HOUR, RowStatus(status), total) for slot, status, total in stored]
