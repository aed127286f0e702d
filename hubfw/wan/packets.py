"""Packets between the head end and devices on the HAN that the hub passes on and does not read: Smart Energy from end to end.

Two application layers carry them, each in its own way: `wan.gateway` and `wan.foreign`. Only utility devices may be addressed;
what a consumer bought is not the head end's to talk to. What a device sends to `ENDPOINT` is kept in NVM, in order, until the
head end has acknowledged it. A packet for a device goes at once, and whether it arrived is told; what a gas meter sleeps through
waits for it (`sleepers`).

Under which key a packet goes on the HAN is as for any message of that cluster (`zcl.security`); a payload that is sealed from end
to end is none of the hub's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han
from devices.parts.node import NoAnswer
from hubfw.config import ESME, GSME, LOAD_CONTROLLER, PPMID, PREPAY_GAS
from hubfw.device_log import DeviceLog
from hubfw.wan.endpoint import PATH
from hubfw.wan.sleepers import Sleepers
from protocols.core.effects import Effect
from protocols.zigbee.gateway import LARGEST_PAYLOAD, Packet, Status
from protocols.zigbee.node import Message
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from hubfw.han.mirrors import Mirrors

ENDPOINT: Final = 0xC8
"""The hub's endpoint that stands for the head end; what comes to it is passed on unread."""
UTILITY: Final = (ESME, GSME, PREPAY_GAS, PPMID, LOAD_CONTROLLER)
"""Kinds of device that may be addressed from the WAN (GB: Type 1)."""
CAPACITY: Final = 64
"""Packets kept for the head end; beyond that the oldest is lost."""
_KEY: Final = "wan/packets"
_DEVICE: Final = 0x0500
"""What the endpoint says it is: an energy service interface."""


class _Door(Endpoint):
    """Takes whatever comes to it, and answers nothing."""

    def __init__(self, take: Callable[[Message], object]) -> None:
        super().__init__(ENDPOINT, _DEVICE)
        self._take = take

    def handle(self, message: Message, now: int) -> list[Effect]:
        """A message for the head end."""
        self._take(message)
        return []


class Packets:
    """Both directions. `on_packet()` is called when one more waits for the head end."""

    def __init__(self, firmware: Firmware, han: Han, log: DeviceLog, mirrors: Mirrors) -> None:
        self.on_packet: Callable[[], object] = lambda: None
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._log = log
        kept = self._board.nvm.get(_KEY, {"next": 1, "waiting": []})
        self._next: int = kept["next"]
        self._waiting: list[tuple[int, bytes]] = [(number, packet) for number, packet in kept["waiting"]]
        self._sleepers = Sleepers(firmware, mirrors, self._pass)
        han.add(_Door(self._received))

    def close(self) -> None:
        """Pass nothing on any more. What waits stays kept."""
        self._sleepers.close()
        self._han.remove(ENDPOINT)

    def addressable(self, eui64: int) -> Status:
        """Whether a device may be addressed: SUCCESS, or why not."""
        kind = self._log.kind(eui64)
        if kind is None:
            return Status.UNKNOWN_DEVICE
        return Status.SUCCESS if kind in UTILITY else Status.NOT_ADDRESSABLE

    async def send(self, packet: Packet) -> Status:
        """Pass a packet on to a device; how that went. The head end's endpoint is `ENDPOINT` on the HAN, whatever it says."""
        status = self.addressable(packet.eui64)
        if status is Status.SUCCESS:
            self._board.note(PATH, {"to": f"{packet.eui64:016X}", "translations": 0})
        if status is Status.SUCCESS and len(packet.payload) > LARGEST_PAYLOAD:
            status = Status.TOO_LONG
        if status is Status.SUCCESS:
            try:
                if self._sleepers.waiting(packet.eui64):
                    raise NoAnswer("others wait")
                await self._pass(packet)
            except NoAnswer:
                status = Status.WAITING if self._sleepers.keep(packet) else Status.NOT_DELIVERED
        self._board.log("wan.packet-out", {"eui64": packet.eui64, "cluster": packet.cluster, "status": status.name})
        return status

    async def _pass(self, packet: Packet) -> None:
        """Raises NoAnswer."""
        address = self._han.stack.address_of(packet.eui64)
        if address is None:
            raise NoAnswer("no address")
        await self._han.deliver(address, packet.destination_endpoint, packet.cluster, packet.payload, source=ENDPOINT)

    @property
    def waiting(self) -> list[tuple[int, bytes]]:
        """(number, packet) that the head end has not acknowledged, oldest first."""
        return list(self._waiting)

    def acknowledge(self, number: int, eui64: int | None = None) -> None:
        """The head end has the packets up to this number; those of one device, or all."""
        device = b"" if eui64 is None else eui64.to_bytes(8, "big")
        left = [each for each in self._waiting if each[0] > number or not each[1].startswith(device)]
        if len(left) < len(self._waiting):
            self._waiting = left
            self._keep()

    def _received(self, message: Message) -> None:
        if message.source_eui64 is None or self.addressable(message.source_eui64) is not Status.SUCCESS:
            return
        packet = Packet(
            message.source_eui64, message.profile, message.cluster, message.source_endpoint, message.destination_endpoint,
            message.payload,
        )  # fmt: skip
        self._waiting = [*self._waiting, (self._next, packet.build())][-CAPACITY:]
        self._next += 1
        self._keep()
        self._board.log("wan.packet-in", {"eui64": packet.eui64, "cluster": packet.cluster, "waiting": len(self._waiting)})
        self.on_packet()

    def _keep(self) -> None:
        self._board.nvm.put({_KEY: {"next": self._next, "waiting": [list(each) for each in self._waiting]}})
