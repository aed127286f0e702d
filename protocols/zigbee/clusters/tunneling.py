"""Tunneling cluster 0x0704, and the two ends of a tunnel as sans-I/O machines (SE 1.4 annex D.6).

A client opens a tunnel for one protocol at a server; both then transfer whole messages, each up to the size that the
other said it takes. `Server` keeps the tunnels that others opened here; a `Client` keeps one tunnel open at one peer, and
opens it again when it is gone: at once when the server no longer knows it, after 180 s when the server was busy.

Flow control is never offered and is refused when asked for: AckTransferData and ReadyData are declared, not acted on.
Nothing here queues: what is sent into a tunnel goes out at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import NamedTuple

from protocols.core.codec import Frame, array, le, rest, this, trailing
from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.node import S
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, command
from protocols.zigbee.zcl.status import Status
from protocols.zigbee.zcl.types import uint16

DLMS = 0
"""Protocol id of DLMS/COSEM (IEC 62056): a wrapper PDU in each transfer."""
GB_HRGP = 6
"""Protocol id of GBCS messages."""
NOT_MANUFACTURER_SPECIFIC = 0xFFFF

TRANSFER_LIMIT = 1500
CLOSE_TIMEOUT = 0xFFFF * S
ANSWER_TIMEOUT = 10 * S
RETRY = 180 * S
"""How long a client waits after BUSY, NO_MORE_TUNNEL_IDS or no answer."""


class TunnelStatus(IntEnum):
    """Answers to RequestTunnel."""

    SUCCESS = 0
    BUSY = 1
    NO_MORE_TUNNEL_IDS = 2
    PROTOCOL_NOT_SUPPORTED = 3
    FLOW_CONTROL_NOT_SUPPORTED = 4


class TransferStatus(IntEnum):
    """Why transferred data was refused."""

    NO_SUCH_TUNNEL = 0
    WRONG_DEVICE = 1
    DATA_OVERFLOW = 2


class Protocol(Frame):
    """A protocol that a server tunnels."""

    manufacturer_code: le.u16
    protocol_id: le.u8


class Tunneling(Cluster, id=0x0704, name="Tunneling"):
    """The server accepts tunnels, the client opens them."""

    close_tunnel_timeout = attribute(0x0000, uint16)
    """Seconds without data after which the server closes a tunnel."""

    @command(0x00, to=SERVER)
    class RequestTunnel(Frame):
        """Open a tunnel."""

        protocol_id: le.u8
        manufacturer_code: le.u16
        flow_control_support: le.boolean
        maximum_incoming_transfer_size: int | None = trailing(le.u16, default=None)

    @command(0x01, to=SERVER)
    class CloseTunnel(Frame):
        """Close a tunnel of one's own."""

        tunnel_id: le.u16

    @command(0x02, to=SERVER)
    class TransferDataClientToServer(Frame):
        """A message for the server's protocol."""

        tunnel_id: le.u16
        data: bytes = rest()

    @command(0x03, to=SERVER)
    class TransferDataErrorClientToServer(Frame):
        """The client refused data: `TransferStatus`."""

        tunnel_id: le.u16
        transfer_data_status: le.u8

    @command(0x04, to=SERVER)
    class AckTransferDataClientToServer(Frame):
        """Flow control: so many octets may follow."""

        tunnel_id: le.u16
        number_of_bytes_left: le.u16

    @command(0x05, to=SERVER)
    class ReadyDataClientToServer(Frame):
        """Flow control: ready for so many octets again."""

        tunnel_id: le.u16
        number_of_octets_left: le.u16

    @command(0x06, to=SERVER)
    class GetSupportedTunnelProtocols(Frame):
        """Ask which protocols are tunnelled, from the n-th on."""

        protocol_offset: le.u8

    @command(0x00, to=CLIENT)
    class RequestTunnelResponse(Frame):
        """The tunnel's identifier, or 0xFFFF and why there is none: `TunnelStatus`."""

        tunnel_id: le.u16
        tunnel_status: le.u8
        maximum_incoming_transfer_size: int | None = trailing(le.u16, default=None)

    @command(0x01, to=CLIENT)
    class TransferDataServerToClient(Frame):
        """A message for the client's protocol."""

        tunnel_id: le.u16
        data: bytes = rest()

    @command(0x02, to=CLIENT)
    class TransferDataErrorServerToClient(Frame):
        """The server refused data: `TransferStatus`."""

        tunnel_id: le.u16
        transfer_data_status: le.u8

    @command(0x03, to=CLIENT)
    class AckTransferDataServerToClient(Frame):
        """Flow control: so many octets may follow."""

        tunnel_id: le.u16
        number_of_bytes_left: le.u16

    @command(0x04, to=CLIENT)
    class ReadyDataServerToClient(Frame):
        """Flow control: ready for so many octets again."""

        tunnel_id: le.u16
        number_of_octets_left: le.u16

    @command(0x05, to=CLIENT)
    class SupportedTunnelProtocolsResponse(Frame):
        """The protocols tunnelled here."""

        protocol_list_complete: le.boolean
        protocol_count: le.u8
        protocol_list: list[Protocol] = array(Protocol, this.protocol_count)

    @command(0x06, to=CLIENT)
    class TunnelClosureNotification(Frame):
        """The server closed a tunnel that was idle."""

        tunnel_id: le.u16


