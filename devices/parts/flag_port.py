"""A serial port that speaks IEC 62056-21 alone (FLAG): modes A, B and C, with programming mode in C. HDLC is noise to it.

Whoever is plugged in has it until the plug is pulled. Not here: an optical port, where HDLC is the other guest (`optical_port`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.parts.deadline import Deadline
from devices.runtime.port import Port
from protocols.core.effects import Effect, Send
from protocols.iec62056_21 import Baud, Identification, Registers, TariffDevice
from protocols.iec62056_21.rates import INITIAL

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware


class FlagPort:
    """A tariff device on a port."""

    def __init__(
        self, firmware: Firmware, port: Port, identification: Identification, registers: Registers, password: str | None
    ) -> None:
        self._firmware = firmware
        self._port = port
        self._device = TariffDevice(identification, registers, password=password)
        self._timer = Deadline(firmware, lambda: self._device.deadline, lambda: self._apply(self._device.expire(firmware.now)))
        port.baud = INITIAL
        port.on_receive = self._receive
        port.on_plug = lambda occupied: self._begin()

    def _begin(self) -> None:
        self._device.reset()
        self._port.baud = INITIAL

    def _receive(self, data: bytes) -> None:
        self._apply(self._device.feed(data, self._firmware.now))

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._port.write(data)
                case Baud(rate=rate):
                    self._port.baud = rate
        self._timer.arm()
