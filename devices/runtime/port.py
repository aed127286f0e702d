"""Serial ports and the wires between them: a pipe of octets with one plug at each end.

A port takes one plug: an optical head on a meter excludes every other reader until it is taken off. A wire carries octets in
order, at a baud rate (ten bits an octet) or at once; with a baud rate they arrive in pieces of at most 32, so that a receiver's
inter-octet time-outs see a stream. Each end may set a rate of its own: where the two differ, garbage arrives. Octets have eight
bits: parity is made of them by who wants it. Break and modem lines are not carried.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.runtime.faults import Faults
from devices.runtime.kernel import Kernel, S
from devices.runtime.uart import heard
from protocols.core.errors import LocalProtocolError

_BITS_PER_OCTET = 10
_PIECE = 32


class Occupied(LocalProtocolError):
    """The port has a plug in it."""


class Port:
    """One end. The owner sets `on_receive(octets)`, and `on_plug(occupied)` if it wants to know of heads coming and going.

    `resting` is the owner's word that whoever is plugged in has finished, so that another may take his place. `on_rate(baud)` is
    for a plug that stands for a line outside: the other end has set its rate.
    """

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.name = name
        self.powered = True
        self.resting = False
        self.on_rate: Callable[[int | None], object] | None = None
        self.on_receive: Callable[[bytes], object] | None = None
        self.on_plug: Callable[[bool], object] | None = None
        self.wire: Wire | None = None
        self._baud: int | None = None
        self._kernel = kernel

    @property
    def baud(self) -> int | None:
        """Its rate. None: it follows the other end's, or is the wire's own."""
        return self._baud

    @baud.setter
    def baud(self, rate: int | None) -> None:
        if rate != self._baud:
            self._baud = rate
            if self.wire is not None:
                self.wire.other(self).told_rate(rate)

    def told_rate(self, rate: int | None) -> None:
        """The other end has another rate."""
        if self.on_rate is not None:
            self.on_rate(rate)

    @property
    def occupied(self) -> bool:
        """A wire is plugged in."""
        return self.wire is not None

    def write(self, data: bytes) -> None:
        """Send octets. Without power or without a wire they go nowhere."""
        if self.powered and data:
            self._kernel.log.emit(self.name, "wire", data)
            if self.wire is not None:
                self.wire.carry(self, data)

    def attach(self, peer: Port, *, baud: int | None = None, latency: int = 0) -> Wire:
        """Plug a wire in between this port and another. Raises Occupied when either has one."""
        return Wire(self._kernel, self, peer, baud=baud, latency=latency)

    def detach(self) -> None:
        """Pull the wire out, if there is one; octets on it are lost."""
        if self.wire is not None:
            self.wire.unplug()

    def reset(self) -> None:
        """The owner's power is gone: its callbacks, and what it was sending, are too."""
        self.powered = False
        self.resting = False
        self.on_receive = None
        self.on_plug = None
        self.baud = None
        if self.wire is not None:
            self.wire.silence(self)

    def arrived(self, data: bytes) -> None:
        """Octets arrive from the wire."""
        if self.powered and self.on_receive is not None:
            self.on_receive(data)

    def plugged(self, wire: Wire | None) -> None:
        """A wire goes in or out; the owner learns of it as an event of its own."""
        self.wire = wire
        self._kernel.at(self._kernel.now, self._tell, wire is not None, who=self.name)

    def _tell(self, occupied: bool) -> None:
        if self.on_plug is not None:
            self.on_plug(occupied)


class Wire:
    """Two ports joined. `baud` is the rate where the ends say none; without it the line has no rate, whatever they say.

    A rate may be changed while it is plugged, and counts from the next write on.
    """

    def __init__(self, kernel: Kernel, a: Port, b: Port, *, baud: int | None = None, latency: int = 0) -> None:
        """`latency` in ns. Raises Occupied when either port has a wire."""
        for port in (a, b):
            if port.wire is not None:
                raise Occupied(f"{port.name} is occupied")
        self.baud = baud
        self.latency = latency
        self.faults: Faults | None = None
        self._kernel = kernel
        self._ends = (_End(a, b), _End(b, a))
        for port in (a, b):
            kernel.log.emit(port.name, "wire.plug", b"")
            port.plugged(self)

    def unplug(self) -> None:
        """Take the wire out of both ports. Harmless when it is out already."""
        for end in self._ends:
            if end.source.wire is self:
                self._kernel.log.emit(end.source.name, "wire.unplug", b"")
                end.source.plugged(None)
            end.sending += 1

    def silence(self, port: Port) -> None:
        """What this port has on the wire never arrives."""
        self._end(port).sending += 1

    def carry(self, port: Port, data: bytes) -> None:
        """Octets from one end to the other."""
        end, now = self._end(port), self._kernel.now
        if self.baud is None:
            self._deliver(end, now, data, None)
            return
        rate = end.source.baud or end.sink.baud or self.baud
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            end.free_at = max(end.free_at, now) + len(piece) * _BITS_PER_OCTET * S // rate
            self._deliver(end, end.free_at, piece, end.source.baud)

    def _deliver(self, end: _End, when: int, data: bytes, rate: int | None) -> None:
        copies = ((0, data),) if self.faults is None else self.faults.apply(end.source.name, end.sink.name, data)
        for delay, copy in copies:
            self._kernel.at(when + self.latency + delay, self._arrive, end, end.sending, copy, rate, who=end.sink.name)

    def _arrive(self, end: _End, sending: int, data: bytes, rate: int | None) -> None:
        if sending != end.sending:
            return
        if rate is not None and end.sink.baud is not None:
            data = heard(data, rate, end.sink.baud)
        if data:
            end.sink.arrived(data)

    def other(self, port: Port) -> Port:
        """The port at the other end."""
        return self._end(port).sink

    def _end(self, port: Port) -> _End:
        return self._ends[0] if self._ends[0].source is port else self._ends[1]


class _End:
    """One direction. `sending` is raised whenever what is under way is lost."""

    __slots__ = ("free_at", "sending", "sink", "source")

    def __init__(self, source: Port, sink: Port) -> None:
        self.source = source
        self.sink = sink
        self.free_at = 0
        self.sending = 0
