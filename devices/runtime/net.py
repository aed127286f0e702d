"""A virtual wide-area network: hosts by name, listeners on ports, streams that keep octets in order, as TCP does, and datagrams.

A message that is dropped, blocked or finds no host, or one that went down meanwhile, is sent again after 1, 2, 4 .. s, with what
followed it, in order, until it passes or 60 s are over: then the stream is closed as timed out. TCP's acknowledgements are no
messages here, so a one-way partition stops one direction. A host without power answers nothing; one that has restarted resets what
it does not know. A datagram goes once, and may be lost or come twice.

No addresses but names, no bandwidth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

from devices.runtime.faults import Faults
from devices.runtime.kernel import MS, Kernel, S, Timer
from protocols.core.errors import LocalProtocolError

FIRST_RETRY = 1 * S
GIVE_UP = 60 * S
MAX_UNSENT = 64 * 1024
"""Octets a stream keeps while nothing passes; beyond that it is closed."""
LARGEST_DATAGRAM = 65_507
_EPHEMERAL = 49_152


class Closed(Enum):
    """Why a stream ended."""

    CLOSED = "closed"
    """Either side closed it, or both have finished."""
    REFUSED = "refused"
    RESET = "reset"
    TIMED_OUT = "timed out"
    OVERFLOW = "overflow"


class Net:
    """One network. `latency` in ns, one way, between any two hosts."""

    def __init__(self, kernel: Kernel, latency: int = 20 * MS, name: str = "net") -> None:
        self.kernel = kernel
        self.latency = latency
        self.name = name
        self.faults: Faults | None = None
        self.hosts: dict[str, Host] = {}
        self._blocked: dict[tuple[str, str], None] = {}

    def host(self, name: str) -> Host:
        """The host of that address, made when first asked for."""
        host = self.hosts.get(name)
        if host is None:
            host = self.hosts[name] = Host(self, name)
        return host

    def partition(self, source: str, destination: str) -> None:
        """Let nothing pass from one host to another, in this direction, until `heal`."""
        self._blocked[source, destination] = None

    def heal(self, source: str, destination: str) -> None:
        """Let messages pass again; what waited goes at its next attempt."""
        self._blocked.pop((source, destination), None)

    def passage(self, source: str, destination: str, data: bytes) -> tuple[int, bytes] | None:
        """What arrives of a message and how many ns from now; None when it is lost. A stream drops what arrives twice."""
        return next(iter(self.passages(source, destination, data)), None)

    def passages(self, source: str, destination: str, data: bytes) -> list[tuple[int, bytes]]:
        """As `passage`, for a datagram: none or several."""
        host = self.hosts.get(destination)
        if host is None or not host.reachable or not self.hosts[source].reachable or (source, destination) in self._blocked:
            return []
        if self.faults is None:
            return [(self.latency, data)]
        return [(self.latency + delay, copy) for delay, copy in self.faults.apply(source, destination, data)]

    def carry(self, delay: int, source: str, port: int, destination: str, peer_port: int, kind: Segment, data: bytes = b"") -> None:
        """Let a segment arrive in `delay` ns."""
        host = self.hosts[destination]
        self.kernel.after(delay, host.arrive, source, port, peer_port, kind, data, who=destination)


class Host:
    """One address. It belongs to a board, or to nobody (a bridge to the outside, a head end)."""

    def __init__(self, net: Net, name: str) -> None:
        self.net = net
        self.name = name
        self.up = True
        self.covered = True
        """False: out of the network's reach, so that nothing passes and it tells no time."""
        self.streams: dict[tuple[int, str, int], Stream] = {}
        self.sockets: dict[int, Socket] = {}
        self.on_transmit: Callable[[], bool] | None = None
        """Called for each message that it sends, arrived or not: whether there is the energy for it; unset: there always is."""
        self._listeners: dict[int, Callable[[Stream], object]] = {}
        self._next_port = _EPHEMERAL

    def listen(self, port: int, on_accept: Callable[[Stream], object]) -> None:
        """Take connections to a port: `on_accept(stream)` sets their callbacks. Raises LocalProtocolError when it is taken."""
        if port in self._listeners:
            raise LocalProtocolError(f"{self.name}:{port} is taken")
        self._listeners[port] = on_accept

    def unlisten(self, port: int) -> None:
        """Take no more connections to a port; those that are open stay open."""
        self._listeners.pop(port, None)

    def connect(self, address: str, port: int) -> Stream:
        """Open a stream. What is sent at once waits until it is open; `on_close(Closed.REFUSED)` when nobody listens."""
        while (self._next_port, address, port) in self.streams:
            self._next_port += 1
        own = self._next_port
        self._next_port = own + 1 if own < 0xFFFF else _EPHEMERAL
        stream = Stream(self, own, address, port)
        self.streams[own, address, port] = stream
        stream.open()
        return stream

    def bind(self, port: int | None = None) -> Socket:
        """Open a port for datagrams, a free one where none is named. Raises LocalProtocolError when it is taken."""
        if port is None:
            port = _EPHEMERAL
            while port in self.sockets:
                port += 1
        if port in self.sockets:
            raise LocalProtocolError(f"{self.name}:{port} is taken")
        socket = self.sockets[port] = Socket(self, port)
        return socket

    def transmits(self) -> bool:
        """A message is to go out: whether it does."""
        return self.on_transmit is None or self.on_transmit()

    @property
    def reachable(self) -> bool:
        """It has power, and a network around it."""
        return self.up and self.covered

    def network_time(self) -> int | None:
        """UTC in ns as the cellular network tells it; None while the host is not on the network."""
        return self.net.kernel.utc if self.reachable else None

    def reset(self) -> None:
        """The owner's power is gone: listeners and streams with it. Peers are not told."""
        self.up = False
        self._listeners.clear()
        self.sockets.clear()
        for stream in tuple(self.streams.values()):
            stream.die()
        self.streams.clear()

    def arrive(self, source: str, port: int, own: int, kind: Segment, data: bytes) -> None:
        """A segment from port `port` of host `source` for port `own`."""
        if not self.up:
            return
        if kind is Segment.DATAGRAM:
            self._datagram(own, source, port, data)
            return
        stream = self.streams.get((own, source, port))
        if stream is not None:
            stream.arrive(kind, data)
        elif kind is Segment.OPEN and own in self._listeners:
            stream = self.streams[own, source, port] = Stream(self, own, source, port)
            stream.accepted()
            self._listeners[own](stream)
        elif kind not in (Segment.RESET, Segment.CLOSE):
            passage = self.net.passage(self.name, source, b"")
            if passage is not None:
                self.net.carry(passage[0], self.name, own, source, port, Segment.RESET)

    def _datagram(self, own: int, source: str, port: int, data: bytes) -> None:
        socket = self.sockets.get(own)
        if socket is not None and socket.on_datagram is not None:
            socket.on_datagram(source, port, data)


