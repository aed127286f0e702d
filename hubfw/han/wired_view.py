"""What displays are shown of an electricity meter on the hub's wire: an endpoint of the hub, as of a mirror (device type 127).

A wired meter has no radio, so the hub asks it each minute, as the public client, for its register and its power, and displays read
them here as they would at the meter. It is asked while there is a display in the device log, and nothing is kept in flash. A meter
that has not answered for three minutes has nothing to show; nor has one whose public client the WAN keeps busy for that long.
Not here: its supply, its clock, its credit; half hours; what the WAN asks of it (`meter`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.runtime.kernel import MIN, S
from hubfw.config import CAD, IHD, PPMID
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import reading
from protocols.dlms.client import Client, Procedure
from protocols.dlms.cosem import AccessError
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import DeviceType, Metering, Unit
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.parts.han import Han
    from devices.runtime.firmware import Firmware
    from hubfw.device_log import DeviceLog
    from hubfw.meter import Meter

ENDPOINT: Final = 0x30
DEVICE: Final = 0x0501
IMPORT: Final = "1-0:1.8.0"
POWER: Final = "1-0:1.7.0"
FIRST: Final = 15 * S
"""After boot: the meter is asked its name and has its clock set before."""
PERIOD: Final = MIN
STALE_AFTER: Final = 3
"""Questions without an answer."""
WATT_HOURS: Final = 1000
"""In a kilowatt-hour."""

Shown = tuple[int, int | None]
"""Watt-hours, and watts where the meter tells them."""


class WiredView:
    """The endpoint. `values` is what it shows: None, nothing. `always`: somebody reads it who is not in the log."""

    def __init__(self, firmware: Firmware, han: Han, log: DeviceLog, meter: Meter, *, always: bool = False) -> None:
        self._always = always
        self.values: Shown | None = None
        self._firmware = firmware
        self._log = log
        self._meter = meter
        self._unanswered = 0
        endpoint = Endpoint(ENDPOINT, DEVICE)
        endpoint.serve(Basic, {Basic.zcl_version: 8})
        self._metering = endpoint.serve(Metering)
        self._show(None)
        han.add(endpoint)
        firmware.spawn(self._run())

    async def _run(self) -> None:
        await self._firmware.sleep(FIRST)
        while True:
            if self._always or self._log.of(IHD, PPMID, CAD):
                try:
                    self._show(await self._meter.ask(_look))
                    self._unanswered = 0
                except RemoteProtocolError:
                    self._unanswered += 1
                    if self._unanswered >= STALE_AFTER:
                        self._show(None)
            await self._firmware.sleep(PERIOD)

    def _show(self, values: Shown | None) -> None:
        self.values, metering = values, self._metering
        metering.values.clear()
        metering[Metering.metering_device_type] = DeviceType.MIRRORED_ELECTRIC
        metering[Metering.unit_of_measure] = Unit.KILOWATT_HOURS
        metering[Metering.multiplier] = 1
        metering[Metering.divisor] = WATT_HOURS
        if values is not None:
            watt_hours, watts = values
            metering[Metering.current_summation_delivered] = watt_hours
            if watts is not None:
                metering[Metering.instantaneous_demand] = watts


def _look(client: Client) -> Procedure[Shown]:
    energy = yield from reading.register(client, IMPORT, 3)
    try:
        power = yield from reading.register(client, POWER, 3)
    except AccessError:
        return int(energy.value), None
    return int(energy.value), int(power.value)
