"""What consumer devices may know, told to a module in the hub that has a network of its own for them (`devices.consumer_module`).

Every 10 s a line goes to the UART `consumers`: the time, the electricity meter's register and demand, the gas meters' mirrors, and
the hub's price. Nothing is read there: the wire carries one way. The electricity meter is the one on the hub's own wire, or the
first one of the log on the radio, which is asked as a display would ask it. Not here: what suppliers publish.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han
from devices.parts.tariff import Tariff, publication
from devices.parts.watch import Meter, Watch, read
from devices.runtime.kernel import S
from hubfw.config import ESME
from hubfw.device_log import DeviceLog
from hubfw.gas_meters import GasMeters
from hubfw.han.mirrors import Mirrors
from protocols.zigbee.clusters.metering import Metering, Unit

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from hubfw.han.wired_view import WiredView

CONSUMERS: Final = "consumers"
PERIOD: Final = 10 * S
WATT_HOURS: Final = 1000
"""In a kilowatt-hour."""
_MEANING = (Metering.unit_of_measure, Metering.multiplier, Metering.divisor)
_GAS = (*_MEANING, Metering.current_summation_delivered, Metering.reading_snapshot_time)


class ConsumerView:
    """The part. `wired()`: what is shown of an electricity meter on the wire."""

    def __init__(
        self,
        firmware: Firmware,
        han: Han,
        log: DeviceLog,
        tariff: Tariff,
        mirrors: Mirrors,
        gas: GasMeters,
        wired: Callable[[], WiredView | None],
    ) -> None:
        self._wired = wired
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._log = log
        self._tariff = tariff
        self._mirrors = mirrors
        self._gas = gas
        wanted = [(Metering, [Metering.current_summation_delivered, Metering.instantaneous_demand])]
        self._electricity = Watch(han, self._seek, wanted, PERIOD, lambda: None)

    def start(self) -> None:
        """The network is there."""
        self._firmware.spawn(self._electricity.run())
        self._firmware.every(PERIOD, self._tell)

    async def _seek(self) -> Meter | None:
        for device in self._log.of(ESME):
            if device.joined and self._han.stack.has_link_key(device.eui64):
                address = await self._han.find(device.eui64)
                for _, endpoint in await self._han.match([Metering.id], destination=address):
                    told = await read(self._han, address, endpoint, Metering, _MEANING)
                    if len(told) == len(_MEANING):
                        return Meter(device.eui64, endpoint, *(told[attribute] for attribute in _MEANING))
        return None

    def _tell(self) -> None:
        rtc = self._board.rtc
        if not rtc.valid:
            return
        line = {
            "utc": rtc.read() // S,
            "electricity": self._register(),
            "gas": [self._mirrored(eui64) for eui64 in self._gas.listed],
            "price": publication(self._tariff, rtc).build().hex(),
        }
        self._board.uart(CONSUMERS).write(json.dumps(line).encode() + b"\n")

    def _register(self) -> list[int] | None:
        meter = self._electricity.meter
        register = self._electricity.get(Metering.current_summation_delivered)
        demand = self._electricity.get(Metering.instantaneous_demand)
        wired = self._wired()
        if wired is not None and wired.values is not None and wired.values[1] is not None:
            return [Unit.KILOWATT_HOURS, 1, WATT_HOURS, wired.values[0], wired.values[1]]
        if meter is None or register is None or demand is None:
            return None
        return [meter.unit, meter.multiplier, meter.divisor, register, demand]

    def _mirrored(self, eui64: int) -> list[int] | None:
        mirror = self._mirrors.of(eui64)
        reading = None if mirror is None else mirror.gas.reading
        values = [] if reading is None else [reading.get(Metering, attribute) for attribute in _GAS]
        numbers = [value for value in values if isinstance(value, int)]
        return numbers if len(numbers) == len(_GAS) else None
