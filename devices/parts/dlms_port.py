"""COSEM logical devices over HDLC on a serial port: an optical port, a wired meter interface, a hub's service port.

The first octet of a visit must be HDLC's flag: what else comes is dropped by the deframer. Whoever plugs in has the port until the
plug is pulled; with it everything that was open is gone. The server speaks only when polled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.runtime.port import Port
from protocols.core.effects import Effect, Send
from protocols.dlms import hdlc
from protocols.dlms.server import Server, Session
from protocols.dlms.xdlms import ExceptionResponse, ServiceError, StateError

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

PARAMETERS: Final = hdlc.Parameters(hdlc.Limits(512, 512, 1, 1))
_TOO_LONG: Final = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.PDU_TOO_LONG).build()


class DlmsPort:
    """A COSEM server's logical devices, each at the HDLC address that is its SAP."""

    def __init__(self, firmware: Firmware, port: Port, server: Server) -> None:
        self._firmware = firmware
        self._port = port
        self._server = server
        self._timer = Deadline(firmware, lambda: self._link.deadline, lambda: self._apply(self._link.expire(firmware.now)))
        port.on_receive = lambda data: self._apply(self._link.feed(data, firmware.now))
        port.on_plug = lambda occupied: self._begin()
        self._begin()

    def _begin(self) -> None:
        self._link = hdlc.ServerLink(tuple(self._server.devices), PARAMETERS)
        self._sessions: dict[tuple[int, int], Session] = {}

    def _apply(self, effects: Iterable[Effect]) -> None:
        now = self._firmware.now
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._port.write(data)
                case hdlc.Connected(client=client, server=server):
                    made = self._server.session(client, server, PARAMETERS.largest_apdu)
                    assert made is not None  # the link knows no addresses but the server's
                    self._sessions[client, server] = made
                case hdlc.Disconnected(client=client, server=server):
                    self._sessions.pop((client, server), None)
                case hdlc.Apdu(client=client, server=server, data=data):
                    for answer in self._sessions[client, server].receive(data, now):
                        self._apply(self._link.reply(client, server, answer, now))
                case hdlc.TooLong(client=client, server=server):
                    self._apply(self._link.reply(client, server, _TOO_LONG, now))
        self._timer.arm()
