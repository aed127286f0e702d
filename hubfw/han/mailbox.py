"""Messages for gas meters that sleep: kept until the meter fetches them, and the messages that it gives (GB).

The meter opens a tunnel of protocol 6 at the hub's energy services interface and asks for one message at a time (`transfer`). A
flag in its mirror says that some wait. What was accepted is in non-volatile memory, one record a message; it is forgotten when
it has arrived, or a day after it came, with an event.

Not here: what a message says, and devices that are awake (`tunnels`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer
from devices.parts.tunnel import TunnelServer
from devices.runtime.kernel import HOUR
from hubfw.config import HHT
from hubfw.device_log import DeviceLog
from hubfw.han.mirrors import Mirrors
from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.gbcs.message import message_code
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.mirror.queue import Queue, Waiting
from protocols.zigbee.mirror.transfer import EMPTY, TRANSFERS, Get, GetResponse, Put
from protocols.zigbee.tunneling.effects import Closed, Opened, Peer, Received
from protocols.zigbee.tunneling.server import Server, Tunnel
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

NOT_FETCHED: Final = 0x809D
"""Event: a message waited in vain (GB)."""
TUNNELS: Final = 16
"""One for each line of the device log."""

_KEY = "mail/"


class Mailbox:
    """The queues of all sleeping meters. `message(eui64, octets)`: one came from a meter."""

    def __init__(
        self,
        firmware: Firmware,
        han: Han,
        endpoint: Endpoint,
        log: DeviceLog,
        mirrors: Mirrors,
        message: Callable[[int, bytes], object],
    ) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._mirrors = mirrors
        self._message = message
        server = Server(capacity=TUNNELS, admits=lambda peer: log.kind(han.stack.eui64_of(peer.address)) not in (None, HHT))
        self._tunnels = TunnelServer(han, endpoint, server, self._heard)
        stored: dict[int, list[Waiting]] = {}
        for key in self._board.nvm.keys(_KEY):
            eui64, _, number = key.removeprefix(_KEY).partition("/")
            stored.setdefault(int(eui64, 16), []).append(Waiting(int(number), *self._board.nvm.get(key)))
        self._queues = {eui64: Queue(waiting) for eui64, waiting in stored.items()}

    def start(self) -> None:
        """Take up what waited before a restart."""
        for eui64, queue in self._queues.items():
            self._flag(eui64, queue)
        if self._queues:
            self._watch()

    def waiting(self, eui64: int) -> int:
        """How many messages wait for a meter."""
        queue = self._queues.get(eui64)
        return 0 if queue is None else len(queue)

    def put(self, eui64: int, message: bytes) -> None:
        """A message for a meter. Raises LocalProtocolError when it has no mirror, too many wait, or it is too long."""
        if self._mirrors.of(eui64) is None:
            raise LocalProtocolError(f"{eui64:016X} has no mirror, so that nothing can be kept for it")
        idle = not self._queues
        queue = self._queues.setdefault(eui64, Queue())
        waiting = queue.put(message, self._utc())
        try:
            self._board.nvm.put(_record(eui64, waiting))
        except LocalProtocolError:
            queue.done(waiting.number)
            raise
        self._flag(eui64, queue)
        if idle:
            self._watch()

    def answer(self, eui64: int) -> GetResponse:
        """What a meter is told that asks for a message."""
        queue = self._queues.get(eui64)
        head = None if queue is None else queue.head
        return EMPTY if queue is None or head is None else GetResponse(len(queue) - 1, head.message)

    @property
    def tunnels(self) -> list[Tunnel]:
        """Those that devices have at the hub."""
        return list(self._tunnels.server.tunnels.values())

    def forget(self, eui64: int) -> None:
        """A meter is struck off: nothing waits for it."""
        queue = self._queues.pop(eui64, None)
        if queue is not None:
            self._board.nvm.delete(*self._board.nvm.keys(f"{_KEY}{eui64:016X}/"))

    # --- the tunnel ---

    def _heard(self, effect: Opened | Received | Closed) -> None:
        if not isinstance(effect, Received):
            kind = "mailbox.tunnel-open" if isinstance(effect, Opened) else "mailbox.tunnel-closed"
            self._board.log(kind, {"eui64": self._han.stack.eui64_of(effect.peer.address), "tunnel": effect.tunnel})
            return
        eui64 = self._han.stack.eui64_of(effect.peer.address)
        try:
            transfer = TRANSFERS.parse(effect.data)
        except DecodeError as error:
            self._board.log("mailbox.bad", {"eui64": eui64, "reason": str(error)})
            return
        if eui64 is None:
            return
        if isinstance(transfer, Get):
            self._firmware.spawn(self._give(eui64, effect.peer, effect.tunnel))
        elif isinstance(transfer, Put):
            self._message(eui64, transfer.message)

    async def _give(self, eui64: int, peer: Peer, tunnel: int) -> None:
        """The oldest message, or the word that none waits. What has not arrived stays the oldest."""
        queue = self._queues.get(eui64)
        head = None if queue is None else queue.head
        try:
            await self._tunnels.transfer(tunnel, self.answer(eui64).build())
        except (NoAnswer, LocalProtocolError) as reason:  # out of reach, or the tunnel is gone or takes less
            self._board.log("mailbox.not-given", {"eui64": eui64, "reason": str(reason)})
            return
        if queue is not None and head is not None and queue.done(head.number):
            self._board.nvm.delete(_key(eui64, head.number))
            self._board.log("mailbox.given", {"eui64": eui64, "message": message_code(head.message), "left": len(queue)})
        if queue is not None:
            self._flag(eui64, queue)

    # --- age ---

    def _watch(self) -> None:
        """Drop what is too old, and look again when the next will be; while nothing waits nobody looks."""
        utc = self._utc()
        for eui64, queue in list(self._queues.items()):
            if utc is not None:
                self._board.nvm.put({key: value for each in queue.date(utc) for key, value in _record(eui64, each).items()})
                old = queue.expire(utc)
                self._board.nvm.delete(*(_key(eui64, each.number) for each in old))
                for each in old:
                    self._board.log("event", {"code": NOT_FETCHED, "eui64": eui64, "message": message_code(each.message)})
                self._flag(eui64, queue)
            if not queue:
                del self._queues[eui64]
        if self._queues:
            due = [queue.deadline for queue in self._queues.values() if queue.deadline is not None]
            look = self._firmware.now + HOUR
            self._firmware.at(min([look, *(self._board.rtc.when(utc) for utc in due)]), self._watch)

    def _flag(self, eui64: int, queue: Queue) -> None:
        change = self._mirrors.notify if queue else self._mirrors.withdraw
        change(Functional.TUNNEL_MESSAGE_PENDING, eui64)

    def _utc(self) -> int | None:
        return self._board.rtc.read() if self._board.rtc.valid else None


def _record(eui64: int, waiting: Waiting) -> dict[str, object]:
    return {_key(eui64, waiting.number): [waiting.message, waiting.since]}


def _key(eui64: int, number: int) -> str:
    return f"{_KEY}{eui64:016X}/{number}"
