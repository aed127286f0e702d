"""The WAN by a serial modem: a line on the UART `modem` that carries HDLC or the DLMS wrapper, for the layers that speak DLMS.

The first octet decides, and so does any between messages: 7E is HDLC, anything else the wrapper. Behind it are the same devices at
the same server addresses as behind the network address, and the APDUs are the same. One line is one connection: pulling the plug
ends it, and an association of who left without a word makes room for the next one of the same client address. How the modem calls,
and what network is beyond it, is the modem's business.

Notices go this way where the push setup says so: in UI frames, or as PDUs of the wrapper. A UI frame may be as long as an
information field of this line: both ends are set to it, as nobody has agreed on anything before he is connected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from hubfw.sap_table import HUB
from hubfw.wan.endpoint import Connection, Endpoint
from hubfw.wan.notifier import CLIENT
from protocols.core.effects import Effect, Send
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import hdlc, wrapper
from protocols.dlms.cosem.push import TransportService

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

PORT: Final = "modem"
PARAMETERS: Final = hdlc.Parameters(hdlc.Limits(1024, 1024, 7, 7))
AARQ: Final = b"\x60"
_FLAG: Final = 0x7E


class SerialLine:
    """The UART. `endpoint()`: what answers DLMS on the WAN now; None: nobody does. `transmits()`: whether there is the energy."""

    def __init__(
        self,
        firmware: Firmware,
        endpoint: Callable[[], Endpoint | None],
        transmits: Callable[[], bool],
        on_plug: Callable[[], object],
    ) -> None:
        """`on_plug()` is called when a plug goes in."""
        self._firmware = firmware
        self._endpoint = endpoint
        self._transmits = transmits
        self._on_plug = on_plug
        self._port = firmware.board.uart(PORT)
        self._line: _Wrapper | _Hdlc | None = None
        self._port.on_receive = self._received
        self._port.on_plug = self._plugged

    def tell(self, service: TransportService, apdu: bytes) -> bool:
        """Say a notice. False: nobody is plugged in, no DLMS is spoken, the line speaks the other framing, or no energy is left."""
        kind = _Hdlc if service is TransportService.HDLC else _Wrapper
        line = None if self._line is None or self._line.over else self._line
        if not self._port.occupied or self._endpoint() is None or (line is not None and not isinstance(line, kind) and line.used):
            return False
        return self._write(kind.notice(apdu))

    def _write(self, data: bytes) -> bool:
        if not self._transmits():
            return False
        self._port.write(data)
        return True

    def _received(self, data: bytes) -> None:
        kind = _Hdlc if data[0] == _FLAG else _Wrapper
        if self._line is not None and self._line.resting and not isinstance(self._line, kind):
            self._end()
        if self._line is None or self._line.over:
            endpoint = self._endpoint()
            if endpoint is None:
                return
            self._line = kind(self._firmware, endpoint, self._write)
        self._line.received(data)

    def _plugged(self, occupied: bool) -> None:
        self._end()
        if occupied:
            self._on_plug()

    def _end(self) -> None:
        if self._line is not None and not self._line.over:
            self._line.close()
        self._line = None


class _Line(Connection):
    """A connection whose client is whoever is at the other end of the line."""

    def __init__(self, firmware: Firmware, endpoint: Endpoint, write: Callable[[bytes], object]) -> None:
        super().__init__(endpoint, firmware.board)
        self.over = False
        self._firmware = firmware
        self._write = write
        endpoint.join(self)

    @property
    def gone(self) -> bool:
        return False

    def close(self) -> None:
        self.over = True
        super().close()

    def _route(self, pdu: wrapper.Pdu) -> None:
        self.last_heard = self._firmware.now
        self._endpoint.route(self, pdu)


class _Wrapper(_Line):
    """PDUs of the wrapper, one after the other."""

    def __init__(self, firmware: Firmware, endpoint: Endpoint, write: Callable[[bytes], object]) -> None:
        super().__init__(firmware, endpoint, write)
        self._splitter = wrapper.Splitter()

    @staticmethod
    def notice(apdu: bytes) -> bytes:
        """A notice as it goes out: the PDU that it is on a network."""
        return wrapper.wrap(HUB, CLIENT, apdu)

    @property
    def resting(self) -> bool:
        """Between PDUs."""
        return not self._splitter.receiving

    def say(self, octets: bytes) -> None:
        self._write(octets)

    def received(self, data: bytes) -> None:
        """Octets of the line."""
        try:
            for pdu in self._splitter.feed(data):
                pair = pdu.source, pdu.destination
                if pdu.apdu[:1] == AARQ and pair in self.used:  # who was there before has hung up without a word
                    self._endpoint.release(self, pair)
                self._route(pdu)
        except RemoteProtocolError as error:
            self._board.log("wan.bad", {"reason": str(error)})
            self.close()


class _Hdlc(_Line):
    """HDLC with each device at the address that is its SAP."""

    def __init__(self, firmware: Firmware, endpoint: Endpoint, write: Callable[[bytes], object]) -> None:
        super().__init__(firmware, endpoint, write)
        self._link = hdlc.ServerLink(endpoint.saps, PARAMETERS)
        self._deadline = Deadline(firmware, lambda: self._link.deadline, lambda: self._apply(self._link.expire(firmware.now)))

    @staticmethod
    def notice(apdu: bytes) -> bytes:
        """A notice as it goes out: a UI frame."""
        return hdlc.unasked(CLIENT, HUB, apdu)

    @property
    def resting(self) -> bool:
        """Nobody is connected, and no frame has begun."""
        return not self._link.engaged

    def say(self, octets: bytes) -> None:
        pdu = wrapper.unwrap(octets)
        self._apply(self._link.reply(pdu.destination, pdu.source, pdu.apdu, self._firmware.now))

    def received(self, data: bytes) -> None:
        """Octets of the line."""
        self._apply(self._link.feed(data, self._firmware.now))

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._write(data)
                case hdlc.Apdu(client=client, server=server, data=data):
                    self._route(wrapper.Pdu(client, server, data))
                case hdlc.Disconnected(client=client, server=server):
                    self._endpoint.release(self, (client, server))
        self._deadline.arm()
