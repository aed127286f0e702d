"""Which tier and which blocks a meter counts into, as the hub publishes tariff, calendar, thresholds and block period."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Protocol

from devices.parts.split import BLOCKS, Split
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.price.tariff import WHOLE, Tariff, tariff

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from devices.runtime.kernel import Timer
    from protocols.zigbee.calendar.schedule import Zone
    from protocols.zigbee.publication.store import Store

S: Final = 1_000_000_000
_BY_TIER: Final = (1, 2)
"""Tier block modes in which each tier has consumption of its own."""


class Source(Protocol):
    """What is published, as the meter has it."""

    @property
    def now(self) -> int | None:
        """Seconds since 2000; None: nothing was ever published, or there is no reliable time."""
        ...

    @property
    def store(self) -> Store | None: ...
    @property
    def zone(self) -> Zone: ...


def several(store: Store) -> bool:
    """Whether a tariff with more than one rate is known, in force or to come."""
    known = (entry.first for entry in store.entries(Price.PublishTariffInformation))
    return any(
        each.number_of_price_tiers_in_use > 1 or each.number_of_block_thresholds_in_use
        for each in known
        if isinstance(each, Price.PublishTariffInformation)
    )


class PublishedSplit:
    """Has `split` count as it is published. `unit(unit_of_measure)`: what the register counts in a unit of the tariff, None: not
    known. `offset()`: seconds by which tiers change later than the calendar says, or earlier. `tiers`: that the meter has.
    `moved(at)`: the tier is another one, that of the calendar's time `at`. `looked`: whatever may be another has been looked at."""

    def __init__(
        self, firmware: Firmware, split: Split, source: Source, tiers: int, unit: Callable[[int], Fraction | None],
        offset: Callable[[], int] = lambda: 0, moved: Callable[[int], object] = lambda at: None,
        looked: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        self.split = split
        self._firmware = firmware
        self._source = source
        self._count = tiers
        self._unit = unit
        self._offset = offset
        self._moved = moved
        self._looked = looked
        self._timer: Timer | None = None
        firmware.board.rtc.on_set.append(self.look)
        self.look()

    def used(self, tier: int) -> Fraction | None:
        """Consumption since the block period began, in the tariff's unit: in all tiers, or in one."""
        known, used = self._known(), self.split.used(tier)
        unit = None if known is None else self._unit(known[0].information.unit_of_measure)
        return None if used is None or unit is None else Fraction(used) / unit

    def _known(self) -> tuple[Tariff, Store, int] | None:
        """(tariff in force, what is published, now)."""
        now, store = self._source.now, self._source.store
        known = None if now is None or store is None else tariff(store, now)
        return None if known is None or store is None or now is None else (known, store, now)

    def look(self) -> None:
        """What holds now may be another: see, and look again when it may change."""
        if self._source.now is None:
            return
        known = self._known()
        found = None if known is None else known[0].tier(known[2] - self._offset(), self._source.zone)
        tier = found if found is not None and 1 <= found <= self._count else 1
        period = None if known is None else known[1].one(Price.PublishBlockPeriod, known[2])
        start = None if period is None else period.block_period_start_time
        limits = None if known is None or start is None else self._limited(known[0], tier)
        by_tier = known is not None and known[0].information.tier_block_mode in _BY_TIER
        before = self.split.held
        if self.split.hold(tier, start, limits, tier if by_tier else WHOLE) and tier != before and known is not None:
            self._moved(known[2] - self._offset())
        self._looked()
        self._arm(known)

    def _limited(self, known: Tariff, tier: int) -> tuple[int, ...] | None:
        """Up to how much each block but the last goes; None: there are no blocks, or not known where they end."""
        information = known.information
        thresholds: Sequence[int] | None = known.thresholds.get(tier, known.thresholds.get(WHOLE))
        unit = self._unit(information.unit_of_measure)
        multiplier, divisor = information.block_threshold_multiplier, information.block_threshold_divisor
        if not thresholds or unit is None or not multiplier or not divisor:
            return None
        return tuple(int(Fraction(each * multiplier, divisor) * unit) for each in thresholds[: BLOCKS - 1])

    def _arm(self, known: tuple[Tariff, Store, int] | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now, store, offset = self._source.now, self._source.store, self._offset()
        if now is None or store is None:
            return
        calendar = None if known is None else known[0].calendar
        change = None if calendar is None else calendar.change(now - offset, self._source.zone)
        due = [store.deadline(now), None if change is None else change + offset]
        times = [each for each in due if each is not None]
        if times:
            rtc = self._firmware.board.rtc
            self._timer = self._firmware.at(rtc.when((min(times) + EPOCH) * S), self.look)
