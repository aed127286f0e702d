"""Application layer `gateway`: Smart Energy from end to end, as `protocols.zigbee.gateway` carries it over TCP. No DLMS is spoken.

A head end logs in with the management client's password; one at a time is served, and a new login takes the place of the old one.
Packets from devices come to whoever is logged in and are kept until acknowledged; those that were not come again at the next login.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.runtime.kernel import MIN, S
from devices.runtime.net import Closed
from hubfw.wan.network import Network, Stream
from hubfw.wan.packets import Packets
from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.gateway import (
    PORT,
    Acknowledge,
    GetApplication,
    Login,
    NotifyAPSMessage,
    Packet,
    Result,
    SendAPSMessage,
    SetApplication,
    Splitter,
    Status,
    framed,
    from_head_end,
)

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

LOGIN_TIME: Final = 10 * S
IDLE: Final = 10 * MIN
CONNECTIONS: Final = 4
"""That may be open at once, logged in or not."""
SENDING: Final = 8
"""Packets that may be under way to devices at once."""


class Gateway:
    """The layer. `choose(name)` sets the hub's application layer, and raises ValueError with the reason where it may not be."""

    def __init__(
        self, firmware: Firmware, network: Network, packets: Packets, password: bytes,
        active: Callable[[], str], choose: Callable[[str], object],
    ) -> None:  # fmt: skip
        self.endpoint = None
        self.packets = packets
        self.password = password
        self.active = active
        self.choose = choose
        self.firmware = firmware
        self._network = network
        self._callers: list[_Caller] = []
        self._served: _Caller | None = None
        packets.on_packet = self._tell
        network.listen(PORT, self._accept)

    def close(self) -> None:
        """Answer nobody any more."""
        self._network.unlisten(PORT)
        self.packets.close()
        for caller in list(self._callers):
            caller.close()

    def notice(self, apdu: bytes) -> tuple[int, bytes]:
        """A notification of the hub, in Smart Energy, for the head end's port."""
        from hubfw.wan.gateway_notices import notice

        return PORT, notice(apdu, self.firmware.board.eui64)

    def _accept(self, stream: Stream) -> None:
        caller = _Caller(self, stream)
        if len(self._callers) >= CONNECTIONS:
            caller.close()
        else:
            self._callers.append(caller)

    def serve(self, caller: _Caller) -> None:
        """A head end has logged in."""
        before, self._served = self._served, caller
        if before is not None and before is not caller:
            before.close()
        caller.told = 0
        self._tell()

    def forget(self, caller: _Caller) -> None:
        """Its connection is gone."""
        if caller in self._callers:
            self._callers.remove(caller)
        if self._served is caller:
            self._served = None

    def _tell(self) -> None:
        caller = self._served
        for number, packet in self.packets.waiting if caller is not None else ():
            if caller is not None and number > caller.told:
                caller.told = number
                caller.say(NotifyAPSMessage(number, Packet.parse(packet)))


class _Caller:
    """One connection."""

    def __init__(self, gateway: Gateway, stream: Stream) -> None:
        self.told = 0
        """Number of the newest packet that it was sent."""
        self._gateway = gateway
        self._stream = stream
        self._splitter = Splitter()
        self._authorised = False
        self._sending = 0
        self._timer = gateway.firmware.after(LOGIN_TIME, self.close)
        stream.on_data = self._data
        stream.on_close = self._closed

    def say(self, message: Frame) -> None:
        """Send a message."""
        self._stream.send(framed(message))

    def close(self) -> None:
        """Close it from our side."""
        self._timer.cancel()
        self._stream.close()
        self._gateway.forget(self)

    def _closed(self, why: Closed) -> None:
        self._timer.cancel()
        self._gateway.forget(self)

    def _data(self, data: bytes) -> None:
        try:
            for message in self._splitter.feed(data):
                self._heard(from_head_end.parse(message))
        except RemoteProtocolError as error:
            self._gateway.firmware.board.log("wan.bad", {"reason": str(error)})
            self.close()

    def _heard(self, message: Frame) -> None:
        if isinstance(message, Login):
            self._authorised = message.password == self._gateway.password
            self._answer(message.transaction, Status.SUCCESS if self._authorised else Status.NOT_AUTHORISED)
            if self._authorised:
                self._gateway.serve(self)
        elif isinstance(message, Acknowledge):
            if self._authorised:
                self._gateway.packets.acknowledge(message.number)
        elif isinstance(message, SendAPSMessage | GetApplication | SetApplication):
            if self._authorised:
                self._do(message)
            else:
                self._answer(message.transaction, Status.NOT_AUTHORISED)
        if self._authorised:
            self._timer.cancel()
            self._timer = self._gateway.firmware.after(IDLE, self.close)

    def _do(self, message: SendAPSMessage | GetApplication | SetApplication) -> None:
        gateway = self._gateway
        if isinstance(message, GetApplication):
            self._answer(message.transaction, Status.SUCCESS, gateway.active())
        elif isinstance(message, SetApplication):
            try:
                gateway.choose(message.name.decode("ascii", "replace"))
            except ValueError as error:
                self._answer(message.transaction, Status.REFUSED, str(error))
            else:
                self._answer(message.transaction, Status.SUCCESS)
        elif self._sending >= SENDING:
            self._answer(message.transaction, Status.NOT_DELIVERED, "too many are under way")
        else:
            self._sending += 1
            gateway.firmware.spawn(self._send(message))

    async def _send(self, message: SendAPSMessage) -> None:
        status = await self._gateway.packets.send(message.packet)
        self._sending -= 1
        self._answer(message.transaction, status)

    def _answer(self, transaction: int, status: Status, text: str = "") -> None:
        self.say(Result(transaction, status, text.encode()[:255]))
