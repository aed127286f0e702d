"""The hub's one WAN address: DLMS wrapper connections, and the table that says which device a server address means.

A PDU's destination wPort is a SAP of the premises (see `sap_table`). A `Target` stands behind each: a logical device of the hub
itself, or a meter on the HAN, to which the APDU is forwarded unchanged. A client address at a target belongs to one connection
at a time, because an answer finds its way back by it alone; while it does, another connection that uses the same pair is
closed. What a target says to a client that nobody serves is dropped and counted.

Not here: UDP, TLS, who may connect (COSEM associations decide what a client may do).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from devices.runtime.board import Board
from devices.runtime.kernel import S
from devices.runtime.net import Closed, Stream
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import wrapper

PORT = 4059
"""IANA's dlms/cosem."""
CONNECTIONS = 8
ADDRESSES = 16
"""Client addresses, at all SAPs together, that one connection may use."""
IDLE = 120 * S

Reply = Callable[[bytes], object]


class Target(Protocol):
    """What a SAP stands for."""

    def request(self, client: int, apdu: bytes, reply: Reply) -> None:
        """An APDU of a client; `reply(apdu)` is called for each answer, at any later time."""
        ...

    def release(self, client: int) -> None:
        """The client's connection is gone: so is its association."""
        ...


class Endpoint:
    """Listens on the board's network host. `targets` is read at every PDU, so meters may come at any time."""

    def __init__(self, board: Board, targets: Mapping[int, Target], port: int = PORT) -> None:
        self.refused = 0
        """Connections closed because they used a client address that another one was using, or too many."""
        self.unclaimed = 0
        """Answers to clients that were gone."""
        self._board = board
        self._targets = targets
        self._connections: list[Connection] = []
        self._owners: dict[tuple[int, int], Connection] = {}
        board.net.listen(port, self._accept)

    def _accept(self, stream: Stream) -> None:
        if len(self._connections) >= CONNECTIONS:
            min(self._connections, key=lambda connection: connection.last_heard).close()
        self._connections.append(Connection(self, self._board, stream))

    def route(self, connection: Connection, pdu: wrapper.Pdu) -> None:
        """A PDU from the WAN. An unknown SAP gets no answer."""
        target = self._targets.get(pdu.destination)
        if target is None:
            self._board.log("wan.unknown", {"sap": pdu.destination, "client": pdu.source})
            return
        pair = (pdu.source, pdu.destination)
        owner = self._owners.get(pair)
        if owner is None and list(self._owners.values()).count(connection) < ADDRESSES:
            owner = self._owners[pair] = connection
        if owner is not connection:
            self.refused += 1
            self._board.log("wan.occupied", {"sap": pdu.destination, "client": pdu.source})
            connection.close()
            return
        target.request(pdu.source, pdu.apdu, lambda apdu: self._answer(connection, pair, apdu))

    def _answer(self, connection: Connection, pair: tuple[int, int], apdu: bytes) -> None:
        if self._owners.get(pair) is not connection:
            self.unclaimed += 1
            return
        client, sap = pair
        connection.stream.send(wrapper.wrap(sap, client, apdu))

    def forget(self, connection: Connection) -> None:
        """The connection is gone, and what it owned is free."""
        self._connections.remove(connection)
        for pair in [pair for pair, owner in self._owners.items() if owner is connection]:
            del self._owners[pair]
            client, sap = pair
            target = self._targets.get(sap)
            if target is not None:
                target.release(client)


class Connection:
    """One client's TCP connection. It ends when the octets are no wrapper, or after `IDLE` without a PDU."""

    def __init__(self, endpoint: Endpoint, board: Board, stream: Stream) -> None:
        self.stream = stream
        self.last_heard = board.kernel.now
        self._endpoint = endpoint
        self._board = board
        self._splitter = wrapper.Splitter()
        stream.on_data = self._received
        stream.on_close = self._closed
        self._timer = board.scope.after(IDLE, self._idle)

    def close(self) -> None:
        """Close it from our side."""
        self.stream.close()
        self._closed(Closed.CLOSED)

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

    def _idle(self) -> None:
        quiet = self._board.kernel.now - self.last_heard
        if quiet >= IDLE:
            self.close()
        else:
            self._timer = self._board.scope.after(IDLE - quiet, self._idle)

    def _closed(self, why: Closed) -> None:
        self._timer.cancel()
        self._endpoint.forget(self)
