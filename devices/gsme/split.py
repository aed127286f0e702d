"""Litres by tier and by block of the tariff in force: what the gas meter counts once a tariff of several rates is published.

Each reading's litres go to the tier that has held since the reading before, as one is taken whenever the tier changes; within a
block period they go to the blocks that they fill, to the litre. Both are in the register's own record of flash. The first tier has
what no other has: the tiers come to the register, whatever happens. Where tier, period or thresholds are not known, the first
tier counts and no block. Not here: the registers of a block within a tier; prices (`rates`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from protocols.zigbee.clusters.metering import Unit
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.price.tariff import WHOLE, Tariff, tariff

if TYPE_CHECKING:
    from devices.gsme.rates import Rates
    from devices.gsme.register import Register
    from devices.runtime.firmware import Firmware
    from devices.runtime.kernel import Timer
    from protocols.zigbee.publication.store import Store

KEY: Final = "gas/split"
TIERS: Final = 4
BLOCKS: Final = 4
"""That GB's meters have."""
S: Final = 1_000_000_000
_LITRES: Final = 1000
_BY_TIER: Final = (1, 2)
"""Tier block modes in which each tier has consumption of its own."""


def several(store: Store) -> bool:
    """Whether a tariff with more than one rate is known, in force or to come."""
    known = (entry.first for entry in store.entries(Price.PublishTariffInformation))
    return any(
        each.number_of_price_tiers_in_use > 1 or each.number_of_block_thresholds_in_use
        for each in known
        if isinstance(each, Price.PublishTariffInformation)
    )


class Split:
    """Of one register. `read`: has a reading taken."""

    def __init__(self, firmware: Firmware, rates: Rates, register: Register, read: Callable[[], object]) -> None:
        self._firmware = firmware
        self._rates = rates
        self._register = register
        self._read = read
        self._timer: Timer | None = None
        board = firmware.board
        kept: dict[str, Any] = board.nvm.get(KEY, {})
        self._tiers: list[int] = list(kept.get("tiers", [0] * (TIERS - 1)))
        self._blocks: list[int] = list(kept.get("blocks", [0] * BLOCKS))
        self._tier: int = kept.get("tier", 1)
        self._period: int | None = kept.get("period")
        self._base: list[int] = list(kept.get("base", []))
        self._limits: tuple[int, ...] | None = None
        self._of = WHOLE
        """Whose consumption fills the blocks."""
        register.beside = self._counted
        board.rtc.on_set.append(self.look)
        self.look()

    def tier(self, number: int) -> int:
        """Litres in a tier, as the last reading has it."""
        return self._in_tier(number, self._register.reading.litres)

    def block(self, number: int) -> int:
        """Likewise in a block."""
        return self._blocks[number - 1]

    def used(self, tier: int) -> Fraction | None:
        """Consumption since the block period began, in the tariff's unit: in all tiers, or in one."""
        litres = self._litres()
        return None if not self._base or litres is None else Fraction(self._since(tier, self._register.reading.litres)) / litres

    # --- counting ---

    def _in_tier(self, number: int, total: int) -> int:
        return total - sum(self._tiers) if number == 1 else self._tiers[number - 2]

    def _since(self, tier: int, total: int) -> int:
        """Litres since the block period began, where the register shows `total`."""
        if tier == WHOLE:
            return total - self._base[0]
        return self._in_tier(tier, total) - (self._base[0] - sum(self._base[1:]) if tier == 1 else self._base[tier - 1])

    def _counted(self, total: int) -> dict[str, object]:
        """What goes into flash with a reading that shows `total`."""
        used = total - self._register.reading.litres
        if not used:
            return {}
        if self._limits is not None:
            before = self._since(self._of, self._register.reading.litres)
            for block, (first, last) in enumerate(pairwise((0, *self._limits, max(before + used, self._limits[-1])))):
                self._blocks[block] += max(0, min(before + used, last) - max(before, first))
        if self._tier > 1:
            self._tiers[self._tier - 2] += used
        return {KEY: self._plain()}

    def _plain(self) -> dict[str, object]:
        return {
            "tiers": list(self._tiers), "blocks": list(self._blocks), "tier": self._tier, "period": self._period,
            "base": list(self._base),
        }  # fmt: skip

    # --- what holds ---

    def _known(self) -> tuple[Tariff, Store, int] | None:
        """(tariff in force, what is published, now)."""
        now, store = self._rates.now, self._rates.store
        known = None if now is None or store is None else tariff(store, now)
        return None if known is None or store is None or now is None else (known, store, now)

    def _litres(self) -> Fraction | None:
        """Of a unit of the tariff."""
        known = self._known()
        unit = None if known is None else known[0].information.unit_of_measure
        energy = self._rates.conversion_factor * self._rates.calorific_value
        if unit == Unit.KILOWATT_HOURS and energy:
            return Fraction(3_600_000 * _LITRES, energy)
        return Fraction(_LITRES) if unit == Unit.CUBIC_METRES else None

    def look(self) -> None:
        """What holds now may be another: whatever flowed until now belongs to what held. Look again when it may change."""
        if self._rates.now is None:
            return
        known = self._known()
        found = None if known is None else known[0].tier(known[2], self._rates.zone)
        tier = found if found is not None and 1 <= found <= TIERS else 1
        period = None if known is None else known[1].one(Price.PublishBlockPeriod, known[2])
        start = None if period is None else period.block_period_start_time
        limits = None if known is None or start is None else self._limited(known[0], tier)
        if (tier, start, limits) != (self._tier, self._period, self._limits):
            self._read()
            self._tier, self._limits = tier, limits
            self._of = tier if known is not None and known[0].information.tier_block_mode in _BY_TIER else WHOLE
            if start != self._period:
                self._period, self._base = start, [] if start is None else [self._register.reading.litres, *self._tiers]
            self._firmware.board.nvm.put({KEY: self._plain()})
        self._arm(known)

    def _limited(self, known: Tariff, tier: int) -> tuple[int, ...] | None:
        """Up to how many litres each block but the last goes; None: there are no blocks, or not known where they end."""
        information = known.information
        thresholds: Sequence[int] | None = known.thresholds.get(tier, known.thresholds.get(WHOLE))
        litres = self._litres()
        multiplier, divisor = information.block_threshold_multiplier, information.block_threshold_divisor
        if not thresholds or litres is None or not multiplier or not divisor:
            return None
        return tuple(int(Fraction(each * multiplier, divisor) * litres) for each in thresholds[: BLOCKS - 1])

    def _arm(self, known: tuple[Tariff, Store, int] | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now, store = self._rates.now, self._rates.store
        if now is None or store is None:
            return
        calendar = None if known is None else known[0].calendar
        due = [store.deadline(now), None if calendar is None else calendar.change(now, self._rates.zone)]
        times = [each for each in due if each is not None]
        if times:
            rtc = self._firmware.board.rtc
            self._timer = self._firmware.at(rtc.when((min(times) + EPOCH) * S), self.look)
