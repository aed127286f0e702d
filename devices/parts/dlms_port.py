"""COSEM logical devices over HDLC on a serial port: a wired meter interface, a hub's service port, what an optical port comes to.

Whoever plugs in has the port until the plug is pulled; with it everything that was open is gone. The server speaks when polled, and
unasked in UI frames alone. What comes in a UI frame is carried out under a pre-established association or the client's own one, and
never answered; what is for all stations, under pre-established ones alone. Not here: the IEC 62056-21 sign-on (`optical_port`).
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

PARAMETERS: Final = hdlc.Parameters(hdlc.Limits(1024, 1024, 7, 7))
_TOO_LONG: Final = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.PDU_TOO_LONG).build()


class DlmsPort:
    """A COSEM server's logical devices, each at the HDLC address that is its SAP."""

    def __init__(self, firmware: Firmware, port: Port, server: Server) -> None:
        self._firmware = firmware
        self._port = port
        self._server = server
        self._sessions: dict[tuple[int, int], Session] = {}
        self._timer = Deadline(firmware, lambda: self._link.deadline, lambda: self._apply(self._link.expire(firmware.now)))
        port.on_receive = self.receive
        port.on_plug = lambda occupied: self.begin()
        self.begin()

    @property
    def engaged(self) -> bool:
        """Somebody is connected, or a frame has begun."""
        return self._link.engaged

    @property
    def receiving(self) -> bool:
        """A frame has begun and not ended."""
        return self._link.receiving

    @property
    def connected(self) -> bool:
        """Somebody is connected."""
        return bool(self._sessions)

    def begin(self) -> None:
        """Nothing is open any more."""
        for session in self._sessions.values():
            session.close()
        self._link = hdlc.ServerLink(tuple(self._server.devices), PARAMETERS)
        self._sessions.clear()
        self._port.resting = False

    def receive(self, data: bytes) -> None:
        """Octets from the line."""
        self._apply(self._link.feed(data, self._firmware.now))

    def notify(self, client: int, server: int, apdu: bytes) -> None:
        """Say an APDU that nobody asked for (a DataNotification) in a UI frame. LocalProtocolError when it does not fit."""
        self._apply(self._link.notify(client, server, apdu))

    def _apply(self, effects: Iterable[Effect]) -> None:
        now = self._firmware.now
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._port.write(data)
                case hdlc.Connected(client=client, server=server):
                    made = self._session(client, server)
                    assert made is not None  # the link knows no addresses but the server's
                    self._sessions[client, server] = made
                    self._port.resting = False
                case hdlc.Disconnected(client=client, server=server):
                    self._sessions.pop((client, server)).close()
                    self._port.resting = not self._sessions
                case hdlc.Apdu(client=client, server=server, data=data):
                    for answer in self._sessions[client, server].receive(data, now):
                        self._apply(self._link.reply(client, server, answer, now))
                case hdlc.TooLong(client=client, server=server):
                    self._apply(self._link.reply(client, server, _TOO_LONG, now))
                case hdlc.Unconfirmed(client=client, server=server, data=data):
                    self._carry_out(client, server, data)
        self._timer.arm()

    def _session(self, client: int, server: int) -> Session | None:
        return self._server.session(client, server, PARAMETERS.largest_apdu)

    def _carry_out(self, client: int, server: int, apdu: bytes) -> None:
        """What came in a UI frame. Nobody is told what became of it."""
        now = self._firmware.now
        if (client, server) in self._sessions:
            self._sessions[client, server].receive(apdu, now)
            return
        for each in tuple(self._server.devices) if server in hdlc.ALL_STATIONS else (server,):
            session = self._session(client, each)
            if session is not None:
                session.receive(apdu, now)
                session.close()
