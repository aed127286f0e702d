"""A serial port of a meter that speaks by itself, in mode D of IEC 62056-21: its readout at 2400 baud, and nothing is answered.

The standard has a sensor that somebody touches; on a wire to a hub there is nobody, so the meter speaks every ten seconds, as
meters with a port for consumers do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.runtime.port import Port
from protocols.iec62056_21 import Identification, Registers
from protocols.iec62056_21.push import Push
from protocols.iec62056_21.rates import PUSHED

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

EVERY: Final = 10_000_000_000


class PushPort:
    """A port that only sends."""

    def __init__(self, firmware: Firmware, port: Port, identification: Identification, registers: Registers) -> None:
        self._port = port
        self._identification = identification
        self._registers = registers
        port.baud = PUSHED
        firmware.every(EVERY, self._speak)

    def _speak(self) -> None:
        if self._port.occupied:
            self._port.write(Push(self._identification, tuple(self._registers.readout())).build())
