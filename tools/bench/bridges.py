"""Where the outside meets a home: real byte streams as plugs in virtual ports and as hosts of the virtual network.

Everything that comes in goes through `journal.Inputs`, so that a replay, which has no outside, takes the same course: the
bridges are part of every run of a bench, served or not. An endpoint has a few slots, one for each stream that can be open
at once; slot n of `home1/hub.wan` is the journal's endpoint `home1/hub.wan#n`. No sockets here: tools.bench.realtime
joins slots and channels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from devices.runtime.board import Board
from devices.runtime.journal import Happening, Inputs
from devices.runtime.kernel import Kernel
from devices.runtime.net import Closed, Host, Net, Socket, Stream
from devices.runtime.port import Occupied, Port
from protocols.zigbee import gateway

SLOTS = 8
OUTSIDE = "outside"
"""The host from which clients of the real world come."""
COSEM = 4059
"""TCP and UDP port."""
GATEWAY = gateway.PORT
"""To which hubs of the application layer `gateway` bring their notices."""
DATAGRAMS = ".udp"
"""Behind an endpoint's name: its door for datagrams."""


def door(endpoint: str, scheme: str) -> str:
    """The name under which what comes by a kind of link to an endpoint (`home1/hub.wan`) enters the run."""
    return endpoint + DATAGRAMS if scheme == "udp-listen" else endpoint


def bridge(inputs: Inputs, name: str, net: Net, board: Board) -> PortBridge | EntryBridge | DatagramBridge:
    """The bridge at a door of a device."""
    port = name.partition(".")[2]
    if port == "wan":
        return EntryBridge(inputs, name, net.host(OUTSIDE), board.name, partial(_spoken, board))
    if port == f"wan{DATAGRAMS}":
        return DatagramBridge(inputs, name, net.host(OUTSIDE), board.name, COSEM)
    return PortBridge(inputs, name, board.uart(port))


def _spoken(board: Board) -> int:
    """The TCP port of what is spoken on a device's WAN side now."""
    application = getattr(board.firmware, "application", None)
    return GATEWAY if getattr(application, "active", "") == "gateway" else COSEM


class Slot:
    """One stream to the outside. The run calls `output` and `ended`; who serves it sets the callbacks."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.taken = False
        self.on_output: Callable[[bytes], object] | None = None
        self.on_end: Callable[[str], object] | None = None
        self.on_rate: Callable[[int | None], object] | None = None

    def rate(self, baud: int | None) -> None:
        """The device has set its rate; None: none of its own."""
        if self.on_rate is not None:
            self.on_rate(baud)

    def output(self, data: bytes) -> None:
        """Octets for the outside; nowhere in a replay."""
        if self.on_output is not None:
            self.on_output(data)

    def ended(self, reason: str) -> None:
        """The virtual end was closed, or could not be opened."""
        if self.on_end is not None:
            self.on_end(reason)


def _slots(inputs: Inputs, endpoint: str, handler: Callable[[int, Slot, Happening, bytes], object]) -> list[Slot]:
    slots = [Slot(f"{endpoint}#{number}") for number in range(SLOTS)]
    for number, slot in enumerate(slots):
        inputs.bind(slot.endpoint, partial(handler, number, slot))
    return slots


class PortBridge:
    """Outside readers of a device's port: each is a plug, and the port takes one at a time; one who has finished makes room."""

    def __init__(self, inputs: Inputs, endpoint: str, port: Port) -> None:
        self._kernel: Kernel = inputs.kernel
        self._port = port
        self._plugs: dict[int, Port] = {}
        self.slots = _slots(inputs, endpoint, self._happen)

    def _happen(self, number: int, slot: Slot, happening: Happening, data: bytes) -> None:
        if happening is Happening.OPEN:
            plug = Port(self._kernel, slot.endpoint)
            plug.on_receive = slot.output
            plug.on_rate = slot.rate
            if self._port.resting:
                self._unplug()
            try:
                plug.attach(self._port)
            except Occupied:
                slot.ended("the port is occupied")
                return
            self._plugs[number] = plug
        elif (plug_or_none := self._plugs.get(number)) is None:
            return
        elif happening is Happening.DATA:
            plug_or_none.write(data)
        else:
            plug_or_none.detach()
            del self._plugs[number]

    def _unplug(self) -> None:
        """Take the reader out who has finished, if he is one of ours."""
        for number, plug in list(self._plugs.items()):
            if plug.occupied:
                plug.detach()
                del self._plugs[number]
                self.slots[number].ended("another reader came")


