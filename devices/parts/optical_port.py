"""An optical port: the first octet of a visit decides. `7E` is HDLC, `/` the sign-on of IEC 62056-21, with parity or without.

At rest the port takes any rate (a real one tells the 300 baud of a sign-on from HDLC by the width of its first pulse). A sign-on
fixes it at 300 baud and leads to a readout, to programming mode, or to HDLC at the agreed rate (mode E); it is at rest again when
that is over: the last data link closed, or nothing more said. Where a sign-on can be heard between frames (a port without rates), a
reader who left his data link open has been followed by another one, and the link is over, too.
Not here: push buttons, wake-up, mode D.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.parts.dlms_port import DlmsPort
from devices.runtime.kernel import S, Timer
from devices.runtime.port import Port
from protocols.core.effects import Effect, Send
from protocols.dlms.hdlc.frame import FLAG
from protocols.dlms.server import Server
from protocols.iec62056_21 import Baud, Foreign, Handover, Identification, Registers, TariffDevice
from protocols.iec62056_21.characters import PARITY_START, START, with_parity
from protocols.iec62056_21.rates import INITIAL
from protocols.iec62056_21.tariff_device import State

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

SNRM_TIME: Final = 30 * S
"""How long after the handover to HDLC somebody must have connected."""
_BEGINNINGS: Final = bytes((FLAG, START, PARITY_START))
_SIGN_ONS: Final = (b"/?", with_parity(b"/?"))


class OpticalPort:
    """A COSEM server and a tariff device behind one port."""

    def __init__(
        self,
        firmware: Firmware,
        port: Port,
        server: Server,
        identification: Identification,
        registers: Registers,
        password: str | None,
    ) -> None:
        self._firmware = firmware
        self._port = port
        self._hdlc = DlmsPort(firmware, port, server)
        self._device = TariffDevice(identification, registers, password=password)
        self._handed_over: Timer | None = None
        self._timer = Deadline(firmware, lambda: self._device.deadline, lambda: self._apply(self._device.expire(firmware.now)))
        port.on_receive = self._receive
        port.on_plug = lambda occupied: self._begin()

    def notify(self, client: int, server: int, apdu: bytes) -> None:
        """See DlmsPort."""
        self._hdlc.notify(client, server, apdu)

    def _begin(self) -> None:
        self._hdlc.begin()
        self._device.reset()
        self._take_back()

    def _receive(self, data: bytes) -> None:
        if data.startswith(_SIGN_ONS) and not self._hdlc.receiving and self._device.resting:
            self._hdlc.begin()
            self._take_back()
        while data:
            if self._handed_over is not None or self._hdlc.engaged:
                data = self._frames(data)
            elif self._device.resting:
                start = min((place for each in _BEGINNINGS if (place := data.find(each)) >= 0), default=len(data))
                data = data[start:]
                data = self._frames(data) if data[:1] == _BEGINNINGS[:1] else self._characters(data)
            else:
                data = self._characters(data)

    def _frames(self, data: bytes) -> bytes:
        connected = self._hdlc.connected
        self._hdlc.receive(data)
        if connected and not self._hdlc.connected:
            self._take_back()
        return b""

    def _characters(self, data: bytes) -> bytes:
        """Give octets to the tariff device; what of them is not its own comes back."""
        return self._apply(self._device.feed(data, self._firmware.now)) if data else b""

    def _apply(self, effects: list[Effect]) -> bytes:
        foreign = b""
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._port.write(data)
                case Baud(rate=rate):
                    self._port.baud = rate
                case Handover(rate=rate):
                    self._port.baud = rate
                    self._handed_over = self._firmware.after(SNRM_TIME, self._unused)
                case Foreign(data=data):
                    foreign = data
        if self._handed_over is None:
            resting = self._device.resting
            self._port.baud = None if resting else self._port.baud or INITIAL
            self._port.resting = (resting and not foreign) or self._device.state is State.READ_OUT
        self._timer.arm()
        return foreign

    def _unused(self) -> None:
        if not self._hdlc.connected:
            self._take_back()
        else:  # its end comes with the last data link
            self._handed_over = self._firmware.after(SNRM_TIME, self._unused)

    def _take_back(self) -> None:
        """HDLC is over."""
        if self._handed_over is not None:
            self._handed_over.cancel()
        self._handed_over = None
        self._port.baud = None
