"""Tunnels to devices that are awake (SE 1.4 annex D.6), and what goes through them: DLMS, or the messages of GB.

A tunnel is opened when the device has joined, again when it is gone, and after a restart of the hub, which closes the one it had.
A bench chooses its protocol. Through protocol 0 go DLMS wrapper PDUs, whole; the meter behind a tunnel is server address 1.
Through protocol 6 (GB-HRGP) go bare messages, as they are; a wrapper PDU is one of them, told by the version that it begins with.

While a tunnel is not open a few PDUs wait, not for long: whoever sent them has stopped waiting by then. A PDU that found the
tunnel gone at the device goes again through the next.

Not here: which SAP of the WAN a meter has, and whose answers they are (`meter`); devices that sleep (`mailbox`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer
from devices.parts.tunnel import TunnelClients
from devices.runtime.kernel import MIN, S
from devices.runtime.tasks import Task
from hubfw.meter import Meter
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import wrapper
from protocols.gbcs.message import message_code
from protocols.zigbee.clusters.tunneling import DLMS, Tunneling
from protocols.zigbee.tunneling.client import Client, State
from protocols.zigbee.tunneling.effects import Closed, Opened, Peer, Received
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

SERVER_SAP: Final = 1
WAITING: Final = 8
"""PDUs that wait for a tunnel."""
PATIENCE: Final = 20 * S
"""How long they do."""
NOT_DELIVERED: Final = 0x8F84
"""Event: a message of a remote party could not be delivered (GB)."""
SETTLE: Final = 1 * S
"""After a device's announcement, before it is asked anything."""
FIRST_PAUSE: Final = 10 * S
LONGEST_PAUSE: Final = 15 * MIN

WRAPPER_VERSION: Final = wrapper.VERSION.to_bytes(2, "big")

_KEY = "tunnel/"


class Tunnel:
    """The path to one device. `meter`: whose APDUs go through it, if anybody's; `message(eui64, octets)`: one that is no APDU."""

    def __init__(
        self,
        firmware: Firmware,
        clients: TunnelClients,
        eui64: int,
        protocol: int,
        meter: Meter | None,
        message: Callable[[int, bytes], object],
    ) -> None:
        self.eui64 = eui64
        self.protocol = protocol
        self.meter = meter
        self.peer: Peer | None = None
        self.opening = False
        self.dropped = 0
        """PDUs that were too many, too old or too long."""
        self._firmware = firmware
        self._clients = clients
        self._message = message
        self._limit: int | None = None
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._unanswered: tuple[int, bytes] | None = None

    @property
    def open(self) -> bool:
        """Whether it carries data now."""
        return self._limit is not None

    @property
    def client(self) -> Client | None:
        """The machine that keeps it open; None before the meter's endpoint is known."""
        return None if self.peer is None else self._clients.clients.get(self.peer)

    def send(self, client: int, apdu: bytes) -> None:
        """An APDU for the meter, from a client address."""
        self.deliver(wrapper.wrap(client, SERVER_SAP, apdu))

    def deliver(self, pdu: bytes) -> None:
        """A message as it is, for a device that this tunnel's protocol allows it."""
        if self._limit is None:
            self._waiting.append((self._firmware.now, pdu))
            if len(self._waiting) > WAITING:
                self._drop(self._waiting.popleft()[1], "too many wait")
        else:
            self._transfer(self._firmware.now, pdu)

    def _transfer(self, since: int, pdu: bytes) -> None:
        assert self._limit is not None
        assert self.peer is not None
        if len(pdu) > self._limit:
            self._drop(pdu, f"the tunnel carries {self._limit} octets")
            return
        self._unanswered = since, pdu
        self._clients.send(self.peer, pdu)

    def _drop(self, pdu: bytes, reason: str) -> None:
        self.dropped += 1
        self._firmware.board.log("tunnel.dropped", {"eui64": self.eui64, "octets": len(pdu), "reason": reason})
        if not _is_wrapper(pdu):
            told = {"code": NOT_DELIVERED, "eui64": self.eui64, "message": message_code(pdu)}
            self._firmware.board.log("event", told)

    def opened(self, limit: int) -> None:
        """Data go through, up to `limit` octets at once."""
        self._limit = limit
        waiting, self._waiting = self._waiting, deque()
        for since, pdu in waiting:
            if self._firmware.now - since > PATIENCE:
                self._drop(pdu, "waited too long")
            else:
                self._transfer(since, pdu)

    def closed(self) -> None:
        """Nothing goes through."""
        self._limit = None
        if self._unanswered is not None:
            self._waiting.appendleft(self._unanswered)
            self._unanswered = None

    def received(self, data: bytes) -> None:
        """What came out of it."""
        self._unanswered = None
        if self.meter is None or (self.protocol != DLMS and not _is_wrapper(data)):
            self._message(self.eui64, data)
            return
        try:
            pdu = wrapper.unwrap(data)
        except RemoteProtocolError as error:
            self._firmware.board.log("tunnel.bad", {"eui64": self.eui64, "reason": str(error)})
            return
        if pdu.source == SERVER_SAP:
            self.meter.received(pdu.destination, pdu.apdu)
        else:
            self._firmware.board.log("tunnel.bad", {"eui64": self.eui64, "reason": f"from server {pdu.source}"})