NO_TUNNEL = 0xFFFF


class Peer(NamedTuple):
    """The other end: short address and endpoint."""

    address: int
    endpoint: int


@dataclass(frozen=True, slots=True)
class Answer(Effect):
    """Answer the command just received with this one."""

    command: Frame


@dataclass(frozen=True, slots=True)
class Refuse(Effect):
    """Answer the command just received with this status."""

    status: Status


@dataclass(frozen=True, slots=True)
class Command(Effect):
    """Send a command of our own to the peer."""

    peer: Peer
    command: Frame


@dataclass(frozen=True, slots=True)
class Opened(Effect):
    """The tunnel carries data: up to `limit` octets towards the peer."""

    peer: Peer
    tunnel: int
    protocol: int
    limit: int


@dataclass(frozen=True, slots=True)
class Received(Effect):
    """A message from the peer."""

    peer: Peer
    tunnel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Closed(Effect):
    """The tunnel is gone, or could not be had; a client may be trying again by itself (`Client.state`)."""

    peer: Peer
    tunnel: int
    reason: str


@dataclass(slots=True)
class Tunnel:
    """A tunnel that a peer opened at our server."""

    id: int
    peer: Peer
    protocol: int
    limit: int
    used: int


@dataclass(slots=True)
class Server:
    """The tunnels of one endpoint. `protocols` are (manufacturer code, protocol id); one tunnel a peer."""

    protocols: tuple[tuple[int, int], ...] = ((NOT_MANUFACTURER_SPECIFIC, GB_HRGP),)
    capacity: int = 4
    limit: int = TRANSFER_LIMIT
    timeout: int = CLOSE_TIMEOUT
    tunnels: dict[int, Tunnel] = field(default_factory=dict)
    _last_id: int = -1

    @property
    def deadline(self) -> int | None:
        """When the first idle tunnel is to be closed, ns."""
        return min((tunnel.used + self.timeout for tunnel in self.tunnels.values()), default=None)

    def expire(self, now: int) -> list[Effect]:
        """Close what has been idle, and say so."""
        effects: list[Effect] = []
        for tunnel in [tunnel for tunnel in self.tunnels.values() if tunnel.used + self.timeout <= now]:
            del self.tunnels[tunnel.id]
            effects.append(Command(tunnel.peer, Tunneling.TunnelClosureNotification(tunnel.id)))
            effects.append(Closed(tunnel.peer, tunnel.id, "idle"))
        return effects

    def forget(self, address: int) -> list[Effect]:
        """A device left or joined anew: its tunnels are gone, and it is not told."""
        gone = [tunnel for tunnel in self.tunnels.values() if tunnel.peer.address == address]
        for tunnel in gone:
            del self.tunnels[tunnel.id]
        return [Closed(tunnel.peer, tunnel.id, "device left or rejoined") for tunnel in gone]

    def send(self, tunnel_id: int, data: bytes, now: int) -> list[Effect]:
        """A message into a tunnel. LocalProtocolError when there is no such tunnel or the peer does not take so much."""
        tunnel = self.tunnels.get(tunnel_id)
        if tunnel is None:
            raise LocalProtocolError(f"no tunnel {tunnel_id}")
        if len(data) > tunnel.limit:
            raise LocalProtocolError(f"{len(data)} octets for tunnel {tunnel_id}, which takes {tunnel.limit}")
        tunnel.used = now
        return [Command(tunnel.peer, Tunneling.TransferDataServerToClient(tunnel_id, data))]

    def receive(self, received: Frame, peer: Peer, now: int) -> list[Effect]:
        """A command of the cluster arrived for the server side."""
        match received:
            case Tunneling.RequestTunnel():
                return self._request(received, peer, now)
            case Tunneling.CloseTunnel(tunnel_id=id):
                if self._fault(id, peer) is not None:
                    return [Refuse(Status.NOT_FOUND)]
                del self.tunnels[id]
                return [Closed(peer, id, "closed by the client")]
            case Tunneling.TransferDataClientToServer(tunnel_id=id, data=data):
                fault = self._fault(id, peer)
                if fault is None and len(data) > self.limit:
                    fault = TransferStatus.DATA_OVERFLOW
                if fault is not None:
                    return [Answer(Tunneling.TransferDataErrorServerToClient(id, fault))]
                self.tunnels[id].used = now
                return [Received(peer, id, data)]
            case Tunneling.TransferDataErrorClientToServer(tunnel_id=id, transfer_data_status=status):
                if self._fault(id, peer) is not None or status == TransferStatus.DATA_OVERFLOW:
                    return []  # nothing of ours, or nothing that closing would mend
                del self.tunnels[id]
                return [Closed(peer, id, f"the client refused data: {status}")]
            case Tunneling.GetSupportedTunnelProtocols(protocol_offset=offset):
                rows = [Protocol(*row) for row in self.protocols[offset:]]
                return [Answer(Tunneling.SupportedTunnelProtocolsResponse(1, len(rows), rows))]
        return [Refuse(Status.UNSUP_CLUSTER_COMMAND)]

    def _fault(self, tunnel_id: int, peer: Peer) -> TransferStatus | None:
        tunnel = self.tunnels.get(tunnel_id)
        if tunnel is None:
            return TransferStatus.NO_SUCH_TUNNEL
        return None if tunnel.peer == peer else TransferStatus.WRONG_DEVICE

    def _request(self, request: Tunneling.RequestTunnel, peer: Peer, now: int) -> list[Effect]:
        status = TunnelStatus.SUCCESS
        if (request.manufacturer_code, request.protocol_id) not in self.protocols:
            status = TunnelStatus.PROTOCOL_NOT_SUPPORTED
        elif request.flow_control_support:
            status = TunnelStatus.FLOW_CONTROL_NOT_SUPPORTED
        elif any(tunnel.peer == peer for tunnel in self.tunnels.values()):
            status = TunnelStatus.BUSY
        elif len(self.tunnels) >= self.capacity:
            status = TunnelStatus.NO_MORE_TUNNEL_IDS
        if status:
            return [Answer(Tunneling.RequestTunnelResponse(NO_TUNNEL, status, self.limit))]
        self._last_id = (self._last_id + 1) % NO_TUNNEL
        limit = TRANSFER_LIMIT if request.maximum_incoming_transfer_size is None else request.maximum_incoming_transfer_size
        tunnel = Tunnel(self._last_id, peer, request.protocol_id, limit, now)
        self.tunnels[tunnel.id] = tunnel
        return [
            Answer(Tunneling.RequestTunnelResponse(tunnel.id, TunnelStatus.SUCCESS, self.limit)),
            Opened(peer, tunnel.id, tunnel.protocol, tunnel.limit),
        ]


