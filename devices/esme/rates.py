"""The registers by time of use and by block: what import counts into, as the calendar or what the hub publishes has it.

48 registers by time of use, and for the first 8 of them 4 blocks each (GB): `0-0:94.44.34.1` and `.2`, `1-0:1.8.e` of each rate in
use, and Smart Energy's attributes. By its own calendar: script n is rate n, script 100 + n rate n with the blocks that the
thresholds `0-0:16.1.11` to `.18` make (Wh since the counters were reset). By the hub: tariff, calendar, thresholds and block
period as they are published to it, like to a display. Few meters have more than one rate: `firmware` makes this when one has.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Final

from devices.esme.firmware import RATES
from devices.esme.prepayment import PRICE_DIGITS
from devices.parts.kept_objects import keep
from devices.parts.split import BLOCKS, Split
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import Unit
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters import time as zigbee_time
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.metering import Unit as Commodity
from protocols.zigbee.price.tariff import WHOLE, tariff

if TYPE_CHECKING:
    from devices.esme.meter import Meter
    from devices.esme.offset import Offset
    from devices.parts.han import Han
    from devices.parts.network_clock import NetworkClock
    from devices.parts.published import Published
    from devices.parts.published_split import PublishedSplit
    from devices.runtime.firmware import Firmware
    from protocols.core.codec import Frame
    from protocols.dlms.axdr import Data
    from protocols.dlms.logical_device import LogicalDevice
    from protocols.zigbee.calendar.schedule import Zone
    from protocols.zigbee.publication.store import Store
    from protocols.zigbee.zcl.endpoint import Endpoint, Instance, Outcome, Request

TIERS: Final = 48
BLOCK_TIERS: Final = 8
BLOCK_RATES: Final = 100
"""Scripts beyond this are rates with blocks."""
COLLECTION, BLOCK_COLLECTION = Obis("0-0:94.44.34.1"), Obis("0-0:94.44.34.2")
_NEVER_REACHED: Final = 0xFFFFFFFF
_WH: Final = (0, Unit.WATT_HOUR)
_IMPORT: Final = (3, Obis("1-0:1.8.0"), 2)
_M: Final = Metering
_CELLS: Final = (
    _M.current_tier_1_block_summation_delivered, _M.current_tier_2_block_summation_delivered,
    _M.current_tier_3_block_summation_delivered, _M.current_tier_4_block_summation_delivered,
    _M.current_tier_5_block_summation_delivered, _M.current_tier_6_block_summation_delivered,
    _M.current_tier_7_block_summation_delivered, _M.current_tier_block_summation_delivered[8],
)  # fmt: skip


class Rates:
    """One meter's. `server`: of Metering, where it has a radio."""

    def __init__(self, firmware: Firmware, meter: Meter, device: LogicalDevice, server: Instance | None) -> None:
        self._rtc = firmware.board.rtc
        self._meter = meter
        self._device = device
        self._server = server
        save = meter.metrology.save
        self.split = Split(firmware.board.nvm, RATES, TIERS, lambda: meter.metrology.shown, lambda: save({}), cells=True)
        meter.metrology.beside = self.split.counted
        meter.tiers = self.tiers
        meter.rate = lambda: self.split.held
        meter.cells = lambda: self.split.cells
        self._thresholds = [self._monitor(tier) for tier in range(1, BLOCK_TIERS + 1)]
        for thing in self._thresholds:
            keep(firmware.board.nvm, thing, cosem.RegisterMonitor.thresholds)
            device.add(thing)
        device.add(cosem.Data(COLLECTION, value=self._collection))
        device.add(cosem.Data(BLOCK_COLLECTION, value=self._block_collection))
        if server is not None:
            server[_M.active_register_tier_delivered] = lambda: self.split.held
        self.offer()

    def tier(self, number: int) -> int:
        """Wh of a rate, now."""
        self._meter.metrology.take()
        return self.split.tier(number)

    def tiers(self) -> list[int]:
        """Wh of the rates in use, from the first; their sum is the register."""
        return [self.tier(number) for number in range(1, self.split.used_tiers + 1)]

    # --- the meter's own calendar ---

    def script(self, number: int) -> None:
        """A script of the tariff was executed."""
        tier = number - BLOCK_RATES if number > BLOCK_RATES else number
        if not 1 <= tier <= TIERS:
            return
        period = self.split.period
        if number > BLOCK_RATES:
            if period is None:
                period = self._now
            self.split.hold(tier, period, self._limits(tier))
        else:
            self.split.hold(tier, period, None)
        self.offer()
        self._meter.on_change()

    def reset_blocks(self) -> None:
        """The counters that fill the blocks begin anew; the registers stay."""
        held = self.split.held
        blocks = self.split.in_block > 0
        self.split.hold(held, self._now, self._limits(held) if blocks else None)

    @property
    def _now(self) -> int:
        return zigbee_time.seconds(self._rtc.read())

    def _limits(self, tier: int) -> tuple[int, ...] | None:
        """What the thresholds of a tier are, ascending; None: none is set."""
        if tier > BLOCK_TIERS:
            return None
        found = sorted(each.value for each in self._thresholds[tier - 1].thresholds.value[: BLOCKS - 1])
        return tuple(found) if found and found[0] != _NEVER_REACHED else None

    def _monitor(self, tier: int) -> cosem.RegisterMonitor:
        name, never = f"0-0:16.1.{10 + tier}", axdr.array([axdr.u32(_NEVER_REACHED)] * (BLOCKS - 1))
        return cosem.RegisterMonitor(name, find=self._device.find, thresholds=never, monitored_value=_IMPORT)

    # --- what is shown ---

    def offer(self) -> None:
        """Have a register and an attribute for each rate in use."""
        for number in range(1, self.split.used_tiers + 1):
            name = Obis(f"1-0:1.8.{number}")
            if self._device.find(name) is None:
                read = partial(self.tier, number)
                value: Callable[[], Data] = partial(_u32, read)
                self._device.add(cosem.Register(name, value=value, scaler_unit=_WH))
                if self._server is not None:
                    self._server[_M.current_tier_summation_delivered[number]] = read
        if self.split.period is not None and self._server is not None:
            self._server[_M.current_block] = lambda: self.split.in_block
            self._server[_M.current_block_period_consumption_delivered] = self._in_period
            for block in range(1, BLOCKS + 1):
                self._server[_M.current_no_tier_block_summation_delivered[block]] = partial(self._block, block)
                for tier, attributes in enumerate(_CELLS, 1):
                    self._server[attributes[block]] = partial(self._cell, tier, block)

    def _block(self, block: int) -> int:
        self._meter.metrology.take()
        return self.split.block(block)

    def _cell(self, tier: int, block: int) -> int:
        self._meter.metrology.take()
        return self.split.cell(tier, block)

    def _in_period(self) -> int | None:
        self._meter.metrology.take()
        return self.split.used(WHOLE)

    def _collection(self) -> Data:
        registers = [self.tier(number) for number in range(1, TIERS + 1)]
        return axdr.structure(axdr.array([axdr.u32(each) for each in registers]), axdr.i8(0), axdr.enum(Unit.WATT_HOUR))

    def _block_collection(self) -> Data:
        cells = [self._cell(tier, block) for block in range(1, BLOCKS + 1) for tier in range(1, BLOCK_TIERS + 1)]
        return axdr.structure(axdr.array([axdr.u32(each) for each in cells]), axdr.i8(0), axdr.enum(Unit.WATT_HOUR))