class Tunnels:
    """The tunnels of one hub, on its energy services interface. `message(eui64, octets)`: one came that is no meter's APDU."""

    def __init__(
        self, firmware: Firmware, han: Han, endpoint: Endpoint, protocol: int, message: Callable[[int, bytes], object]
    ) -> None:
        self.protocol = protocol
        self._firmware = firmware
        self._store = firmware.board.nvm
        self._han = han
        self._message = message
        self._clients = TunnelClients(han, endpoint, self._heard)
        self._tunnels: dict[int, Tunnel] = {}
        self._openings: dict[int, Task[None]] = {}

    def of(self, eui64: int) -> Tunnel | None:
        """The tunnel to a device."""
        return self._tunnels.get(eui64)

    def open(self, eui64: int, meter: Meter | None = None) -> None:
        """Have a tunnel to a device that is on the network. Call it again whenever the device has announced itself."""
        tunnel = self._tunnels.get(eui64)
        if tunnel is None:
            tunnel = Tunnel(self._firmware, self._clients, eui64, self.protocol, meter, self._message)
            self._tunnels[eui64] = tunnel
            if meter is not None:
                meter.path = tunnel
        if not tunnel.opening:
            tunnel.opening = True
            self._openings[eui64] = self._firmware.spawn(self._open(tunnel))

    def close(self, eui64: int) -> None:
        """Have no tunnel to a device any more: it is struck off."""
        tunnel = self._tunnels.pop(eui64, None)
        if tunnel is None:
            if _key(eui64) in self._store:
                self._store.delete(_key(eui64))
            return
        self._openings.pop(eui64).cancel()
        if tunnel.peer is not None:
            self._clients.close(tunnel.peer)
        tunnel.closed()
        if tunnel.meter is not None:
            tunnel.meter.path = None
        self._store.delete(_key(eui64))

    async def _open(self, tunnel: Tunnel) -> None:
        eui64 = tunnel.eui64
        stored = self._store.get(_key(eui64))
        if stored is None or tunnel.peer is not None:
            await self._firmware.sleep(SETTLE)
        peer = await self._find(eui64)
        tunnel.opening = False
        client = tunnel.client
        if client is None or tunnel.peer != peer:
            if tunnel.peer is not None:
                self._clients.close(tunnel.peer)
            tunnel.peer = peer
            stored = self._store.get(_key(eui64), {})
            self._clients.open(peer, tunnel.protocol, stale=stored.get("tunnel"))
        elif client.state in (State.WAITING, State.CLOSED):  # no need to wait on: it has just come back
            self._clients.apply(client.open(self._firmware.now))

    async def _find(self, eui64: int) -> Peer:
        """Where the device serves tunnels: as stored, or as its descriptors say."""
        pause = FIRST_PAUSE
        while True:
            try:
                address = await self._han.find(eui64)
                stored = self._store.get(_key(eui64))
                if stored is not None:
                    return Peer(address, stored["endpoint"])
                for source, endpoint in await self._han.match([Tunneling.id], destination=address):
                    if source == address:
                        return Peer(address, endpoint)
            except NoAnswer:
                pass
            await self._firmware.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _heard(self, effect: Opened | Received | Closed) -> None:
        tunnel = next((tunnel for tunnel in self._tunnels.values() if tunnel.peer == effect.peer), None)
        if tunnel is None:
            return
        if isinstance(effect, Received):
            tunnel.received(effect.data)
            return
        eui64 = tunnel.eui64
        if isinstance(effect, Opened):
            self._store.put({_key(eui64): {"endpoint": effect.peer.endpoint, "tunnel": effect.tunnel}})
            self._firmware.board.log("tunnel.open", {"eui64": eui64, "tunnel": effect.tunnel, "limit": effect.limit})
            tunnel.opened(effect.limit)
        else:
            self._firmware.board.log("tunnel.closed", {"eui64": eui64, "reason": effect.reason})
            tunnel.closed()


def _is_wrapper(octets: bytes) -> bool:
    """Whether it is a DLMS wrapper PDU: GB's messages begin with other octets."""
    return octets[:2] == WRAPPER_VERSION


def _key(eui64: int) -> str:
    return f"{_KEY}{eui64:016X}"
