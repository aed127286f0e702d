"""Tunnels on a HAN endpoint: the machines of `protocols.zigbee.tunneling` between a `Han` and the firmware.

The firmware's `listen` is called with `Opened`, `Received` and `Closed`. What `send` cannot deliver is lost as on the air: who
awaits an answer through a tunnel has a time-out of his own. `transfer` waits until its message has arrived.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from devices.parts.deadline import Deadline
from devices.parts.han import HUB, Han, NoAnswer
from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.clusters.tunneling import GB_HRGP, TRANSFER_LIMIT, Tunneling, TunnelStatus
from protocols.zigbee.node import DeviceAnnounced, S, TrustCentreReplaced
from protocols.zigbee.tunneling.client import RETRY, Client
from protocols.zigbee.tunneling.effects import Answer, Closed, Command, Opened, Peer, Received, Refuse
from protocols.zigbee.tunneling.server import Server
from protocols.zigbee.zcl.endpoint import Endpoint, Instance, Outcome, Request

TUNNEL_REFUSED: Final = 0x81BA
"""Event: a RequestTunnel command was rejected (GB)."""
CLOSE_REFUSED: Final = 0x81A4
"""Event: a CloseTunnel command was rejected (GB)."""

Listener = Callable[[Opened | Received | Closed], object]


class _Tunnels(ABC):
    """What both ends share: commands go out, answers go back, the firmware hears the rest."""

    def __init__(self, han: Han, endpoint: Endpoint, listen: Listener) -> None:
        self.han = han
        self.endpoint = endpoint
        self._listen = listen
        han.on(DeviceAnnounced, lambda announced: self.apply(self.forget(announced.short)))
        han.on(TrustCentreReplaced, lambda replaced: self.apply(self.forget(HUB)))

    @abstractmethod
    def forget(self, address: int) -> list[Effect]:
        """A device joined anew."""

    @abstractmethod
    def receive(self, command: Frame, peer: Peer, now: int) -> list[Effect]:
        """A command arrived."""

    @abstractmethod
    def arm(self) -> None:
        """Have the timers follow the machines."""

    def _attach(self, instance: Instance) -> None:
        for command in Tunneling.commands[instance.side].values():
            instance.on(command, self._act)

    def _act(self, command: Frame, request: Request) -> Outcome:
        effects = self.receive(command, Peer(request.message.source, request.message.source_endpoint), request.now)
        answers = [effect.command for effect in effects if isinstance(effect, Answer)]
        refused = [effect.status for effect in effects if isinstance(effect, Refuse)]
        if answers:
            self.han.firmware.after(0, self.apply, effects)  # the answer goes out before what the firmware makes of it
        else:
            self.apply(effects)
        return refused[0] if refused else answers or None

    async def _transfer(self, effects: Iterable[Effect]) -> None:
        """Carry out a machine's `send` and await that the message arrived. Raises NoAnswer."""
        for effect in effects:
            assert isinstance(effect, Command)
            await self.han.tell(*effect.peer, effect.command, source=self.endpoint.number)

    def apply(self, effects: Iterable[Effect]) -> None:
        """Send what goes to the peer, tell the firmware what concerns it."""
        for effect in effects:
            if isinstance(effect, Command):
                with suppress(NoAnswer):
                    self.han.command(*effect.peer, effect.command, source=self.endpoint.number)
            elif isinstance(effect, Opened | Received | Closed):
                self._listen(effect)
        self.arm()


