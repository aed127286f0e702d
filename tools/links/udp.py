"""UDP: the client's socket, and the endpoint for `serve`, where what comes from one address is a channel.

One datagram is one wrapper PDU; nothing is repeated or put in order. The endpoint binds loopback unless the spelling names another
address, and then only when the link is protected by a credential or says `insecure=yes`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from tools.errors import BadInput, LinkDown
from tools.links.channel import Channel, ignore_close, ignore_data
from tools.links.spec import LinkSpec, is_loopback, parse
from tools.links.stream import Closing, Stream, reason

LARGEST = 65_535

Address = tuple[str | int, ...]
"""As the system gives it: host and port, and for IPv6 two numbers more."""


class Datagrams(Closing):
    """A connected UDP socket: what is read is one datagram, and so is what is written."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def read(self, timeout: float) -> bytes:
        self._socket.settimeout(max(timeout, 0.001))
        try:
            return self._socket.recv(LARGEST)
        except TimeoutError:
            return b""
        except OSError as error:
            raise LinkDown(f"the link ended: {reason(error)}") from error

    def write(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError as error:
            raise LinkDown(f"the link ended: {reason(error)}") from error

    def close(self) -> None:
        self._socket.close()


def connect(spec: LinkSpec, timeout: float) -> Stream:
    """`udp:HOST:PORT`. That nobody is there shows at the first read."""
    made: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(spec.host, spec.port, type=socket.SOCK_DGRAM)[0]
        made = socket.socket(family, kind, protocol)
        made.connect(address)
    except OSError as error:
        if made is not None:
            made.close()
        raise LinkDown(f"{spec}: {reason(error)}") from error
    return Datagrams(made)


async def dial(spec: LinkSpec, timeout: float = 5.0) -> Channel:
    """`udp:HOST:PORT` as a channel: each `send` is one datagram, and nobody learns whether it arrived. Raises LinkDown."""
    try:
        async with asyncio.timeout(timeout):
            _, dialled = await asyncio.get_running_loop().create_datagram_endpoint(_Dialled, remote_addr=(spec.host, spec.port))
    except OSError as error:
        raise LinkDown(f"{spec}: {reason(error)}") from error
    dialled.peer = f"{spec.host}:{spec.port}"
    return dialled


class _Dialled(asyncio.DatagramProtocol):
    """The sending end."""

    def __init__(self) -> None:
        self.peer = ""
        self.on_data: Callable[[bytes], None] = ignore_data
        self.on_close: Callable[[str], None] = ignore_close
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # which it is, though before 3.12 it doesn't say so

    def datagram_received(self, data: bytes, address: Address) -> None:
        self.on_data(data)

    def error_received(self, error: Exception) -> None:
        """Nobody is there; the system says so for a datagram of ours."""

    def send(self, data: bytes) -> None:
        """One datagram."""
        if self._transport is not None:
            self._transport.sendto(data)

    def close(self) -> None:
        """Give the port back, once all has gone."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def set_rate(self, baud: int | None) -> None:
        """There is none."""


class Listener(asyncio.DatagramProtocol):
    """`udp-listen:[HOST:]PORT`. Port 0 is any free one. At the cap the longest-idle address is forgotten."""

    def __init__(self, spec: LinkSpec, protected: bool = False) -> None:
        if not (protected or spec.flag("insecure") or is_loopback(spec.host)):
            raise BadInput(
                f'link "{spec}": {spec.host} is open to others and clients need no password; '
                "use 127.0.0.1, an access profile with passwords, or insecure=yes"
            )
        self.spelling = str(spec)
        self.open: dict[Address, _Peer] = {}
        self._spec = spec
        self._transport: asyncio.DatagramTransport | None = None
        self._on_open: Callable[[Channel], None] = lambda channel: None

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        self._on_open = on_open
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, (self._spec.host, self._spec.port))
        except OSError as error:
            raise LinkDown(f"{self._spec}: {(error.strerror or str(error)).lower()}") from error
        port = self._transport.get_extra_info("sockname")[1]
        self.spelling = str(replace(parse(f"udp:127.0.0.1:{port}"), host=self._spec.host))

    async def stop(self) -> None:
        for peer in list(self.open.values()):
            peer.close()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def datagram_received(self, data: bytes, address: Address) -> None:
        peer = self.open.get(address)
        if peer is None:
            if len(self.open) >= self._spec.integer("connections"):
                min(self.open.values(), key=lambda each: each.last).end("forgotten for a newer one")
            peer = self.open[address] = _Peer(self, address, self._spec.number("idle"))
            self._on_open(peer)
        peer.received(data)

    def error_received(self, error: Exception) -> None:
        """A client has gone; the system says so for a datagram of ours."""

    def send(self, data: bytes, address: Address) -> None:
        """One datagram to a peer."""
        if self._transport is not None:
            self._transport.sendto(data, address)


class _Peer:
    """One client's address. It is forgotten after a silence, and its next datagram is a new channel."""

    def __init__(self, listener: Listener, address: Address, idle: float) -> None:
        self.peer = f"{address[0]}:{address[1]}"
        self.on_data: Callable[[bytes], None] = ignore_data
        self.on_close: Callable[[str], None] = ignore_close
        self._listener = listener
        self._address = address
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self.last = self._loop.time()
        self._timer = self._loop.call_later(idle, self._watch)

    def received(self, data: bytes) -> None:
        """A datagram from it."""
        self.last = self._loop.time()
        self.on_data(data)

    def send(self, data: bytes) -> None:
        self._listener.send(data, self._address)

    def set_rate(self, baud: int | None) -> None:
        return

    def close(self) -> None:
        self.on_data, self.on_close = ignore_data, ignore_close
        self.end("closed")

    def end(self, reason: str) -> None:
        """Forget it and tell the owner why."""
        self._timer.cancel()
        if self._listener.open.pop(self._address, None) is None:
            return
        tell, self.on_close, self.on_data = self.on_close, ignore_close, ignore_data
        tell(reason)

    def _watch(self) -> None:
        left = self.last + self._idle - self._loop.time()
        if left <= 0:
            self.end("idle for too long")
        else:
            self._timer = self._loop.call_later(left, self._watch)