def _u32(read: Callable[[], int]) -> Data:
    return axdr.u32(read())


class FromHub:
    """The rates as the hub publishes them to the meter."""

    def __init__(
        self, firmware: Firmware, rates: Rates, han: Han, endpoint: Endpoint, clock: NetworkClock, offset: Offset | None
    ) -> None:
        from devices.parts.published import Published
        from devices.parts.published_split import PublishedSplit
        from protocols.zigbee.clusters.calendar import Calendar
        from protocols.zigbee.clusters.price import Price
        from protocols.zigbee.price.current import current_price

        self._rates = rates
        self._counting: PublishedSplit | None = None
        self._published: Published = Published(han, endpoint, clock, self._changed, (Price, Calendar))
        shift = (lambda: 0) if offset is None else (lambda: offset.seconds)

        def moved(at: int) -> None:
            rates.offer()
            rates._meter.on_change()
            if offset is not None:
                offset.moved("tariff", (at + zigbee_time.EPOCH) * 1_000_000_000)

        rates._meter.published = self.prices
        self._counting = counting = PublishedSplit(
            firmware, rates.split, self, TIERS, _kwh, shift, moved, rates._meter.on_published
        )
        price = endpoint.server(Price)
        usual = price.handlers[Price.GetCurrentPrice]

        def current(command: Frame, request: Request) -> Outcome:
            """The price of the rate and block that count now; until there is one, as it was made."""
            store, now = self.store, self.now
            known = None if store is None or now is None else current_price(store, now, used=counting.used, zone=self.zone)
            return known or usual(command, request)

        price.handlers[Price.GetCurrentPrice] = current

    @property
    def now(self) -> int | None:
        """Seconds since 2000."""
        return self._published.now

    @property
    def store(self) -> Store | None:
        """What is published for electricity."""
        return self._published.store()

    @property
    def zone(self) -> Zone:
        """The premises' time."""
        return self._published.zone

    def prices(self) -> dict[tuple[int, int], int] | None:
        """What a kilowatt-hour costs by rate and block (0: without blocks), in `PRICE_DIGITS`; None: not known now."""
        store, now = self.store, self.now
        if store is None or now is None:
            return None
        known = tariff(store, now)
        if known is None or _kwh(known.information.unit_of_measure) is None:
            return {}
        shift = 10 ** (PRICE_DIGITS - (known.information.price_trailing_digit >> 4))
        return {(max(tier, 1), block): price * shift for (tier, block), price in known.prices.items()}

    def _changed(self) -> None:
        if self._counting is not None:
            self._counting.look()
            self._rates.offer()

    async def fetch(self) -> None:
        """Ask the hub for all that may have been missed."""
        from devices.parts.han import NoAnswer

        with suppress(NoAnswer):
            await self._published.fetch()
        self._changed()


def _kwh(unit: int) -> Fraction | None:
    return Fraction(1000) if unit == Commodity.KILOWATT_HOURS else None