class TunnelServer(_Tunnels):
    """The server side: others open tunnels here."""

    def __init__(self, han: Han, endpoint: Endpoint, server: Server, listen: Listener) -> None:
        super().__init__(han, endpoint, listen)
        self.server = server
        self._timer = Deadline(han.firmware, lambda: server.deadline, lambda: self.apply(server.expire(han.now)))
        self._attach(endpoint.serve(Tunneling, {Tunneling.close_tunnel_timeout: server.timeout // S}))

    def send(self, tunnel: int, data: bytes) -> None:
        """A message into a tunnel. Raises LocalProtocolError for no tunnel, or more than the peer takes."""
        self.apply(self.server.send(tunnel, data, self.han.now))

    async def transfer(self, tunnel: int, data: bytes) -> None:
        """As `send`, and await that it arrived. Raises NoAnswer, too."""
        await self._transfer(self.server.send(tunnel, data, self.han.now))
        self.arm()

    def forget(self, address: int) -> list[Effect]:
        return self.server.forget(address)

    def receive(self, command: Frame, peer: Peer, now: int) -> list[Effect]:
        effects = self.server.receive(command, peer, now)
        self._report_refusal(command, peer, effects)
        return effects

    def _report_refusal(self, command: Frame, peer: Peer, effects: Iterable[Effect]) -> None:
        for effect in effects:
            code, status = None, 0
            match effect:
                case Answer(command=Tunneling.RequestTunnelResponse(tunnel_status=status)) if status != TunnelStatus.SUCCESS:
                    code = TUNNEL_REFUSED
                case Refuse(status=status) if isinstance(command, Tunneling.RequestTunnel):
                    code = TUNNEL_REFUSED
                case Refuse(status=status) if isinstance(command, Tunneling.CloseTunnel):
                    code = CLOSE_REFUSED
            if code is not None:
                told = {"code": code, "eui64": self.han.stack.eui64_of(peer.address), "status": int(status)}
                self.han.board.log("event", told)

    def arm(self) -> None:
        self._timer.arm()


class TunnelClients(_Tunnels):
    """The client side: a tunnel to each peer that `open` names, kept open."""

    def __init__(self, han: Han, endpoint: Endpoint, listen: Listener) -> None:
        super().__init__(han, endpoint, listen)
        self.clients: dict[Peer, Client] = {}
        self._timers: dict[Peer, Deadline] = {}
        self._attach(endpoint.use(Tunneling))

    def open(
        self,
        peer: Peer,
        protocol: int = GB_HRGP,
        *,
        limit: int = TRANSFER_LIMIT,
        stale: int | None = None,
        retry: int | None = RETRY,
    ) -> Client:
        """Open a tunnel and keep it open. `stale`: the identifier it had before a restart; `retry`: as `Client` has it."""
        client = self.clients[peer] = Client(peer, protocol, limit=limit, retry=retry)
        now = self.han.now
        self._timers[peer] = Deadline(self.han.firmware, lambda: client.deadline, lambda: self.apply(client.expire(self.han.now)))
        self.apply(client.open(now, stale=stale))
        return client

    def close(self, peer: Peer) -> None:
        """Close a tunnel and forget it. KeyError when there is none."""
        self.apply(self.clients.pop(peer).close(self.han.now))
        del self._timers[peer]

    def drop(self, peer: Peer) -> None:
        """Forget a tunnel without a word. KeyError when there is none."""
        del self.clients[peer], self._timers[peer]

    def send(self, peer: Peer, data: bytes) -> None:
        """A message into the tunnel to a peer. KeyError; LocalProtocolError when it is not open, or takes less."""
        self.apply(self.clients[peer].send(data, self.han.now))

    async def transfer(self, peer: Peer, data: bytes) -> None:
        """As `send`, and await that it arrived. Raises NoAnswer, too."""
        await self._transfer(self.clients[peer].send(data, self.han.now))

    def forget(self, address: int) -> list[Effect]:
        clients = [client for peer, client in self.clients.items() if peer.address == address]
        return [effect for client in clients for effect in client.forgotten(self.han.now)]

    def receive(self, command: Frame, peer: Peer, now: int) -> list[Effect]:
        client = self.clients.get(peer)
        return Client(peer).receive(command, now) if client is None else client.receive(command, now)

    def arm(self) -> None:
        for timer in self._timers.values():
            timer.arm()
