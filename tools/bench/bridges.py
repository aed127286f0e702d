"""Where the outside meets a home: real byte streams as plugs in virtual ports and as hosts of the virtual network.

Everything that comes in goes through `journal.Inputs`, so that a replay, which has no outside, takes the same course: the
bridges are part of every run of a bench, served or not. An endpoint has a few slots, one for each stream that can be open
at once; slot n of `home1/hub.wan` is the journal's endpoint `home1/hub.wan#n`. No sockets here: tools.bench.realtime
joins slots and channels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from devices.runtime.journal import Happening, Inputs
from devices.runtime.kernel import Kernel
from devices.runtime.net import Closed, Host, Stream
from devices.runtime.port import Occupied, Port

SLOTS = 8


class Slot:
    """One stream to the outside. The run calls `output` and `ended`; who serves it sets the callbacks."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.taken = False
        self.on_output: Callable[[bytes], object] | None = None
        self.on_end: Callable[[str], object] | None = None

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
    """Outside readers of a device's port: each is a plug, and the port takes one at a time."""

    def __init__(self, inputs: Inputs, endpoint: str, port: Port) -> None:
        self._kernel: Kernel = inputs.kernel
        self._port = port
        self._plugs: dict[int, Port] = {}
        self.slots = _slots(inputs, endpoint, self._happen)

    def _happen(self, number: int, slot: Slot, happening: Happening, data: bytes) -> None:
        if happening is Happening.OPEN:
            plug = Port(self._kernel, slot.endpoint)
            plug.on_receive = slot.output
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


class EntryBridge:
    """Outside clients of a virtual host: each is a stream from `host` to `address` and `port`."""

    def __init__(self, inputs: Inputs, endpoint: str, host: Host, address: str, port: int) -> None:
        self._connect = partial(host.connect, address, port)
        self._streams: dict[int, Stream] = {}
        self.slots = _slots(inputs, endpoint, self._happen)

    def _happen(self, number: int, slot: Slot, happening: Happening, data: bytes) -> None:
        if happening is Happening.OPEN:
            stream = self._streams[number] = self._connect()
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
    """Virtual clients of an outside server: `host` listens on `port`, and each stream that comes wants a connection.

    A stream is taken at once and reset when no connection came of it, so that its client knows. A client that has nothing
    more to say still listens: the outside ends the stream, or the client does.
    """

    def __init__(self, inputs: Inputs, endpoint: str, host: Host, port: int) -> None:
        self.on_dial: Callable[[Slot], object] | None = None
        """Set by who can connect: open a real connection for this slot."""
        self._streams: dict[int, Stream] = {}
        self._connected: dict[int, bool] = {}
        self.slots = _slots(inputs, endpoint, self._happen)
        host.listen(port, self._accept)

    def _accept(self, stream: Stream) -> None:
        number = next((each for each in range(SLOTS) if each not in self._streams), None)
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
