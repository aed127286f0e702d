"""What a meter counts by tier and by block of the tariff in force, beside its register: litres of gas, watt-hours of import.

Each reading's amount goes to the tier that has held since the reading before, as one is taken whenever the tier changes; within a
block period it goes to the blocks that it fills, to the unit. All of it is in the register's own record of flash. The first tier
has what no other has: the tiers come to the register, whatever happens. Where tier, period or thresholds are not known, the first
tier counts and no block. Not here: who says what holds (`published_split`, a calendar), prices.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from protocols.zigbee.price.tariff import WHOLE

if TYPE_CHECKING:
    from devices.runtime.nvm import Nvm

BLOCKS: Final = 4
"""That GB's meters have."""


class Split:
    """Of one register: `shown()` is what it showed last, `read()` has a reading taken, and `counted` hears of each before it is
    shown. Under `key` in flash. `cells`: each block is counted for each tier, too."""

    def __init__(
        self, nvm: Nvm, key: str, tiers: int, shown: Callable[[], int], read: Callable[[], object], *, cells: bool = False
    ) -> None:
        self._nvm = nvm
        self._key = key
        self._shown = shown
        self._read = read
        kept: dict[str, Any] = nvm.get(key, {})
        self._tiers: list[int] = list(kept.get("tiers", [0] * (tiers - 1)))
        self._blocks: list[int] = list(kept.get("blocks", [0] * BLOCKS))
        self._cells: dict[str, int] | None = dict(kept.get("cells", {})) if cells else None
        self.held: int = kept.get("tier", 1)
        """The tier that counts."""
        self.period: int | None = kept.get("period")
        """Which block period it is: when it began, or None."""
        self._base: list[int] = list(kept.get("base", []))
        self._limits: tuple[int, ...] | None = None
        self._of = WHOLE
        """Whose consumption fills the blocks."""

    def tier(self, number: int) -> int:
        """What is in a tier, as the last reading has it."""
        return self._in_tier(number, self._shown())

    def block(self, number: int) -> int:
        """Likewise in a block."""
        return self._blocks[number - 1]

    def cell(self, tier: int, block: int) -> int:
        """Likewise in a block of a tier."""
        return 0 if self._cells is None else self._cells.get(f"{tier}.{block}", 0)

    @property
    def cells(self) -> dict[tuple[int, int], int]:
        """All that have anything: (tier, block) to what is in it."""
        named = ((name.partition("."), used) for name, used in (self._cells or {}).items())
        return {(int(tier), int(block)): used for (tier, _, block), used in named}

    @property
    def used_tiers(self) -> int:
        """The last tier that has anything, or counts."""
        return max(self.held, *(number for number, used in enumerate(self._tiers, 2) if used), 1)

    def used(self, tier: int) -> int | None:
        """What was used since the block period began: in all tiers (WHOLE), or in one. None: there is no period."""
        return self._since(tier, self._shown()) if self._base else None

    @property
    def in_block(self) -> int:
        """The block that counts; 0: none."""
        if self._limits is None or not self._base:
            return 0
        used = self._since(self._of, self._shown())
        return 1 + sum(used >= limit for limit in self._limits)

    def counted(self, total: int) -> dict[str, object]:
        """What goes into flash with a reading that shows `total`."""
        used = total - self._shown()
        if not used:
            return {}
        if self._limits is not None and self._base:
            before = self._since(self._of, self._shown())
            edges = pairwise((0, *self._limits, max(before + used, self._limits[-1])))
            for block, (first, last) in enumerate(edges):
                self._fill(block, max(0, min(before + used, last) - max(before, first)))
        if self.held > 1:
            self._tiers[self.held - 2] += used
        return {self._key: self._plain()}

    def hold(self, tier: int, period: int | None, limits: tuple[int, ...] | None, of: int = WHOLE) -> bool:
        """From now on this holds: up to how much each block but the last goes (`limits`; None: no blocks), filled by the
        consumption `of` a tier or of all. Whatever flowed until now belongs to what held. Whether anything is otherwise."""
        if (tier, period, limits) == (self.held, self.period, self._limits):
            return False
        self._read()
        self.held, self._limits, self._of = tier, limits, of
        if period != self.period:
            self.period, self._base = period, [] if period is None else [self._shown(), *self._tiers]
        self._nvm.put({self._key: self._plain()})
        return True

    def _fill(self, block: int, amount: int) -> None:
        self._blocks[block] += amount
        if self._cells is not None and amount:
            name = f"{self.held}.{block + 1}"
            self._cells[name] = self._cells.get(name, 0) + amount

    def _in_tier(self, number: int, total: int) -> int:
        return total - sum(self._tiers) if number == 1 else self._tiers[number - 2]

    def _since(self, tier: int, total: int) -> int:
        """What was used since the block period began, where the register shows `total`."""
        if tier == WHOLE:
            return total - self._base[0]
        return self._in_tier(tier, total) - (self._base[0] - sum(self._base[1:]) if tier == 1 else self._base[tier - 1])

    def _plain(self) -> dict[str, object]:
        plain: dict[str, object] = {
            "tiers": list(self._tiers), "blocks": list(self._blocks), "tier": self.held, "period": self.period,
            "base": list(self._base),
        }  # fmt: skip
        return plain if self._cells is None else {**plain, "cells": dict(self._cells)}
