"""The tunnels that others opened at an endpoint.

Flow control is refused when asked for: AckTransferData and ReadyData are declared, not acted on. Nothing here queues: what is
sent into a tunnel goes out at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.tunneling import (
    GB_HRGP,
    NO_TUNNEL,
    NOT_MANUFACTURER_SPECIFIC,
    TRANSFER_LIMIT,
    Protocol,
    TransferStatus,
    Tunneling,
    TunnelStatus,
)
from protocols.zigbee.node import S
from protocols.zigbee.tunneling.effects import Answer, Closed, Command, Opened, Peer, Received, Refuse
from protocols.zigbee.zcl.status import Status

CLOSE_TIMEOUT = 0xFFFF * S
UNHEARD = 10 * S
"""A tunnel that carried nothing for so long makes way for another of its client, which never heard of it: its power went."""


@dataclass(slots=True)
class Tunnel:
    """A tunnel that a peer opened at our server."""

    id: int
    peer: Peer
    protocol: int
    limit: int
    used: int
    carried: bool = False
    """Data went through it."""


@dataclass(slots=True)
class Server:
    """The tunnels of one endpoint. `protocols` are (manufacturer code, protocol id); one tunnel a peer.

    `admits`: whether a peer may have one; the others are NOT_AUTHORIZED.
    """

    protocols: tuple[tuple[int, int], ...] = ((NOT_MANUFACTURER_SPECIFIC, GB_HRGP),)
    capacity: int = 4
    limit: int = TRANSFER_LIMIT
    timeout: int = CLOSE_TIMEOUT
    admits: Callable[[Peer], bool] = lambda peer: True
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
        tunnel.used, tunnel.carried = now, True
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
                self.tunnels[id].used, self.tunnels[id].carried = now, True
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
        if not self.admits(peer):
            return [Refuse(Status.NOT_AUTHORIZED)]
        status = TunnelStatus.SUCCESS
        unheard = [each for each in self.tunnels.values() if each.peer == peer and not each.carried and each.used + UNHEARD <= now]
        if (request.manufacturer_code, request.protocol_id) not in self.protocols:
            status = TunnelStatus.PROTOCOL_NOT_SUPPORTED
        elif request.flow_control_support:
            status = TunnelStatus.FLOW_CONTROL_NOT_SUPPORTED
        elif any(tunnel.peer == peer and tunnel not in unheard for tunnel in self.tunnels.values()):
            status = TunnelStatus.BUSY
        elif len(self.tunnels) - len(unheard) >= self.capacity:
            status = TunnelStatus.NO_MORE_TUNNEL_IDS
        if status:
            return [Answer(Tunneling.RequestTunnelResponse(NO_TUNNEL, status, self.limit))]
        for tunnel in unheard:
            del self.tunnels[tunnel.id]
        self._last_id = (self._last_id + 1) % NO_TUNNEL
        limit = TRANSFER_LIMIT if request.maximum_incoming_transfer_size is None else request.maximum_incoming_transfer_size
        tunnel = Tunnel(self._last_id, peer, request.protocol_id, limit, now)
        self.tunnels[tunnel.id] = tunnel
        return [
            *(Closed(peer, each.id, "its client never heard of it") for each in unheard),
            Answer(Tunneling.RequestTunnelResponse(tunnel.id, TunnelStatus.SUCCESS, self.limit)),
            Opened(peer, tunnel.id, tunnel.protocol, tunnel.limit),
        ]
