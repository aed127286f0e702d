"""Requests and responses over a blocking stream: the DLMS wrapper or HDLC under one function, APDU in, APDU out.

For one-shot clients such as `meterbench read`; the machines are protocols.dlms.wrapper and protocols.dlms.hdlc, and time
is the monotonic clock. The association on top is the caller's.
"""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType
from typing import Protocol, Self

from protocols.core.effects import Effect, Send
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import hdlc, wrapper
from protocols.dlms.hdlc.client import State
from tools.errors import LinkDown
from tools.links.stream import Stream

_NS = 1_000_000_000


class Exchange(Protocol):
    """An open way to one logical device. Called with a request APDU it gives the response APDU.

    Called with no octets it sends nothing and gives the next APDU that comes, as protocols.dlms.client.drive wants it.
    """

    def __call__(self, apdu: bytes) -> bytes:
        """Raises LinkDown when no answer comes, RemoteProtocolError when what comes is none."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None: ...


class WrapperExchange:
    """Over the wrapper: `client` and `server` are the wPorts. Answers of other servers are passed over."""

    def __init__(self, stream: Stream, client: int, server: int, timeout: float) -> None:
        self._stream = stream
        self._ports = (server, client)
        self._timeout = timeout
        self._splitter = wrapper.Splitter()
        self._waiting: deque[wrapper.Pdu] = deque()

    def __call__(self, apdu: bytes) -> bytes:
        server, client = self._ports
        if apdu:
            self._stream.write(wrapper.wrap(client, server, apdu))
        until = time.monotonic() + self._timeout
        while True:
            while self._waiting:
                pdu = self._waiting.popleft()
                if (pdu.source, pdu.destination) == self._ports:
                    return pdu.apdu
            left = until - time.monotonic()
            if left <= 0:
                break
            self._waiting.extend(self._splitter.feed(self._stream.read(left)))
        raise LinkDown(f"no answer from server {server} within {self._timeout:g} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()


class HdlcExchange:
    """Over HDLC: connects with SNRM when entered, disconnects with DISC when left."""

    def __init__(self, stream: Stream, client: int, server: int | hdlc.Address, timeout: float) -> None:
        parameters = hdlc.Parameters(response_time_out=int(timeout * _NS / 2), attempts=2)
        self._stream = stream
        self._timeout = timeout
        self._link = hdlc.ClientLink(client, server, parameters)
        self._waiting: deque[bytes] = deque()

    def __call__(self, apdu: bytes) -> bytes:
        if apdu:
            while self._link.state is State.REQUESTING:  # it speaks still
                self._until([], hdlc.Apdu)
            self._waiting.clear()
            self._until(self._link.request(apdu, time.monotonic_ns()), hdlc.Apdu)
        elif not self._waiting:
            polled = self._link.poll(time.monotonic_ns()) if self._link.state is State.CONNECTED else []
            self._until(polled, hdlc.Apdu)
        return self._waiting.popleft()

    def __enter__(self) -> Self:
        try:
            self._until(self._link.connect(time.monotonic_ns()), hdlc.Connected)
        except BaseException:
            self._stream.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is None:
                self._until(self._link.disconnect(time.monotonic_ns()), hdlc.Disconnected)
        finally:
            self._stream.close()

    def _until(self, effects: list[Effect], wanted: type[Effect]) -> None:
        """Move octets until an effect of that kind comes; APDUs wait. The link's own time-outs end it, or silence does."""
        quiet_since = time.monotonic_ns()
        while True:
            for effect in effects:
                if isinstance(effect, Send):
                    self._stream.write(effect.data)
                elif isinstance(effect, hdlc.Apdu):
                    self._waiting.append(effect.data)
                elif isinstance(effect, hdlc.Failed):
                    raise LinkDown(f"HDLC: {effect.reason}")
                elif isinstance(effect, hdlc.Disconnected) and wanted is not hdlc.Disconnected:
                    raise RemoteProtocolError("HDLC: the server disconnected")
            if any(isinstance(effect, wanted) for effect in effects):
                return
            deadline = self._link.deadline
            over = quiet_since + int(self._timeout * _NS)
            wait = over if deadline is None else deadline
            data = self._stream.read(max(wait - time.monotonic_ns(), 0) / _NS)
            now = time.monotonic_ns()
            if not data and deadline is None and now >= over:
                raise LinkDown(f"HDLC: nothing came within {self._timeout:g} s")
            effects = self._link.feed(data, now) if data else self._link.expire(now)
