"""Activation of firmware at a time that is written ahead, on SAP 1 (Blue Book: image transfer activation scheduler).

    0-0:10.0.107  class 9   script 1: image_activate of 0-0:44.0.0
    0-0:15.0.2    class 22  when that script runs, in local time; another image's transfer clears it

It goes by the hub's clock; what a power cut made it miss is done when the power is back. A hub to which nobody wrote a time does
nothing for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.parts.cosem_clockwork import CosemClockwork
from devices.parts.kept_objects import keep
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import Service
from protocols.dlms.obis import Obis

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from protocols.dlms.server import LogicalDevice

SCHEDULE: Final = "0-0:15.0.2"
SCRIPTS: Final = Obis("0-0:10.0.107")
_ACTIVATE, _METHOD = 1, 4


class ImageSchedule:
    """Both objects. `transfer`: the name of the image transfer."""

    def __init__(self, firmware: Firmware, device: LogicalDevice, transfer: str) -> None:
        self._firmware = firmware
        self._device = device
        self._wound = False
        script = [(Service.EXECUTE, cosem.ImageTransfer.class_id, Obis(transfer), _METHOD, axdr.i8(0))]
        self._plan = cosem.SingleActionSchedule(SCHEDULE, executed_script=(SCRIPTS, _ACTIVATE))
        keep(firmware.board.nvm, self._plan, cosem.SingleActionSchedule.execution_time)
        device.add(cosem.ScriptTable(SCRIPTS, find=device.find, scripts=[(_ACTIVATE, script)]))
        device.add(self._plan)
        self._plan.watch(lambda thing, member: self.start())

    def start(self) -> None:
        """Go by the clock from now on, if there is a time to wait for."""
        if self._plan.execution_time.value and not self._wound:
            self._wound = True
            CosemClockwork(self._firmware, self._device)

    def clear(self) -> None:
        """Forget the time."""
        if self._plan.execution_time.value:
            self._plan.write(cosem.SingleActionSchedule.execution_time.number, axdr.array([]))