class Socket:
    """A port for datagrams. `on_datagram(host, port, octets)` is called for each that comes; what no port waits for is lost."""

    def __init__(self, host: Host, port: int) -> None:
        self.host = host
        self.port = port
        self.name = f"{host.name}:{port}"
        self.on_datagram: Callable[[str, int, bytes], object] | None = None

    def send(self, address: str, port: int, data: bytes) -> None:
        """Send one datagram. Raises LocalProtocolError when it is longer than any may be."""
        if len(data) > LARGEST_DATAGRAM:
            raise LocalProtocolError(f"{self.name}: a datagram of {len(data)} octets")
        net = self.host.net
        net.kernel.log.emit(self.name, "net.datagram", data)
        for delay, copy in net.passages(self.host.name, address, data) if self.host.transmits() else ():
            net.carry(delay, self.host.name, self.port, address, port, Segment.DATAGRAM, copy)

    def close(self) -> None:
        """Give the port back. Harmless twice."""
        if self.host.sockets.get(self.port) is self:
            del self.host.sockets[self.port]


class Segment(Enum):
    """What passes between two hosts: between the ends of a stream, but for datagrams."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DATA = "data"
    FINISH = "finish"
    CLOSE = "close"
    RESET = "reset"
    PROBE = "probe"
    """Says nothing; whoever does not know the stream resets it."""
    DATAGRAM = "datagram"


class Stream:
    """One end of a connection. Set the callbacks at once: `on_open()`, `on_data(octets)`, `on_finish()`, `on_close(Closed)`.

    `on_finish`: the peer sends no more, and may still listen; without that callback the stream is closed then. `on_close` is called
    once, unless this end called `close` itself.
    """

    def __init__(self, host: Host, port: int, peer: str, peer_port: int) -> None:
        self.host = host
        self.port = port
        self.peer = peer
        self.peer_port = peer_port
        self.name = f"{host.name}:{port}>{peer}:{peer_port}"
        self.opened = False
        self.closed: Closed | None = None
        self.on_open: Callable[[], object] | None = None
        self.on_data: Callable[[bytes], object] | None = None
        self.on_finish: Callable[[], object] | None = None
        self.on_close: Callable[[Closed], object] | None = None
        self._finished = False
        self._peer_finished = False
        self._unsent: deque[tuple[Segment, bytes]] = deque()
        self._unsent_octets = 0
        self._under_way: deque[tuple[Segment, bytes]] = deque()
        self._voyage = 0
        """Counts up when what is under way is to be sent again."""
        self._clear_at = 0
        self._failing_since: int | None = None
        self._retry: Timer | None = None
        self._opening: Timer | None = None

    # --- the owner's side ---

    @property
    def unsent(self) -> int:
        """Octets that have not arrived at the peer's host yet."""
        return self._unsent_octets + sum(len(data) for _, data in self._under_way)

    def send(self, data: bytes) -> None:
        """Send octets. Nothing happens once the stream is closed. Raises LocalProtocolError after `finish`."""
        if self._finished:
            raise LocalProtocolError(f"{self.name}: sent after finishing")
        if self.closed is None and data:
            self._log("net.data", data)
            self._queue(Segment.DATA, data)

    def finish(self) -> None:
        """Half-close: no more from this end, but it still listens."""
        if not self._finished and self.closed is None:
            self._queue(Segment.FINISH)
            self._finished = True
            if self._peer_finished:
                self._end(Closed.CLOSED)

    def probe(self) -> None:
        """Ask whether the peer is still there: it resets what it does not know, and `stuck_since` tells of one out of reach."""
        if self.closed is None and not self._unsent:
            self._queue(Segment.PROBE)

    @property
    def stuck_since(self) -> int | None:
        """Since when (ns) nothing has passed of what is to go; None when all has, or nothing was tried."""
        return self._failing_since

    def close(self) -> None:
        """Close both directions, once what was sent has gone. Harmless when it is closed."""
        if self.closed is None:
            self.on_close = None
            self._queue(Segment.CLOSE)
            self._end(Closed.CLOSED)

    def reset(self) -> None:
        """End both directions at once, unsent octets and all; the peer sees a reset. Harmless when it is closed."""
        if self.closed is None:
            self.on_close = None
            self._unsent.clear()
            self._unsent_octets = 0
            self._queue(Segment.RESET)
            self._end(Closed.RESET)

    # --- the network's side ---

    def open(self) -> None:
        """Ask the peer."""
        self._log("net.open", b"")
        self._opening = self._kernel.after(GIVE_UP, self._abandon, Closed.TIMED_OUT, who=self.host.name)
        self._queue(Segment.OPEN)

    def accepted(self) -> None:
        """This is the end that was asked."""
        self._log("net.accept", b"")
        self.opened = True
        self._queue(Segment.ACCEPTED)

    def die(self) -> None:
        """The power went: no farewell, no callback."""
        self.closed = Closed.RESET
        self._unsent.clear()
        self._under_way.clear()
        self._stop_timers()

    def arrive(self, kind: Segment, data: bytes) -> None:
        """A segment from the peer."""
        if kind is Segment.ACCEPTED:
            self._opened()
        elif kind is Segment.RESET:
            self._abandon(Closed.RESET if self.opened else Closed.REFUSED)
        elif kind is Segment.CLOSE:
            self._abandon(Closed.CLOSED)
        elif self.closed is not None:  # it has closed, and only its last octets are still to go
            return
        elif kind is Segment.DATA:
            if self.on_data is not None:
                self.on_data(data)
        elif kind is Segment.FINISH:
            self._peer_finished = True
            if self._finished:
                self._end(Closed.CLOSED)
            elif self.on_finish is not None:
                self.on_finish()
            else:
                self._queue(Segment.CLOSE)
                self._end(Closed.CLOSED)

    def _opened(self) -> None:
        self.opened = True
        if self._opening is not None:
            self._opening.cancel()
        if self.on_open is not None and self.closed is None:
            self.on_open()
        self._pump()

    @property
    def _kernel(self) -> Kernel:
        return self.host.net.kernel

    def _log(self, kind: str, data: bytes) -> None:
        self._kernel.log.emit(self.name, kind, data)

    def _queue(self, kind: Segment, data: bytes = b"") -> None:
        self._unsent_octets += len(data)
        self._unsent.append((kind, data))
        if self._unsent_octets > MAX_UNSENT:
            self._abandon(Closed.OVERFLOW)
        elif self._retry is None:
            self._pump()

    def _pump(self) -> None:
        """Send what waits, in order, until the first that does not pass; that one is tried again later."""
        self._retry = None
        net, kernel = self.host.net, self._kernel
        while self._unsent:
            kind, data = self._unsent[0]
            if not self.opened and kind is not Segment.OPEN:
                return
            passage = net.passage(self.host.name, self.peer, data) if self.host.transmits() else None
            if passage is None:
                self._try_later()
                return
            self._under_way.append(self._unsent.popleft())
            self._unsent_octets -= len(data)
            self._clear_at = max(kernel.now + passage[0], self._clear_at)
            kernel.after(self._clear_at - kernel.now, self._arrived, self._voyage, kind, passage[1], who=self.peer)

    def _arrived(self, voyage: int, kind: Segment, data: bytes) -> None:
        """A segment has reached the peer's host. Nothing is under way any more of a stream that its owner lost or gave up."""
        if voyage != self._voyage:
            return
        host = self.host.net.hosts[self.peer]
        if not host.up:
            self._send_again()
            return
        if self._under_way:
            self._under_way.popleft()
            self._failing_since = None
            if self.closed is not None and not self._unsent and not self._under_way:
                self._forget()
        host.arrive(self.host.name, self.port, self.peer_port, kind, data)

    def _send_again(self) -> None:
        """The first segment under way found nobody: it and those behind it are to be sent again."""
        if not self._under_way:
            return
        self._voyage += 1
        self._unsent_octets += sum(len(data) for _, data in self._under_way)
        self._unsent.extendleft(reversed(self._under_way))
        self._under_way.clear()
        if self._retry is None:
            self._try_later()

    def _try_later(self) -> None:
        now = self._kernel.now
        if self._failing_since is None:
            self._failing_since = now
        failing = now - self._failing_since
        if failing >= GIVE_UP:
            self._abandon(Closed.TIMED_OUT)
        else:  # 1, 2, 4 .. s after each other: at 1, 3, 7 .. s
            self._retry = self._kernel.after(min(failing + FIRST_RETRY, GIVE_UP - failing), self._pump, who=self.host.name)

    def _end(self, why: Closed) -> None:
        """The stream is over for its owner. What is unsent still goes out, as far as it passes."""
        if self.closed is None:
            self.closed = why
            self._log("net.close", why.value.encode())
            if not self._unsent and not self._under_way:
                self._forget()
            if self.on_close is not None:
                self.on_close(why)

    def _abandon(self, why: Closed) -> None:
        """The stream is over, and so is what is unsent; what is under way arrives or doesn't."""
        self._unsent.clear()
        self._under_way.clear()
        self._end(why)
        self._forget()

    def _forget(self) -> None:
        self.host.streams.pop((self.port, self.peer, self.peer_port), None)
        self._stop_timers()

    def _stop_timers(self) -> None:
        for timer in (self._retry, self._opening):
            if timer is not None:
                timer.cancel()
        self._retry = self._opening = None
