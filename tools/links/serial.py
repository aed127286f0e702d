"""Serial ports through pyserial: the client stream (also RFC 2217 and raw sockets) and the serving end.

The one module that imports pyserial: for configuration and RFC 2217. A real port is locked against a second program;
`serve` reopens it with back-off when it goes away (bad inputs A19, I8).
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable

import serial

from tools.errors import LinkDown
from tools.links.channel import Channel
from tools.links.descriptor import Descriptor
from tools.links.spec import LinkSpec
from tools.links.stream import READ, WRITE_TIMEOUT, Closing, Stream, reason

_SLICE = 0.02
"""Seconds that one blocking read of pyserial may last."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class SerialStream(Closing):
    """An open pyserial port."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port

    def read(self, timeout: float) -> bytes:
        until = time.monotonic() + timeout
        try:
            while True:
                # The port's own time-out stays fixed: changing it makes RFC 2217 negotiate the whole line again.
                if first := bytes(self._port.read(1)):
                    return first + bytes(self._port.read(min(self._port.in_waiting, READ - 1)))
                if time.monotonic() >= until:
                    return b""
        except (serial.SerialException, OSError) as error:
            raise LinkDown(f"the link ended: {error}") from error

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except (serial.SerialException, OSError) as error:
            raise LinkDown(f"the link ended: {error}") from error

    def set_rate(self, baud: int) -> None:
        try:
            self._port.flush()
            self._port.bytesize, self._port.parity = serial.EIGHTBITS, serial.PARITY_NONE
            self._port.baudrate = baud
        except (serial.SerialException, OSError, ValueError) as error:
            raise LinkDown(f"the link ended: {error}") from error

    def close(self) -> None:
        self._port.close()


def open_serial(spec: LinkSpec, timeout: float) -> Stream:
    """`serial:`, `rfc2217://` and `socket://`, opened for one client; pyserial waits up to 5 s for a network port."""
    try:
        if spec.scheme == "serial":
            return SerialStream(_open_port(spec, _SLICE))
        port = serial.serial_for_url(str(spec).partition("?")[0], do_not_open=True, timeout=_SLICE)
        if spec.scheme == "rfc2217":
            _configure(port, spec)
        port.open()
    except (OSError, ValueError) as error:
        raise _down(spec, error) from error
    return SerialStream(port)


def _open_port(spec: LinkSpec, timeout: float) -> serial.Serial:
    """A real UART, locked."""
    port = serial.Serial(timeout=timeout, write_timeout=WRITE_TIMEOUT, exclusive=True)
    port.port = spec.path
    _configure(port, spec)
    port.open()
    return port


def _configure(port: serial.Serial, spec: LinkSpec) -> None:
    frame = spec.text("frame")
    port.baudrate = spec.integer("baud")
    port.bytesize, port.parity, port.stopbits = int(frame[0]), frame[1], int(frame[2])


class SerialPort:
    """`serial:DEVICE?baud=9600&frame=8N1`: a real UART, locked, reopened with back-off when it goes away."""

    def __init__(self, spec: LinkSpec, protected: bool = False) -> None:
        self.spelling = str(spec)
        self._spec = spec
        self._port: serial.Serial | None = None
        self._channel: Descriptor | None = None
        self._reopening: asyncio.TimerHandle | None = None
        self._on_open: Callable[[Channel], None] = lambda channel: None

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        self._on_open = on_open
        try:
            self._open()
        except OSError as error:
            raise _down(self._spec, error) from error

    async def stop(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
        if self._channel is not None:
            self._channel.close()
        self._release()

    def _open(self) -> None:
        self._port = _open_port(self._spec, 0)
        self._channel = Descriptor(self._port.fileno(), self._spec.path, self._lost, None, self._set_rate)
        self._on_open(self._channel)

    def _set_rate(self, baud: int | None) -> None:
        """What the device said before goes at the old rate: some ten octets, which is what draining waits for."""
        if self._port is None:
            return
        try:
            self._port.flush()
            self._port.baudrate = baud or self._spec.integer("baud")
        except (OSError, ValueError) as error:
            self._lost(str(error))

    def _lost(self, reason: str) -> None:
        self._release()
        self._retry(_FIRST_PAUSE)

    def _retry(self, pause: float) -> None:
        def attempt() -> None:
            try:
                self._open()
            except OSError:
                self._retry(min(pause * 2, _LONGEST_PAUSE))

        self._reopening = asyncio.get_running_loop().call_later(pause, attempt)

    def _release(self) -> None:
        self._channel = None
        if self._port is not None:
            self._port.close()
            self._port = None


def _down(spec: LinkSpec, error: Exception) -> LinkDown:
    """A port that cannot be opened, in one line."""
    if isinstance(error, OSError):
        busy = error.errno in (errno.EAGAIN, errno.EBUSY)
        return LinkDown(f"{spec}: {'another program holds it' if busy else reason(error)}")
    return LinkDown(f"{spec}: {error}")
