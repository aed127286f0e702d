"""The module's firmware: `protocols.wan_module` on the UART `hub`, sockets of the network on the other side.

It does what its hub says and keeps nothing: when the line begins anew, every stream and every port is closed, for the hub knows
none of them. It sees octets and no application layer. While the network is out of reach its streams try on for as long as TCP does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from devices.parts.deadline import Deadline
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.firmware import Periodic
from devices.runtime.kernel import MIN, S
from devices.runtime.net import Closed, Host, Socket, Stream
from protocols.core.codec import Frame
from protocols.core.effects import Effect, Send
from protocols.core.errors import RemoteProtocolError
from protocols.wan_module import messages
from protocols.wan_module.line import Heard, Line, Up
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

F = TypeVar("F", bound=Frame)

HUB: Final = "hub"
"""The UART."""
LOOK: Final = 1 * S
"""How often streams are looked at that have octets to go."""
TELL_TIME: Final = 60 * MIN
STREAMS: Final = 32

_ENDINGS: Final = {
    Closed.CLOSED: Ending.CLOSED,
    Closed.REFUSED: Ending.REFUSED,
    Closed.RESET: Ending.RESET,
    Closed.TIMED_OUT: Ending.TIMED_OUT,
    Closed.OVERFLOW: Ending.OVERFLOW,
}


@dataclass(frozen=True, slots=True)
class Config:
    """What is printed on it."""

    type: str
    serial: str
    version: str = "1.0"


@dataclass(slots=True)
class _Flow:
    """A stream, and what was told of it: octets sent in all, octets that had passed, whether it was stuck."""

    stream: Stream
    sent: int = 0
    told: tuple[int, bool] = (0, False)


class Firmware(firmware.Firmware):
    """A board with a modem."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self._config = config
        self._line = Line()
        self._port = board.uart(HUB)
        self._timer = Deadline(self, lambda: self._line.deadline, lambda: self._apply(self._line.expire(self.now)))
        self._flows: dict[int, _Flow] = {}
        self._sockets: dict[int, Socket] = {}
        self._listening: dict[int, None] = {}
        self._next = 1
        self._looking: Periodic | None = None
        self._host: Host | None = None
        """What it was last registered as."""
        self._do: dict[type[Frame], Callable[..., object]] = {
            Register: self._register,
            Listen: lambda m: self._listen(m.port),
            Unlisten: lambda m: self._unlisten(m.port),
            Bind: self._bind,
            Unbind: lambda m: self._unbind(m.socket),
            Open: self._open,
            Data: lambda m: self._send(m.stream, m.octets),
            Finish: lambda m: self._with(m.stream, Stream.finish),
            Close: lambda m: self._drop(m.stream, Stream.close),
            Abort: lambda m: self._drop(m.stream, Stream.reset),
            Probe: lambda m: self._with(m.stream, Stream.probe),
            Datagram: self._datagram,
        }

    def boot(self, why: Reset) -> None:
        self._port.on_receive = lambda data: self._apply(self._line.feed(data, self.now))
        self.board.modem.on_lost = self._lost
        self.every(TELL_TIME, self._tell_time)

    @property
    def _registered(self) -> bool:
        return self.board.modem.host is not None

    # --- the line ---

    def _say(self, message: messages.FromModule) -> None:
        self._apply(self._line.send(message.build(), self.now))

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._port.write(data)
                case Up():
                    self._forget()
                    config = self._config
                    self._say(Hello(config.type.encode(), config.serial.encode(), config.version.encode()))
                case Heard(message=message):
                    self._obey(message)
        self._timer.arm()

    def _obey(self, octets: bytes) -> None:
        try:
            message = messages.from_hub.parse(octets)
        except RemoteProtocolError as error:
            self.board.log("wan-module.bad", {"reason": str(error)})
            return
        self._do[type(message)](message)

    def _forget(self) -> None:
        """The hub has started anew."""
        for number in list(self._flows):
            self._drop(number, Stream.reset)
        for number in list(self._sockets):
            self._unbind(number)
        for port in list(self._listening):
            self._unlisten(port)

    # --- the network ---

    def _register(self, message: Register) -> None:
        self.board.modem.register(message.address.decode("ascii", "replace"), self._answered)

    def _answered(self, host: Host | None) -> None:
        if host is None:
            self._say(Unregistered(Absence.ADDRESS_IN_USE if self.board.modem.covered else Absence.NO_COVERAGE))
        else:
            self._host = host
            self._say(Registered(self.board.modem.network_time()))

    def _lost(self) -> None:
        self._say(Unregistered(Absence.NO_COVERAGE))

    def _tell_time(self) -> None:
        if self._registered:
            self._say(Time(self.board.modem.network_time()))

    def _listen(self, port: int) -> None:
        if self._host is not None and port not in self._listening:
            self._host.listen(port, partial(self._accept, port))
            self._listening[port] = None

    def _unlisten(self, port: int) -> None:
        if self._listening.pop(port, self) is None and self._host is not None:
            self._host.unlisten(port)

    def _accept(self, port: int, stream: Stream) -> None:
        if len(self._flows) >= STREAMS:
            stream.reset()
            return
        number, self._next = self._next, (self._next + 2) & 0xFFFF
        self._have(number, stream)
        self._say(Accepted(number, port, stream.peer_port, stream.peer.encode()))

    def _open(self, message: Open) -> None:
        if self._host is None or not self._registered or message.stream in self._flows or len(self._flows) >= STREAMS:
            self._say(Ended(message.stream, Ending.REFUSED))
            return
        stream = self._host.connect(message.host.decode("ascii", "replace"), message.port)
        self._have(message.stream, stream)
        stream.on_open = lambda: self._say(Opened(message.stream))

    def _have(self, number: int, stream: Stream) -> None:
        self._flows[number] = _Flow(stream)
        stream.on_data = partial(self._received, number)
        stream.on_finish = lambda: self._say(Finish(number))
        stream.on_close = partial(self._ended, number)
        if self._looking is None:
            self._looking = self.every(LOOK, self._look)

    def _received(self, number: int, octets: bytes) -> None:
        for at in range(0, len(octets), LARGEST_DATA):
            self._say(Data(number, octets[at : at + LARGEST_DATA]))

    def _ended(self, number: int, why: Closed) -> None:
        self._progress(number, self._flows[number])
        del self._flows[number]
        self._say(Ended(number, _ENDINGS[why]))

    def _send(self, number: int, octets: bytes) -> None:
        flow = self._flows.get(number)
        if flow is not None:
            flow.sent += len(octets)
            flow.stream.send(octets)

    def _with(self, number: int, do: Callable[[Stream], object]) -> None:
        flow = self._flows.get(number)
        if flow is not None:
            do(flow.stream)

    def _drop(self, number: int, end: Callable[[Stream], object]) -> None:
        flow = self._flows.pop(number, None)
        if flow is not None:
            end(flow.stream)

    def _look(self) -> None:
        """Tell of each stream how far it has come, where that has changed."""
        for number, flow in list(self._flows.items()):
            self._progress(number, flow)
        if not self._flows and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _progress(self, number: int, flow: _Flow) -> None:
        now = (flow.sent - flow.stream.unsent, flow.stream.stuck_since is not None)
        if now != flow.told:
            flow.told = now
            self._say(Progress(number, now[0] & 0xFFFFFFFF, now[1]))

    # --- datagrams ---

    def _bind(self, message: Bind) -> None:
        if self._host is None:
            return
        self._unbind(message.socket)
        socket = self._sockets[message.socket] = self._host.bind(message.port or None)
        socket.on_datagram = lambda host, port, octets: self._say(Datagram(message.socket, port, host.encode(), octets))

    def _unbind(self, number: int) -> None:
        socket = self._sockets.pop(number, None)
        if socket is not None:
            socket.close()

    def _datagram(self, message: Datagram) -> None:
        socket = self._sockets.get(message.socket)
        if socket is not None:
            socket.send(message.host.decode("ascii", "replace"), message.port, message.octets)
