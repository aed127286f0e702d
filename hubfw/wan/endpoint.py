"""The hub's one WAN address: DLMS wrapper over TCP and UDP, and the table that says which device a server address means.

A PDU's destination wPort is a SAP of the premises (see `sap_table`). Behind each stands a logical device of the hub itself
(`Shared`), with which every connection has sessions of its own, or a `Target`: a meter on the HAN, to which the APDU is forwarded
unchanged. A client address at a target belongs to one connection at a time, because an answer finds its way back by it alone; while
it does, another connection that uses the same pair is closed, unless the first one has gone without a word. It is free again when
its association is released or its connection ends. What a target says to a client that nobody serves is dropped and counted. Over
UDP, the datagrams of one address and port are a connection.

Not here: TLS, who may connect (COSEM associations decide what a client may do).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from devices.runtime.board import Board
from devices.runtime.kernel import S
from devices.runtime.net import Closed
from hubfw.wan.network import Network, Socket, Stream
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import wrapper

PORT = 4059
"""IANA's dlms/cosem, for TCP and UDP."""
CONNECTIONS = 8
ADDRESSES = 16
"""Client addresses, at all SAPs together, that one connection may use."""
IDLE = 120 * S
KEEP_ALIVE = 10 * S
"""Silence after which a TCP client is asked whether it is still there, and how long that may fail to pass."""
QUIET = 20 * S
"""Silence after which a UDP client has to make room for another one."""

PATH = "wan.path"
"""Kind of note: a request from the WAN, where it goes, and the levels of translation on the way."""

RLRE = b"\x63"
"""Tag of the answer that ends an association."""

Reply = Callable[[bytes], object]


class Target(Protocol):
    """What a SAP stands for."""

    def request(self, client: int, apdu: bytes, reply: Reply) -> None:
        """An APDU of a client; `reply(apdu)` is called for each answer, at any later time."""
        ...

    def release(self, client: int) -> None:
        """The client's connection is gone: so is its association."""
        ...


class Shared(ABC):
    """A device that tells connections apart, so that each has client addresses of its own."""

    translations = 0
    """Levels of translation between a client and where the value was measured; a `Target` that forwards has none."""

    @abstractmethod
    def fresh(self) -> Target:
        """What one connection talks to."""