class State(Enum):
    """Where a client's tunnel stands."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    WAITING = "waiting to try again"


class Event(Enum):
    """What can happen to a client's tunnel; answers that belong to no request or tunnel of ours are no event."""

    OPEN = "told to open"
    CLOSE = "told to close"
    GRANTED = "tunnel granted"
    BUSY = "server busy"
    NO_IDS = "server has no identifier left"
    REFUSED = "server does not tunnel this"
    TIME = "time is up"
    GONE = "server does not know the tunnel"
    REJOINED = "server's device joined anew"


class Client:
    """One tunnel to one server, kept open from `open` to `close`. `tunnel` is its identifier while it is open."""

    def __init__(
        self, peer: Peer, protocol: int = GB_HRGP, *, manufacturer: int = NOT_MANUFACTURER_SPECIFIC,
        limit: int = TRANSFER_LIMIT,
    ) -> None:
        self.peer = peer
        self.protocol = protocol
        self.manufacturer = manufacturer
        self.limit = limit
        self.state = State.CLOSED
        self.tunnel: int | None = None
        self.peer_limit = 0
        self.deadline: int | None = None

    def open(self, now: int, *, stale: int | None = None) -> list[Effect]:
        """Open the tunnel. `stale`: the identifier it had before a restart, closed first so that the server is not busy."""
        closing: list[Effect] = [] if stale is None else [Command(self.peer, Tunneling.CloseTunnel(stale))]
        return closing + self._step(Event.OPEN, now)

    def close(self, now: int) -> list[Effect]:
        """Close the tunnel and stop trying."""
        return self._step(Event.CLOSE, now)

    def forgotten(self, now: int) -> list[Effect]:
        """The server's device joined the network anew: its tunnel is closed and opened again."""
        return self._step(Event.REJOINED, now) if self.state is State.OPEN else []

    def expire(self, now: int) -> list[Effect]:
        """The deadline has passed."""
        return self._step(Event.TIME, now) if self.deadline is not None and self.deadline <= now else []

    def send(self, data: bytes, now: int) -> list[Effect]:
        """A message to the server. LocalProtocolError when the tunnel is not open or the server does not take so much."""
        if self.tunnel is None:
            raise LocalProtocolError(f"the tunnel is {self.state.value}")
        if len(data) > self.peer_limit:
            raise LocalProtocolError(f"{len(data)} octets for a tunnel that takes {self.peer_limit}")
        return [Command(self.peer, Tunneling.TransferDataClientToServer(self.tunnel, data))]

    def receive(self, received: Frame, now: int) -> list[Effect]:
        """A command of the cluster arrived from the peer for the client side."""
        match received:
            case Tunneling.RequestTunnelResponse(tunnel_id=id, tunnel_status=status, maximum_incoming_transfer_size=size):
                if self.state is not State.OPENING:
                    late = status == TunnelStatus.SUCCESS and id != self.tunnel
                    return [Answer(Tunneling.CloseTunnel(id))] if late else []
                if status == TunnelStatus.SUCCESS:
                    self.tunnel, self.peer_limit = id, TRANSFER_LIMIT if size is None else size
                return self._step(ANSWERS.get(status, Event.REFUSED), now)
            case Tunneling.TransferDataServerToClient(tunnel_id=id, data=data):
                if id != self.tunnel:
                    return [Answer(Tunneling.TransferDataErrorClientToServer(id, TransferStatus.NO_SUCH_TUNNEL))]
                if len(data) > self.limit:
                    return [Answer(Tunneling.TransferDataErrorClientToServer(id, TransferStatus.DATA_OVERFLOW))]
                return [Received(self.peer, id, data)]
            case Tunneling.TransferDataErrorServerToClient(tunnel_id=id, transfer_data_status=status):
                lost = id == self.tunnel and status != TransferStatus.DATA_OVERFLOW
                return self._step(Event.GONE, now) if lost else []
            case Tunneling.TunnelClosureNotification(tunnel_id=id):
                return self._step(Event.GONE, now) if id == self.tunnel else []
            case Tunneling.SupportedTunnelProtocolsResponse():
                return []
        return [Refuse(Status.UNSUP_CLUSTER_COMMAND)]

    def _step(self, event: Event, now: int) -> list[Effect]:
        rule = RULES.get((self.state, event))
        if rule is None:
            raise LocalProtocolError(f"{event.value} while {self.state.value}")
        self.state, actions = rule
        return [effect for action in actions for effect in action(self, now)]


