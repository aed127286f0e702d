"""What suppliers publish through the hub: electricity on the energy services interface, gas on the gas proxy's endpoint.

A home without a published tariff has none of this: the endpoint and its clusters come with the first publication, or from
non-volatile memory. Each further gas meter has an endpoint and a word (`GasMeters.fuel`) of its own for what is published for it.
A gas meter learns from its mirror's notification flags what to fetch. Consumption in a block period is what the meter's register
(of gas: the mirror) shows beyond what it showed when the period began.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer, Refused
from devices.runtime.kernel import MIN, S
from hubfw.config import ESME, GSME
from hubfw.device_log import DeviceLog
from hubfw.gas_meters import FUEL as GAS
from hubfw.gas_meters import GasMeters
from hubfw.han.mirrors import FIRST_ENDPOINT, Mirrors
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
"""The first gas meter's; the others' are between it and the mirrors."""
DEVICE: Final = 0x0500
ELECTRICITY: Final = "electricity"
LOOK: Final = 30 * MIN
"""How often consumption is looked at while a tariff has blocks."""
AGAIN: Final = MIN
"""After a meter that did not answer, or while the gas meter has no mirror yet."""

_BLOCK: Final = "block-period/"
_PUBLISHED: Final = "published/"
_ENDPOINT: Final = "gas-endpoint/"


class Tariffs:
    """The publishers, by word: electricity's, and each gas meter's."""

    def __init__(
        self, firmware: Firmware, han: Han, esi: Endpoint, log: DeviceLog, mirrors: Mirrors, gas: GasMeters,
        zone: Callable[[int], Zone],
    ) -> None:  # fmt: skip
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._esi = esi
        self._log = log
        self._mirrors = mirrors
        self._gas = gas
        self._zone = zone
        self._publishers: dict[str, Publisher] = {}
        self.shown: Callable[[int | None, int], bool] = lambda asker, endpoint: True
        """Whether a device is told of an endpoint of the hub."""
        self._awake: Awake | None = None
        self._registers: dict[str, Fraction] = {}
        """What each meter's register showed last, in its unit."""

    def start(self) -> None:
        """Take up what was published before a restart."""
        for fuel in sorted(key.removeprefix(_PUBLISHED) for key in self._board.nvm.keys(_PUBLISHED)):
            publisher = self._publisher(fuel)
            if publisher is None or fuel == ELECTRICITY:
                continue
            for row in publisher.store.rows.values():
                for entry in publisher.store.entries(row.command):
                    self._published(fuel, entry.first)
            meter = self._gas.meter(fuel)
            if self._awake is None or meter not in self._awake:  # a question that waited is forgotten
                self._mirrors.withdraw(Functional.STAY_AWAKE_REQUEST_HAN, meter)

    def publish(self, command: Frame, fuel: str = ELECTRICITY) -> Status:
        """Take a publication of Price, Calendar or Device Management. A refusal changes nothing; FAILURE: there is no time yet;
        INSUFFICIENT_SPACE: this gas meter is one more than there are endpoints."""
        publisher = self._publisher(fuel)
        return Status.INSUFFICIENT_SPACE if publisher is None else publisher.publish(command)

    def of(self, fuel: str) -> Publisher | None:
        """The publisher under a word, if anything was ever published."""
        return self._publishers.get(fuel)

    def owner(self, endpoint: int) -> int | None:
        """For which gas meter something is published at an endpoint of the hub."""
        fuels = (fuel for fuel, publisher in self._publishers.items() if publisher.endpoint == endpoint and fuel != ELECTRICITY)
        return next((self._gas.meter(fuel) for fuel in fuels), None)

    def _publisher(self, fuel: str) -> Publisher | None:
        if fuel not in self._publishers:
            from hubfw.han.publisher import Publisher  # a home that has no published tariff does not wait for its tables

            endpoint = self._esi if fuel == ELECTRICITY else self._gas_endpoint(fuel)
            if endpoint is None:
                return None
            self._publishers[fuel] = Publisher(
                self._firmware, self._han, endpoint, self._log, fuel, None if fuel == ELECTRICITY else self._gas.meter(fuel),
                used=partial(self._used, fuel), published=partial(self._published, fuel), zone=self._zone, shown=self.shown,
            )  # fmt: skip
            self._firmware.spawn(self._look(fuel))
        return self._publishers[fuel]

    def _gas_endpoint(self, fuel: str) -> Endpoint | None:
        """A gas meter's, the same one for good; None: there is none left."""
        nvm, key = self._board.nvm, _ENDPOINT + fuel
        if fuel == GAS or key in nvm:
            return Endpoint(nvm.get(key, GAS_ENDPOINT), DEVICE)
        taken = [nvm.get(each) for each in nvm.keys(_ENDPOINT)]
        number = next((each for each in range(GAS_ENDPOINT + 1, FIRST_ENDPOINT) if each not in taken), None)
        if number is None:
            return None
        nvm.put({key: number})
        return Endpoint(number, DEVICE)

    def _published(self, fuel: str, command: Frame) -> None:
        from hubfw.han.publisher import TO_METERS

        if fuel != ELECTRICITY and isinstance(command, TO_METERS):
            self._tell_awake(fuel, command)
        elif fuel != ELECTRICITY:
            self._tell_gas_meter(fuel, type(command))

    # --- the gas meter sleeps ---

    def _tell_gas_meter(self, fuel: str, command: type[Frame]) -> None:
        from hubfw.han.published_flags import FLAGS

        flag, meter = FLAGS.get(command), self._gas.meter(fuel)
        if flag is None or self._log.kind(meter) != GSME:
            return
        if meter is not None and self._mirrors.of(meter) is not None:
            self._mirrors.notify(flag, meter)
        else:
            self._firmware.after(AGAIN, self._tell_gas_meter, fuel, command)

    def _tell_awake(self, fuel: str, command: Frame) -> None:
        from hubfw.han.awake import Awake

        self._awake = self._awake or Awake(self._firmware, self._han, self._mirrors, self._source)
        meter = self._gas.meter(fuel)
        if meter is not None and self._log.kind(meter) == GSME:
            self._awake.put(meter, command)

    def _source(self, meter: int) -> int:
        """The endpoint from which a gas meter is told."""
        return self._publishers[self._gas.fuel(meter)].endpoint

    # --- consumption in a block period ---

    def _used(self, fuel: str) -> Fraction | None:
        base = self._board.nvm.get(_BLOCK + fuel)
        shown = self._registers.get(fuel) if fuel == ELECTRICITY else self._read_mirror(fuel)
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
                shown = await self._read_meter() if fuel == ELECTRICITY else self._read_mirror(fuel)
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

    def _read_mirror(self, fuel: str) -> Fraction | None:
        meter = self._gas.meter(fuel)
        mirror = None if meter is None else self._mirrors.of(meter)
        reading = None if mirror is None else mirror.gas.reading
        if reading is None:
            return None
        wanted = (Metering.current_summation_delivered, Metering.multiplier, Metering.divisor)
        return _amount(*(reading.get(Metering, each) for each in wanted))


def _amount(value: object, multiplier: object, divisor: object) -> Fraction | None:
    if not (isinstance(value, int) and isinstance(multiplier, int) and isinstance(divisor, int)) or not divisor:
        return None
    return Fraction(value * multiplier, divisor)
