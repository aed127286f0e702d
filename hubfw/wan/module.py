"""The network behind a WAN module that can be taken off at any time: the hub's end of the line, registration, swaps.

The address is the hub's and is registered by whichever module is in the slot. Where registration fails, or is lost, it is asked for
again after 5, 10, 20 .. 300 s. When the module goes, every stream ends as reset; who listens goes on listening as soon as another
module is registered. Notices wait in their queue meanwhile, and an answer that did not get out is asked for again by the head end.

Each change of the module is a line of the hub's swap record, which so tells which one was in last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.runtime.kernel import S, Timer
from devices.runtime.net import Closed
from hubfw import swap_record
from hubfw.wan import network
from protocols.core.codec import Frame
from protocols.core.effects import Effect, Send
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.wan_module import messages
from protocols.wan_module.line import Down, Heard, Line, Up
from protocols.wan_module.messages import (
    LARGEST_DATA,
    Abort,
    Absence,
    Accepted,
    Bind,
    Close,
    Data,
    Datagram,
    Ended,
    Ending,
    Finish,
    Hello,
    Listen,
    Open,
    Opened,
    Probe,
    Progress,
    Register,
    Registered,
    Time,
    Unbind,
    Unlisten,
    Unregistered,
)

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

SLOT: Final = "wan"
"""The UART."""
FIRST_PAUSE: Final = 5 * S
LONGEST_PAUSE: Final = 300 * S
LARGEST_DATAGRAM: Final = 1500
MOST_UNSENT: Final = 64 * 1024

_ENDINGS: Final = {
    Ending.CLOSED: Closed.CLOSED,
    Ending.REFUSED: Closed.REFUSED,
    Ending.RESET: Closed.RESET,
    Ending.TIMED_OUT: Closed.TIMED_OUT,
    Ending.OVERFLOW: Closed.OVERFLOW,
}


class Stream:
    """One end of a connection, whose other half is in the module."""

    def __init__(self, module: ModuleNetwork, number: int, opened: bool) -> None:
        self.opened = opened
        self.closed: Closed | None = None
        self.on_data: Callable[[bytes], object] | None = None
        self.on_finish: Callable[[], object] | None = None
        self.on_close: Callable[[Closed], object] | None = None
        self.stuck_since: int | None = None
        self._module = module
        self._number = number
        self._sent = 0
        self._taken = 0
        self._finished = False

    @property
    def unsent(self) -> int:
        """Octets of which the module has not told yet that they have passed."""
        return self._sent - self._taken

    def send(self, data: bytes) -> None:
        """Send octets. Nothing happens once the stream is closed. Raises LocalProtocolError after `finish`."""
        if self._finished:
            raise LocalProtocolError("sent after finishing")
        if self.closed is not None:
            return
        self._sent += len(data)
        if self.unsent > MOST_UNSENT:
            self._say(Abort(self._number))
            self.end(Closed.OVERFLOW)
            return
        for at in range(0, len(data), LARGEST_DATA):
            self._say(Data(self._number, data[at : at + LARGEST_DATA]))

    def finish(self) -> None:
        """Half-close."""
        if not self._finished and self.closed is None:
            self._finished = True
            self._say(Finish(self._number))

    def probe(self) -> None:
        """Have the module ask whether the peer is there."""
        if self.closed is None:
            self._say(Probe(self._number))

    def close(self) -> None:
        """Close both directions, once what was sent has gone."""
        self._leave(Close(self._number), Closed.CLOSED)

    def reset(self) -> None:
        """End both directions at once."""
        self._leave(Abort(self._number), Closed.RESET)

    def _leave(self, message: Close | Abort, why: Closed) -> None:
        if self.closed is None:
            self.on_close = None
            self._say(message)
            self.end(why)

    def _say(self, message: messages.FromHub) -> None:
        self._module.say(message)

    # --- the module's side ---

    def accepted(self) -> None:
        """The peer has taken the connection."""
        self.opened = True

    def took(self, taken: int, stuck: bool, now: int) -> None:
        """So many octets have passed, modulo 2^32."""
        self._taken += (taken - self._taken) & 0xFFFFFFFF
        if not stuck:
            self.stuck_since = None
        elif self.stuck_since is None:
            self.stuck_since = now

    def peer_finished(self) -> None:
        """The peer sends no more."""
        if self.on_finish is not None:
            self.on_finish()
        elif self.closed is None:
            self._say(Close(self._number))
            self.end(Closed.CLOSED)

    def end(self, why: Closed) -> None:
        """It is over."""
        if self.closed is None:
            self.closed = why
            self._module.forget(self._number)
            if self.on_close is not None:
                self.on_close(why)


class Socket:
    """A port for datagrams."""

    def __init__(self, module: ModuleNetwork, number: int) -> None:
        self.on_datagram: Callable[[str, int, bytes], object] | None = None
        self._module = module
        self._number = number

    def send(self, address: str, port: int, data: bytes) -> None:
        """Send one datagram; it is lost where there is no module, and when it is longer than one takes."""
        if len(data) <= LARGEST_DATAGRAM:
            self._module.say(Datagram(self._number, port, address.encode(), data))
        else:
            self._module.log("wan.too-long", {"octets": len(data)})

    def close(self) -> None:
        """Give the port back."""
        self._module.unbind(self._number)


class ModuleNetwork:
    """A `network.Network`. `on_time` is called when a registration has brought the time."""

    def __init__(self, firmware: Firmware, address: str) -> None:
        self.registered = False
        self.on_time: Callable[[], object] = lambda: None
        self._firmware = firmware
        self._address = address
        board = firmware.board
        self._nvm = board.nvm
        self._port = board.uart(SLOT)
        draw = board.rng("wan")
        self._line = Line(lambda: draw.getrandbits(32))
        self._timer = Deadline(firmware, lambda: self._line.deadline, lambda: self._apply(self._line.expire(firmware.now)))
        self._listeners: dict[int, Callable[[network.Stream], object]] = {}
        self._streams: dict[int, Stream] = {}
        self._sockets: dict[int, tuple[Socket, int]] = {}
        self._next = 2
        self._pause = FIRST_PAUSE
        self._again: Timer | None = None
        self._time: tuple[int, int] | None = None
        self._do: dict[type[Frame], Callable[..., object]] = {
            Hello: self._hello,
            Registered: self._is_registered,
            Unregistered: self._is_not_registered,
            Opened: self._opened,
            Accepted: self._accepted,
            Data: self._data,
            Finish: lambda m: self._with(m.stream, Stream.peer_finished),
            Ended: lambda m: self._with(m.stream, lambda stream: stream.end(_ENDINGS.get(m.reason, Closed.RESET))),
            Progress: lambda m: self._with(m.stream, lambda stream: stream.took(m.taken, m.stuck, firmware.now)),
            Datagram: self._datagram,
            Time: lambda m: self._told_time(m.utc),
        }
        self._port.on_receive = lambda data: self._apply(self._line.feed(data, firmware.now))
        self._port.on_plug = self._plugged
        if self._port.occupied:
            self._plugged(True)

    # --- a network ---

    def listen(self, port: int, on_accept: Callable[[network.Stream], object]) -> None:
        """As `Host.listen`, with this module and each one after it."""
        if port in self._listeners:
            raise LocalProtocolError(f"{port} is taken")
        self._listeners[port] = on_accept
        if self.registered:
            self.say(Listen(port))

    def unlisten(self, port: int) -> None:
        """As `Host.unlisten`."""
        if self._listeners.pop(port, None) is not None and self.registered:
            self.say(Unlisten(port))

    def connect(self, address: str, port: int) -> Stream:
        """As `Host.connect`; without a registered module it is refused, as the next event."""
        number = self._number()
        stream = self._streams[number] = Stream(self, number, opened=False)
        if self.registered:
            self.say(Open(number, port, address.encode()))
        else:
            self._firmware.after(0, stream.end, Closed.REFUSED)
        return stream

    def bind(self, port: int | None = None) -> Socket:
        """As `Host.bind`."""
        number = self._number()
        socket = Socket(self, number)
        self._sockets[number] = socket, port or 0
        if self.registered:
            self.say(Bind(number, port or 0))
        return socket

    def network_time(self) -> int | None:
        """UTC in ns by the module's last word; None while it is not registered."""
        if self._time is None or not self.registered:
            return None
        utc, at = self._time
        return utc + self._firmware.now - at

    # --- which module ---

    def _hello(self, message: Hello) -> None:
        kind, serial, version = (
            octets[: messages.LONGEST_NAME].decode("ascii", "replace") for octets in (message.type, message.serial, message.version)
        )
        name, number = f"{kind} {version}; address {self._address}", serial.encode()
        changes = [line for line in swap_record.lines(self._nvm) if line.kind == swap_record.Kind.WAN_MODULE]
        old_type, old = (changes[-1].new_type, changes[-1].new) if changes else ("", b"")
        if (name, number) != (old_type, old):
            utc = self._firmware.board.rtc.read()
            line = swap_record.Line(utc, swap_record.Kind.WAN_MODULE, old, old_type, number, name)
            self._nvm.put(swap_record.with_line(self._nvm, line))
            self.log("wan.module", {"type": name, "serial": serial, "instead_of": old.decode()})
        self._pause = FIRST_PAUSE
        self._register()

    # --- registration ---

    def _register(self) -> None:
        self._again = None
        self.say(Register(self._address.encode()))

    def _is_registered(self, message: Registered) -> None:
        self.registered = True
        self._pause = FIRST_PAUSE
        self.log("wan.registered", {"address": self._address})
        for port in self._listeners:
            self.say(Listen(port))
        for number, (_, port) in self._sockets.items():
            self.say(Bind(number, port))
        self._told_time(message.utc)
        self.on_time()

    def _is_not_registered(self, message: Unregistered) -> None:
        self.registered = False
        reason = Absence(message.reason).name if message.reason in tuple(Absence) else hex(message.reason)
        self.log("wan.unregistered", {"reason": reason, "pause": self._pause})
        if self._again is None:
            self._again = self._firmware.after(self._pause, self._register)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _told_time(self, utc: int) -> None:
        self._time = utc, self._firmware.now

    # --- the line ---

    def say(self, message: messages.FromHub) -> None:
        """Send a message to the module; it goes nowhere when there is none."""
        self._apply(self._line.send(message.build(), self._firmware.now))

    def log(self, kind: str, data: dict[str, object]) -> None:
        """An event of the hub."""
        self._firmware.board.log(kind, data)

    def _plugged(self, occupied: bool) -> None:
        if occupied:
            self._apply(self._line.start(self._firmware.now))
        else:
            self._line.stop()
            self._gone("taken off")

    def _gone(self, reason: str) -> None:
        """The module is out, or silent: nothing of what it held is there any more."""
        self.registered = False
        self._time = None
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self.log("wan.module-gone", {"reason": reason, "streams": len(self._streams)})
        for stream in list(self._streams.values()):
            stream.end(Closed.RESET)

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._port.write(data)
                case Down():
                    self._gone("silent")
                case Up():
                    self.log("wan.module-here", {})
                case Heard(message=message):
                    self._hear(message)
        self._timer.arm()

    def _hear(self, octets: bytes) -> None:
        try:
            message = messages.from_module.parse(octets)
        except RemoteProtocolError as error:
            self.log("wan.bad", {"reason": str(error)})
            return
        self._do[type(message)](message)

    # --- streams and sockets ---

    def forget(self, number: int) -> None:
        """A stream has ended."""
        self._streams.pop(number, None)

    def unbind(self, number: int) -> None:
        """A socket is closed."""
        if self._sockets.pop(number, None) is not None:
            self.say(Unbind(number))

    def _number(self) -> int:
        """A free even number."""
        while True:
            number, self._next = self._next, (self._next + 2) & 0xFFFE
            if number not in self._streams and number not in self._sockets:
                return number

    def _with(self, number: int, do: Callable[[Stream], object]) -> None:
        stream = self._streams.get(number)
        if stream is not None:
            do(stream)

    def _opened(self, message: Opened) -> None:
        self._with(message.stream, Stream.accepted)

    def _accepted(self, message: Accepted) -> None:
        on_accept = self._listeners.get(message.own_port)
        if on_accept is None or message.stream in self._streams or not message.stream & 1:
            self.say(Abort(message.stream))
            return
        stream = self._streams[message.stream] = Stream(self, message.stream, opened=True)
        on_accept(stream)

    def _data(self, message: Data) -> None:
        stream = self._streams.get(message.stream)
        if stream is not None and stream.on_data is not None:
            stream.on_data(message.octets)

    def _datagram(self, message: Datagram) -> None:
        socket, _ = self._sockets.get(message.socket, (None, 0))
        if socket is not None and socket.on_datagram is not None:
            socket.on_datagram(message.host.decode("ascii", "replace"), message.port, message.octets)