class DatagramBridge:
    """Outside clients that speak datagrams: each has a port of `host`, and speaks to `address` and `port`."""

    def __init__(self, inputs: Inputs, endpoint: str, host: Host, address: str, port: int) -> None:
        self._host = host
        self._send_to = address, port
        self._sockets: dict[int, Socket] = {}
        self.slots = _slots(inputs, endpoint, self._happen)

    def _happen(self, number: int, slot: Slot, happening: Happening, data: bytes) -> None:
        if happening is Happening.OPEN:
            socket = self._sockets[number] = self._host.bind()
            socket.on_datagram = lambda host, port, datagram: slot.output(datagram)
        elif number not in self._sockets:
            return
        elif happening is Happening.DATA:
            self._sockets[number].send(*self._send_to, data)
        else:
            self._sockets.pop(number).close()


class EntryBridge:
    """Outside clients of a virtual host: each is a stream from `host` to `address` and what is `port()` then."""

    def __init__(self, inputs: Inputs, endpoint: str, host: Host, address: str, port: Callable[[], int]) -> None:
        self._host = host
        self._address = address
        self._port = port
        self._streams: dict[int, Stream] = {}
        self.slots = _slots(inputs, endpoint, self._happen)

    def _happen(self, number: int, slot: Slot, happening: Happening, data: bytes) -> None:
        if happening is Happening.OPEN:
            stream = self._streams[number] = self._host.connect(self._address, self._port())
            stream.on_data = slot.output
            stream.on_close = partial(self._closed, number, slot)
        elif number not in self._streams:
            return
        elif happening is Happening.DATA:
            self._streams[number].send(data)
        else:
            self._streams.pop(number).close()

    def _closed(self, number: int, slot: Slot, why: Closed) -> None:
        del self._streams[number]
        slot.ended(why.value)


class ExitBridge:
    """Virtual clients of an outside server: `host` listens on `port`, and each stream that comes wants a connection, as does each
    datagram.

    A stream is taken at once and reset when no connection came of it, so that its client knows. A client that has nothing
    more to say still listens: the outside ends the stream, or the client does.
    """

    def __init__(self, inputs: Inputs, endpoint: str, host: Host, port: int) -> None:
        self.on_dial: Callable[[Slot], object] | None = None
        """Set by who can connect: open a real connection for this slot."""
        self._streams: dict[int, Stream] = {}
        self._connected: dict[int, bool] = {}
        self.slots = _slots(inputs, endpoint, self._happen)
        for each in (port, GATEWAY):
            host.listen(each, self._accept)
        host.bind(port).on_datagram = self._datagram

    @property
    def _free(self) -> int | None:
        return next((each for each in range(SLOTS) if each not in self._streams), None)

    def _datagram(self, address: str, port: int, data: bytes) -> None:
        """Nobody learns whether it arrived."""
        number = self._free
        if number is not None and self.on_dial is not None:
            slot = self.slots[number]
            self.on_dial(slot)
            slot.output(data)
            slot.ended("a datagram is all")

    def _accept(self, stream: Stream) -> None:
        number = self._free
        if number is None:
            stream.close()
            return
        slot = self.slots[number]
        self._streams[number] = stream
        self._connected[number] = False
        stream.on_data = slot.output
        stream.on_finish = lambda: None
        stream.on_close = partial(self._closed, number, slot)
        if self.on_dial is not None:
            self.on_dial(slot)

    def _happen(self, number: int, slot: Slot, happening: Happening, data: bytes) -> None:
        if number not in self._streams:
            return
        if happening is Happening.OPEN:
            self._connected[number] = True
        elif happening is Happening.DATA:
            self._streams[number].send(data)
        elif self._connected[number]:
            self._streams.pop(number).close()
        else:
            self._streams.pop(number).reset()

    def _closed(self, number: int, slot: Slot, why: Closed) -> None:
        del self._streams[number]
        slot.ended(why.value)