def _request(client: Client, now: int) -> Sequence[Effect]:
    client.deadline = now + ANSWER_TIMEOUT
    request = Tunneling.RequestTunnel(client.protocol, client.manufacturer, 0, client.limit)
    return (Command(client.peer, request),)


def _opened(client: Client, now: int) -> Sequence[Effect]:
    client.deadline = None
    assert client.tunnel is not None
    return (Opened(client.peer, client.tunnel, client.protocol, client.peer_limit),)


def _wait(client: Client, now: int) -> Sequence[Effect]:
    client.deadline = now + RETRY
    return ()


def _rest(client: Client, now: int) -> Sequence[Effect]:
    client.deadline = None
    return ()


def _close(client: Client, now: int) -> Sequence[Effect]:
    return () if client.tunnel is None else (Command(client.peer, Tunneling.CloseTunnel(client.tunnel)),)


def _lost(reason: str) -> Callable[[Client, int], Sequence[Effect]]:
    def lost(client: Client, now: int) -> Sequence[Effect]:
        tunnel, client.tunnel = client.tunnel, None
        return (Closed(client.peer, NO_TUNNEL if tunnel is None else tunnel, reason),)

    return lost


Action = Callable[[Client, int], Sequence[Effect]]
ANSWERS: dict[int, Event] = {
    TunnelStatus.SUCCESS: Event.GRANTED,
    TunnelStatus.BUSY: Event.BUSY,
    TunnelStatus.NO_MORE_TUNNEL_IDS: Event.NO_IDS,
}
RULES: dict[tuple[State, Event], tuple[State, tuple[Action, ...]]] = {
    (State.CLOSED, Event.OPEN): (State.OPENING, (_request,)),
    (State.CLOSED, Event.CLOSE): (State.CLOSED, ()),
    (State.OPENING, Event.GRANTED): (State.OPEN, (_opened,)),
    (State.OPENING, Event.BUSY): (State.WAITING, (_wait, _lost("busy"))),
    (State.OPENING, Event.NO_IDS): (State.WAITING, (_wait, _lost("no more tunnel identifiers"))),
    (State.OPENING, Event.REFUSED): (State.CLOSED, (_rest, _lost("refused"))),
    (State.OPENING, Event.TIME): (State.WAITING, (_wait, _lost("no answer"))),
    (State.OPENING, Event.CLOSE): (State.CLOSED, (_rest,)),
    (State.WAITING, Event.OPEN): (State.OPENING, (_request,)),
    (State.WAITING, Event.TIME): (State.OPENING, (_request,)),
    (State.WAITING, Event.CLOSE): (State.CLOSED, (_rest,)),
    (State.OPEN, Event.GONE): (State.OPENING, (_lost("gone at the server"), _request)),
    # A device that joined anew may have kept its tunnel: closing it first spares the client a "busy".
    (State.OPEN, Event.REJOINED): (State.OPENING, (_close, _lost("the device joined anew"), _request)),
    (State.OPEN, Event.CLOSE): (State.CLOSED, (_close, _lost("closed"))),
}
