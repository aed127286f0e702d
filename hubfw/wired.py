"""The electricity meter on the hub's own serial port instead of the HAN: an HDLC line with the hub as primary station.

Each client of the WAN has its own data link connection to the meter's management logical device (server address 1); the line
carries one request at a time, the others wait. A connection that the meter has dropped in the meantime is made anew once, and the
request repeated: the meter has not seen it, or has forgotten the association under which it came. Of blocks that the meter streams
(general block transfer) the hub fetches one after the other, until the last or the end of their window.

Not here: whose answers they are, and what becomes of an association when its client is gone (`meter`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.runtime.kernel import S
from devices.runtime.port import Port
from hubfw.meter import Meter
from protocols.core.effects import Effect, Send
from protocols.dlms import hdlc
from protocols.dlms.general_block import continues
from protocols.dlms.hdlc.client import State

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

SERVER: Final = 1
WAITING: Final = 8
"""Requests that wait for the line."""
CONNECTIONS: Final = 8
"""Data links kept open; the oldest is left to the meter's inactivity time-out."""
PARAMETERS: Final = hdlc.Parameters(hdlc.Limits(512, 512, 1, 1), response_time_out=2 * S)


class Wired:
    """The path to the meter on a port."""

    def __init__(self, firmware: Firmware, port: Port, meter: Meter) -> None:
        self.meter = meter
        self.dropped = 0
        """Requests that were too many, or that the meter never answered."""
        self._firmware = firmware
        self._port = port
        self._links: dict[int, hdlc.ClientLink] = {}
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._request: tuple[int, bytes] | None = None
        self._fresh = False
        """The connection was made for the present request."""
        self._timer = Deadline(firmware, self._deadline, self._expire)
        port.on_receive = self._received

    def send(self, client: int, apdu: bytes) -> None:
        """An APDU for the meter, from a client address."""
        if len(self._waiting) >= WAITING:
            self._drop(client, "too many requests wait")
            return
        self._waiting.append((client, apdu))
        self._next()

    def _next(self) -> None:
        if self._request is not None or not self._waiting:
            return
        self._request = client, _ = self._waiting.popleft()
        if client not in self._links:
            if len(self._links) >= CONNECTIONS:
                del self._links[next(iter(self._links))]
            self._links[client] = hdlc.ClientLink(client, SERVER, PARAMETERS)
        self._fresh = False
        self._start()

    def _start(self) -> None:
        assert self._request is not None
        client, apdu = self._request
        link, now = self._links[client], self._firmware.now
        if link.state is State.CONNECTED:
            self._apply(link.request(apdu, now))
        else:
            self._fresh = True
            self._apply(link.connect(now))

    def _received(self, data: bytes) -> None:
        if self._request is not None:
            self._apply(self._links[self._request[0]].feed(data, self._firmware.now))

    def _deadline(self) -> int | None:
        return None if self._request is None else self._links[self._request[0]].deadline

    def _expire(self) -> None:
        if self._request is not None:
            self._apply(self._links[self._request[0]].expire(self._firmware.now))

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._port.write(data)
                case hdlc.Connected():
                    self._start()
                case hdlc.Apdu(client=client, data=data):
                    self.meter.received(client, data)
                    if continues(data):  # the meter owes the rest of a stream, and speaks when polled
                        self._apply(self._links[client].poll(self._firmware.now))
                        continue
                    self._request = None
                    self._next()
                case hdlc.Failed(reason=reason):
                    self._over(reason)
                case hdlc.Disconnected():
                    self._over("the meter closed the connection")
        self._timer.arm()

    def _over(self, reason: str) -> None:
        if self._request is None:
            return
        if not self._fresh:
            self._start()
            return
        client, _ = self._request
        self._request = None
        self._drop(client, reason)
        self._next()

    def _drop(self, client: int, reason: str) -> None:
        self.dropped += 1
        self._firmware.board.log("meter.dropped", {"eui64": self.meter.eui64, "client": client, "reason": reason})
