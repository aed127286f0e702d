"""One tunnel at one server, kept open from `open` to `close`.

It is opened again when it is gone: at once when the server no longer knows it, after 180 s when the server was busy, or, for
a device that sleeps, when its owner says so. A server that is busy, or has no identifier left, is told each time to close the
tunnel it had last: 180 s for each such word that is lost is as long as an old tunnel of ours can keep us from a new one. Flow
control is never offered. Nothing here queues: what is sent into a tunnel goes out at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.tunneling import (
    GB_HRGP,
    NO_TUNNEL,
    NOT_MANUFACTURER_SPECIFIC,
    TRANSFER_LIMIT,
    TransferStatus,
    Tunneling,
    TunnelStatus,
)
from protocols.zigbee.node import S
from protocols.zigbee.tunneling.effects import Answer, Closed, Command, Opened, Peer, Received, Refuse
from protocols.zigbee.zcl.status import Status

ANSWER_TIMEOUT = 10 * S
RETRY = 180 * S
"""How long a client waits after BUSY, NO_MORE_TUNNEL_IDS or no answer."""


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
        self,
        peer: Peer,
        protocol: int = GB_HRGP,
        *,
        manufacturer: int = NOT_MANUFACTURER_SPECIFIC,
        limit: int = TRANSFER_LIMIT,
        retry: int | None = RETRY,
    ) -> None:
        """`retry`: ns from a refusal to the next attempt; None: the owner opens it again."""
        self.peer = peer
        self.protocol = protocol
        self.manufacturer = manufacturer
        self.limit = limit
        self.retry = retry
        self.last: int | None = None
        """The identifier it had last, until another one is granted."""
        self.state = State.CLOSED
        self.tunnel: int | None = None
        self.peer_limit = 0
        self.deadline: int | None = None

    def open(self, now: int, *, stale: int | None = None) -> list[Effect]:
        """Open the tunnel. `stale`: the identifier it had before a restart, closed first so that the server is not busy."""
        if stale is None:
            return self._step(Event.OPEN, now)
        self.last = stale
        return [*_close_last(self, now), *self._step(Event.OPEN, now)]

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
                    self.tunnel, self.last, self.peer_limit = id, id, TRANSFER_LIMIT if size is None else size
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
    client.deadline = None if client.retry is None else now + client.retry
    return ()


def _rest(client: Client, now: int) -> Sequence[Effect]:
    client.deadline = None
    return ()


def _close(client: Client, now: int) -> Sequence[Effect]:
    return () if client.tunnel is None else (Command(client.peer, Tunneling.CloseTunnel(client.tunnel)),)


def _close_last(client: Client, now: int) -> Sequence[Effect]:
    """What may be an old tunnel of ours is given back before the next attempt; who does not know it, refuses."""
    return () if client.last is None else (Command(client.peer, Tunneling.CloseTunnel(client.last)),)


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
    (State.OPENING, Event.BUSY): (State.WAITING, (_close_last, _wait, _lost("busy"))),
    (State.OPENING, Event.NO_IDS): (State.WAITING, (_close_last, _wait, _lost("no more tunnel identifiers"))),
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
