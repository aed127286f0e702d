"""What devices that have joined say of themselves, compared with the list of approved products.

A device that is awake is asked for its manufacturer and its model once it can be talked to, again after a failure, until it has
answered; one that is none of the products it can be is struck off. Battery meters are not asked: what they are is known by their
EUI-64s alone. Without products that tell their names nobody is asked anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer, Refused
from devices.runtime.kernel import MIN
from hubfw.admission import Admission
from hubfw.config import GSME, HHT, PREPAY_GAS
from hubfw.device_log import Device, DeviceLog
from protocols.zigbee.clusters.basic import Basic

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.runtime.firmware import Firmware

AGAIN: Final = MIN
UNASKED: Final = (GSME, PREPAY_GAS, HHT)
IMPOSTOR: Final = "not what it says it is"
_NAMES = (Basic.manufacturer_name, Basic.model_identifier)


class Interviews:
    """The part. `strike_off(eui64)` is called for who is none of the approved products."""

    def __init__(
        self, firmware: Firmware, han: Han, log: DeviceLog, admission: Admission, strike_off: Callable[[int], object]
    ) -> None:
        self._firmware = firmware
        self._han = han
        self._log = log
        self._admission = admission
        self._strike_off = strike_off
        self._asked: dict[int, None] = {}

    def arrived(self, device: Device) -> None:
        """A device can be talked to."""
        if self._admission.asks and device.kind not in UNASKED and device.eui64 not in self._asked:
            self._asked[device.eui64] = None
            self._firmware.spawn(self._interview(device.eui64, device.kind))

    async def _interview(self, eui64: int, kind: str) -> None:
        while self._log.get(eui64) is not None:
            try:
                address = await self._han.find(eui64)
                (endpoint, *_) = await self._han.active_endpoints(address)
                told = await self._han.read(address, endpoint, Basic, _NAMES)
            except (NoAnswer, Refused, ValueError):
                await self._firmware.sleep(AGAIN)
                continue
            manufacturer, model = (told.get(attribute) for attribute in _NAMES)
            if self._admission.impostor(eui64, kind, manufacturer, model):
                self._firmware.board.log("hub.refused", {"eui64": eui64, "kind": kind, "reason": IMPOSTOR})
                self._strike_off(eui64)
            break
        self._asked.pop(eui64, None)
