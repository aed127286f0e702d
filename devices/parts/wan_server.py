"""A COSEM server at an address of the WAN: DLMS wrapper over TCP, each connection with associations of its own.

For a device that is its own premises' only one there. Not here: devices behind an address (that is a hub's), UDP.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from devices.runtime.kernel import Kernel
from devices.runtime.net import Closed, Host, Stream
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import wrapper
from protocols.dlms.server import Server, Session

PORT: Final = 4059
"""IANA's dlms/cosem."""
CONNECTIONS: Final = 4
ADDRESSES: Final = 4
"""Pairs of client and server that one connection may use."""


class WanServer:
    """Listens until it is closed. `last_heard`: when the last PDU came, or it began (ns)."""

    def __init__(self, kernel: Kernel, host: Host, server: Server) -> None:
        self.last_heard = kernel.now
        self._kernel = kernel
        self._host = host
        self._server = server
        self._sessions: dict[Stream, dict[tuple[int, int], Session]] = {}
        host.listen(PORT, self._accept)

    def close(self) -> None:
        """Answer nobody any more."""
        self._host.unlisten(PORT)
        for stream in list(self._sessions):
            self._drop(stream)

    def _accept(self, stream: Stream) -> None:
        if len(self._sessions) >= CONNECTIONS:
            stream.reset()
            return
        self._sessions[stream] = {}
        stream.on_data = partial(self._received, stream, wrapper.Splitter())
        stream.on_close = partial(self._closed, stream)

    def _received(self, stream: Stream, splitter: wrapper.Splitter, octets: bytes) -> None:
        try:
            for pdu in splitter.feed(octets):
                self.last_heard = self._kernel.now
                self._answer(stream, pdu)
        except RemoteProtocolError:
            self._drop(stream)

    def _answer(self, stream: Stream, pdu: wrapper.Pdu) -> None:
        """An unknown server or client gets no answer."""
        open_, pair = self._sessions.get(stream), (pdu.source, pdu.destination)
        if open_ is None:
            return
        session = open_.get(pair)
        if session is None and len(open_) < ADDRESSES:
            session = self._server.session(*pair, wrapper.LARGEST_APDU)
            if session is not None:
                open_[pair] = session
        for answer in () if session is None else session.receive(pdu.apdu, self._kernel.now):
            stream.send(wrapper.wrap(pdu.destination, pdu.source, answer))

    def _drop(self, stream: Stream) -> None:
        self._closed(stream)
        stream.close()

    def _closed(self, stream: Stream, why: Closed = Closed.CLOSED) -> None:
        for session in self._sessions.pop(stream, {}).values():
            session.close()
