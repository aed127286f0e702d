"""Packets of the head end for gas meters that sleep: kept until a meter's next report, and passed on while it stays awake for them.

A flag in the meter's mirror has it stay awake until there are none. They go in order; one whose arrival the hub did not learn goes
again, so what must not be done twice is sealed from end to end, where a number counts once. After a day a packet is dropped with
an event; with the meter's mirror go those for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from devices.parts.node import NoAnswer
from devices.runtime.kernel import DAY, HOUR
from hubfw.han.mailbox import NOT_FETCHED
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.gateway import Packet

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from hubfw.han.mirrors import Mirrors

MOST: Final = 8
"""That wait for one meter."""
_KEY: Final = "wan/sleepers"
_FLAG: Final = Functional.STAY_AWAKE_REQUEST_WAN


class Sleepers:
    """What waits. `give(packet)` passes one on, and raises NoAnswer."""

    def __init__(self, firmware: Firmware, mirrors: Mirrors, give: Callable[[Packet], Awaitable[object]]) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._mirrors = mirrors
        self._give_one = give
        self._waiting: list[tuple[int, bytes]] = [(since, packet) for since, packet in self._board.nvm.get(_KEY, [])]
        """Since when (UTC ns), and what"""
        self._busy: list[int] = []
        mirrors.on_told = self._told
        mirrors.on_removed = self._forget
        for eui64 in dict.fromkeys(Packet.parse(packet).eui64 for _, packet in self._waiting):
            mirrors.notify(_FLAG, eui64)
        if self._waiting:
            self._watch()

    def close(self) -> None:
        """Pass nothing on any more. What waits stays kept."""
        self._mirrors.on_told = self._mirrors.on_removed = lambda eui64: None

    def waiting(self, eui64: int) -> list[Packet]:
        """For one meter, oldest first."""
        return [packet for _, octets in self._waiting if (packet := Packet.parse(octets)).eui64 == eui64]

    def keep(self, packet: Packet) -> bool:
        """Have it wait. False for a device that does not sleep, and where too many do."""
        if self._mirrors.of(packet.eui64) is None or len(self.waiting(packet.eui64)) >= MOST:
            return False
        if not self._waiting:
            self._firmware.after(HOUR, self._watch)
        self._store([*self._waiting, (self._board.rtc.read(), packet.build())])
        self._mirrors.notify(_FLAG, packet.eui64)
        return True

    def _told(self, eui64: int) -> None:
        """A meter is awake, and knows what waits for it."""
        if eui64 not in self._busy and self.waiting(eui64):
            self._busy.append(eui64)
            self._firmware.spawn(self._give(eui64))

    async def _give(self, eui64: int) -> None:
        try:
            while waiting := self.waiting(eui64):
                await self._give_one(waiting[0])
                self._drop(waiting[0])
        except NoAnswer:
            return  # it sleeps again
        finally:
            self._busy.remove(eui64)
        self._mirrors.withdraw(_FLAG, eui64)

    def _forget(self, eui64: int) -> None:
        if self.waiting(eui64):
            self._store([each for each in self._waiting if Packet.parse(each[1]).eui64 != eui64])

    def _drop(self, packet: Packet) -> None:
        octets = packet.build()
        at = next((at for at, (_, each) in enumerate(self._waiting) if each == octets), None)
        if at is not None:
            self._store(self._waiting[:at] + self._waiting[at + 1 :])

    def _watch(self) -> None:
        """Drop what is too old, and look again while something waits."""
        old = self._board.rtc.read() - DAY
        left = [(since, octets) for since, octets in self._waiting if since > old]
        for each in self._waiting:
            if each not in left:
                self._board.log("event", {"code": NOT_FETCHED, "eui64": Packet.parse(each[1]).eui64})
        if len(left) < len(self._waiting):
            self._store(left)
        if self._waiting:
            self._firmware.after(HOUR, self._watch)

    def _store(self, waiting: list[tuple[int, bytes]]) -> None:
        self._waiting = waiting
        self._board.nvm.put({_KEY: [list(each) for each in waiting]})
