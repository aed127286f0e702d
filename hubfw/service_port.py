"""The hub's service port: its own logical devices over HDLC, for a hand-held terminal on the spot.

The terminal occupies the port while it is plugged in; when it is pulled out, what it had open is gone.
Not here: the meters behind the hub, which a terminal reads at their own ports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.runtime.port import Port
from protocols.core.effects import Effect, Send
from protocols.dlms import hdlc
from protocols.dlms.server import LogicalDevice, Session
from protocols.dlms.xdlms import ExceptionResponse, ServiceError, StateError

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

PARAMETERS: Final = hdlc.Parameters(hdlc.Limits(512, 512, 1, 1))
_TOO_LONG: Final = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.PDU_TOO_LONG).build()


class ServicePort:
    """Logical devices by server address, on a port."""

    def __init__(self, firmware: Firmware, port: Port, devices: Mapping[int, LogicalDevice]) -> None:
        self._firmware = firmware
        self._port = port
        self._devices = devices
        self._timer = Deadline(firmware, lambda: self._link.deadline, lambda: self._apply(self._link.expire(firmware.now)))
        port.on_receive = lambda data: self._apply(self._link.feed(data, firmware.now))
        port.on_plug = self._plugged
        self._plugged(port.occupied)

    def _plugged(self, occupied: bool) -> None:
        self._link = hdlc.ServerLink(tuple(self._devices), PARAMETERS)
        self._sessions: dict[tuple[int, int], Session] = {}

    def _apply(self, effects: Iterable[Effect]) -> None:
        now = self._firmware.now
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._port.write(data)
                case hdlc.Connected(client=client, server=server):
                    self._sessions[client, server] = Session(self._devices[server], client, server, PARAMETERS.largest_apdu)
                case hdlc.Disconnected(client=client, server=server):
                    self._sessions.pop((client, server), None)
                case hdlc.Apdu(client=client, server=server, data=data):
                    answer = self._sessions[client, server].request(data, now)
                    if answer is not None:
                        self._apply(self._link.reply(client, server, answer, now))
                case hdlc.TooLong(client=client, server=server):
                    self._apply(self._link.reply(client, server, _TOO_LONG, now))
        self._timer.arm()
