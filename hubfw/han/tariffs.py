"""What suppliers publish through the hub: electricity on the energy services interface, gas on the gas proxy's endpoint.

A home without a published tariff has none of this: the endpoint and its clusters come with the first publication, or from
non-volatile memory. The gas meter learns from its mirror's notification flags what to fetch. Consumption in a block period is
what the meter's register (of gas: the mirror) shows beyond what it showed when the period began.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer, Refused
from devices.runtime.kernel import MIN, S
from hubfw.config import ESME, GSME
from hubfw.device_log import DeviceLog
from hubfw.han.mirrors import Mirrors
from protocols.core.codec import Frame
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.zcl.endpoint import Endpoint
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from hubfw.han.awake import Awake
    from hubfw.han.publisher import Publisher
    from protocols.zigbee.calendar.schedule import Zone

GAS_ENDPOINT: Final = 2
DEVICE: Final = 0x0500
ELECTRICITY: Final = "electricity"
GAS: Final = "gas"
COMMODITIES: Final[Mapping[str, int]] = {ELECTRICITY: 0, GAS: 1}
LOOK: Final = 30 * MIN
"""How often consumption is looked at while a tariff has blocks."""
AGAIN: Final = MIN
"""After a meter that did not answer, or while the gas meter has no mirror yet."""

_BLOCK: Final = "block-period/"


class Tariffs:
    """Both fuels' publishers."""

    def __init__(
        self, firmware: Firmware, han: Han, esi: Endpoint, log: DeviceLog, mirrors: Mirrors, zone: Callable[[int], Zone]
    ) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._esi = esi
        self._log = log
        self._mirrors = mirrors
        self._zone = zone
        self._publishers: dict[str, Publisher] = {}
        self._awake: Awake | None = None
        self._registers: dict[str, Fraction] = {}
        """What each meter's register showed last, in its unit."""

    def start(self) -> None:
        """Take up what was published before a restart."""
        for fuel in COMMODITIES:
            if f"published/{fuel}" in self._board.nvm:
                publisher = self._publisher(fuel)
                if fuel == GAS:
                    for row in publisher.store.rows.values():
                        for entry in publisher.store.entries(row.command):
                            self._published(GAS, entry.first)
                    if self._awake is None:  # a question that waited is forgotten
                        self._mirrors.withdraw(Functional.STAY_AWAKE_REQUEST_HAN)

    def publish(self, command: Frame, fuel: str = ELECTRICITY) -> Status:
        """Take a publication of Price, Calendar or Device Management. A refusal changes nothing; FAILURE: there is no time yet."""
        return self._publisher(fuel).publish(command)

    def of(self, fuel: str) -> Publisher | None:
        """A fuel's publisher, if anything was ever published."""
        return self._publishers.get(fuel)

    def _publisher(self, fuel: str) -> Publisher:
        if fuel not in self._publishers:
            from hubfw.han.publisher import Publisher  # a home that has no published tariff does not wait for its tables

            endpoint = self._esi if fuel == ELECTRICITY else Endpoint(GAS_ENDPOINT, DEVICE)
            self._publishers[fuel] = Publisher(
                self._firmware, self._han, endpoint, self._log, fuel, COMMODITIES[fuel],
                used=partial(self._used, fuel), published=partial(self._published, fuel), zone=self._zone,
            )  # fmt: skip
            self._firmware.spawn(self._look(fuel))
        return self._publishers[fuel]

    def _published(self, fuel: str, command: Frame) -> None:
        from hubfw.han.publisher import TO_METERS

        if fuel == GAS and isinstance(command, TO_METERS):
            self._tell_awake(command)
        elif fuel == GAS:
            self._tell_gas_meter(type(command))

    # --- the gas meter sleeps ---

    def _tell_gas_meter(self, command: type[Frame]) -> None:
        from hubfw.han.published_flags import FLAGS

        flag = FLAGS.get(command)
        meters = [device.eui64 for device in self._log.of(GSME)]
        if flag is None or not meters:
            return
        if any(self._mirrors.of(eui64) is not None for eui64 in meters):
            self._mirrors.notify(flag)
        else:
            self._firmware.after(AGAIN, self._tell_gas_meter, command)

    def _tell_awake(self, command: Frame) -> None:
        from hubfw.han.awake import Awake

        self._awake = self._awake or Awake(self._firmware, self._han, self._mirrors, GAS_ENDPOINT)
        for device in self._log.of(GSME):
            self._awake.put(device.eui64, command)

    # --- consumption in a block period ---

    def _used(self, fuel: str) -> Fraction | None:
        base = self._board.nvm.get(_BLOCK + fuel)
        shown = self._read_mirror() if fuel == GAS else self._registers.get(fuel)
        if base is None or shown is None or base[0] != self._period(fuel):
            return None
        return shown - Fraction(base[1], base[2])

    def _period(self, fuel: str) -> int | None:
        """When the block period in force began."""
        from protocols.zigbee.clusters.price import Price

        publisher = self._publishers[fuel]
        now = publisher.now
        period = None if now is None else publisher.store.one(Price.PublishBlockPeriod, now)
        return None if period is None else period.block_period_start_time

    async def _look(self, fuel: str) -> None:
        """Look at the register when a block period begins, and every half hour of it."""
        while True:
            period = self._period(fuel)
            if period is not None:
                shown = self._read_mirror() if fuel == GAS else await self._read_meter()
                if shown is None:
                    await self._firmware.sleep(AGAIN)
                    continue
                self._registers[fuel] = shown
                base = self._board.nvm.get(_BLOCK + fuel)
                if base is None or base[0] != period:
                    self._board.nvm.put({_BLOCK + fuel: [period, shown.numerator, shown.denominator]})
            await self._firmware.sleep(self._pause(fuel))

    def _pause(self, fuel: str) -> int:
        publisher = self._publishers[fuel]
        now = publisher.now
        due = None if now is None else publisher.store.deadline(now)
        return LOOK if now is None or due is None else min(LOOK, max(1, due - now) * S)

    async def _read_meter(self) -> Fraction | None:
        for device in self._log.of(ESME):
            try:
                address = await self._han.find(device.eui64)
                wanted = [Metering.current_summation_delivered, Metering.multiplier, Metering.divisor]
                values = await self._han.read(address, 1, Metering, wanted)
            except (NoAnswer, Refused):
                return None
            return _amount(*(values.get(each) for each in wanted))
        return None

    def _read_mirror(self) -> Fraction | None:
        for device in self._log.of(GSME):
            mirror = self._mirrors.of(device.eui64)
            reading = None if mirror is None else mirror.gas.reading
            if reading is not None:
                wanted = (Metering.current_summation_delivered, Metering.multiplier, Metering.divisor)
                return _amount(*(reading.get(Metering, each) for each in wanted))
        return None


def _amount(value: object, multiplier: object, divisor: object) -> Fraction | None:
    if not (isinstance(value, int) and isinstance(multiplier, int) and isinstance(divisor, int)) or not divisor:
        return None
    return Fraction(value * multiplier, divisor)
