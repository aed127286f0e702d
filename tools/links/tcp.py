"""TCP: the client stream, and the listener for `serve`, capped in connections, idle time and send queue.

The listener binds loopback unless the spelling names another address, and then only when the link is protected by a
credential or says `insecure=yes`.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from dataclasses import replace

from tools.errors import BadInput, LinkDown
from tools.links.channel import SEND_QUEUE, Channel, ignore_close, ignore_data
from tools.links.spec import LinkSpec, is_loopback, parse
from tools.links.stream import READ, WRITE_TIMEOUT, Closing, Stream, reason

SOCKET_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)  # Linux has all three, other systems some
        for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
)
"""Of a served connection: a client that has vanished is found out within half a minute."""


REDIAL = 1.0
"""Seconds before a connection that ended is dialled again."""


class SocketStream(Closing):
    """TCP, without Nagle's delay."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, timeout: float) -> bytes:
        self._socket.settimeout(max(timeout, 0.001))
        try:
            data = self._socket.recv(READ)
        except TimeoutError:
            return b""
        except OSError as error:
            raise LinkDown(f"the link ended: {reason(error)}") from error
        if not data:
            raise LinkDown("the peer closed the connection")
        return data

    def write(self, data: bytes) -> None:
        self._socket.settimeout(WRITE_TIMEOUT)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise LinkDown(f"the link ended: {reason(error)}") from error

    def close(self) -> None:
        self._socket.close()


def connect(spec: LinkSpec, timeout: float) -> Stream:
    """`tcp:HOST:PORT`: a connected TCP stream."""
    try:
        return SocketStream(socket.create_connection((spec.host, spec.port), timeout))
    except OSError as error:
        raise LinkDown(f"{spec}: {reason(error)}") from error


class Listener:
    """`tcp-listen:[HOST:]PORT`. Port 0 is any free one. At the cap the longest-idle connection is closed."""

    def __init__(self, spec: LinkSpec, protected: bool = False) -> None:
        if not (protected or spec.flag("insecure") or is_loopback(spec.host)):
            raise BadInput(
                f'link "{spec}": {spec.host} is open to others and clients need no password; '
                "use 127.0.0.1, an access profile with passwords, or insecure=yes"
            )
        self.spelling = str(spec)
        self._spec = spec
        self._server: asyncio.Server | None = None
        self._open: list[_Connection] = []

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        loop = asyncio.get_running_loop()
        idle = self._spec.number("idle")
        try:
            self._server = await loop.create_server(
                lambda: _Connection(self._open, self._spec.integer("connections"), idle, on_open),
                self._spec.host,
                self._spec.port,
                backlog=self._spec.integer("connections"),
            )
        except OSError as error:
            raise LinkDown(f"{self._spec}: {(error.strerror or str(error)).lower()}") from error
        port = self._server.sockets[0].getsockname()[1]
        client = replace(parse(f"tcp:127.0.0.1:{port}"), host=self._spec.host)
        self.spelling = str(replace(client, options={"framing": self._spec.text("framing")}))

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for connection in list(self._open):
                connection.abort()
            await self._server.wait_closed()


async def dial(spec: LinkSpec, timeout: float = 5.0) -> Channel:
    """`tcp:HOST:PORT` as a channel: the connecting side inside an event loop. Raises LinkDown."""
    alone: list[_Connection] = []
    try:
        async with asyncio.timeout(timeout):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(alone, 1, math.inf, lambda channel: None), spec.host, spec.port
            )
    except OSError as error:
        raise LinkDown(f"{spec}: {reason(error)}") from error
    return connection


class Dialer:
    """`tcp:HOST:PORT` as a serving end: dialled, and dialled again whenever it ends."""

    def __init__(self, spec: LinkSpec) -> None:
        self.spelling = str(spec)
        self._spec = spec
        self._channel: Channel | None = None
        self._again: asyncio.Task[None] | None = None

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        channel = self._channel = await dial(self._spec)
        on_open(channel)
        tell = channel.on_close

        def on_close(reason: str) -> None:
            tell(reason)
            self._again = asyncio.ensure_future(self._redial(on_open))

        channel.on_close = on_close

    async def _redial(self, on_open: Callable[[Channel], None]) -> None:
        while True:
            await asyncio.sleep(REDIAL)
            try:
                await self.start(on_open)
            except LinkDown:
                continue
            return

    async def stop(self) -> None:
        if self._again is not None:
            self._again.cancel()
        if self._channel is not None:
            self._channel.close()


class _Connection(asyncio.Protocol):
    """One connection, accepted or dialled."""

    def __init__(self, others: list[_Connection], cap: int, idle: float, on_open: Callable[[Channel], None]) -> None:
        self.peer = ""
        self.on_data: Callable[[bytes], None] = ignore_data
        self.on_close: Callable[[str], None] = ignore_close
        self.last = 0.0
        self._others = others
        self._cap = cap
        self._idle = idle
        self._on_open = on_open
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        for level, option, value in SOCKET_OPTIONS:
            transport.get_extra_info("socket").setsockopt(level, option, value)
        transport.set_write_buffer_limits(high=SEND_QUEUE)
        if len(self._others) >= self._cap:
            min(self._others, key=lambda other: other.last).end("closed for a newer connection")
        self._others.append(self)
        self.last = asyncio.get_running_loop().time()
        self._watch()
        self._on_open(self)

    def data_received(self, data: bytes) -> None:
        self.last = asyncio.get_running_loop().time()
        self.on_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended("connection reset" if exc else "closed by the peer")

    def send(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > SEND_QUEUE:
            self.end("the peer does not read")

    def close(self) -> None:
        self.on_data, self.on_close = ignore_data, ignore_close
        if self._transport is not None:
            self._transport.close()

    def set_rate(self, baud: int | None) -> None:
        return

    def abort(self) -> None:
        """Close at once without a word to the owner."""
        self.on_data, self.on_close = ignore_data, ignore_close
        self.end("stopped")

    def end(self, reason: str) -> None:
        """Close at once and tell the owner why."""
        if self._transport is not None:
            self._transport.abort()
        self._ended(reason)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        left = self.last + self._idle - loop.time()
        if left == math.inf:
            return
        if left <= 0:
            self.end("idle for too long")
        else:
            self._timer = loop.call_later(left, self._watch)

    def _ended(self, reason: str) -> None:
        if self._transport is None:
            return
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._others.remove(self)
        tell, self.on_close, self.on_data = self.on_close, ignore_close, ignore_data
        tell(reason)