class Endpoint:
    """Listens on the hub's network address. `targets` is read at every PDU, so meters may come at any time."""

    def __init__(
        self, board: Board, targets: Mapping[int, Target | Shared], network: Network | None = None, port: int = PORT
    ) -> None:
        """`network`: where the address is, if it is not the board's own."""
        self.refused = 0
        """Connections closed because they used a client address that another one was using, or too many."""
        self.unclaimed = 0
        """Answers to clients that were gone."""
        self.paths: Counter[tuple[int, int]] = Counter()
        """Requests by (SAP, levels of translation on the way)."""
        self._board = board
        self._targets = targets
        self._connections: list[Connection] = []
        self._owners: dict[tuple[int, int], Connection] = {}
        self._peers: dict[tuple[str, int], Peer] = {}
        self._port = port
        self._network: Network = board.net if network is None else network
        self._network.listen(port, self._accept)
        self._socket = self._network.bind(port)
        self._socket.on_datagram = self._datagram

    def close(self) -> None:
        """Answer nobody any more."""
        self._network.unlisten(self._port)
        self._socket.close()
        for connection in list(self._connections):
            connection.close()

    @property
    def saps(self) -> tuple[int, ...]:
        """Where somebody answers now."""
        return tuple(self._targets)

    def join(self, connection: Connection) -> None:
        """Have a connection that did not come over the network."""
        self._make_room()
        self._connections.append(connection)

    def release(self, connection: Connection, pair: tuple[int, int]) -> None:
        """A connection no longer uses a client address at a SAP."""
        target = connection.used.pop(pair, None)
        if target is not None:
            self._owners.pop(pair, None)
            target.release(pair[0])

    def _accept(self, stream: Stream) -> None:
        self.join(Caller(self, self._board, stream))

    def _datagram(self, address: str, port: int, data: bytes) -> None:
        peer = self._peers.get((address, port))
        try:
            pdu = wrapper.unwrap(data)
        except RemoteProtocolError as error:  # a datagram is lost alone; its neighbours are good
            self._board.log("wan.bad", {"reason": str(error)})
            return
        if peer is None:
            peer = Peer(self, self._board, self._socket, (address, port))
            self.join(peer)
            self._peers[address, port] = peer
        peer.heard(pdu)

    def _make_room(self) -> None:
        if len(self._connections) >= CONNECTIONS:
            min(self._connections, key=lambda connection: connection.last_heard).close()

    def route(self, connection: Connection, pdu: wrapper.Pdu) -> None:
        """A PDU from the WAN. An unknown SAP gets no answer."""
        pair = (pdu.source, pdu.destination)
        target = connection.used.get(pair) or self._admit(connection, pair)
        if target is not None:
            stands = self._targets.get(pdu.destination)
            levels = stands.translations if isinstance(stands, Shared) else 0
            self.paths[pdu.destination, levels] += 1
            self._board.note(PATH, {"to": f"SAP {pdu.destination}", "translations": levels})
            target.request(pdu.source, pdu.apdu, lambda apdu: self._answer(connection, pair, apdu))

    def _admit(self, connection: Connection, pair: tuple[int, int]) -> Target | None:
        """A connection uses a client address at a SAP for the first time. None: it may not."""
        client, sap = pair
        found = self._targets.get(sap)
        if found is None:
            self._board.log("wan.unknown", {"sap": sap, "client": client})
            return None
        owner = self._owners.get(pair)
        if owner is not None and owner.gone:
            owner.close()
            owner = None
        if owner is not None or len(connection.used) >= ADDRESSES:
            self.refused += 1
            self._board.log("wan.occupied", {"sap": sap, "client": client})
            connection.close()
            return None
        if isinstance(found, Shared):
            target = connection.local.get(sap) or connection.local.setdefault(sap, found.fresh())
        else:
            target = found
            self._owners[pair] = connection
        connection.used[pair] = target
        return target

    def _answer(self, connection: Connection, pair: tuple[int, int], apdu: bytes) -> None:
        if pair not in connection.used:
            self.unclaimed += 1
            return
        client, sap = pair
        connection.say(wrapper.wrap(sap, client, apdu))
        if apdu[:1] == RLRE:
            self.release(connection, pair)

    def forget(self, connection: Connection) -> None:
        """The connection is gone, and what it owned is free."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        if isinstance(connection, Peer):
            del self._peers[connection.address]
        used, connection.used = connection.used, {}
        for pair, target in used.items():
            if self._owners.get(pair) is connection:
                del self._owners[pair]
            target.release(pair[0])


class Connection(ABC):
    """One client of the WAN. It ends after `IDLE` without a PDU."""

    def __init__(self, endpoint: Endpoint, board: Board) -> None:
        self.last_heard = board.kernel.now
        self.used: dict[tuple[int, int], Target] = {}
        """Client address and SAP to the device behind it."""
        self.local: dict[int, Target] = {}
        self._endpoint = endpoint
        self._board = board
        self._timer = board.scope.after(KEEP_ALIVE, self._watch)

    @property
    @abstractmethod
    def gone(self) -> bool:
        """Whether the client may be taken to have left without a word."""

    @abstractmethod
    def say(self, octets: bytes) -> None:
        """Send a PDU."""

    def close(self) -> None:
        """Close it from our side."""
        self._timer.cancel()
        self._endpoint.forget(self)

    @property
    def quiet(self) -> int:
        """ns since the last PDU."""
        return self._board.kernel.now - self.last_heard

    def _watch(self) -> None:
        if self.quiet >= IDLE:
            self.close()
        else:
            wait = KEEP_ALIVE - self.quiet if self.quiet < KEEP_ALIVE else KEEP_ALIVE
            self._timer = self._board.scope.after(min(wait, IDLE - self.quiet), self._watch)


class Caller(Connection):
    """Over TCP. It ends, too, when the octets are no wrapper, or when it is out of reach for `KEEP_ALIVE`."""

    def __init__(self, endpoint: Endpoint, board: Board, stream: Stream) -> None:
        super().__init__(endpoint, board)
        self.stream = stream
        self._splitter = wrapper.Splitter()
        stream.on_data = self._received
        stream.on_close = self._closed

    @property
    def gone(self) -> bool:
        since = self.stream.stuck_since
        return since is not None and self._board.kernel.now - since >= KEEP_ALIVE

    def say(self, octets: bytes) -> None:
        self.stream.send(octets)

    def close(self) -> None:
        if self.gone:
            self.stream.reset()
        self.stream.close()
        super().close()

    def _received(self, data: bytes) -> None:
        try:
            for pdu in self._splitter.feed(data):
                self.last_heard = self._board.kernel.now  # a PDU counts, and not each of its octets
                self._endpoint.route(self, pdu)
                if self.stream.closed is not None:
                    return
        except RemoteProtocolError as error:
            self._board.log("wan.bad", {"reason": str(error)})
            self.close()

    def _watch(self) -> None:
        if self.gone:
            self.close()
            return
        if self.quiet >= KEEP_ALIVE:
            self.stream.probe()
        super()._watch()

    def _closed(self, why: Closed) -> None:
        super().close()


class Peer(Connection):
    """Over UDP: what comes from one address and port."""

    def __init__(self, endpoint: Endpoint, board: Board, socket: Socket, address: tuple[str, int]) -> None:
        super().__init__(endpoint, board)
        self.address = address
        self._socket = socket

    @property
    def gone(self) -> bool:
        return self.quiet >= QUIET

    def heard(self, pdu: wrapper.Pdu) -> None:
        """Its datagram was this PDU."""
        self.last_heard = self._board.kernel.now
        self._endpoint.route(self, pdu)

    def say(self, octets: bytes) -> None:
        self._socket.send(*self.address, octets)
